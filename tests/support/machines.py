"""Several machines of ours that send each other their users: instances with IMAP, POP3 and LMTP.

    front, back = Machine("login_trusted_networks = 127.0.0.0/8\\n"), Machine()
    front.users(bob="proxy=y host=ADDRESS port=1430".replace("ADDRESS", back.address))
    back.users(bob=None)               # None: his mail is here
"""
import base64
import os
import re
import socket
import time

from support import check
from support.imap import IMAP, PASSWORD, ImapInstance
from support.imap_pair import fill_maildir
from support.lmtp_pair import SERVICES, Session
from support.pop3_pair import MASTER, POP3

LMTP = 2425


class Machine(ImapInstance):
    programs, services = ("pop3", "pop3-login", "lmtpd"), MASTER + SERVICES

    def __init__(self, main="", services="", address=None, within=()):
        self.services, self.within = MASTER + SERVICES + services, within
        super().__init__("auth_client_failure_limit = 0\nlogin_proxy_max_reconnects = 0\n" + main, address)

    def users(self, password=PASSWORD, **fields):
        uid, gid = self.mta.vmail_ids()
        lines = ""
        for name, extra in fields.items():
            home = self.home(name)
            if extra is None and not home.exists():
                fill_maildir(home / "Maildir", {}, uid, gid)
                home.chmod(0o700)
                os.chown(home, uid, gid)
            lines += f"{name}:{{PLAIN}}{password}:{uid}:{gid}::{home}::{extra or ''}\n"
        (self.mta.conf / "users").write_text(lines)

    def lmtp(self):
        return Session((self.address, LMTP))

    def messages(self, user):
        return sorted(p.read_bytes() for part in ("new", "cur") for p in (self.maildir(user) / part).glob("*"))

    def log(self):
        return self.mta.log_text()

    def wait_log(self, pattern, seconds=10):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.log())):
            check(time.monotonic() < end, lambda: f"no {pattern} in {self.log()}")
            time.sleep(0.05)
        return found


class Talk:
    """A connection on which each command gets the last line of its answer."""

    def __init__(self, address, port=IMAP, timeout=20, source=None):
        self.sock = socket.create_connection((address, port), timeout, source_address=(source, 0) if source else None)
        self.file = self.sock.makefile("rb")
        self.imap, self.count = port == IMAP, 0
        self.greeting = self.file.readline().decode()

    def __call__(self, command):
        self.count += 1
        tag = f"t{self.count} " if self.imap else ""
        self.sock.sendall(f"{tag}{command}\r\n".encode())
        self.lines = []
        while line := self.file.readline().decode():
            self.lines.append(line.rstrip())
            if not self.imap or line.startswith((tag, "+")):
                return line.rstrip().removeprefix(tag)
        return "(hung up)"

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def plain_response(user, password=PASSWORD):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def front_lines(text, whose):
    """What is logged of a proxied session, without names, places and times."""
    lines = [line.split(": ", 1)[1] for line in text.splitlines() if re.search(rf"proxy\({whose},", line)]
    plain = []
    for line in lines:
        line = re.sub(r"^(Info|[\w-]+-login): ", "", line).replace(whose, "USER")
        line = re.sub(r", session=<.*?>", "", line)
        line = re.sub(r":\d+\)", ":PORT)", line)
        plain.append(re.sub(r"\d+\.\d+ secs|\d+s idle, in=\d+, out=\d+", "FIGURES", line))
    return plain


__all__ = ["Machine", "Talk", "front_lines", "plain_response", "IMAP", "POP3", "LMTP", "PASSWORD"]
