Q := $(if $(V),,@)
# Pattern rules: how an object, an archive, a program and a test are made.

$(BUILD)/obj/%.o: %.cc | $(GENERATED)
	@mkdir -p $(@D)
	@echo '  CXX  $<'
	$(Q)$(LAUNCHER) $(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

define lib_rule
$(BUILD)/lib/$(1).a: $$(call objs,lib/$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@echo '  AR   $$@'
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(if $(wildcard lib/$(l)/*.cc),$(eval $(call lib_rule,$(l)))))

# Where the reports of sanitized programs go; their tests look there.
SANITIZED := $(if $(filter 1,$(SANITIZE)),$(BUILD)/obj/tests/sanitized/options.o)
define program_rule
$(BUILD)/bin/$(notdir $(1)): $$(call objs,$(1)) $(SANITIZED) $(LINKLIBS)
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $$@ $$^ $(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

define test_rule
$(BUILD)/test/$(1): $$(call objs,tests/unit/$(1)) $$(call objs,tests/support) $(LINKLIBS)
	@mkdir -p $$(@D)
	@echo '  LINK $$@'
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $$@ $$^ -lCatch2WithMain $(LDLIBS)
test-$(1): $(BUILD)/test/$(1)
	$(BUILD)/test/$(1) $$(T)
endef
$(foreach t,$(TESTS),$(eval $(call test_rule,$(t))))

# The compiler tests run under ASan and UBSan in every mode: their own objects only.
COMPILER_TEST := $(BUILD)/test/compiler
COMPILER_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined
$(COMPILER_TEST): $(wildcard tests/compiler/*.cc lib/event/*.h) $(filter %/base.a %/event.a,$(LIBFILES))
	@mkdir -p $(@D)
	@echo '  LINK $@'
	$(Q)$(CXX) $(CPPFLAGS) $(filter-out -D_FORTIFY_SOURCE=2,$(CXXFLAGS)) $(COMPILER_SAN) $(LDFLAGS) \
	    -o $@ $(filter %.cc,$^) $(filter %/event.a,$^) $(filter %/base.a,$^) -lCatch2WithMain $(LDLIBS)
tests: $(COMPILER_TEST)

unit: $(TESTBINS) $(COMPILER_TEST)
	@set -e; for t in $(TESTBINS) $(COMPILER_TEST); do echo "== $$t"; $$t; done

check: all tests
	RELAIS_TEST_BUILD=$(BUILD) tests/run

bench: all
	tests/bench/run

lint:
	mk/lint

clean:
	rm -rf $(BUILD)
