"""MESSAGELIMIT and SAVELIMIT (RFC 9738): commands work on the messages with the highest UIDs, and say where they have stopped."""
import re

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill, literal

MESSAGES = [b"Subject: %d\r\n\r\nx\r\n" % i for i in range(1, 11)]


def uids(lines):
    return [int(re.search(rb"UID (\d+)", line)[1]) for line in lines if b"FETCH" in line]


def test_message_limit():
    mail = ImapInstance("imap_message_limit = 4\nimap_save_limit = 2\n")
    a = Client(mail)
    words = a.ok("CAPABILITY")[0].split()
    check(b"MESSAGELIMIT=4" in words and not any(word.startswith(b"SAVELIMIT") for word in words), f"{words}")
    for i in range(0, 10, 2):
        fill(a, MESSAGES[i:i + 2])
    a.ok("SELECT INBOX")
    a.ok("CREATE other")
    # What can be done in part, from the highest UID down
    lines = a.command("UID FETCH 1:* FLAGS")
    equal(uids(lines[:-1]), [10, 9, 8, 7], "FETCH")
    check(lines[-1].startswith(b"OK [MESSAGELIMIT 4 7] "), f"{lines[-1]}")
    equal(a.command("FETCH 3:6 UID")[-1][:5], b"OK Fe", "just four")
    check(a.command("UID FETCH 1:* FLAGS (PARTIAL 1:5)")[-1].startswith(b"NO [MESSAGELIMIT 4]"), "PARTIAL is refused")
    equal(uids(a.ok("UID FETCH 1:* FLAGS (PARTIAL 1:4)")), [1, 2, 3, 4], "or done")
    lines = a.command("STORE 1:8 +FLAGS (\\Flagged)")
    equal([line.split()[1] for line in lines[:-1]], [b"8", b"7", b"6", b"5"], "STORE")
    check(lines[-1].startswith(b"OK [MESSAGELIMIT 4 5] "), f"{lines[-1]}")
    a.ok("UID STORE 5:8 -FLAGS.SILENT (\\Flagged)")
    # SEARCH looks at so many, whatever it finds.
    lines = a.command("UID SEARCH RETURN (ALL COUNT) SUBJECT 1")
    equal(lines[0], b'* ESEARCH (TAG "a%d") UID ALL 10 COUNT 1' % a.count, "SEARCH")
    check(lines[-1].startswith(b"OK [MESSAGELIMIT 4 7] "), f"{lines[-1]}")
    for keys, wanted, code in (("UIDBEFORE 7", b"3:6", b"OK [MESSAGELIMIT 4 3] "), ("UIDBEFORE 3", b"1:2", b"OK Search"), ("UIDAFTER 8", b"9:10", b"OK Search"),
                               ("UID 2:5", b"2:5", b"OK Search"), ("2:5 UIDAFTER 3 UNSEEN", b"4:5", b"OK Search")):
        lines = a.command(f"UID SEARCH RETURN (ALL) {keys}")
        equal(lines[0], b'* ESEARCH (TAG "a%d") UID ALL ' % a.count + wanted, keys)
        check(lines[-1].startswith(code), f"{keys}: {lines[-1]}")
    for bad in ("UIDAFTER", "UIDBEFORE 0", "UIDAFTER x"):
        check(a.command(f"SEARCH {bad}")[-1].startswith(b"BAD"), bad)
    a.command("SEARCH RETURN (SAVE) ALL")
    equal(uids(a.ok("UID FETCH $ FLAGS")), [7, 8, 9, 10], "RFC 9738 3.4: what was found")
    a.send(b"u SEARCH RETURN (UPDATE COUNT) ALL\r\n")
    check(b'* NO [NOUPDATE "u"] Too many contexts.' in a.answer(b"u"), "results that are not complete are not kept up to date")
    # What must be done as a whole
    for command in ("SORT (SIZE) UTF-8 ALL", "THREAD REFS UTF-8 ALL", "UID COPY 1:5 other"):
        check(a.command(command)[-1].startswith(b"NO [MESSAGELIMIT 4]"), command)
    for command in ("SORT (SIZE) UTF-8 UID 1:4", "UID COPY 1:4 other"):
        a.ok(command)
    check(a.command(b"APPEND other" + b"".join(b" " + literal(text) for text in MESSAGES[:5]))[-1].startswith(b"NO [MESSAGELIMIT 4]"), "APPEND")
    equal(a.ok("STATUS other (MESSAGES)"), [b"* STATUS other (MESSAGES 4)"], "all or nothing")
    # MOVE has COPYUID and so on; what is gone is gone from the end.
    lines = a.command("UID MOVE 1:10 other")
    check(any(line.startswith(b"* OK [COPYUID") and b" 7:10 " in line for line in lines), f"{lines}")
    check(lines[-1].startswith(b"OK [MESSAGELIMIT 4 7] "), f"{lines[-1]}")
    a.ok("UID STORE 3:6 +FLAGS.SILENT (\\Deleted)")
    a.ok("UID STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    lines = a.command("UID EXPUNGE 1:10")
    check(lines[-1].startswith(b"OK [MESSAGELIMIT 4 3] ") and sum(b"EXPUNGE" in line for line in lines[:-1]) == 4, f"{lines}")
    # EXPUNGE knows no limit.
    a.ok("SELECT other")
    equal(a.ok("STATUS other (MESSAGES UNSEEN)"), [b"* STATUS other (MESSAGES 8 UNSEEN 8)"], "STATUS knows none")
    a.ok("UID STORE 1:4 +FLAGS.SILENT (\\Deleted)")
    a.ok("UID STORE 5:8 +FLAGS.SILENT (\\Deleted)")
    equal(sum(line.endswith(b"EXPUNGE") for line in a.ok("EXPUNGE")), 8, "all at once")
    # Where the answer has another code already
    fill(a, MESSAGES[:4], b"other")
    fill(a, MESSAGES[:2], b"other")
    a.ok("ENABLE CONDSTORE")
    a.ok("NOOP")
    lines = a.command("UID MOVE 9:14 INBOX")
    check(any(line.startswith(b"* NO [MESSAGELIMIT 4 11]") for line in lines) and lines[-1].startswith(b"OK [HIGHESTMODSEQ"), f"{lines}")
    mail.stop()


def test_save_limit():
    mail = ImapInstance("imap_save_limit = 4\n")
    a = Client(mail)
    words = a.ok("CAPABILITY")[0].split()
    check(b"SAVELIMIT=4" in words and not any(word.startswith(b"MESSAGELIMIT") for word in words), f"{words}")
    for i in range(0, 10, 2):
        fill(a, MESSAGES[i:i + 2])
    a.ok("SELECT INBOX")
    a.ok("CREATE other")
    equal(len(a.ok("FETCH 1:* FLAGS")), 10, "FETCH knows no limit")
    check(a.command("COPY 1:5 other")[-1].startswith(b"NO [MESSAGELIMIT 4]"), "COPY")
    check(a.command(b"APPEND other" + b"".join(b" " + literal(text) for text in MESSAGES[:5]))[-1].startswith(b"NO [MESSAGELIMIT 4]"), "APPEND")
    a.ok("COPY 1:4 other")
    mail.stop()


def test_none():
    mail = ImapInstance()
    words = Client(mail).ok("CAPABILITY")[0]
    check(b"LIMIT=" not in words.replace(b"APPENDLIMIT=", b""), f"{words}")
    mail.stop()
