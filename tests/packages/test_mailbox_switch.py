"""Ours installed over Debian's Dovecot with users and mail, and back: the same mailboxes, on the same ports."""
import hashlib
import re

from support import check, equal
from support.package_root import Machine, installing, layers

DEBIAN = "3.7.11-0+deb12u1"
PACKAGES = "postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd curl iproute2 procps"
SETTINGS = r"""
postconf -e 'mydestination = localhost' 'inet_interfaces = loopback-only' 'compatibility_level = 3.6' 'maillog_file = /var/log/mail.log' \
    'virtual_mailbox_domains = example.test' 'virtual_mailbox_base = /srv/mail' 'virtual_mailbox_maps = hash:/etc/postfix/vmailbox' \
    'virtual_uid_maps = static:5000' 'virtual_gid_maps = static:5000' 'virtual_transport = lmtp:unix:private/dovecot-lmtp'
groupadd -g 5000 vmail; useradd -u 5000 -g 5000 -d /srv/mail -m vmail
echo 'alice@example.test example.test/alice/Maildir/' > /etc/postfix/vmailbox; postmap /etc/postfix/vmailbox
cat > /etc/dovecot/conf.d/10-auth.conf <<'END'
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u /etc/dovecot/users
}
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/srv/mail/%d/%n
}
END
cat > /etc/dovecot/conf.d/10-mail.conf <<'END'
mail_location = maildir:~/Maildir
namespace inbox {
  inbox = yes
}
END
cat > /etc/dovecot/conf.d/10-master.conf <<'END'
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    user = postfix
    group = postfix
    mode = 0600
  }
}
END
echo 'alice@example.test:secret' > /etc/dovecot/users
chmod 640 /etc/dovecot/users; chgrp dovecot /etc/dovecot/users
"""
AS_ALICE = "-s --max-time 20 --user alice@example.test:secret"


def machine():
    return Machine(*layers(installing(PACKAGES)))


def start(mx):
    mx.run(SETTINGS)
    mx.run("postfix start && service dovecot start")
    mx.run("printf 'Subject: one\\n\\nx\\n' | sendmail -f s@example.test alice@example.test")
    mx.wait("ls /srv/mail/example.test/alice/Maildir/new | grep -q .")
    mx.run(f"curl {AS_ALICE} imap://127.0.0.1/INBOX -X 'STORE 1 +FLAGS (\\Flagged mine)'")
    mx.run(f"curl {AS_ALICE} imap://127.0.0.1/ -X 'CREATE Work'; curl {AS_ALICE} imap://127.0.0.1/ -X 'SUBSCRIBE Work'")


def seen(mx):
    """What a client sees: UIDs and flags, UIDVALIDITY, folders, subscriptions, POP3's identifiers."""
    mx.wait(f"curl {AS_ALICE} imap://127.0.0.1/ -X NOOP")
    lines = mx.run(f"curl {AS_ALICE} imap://127.0.0.1/INBOX -X 'UID FETCH 1:* (UID FLAGS RFC822.SIZE)'").splitlines()
    lines += sorted(mx.run(f"curl {AS_ALICE} imap://127.0.0.1/ -X 'LIST \"\" *'").splitlines())
    lines += mx.run(f"curl {AS_ALICE} imap://127.0.0.1/ -X 'STATUS INBOX (UIDNEXT UIDVALIDITY)'").splitlines()
    lines += mx.run(f"curl {AS_ALICE} imap://127.0.0.1/ -X 'LSUB \"\" *'").splitlines()
    lines += mx.run(f"curl {AS_ALICE} pop3://127.0.0.1/ -X UIDL").splitlines()
    return [re.sub(r" ?\\(Recent|UnMarked) ?", "", line) for line in lines]


def checksum(mx, path):
    return hashlib.sha256((mx.root / path).read_bytes()).hexdigest()


def server(mx, port=143):
    return mx.run(f"ss -Hltnp 'sport = :{port}'")


def test_there_and_back():
    with machine() as mx:
        start(mx)
        before = seen(mx)
        check(any("UID 1 " in line and "mine" in line for line in before), before)
        files = [checksum(mx, path) for path in ("etc/postfix/main.cf", "etc/postfix/master.cf")]
        mx.offer()
        said = mx.apt("install relais relais-mailbox")
        check("master" in server(mx) and "dovecot" not in server(mx), f"who listens: {server(mx)}\n{said}")
        equal(seen(mx), before, "what a client sees")
        mx.run("dpkg -P dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-core")
        equal(seen(mx), before, "after Dovecot's packages are purged")
        mx.run("doveadm user alice@example.test | grep -q /srv/mail/example.test/alice")
        mx.apt(f"install --allow-downgrades postfix={DEBIAN} dovecot-imapd dovecot-pop3d dovecot-lmtpd")
        for name, path, was in zip(("main.cf", "master.cf"), ("etc/postfix/main.cf", "etc/postfix/master.cf"), files, strict=True):
            equal(checksum(mx, path), was, f"{name} after the way back")


def test_back_with_the_configuration_of_dovecot():
    with machine() as mx:
        start(mx)
        before = seen(mx)
        mx.offer()
        mx.apt("install relais relais-mailbox")
        mx.run("printf 'Subject: two\\n\\ny\\n' | sendmail -f s@example.test alice@example.test")
        mx.wait("ls /srv/mail/example.test/alice/Maildir/new | grep -q .")
        with_two = seen(mx)
        equal(len([line for line in with_two if " FETCH " in line]), 2, with_two)
        mx.apt(f"install --allow-downgrades postfix={DEBIAN} dovecot-imapd dovecot-pop3d dovecot-lmtpd")
        mx.wait("ss -Hltnp 'sport = :143' | grep -q dovecot")
        equal(seen(mx), with_two, "what Dovecot shows of what ours has left")
        check(before != with_two, "the second message")


for test in (test_there_and_back, test_back_with_the_configuration_of_dovecot):
    test.seconds = 300
