"""SEARCH with its extensions, SORT and THREAD, compared with Debian's Dovecot."""
import random

from support import equal
from support.imap_pair import imap_pair

SENT = [b"From: Zoe <zoe@b.test>\nTo: c@d.test\nSubject: Re: hello\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@x>\n",
        b'From: adam@b.test\nTo: "B, C" <c@d.test>\nSubject: hello\nDate: Mon, 1 Jan 2023 00:00:00 +0000\nMessage-ID: <2@x>\n'
        b"In-Reply-To: <1@x>\n",
        b"From: =?utf-8?q?=C3=84rger?= <m@b.test>\nSubject: Fwd: [x] Apple\nDate: bad\nMessage-ID: <3@x>\nReferences: <1@x> <2@x>\n",
        b"Subject: none\nMessage-ID: <4@x>\nReferences: <9@x>\n",
        b"From: x@y\nCc: friends: a@b, c@d;\n"]


def mails(messages):
    return {f"new/{1700000000 + i}.M1.h": text for i, text in enumerate(messages)}


def filled():
    account = imap_pair().account(mails([header + b"\nbody\n" for header in SENT]) | {".Sent/": b""})
    account.same("SELECT INBOX")
    return account


def test_esearch():
    account = filled()
    account.same("UID SEARCH RETURN () ALL", "SEARCH RETURN (MIN MAX) 1:3", "SEARCH RETURN (MIN MIN) ALL", "SEARCH RETURN ( COUNT ) 2",
                 "SEARCH RETURN () SUBJECT nonex", "SEARCH RETURN (ALL COUNT MIN MAX) ALL", "SEARCH RETURN ALL", "SEARCH RETURN",
                 "SEARCH RETURN (FOO) ALL", "SEARCH RETURN (MIN) FOO", "SEARCH RETURN (MIN COUNT) SUBJECT nonex",
                 "SEARCH RETURN (MIN) CHARSET UTF-8 ALL", "SEARCH RETURN (MIN) CHARSET x-none ALL", "UID SEARCH RETURN (COUNT) UID 2:*")
    account.same("SEARCH RETURN (PARTIAL 1:2) ALL", "SEARCH RETURN (PARTIAL 2:1 COUNT) ALL", "SEARCH RETURN (PARTIAL 10:20) ALL",
                 "UID SEARCH RETURN (PARTIAL 4:9) 2:5", "SEARCH RETURN (PARTIAL) ALL", "SEARCH RETURN (PARTIAL 0:1) ALL",
                 "SEARCH RETURN (PARTIAL 1:2 ALL) ALL")
    account.close()


def test_saved_results():
    account = filled()
    account.same("SEARCH $", "FETCH $ UID", "SEARCH RETURN (SAVE) 2:3", "FETCH $ UID", "SEARCH $", "SEARCH RETURN (SAVE MIN) 2:4",
                 "FETCH $ UID", "SEARCH RETURN (SAVE MIN MAX) 2:4", "FETCH $ UID", "SEARCH RETURN (SAVE COUNT) 2:4", "FETCH $ UID",
                 "UID SEARCH $", "SEARCH UID $", "SEARCH OR $ 1", "SEARCH NOT $", "SEARCH ($ 3)", "SEARCH 1,$", "FETCH 1,$ UID",
                 "STORE $ +FLAGS (\\Seen)", "COPY $ Sent", "UID FETCH $ FLAGS", "STATUS Sent (MESSAGES)")
    # A refused search leaves nothing, a wrong one what there was (RFC 5182 2.1).
    account.same("SEARCH RETURN (SAVE) FOO", "FETCH $ UID", "SEARCH RETURN (SAVE COUNT) CHARSET x-none 1", "FETCH $ UID",
                 "SEARCH RETURN (SAVE) SUBJECT nonex", "FETCH $ UID", "SEARCH $", "COPY $ Sent", "STORE $ +FLAGS (\\Seen)")
    # What is expunged is no longer in it, and what another mailbox has never was.
    account.same("SEARCH RETURN (SAVE) 1:3", "STORE 2 +FLAGS.SILENT (\\Deleted)", "EXPUNGE", "FETCH $ UID", "SELECT Sent", "FETCH $ UID",
                 "SORT RETURN (SAVE) (REVERSE DATE) UTF-8 2:3", "FETCH $ UID", "MOVE $ INBOX", "SEARCH RETURN (SAVE) ALL", "UID EXPUNGE $")
    account.close()


