"""Ours and Dovecot side by side: the same Maildir for each, the same commands to each.

    pair = imap_pair()                 # one for all tests of a file
    account = pair.account({"cur/1.M1.h:2,S": b"Subject: x\\n\\ny\\n", ".Sent/cur/": b""}, {"subscriptions": b"Sent\\n"})
    account.ours("SELECT INBOX")       # the lines of the answer, without what may differ
    account.same("SELECT INBOX", "FETCH 1 ENVELOPE")
"""
import os
import re
import socket

from support import equal
from support.dovecot import USERS_CONF, Dovecot
from support.imap import IMAP, PASSWORD, ImapInstance

# Each server gives these where the other one is silent.
LOOSE_CODES = (b"CLIENTBUG", b"NONEXISTENT", b"CANNOT", b"CAPABILITY", b"HIGHESTMODSEQ", b"NOMODSEQ", b"MAILBOXID")
FOLDER_PARTS = ("cur", "new", "tmp")


class Session:
    """A plain connection that is logged in unless `login` is false; literals are sent as they stand."""

    def __init__(self, address, port, user, login=True):
        self.sock = socket.create_connection((address, port), 20)
        self.file = self.sock.makefile("rb")
        self.count = 0
        self.file.readline()
        if login:
            answer = self.command(f"LOGIN {user} {PASSWORD}")
            assert b" OK" in answer[-1], answer

    def command(self, text):
        self.count += 1
        tag = b"x%d" % self.count
        data = text if isinstance(text, bytes) else text.encode()
        self.sock.sendall(tag + b" " + data + b"\r\n")
        lines = []
        while True:
            line = self._read_line()
            lines.append(line)
            if not line.startswith(b"* ") or line.startswith(b"* BYE"):
                return lines

    def _read_line(self):
        line = b""
        while True:
            part = self.file.readline()
            if not part:
                return line + b"(hung up)"
            line += part
            literal = re.search(rb"(~?)\{(\d+)\}\r\n$", part)
            if not literal:
                return line
            line += self.file.read(int(literal[2]))

    def close(self):
        self.file.close()
        self.sock.close()


# RFC 3501 leaves them to the server, and Dovecot to what its index knows just then.
OF_THE_MOMENT = {rb"\Marked", rb"\UnMarked"}


