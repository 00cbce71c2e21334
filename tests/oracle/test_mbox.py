"""Mailboxes in mbox files, served by ours and by Dovecot: the same answers, and each finds what the other has written."""
import os
import re
import shutil

from support import check, equal
from support.imap import IMAP
from support.imap_pair import ImapPair, Session

LOCATION = "mbox:~/mail:INBOX=~/spool"
EVERYTHING = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"

ODD = (b"From a@b.test Mon Nov  6 10:00:00 2023\nSubject: one\nX-UIDL: foo\n\nbody one\n>From quoted\nFrom here we go\n\n"
       b"From c@d.test  Mon Nov  6 11:00:00 2023\nSubject: two\nStatus: RO\nX-Status: AF\n\nbody two no blank line\n"
       b"From e@f.test Tue Nov  7 11:00:00 2023\nSubject: three\nContent-Length: 58\n\nbody three\n\n"
       b"From x@y.test Tue Nov  7 12:00:00 2023\nSubject: not: new\n\n\n"
       b"From g@h.test Tue Nov  7 13:00:00 2023 +0200\nSubject: four\n\n\n")
LENGTH = (b"From a@b.test Mon Nov  6 10:00:00 2023\nSubject: long\nContent-Length: 59\n\ntext\n\nFrom x@y.test Tue Nov  7 12:00:00 2023\n"
          b"not new text\n\nFrom c@d.test Mon Nov  6 11:00:00 2023\nSubject: last\n\nno line end")


def message(number, text="text", more=""):
    return (f"From a{number}@b.test Mon Nov  6 10:00:{number:02d} 2023\nFrom: a@b.test\nSubject: message {number}\n{more}"
            f"Message-ID: <{number}@test>\n\n{text} {number}\n\n").encode()


def plain_box(count):
    return b"".join(message(i) for i in range(1, count + 1))


def fill(home, files, uid, gid):
    (home / "mail").mkdir(parents=True)
    for name, data in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for folder, subfolders, names in os.walk(home):
        for each in [folder] + [os.path.join(folder, n) for n in names]:
            os.chown(each, uid, gid)


_pair = None


def pair():
    global _pair
    _pair = _pair or ImapPair(accounts=40, main=f"imap_mail_location = {LOCATION}\n", theirs=f"mail_location = {LOCATION}\n")
    return _pair


def account(inbox, files=()):
    return pair().account({"spool": inbox, **dict(files)}, fill)


def test_messages_of_all_kinds():
    for data in (ODD, LENGTH, b"", plain_box(3), plain_box(1).rstrip(b"\n"), plain_box(2).replace(b"Subject", b"X-IMAPbase: 7 9\nSubject", 1)):
        box = account(data)
        box.same("SELECT INBOX", EVERYTHING, "STATUS INBOX (MESSAGES UIDNEXT UNSEEN)")
        box.close()


def test_changes():
    box = account(ODD, {"mail/other": plain_box(2)})
    box.same("SELECT INBOX", "STORE 1,4 +FLAGS (\\Seen \\Deleted $Forwarded)", "STORE 3 FLAGS (bar \\Draft)", "STORE 2 -FLAGS (\\Flagged)",
             EVERYTHING, "EXPUNGE", EVERYTHING, "COPY 1:2 other", "MOVE 2 other")
    body = b"From: x@y\r\nStatus: RO\r\nX-UID: 77\r\nX-Foo: 1\r\n\r\nFrom bad\r\nFrom x@y.test Tue Nov  7 12:00:00 2023\r\n>From z\r\nlast\r\n"
    box.same(b"APPEND INBOX (\\Seen kw) \"01-Jan-2020 00:00:00 +0100\" {%d+}\r\n" % len(body) + body, EVERYTHING,
             "SELECT other", EVERYTHING)


def test_folders():
    box = account(b"", {"mail/a/b": plain_box(1), "mail/c": b""})
    box.same("CREATE d/e", "CREATE c", "RENAME c f/g", "SELECT a/b", "SELECT a", "DELETE a/b", "CREATE x.lock", "SELECT c", "SELECT f/g",
             "SUBSCRIBE f/g", 'LSUB "" *')


def numbers(lines):
    found = {}
    for line in lines:
        known = re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \((.*?)\).*(Message-ID: \S+)", line, re.S | re.I)
        if known:
            found[known[3]] = (known[1], b" ".join(sorted(f for f in known[2].split() if f != b"\\Recent")))
    return found


def picture(port, user):
    session = Session(pair().address, port, user)
    answer = session.command("SELECT INBOX")
    validity = next(re.search(rb"UIDVALIDITY (\d+)", line)[1] for line in answer if b"UIDVALIDITY" in line)
    found = numbers(session.command("FETCH 1:* (UID FLAGS BODY.PEEK[])"))
    session.close()
    return validity, found


def test_uids_flags_and_keywords_survive_a_switch_both_ways():
    p = pair()
    box = account(plain_box(6))
    user = box.user
    ours, theirs = (box.homes[w] for w in ("ours", "theirs"))

    def hand_over(source, target):
        target_box = target / "spool"
        target_box.write_bytes((source / "spool").read_bytes())
        shutil.rmtree(target / "mail/.imap", ignore_errors=True)
        os.chown(target_box, p.uid, p.gid)

    session = Session(p.address, IMAP, user)
    for command in ("SELECT INBOX", "STORE 2 +FLAGS (\\Seen $Junk)", "STORE 3 +FLAGS (\\Deleted)", "EXPUNGE", "STORE 1 FLAGS (\\Answered Later)", "LOGOUT"):
        session.command(command)
    session.close()
    for turn in range(2):
        before = picture(IMAP, user)
        equal(len(before[1]), 5, "messages")
        hand_over(ours, theirs)
        equal(picture(p.their_port, user), before, "what Dovecot makes of our file")
        session = Session(p.address, p.their_port, user)
        for command in ("SELECT INBOX", f"STORE {turn + 1} +FLAGS (\\Flagged kw{turn})", "CHECK", "LOGOUT"):
            session.command(command)
        session.close()
        before = picture(p.their_port, user)
        hand_over(theirs, ours)
        equal(picture(IMAP, user), before, "what we make of Dovecot's")
    check(b"X-UID: " in (ours / "spool").read_bytes(), "numbers stand in the file")


def test_two_servers_at_one_file():
    """Ours and Dovecot in turn, without a pause and with their indexes kept."""
    p = pair()
    box = account(plain_box(4))
    spool = box.homes["ours"] / "spool"
    other = box.homes["theirs"] / "spool"
    other.unlink()
    other.symlink_to(spool)
    one, two = Session(p.address, IMAP, box.user), Session(p.address, p.their_port, box.user)
    for session in (one, two):
        session.command("SELECT INBOX")
    for turn, (mine, yours) in enumerate(((one, two), (two, one), (one, two))):
        with open(spool, "ab") as file:
            file.write(message(10 + turn))
        mine.command(f"STORE {turn + 1} +FLAGS (\\Seen k{turn})")
        mine.command("CHECK")
        yours.command("CHECK")
        yours.command("NOOP")
    one.command("CHECK")
    two.command("CHECK")
    equal(numbers(one.command("FETCH 1:* (UID FLAGS BODY.PEEK[])")), numbers(two.command("FETCH 1:* (UID FLAGS BODY.PEEK[])")), "both know the same")
