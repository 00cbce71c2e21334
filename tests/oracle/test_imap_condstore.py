"""CONDSTORE and QRESYNC (RFC 7162), compared with Debian's Dovecot: the same answers but for the numbers, which each chooses."""
import re

from support import check, equal
from support.imap_pair import imap_pair, plain

FILES = {f"new/{1700000000 + i}.M1.h": b"Subject: m%d\n\nbody\n" % i for i in range(1, 9)}


def in_order(found):
    return found[1] + b" ".join(part for part in (found[2], found[4], found[3]) if part) + b")"


def no_numbers(lines):
    kept = [re.sub(rb"(MODSEQ \(?|HIGHESTMODSEQ )\d+", rb"\1n", line) for line in lines if not line.startswith(b"* OK HIGHESTMODSEQ")]
    kept = [re.sub(rb"^(\* \d+ FETCH \()(.*?) ?(MODSEQ \(n\)) ?(.*)\)$", in_order, line) for line in kept]
    # Flags come unasked once with each change; Dovecot tells some of them twice.
    return [line for i, line in enumerate(kept) if line not in kept[:i]]


class Both:
    """The same commands to both, with the numbers that each of them has told filled in: {validity}, {highest}, {old}."""

    def __init__(self, enable="ENABLE QRESYNC"):
        self.account = imap_pair().account(FILES)
        self.known = {"ours": {}, "theirs": {}}
        if enable:
            self.same(enable)
        self.select("SELECT INBOX (CONDSTORE)")

    def answers(self, command):
        got = []
        for whose in ("ours", "theirs"):
            lines = self.account.session(whose).command(command.format(**self.known[whose]))
            for line in lines:
                for code, name in ((rb"\[UIDVALIDITY (\d+)", "validity"), (rb"\[HIGHESTMODSEQ (\d+)", "highest")):
                    found = re.search(code, line)
                    if found:
                        self.known[whose][name] = int(found[1])
            got.append(no_numbers(plain(lines)))
        imap_pair().compared += 1
        return got

    def same(self, *commands):
        for command in commands:
            ours, theirs = self.answers(command)
            equal(ours, theirs, command)

    def select(self, command):
        self.same(command)
        for known in self.known.values():
            known.setdefault("old", known["highest"])


def test_conditional_stores():
    both = Both()
    both.same("FETCH 1:3 (MODSEQ)", "UID FETCH 1:3 (FLAGS MODSEQ)", "STORE 1 +FLAGS (\\Flagged)", "STORE 2 +FLAGS.SILENT (\\Flagged)",
              "UID STORE 3 +FLAGS.SILENT (\\Flagged $x)", "UID STORE 4 (UNCHANGEDSINCE {old}) +FLAGS.SILENT (\\Deleted)",
              "STORE 4 (UNCHANGEDSINCE {old}) +FLAGS (\\Answered)", "UID STORE 4:6 (UNCHANGEDSINCE {old}) +FLAGS (\\Answered)",
              "STORE 1:8 (UNCHANGEDSINCE 0) FLAGS ()", "FETCH 1:* (FLAGS)", "FETCH 1:* (UID FLAGS) (CHANGEDSINCE {old})",
              "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 9000000000000000)", "UID FETCH 2 (FLAGS) (CHANGEDSINCE 1)", "NOOP")
    both.account.close()


def test_searches():
    both = Both()
    both.same("STORE 2,4 +FLAGS.SILENT (\\Flagged)")
    for condition in ("MODSEQ 1", 'MODSEQ "/flags/\\\\flagged" all 1', "MODSEQ 9000000000000000", "NOT MODSEQ 1", "MODSEQ 1 FLAGGED"):
        both.same(f"SEARCH {condition}", f"UID SEARCH {condition}", f"SEARCH RETURN (ALL COUNT) {condition}",
                  f"UID SEARCH RETURN (MIN) {condition}", f"SORT (REVERSE ARRIVAL) US-ASCII {condition}")
    both.same("SEARCH MODSEQ", "SEARCH MODSEQ x")
    both.account.close()


def test_resync():
    both = Both()
    both.same("STORE 1 +FLAGS (\\Flagged)", "STORE 3,5:6 +FLAGS.SILENT (\\Deleted)", "EXPUNGE", "NOOP", "UNSELECT",
              "SELECT INBOX (QRESYNC ({validity} {old}))", "SELECT INBOX (QRESYNC ({validity} {old} 1:5))",
              "SELECT INBOX (QRESYNC ({validity} {highest}))", "EXAMINE INBOX (QRESYNC ({validity} {highest} 1:8 (1:2 1:2)))",
              "SELECT INBOX (QRESYNC (1 {old}))", "SELECT INBOX", "UID FETCH 1:* (FLAGS) (CHANGEDSINCE {old} VANISHED)",
              "UID FETCH 3 (FLAGS) (CHANGEDSINCE {old} VANISHED)", "UID STORE 1 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 1:3", "NOOP")
    for known in both.known.values():
        check(known["highest"] > known["old"], "the number of EXPUNGE")
    for bad in ("(QRESYNC ({validity}))", "(FOO)", "(CONDSTORE"):
        both.same(f"SELECT INBOX {bad}")
    both.account.close()


def test_status():
    both = Both("ENABLE CONDSTORE")
    both.same("STATUS INBOX (HIGHESTMODSEQ MESSAGES)", 'LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))', "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)",
              "STORE 1 +FLAGS.SILENT (\\Deleted)", "EXPUNGE")
    both.account.close()
