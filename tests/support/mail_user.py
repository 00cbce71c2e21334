"""A user whose client changes his mailboxes while processes are killed, and knows what must be there afterwards: what was answered with OK.

    user = MailUser(mail, random.Random(1))   # an ImapInstance
    user.append(); user.copy_or_move(); user.expunge()
    user.verify()                             # nothing is lost, no UID means another message than before
"""
import re
import time

from support import check, equal
from support.imap_client import Client, literal

FOLDERS = ("INBOX", "a", "b")


class MailUser:
    """What a user's client knows of his mailboxes."""

    def __init__(self, instance, chance, user="bob"):
        self.mail, self.chance, self.user, self.client, self.count = instance, chance, user, None, 0
        self.stored, self.removed, self.doubtful = {}, set(), set()  # id: content; what went for sure; what may have gone
        self.told = {}  # (folder, UIDVALIDITY, UID): id

    def connect(self):
        while self.client is None:
            try:
                client = Client(self.mail, self.user)
            except (AssertionError, OSError):
                time.sleep(0.02)
                continue
            if client.entered:
                self.client = client
            else:
                client.sock.close()
                time.sleep(0.1)
        return self.client

    def run(self, command):
        """The lines of the answer; nothing when nobody knows what has become of it."""
        try:
            return self.connect().command(command)
        except (AssertionError, OSError):
            self.client.sock.close()
            self.client = None
            return None

    def new(self):
        self.count += 1
        name = b"id%05d" % self.count
        return name, b"X-Id: %s\r\nSubject: %s\r\n\r\n%s\r\n" % (name, name, name * self.chance.randrange(1, 400))

    def select(self, folder):
        lines = self.run(f"SELECT {folder}")
        return bool(lines) and lines[-1].startswith(b"OK")

    def uids_in(self, folder):
        """{UID: id} of a folder, and that each UID is what it was."""
        if not self.select(folder):
            return None
        validity = None
        lines = self.run("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (X-ID)])")
        status = self.run(f"STATUS {folder} (UIDVALIDITY)")
        if not lines or not status or not lines[-1].startswith(b"OK"):
            return None
        validity = int(re.search(rb"UIDVALIDITY (\d+)", status[0])[1])
        found = {int(u): name for u, name in re.findall(rb"UID (\d+) BODY\[.*?\{\d+\}\r\nX-Id: (\S+)", b"\n".join(lines), re.S)}
        for uid, name in found.items():
            equal(self.told.setdefault((folder, validity, uid), name), name, f"UID {uid} of {folder}")
        return found

    # What it does; each knows what is certain only when it was answered OK.

    def append(self):
        messages = [self.new() for _ in range(self.chance.choice((1, 1, 3)))]
        lines = self.run(b"APPEND " + self.chance.choice(FOLDERS).encode() + b"".join(b" " + literal(text) for _, text in messages))
        if lines and lines[-1].startswith(b"OK"):
            self.stored.update(messages)

    def catenate(self):
        name, text = self.new()
        half = len(text) // 2
        lines = self.run(b"APPEND a CATENATE (TEXT " + literal(text[:half]) + b" TEXT " + literal(text[half:]) + b")")
        if lines and lines[-1].startswith(b"OK"):
            self.stored[name] = text

    def pick(self):
        folder = self.chance.choice(FOLDERS)
        found = self.uids_in(folder)
        return (folder, *self.chance.choice(sorted(found.items()))) if found else None

    def copy_or_move(self):
        if picked := self.pick():
            folder, uid, name = picked
            target = self.chance.choice([f for f in FOLDERS if f != folder])
            self.run(f"UID {self.chance.choice(('MOVE', 'COPY', 'MOVE'))} {uid} {target}")

    def replace(self):
        if picked := self.pick():
            folder, uid, old = picked
            name, text = self.new()
            lines = self.run(b"UID REPLACE %d %s " % (uid, folder.encode()) + literal(text))
            if lines and lines[-1].startswith(b"OK"):
                self.stored[name] = text
            self.doubtful.add((old, name))

    def expunge(self):
        if picked := self.pick():
            _, uid, name = picked
            self.run(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
            self.run(f"UID EXPUNGE {uid}")
            self.removed.add(name)

    def verify(self):
        places = {}
        for folder in FOLDERS:
            while (found := self.uids_in(folder)) is None:
                pass
            for uid, name in found.items():
                places.setdefault(name, []).append(folder)
        replaced = {}
        for old, name in self.doubtful:
            replaced.setdefault(old, set()).add(name)
        for name in self.stored:
            there = name in places or name in self.removed or any(
                each in places or each in self.removed or each in replaced for each in replaced.get(name, ()))
            check(there, f"{name} is lost")
        self.is_whole()

    def is_whole(self):
        for folder in FOLDERS:
            while not self.select(folder) or not (lines := self.run("UID FETCH 1:* (BODY.PEEK[])")):
                pass
            for text in [line.partition(b"}\r\n")[2].removesuffix(b")") for line in lines[:-1]]:
                name = re.match(rb"X-Id: (\S+)", text)
                if name and name[1] in self.stored:
                    equal(text, self.stored[name[1]], f"{name[1]} in {folder}")
