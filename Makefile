# Relais: build, test and install.  `make help` lists the targets.
# Sources are found by folder: lib/X is an archive, a program folder is one program
# named after it, tests/unit/X is one Catch2 binary.  Nothing here names a source file.
-include Makefile.local

VERSION   := 0.1.0
SANITIZE  ?= 0
# BERKELEY_DB=no: hash: and btree: tables are read, but not written.
BERKELEY_DB ?= $(if $(wildcard /usr/include/db.h),yes,no)
BUILD     ?= build$(if $(filter 1,$(SANITIZE)),/san)$(if $(filter command,$(firstword $(origin BERKELEY_DB))),/db-$(BERKELEY_DB))
PREFIX    ?= /usr
DESTDIR   ?=
LAUNCHER  ?= $(shell command -v ccache 2>/dev/null)

# clang 19 or later; g++ below 14 miscompiles coroutines and is refused (see CONTRIBUTING.md).
ifeq ($(origin CXX),default)
CXX := $(firstword $(foreach c,clang++-22 clang++-21 clang++-20 clang++-19 clang++,$(shell command -v $(c) 2>/dev/null)))
endif
ifeq ($(CXX),)
$(error no clang++ 19 or later found: run ./dev deps, or set CXX)
endif
ifeq ($(shell $(CXX) --version | grep -c clang),0)
ifneq ($(shell test `$(CXX) -dumpversion | cut -d. -f1` -ge 14 && echo ok),ok)
$(error $(CXX) is a g++ below 14, which miscompiles coroutines: use clang++ 19 or later)
endif
endif

LIBS      := base mail smtp imap pop3 config event dns tls sasl queue ipc maps rules store milter deliver daemon load access sync
PROGRAMS  := $(patsubst %/,%,$(foreach d,master postscreen smtpd smtp qmgr cleanup pickup local virtual bounce,$(if $(wildcard $(d)/*.cc),$(d)/)) \
             $(dir $(wildcard services/*/*.cc tools/*/*.cc imapd/*/*.cc)))
PROGRAMS  := $(sort $(PROGRAMS))
TESTS     := $(sort $(patsubst tests/unit/%/,%,$(dir $(wildcard tests/unit/*/*.cc))))

HAVE_DB   := $(if $(filter yes,$(BERKELEY_DB)),1)
CPPFLAGS  += -I. -I$(BUILD)/gen -DRELAIS_VERSION='"$(VERSION)"' $(if $(HAVE_DB),-DHAVE_BERKELEY_DB=1) -D_GLIBCXX_ASSERTIONS
WARN      := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Werror
CXXFLAGS  ?= -O2 -g1
CXXFLAGS  += -std=c++23 $(WARN) -fPIE -fstack-protector-strong -fdebug-compilation-dir=.
LDFLAGS   += -fuse-ld=lld -pie -Wl,-z,relro,-z,now -Wl,--as-needed -rdynamic
LDLIBS    += -levent_core -lssl -lcrypto -lcares -lfmt -lpcre2-8 -llmdb -lcdb -licuuc -lsasl2 -lseccomp -lcrypt -lpam -largon2 -lresolv -lz $(if $(HAVE_DB),-ldb-5.3) -ldl -pthread
ifeq ($(SANITIZE),1)
CXXFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fsanitize-address-use-after-return=always -fno-omit-frame-pointer
LDFLAGS   += -fsanitize=address,undefined
else ifeq ($(SANITIZE),fuzz)
CXXFLAGS  += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LDFLAGS   += -fsanitize=address,undefined
else
CXXFLAGS  += -D_FORTIFY_SOURCE=2
endif

objs       = $(patsubst %.cc,$(BUILD)/obj/%.o,$(wildcard $(1)/*.cc))
lib_dirs   = lib/$(1) $(patsubst %/,%,$(wildcard lib/$(1)/*/))
lib_objs   = $(foreach d,$(call lib_dirs,$(1)),$(call objs,$(d)))
LIBFILES  := $(foreach l,$(LIBS),$(if $(wildcard lib/$(l)/*.cc),$(BUILD)/lib/$(l).a))
revlist    = $(if $(1),$(call revlist,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
LINKLIBS  := $(call revlist,$(LIBFILES))
BINS      := $(foreach p,$(PROGRAMS),$(BUILD)/bin/$(notdir $(p)))
TESTBINS  := $(foreach t,$(TESTS),$(BUILD)/test/$(t))

# What `./dev run` shows: a newcomer does not wait for the rest.
DEMO      := master smtpd cleanup qmgr pickup trivial-rewrite virtual local smtp bounce error discard verify flush showq \
             proxymap anvil scache tlsmgr postlogd imap-login imap auth \
             postfix postlog postconf postdrop postqueue postsuper sendmail

.PHONY: all demo man check unit lint floor bench bench-scale fuzz install clean help headers
.SECONDARY:
all: $(BINS) plugins man
demo: $(filter $(addprefix $(BUILD)/bin/,$(DEMO)),$(BINS))
tests: $(TESTBINS)

help:
	@echo 'make            build everything into $(BUILD)/'
	@echo 'make check      all tests; SANITIZE=1 under ASan and UBSan'
	@echo 'make unit       the Catch2 tests; make test-X T="pattern" runs one area'
	@echo 'make check-memory   the Catch2 tests of parsers under valgrind'
	@echo 'make lint       layers, headers, format, sizes, clang-tidy'
	@echo 'make fault-test, kill-test, hostile-test, soak   what takes longer (mk/endurance.mk)'
	@echo 'make bench      ours and Postfix, as ratios; bench-scale: how ours grows'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS (default 60)'
	@echo 'make deb        Debian packages, in $(BUILD)/deb'
	@echo 'make check-packages   installs them over Postfix and Dovecot, and back (root, debootstrap; long)'
	@echo 'make arch       Arch packages, in $(BUILD)/arch'
	@echo 'make install    into $$DESTDIR, in the places of Postfix'

include mk/generated.mk
include mk/rules.mk
include mk/plugins.mk
include mk/install.mk
include mk/deb.mk
include mk/arch.mk
include mk/fuzz.mk
include mk/memory.mk
include mk/endurance.mk
DEPS := $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
-include $(DEPS)
