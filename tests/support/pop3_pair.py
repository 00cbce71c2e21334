"""Ours and Dovecot side by side for POP3: the same Maildir for each, the same commands to each.

    pair = pop3_pair()                 # one for all tests of a file
    account = pair.account({"cur/1.M1.h:2,S": b"Subject: x\\n\\ny\\n"})
    account.same("STAT", "UIDL", "RETR 1")
"""
import os
import re
import socket

from support.dovecot import Dovecot
from support.imap import PASSWORD, ImapInstance
from support.imap_pair import PairedAccount, fill_maildir

POP3, POP3S = 1100, 9950
# Dovecot has no delay and no memory of failed logins here: the tests make many.
QUICK = """\
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
"""
LISTS = (b"CAPA", b"RETR", b"TOP", b"UIDL", b"LIST", b"AUTH")
MASTER = """\
{address}:1100 inet n - n - 500 pop3-login
{address}:9950 inet n - n - 500 pop3-login -o pop3_tls_wrappermode=yes
pop3 unix - - n - 1 pop3
"""


class Pop3Instance(ImapInstance):
    """With the POP3 services beside those of IMAP."""
    programs, services = ("pop3", "pop3-login"), MASTER


class Session:
    """A connection; logged in as `user` where there is one."""

    def __init__(self, address, port, user=None, timeout=20):
        self.sock = socket.create_connection((address, port), timeout)
        self.file = self.sock.makefile("rb")
        self.greeting = self.file.readline()
        if user:
            self.command(f"USER {user}")
            self.entered = self.command(f"PASS {PASSWORD}")
            assert self.entered == [b"+OK Logged in."], self.entered

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # it has hung up: the next line says so

    def line(self):
        try:
            return self.file.readline().removesuffix(b"\r\n") or b"(hung up)"
        except ConnectionResetError:
            return b"(hung up)"

    def answer(self, several):
        lines = [self.line()]
        while several and lines[0].startswith(b"+OK") and lines[-1] not in (b".", b"(hung up)"):
            line = self.file.readline()
            lines.append(line.removesuffix(b"\r\n") if line else b"(hung up)")
        return lines

    def command(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.send(data + b"\r\n")
        words = data.upper().split()
        name = words[0] if words and not data.startswith(b" ") else b""
        several = name in LISTS and (name in (b"CAPA", b"RETR", b"TOP") or len(words) == 1)
        return self.answer(several)

    def close(self):
        self.file.close()
        self.sock.close()


def plain(lines):
    """What must be equal: not the words for people, capabilities that only we have, UIDVALIDITY."""
    kept = []
    for line in lines:
        if re.match(rb"-ERR", line):
            code = re.match(rb"-ERR( \[[A-Z/-]+\])?", line)
            line = code[0]
        elif line.startswith(b"+OK") and not re.match(rb"\+OK( \d+ \S+| \d+| \d+ octets| \d+ messages:| Logging.*)?$", line):
            line = b"+OK"
        kept.append(line)
    return [line for line in kept if line not in (b"EXPIRE NEVER", b"IMPLEMENTATION Relais", b"STLS")]


class Account(PairedAccount):
    plain = staticmethod(plain)

    def connect(self, whose):
        return self.pair.session(whose, self.user)

    def files(self, whose):
        """Base names and flags, wherever the message is."""
        root = self.homes[whose] / "Maildir"
        return sorted(p.name.removesuffix(":2,") for part in ("cur", "new") for p in (root / part).iterdir())


class Pop3Pair:
    def __init__(self, accounts=60, ours="", theirs=""):
        self.mail = Pop3Instance("auth_failure_delay = 0\nauth_client_failure_limit = 0\n" + ours)
        self.uid, self.gid = self.mail.mta.vmail_ids()
        self.root, self.names = self.mail.mta.vmail, [f"p{i}" for i in range(accounts)]
        self.address = self.mail.address
        self._write_users(self.mail.mta.conf / "users", "ours")
        self.dovecot = Dovecot(self.mail, complaints=False, pop3=True, more=QUICK + theirs)
        self._write_users(self.dovecot.root / "users", "theirs")
        self.used = self.compared = 0

    def _write_users(self, path, whose):
        path.write_text("".join(f"{name}:{{PLAIN}}{PASSWORD}:{self.uid}:{self.gid}::{self.root}/{name}-{whose}::\n"
                                for name in self.names))

    def session(self, whose, user=None):
        return Session(self.address, POP3 if whose == "ours" else self.dovecot.pop3_port, user)

    def account(self, files, shared=False):
        """A user of both servers with these files in the Maildir; `shared`: one for both."""
        user = self.names[self.used]
        self.used += 1
        homes = {}
        for whose in ("ours", "theirs"):
            home = homes[whose] = self.root / f"{user}-{whose}"
            if shared and whose == "theirs":
                home.symlink_to(homes["ours"])
                continue
            fill_maildir(home / "Maildir", files, self.uid, self.gid)
            os.chmod(home, 0o700)
            os.chown(home, self.uid, self.gid)
        return Account(self, user, homes)


_pairs = {}


def pop3_pair(ours="", theirs=""):
    """The one with these lines added to main.cf and to Dovecot's configuration."""
    key = (ours, theirs)
    if key not in _pairs:
        for other in _pairs.values():
            other.dovecot.stop()
            other.mail.stop()
        _pairs.clear()
        _pairs[key] = Pop3Pair(ours=ours, theirs=theirs)
    return _pairs[key]
