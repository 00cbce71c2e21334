"""Searches that are kept up to date (CONTEXT=SEARCH, CONTEXT=SORT of RFC 5267) and searches of several mailboxes (RFC 7377)."""
import os
import random
import re
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill

SEED, COUNT = int(os.environ.get("RELAIS_TEST_SEED", "1")), int(os.environ.get("RELAIS_TEST_COUNT", "60"))


def numbers(text):
    found = []
    for part in text.decode().split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


class Results:
    """What a client keeps of one search, as RFC 5267 4.3.3 and 4.3.4 say."""

    def __init__(self, tag, command, answer):
        self.tag, self.command = tag, command
        found = re.search(rb" ALL (\S+)", answer)
        self.kept = numbers(found[1]) if found else []

    def take(self, line):
        head = b'* ESEARCH (TAG "%s")' % self.tag
        if not line.startswith(head):
            return
        for word, pairs in re.findall(rb"(ADDTO|REMOVEFROM) \((.*?)\)", line):
            words = pairs.split()
            for position, them in zip(map(int, words[::2]), map(numbers, words[1::2])):
                if word == b"ADDTO" and position:
                    self.kept[position - 1:position - 1] = them
                elif word == b"ADDTO":
                    self.kept = sorted(self.kept + them)
                elif position:
                    equal(self.kept[position - 1:position - 1 + len(them)], them, f"{self.command}: {line}")
                    del self.kept[position - 1:position - 1 + len(them)]
                else:
                    check(set(them) <= set(self.kept), f"{self.command}: {line}")
                    self.kept = [n for n in self.kept if n not in them]

    def renumber(self, gone):
        if not self.command.startswith("UID"):
            check(gone not in self.kept, f"{self.command}: REMOVEFROM comes before EXPUNGE")
            self.kept = [n - (n > gone) for n in self.kept]


class Keeper:
    def __init__(self, client, commands):
        self.client, self.searches = client, []
        for i, command in enumerate(commands):
            tag = b"k%d" % i
            client.send(tag + b" " + command.replace("RETURN (", "RETURN (UPDATE ALL ").encode() + b"\r\n")
            self.searches.append(Results(tag, command, b" ".join(client.answer(tag))))

    def run(self, command):
        for line in self.client.command(command)[:-1]:
            for search in self.searches:
                search.take(line)
                if found := re.match(rb"\* (\d+) EXPUNGE", line):
                    search.renumber(int(found[1]))

    def compare(self):
        for search in self.searches:
            answer = [line for line in self.client.ok(search.command.replace("RETURN (", "RETURN (ALL ")) if b"ESEARCH" in line][0]
            wanted = re.search(rb" ALL (\S+)", answer)
            equal(search.kept, numbers(wanted[1]) if wanted else [], search.command)


def message(chance):
    return b"Subject: %s\r\nDate: Mon, %d Feb 2026 10:00:00 +0000\r\n\r\n%s\r\n" % (
        chance.choice((b"alpha", b"beta", b"Re: gamma", b"delta")), chance.randrange(1, 28), b"x" * chance.randrange(900))


def test_results_follow():
    mail = ImapInstance()
    chance = random.Random(SEED)
    a, b = Client(mail), Client(mail)
    fill(a, [message(chance) for _ in range(12)])
    for client in (a, b):
        client.ok("SELECT INBOX")
    keeper = Keeper(a, ["SEARCH RETURN () FLAGGED", "UID SEARCH RETURN () FLAGGED UNSEEN", "SEARCH RETURN () ALL", "UID SEARCH RETURN () SUBJECT alpha",
                        "UID SEARCH RETURN () OR DELETED KEYWORD $Junk", "SEARCH RETURN () NOT LARGER 400", "UID SORT RETURN () (SUBJECT) UTF-8 UNSEEN",
                        "UID SORT RETURN () (REVERSE DATE SIZE) UTF-8 ALL", "SORT RETURN () (SIZE) UTF-8 NOT FLAGGED"])
    for _ in range(COUNT):
        who = chance.choice((a, b))
        kind, uid = chance.randrange(5), chance.randrange(1, 30)
        run = keeper.run if who is a else b.command
        if kind == 0:
            text = message(chance)
            run(b"APPEND INBOX (%s) {%d+}\r\n%s" % (chance.choice((b"", b"\\Flagged", b"\\Seen $Junk")), len(text), text))
        elif kind == 1 and chance.randrange(2):
            run("EXPUNGE")
        else:
            flags = chance.choice(("\\Flagged", "\\Seen", "\\Deleted", "$Junk", "\\Seen \\Flagged"))
            run(f"UID STORE {uid}:{uid + chance.randrange(5)} {chance.choice('+-')}FLAGS{chance.choice(('', '.SILENT'))} ({flags})")
        if chance.randrange(4) == 0:
            keeper.run("NOOP")
            keeper.compare()
    keeper.run("NOOP")
    keeper.compare()
    mail.stop()


