"""What clients are told when the servers stop, or an administrator ends their sessions: ours beside Debian's Dovecot."""
import socket
import time

from support import check, equal
from support.dovecot import Dovecot
from support.imap import IMAP, PASSWORD
from support.imap_pair import fill_maildir
from support.machines import Machine
from support.pop3_pair import POP3, QUICK

IMAP_LOGIN, POP3_LOGIN = [f"a LOGIN bob {PASSWORD}"], ["USER bob", f"PASS {PASSWORD}"]
# What each client does before the end: service and commands.
CLIENTS = {
    "imap": ("imap", IMAP_LOGIN), "selected": ("imap", [*IMAP_LOGIN, "b SELECT INBOX"]), "idle": ("imap", [*IMAP_LOGIN, "b SELECT INBOX", "c IDLE"]),
    "imap-login": ("imap", []), "pop3": ("pop3", POP3_LOGIN), "pop3-read": ("pop3", [*POP3_LOGIN, "STAT"]), "pop3-login": ("pop3", ["USER bob"]),
}
LOGGED_IN = [name for name in CLIENTS if not name.endswith("-login")]


class Both:
    def __init__(self):
        self.ours = Machine()
        self.ours.users(bob=None)
        self.theirs = Dovecot(self.ours, complaints=False, pop3=True, more=QUICK)
        uid, gid = self.ours.mta.vmail_ids()
        home = self.theirs.root / "home"
        fill_maildir(home / "Maildir", {}, uid, gid)
        home.chmod(0o777)
        (self.theirs.root / "users").write_text(f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{home}::\n")
        self.ports = {"ours": {"imap": IMAP, "pop3": POP3}, "theirs": {"imap": self.theirs.port, "pop3": self.theirs.pop3_port}}

    def client(self, whose, service, commands):
        """A connection on which these have been answered."""
        sock = socket.create_connection((self.ours.address, self.ports[whose][service]), 3)
        file = sock.makefile("rb")
        file.readline()
        for command in commands:
            sock.sendall(command.encode() + b"\r\n")
            while not file.readline().startswith((command.split(" ")[0].encode() + b" ", b"+")):
                pass
        return sock, file

    @staticmethod
    def rest(file):
        try:
            return file.read()
        except TimeoutError:
            return None

    def last_words(self, names, end):
        """What these clients of both hear once `end(whose)` is called, with None where the connection stays."""
        words = {}
        for whose in ("ours", "theirs"):
            clients = {name: self.client(whose, *CLIENTS[name]) for name in names}
            time.sleep(0.3)
            began = time.monotonic()
            end(whose)
            words[whose] = {name: self.rest(file) for name, (_, file) in clients.items()}
            check(whose == "theirs" or time.monotonic() - began < 3, f"it took {time.monotonic() - began} s")
            for sock, file in clients.values():
                file.close()
                sock.close()
        return words

    def doveadm(self, whose, *words):
        if whose == "ours":
            self.ours.mta.must_run("doveadm", *words)
        else:
            self.theirs.run("doveadm", *words)

    def stop(self, whose):
        (self.ours if whose == "ours" else self.theirs).stop()


def test_last_words():
    both = Both()
    kicked = both.last_words(LOGGED_IN, lambda whose: both.doveadm(whose, "kick", "bob"))
    equal(kicked["ours"], kicked["theirs"], "who is kicked hears")
    stopped = both.last_words(list(CLIENTS), both.stop)
    # Some of Dovecot's processes stay for those who are there.
    heard = {name: words for name, words in stopped["theirs"].items() if words is not None}
    check(heard, stopped["theirs"])
    equal({name: stopped["ours"][name] for name in heard}, heard, "at the end of the server")
    for name, words in stopped["ours"].items():
        protocol, login = CLIENTS[name][0], name.endswith("-login")
        start = b"* BYE " if protocol == "imap" else b"-ERR " if login else b"-ERR [SYS/TEMP] "
        equal(words, start + (b"Shutting down\r\n" if login else b"Server shutting down.\r\n"), name)
