"""OBJECTID (RFC 8474) and SAVEDATE (RFC 8514)."""
import re
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill


def found(pattern, lines):
    return [m[1] for line in lines for m in [re.search(pattern, line)] if m]


def email_ids(lines):
    return found(rb"EMAILID \(([A-Za-z0-9_-]{1,255})\)", lines)


def mailbox_id(lines):
    ids = found(rb"MAILBOXID \(([A-Za-z0-9_-]{1,255})\)", lines)
    check(len(ids) == 1, f"{lines}")
    return ids[0]


def test_mailbox_ids():
    mail = ImapInstance()
    client = Client(mail)
    check({b"OBJECTID", b"SAVEDATE"} <= set(client.ok("CAPABILITY")[0].split()), "offered")
    # RFC 8474 4.1 to 4.3, with the names of its examples
    made = {name: mailbox_id(client.command(f"CREATE {name}")[-1:]) for name in ("foo", "bar", "foo.renamed")}
    equal(len(set(made.values())), 3, "each has its own")
    equal(mailbox_id(client.ok("SELECT foo")), made["foo"], "SELECT")
    equal(mailbox_id(client.ok("EXAMINE bar")), made["bar"], "EXAMINE")
    equal(mailbox_id(client.ok("STATUS foo (MAILBOXID UNSEEN)")), made["foo"], "STATUS")
    client.ok("UNSELECT")
    client.ok("RENAME bar renamed")
    equal(mailbox_id(client.ok("SELECT renamed")), made["bar"], "it goes along with the mailbox")
    client.ok("UNSELECT")
    client.ok("DELETE foo.renamed")
    client.ok("DELETE foo")
    check(mailbox_id(client.command("CREATE foo")[-1:]) != made["foo"], "another mailbox of that name")
    listed = client.ok('LIST "" % RETURN (STATUS (MAILBOXID))')
    equal(len(found(rb"MAILBOXID \((\w+)\)", listed)), 3, "LIST-STATUS")
    guid = re.search(r" G(\w+)", (mail.maildir("bob") / ".renamed/dovecot-uidlist").read_text())[1]
    equal(guid.encode(), made["bar"], "it is what Dovecot calls it")
    mail.stop()


def test_email_ids():
    mail = ImapInstance()
    client = Client(mail)
    client.ok("CREATE foo")
    fill(client, [b"Subject: %d\r\n\r\nx\r\n" % i for i in range(3)])
    client.ok("SELECT INBOX")
    ids = email_ids(client.ok("FETCH 1:3 (EMAILID THREADID)"))
    equal(len(set(ids)), 3, "each has its own")
    equal(found(rb"THREADID (NIL)", client.ok("UID FETCH 1:3 (THREADID)")), [b"NIL"] * 3, "threads have none")
    client.ok("STORE 1 +FLAGS (\\Seen)")
    client.ok("COPY 1 foo")
    client.ok("MOVE 2 foo")
    equal(email_ids(client.ok("FETCH 1:* EMAILID")), [ids[0], ids[2]], "flags change nothing")
    client.ok("SELECT foo")
    equal(email_ids(client.ok("FETCH 1:* EMAILID")), ids[:2], "copies and what was moved")
    client.ok("COPY 1 INBOX")
    equal(client.ok(f"SEARCH EMAILID {ids[1].decode()}"), [b"* SEARCH 2"], "SEARCH")
    equal(client.ok(f"SEARCH OR EMAILID {ids[0].decode()} EMAILID {ids[1].decode()}"), [b"* SEARCH 1 2"], "SEARCH")
    equal(client.ok("SEARCH EMAILID M00"), [b"* SEARCH"], "of no message")
    equal(client.ok("SEARCH THREADID T64b478a75b7ea9"), [b"* SEARCH"], "no thread has one")
    equal(client.command("SEARCH EMAILID")[-1][:3], b"BAD", "an id is missing")
    client.ok("SELECT INBOX")
    equal(email_ids(client.ok("FETCH 3 EMAILID")), [ids[0]], "copied back")
    client.ok("RENAME INBOX old")
    client.ok("SELECT old")
    equal(sorted(email_ids(client.ok("FETCH 1:* EMAILID"))), sorted([ids[0], ids[0], ids[2]]), "renaming INBOX moves messages")
    mail.stop()


def test_save_dates():
    mail = ImapInstance()
    client = Client(mail)
    before = int(time.time())
    client.ok(b'APPEND INBOX "01-Jan-2001 00:00:00 +0000" {5+}\r\nA: 1\n')
    mail.deliver("bob", b"Subject: x\n\ny\n")
    mail.deliver("bob", b"Subject: x\n\ny\n", name="1400000000.M1.long-ago")
    mail.deliver("bob", b"Subject: x\n\ny\n", name="strange.name")
    client.ok("SELECT INBOX")

    def dates(lines):
        return [int(time.mktime(time.strptime(text.decode()[:20].strip(), "%d-%b-%Y %H:%M:%S")))
                for text in found(rb'SAVEDATE "([^"]+)"', lines)]
    shown = client.ok("FETCH 1:4 (SAVEDATE)")
    equal(len(found(rb'SAVEDATE "([ \d]\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4})"', shown)), 4, f"{shown}")
    times = dates(shown)
    now = [t for t in times if before - 86400 <= t <= before + 86400]
    equal(len(now), 3, f"saved today: {shown}")
    check(any(b"May-2014" in line for line in shown), f"what the name says: {shown}")
    equal(found(rb'INTERNALDATE "\s*(\S+)', client.ok("FETCH 1:4 (INTERNALDATE)")).count(b"01-Jan-2001"), 1, "which is another date")
    # RFC 8514 4.2 and 4.3
    old = [i + 1 for i, line in enumerate(shown) if b"May-2014" in line]
    equal(client.ok("SEARCH SAVEDBEFORE 01-Jan-2015"), [b"* SEARCH %d" % old[0]], "SAVEDBEFORE")
    equal(client.ok("SEARCH SAVEDON 13-May-2014"), [b"* SEARCH %d" % old[0]], "SAVEDON")
    equal(len(client.ok("SEARCH SAVEDSINCE 01-Jan-2015")[0].split()), 5, "SAVEDSINCE")
    equal(client.ok("SEARCH SAVEDATESUPPORTED"), [b"* SEARCH 1 2 3 4"], "SAVEDATESUPPORTED")
    equal(client.ok("SEARCH NOT SAVEDATESUPPORTED"), [b"* SEARCH"], "SAVEDATESUPPORTED")
    # A copy was saved when it was copied
    client.ok("CREATE foo")
    client.ok(f"COPY {old[0]} foo")
    client.ok("SELECT foo")
    check(dates(client.ok("FETCH 1 SAVEDATE"))[0] >= before - 86400, "the copy's own")
    mail.stop()