def test_within():
    account = filled()
    account.same(*(f"SEARCH {key} {value}" for key in ("YOUNGER", "OLDER") for value in ("0", "1", "10", "4294967295", "4294967296", "x")),
                 "SEARCH NOT YOUNGER 86400", "SEARCH OLDER", "SEARCH OR OLDER 1 YOUNGER 1")
    account.close()


def test_sort():
    account = filled()
    keys = ("SUBJECT", "FROM", "TO", "CC", "DATE", "ARRIVAL", "SIZE", "DISPLAYFROM", "DISPLAYTO")
    account.same(*(f"SORT ({reverse}{key}) UTF-8 ALL" for key in keys for reverse in ("", "REVERSE ")))
    account.same("UID SORT (SUBJECT DATE FROM) US-ASCII 2:4", "SORT (REVERSE REVERSE DATE) UTF-8 ALL", "SORT (subject) utf-8 all",
                 "SORT () UTF-8 ALL", "SORT (REVERSE) UTF-8 ALL", "SORT SUBJECT UTF-8 ALL", "SORT (SUBJECT) ALL", "SORT (SUBJECT) UTF-8",
                 "SORT (SUBJECT) x-none ALL", "SORT (FOO) UTF-8 ALL", "SORT (SUBJECT) UTF-8 SUBJECT nonex", "SORT (SUBJECT) UTF-8 FOO",
                 "SORT", 'SORT (SUBJECT) "UTF-8" ALL', "SORT ( SUBJECT  DATE ) UTF-8 ALL")
    account.same("SORT RETURN (MIN MAX COUNT ALL) (SUBJECT) UTF-8 ALL", "SORT RETURN () (SUBJECT) UTF-8 ALL",
                 "UID SORT RETURN (PARTIAL 1:2) (SUBJECT) UTF-8 ALL", "SORT RETURN (SAVE) (SUBJECT) UTF-8 2:3", "FETCH $ UID",
                 "SORT RETURN (SAVE MIN) (REVERSE DATE) UTF-8 ALL", "FETCH $ UID", "SORT RETURN (ALL COUNT) (DATE) UTF-8 SUBJECT nonex")
    account.close()


def test_thread():
    account = filled()
    account.same(*(f"{uid}THREAD {how} UTF-8 {what}" for how in ("REFERENCES", "ORDEREDSUBJECT", "REFS") for uid in ("", "UID ")
                   for what in ("ALL", "2:4", "3", "NOT 1")),
                 "THREAD FOO UTF-8 ALL", "THREAD REFERENCES x-none ALL", "THREAD REFERENCES UTF-8", "THREAD", "thread references utf-8 all")
    equal(account.ours("THREAD REFS UTF-8 SUBJECT nonex")[-1], b"OK", "nothing found")
    account.close()


