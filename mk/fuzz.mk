# make fuzz: every tests/fuzz/X.cc is a libFuzzer target.  It runs for FUZZ_SECONDS on the corpus in
# tests/fuzz/corpus/X, if there is one; a crash leaves its input in build/fuzz.
FUZZ_SECONDS ?= 60
FUZZERS      := $(basename $(notdir $(wildcard tests/fuzz/*.cc)))

fuzz:
	$(MAKE) BUILD=build/fuzz SANITIZE=fuzz fuzz-run

define fuzz_rule
$(BUILD)/fuzz-$(1): $(BUILD)/obj/tests/fuzz/$(1).o $(LINKLIBS)
	$$(call say,LINK,$$@)
	$(Q)$(CXX) $(CXXFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $$@ $$^ $(LDLIBS)
endef
$(foreach f,$(FUZZERS),$(eval $(call fuzz_rule,$(f))))

fuzz-run: $(addprefix $(BUILD)/fuzz-,$(FUZZERS))
	@for f in $(FUZZERS); do \
	    echo "== $$f"; mkdir -p $(BUILD)/corpus/$$f; \
	    $(BUILD)/fuzz-$$f -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/ -verbosity=0 \
	        $(BUILD)/corpus/$$f $$(ls -d tests/fuzz/corpus/$$f 2>/dev/null) || exit 1; done
.PHONY: fuzz fuzz-run
