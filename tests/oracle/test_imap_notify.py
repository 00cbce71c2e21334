"""NOTIFY (RFC 5465), compared with Debian's Dovecot one event after the other: when much happens at once, Dovecot loses some of it.
What a client of ours knows then must be the truth; RELAIS_TEST_SEED and RELAIS_TEST_COUNT try other things that happen, and more."""
import os
import random
import re
import select
import time

from support import check, equal
from support.imap_pair import imap_pair, plain

SEED, COUNT = int(os.environ.get("RELAIS_TEST_SEED", "1")), int(os.environ.get("RELAIS_TEST_COUNT", "25"))
FILES = {f"new/{1700000000 + i}.M1.h": b"Subject: m%d\n\nbody\n" % i for i in range(1, 5)}
FILES.update({f".{name}/cur/{1700000100 + i}.M1.h:2,": b"Subject: a%d\n\nbody\n" % i for name in "abc" for i in range(1, 4)})
MESSAGE = "{11+}\r\nSubject: x\n"


class Watcher:
    """A session that listens, and what its client knows by what it was told."""

    def __init__(self, account, whose, *commands):
        self.session = account.connect(whose)
        for command in commands:
            check(self.session.command(command)[-1].split()[1] == b"OK", f"{whose}: {command}")
        self.status, self.names, self.count, self.flags = {}, {}, 0, {}

    def line(self, seconds):
        sock = self.session.sock
        sock.setblocking(False)
        try:
            data = self.session.file.peek(1)
        except BlockingIOError:
            data = b""
        finally:
            sock.settimeout(20)
        if not data and not select.select([sock], [], [], seconds)[0]:
            return None
        return self.session._read_line()

    def listen(self, quiet):
        while (line := self.line(quiet)) is not None:
            self.take(line.removesuffix(b"\r\n"))
        for line in self.session.command("NOOP")[:-1]:
            self.take(line.removesuffix(b"\r\n"))

    def take(self, line):
        if found := re.match(rb"\* STATUS (\S+) \((.*)\)$", line):
            words = found[2].split()
            known = self.status.setdefault(found[1], {})
            known.update({k: v for k, v in zip(words[::2], words[1::2]) if k in (b"MESSAGES", b"UIDNEXT", b"UNSEEN")})
        elif found := re.match(rb'\* LIST \((.*?)\) "/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?$', line):
            if found[3]:
                self.names[found[3]] = (False, False)
            self.names[found[2]] = (b"\\NonExistent" not in found[1], b"\\Subscribed" in found[1])
        elif found := re.match(rb"\* (\d+) EXISTS", line):
            self.count = int(found[1])
        elif found := re.match(rb"\* (\d+) EXPUNGE", line):
            self.flags = {n - (n > int(found[1])): flags for n, flags in self.flags.items() if n != int(found[1])}
            self.count -= 1
        elif found := re.match(rb"\* (\d+) FETCH .*FLAGS \((.*?)\)", line):
            self.flags[int(found[1])] = sorted(set(found[2].split()) - {b"\\Recent"})


def happen(chance, existing, count):
    """Commands of somebody else, and the names that there are afterwards."""
    commands, fresh = [], 0
    for _ in range(count):
        name = chance.choice(sorted(existing))
        kind = chance.randrange(8)
        if kind <= 1:
            commands.append(f"APPEND {name} {MESSAGE}")
        elif kind <= 3:
            flag = chance.choice(("\\Seen", "\\Flagged", "\\Deleted", "\\Answered"))
            commands += [f"SELECT {name}", f"STORE 1:* {chance.choice('+-')}FLAGS.SILENT ({flag})", "UNSELECT"]
        elif kind == 4:
            commands += [f"SELECT {name}", "UID STORE 2 +FLAGS.SILENT (\\Deleted)", "EXPUNGE", f"COPY 1 {chance.choice(sorted(existing))}", "UNSELECT"]
        elif kind == 5:
            fresh += 1
            existing.add(f"new{fresh}")
            commands.append(f"CREATE new{fresh}")
        elif kind == 6:
            commands.append(f"{chance.choice(('SUBSCRIBE', 'UNSUBSCRIBE'))} {name}")
        elif name not in ("INBOX", "a"):
            existing.discard(name)
            commands.append(f"DELETE {name}")
    return commands


EVENTS = ("NOTIFY SET (selected (MessageNew MessageExpunge FlagChange)) "
          "(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")


def test_what_a_client_knows():
    chance = random.Random(SEED)
    account = imap_pair().account(FILES)
    existing = {"INBOX", "a", "b", "c"}
    watcher = Watcher(account, "ours", "SELECT INBOX", EVENTS)
    watcher.count = 4
    for command in happen(chance, existing, COUNT):
        account.session("ours").command(command)
    watcher.listen(0.7)
    is_the_truth(account, watcher, existing)