class Conversations:
    """Mail that answers other mail, by chance; the same for the same seed."""

    SUBJECTS = [b"apple", b"Apple", b"Re: apple", b"Fwd: [list] apple (fwd)", b"pear", b"RE : pear", b"[fwd: pear]", b"", b"Re:", b"[x]",
                "ärger".encode(), "Ärger".encode(), "Re: =?utf-8?q?=C3=84rger?=".encode(), b"zebra  stripes", b"zebra\n stripes",
                b"re: re: fw: zebra stripes", b"[a] [b] plum", b"plum (fwd) (FWD) ", b"Aepfel", b"apples", b"app"]
    PEOPLE = [b"Zoe <z@x.test>", b"adam@x.test", b'"Q, Adam" <B@x.test>', b"=?utf-8?q?=C3=84nne?= <q@x.test>", b"ABE@x.test (Name)",
              b"team: a@b.test, c@d.test;", b"none:;", b"", b"<m@x.test>", b"Adam <zz@x.test>", b'"" <e@x.test>']
    DATES = [b"Mon, 1 Jan 2024 00:00:00 +0000", b"Mon, 1 Jan 2024 00:00:00 -0500", b"2 Jan 24 10:00 GMT", b"bad", b"",
             b"Tue, 31 Dec 2019 23:59:59 +0000", b"Thu, 29 Feb 2024 12:00:00 +0100"]

    def __init__(self, seed, dates=None):
        self.pick = random.Random(seed)
        self.dates = dates or self.DATES

    def message(self, number):
        pick = self.pick
        lines = [b"Message-ID: <%d@x.test>" % pick.choice([number, number, number, number, pick.randrange(12)])]
        if pick.random() < 0.5:
            lines.append(b"References: " + b" ".join(b"<%d@x.test>" % pick.randrange(14) for _ in range(pick.choice([1, 1, 2, 3]))))
        elif pick.random() < 0.4:
            lines.append(b"In-Reply-To: <%d@x.test>" % pick.randrange(14))
        for field, values in ((b"Subject", self.SUBJECTS), (b"From", self.PEOPLE), (b"To", self.PEOPLE), (b"Cc", self.PEOPLE),
                              (b"Date", self.dates)):
            if pick.random() < 0.9:
                lines.append(field + b": " + pick.choice(values))
        if pick.random() < 0.1:
            lines.pop(0)
        return b"\n".join(lines) + b"\n\n" + b"x" * pick.randrange(50) + b"\n"


KEYS = ("SUBJECT", "FROM", "TO", "CC", "DATE", "ARRIVAL", "SIZE", "DISPLAYFROM", "DISPLAYTO")


def test_generated_sorts():
    pair = imap_pair()
    source = Conversations(20261130)
    pick = random.Random(5)
    for _ in range(3):
        account = pair.account(mails([source.message(i) for i in range(60)]))
        account.same("SELECT INBOX", *(f"SORT ({key}) UTF-8 ALL" for key in KEYS))
        for _ in range(20):
            program = " ".join(pick.choice(("", "REVERSE ")) + key for key in pick.sample(KEYS, pick.randrange(1, 4)))
            account.same(f"UID SORT ({program}) UTF-8 {pick.choice(('ALL', '5:40', 'SUBJECT pp', 'NOT FROM z'))}")
        account.close()


test_generated_sorts.seconds = 60


def test_generated_threads():
    pair = imap_pair()
    source = Conversations(7)
    for size in (4, 8, 12, 14) * 5:
        account = pair.account(mails([source.message(i) for i in range(size)]))
        account.same("SELECT INBOX")
        for how in ("ORDEREDSUBJECT", "REFERENCES"):
            account.same(f"THREAD {how} UTF-8 ALL", f"THREAD {how} UTF-8 2:{size - 1}")
        account.close()


def test_generated_threads_by_their_latest_message():
    """REFS.  Every message has a time of its own: which of two conversations comes first whose latest messages have the same
    is chance with Dovecot."""
    pair = imap_pair()
    pick = random.Random(9)
    for size in (5, 9, 14) * 5:
        minutes = pick.sample(range(60), size)
        files = [Conversations(pick.randrange(10 ** 6), [b"Mon, 1 Jan 2024 00:%02d:00 +0000" % minute]).message(number)
                 for number, minute in enumerate(minutes)]
        account = pair.account(mails([text for text in files if b"Date:" in text]))
        account.same("SELECT INBOX", "THREAD REFS UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "THREAD REFS UTF-8 2:4")
        account.close()


