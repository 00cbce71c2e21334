"""The processes that change mailboxes, killed at any moment: nothing that was answered OK is lost, nothing is there twice, and no UID
means another message than before.  RELAIS_TEST_SEED and RELAIS_TEST_SECONDS try other moments, and more of them."""
import os
import random
import re
import threading
import time

from support import bound, check, equal
from support.families import children_of, family, kill
from support.imap_client import literal
from support.lmtp_pair import LmtpInstance
from support.mail_user import FOLDERS, MailUser
from support.pop3_pair import POP3, Pop3Instance, Session

SEED, SECONDS = int(os.environ.get("RELAIS_TEST_SEED", "1")), float(os.environ.get("RELAIS_TEST_SECONDS", "12"))


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


@bound(120)
def test_imap():
    chance = random.Random(SEED)
    instance = Pop3Instance()
    user = MailUser(instance, chance)
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
    user = MailUser(instance, chance)
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
