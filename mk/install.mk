# make install DESTDIR=...: Postfix's places on Debian.  A configuration that is there is never touched:
# defaults go in beside it as *.proto, and as main.cf and master.cf only where there are none.
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
DAEMONDIR  ?= $(PREFIX)/lib/postfix/sbin
SHLIBDIR   ?= $(PREFIX)/lib/postfix
MANDIR     ?= $(PREFIX)/share/man
CONFDIR    ?= /etc/postfix
QUEUEDIR   ?= /var/spool/postfix
DATADIR    ?= /var/lib/postfix
COMPLETIONDIR ?= $(PREFIX)/share/relais/completion
BASHDIR    ?= /etc/bash_completion.d
ZSHDIR     ?= $(PREFIX)/share/zsh/vendor-completions

COMMANDS   := $(notdir $(patsubst %/,%,$(sort $(dir $(wildcard tools/*/*.cc)))))
DAEMONS    := $(filter-out $(COMMANDS),$(notdir $(PROGRAMS)))
INSTALL    ?= install
# NAME:COMMAND, in BINDIR; where that is the commands' directory too, only what is no command itself.
LINKS      := mailq:sendmail newaliases:sendmail $(if $(filter $(BINDIR),$(SBINDIR)),,rmail:rmail doveadm:doveadm doveconf:doveconf)
FROM_BIN   := $(if $(filter $(BINDIR),$(SBINDIR)),,../$(notdir $(SBINDIR))/)
# Set-gid here when the group exists; `postfix set-permissions` does the same on the target.
SETGID       := postdrop postqueue postlog
SETGID_GROUP ?= postdrop

install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(DAEMONDIR) $(DESTDIR)$(CONFDIR) \
	    $(DESTDIR)$(QUEUEDIR) $(DESTDIR)$(DATADIR) $(DESTDIR)$(PREFIX)/lib
	for d in $(DAEMONS); do $(INSTALL) -m 755 $(BUILD)/bin/$$d $(DESTDIR)$(DAEMONDIR)/$$d || exit 1; done
	ln -sf smtp $(DESTDIR)$(DAEMONDIR)/lmtp
	ln -sf qmgr $(DESTDIR)$(DAEMONDIR)/oqmgr
	ln -sf qmgr $(DESTDIR)$(DAEMONDIR)/nqmgr
	for c in $(COMMANDS); do $(INSTALL) -m 755 $(BUILD)/bin/$$c $(DESTDIR)$(SBINDIR)/$$c || exit 1; done
	for p in $(PLUGINS); do \
	    $(INSTALL) -m 644 $(BUILD)/plugins/postfix-$$p.so $(DESTDIR)$(SHLIBDIR)/postfix-$$p.so || exit 1; done
	test -e $(DESTDIR)$(CONFDIR)/dynamicmaps.cf || { echo '# dict-type	so-name (pathname)	dict-function	mkmap-function'; \
	    for p in $(PLUGINS); do printf '%s\tpostfix-%s.so\tdict_%s_open\n' $$p $$p $$p; done; } \
	    > $(DESTDIR)$(CONFDIR)/dynamicmaps.cf
	chmod go-w,a+r $(DESTDIR)$(CONFDIR)/dynamicmaps.cf
	for c in $(SETGID); do \
	    if [ -e $(DESTDIR)$(SBINDIR)/$$c ] && chgrp $(SETGID_GROUP) $(DESTDIR)$(SBINDIR)/$$c 2>/dev/null; then \
	        chmod 2755 $(DESTDIR)$(SBINDIR)/$$c || exit 1; fi; done
	for link in $(LINKS); do ln -sf $(FROM_BIN)$${link#*:} $(DESTDIR)$(BINDIR)/$${link%:*} || exit 1; done
	ln -sf ../$(notdir $(SBINDIR))/sendmail $(DESTDIR)$(PREFIX)/lib/sendmail
	$(INSTALL) -D -m 755 packaging/completion/candidates $(DESTDIR)$(COMPLETIONDIR)/candidates
	$(INSTALL) -D -m 644 packaging/completion/relais.bash $(DESTDIR)$(BASHDIR)/relais
	$(INSTALL) -D -m 644 packaging/completion/_relais $(DESTDIR)$(ZSHDIR)/_relais
	for f in main.cf master.cf; do \
	    $(INSTALL) -m 644 conf/$$f $(DESTDIR)$(CONFDIR)/$$f.proto || exit 1; \
	    test -e $(DESTDIR)$(CONFDIR)/$$f || $(INSTALL) -m 644 conf/$$f $(DESTDIR)$(CONFDIR)/$$f || exit 1; done
	for m in $(wildcard man/man*/*.[158]) $(GENERATED_MAN); do \
	    $(INSTALL) -D -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done
	@echo 'installed; as root on the target: postfix set-permissions, then postfix start'
