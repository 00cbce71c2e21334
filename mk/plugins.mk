# Table types with heavy client libraries: shared objects that dynamicmaps.cf names, built where the
# library's headers are.  They are compiled for a shared object and link nothing of ours
# (lib/maps/databases/sql_client.h, lib/maps/databases/ldap_client.h).
plugin_flags = $(if $(shell pkg-config --exists $(2) 2>/dev/null && echo yes),$(1))
PLUGINS := $(call plugin_flags,ldap,ldap) $(call plugin_flags,mongodb,libmongoc-1.0) $(call plugin_flags,mysql,libmariadb) \
           $(call plugin_flags,pgsql,libpq) $(call plugin_flags,sqlite,sqlite3)
PLUGINS := $(foreach p,$(PLUGINS),$(if $(wildcard lib/maps/databases/plugins/$(p).cc),$(p)))
PLUGIN_LIBS_ldap   := ldap
PLUGIN_LIBS_mongodb := libmongoc-1.0
PLUGIN_LIBS_mysql  := libmariadb
PLUGIN_LIBS_pgsql  := libpq
PLUGIN_LIBS_sqlite := sqlite3
PLUGINFILES := $(foreach p,$(PLUGINS),$(BUILD)/plugins/postfix-$(p).so)

# The object's place follows the source's, so that a plug-in which moves is built anew.
PLUGIN_OBJ := $(BUILD)/obj/lib/maps/databases/plugins
define plugin_rule
$(PLUGIN_OBJ)/$(1).o: lib/maps/databases/plugins/$(1).cc
	@mkdir -p $$(@D)
	$$(call say,CXX,$$<)
	$(Q)$(LAUNCHER) $(CXX) $(CPPFLAGS) $$(patsubst -I%,-isystem%,$$(shell pkg-config --cflags $(PLUGIN_LIBS_$(1)))) $(filter-out -fPIE,$(CXXFLAGS)) -fPIC \
	    -MMD -MP -c $$< -o $$@
$(BUILD)/plugins/postfix-$(1).so: $(PLUGIN_OBJ)/$(1).o
	@mkdir -p $$(@D)
	$$(call say,PLUG,$$@)
	$(Q)$(CXX) $(filter-out -fPIE,$(CXXFLAGS)) -shared -fuse-ld=lld -Wl,-z,relro,-z,now -o $$@ $$< \
	    $$(shell pkg-config --libs $(PLUGIN_LIBS_$(1)))
endef
$(foreach p,$(PLUGINS),$(eval $(call plugin_rule,$(p))))
plugins: $(PLUGINFILES)
.PHONY: plugins