def test_examples_and_bounds():
    mail = ImapInstance("imap_search_context_limit = 2\n")
    a, b = Client(mail), Client(mail)
    fill(a, [b"Subject: %d\r\n\r\n" % i for i in range(6)])
    a.ok("SELECT INBOX")
    # RFC 5267 4.3 and 4.3.1
    a.send(b"B01 UID SEARCH RETURN (UPDATE COUNT) DELETED KEYWORD $Junk\r\nB01 SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED\r\n")
    equal(a.answer(b"B01")[:-1], [b'* ESEARCH (TAG "B01") UID COUNT 0'], "COUNT")
    check(a.answer(b"B01")[-1].startswith(b"BAD"), "Tag reuse")
    a.ok('CANCELUPDATE "B01"')
    check(a.command('CANCELUPDATE "B01"')[-1].startswith(b"NO"), "once")
    for i in range(1000):
        a.send(b"c%d SEARCH RETURN (UPDATE COUNT) ALL\r\n" % i)
        lines = a.answer(b"c%d" % i)
        equal(lines[:-1], [b'* ESEARCH (TAG "c%d") COUNT 6' % i] + ([b'* NO [NOUPDATE "c%d"] Too many contexts.' % i] if i > 1 else []), f"{i}")
    a.ok('CANCELUPDATE "c0" "c1"')
    # Numbers are those of the moment: later ones do not count (RFC 5267 4.3).
    a.ok("SEARCH RETURN (SAVE) 2:3")
    a.send(b"d1 SEARCH RETURN (UPDATE ALL) 4:*\r\nd2 SEARCH RETURN (UPDATE ALL) $\r\n")
    a.answer(b"d1"), a.answer(b"d2")
    fill(b, [b"Subject: new\r\n\r\n"])
    b.ok("SELECT INBOX")
    b.ok("STORE 1,3 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    lines = [line for line in a.ok("NOOP") if b"ESEARCH" in line]
    equal(lines, [b'* ESEARCH (TAG "d2") REMOVEFROM (0 3)'], "the new one is in neither")
    # RFC 5465 7: new messages among the results are fetched.
    a.ok('CANCELUPDATE "d1" "d2"')
    a.send(b'a00 SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) SUBJECT "boss"\r\n')
    equal(a.answer(b"a00")[:-1], [b'* ESEARCH (TAG "a00") COUNT 0'], "COUNT")
    fill(b, [b"Subject: the boss\r\n\r\n", b"Subject: others\r\n\r\n"])
    lines = [line for line in a.ok("NOOP") if b"RECENT" not in line]
    equal(lines, [b"* 7 EXISTS", b'* ESEARCH (TAG "a00") ADDTO (0 6)',
                  b"* 6 FETCH (UID 8 BODY[HEADER.FIELDS (SUBJECT)] {21}\r\nSubject: the boss\r\n\r\n)"], "fetched")
    # Not beyond the mailbox
    a.ok("SELECT INBOX")
    b.ok("STORE 1:* +FLAGS (\\Flagged)")
    check(not any(b"ESEARCH" in line for line in a.ok("NOOP")), "the mailbox was selected anew")
    a.send(b"i1 SEARCH RETURN (UPDATE) UNFLAGGED\r\n")
    a.answer(b"i1")
    a.send(b"i2 IDLE\r\n")
    b.ok("STORE 1 -FLAGS (\\Flagged)")
    equal([a.line(), a.line(), a.line()], [b"+ idling\r\n", b"* 1 FETCH (FLAGS ())\r\n",
                                          b'* ESEARCH (TAG "i1") ADDTO (0 1)\r\n'], "in IDLE")
    a.send(b"DONE\r\n")
    a.answer(b"i2")
    mail.stop()


def test_several_mailboxes():
    mail = ImapInstance("imap_hierarchy_separator = /\n")
    a = Client(mail)
    for name, count in (("folder1", 3), ("folder2", 0), ("folder2/banana", 2), ("folder2/peach", 1), ("folder2/salmon/deep", 1)):
        a.ok(f"CREATE {name}")
        if count:
            fill(a, [b"Subject: chad %d\r\n\r\n" % i for i in range(count)], name.encode())

    def found(command):
        return [re.sub(rb"UIDVALIDITY \d+", b"V", line) for line in a.ok(command)]

    # RFC 7377 3
    equal(found('ESEARCH IN (mailboxes "folder1" subtree "folder2") unseen'), [
        b'* ESEARCH (TAG "a%d" MAILBOX folder1 V) UID ALL 1:3' % a.count, b'* ESEARCH (TAG "a%d" MAILBOX folder2/banana V) UID ALL 1:2' % a.count,
        b'* ESEARCH (TAG "a%d" MAILBOX folder2/peach V) UID ALL 1' % a.count, b'* ESEARCH (TAG "a%d" MAILBOX folder2/salmon/deep V) UID ALL 1' % a.count],
        "subtree")
    equal(found('ESEARCH IN (mailboxes (folder1 folder1 missing) subtree-one "folder2") RETURN (COUNT MIN) subject "chad 1"'), [
        b'* ESEARCH (TAG "a%d" MAILBOX folder1 V) UID MIN 2 COUNT 1' % a.count,
        b'* ESEARCH (TAG "a%d" MAILBOX folder2/banana V) UID MIN 2 COUNT 1' % a.count], "one level, each once, none without results")
    a.ok("SUBSCRIBE folder1")
    equal(found("ESEARCH IN (subscribed) RETURN (PARTIAL 2:9) ALL"), [b'* ESEARCH (TAG "a%d" MAILBOX folder1 V) UID PARTIAL (2:9 2:3)' % a.count], "subscribed")
    equal(len(found("ESEARCH IN (personal) ALL")), 4, "personal; INBOX has none")
    for command in ("ESEARCH ALL", "ESEARCH IN (selected) ALL", "ESEARCH IN () ALL", "ESEARCH IN (bogus) ALL", "ESEARCH IN (selected-delayed) ALL",
                    "ESEARCH IN (subtree-one) ALL", "ESEARCH IN (personal) RETURN (SAVE) ALL", "ESEARCH IN (personal) RETURN (UPDATE) ALL",
                    "ESEARCH IN (personal) $", "ESEARCH IN (personal) FROB", "ESEARCH IN (" + "personal " * 101 + ") ALL"):
        check(a.command(command)[-1].startswith(b"BAD"), command[:60])
    a.ok("SELECT folder1")
    equal(found("ESEARCH UNSEEN"), [b'* ESEARCH (TAG "a%d" MAILBOX folder1 V) UID ALL 1:3' % a.count], "the selected one")
    equal(found("ESEARCH RETURN (SAVE) UID 2"), [], "SAVE answers nothing")
    equal(found("ESEARCH $"), [b'* ESEARCH (TAG "a%d" MAILBOX folder1 V) UID ALL 2' % a.count], "and can be used")
    a.send(b"u1 ESEARCH IN (selected mailboxes folder2/peach) RETURN (COUNT UPDATE) UNSEEN\r\n")
    equal(len(a.answer(b"u1")), 3, "two mailboxes")
    lines = a.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    equal(lines, [b'* ESEARCH (TAG "u1") UID REMOVEFROM (0 1)'], "UPDATE is about the selected one")
    equal(found("STATUS folder2/peach (UNSEEN)"), [b"* STATUS folder2/peach (UNSEEN 1)"], "nothing else has changed")
    mail.stop()


def test_many_mailboxes():
    mail = ImapInstance()
    a = Client(mail)
    root, owner = mail.maildir("bob"), mail.maildir("bob").stat()
    for i in range(300):
        for part in ("cur", "new", "tmp"):
            os.makedirs(root / f".m{i}" / part, mode=0o700)
        if i % 30 == 0:
            (root / f".m{i}" / "new" / "1.x.h").write_bytes(b"Subject: x\n\n")
        for each in (root / f".m{i}", *(root / f".m{i}").rglob("*")):
            os.chown(each, owner.st_uid, owner.st_gid)
    before = time.monotonic()
    equal(len(a.ok("ESEARCH IN (personal) SUBJECT x")), 10, "ten of them")
    check(time.monotonic() - before < 30, "300 mailboxes")
    mail.stop()