def test_one_after_the_other():
    account = imap_pair().account(FILES)
    watchers = {whose: Watcher(account, whose, "SELECT INBOX", EVENTS) for whose in ("ours", "theirs")}
    for commands in ((f"APPEND a {MESSAGE}",), ("SELECT a", "STORE 1 +FLAGS (\\Seen)"), ("STORE 2 +FLAGS (\\Deleted)", "EXPUNGE"), ("COPY 1 b",),
                     ("CREATE x",), ("SUBSCRIBE x",), ("RENAME x y",), ("DELETE y",), (f"APPEND INBOX {MESSAGE}",),
                     ("SELECT INBOX", "STORE 3 +FLAGS (\\Answered)"), ("UID STORE 2 +FLAGS.SILENT (\\Deleted)", "EXPUNGE")):
        for whose in watchers:
            for command in commands:
                account.session(whose).command(command)
        ours, theirs = watchers["ours"], watchers["theirs"]
        ours.listen(0.5)
        for _ in range(5):  # it gathers events for a while
            theirs.listen(1.2)
            if agree(ours, theirs):
                break
        imap_pair().compared += 1
        equal((ours.count, ours.flags, ours.names), (theirs.count, theirs.flags, theirs.names), f"{commands}")
        check(agree(ours, theirs), f"{commands}: {ours.status} {theirs.status}")


def agree(ours, theirs):
    """Of mailboxes it tells more than what has changed."""
    same = all(ours.status.get(name, told).items() <= told.items() for name, told in theirs.status.items())
    return same and (ours.count, ours.flags, ours.names) == (theirs.count, theirs.flags, theirs.names)


def flags_of(account, whose):
    account.session(whose).command("EXAMINE INBOX")
    lines = account.session(whose).command("FETCH 1:* FLAGS")[:-1]
    return {i: sorted(set(re.search(rb"FLAGS \((.*?)\)", line)[1].split()) - {b"\\Recent"}) for i, line in enumerate(lines, 1)}


def is_the_truth(account, watcher, existing):
    session = account.session("ours")
    for name in sorted(existing - {"INBOX"}):
        truth = dict(re.findall(rb"(MESSAGES|UIDNEXT|UNSEEN) (\d+)", session.command(f"STATUS {name} (MESSAGES UIDNEXT UNSEEN)")[0]))
        told = watcher.status.get(name.encode(), {})
        equal(told, {key: truth[key] for key in told}, name)
    truth = flags_of(account, "ours")
    equal(watcher.count, len(truth), "messages")
    equal(watcher.flags, {number: truth.get(number) for number in watcher.flags}, "flags")
    equal({name for name, (there, _) in watcher.names.items() if there}, {name for name in watcher.names if name.decode() in existing}, "names")


def test_answers():
    account = imap_pair().account(FILES)
    account.same(
        "NOTIFY SET STATUS (selected (MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge)) (subtree a (MessageNew))",
        "SELECT INBOX", "NOTIFY NONE", "NOTIFY", "NOTIFY SET (selected (FlagChange))", "NOTIFY SET (selected (MessageNew))",
        "NOTIFY SET (personal (MessageNew (UID)))", "NOTIFY SET (personal NONE)", "NOTIFY SET (selected NONE) (selected NONE)",
        "NOTIFY SET (personal ())", "NOTIFY SET STATUS (personal (MailboxName))", "NOTIFY SET (personal (AnnotationChange))",
        "NOTIFY SET (mailboxes x*y (MessageNew MessageExpunge))", "NOTIFY SET STATUS (mailboxes (a b) (MessageNew MessageExpunge))",
        "NOTIFY SET STATUS (subscribed (MessageNew MessageExpunge))", "notify set status (inboxes (messagenew messageexpunge))",
        "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))")


def test_with_commands():
    """What others do comes with the next command at the latest."""
    account = imap_pair().account(FILES)
    account.same("SELECT INBOX", "NOTIFY SET (selected-delayed (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
    for command in (f"APPEND INBOX (\\Seen) {MESSAGE}", "STORE 2 +FLAGS (\\Flagged)", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE"):
        got = []
        for whose in ("ours", "theirs"):
            other = account.connect(whose)
            other.command("SELECT INBOX")
            other.command(command)
            time.sleep(1.5 if whose == "theirs" else 0.3)
            watcher = Watcher.__new__(Watcher)
            watcher.session = account.session(whose)
            lines = []
            while (line := watcher.line(0.2)) is not None:
                lines.append(line)
            lines += account.session(whose).command("NOOP")
            got.append([re.sub(rb"UID \d+ |\\Recent| ?\\Recent", b"", line) for line in plain(lines) if b"RECENT" not in line])
            other.close()
        imap_pair().compared += 1
        equal(got[0], got[1], command)
