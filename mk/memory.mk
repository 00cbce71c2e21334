# Usage: make check-memory [MEMORY_TESTS="imap smtp"] [MEMORY_SECONDS=300]
# The unit tests of what reads bytes from outside, under valgrind's memcheck: it finds reads of what was never
# written, which ASan and UBSan do not.  Valgrind 3.19 gives up on clang's debug information, so it gets copies
# without: the functions are named, the lines are not.
MEMORY_TESTS   ?= base mail smtp imap config dns ipc queue
MEMORY_SECONDS ?= 300
MEMCHECK       := valgrind -q --error-exitcode=99 --leak-check=no --track-origins=yes

.PHONY: check-memory
check-memory: $(MEMORY_TESTS:%=$(BUILD)/test/%)
	@command -v valgrind >/dev/null || { echo 'check-memory: valgrind is not installed' >&2; exit 1; }
	@mkdir -p $(BUILD)/memory
	@set -e; for area in $(MEMORY_TESTS); do \
	    echo "== $$area"; \
	    objcopy --strip-debug $(BUILD)/test/$$area $(BUILD)/memory/$$area; \
	    timeout $(MEMORY_SECONDS) $(MEMCHECK) $(BUILD)/memory/$$area; \
	done
