"""NOTIFY (RFC 5465): what is told between commands, with the examples of the RFC, and what must not hurt."""
import os
import re
import select
import shutil
import socket
import subprocess
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill

MESSAGE = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\n\r\nbody line\r\n"


def told(client, wanted, seconds=10):
    """What comes unasked, until `wanted` has come; then what comes at once with it."""
    lines, end = [], time.monotonic() + seconds
    while not any(re.search(wanted, line) for line in lines) or pending(client, 0.2):
        check(time.monotonic() < end, f"{wanted} does not come: {lines}")
        if pending(client, 0.2):
            lines.append(whole(client))
    return lines


def whole(client):
    line = client.line()
    while literal := re.search(rb"\{(\d+)\}\r\n$", line):
        line += client.take(int(literal[1])) + client.line()
    return line.removesuffix(b"\r\n")


def pending(client, seconds):
    return bool(client.buffer) or bool(select.select([client.sock], [], [], seconds)[0])


def silent(client, seconds=0.5):
    if pending(client, seconds):
        equal(client.line(), b"", "nothing is told")


def two(mail):
    return Client(mail), Client(mail)


def test_selected():
    mail = ImapInstance()
    a, b = two(mail)
    fill(a, [MESSAGE] * 3)
    a.ok("SELECT INBOX")
    fill(b, [MESSAGE])
    # RFC 5465 3.1: what has gathered is told, as with NOOP; the example has no parentheses around the events.
    lines = a.ok("NOTIFY SET (selected MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge)")
    check(b"* 4 EXISTS" in lines, f"{lines}")
    fill(b, [MESSAGE])
    lines = told(a, rb"FETCH")
    equal([line for line in lines if b"RECENT" not in line], [b"* 5 EXISTS", b"* 5 FETCH (UID 5 BODY[HEADER.FIELDS (FROM TO SUBJECT)] {48}\r\n"
                                                              b"From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\n\r\n)"], "MessageNew")
    b.ok("SELECT INBOX")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    silent(a)  # FlagChange was not asked for
    b.ok("EXPUNGE")
    told(a, rb"\* 1 EXPUNGE")
    # Its own messages are not fetched for it.
    lines = a.command(b"APPEND INBOX {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
    check(any(b"EXISTS" in line for line in lines) and not any(b"FETCH" in line for line in lines), f"{lines}")
    silent(a)
    b.ok("NOOP")
    # The delayed form: EXPUNGE waits for a command that may tell it.
    a.ok("NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))")
    b.ok("STORE 1 +FLAGS (\\Flagged)")
    told(a, rb"^\* 1 FETCH \(UID 2 FLAGS \(\\Flagged( \\Recent)?\)\)$")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    told(a, rb"FETCH")
    silent(a)
    equal(a.ok("FETCH 2 UID"), [b"* 2 FETCH (UID 3)"], "the numbers hold")
    check(b"* 1 EXPUNGE" in a.ok("NOOP"), "EXPUNGE with NOOP")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    a.send(b"i IDLE\r\n")
    lines = told(a, rb"EXPUNGE")
    check(b"+ idling" in lines, f"{lines}")
    a.send(b"DONE\r\n")
    a.answer(b"i")
    # Nothing of it any longer, and all of it again.
    a.ok("NOTIFY NONE")
    fill(b, [MESSAGE])
    b.ok("STORE 1 +FLAGS (\\Answered)")
    silent(a)
    equal(a.ok("NOOP"), [], "NONE")
    check(any(b"EXISTS" in line for line in a.ok("NOTIFY SET (selected (MessageNew MessageExpunge))")), "told now")
    # QRESYNC: UIDs that are gone
    a.ok("ENABLE QRESYNC")
    b.ok("STORE 1 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    told(a, rb"\* VANISHED \d+")
    mail.stop()


def test_other_mailboxes():
    mail = ImapInstance("imap_hierarchy_separator = /\n")
    a, b = two(mail)
    for name in ("Lists", "Lists/Lemonade", "Lists/Im2000", "misc"):
        b.ok(f"CREATE {name}")
    fill(b, [MESSAGE] * 2, b"Lists/Lemonade")
    # RFC 5465 3.1
    lines = a.ok("notify set status (selected MessageNew (uid) MessageExpunge) (subtree Lists MessageNew)")
    check([re.sub(rb"UIDVALIDITY \d+", b"V", line) for line in lines] == [
        b"* STATUS Lists (MESSAGES 0 UIDNEXT 1 V UNSEEN 0)", b"* STATUS Lists/Im2000 (MESSAGES 0 UIDNEXT 1 V UNSEEN 0)",
        b"* STATUS Lists/Lemonade (MESSAGES 2 UIDNEXT 3 V UNSEEN 2)"], f"{lines}")
    a.ok("SELECT INBOX")
    fill(b, [MESSAGE], b"Lists/Lemonade")
    equal(told(a, b"STATUS"), [b"* STATUS Lists/Lemonade (MESSAGES 3 UIDNEXT 4 UNSEEN 3)"], "MessageNew")
    fill(b, [MESSAGE], b"misc")
    b.ok("SELECT Lists/Lemonade")
    b.ok("STORE 1 +FLAGS (\\Seen)")
    silent(a)
    a.ok("notify set (selected MessageNew MessageExpunge) (mailboxes (misc Lists/Lemonade) (MessageNew MessageExpunge FlagChange))")
    b.ok("STORE 2 +FLAGS (\\Seen)")
    equal(told(a, b"STATUS"), [b"* STATUS Lists/Lemonade (UNSEEN 1)"], "FlagChange")
    b.ok("STORE 2 +FLAGS (\\Flagged)")
    silent(a)  # RFC 5465 5.1: without CONDSTORE there is nothing to tell
    b.ok("STORE 2 +FLAGS (\\Deleted)")
    b.ok("EXPUNGE")
    equal(told(a, b"MESSAGES"), [b"* STATUS Lists/Lemonade (MESSAGES 2 UIDNEXT 4 UNSEEN 1)"], "MessageExpunge")
    # What it does itself it knows.
    fill(a, [MESSAGE] * 2, b"misc")
    a.ok("SELECT misc")
    a.ok("COPY 1 Lists/Lemonade")
    silent(a)
    fill(b, [MESSAGE], b"misc")
    told(a, rb"\* 4 EXISTS")  # misc is selected now
    a.ok("UNSELECT")
    silent(a)
    fill(b, [MESSAGE], b"misc")
    equal(told(a, b"STATUS"), [b"* STATUS misc (MESSAGES 5 UIDNEXT 6 UNSEEN 5)"], "no longer selected")
    a.ok("ENABLE CONDSTORE")
    b.ok("STORE 1 -FLAGS (\\Seen)")
    lines = told(a, b"STATUS")
    check(re.fullmatch(rb"\* STATUS Lists/Lemonade \(UIDVALIDITY \d+ UNSEEN 3 HIGHESTMODSEQ \d+\)", lines[0]), f"{lines}")
    # A mailbox that goes and comes back is another one.
    b.ok("UNSELECT")
    b.ok("DELETE misc")
    b.ok("CREATE misc")
    fill(b, [MESSAGE], b"misc")
    told(a, rb"STATUS misc \(MESSAGES 1 UIDNEXT 2")
    mail.stop()


def test_names():
    mail = ImapInstance("imap_hierarchy_separator = /\n")
    a, b = two(mail)
    b.ok("CREATE OldMailbox")
    b.ok("CREATE OldMailbox/below")
    a.ok("NOTIFY SET (personal (MailboxName SubscriptionChange)) (mailboxes INBOX (MessageNew MessageExpunge))")
    for command, wanted in (
            ("CREATE NewMailbox", [b'* LIST (\\HasNoChildren) "/" NewMailbox']),
            ("CREATE NewMailbox/child", [b'* LIST (\\HasNoChildren) "/" NewMailbox/child', b'* LIST (\\HasChildren) "/" NewMailbox']),
            ("DELETE NewMailbox", [b'* LIST (\\NonExistent \\HasChildren) "/" NewMailbox']),
            ("RENAME OldMailbox Renamed", [b'* LIST (\\HasChildren) "/" Renamed ("OLDNAME" (OldMailbox))']),
            ("SUBSCRIBE Renamed", [b'* LIST (\\HasChildren \\Subscribed) "/" Renamed']),
            ("UNSUBSCRIBE Renamed", [b'* LIST (\\HasChildren) "/" Renamed']),
            ("CREATE Sent", [b'* LIST (\\HasNoChildren \\Sent) "/" Sent'])):
        b.ok(command)
        equal(told(a, b"LIST"), wanted, command)
    for command in ("CREATE mine", "RENAME mine yours", "SUBSCRIBE yours", "UNSUBSCRIBE yours", "DELETE yours"):
        equal(a.ok(command), [], command)
        silent(a, 0.2)
    # Whoever does it: a Maildir that appears or goes
    shutil.copytree(mail.maildir("bob") / ".Sent", mail.maildir("bob") / ".copied")
    told(a, b"LIST .* copied")
    os.rename(mail.maildir("bob") / ".copied", mail.maildir("bob") / ".moved")
    told(a, rb'LIST .* moved \("OLDNAME" \(copied\)\)')
    # Only what is asked for, and only where
    a.ok("NOTIFY SET (subtree Renamed (MailboxName)) (subscribed (MessageNew MessageExpunge SubscriptionChange))")
    b.ok("CREATE elsewhere")
    b.ok("CREATE Renamed/x")
    equal(told(a, b"Renamed/x")[0], b'* LIST (\\HasNoChildren) "/" Renamed/x', "in the subtree")
    fill(b, [MESSAGE], b"Renamed/x")
    silent(a)
    b.ok("SUBSCRIBE Renamed/x")  # RFC 5465 6.4: from now on it is watched
    lines = told(a, rb"STATUS Renamed/x \(MESSAGES 1")
    equal(lines[0], b'* LIST (\\HasNoChildren \\Subscribed) "/" Renamed/x', "SubscriptionChange")
    fill(b, [MESSAGE], b"Renamed/x")
    equal(told(a, b"STATUS"), [b"* STATUS Renamed/x (MESSAGES 2 UIDNEXT 3 UNSEEN 2)"], "subscribed")
    mail.stop()


def test_names_within_each_other():
    """Where mailboxes are directories, or files, in directories, on every level."""
    for location, root in (("maildir:~/Maildir:LAYOUT=fs", "Maildir"), ("mbox:~/mail", "mail")):
        mail = ImapInstance(f"imap_hierarchy_separator = /\nimap_mail_location = {location}\n")
        a, b = two(mail)
        b.ok("CREATE top/first")
        a.ok("NOTIFY SET (personal (MailboxName))")
        for command, wanted in (
                ("CREATE top/second", b"NoChildren. \"/\" top/second$"),
                ("RENAME top/second top/third", b"top/third .*OLDNAME.*top/second"),
                ("DELETE top/third", b"NonExistent.* top/third$"),
                ("CREATE some/where/deep", b"some/where/deep$"),
                ("CREATE some/where/else", b"some/where/else$"),
                ("DELETE some/where/else", b"NonExistent.* some/where/else$")):
            b.ok(command)
            told(a, wanted)
        place = mail.home("bob") / root
        os.rename(place / "some", place / "moved")
        told(a, b"moved/where/deep")
        b.ok("CREATE moved/where/again")
        told(a, b"moved/where/again$")
        shutil.rmtree(place / "top")
        told(a, b"NonExistent.* top/first$")
        b.ok("CREATE top/first")
        told(a, b"top/first$")
        b.ok("CREATE top/anew")
        told(a, b"top/anew$")
        mail.stop()


def test_names_in_too_many_places():
    mail = ImapInstance("imap_hierarchy_separator = /\nimap_mail_location = maildir:~/Maildir:LAYOUT=fs\nimap_notify_mailbox_limit = 3\n")
    a, b = two(mail)
    b.ok("CREATE a")
    a.ok("NOTIFY SET (personal (MailboxName))")
    b.ok("CREATE b")
    told(a, b"LIST .* b$")
    b.ok("CREATE b/c")
    told(a, rb"\* OK \[NOTIFICATIONOVERFLOW\]")
    check(a.command("NOTIFY SET (personal (MailboxName))")[-1].startswith(b"NO [NOTIFICATIONOVERFLOW]"), "four directories are too many")
    b.ok("DELETE b/c")
    a.ok("NOTIFY SET (personal (MailboxName))")
    mail.stop()


def test_another_in_its_place():
    """A mailbox is gone and one of the same name there before anybody looks."""
    mail = ImapInstance()
    a, b = two(mail)
    b.ok("CREATE misc")
    a.ok("NOTIFY SET (mailboxes misc (MessageNew MessageExpunge))")
    home, root = mail.home("bob"), mail.maildir("bob")
    subprocess.run(["cp", "-a", root / ".misc", home / "fresh"], check=True)
    os.rename(root / ".misc", home / "gone")
    os.rename(home / "fresh", root / ".misc")
    silent(a, 1)
    mail.deliver("bob", b"Subject: x\n\ny\n", ".misc")
    told(a, rb"STATUS misc \(MESSAGES 1")
    mail.stop()


def test_refusals():
    mail = ImapInstance("imap_notify_mailbox_limit = 3\n")
    a = Client(mail)
    for arguments, wanted in (
            ("", b"BAD"), (" SET", b"BAD"), (" NONE x", b"BAD"), (" SET ()", b"BAD"), (" SET (personal)", b"BAD"), (" SET (personal ())", b"BAD"),
            (" SET (selected (MessageNew))", b"BAD"), (" SET (selected (FlagChange))", b"BAD"), (" SET (selected (MailboxName))", b"BAD"),
            (" SET (personal (MessageNew (UID) MessageExpunge))", b"BAD"), (" SET (selected NONE) (selected-delayed NONE)", b"BAD"),
            (" SET (selected (MessageNew (FROB) MessageExpunge))", b"BAD"), (" SET (subtree-one a (MessageNew))", b"BAD"),
            (" SET (personal (AnnotationChange))", b"NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "
             b"MailboxMetadataChange ServerMetadataChange)]"),
            (" SET (personal (x-unheard-of))", b"NO [BADEVENT (MessageNew"), (" SET STATUS (subtree (a b) (MessageNew MessageExpunge))", b"OK"),
            (" SET (mailboxes missing (MessageNew MessageExpunge))", b"OK"), (" SET (personal NONE)", b"OK"),
            (" SET" + " (personal (MessageNew))" * 101, b"NO [NOTIFICATIONOVERFLOW]"), (" SET" + " (personal NONE)" * 2000, b"OK")):
        answer = a.command("NOTIFY" + arguments)[-1]
        check(answer.startswith(wanted), f"{arguments[:80]}: {answer}")
        a.ok("NOOP")
    for name in "abc":
        a.ok(f"CREATE {name}")
    check(a.command("NOTIFY SET (personal (MessageNew MessageExpunge))")[-1].startswith(b"NO [NOTIFICATIONOVERFLOW]"), "four are too many")
    a.ok("NOTIFY SET (subtree (a b c) (MessageNew MessageExpunge))")
    b = Client(mail)
    b.ok("CREATE a.below")
    told(a, rb"\* OK \[NOTIFICATIONOVERFLOW\]")  # RFC 5465 5.8
    fill(b, [MESSAGE], b"a")
    silent(a)
    # Names alone cost no watch for each.
    a.ok("NOTIFY SET (personal (MailboxName))")
    b.ok("CREATE another")
    told(a, b"another")
    mail.stop()


def test_gone_while_watched():
    mail = ImapInstance()
    a, b = two(mail)
    b.ok("CREATE x")
    fill(b, [MESSAGE], b"x")
    a.ok("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge))")
    b.ok("DELETE x")
    silent(a)
    check(not (mail.maildir("bob") / ".x").exists(), "looking at it makes it anew")
    half = mail.maildir("bob") / ".half"
    (half / "cur").mkdir(parents=True)  # as one that is being removed
    for path in (half, half / "cur"):
        os.chown(path, *mail.mta.vmail_ids())
    b.ok("CREATE y")
    fill(b, [MESSAGE], b"y")
    told(a, rb"STATUS y \(MESSAGES 1")
    b.ok("CREATE x")
    a.ok("SELECT x")
    shutil.rmtree(mail.maildir("bob") / ".x")
    line = a.line()
    while b" EXPUNGE" in line:  # its files go before it does
        line = a.line()
    check(line.startswith(b"* BYE"), f"the selected mailbox is gone: {line}")
    Client(mail).ok("NOOP")
    mail.stop()


def test_many_mailboxes_and_a_client_that_does_not_read():
    mail = ImapInstance("imap_notify_mailbox_limit = 3000\n")
    root = mail.maildir("bob")
    a, b = two(mail)
    status = root.stat()
    for i in range(600):
        for part in ("cur", "new", "tmp"):
            os.makedirs(root / f".m{i}" / part, mode=0o700)
        for each in (root / f".m{i}", *(root / f".m{i}").iterdir()):
            os.chown(each, status.st_uid, status.st_gid)
    before = time.monotonic()
    a.ok("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")
    check(time.monotonic() - before < 10, "600 mailboxes")
    fill(b, [MESSAGE], b"m77")
    told(a, b"STATUS m77 .MESSAGES 1 ")
    # It reads nothing, and others go on.
    a.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = memory(mail)
    for i in range(100):
        fill(b, [MESSAGE], b"m%d" % i)
        b.ok(f"SUBSCRIBE m{i}")
    check(memory(mail) - before < 30000, f"{before} to {memory(mail)} KB")
    lines = told(a, b"STATUS m99", 30) if pending(a, 1) else []
    state = {}
    for line in lines:
        if found := re.match(rb"\* STATUS (\S+) \(MESSAGES (\d+)", line):
            state[found[1]] = int(found[2])
    equal(state, {**{b"m%d" % i: 1 for i in range(100)}, b"m77": 2}, "all of it was told in the end")
    mail.stop()


def memory(mail):
    return max(int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) for pid in mail.mta.processes("imap"))


def test_annotations():
    """RFC 5465 5.6 and 5.7, RFC 5464 4.4.2: which entries have changed, without their values; by other sessions, by doveadm, not by oneself."""
    mail = ImapInstance()
    a, b = two(mail)
    for name in ("one", "two", "three"):
        a.ok(f"CREATE {name}")
    a.ok("SELECT INBOX")
    a.ok("NOTIFY SET (mailboxes (INBOX one three) (MailboxMetadataChange)) (inboxes (ServerMetadataChange))")
    b.ok('SETMETADATA one (/private/comment "x" /shared/comment "y")')
    equal(told(a, rb"METADATA"), [b"* METADATA one /private/comment /shared/comment"], "another mailbox")
    b.ok('SETMETADATA INBOX (/private/comment "x")')
    equal(told(a, rb"METADATA"), [b"* METADATA INBOX /private/comment"], "the selected one")
    b.ok("SETMETADATA one (/private/comment NIL)")
    equal(told(a, rb"METADATA"), [b"* METADATA one /private/comment"], "one that is gone")
    b.ok('SETMETADATA "" (/private/vendor/x "z")')
    equal(told(a, rb"METADATA"), [b'* METADATA "" /private/vendor/x'], "the server")
    b.ok('SETMETADATA two (/private/comment "x")')
    a.ok('SETMETADATA three (/private/comment "mine")')
    silent(a)
    done = subprocess.run([mail.mta.commands / "doveadm", "-c", mail.mta.conf, "mailbox", "metadata", "set", "-u", "bob", "three", "/private/comment",
                           "others"], env=mail.mta.environment(), capture_output=True, text=True)
    equal((done.returncode, done.stderr), (0, ""), "doveadm")
    equal(told(a, rb"METADATA"), [b"* METADATA three /private/comment"], "doveadm's")
    # in IDLE
    a.send(b"i IDLE\r\n")
    equal(a.line(), b"+ idling\r\n", "IDLE")
    b.ok('SETMETADATA one (/shared/comment "more")')
    equal(told(a, rb"METADATA"), [b"* METADATA one /shared/comment"], "in IDLE")
    a.send(b"DONE\r\n")
    a.answer(b"i")
    # a file that is replaced by something else
    path = mail.maildir("bob") / "dovecot-attributes"
    path.write_bytes(b"\xff\n\x01" * 3000)
    b.ok("NOOP")
    a.ok("NOOP")
    a.ok("NOTIFY NONE")
    b.ok('SETMETADATA one (/shared/comment "and more")')
    silent(a)


def test_no_annotations():
    mail = ImapInstance("imap_metadata_file =\n")
    client = Client(mail)
    check(client.command("NOTIFY SET (personal (MailboxMetadataChange))")[-1].startswith(b"NO [BADEVENT (MessageNew"), "without METADATA")
    check(b"LIST-METADATA" not in client.ok("CAPABILITY")[0].split(), "without METADATA")
    check(client.command('LIST "" * RETURN (METADATA (/private/comment))')[-1].startswith(b"BAD"), "without METADATA")
