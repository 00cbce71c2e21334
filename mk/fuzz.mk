# make fuzz: every tests/fuzz/X.cc is a libFuzzer target.  It runs for FUZZ_SECONDS on the corpus in tests/fuzz/corpus/X
# with the words of tests/fuzz/words/X.dict, where there are such; tests/fuzz/run says what came out.  FUZZ_SECONDS=0
# only runs what the corpora have: the inputs of what was found once.
# FUZZ_TARGETS="mime imap_command": these only; FUZZ_JOBS: so many at a time.
FUZZ_SECONDS ?= 60
FUZZ_JOBS    ?= $(shell nproc)
FUZZERS      := $(basename $(notdir $(wildcard tests/fuzz/*.cc)))
FUZZ_TARGETS ?= $(FUZZERS)

# A target that includes a program's header is linked with the program, all but the source with its main().
programs_of   = $(sort $(shell sed -n 's|^\#include "\([a-z0-9/-]*\)/[a-z0-9_]*\.h".*|\1|p' tests/fuzz/$(1).cc | grep -v -e ^lib/ -e ^tests/))
main_of       = $(BUILD)/obj/$(1)/$(subst -,_,$(notdir $(1))).o
program_objs  = $(foreach p,$(call programs_of,$(1)),$(filter-out $(call main_of,$(p)),$(call objs,$(p))))

fuzz:
	$(MAKE) BUILD=build/fuzz SANITIZE=fuzz fuzz-run

define fuzz_rule
$(BUILD)/fuzz-$(1): $(BUILD)/obj/tests/fuzz/$(1).o $(call objs,tests/fuzz/support) $(call program_objs,$(1)) $(LINKLIBS)
	$$(call say,LINK,$$@)
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $(LDLIBS)
endef
ifeq ($(SANITIZE),fuzz)
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))
endif

fuzz-run: $(addprefix $(BUILD)/fuzz-,$(FUZZ_TARGETS))
	@tests/fuzz/run --build $(BUILD) --seconds $(FUZZ_SECONDS) --jobs $(FUZZ_JOBS) $(FUZZ_TARGETS)
.PHONY: fuzz fuzz-run
