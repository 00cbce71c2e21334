"""The processes that change mailboxes, killed at any moment: nothing that was answered OK is lost, nothing is there twice, and no UID
means another message than before.  RELAIS_TEST_SEED and RELAIS_TEST_SECONDS try other moments, and more of them."""
import os
import random
import re
import threading
import time

from support import bound, check, equal
from support.families import children_of, family, kill
from support.imap_client import Client, literal
from support.lmtp_pair import LmtpInstance
from support.pop3_pair import POP3, Pop3Instance, Session

SEED, SECONDS = int(os.environ.get("RELAIS_TEST_SEED", "1")), float(os.environ.get("RELAIS_TEST_SECONDS", "12"))
FOLDERS = ("INBOX", "a", "b")


class Killer(threading.Thread):
    """Kills what `which` finds, again and again."""

    def __init__(self, which, chance):
        super().__init__(daemon=True)
        self.which, self.chance, self.stop, self.kills = which, chance, threading.Event(), 0
        self.start()

    def run(self):
        while not self.stop.wait(self.chance.uniform(0.005, 0.15)):
            victims = self.which()
            kill(victims)
            self.kills += len(victims)

    def end(self):
        self.stop.set()
        self.join()
        check(self.kills >= 5, f"{self.kills} were killed")


class Mail:
    """What a user's client knows of his mailboxes."""

    def __init__(self, instance, chance):
        self.mail, self.chance, self.client, self.count = instance, chance, None, 0
        self.stored, self.removed, self.doubtful = {}, set(), set()  # id: content; what went for sure; what may have gone
        self.told = {}  # (folder, UIDVALIDITY, UID): id

    def connect(self):
        while self.client is None:
            try:
                self.client = Client(self.mail)
            except (AssertionError, OSError):
                time.sleep(0.02)
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
        self.is_whole(places)

    def is_whole(self, places):
        for name, folders in places.items():
            if name in self.stored:
                self.select(folders[0])
                lines = self.run(b"UID SEARCH HEADER X-Id " + name)
                uid = int(re.findall(rb"\d+", lines[0])[-1])
                equal(b"".join(self.run(f"UID FETCH {uid} BODY.PEEK[]")[:-1]).partition(b"}\r\n")[2].removesuffix(b")"), self.stored[name], f"{name}")


@bound(120)
def test_imap():
    chance = random.Random(SEED)
    instance = Pop3Instance()
    user = Mail(instance, chance)
    for folder in FOLDERS[1:]:
        user.run(f"CREATE {folder}")
    killer = Killer(lambda: family(instance.mta, "imap")[2], chance)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        chance.choice((user.append, user.append, user.catenate, user.copy_or_move, user.copy_or_move, user.replace, user.expunge))()
    killer.end()
    check(len(user.stored) > 5, f"{len(user.stored)} messages were stored")
    user.verify()
    instance.stop()


@bound(90)
def test_a_message_that_moves_is_in_one_place():
    """Once a MOVE was answered OK; and never twice in its new place."""
    chance = random.Random(SEED)
    instance = Pop3Instance()
    user = Mail(instance, chance)
    user.run("CREATE a")
    messages = [user.new() for _ in range(60)]
    for name, text in messages:
        check(user.run(b"APPEND INBOX " + literal(text))[-1].startswith(b"OK"), "stored")
    killer = Killer(lambda: family(instance.mta, "imap")[2], chance)
    moved = set()
    for uid in range(1, 61, 4):
        if user.select("INBOX"):
            lines = user.run(f"UID MOVE {uid}:{uid + 3} a")
            if lines and lines[-1].startswith(b"OK"):
                moved.update(b"id%05d" % i for i in range(uid, uid + 4))
        time.sleep(0.05)
    killer.stop.set()
    killer.join()
    here, there = None, None
    while here is None or there is None:
        here, there = user.uids_in("INBOX"), user.uids_in("a")
    equal(len(set(there.values())), len(there), "none came twice")
    equal(set(here.values()) | set(there.values()), {name for name, _ in messages}, "none is lost")
    equal(moved & set(here.values()), set(), "what was moved is gone from where it was")
    instance.stop()


@bound(90)
def test_pop3():
    chance = random.Random(SEED)
    instance = Pop3Instance()
    killer = Killer(lambda: family(instance.mta, "pop3")[2], chance)
    known, kept, gone = {}, set(), set()
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        for _ in range(4):
            number += 1
            instance.deliver("bob", b"Subject: %d\n\nbody\n" % number)
            kept.add(number)
        try:
            read_and_quit(instance, chance, known, kept, gone)
        except (AssertionError, OSError, ValueError, IndexError, TypeError):
            continue
    killer.end()
    there = messages_of(instance)
    equal(len(set(there)), len(there), "none is there twice")
    equal(gone & set(there), set(), "what QUIT has answered for is gone")
    equal(kept - set(there), set(), "what nobody has deleted is there")
    instance.stop()


def messages_of(instance):
    return [int(re.search(rb"Subject: (\d+)", path.read_bytes())[1]) for part in ("new", "cur") for path in (instance.maildir("bob") / part).iterdir()]


def read_and_quit(instance, chance, known, kept, gone):
    session = Session(instance.address, POP3, "bob", 10)
    ids = dict(line.split() for line in session.command("UIDL")[1:-1])
    deleted = set()
    for number in sorted(ids, key=int)[:3]:
        text = b"".join(session.command(b"RETR " + number))
        subject = int(re.search(rb"Subject: (\d+)", text)[1])
        equal(known.setdefault(ids[number], subject), subject, "a UIDL names the same message for ever")
        if chance.randrange(2) and session.command(b"DELE " + number)[0].startswith(b"+OK"):
            deleted.add(subject)
            kept.discard(subject)
    if session.command("QUIT")[0].startswith(b"+OK"):
        gone |= deleted


@bound(90)
def test_lmtp():
    chance = random.Random(SEED)
    instance = LmtpInstance()
    def victims():
        services, helpers, workers = family(instance.mta, "lmtpd")
        return workers or children_of(helpers) or services * chance.randrange(2)
    killer = Killer(victims, chance)
    acknowledged, sent = set(), 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        sent += 1
        try:
            session = instance.session()
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            if session("RCPT TO:<u1@virt.test>").startswith("250") and session("DATA").startswith("354") \
                    and session(f"Subject: {sent}\r\n\r\nbody\r\n.").startswith("250"):
                acknowledged.add(sent)
        except OSError:
            time.sleep(0.02)
    killer.end()
    time.sleep(1)
    there = [int(re.search(rb"Subject: (\d+)", path.read_bytes())[1]) for part in ("new", "cur") for path in (instance.mail / "u1" / part).iterdir()]
    equal(acknowledged - set(there), set(), "none is lost")
    equal(len(set(there)), len(there), "none is there twice")
    check(len(acknowledged) > 5, f"{len(acknowledged)} were delivered")
    instance.stop()