def plain(lines):
    """What must be equal: not the words for people, the numbers that each server chooses, capabilities, order of lists."""
    kept = []
    for line in lines:
        line = line.removesuffix(b"\r\n")
        tagged = re.match(rb"(?:x\d+|\*) (OK|NO|BAD|BYE)( \[[A-Z-]+)?", line)
        if tagged:
            code = (tagged[2] or b"").strip(b" [")
            code = b"" if code in LOOSE_CODES else code
            if line.startswith(b"* OK") and code in (b"", b"CLOSED"):
                continue
            line = (b"* " if line.startswith(b"*") else b"") + b" ".join([tagged[1], code]).strip()
        elif line.startswith((b"* LIST ", b"* LSUB ")):
            line = re.sub(rb"\((.*?)\)", lambda m: b"(" + b" ".join(sorted(set(m[1].split()) - OF_THE_MOMENT)) + b")", line, count=1)
        line = one_form(re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY", line))
        kept.append(line)
    if kept and all(line.startswith((b"* LIST ", b"* LSUB ", b"* STATUS")) for line in kept[:-1]):
        kept[:-1] = sorted(kept[:-1])
    return kept


def one_form(line):
    """With all strings quoted: which of them are literals is each server's choice."""
    def quoted(text):
        return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    out, at = b"", 0
    while at < len(line):
        literal = re.compile(rb"\{(\d+)\}\r\n").match(line, at)
        string = re.compile(rb'"(?:[^"\\]|\\.)*"', re.S).match(line, at)
        if literal:
            end = literal.end() + int(literal[1])
            out += quoted(line[literal.end():end])
        else:
            end = string.end() if string else at + 1
            out += line[at:end]
        at = end
    return out


class PairedAccount:
    """A user of both servers, with a session at each; how to connect() and what must be equal, plain(), each protocol says."""

    def __init__(self, pair, user, homes):
        self.pair, self.user, self.homes = pair, user, homes
        self.sessions = {}

    def session(self, whose):
        if whose not in self.sessions:
            self.sessions[whose] = self.connect(whose)
        return self.sessions[whose]

    def ours(self, command):
        return self.plain(self.session("ours").command(command))

    def theirs(self, command):
        return self.plain(self.session("theirs").command(command))

    def same(self, *commands):
        for command in commands:
            ours, theirs = self.ours(command), self.theirs(command)
            self.pair.compared += 1
            # Of long answers, what only one of them has.
            equal([line for line in ours if line not in theirs], [line for line in theirs if line not in ours], f"{command}")
            equal(ours, theirs, f"{command}")

    def close(self):
        for session in self.sessions.values():
            session.close()
        self.sessions = {}


class Account(PairedAccount):
    plain = staticmethod(plain)

    def connect(self, whose):
        return Session(self.pair.address, IMAP if whose == "ours" else self.pair.their_port, self.user)


class ImapPair:
    fields = ""  # of each user's entry

    def __init__(self, accounts, separator="/", main="", theirs="", users=USERS_CONF):
        """`main` is added to our configuration, `theirs` to Dovecot's; `users`: its databases."""
        self.mail = ImapInstance(f"imap_hierarchy_separator = {separator}\n" + main)
        self.uid, self.gid = self.mail.mta.vmail_ids()
        self.root, self.names = self.mail.mta.vmail, [f"u{i}" for i in range(accounts)]
        self.address = self.mail.address
        self._write_users(self.mail.mta.conf / "users", "ours")
        self.dovecot = Dovecot(self.mail, separator=separator, complaints=False, more=theirs, users=users)
        self.their_port = self.dovecot.port
        self._write_users(self.dovecot.root / "users", "theirs")
        self.used = self.compared = 0

    def _write_users(self, path, whose):
        path.write_text("".join(f"{name}:{{PLAIN}}{PASSWORD}:{self.uid}:{self.gid}::{self.root}/{name}-{whose}::{self.fields}\n"
                                for name in self.names))

    def account(self, files, fill=None):
        """A user of both servers with these files in the Maildir: {path: bytes}; a path that ends in "/" is a folder.  `fill` puts
        them elsewhere below the home directory."""
        user = self.names[self.used]
        self.used += 1
        homes = {}
        for whose in ("ours", "theirs"):
            homes[whose] = self.root / f"{user}-{whose}"
            if fill:
                fill(homes[whose], files, self.uid, self.gid)
            else:
                fill_maildir(homes[whose] / "Maildir", files, self.uid, self.gid)
            os.chmod(homes[whose], 0o700)
            os.chown(homes[whose], self.uid, self.gid)
        return Account(self, user, homes)


_pair = None


def imap_pair():
    global _pair
    _pair = _pair or ImapPair(accounts=100)
    return _pair


def fill_maildir(maildir, files, uid, gid):
    root = os.fsencode(maildir)
    folders = {b""}
    for path in files:
        first = (path if isinstance(path, bytes) else path.encode()).split(b"/")[0]
        if first.startswith(b"."):
            folders.add(first)
    for folder in folders:
        for part in FOLDER_PARTS:
            os.makedirs(os.path.join(root, folder, part.encode()), mode=0o700)
    for path, data in files.items():
        name = os.path.join(root, path if isinstance(path, bytes) else path.encode())
        if name.endswith(b"/"):
            os.makedirs(name, exist_ok=True)
            continue
        with open(name, "wb") as out:
            out.write(data)
        os.utime(name, (1700000000, 1700000000))
    for folder, subfolders, names in os.walk(root):
        for each in [folder] + [os.path.join(folder, n) for n in names]:
            os.chown(each, uid, gid)
