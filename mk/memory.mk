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

# make memcheck: a folder with programs as the system tests take them, in which these daemons run under memcheck:
#     make memcheck && RELAIS_TEST_BUILD=build/memcheck tests/run system/test_imap
# What it finds goes where the reports of sanitized programs go, and fails the test (tests/support/sanitizer.py).
MEMCHECK_DAEMONS ?= smtpd cleanup qmgr pickup trivial-rewrite bounce virtual imap-login imap pop3-login pop3 lmtpd auth
MEMCHECK_BUILD   := $(BUILD)/memcheck

.PHONY: memcheck
memcheck: all
	@command -v valgrind >/dev/null || { echo 'memcheck: valgrind is not installed' >&2; exit 1; }
	@rm -rf $(MEMCHECK_BUILD)
	@mkdir -p $(MEMCHECK_BUILD)/bin $(MEMCHECK_BUILD)/real $(MEMCHECK_BUILD)/obj/tests/sanitized
	@touch $(MEMCHECK_BUILD)/obj/tests/sanitized/options.o
	@ln -s $(patsubst %,../../bin/%,$(notdir $(BINS))) $(MEMCHECK_BUILD)/bin
	@for part in oracle plugins; do ln -s ../$$part $(MEMCHECK_BUILD)/$$part; done
	@set -e; for name in $(MEMCHECK_DAEMONS); do \
	    objcopy --strip-debug $(BUILD)/bin/$$name $(MEMCHECK_BUILD)/real/$$name; \
	    rm $(MEMCHECK_BUILD)/bin/$$name; \
	    printf '%s\n' '#!/bin/sh' \
	        'exec valgrind -q --vgdb=no --leak-check=no --log-file=/tmp/relais-sanitizer/report.'$$name'.%p \' \
	        '    $(CURDIR)/$(MEMCHECK_BUILD)/real/'$$name' "$$@"' >$(MEMCHECK_BUILD)/bin/$$name; \
	    chmod 755 $(MEMCHECK_BUILD)/bin/$$name; \
	done
