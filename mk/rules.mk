Q := $(if $(V),,@)

# say WHAT,FILE: a line of progress, "[123/413] CXX  lib/base/log.cc".  How many steps there are is asked of a
# dry run of the same goals, once; the count is kept in make itself.
ifndef STEPS
STEPS := $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,$(shell \
    $(MAKE) -n STEPS='?' $(MAKECMDGOALS) 2>/dev/null | grep -c '^echo .*\[[0-9]*/?\]'))
endif
say = @$(eval STEP += x)echo '[$(words $(STEP))/$(STEPS)] $(1)  $(2)'
# Pattern rules: how an object, an archive, a program and a test are made.

# Common headers are parsed once.  Only with clang: g++ has another way, and is not what we build with.
PRECOMPILED ?= $(if $(findstring clang,$(notdir $(CXX))),yes,no)
ifeq ($(PRECOMPILED),yes)
PCH       := $(BUILD)/pch/precompiled.pch
PCH_TESTS := $(BUILD)/pch/precompiled-tests.pch
# What ccache must be told so that it caches what uses a precompiled header: it goes by the header's text
# (.pch.sum), since the precompiled form names the folder it was made in.
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_PCH_EXTSUM := 1
endif

# A precompiled header is bound to its folder: in a checkout that was copied or moved it is made anew.
PCH_HOME := $(BUILD)/pch/home
$(if $(shell test "`cat $(PCH_HOME) 2>/dev/null`" = "$(CURDIR)" || echo moved),\
    $(shell mkdir -p $(BUILD)/pch && echo "$(CURDIR)" > $(PCH_HOME)))

# Named, not implied: make prefers a rule whose files it knows of.
$(PCH) $(PCH_TESTS): $(BUILD)/pch/%.pch: mk/%.h $(PCH_HOME) | $(GENERATED)
	$(call say,PCH,$<)
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -MT $@ -MF $(@:.pch=.d) -Xclang -fno-pch-timestamp \
	    -fpch-instantiate-templates -x c++-header $< -o $@
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -x c++ -Wno-pragma-once-outside-header -E -P $< | sha256sum > $@.sum
-include $(wildcard $(BUILD)/pch/*.d)

define compile
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(LAUNCHER) $(CXX) $(CPPFLAGS) $(CXXFLAGS) $(patsubst %,-include-pch %,$(filter %.pch,$^)) -MMD -MP -c $< -o $@
	@sed -i -e 's| /[^ ]*||g' -e '/^\//d' $(@:.o=.d)  # the precompiled header has its own list, under the names of its folder
endef
$(BUILD)/obj/%.o: %.cc $(PCH) | $(GENERATED)
	$(compile)
$(BUILD)/obj/tests/unit/%.o: tests/unit/%.cc $(PCH_TESTS) | $(GENERATED)
	$(compile)
$(BUILD)/obj/tests/support/%.o: tests/support/%.cc $(PCH_TESTS) | $(GENERATED)
	$(compile)

define lib_rule
$(BUILD)/lib/$(1).a: $$(call lib_objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(call say,AR,$$@)
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(if $(wildcard lib/$(l)/*.cc),$(eval $(call lib_rule,$(l)))))

# Where the reports of sanitized programs go; their tests look there.
SANITIZED := $(if $(filter 1,$(SANITIZE)),$(BUILD)/obj/tests/sanitized/options.o)
define program_rule
$(BUILD)/bin/$(notdir $(1)): $$(call objs,$(1)) $(SANITIZED) $(LINKLIBS)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -o $$@ $$^ $(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

define test_rule
$(BUILD)/test/$(1): $$(call objs,tests/unit/$(1)) $$(call objs,tests/support) $(LINKLIBS)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
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
	$(call say,LINK,$@)
	$(Q)$(CXX) $(CPPFLAGS) $(filter-out -D_FORTIFY_SOURCE=2,$(CXXFLAGS)) $(COMPILER_SAN) $(LDFLAGS) \
	    -o $@ $(filter %.cc,$^) $(filter %/event.a,$^) $(filter %/base.a,$^) -lCatch2WithMain $(LDLIBS)
tests: $(COMPILER_TEST)

unit: $(TESTBINS) $(COMPILER_TEST)
	@set -e; for t in $(TESTBINS) $(COMPILER_TEST); do echo "== $$t"; $$t; done

check: all tests
	RELAIS_TEST_BUILD=$(BUILD) tests/run

# What both systems are held against in the rows that it can serve.
FLOOR := $(BUILD)/bench/floor
$(FLOOR): tests/bench/floor.cc $(filter %/base.a,$(LIBFILES))
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
floor: $(FLOOR)

bench: all floor
	tests/bench/run

bench-scale: all
	tests/bench/scale

lint:
	mk/lint

clean:
	rm -rf $(BUILD)
