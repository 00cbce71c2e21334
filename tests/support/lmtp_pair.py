"""Our lmtpd, and Debian's Dovecot beside it: the same commands to each, and what is in the mailboxes afterwards.

    pair = LmtpPair()
    pair.same("LHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", ...)
    pair.same_mail()
"""
import os
import pathlib
import re
import socket

from support import equal
from support.dovecot_lmtp import USERS, DovecotLmtp
from support.imap import ImapInstance, PASSWORD

PORT = 2425
SERVICES = """\
lmtpd unix n - n - 200 lmtpd
{address}:2425 inet n - n - 200 lmtpd
"""


class LmtpInstance(ImapInstance):
    """Users u1, u2 and full (over quota from the first message) at virt.test; `rules` are their quotas."""
    programs, services = ("lmtpd",), SERVICES

    def __init__(self, main="", rules=None, services="", users=USERS):
        self.services = SERVICES + services
        super().__init__("imap_mail_location = maildir:~/\n" + main)
        self.mail = self.mta.vmail
        self.set_users({"full": "*:bytes=10"} if rules is None else rules, users)
        self.socket = self.mta.queue / "public/lmtpd"

    def set_users(self, rules, users=USERS):
        uid, gid = self.mta.vmail_ids()
        (self.mta.conf / "users").write_text("".join(
            f"{user}@virt.test:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{self.mail}/{user}::" +
            (f"userdb_quota_rule={rules[user]}" if user in rules else "") + "\n" for user in users))

    def session(self, inet=False):
        return Session((self.address, PORT) if inet else self.socket)


class Session:
    def __init__(self, where, timeout=20):
        self.sock = socket.socket(socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(where if isinstance(where, tuple) else str(where))
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        """All lines of one."""
        lines = []
        while not lines or lines[-1][3:4] == "-":
            line = self.file.readline().decode(errors="surrogateescape")
            if not line:
                return "\n".join(lines + ["(hung up)"])
            lines.append(line.rstrip("\r\n"))
        return "\n".join(lines)

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        self.sock.sendall(data + b"\r\n")

    def __call__(self, text, replies=1):
        self.send(text)
        answers = [self.reply() for _ in range(replies)]
        return answers[0] if replies == 1 else answers

    def deliver(self, recipients, text="Subject: x\r\n\r\nbody\r\n", sender="a@b.test"):
        """The replies after the content, one for each recipient."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        self("LHLO c.test")
        for line in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>" for to in recipients)):
            answer = self(line)
            assert answer.startswith("250"), answer
        assert self("DATA").startswith("354")
        self.send(text.replace("\r\n.", "\r\n..") + ".")
        return [self.reply() for _ in recipients]

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def plain(line):
    """Ids, host names, moments and capabilities that only one of them has."""
    line = re.sub(r"> \S{22}(:T\d+)?(:R\d+)? Saved", r"> ID\2 Saved", line)
    if line == "500 5.5.2 Invalid command syntax":  # what is no letters, for Dovecot
        return "500 5.5.1 Unknown command"
    return re.sub(r"^220 .*|^250-(vm|mx\S*)$", lambda m: m[0][:4], line)


def plain_message(data):
    text = data.decode(errors="surrogateescape")
    text = re.sub(r"\n\tid \S+\n", "\n\tid ID\n", text)
    text = re.sub(r"\n\tby \S+ with", "\n\tby HOST with", text)
    return re.sub(r"; \w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}\n", "; DATE\n", text)


OURS_ALONE = ("250-SIZE", "250 SMTPUTF8", "250-SMTPUTF8", "250-STARTTLS")


class LmtpPair:
    def __init__(self, main="", theirs="", rules=None):
        self.ours = LmtpInstance(main, rules=rules)
        self.dovecot = DovecotLmtp(self.ours.mta, more=theirs, rules=rules)

    def talk(self, whose, lines):
        """All at once, as PIPELINING allows."""
        where = self.ours.socket if whose == "ours" else self.dovecot.socket
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(30)
        sock.connect(str(where))
        data = b"".join(line if isinstance(line, bytes) else line.encode("utf-8", "surrogateescape") + b"\r\n" for line in lines)
        sock.sendall(data + b"QUIT\r\n")
        received = b""
        while piece := sock.recv(65536):
            received += piece
        sock.close()
        lines = received.decode(errors="surrogateescape").split("\r\n")
        lines = [re.sub("^(250)[- ](PIPELINING|8BITMIME|CHUNKING|ENHANCED)", r"\1-\2", plain(line)) for line in lines]
        return [line for line in lines if not line.startswith(OURS_ALONE)]

    def same(self, *lines):
        equal(self.talk("ours", lines), self.talk("theirs", lines), f"replies to {str(lines)[:300]}")

    def deliver(self, *recipients, text="Subject: x\n\nbody\n", sender="a@b.test", parameters=""):
        self.same("LHLO c.test", f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>{parameters}" for to in recipients), "DATA",
                  text.replace("\n", "\r\n") + ".")

    def tree(self, whose):
        root = self.ours.mail if whose == "ours" else self.dovecot.root / "mail"
        found = []
        for path in sorted(pathlib.Path(root).rglob("*")):
            if path.parent.name in ("new", "cur", "tmp") and path.is_file():
                sizes = re.search(r",S=\d+,W=\d+", path.name)
                folder = path.parent.parent.relative_to(root)
                # Ids and dates have one length, host names have not.
                found.append((str(folder), path.parent.name, bool(sizes), plain_message(path.read_bytes())))
                if sizes:
                    data = path.read_bytes()
                    equal(sizes[0], f",S={len(data)},W={len(data) + data.count(10)}", "sizes in the name")
                equal(path.stat().st_mode & 0o777, 0o600, "mode")
        return sorted(found)

    def same_mail(self):
        equal(self.tree("ours"), self.tree("theirs"), "mailboxes")

    def sizes(self, whose, user):
        """The lines of maildirsize."""
        root = self.ours.mail if whose == "ours" else self.dovecot.root / "mail"
        path = root / user / "maildirsize"
        return path.read_text().splitlines() if path.exists() else None

    def stop(self):
        self.dovecot.stop()
        self.ours.stop()
