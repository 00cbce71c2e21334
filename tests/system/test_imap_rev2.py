"""IMAP4rev2 (RFC 9051) and UIDONLY (RFC 9586): what is otherwise once they are enabled, and only then."""
from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill

_mail = None


def instance():
    global _mail
    _mail = _mail or ImapInstance()
    return _mail


def new_box(client, name, count=5):
    client.ok(f"CREATE {name}")
    fill(client, [b"Subject: m%d\r\n\r\nbody %d\r\n" % (i, i) for i in range(1, count + 1)], name.encode())
    return name


def starts(lines, *prefixes):
    return [line for line in lines if line.startswith(prefixes)]


def test_rev2_select():
    client = Client(instance())
    box = new_box(client, "rev2")
    check({b"IMAP4rev1", b"IMAP4rev2"} <= set(client.ok("CAPABILITY")[0].split()), "both are offered")
    old = client.ok(f"SELECT {box}")
    equal((len(starts(old, b"* LIST")), len(starts(old, b"* 5 RECENT")), len(starts(old, b"* OK [UNSEEN"))), (0, 1, 1), "before")
    client.ok("UNSELECT")
    fill(client, [b"Subject: one more\r\n\r\nx\r\n"], box.encode())
    equal(client.ok("ENABLE IMAP4rev2"), [b"* ENABLED IMAP4rev2"], "ENABLE")
    lines = client.ok(f"SELECT {box}")
    equal(starts(lines, b"* LIST"), [b'* LIST () "." rev2'], "6.3.2: SELECT says which one it is")
    check(not any(b"RECENT" in line or b"[UNSEEN" in line for line in lines), f"{lines}")
    check(not any(b"\\Recent" in line for line in client.ok("FETCH 1:* FLAGS")), "no \\Recent")
    fill(client, [b"Subject: later\r\n\r\nx\r\n"], box.encode())
    client.ok("NOOP")
    mail = instance().maildir("bob") / ".rev2"
    (mail / "tmp" / "1700000009.M1.h").write_bytes(b"Subject: x\n\ny\n")
    (mail / "tmp" / "1700000009.M1.h").rename(mail / "new" / "1700000009.M1.h")
    equal(client.ok("NOOP"), [b"* 8 EXISTS"], "no RECENT")


def test_rev2_search():
    client = Client(instance())
    box = new_box(client, "rev2search")
    client.ok("ENABLE IMAP4rev2")
    client.ok(f"SELECT {box}")

    def found(command):
        lines = client.ok(command)
        return [line.replace(b'(TAG "a%d")' % client.count, b"(TAG)") for line in lines]
    # 6.4.4, and 7.3.4: ESEARCH is the only answer
    equal(found("SEARCH UID 2:4"), [b"* ESEARCH (TAG) ALL 2:4"], "SEARCH")
    equal(found("UID SEARCH 1,3:5"), [b"* ESEARCH (TAG) UID ALL 1,3:5"], "UID SEARCH")
    equal(found("SEARCH SUBJECT nothing"), [b"* ESEARCH (TAG)"], "nothing")
    equal(found("SEARCH RETURN (MIN COUNT) ALL"), [b"* ESEARCH (TAG) MIN 1 COUNT 5"], "what was asked for")
    equal(found("SEARCH CHARSET UTF-8 ALL"), [b"* ESEARCH (TAG) ALL 1:5"], "CHARSET may be named")
    equal(client.ok("SORT (SUBJECT) UTF-8 ALL"), [b"* SORT 1 2 3 4 5"], "SORT is of another RFC")
    client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    equal(client.ok(f"STATUS {box} (MESSAGES DELETED SIZE)")[0][:43], b"* STATUS rev2search (MESSAGES 5 SIZE 115 DE", "6.3.11")


def test_rev2_names():
    client, old = Client(instance()), Client(instance())
    client.ok("ENABLE IMAP4rev2")
    # 5.1: names are UTF-8, in both directions; clients of rev1 see the modified UTF-7
    name = "Entwürfe &c".encode()
    client.ok(b'CREATE "' + name + b'"')
    equal(starts(client.ok('LIST "" E*'), b"* LIST"), [b'* LIST (\\HasNoChildren) "." "' + name + b'"'], "LIST")
    equal(starts(old.ok('LIST "" E*'), b"* LIST"), [b'* LIST (\\HasNoChildren) "." "Entw&APw-rfe &-c"'], "of rev1")
    equal(client.ok(b'STATUS "' + name + b'" (MESSAGES)'), [b'* STATUS "' + name + b'" (MESSAGES 0)'], "STATUS")
    client.ok(b'DELETE "' + name + b'"')
    client.ok("CREATE parent.child")
    equal(starts(client.ok('LIST "" parent'), b"* LIST"), [b'* LIST (\\NonExistent \\HasChildren) "." parent'], "no \\Noselect")


def test_uid_only():
    client = Client(instance())
    box = new_box(client, "uids", 6)
    check(b"UIDONLY" in client.ok("CAPABILITY")[0].split(), "offered")
    equal(client.ok("ENABLE UIDONLY"), [b"* ENABLED UIDONLY"], "ENABLE")
    lines = client.ok(f"SELECT {box}")
    check(b"* 6 EXISTS" in lines and not starts(lines, b"* OK [UNSEEN"), f"{lines}")
    # 3.1: no message numbers
    for command in ("FETCH 1 FLAGS", "STORE 1 FLAGS ()", "SEARCH ALL", "SORT (SUBJECT) UTF-8 ALL", "THREAD REFS UTF-8 ALL", "COPY 1 INBOX",
                    "MOVE 1 INBOX", "UID SEARCH 1:3", "UID SEARCH OR NOT (1) SEEN", "UID SORT (SUBJECT) UTF-8 *", "UID THREAD REFS UTF-8 2",
                    "UID SEARCH RETURN (COUNT) 1", "REPLACE 1 uids {5+}\r\nA: 1\n"):
        check(client.command(command)[-1].startswith(b"BAD [UIDREQUIRED]"), command)
    # 3.3: UIDFETCH
    equal(client.ok("UID FETCH 2:3 (FLAGS)"), [b"* 2 UIDFETCH (FLAGS (\\Recent))", b"* 3 UIDFETCH (FLAGS (\\Recent))"], "UIDFETCH")
    equal(client.ok("UID FETCH 2 (UID)"), [b"* 2 UIDFETCH (UID 2)"], "where it is asked for")
    equal(client.ok("UID STORE 4 +FLAGS (\\Flagged)"), [b"* 4 UIDFETCH (FLAGS (\\Flagged \\Recent))"], "STORE")
    equal(client.ok("UID SEARCH FLAGGED UID 1:*"), [b"* SEARCH 4"], "UIDs")
    # 3.5: VANISHED
    other = Client(instance())
    other.ok(f"SELECT {box}")
    other.ok("STORE 1,5 +FLAGS.SILENT (\\Deleted)")
    equal(client.ok("NOOP"), [b"* 1 UIDFETCH (FLAGS (\\Deleted \\Recent))", b"* 5 UIDFETCH (FLAGS (\\Deleted \\Recent))"], "of others")
    equal(starts(client.ok("EXPUNGE"), b"*")[0], b"* VANISHED 1,5", "EXPUNGE is possible")
    equal(starts(client.ok("UID MOVE 2 INBOX"), b"* VANISHED"), [b"* VANISHED 2"], "MOVE")
    # with CONDSTORE and QRESYNC
    client.ok("ENABLE QRESYNC")
    lines = client.ok("UID STORE 3 +FLAGS (\\Seen)")
    check(lines[0].startswith(b"* 3 UIDFETCH (FLAGS (\\Seen \\Recent) MODSEQ ("), f"{lines}")
    lines = client.command("UID STORE 3 (UNCHANGEDSINCE 1) +FLAGS (\\Seen)")
    check(lines[-1].startswith(b"OK [MODIFIED 3]"), f"{lines}")
    check(client.command(f"SELECT {box} (QRESYNC (1 2 1:9 (1 1)))")[-1].startswith(b"BAD [UIDREQUIRED]"), "3.6")
    client.ok(f"SELECT {box} (QRESYNC (1 2 1:9))")
    equal(client.ok("UID FETCH 3 (MODSEQ FLAGS)")[0][:22], b"* 3 UIDFETCH (MODSEQ (", "MODSEQ")


def test_uid_batches():
    """RFC 10022; the ranges themselves are in the unit tests."""
    mail = ImapInstance("imap_message_limit = 10\n")
    client = Client(mail)
    check(b"UIDBATCHES" in client.ok("CAPABILITY")[0].split(), "offered")
    check(client.command("UIDBATCHES 10")[-1].startswith(b"BAD"), "without a mailbox")
    client.ok("SELECT INBOX")
    answer = client.ok("UIDBATCHES 10")
    equal(answer, [b'* UIDBATCHES (TAG "a%d")' % client.count], "of nothing")
    box = new_box(client, "batches", 10)
    for count in (10, 3):
        fill(client, [b"Subject: more\r\n\r\n"] * count, box.encode())
    client.ok(f"SELECT {box}")
    client.ok("STORE 1,14 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    client.ok("ENABLE UIDONLY")
    equal(client.ok("UIDBATCHES 10")[0].split(b") ")[1], b"23:13,12:3,2:1", "all of them")
    equal(client.ok("UIDBATCHES 10 2:9")[0].split(b") ")[1], b"12:3,2:1", "some of them")
    for size, answer in ((b"9", b"NO [TOOSMALL]"), (b"x", b"BAD"), (b"10 2:1", b"BAD")):
        check(client.command(b"UIDBATCHES " + size)[-1].startswith(answer), f"{size}")
    large = Client(instance())
    large.ok("SELECT INBOX")
    check(large.command("UIDBATCHES 499")[-1].startswith(b"NO [TOOSMALL]"), "fewer than 500")
    large.ok("UIDBATCHES 500 1:1")
