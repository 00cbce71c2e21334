"""Mailboxes in mbox files: programs that append meanwhile, deaths, full disks, mailboxes that may only be read, large ones; IMAP, POP3 and
LMTP with them."""
import contextlib
import fcntl
import imaplib
import os
import pathlib
import poplib
import random
import re
import signal
import subprocess
import tempfile
import threading
import time

from support import Skip, check, equal
from support.c_programs import compiled
from support.imap import PASSWORD, ImapInstance
from support.imap_client import Client
from support.room import room

LOCATION = "imap_mail_location = mbox:~/mail:INBOX=~/spool\n"


class Pop3Instance(ImapInstance):
    programs = ("pop3", "pop3-login")
    services = "{address}:1100 inet n - n - 500 pop3-login\npop3 unix - - n - 1 pop3\n"


def message(number, text="text"):
    return (f"From a@b.test  Mon Nov  6 10:00:00 2023\nFrom: a@b.test\nSubject: message {number}\nMessage-ID: <{number}@test>\n\n"
            f"{text} {number}\n\n").encode()


def spool(mail, data=b""):
    path = mail.home("bob") / "spool"
    path.write_bytes(data)
    os.chown(path, *mail.mta.vmail_ids())
    return path


def left_over(lock):
    try:
        pid = int(open(lock).read().split(":")[0] or 1)
        os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return True
    return False


def append(path, data):
    """As local(8) does it."""
    lock = f"{path}.lock"
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o644))
            break
        except FileExistsError:
            if left_over(lock):
                os.unlink(lock)
            time.sleep(0.01)
    with open(path, "ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(data)
        file.flush()
    os.unlink(lock)


def ids(box):
    """{Message-ID: UID} of what is selected."""
    found = {}
    for part in box.uid("FETCH", "1:*", "(UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
        if isinstance(part, tuple):
            found[re.search(rb"<(\d+)@test>", part[1])[1]] = int(re.search(rb"UID (\d+)", part[0])[1])
    return found


def test_mail_that_comes_meanwhile():
    mail = ImapInstance(LOCATION)
    path = spool(mail, message(1))
    box = mail.login("bob", "INBOX")
    idle = Client(mail)
    idle.ok("SELECT INBOX")
    idle.send(b"i IDLE\r\n")
    check(idle.line().startswith(b"+"), "it idles")
    for number in range(2, 12):
        append(path, message(number))
        while b"EXISTS" not in idle.line():
            pass
        box.store("1", "+FLAGS", f"k{number}")
    box.noop()
    found = ids(box)
    equal(sorted(int(n) for n in found), list(range(1, 12)), "messages")
    equal(list(found.values()), sorted(found.values()), "UIDs ascend")
    box.store("1:5", "+FLAGS", r"\Deleted")
    box.expunge()
    append(path, message(99))
    box.noop()
    equal(len(ids(box)), 7, "messages")
    check(path.read_bytes().startswith(b"From "), "the file begins with a message")


def test_programs_that_change_it():
    """mutt and its like write the file anew: in place, or with another in its place."""
    mail = ImapInstance(LOCATION)
    path = spool(mail, b"".join(message(i) for i in range(1, 6)))
    box = mail.login("bob", "INBOX")
    before = ids(box)
    text = path.read_bytes()
    pieces = re.split(rb"(?m)^(?=From a@b)", text)[1:]
    path.write_bytes(b"".join(pieces[1:]).replace(b"Status: O", b"Status: RO"))  # the first one, with the numbers, is gone
    box.noop()
    after = ids(box)
    equal(after, {k: v for k, v in before.items() if k != b"1"}, "the others keep their UIDs")
    equal(box.search(None, "SEEN")[1][0].split(), [b"1", b"2", b"3", b"4"], "flags")
    new = path.with_name("spool.new")
    new.write_bytes(path.read_bytes() + message(50))
    os.chown(new, *mail.mta.vmail_ids())
    new.rename(path)
    box.noop()
    equal(sorted(ids(box)), [b"2", b"3", b"4", b"5", b"50"], "messages")
    path.unlink()
    try:
        box.noop()
        check(False, "a session goes on without its mailbox")
    except imaplib.IMAP4.abort:
        pass
    path.write_bytes(message(60))
    os.chown(path, *mail.mta.vmail_ids())
    again = mail.login("bob", "INBOX")
    equal(sorted(ids(again)), [b"60"], "messages")
    check(ids(again)[b"60"] > max(after.values()), "a UID that was given is not given again")


def kill_sessions(mail):
    """Processes that serve a user work in his home directory."""
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == os.path.realpath(mail.home("bob")):
                os.kill(int(entry.name), signal.SIGKILL)


def test_killed_while_it_writes():
    mail = ImapInstance(LOCATION)
    path = spool(mail, b"".join(message(i, "x" * 3000) for i in range(1, 200)))
    generator = random.Random(7)
    expected = set(range(1, 200))
    gone = set()
    added = 1000
    uids = {}
    for _ in range(12):
        box = mail.login("bob", "INBOX")
        found = ids(box)
        for name, uid in found.items():
            equal(uids.setdefault(name, uid), uid, f"UID of {name}")
        have = {int(name) for name in found}
        check(expected <= have, f"lost: {sorted(expected - have)}")
        check(not (have & gone), f"came back: {sorted(have & gone)}")
        killer = threading.Timer(generator.uniform(0.02, 0.4), kill_sessions, [mail])
        killer.start()
        try:
            while True:
                victim = generator.choice(sorted(expected))
                uid = found[str(victim).encode()]
                expected.discard(victim)
                box.uid("STORE", str(uid), "+FLAGS", r"(\Deleted $Junk)")
                if box.expunge()[0] == "OK":
                    gone.add(victim)
                added += 1
                if box.append("INBOX", None, None, message(added).split(b"\n", 1)[1])[0] == "OK":
                    expected.add(added)
                box.noop()
                found = ids(box)
        except (imaplib.IMAP4.error, OSError, KeyError, ValueError):
            pass
        killer.join()
        added += 1
        append(path, message(added))  # at a file that may be half written
        expected.add(added)
        time.sleep(0.3)
    check(len(gone) > 5, f"only {len(gone)} went")


def test_full_disk():
    room().require_private("a small file system")
    mail = ImapInstance(LOCATION)
    home, (uid, gid) = mail.home("bob"), mail.mta.vmail_ids()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=1m,mode=700,uid={uid},gid={gid}", "none", home]).returncode:
        raise Skip("no tmpfs to be had")
    path = spool(mail, b"".join(message(i, "x" * 500) for i in range(1, 101)))
    box = mail.login("bob", "INBOX")
    found = ids(box)
    equal(len(found), 100, "messages")
    filler = home / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    before = path.read_bytes()
    answer = box.append("INBOX", None, None, b"Subject: no room\n\n" + b"y" * 9000)
    equal(answer[0], "NO", "no room")
    append_size = len(path.read_bytes())
    box.store("1:50", "+FLAGS", "(\\Deleted a-keyword-that-makes-headers-much-longer)")
    equal(ids(box), found, "all messages are there, with their UIDs")
    check(append_size <= len(before) + 100, "nothing half-written stays")
    filler.unlink()
    box.store("1:50", "+FLAGS", r"\Deleted")
    equal(box.expunge()[0], "OK", "there is room again")
    equal(len(ids(box)), 50, "messages")


def test_read_only():
    if os.getuid() != 0:
        raise Skip("a mailbox of somebody else needs root")
    mail = ImapInstance(LOCATION)
    path = spool(mail, message(1) + message(2))
    os.chown(path, 0, 0)
    path.chmod(0o644)
    box = mail.login("bob", "INBOX")
    found = ids(box)
    equal(box.store("1", "+FLAGS", r"\Seen")[0], "NO", "nothing can be changed")
    box.logout()
    path.write_bytes(path.read_bytes() + message(3))
    box = mail.login("bob", "INBOX")
    again = ids(box)
    equal({k: again[k] for k in found}, found, "UIDs stay")
    equal(len(again), 3, "messages")
    equal(path.read_bytes(), message(1) + message(2) + message(3), "the file is as it was")


def test_pop3():
    mail = Pop3Instance(LOCATION)
    path = spool(mail, b"".join(message(i) for i in range(1, 5)))
    def login():
        client = poplib.POP3(mail.address, 1100, timeout=20)
        client.user("bob")
        client.pass_(PASSWORD)
        return client
    client = login()
    equal(client.stat()[0], 4, "messages")
    uidls = client.uidl()[1]
    check(b"Status" not in b"\n".join(client.retr(1)[1]), "marks are not shown")
    client.dele(2)
    client.quit()
    append(path, message(9))
    client = login()
    equal(client.stat()[0], 4, "messages")
    equal([u.split()[1] for u in client.uidl()[1]][:3], [u.split()[1] for u in uidls if not u.startswith(b"2 ")], "UIDLs stay")


def test_large():
    """100,000 messages: looked at once, then opened again from what is known."""
    mail = ImapInstance(LOCATION)
    path = spool(mail)
    with open(path, "wb") as file:
        for i in range(100_000):
            file.write(message(i))
    def select():
        began = time.monotonic()
        box = mail.login("bob")
        equal(box.select("INBOX")[1], [b"100000"], "messages")
        return box, time.monotonic() - began
    box, first = select()
    validity = box.response("UIDVALIDITY")[1]
    box.uid("STORE", "50000", "+FLAGS", r"\Seen")
    box.logout()
    time.sleep(13)  # it lets go of the mailbox, and of the process
    box, second = select()
    equal(box.response("UIDVALIDITY")[1], validity, "UIDVALIDITY")
    check(second < max(first / 3, 0.5), f"opened again in {second:.2f} s, the first time in {first:.2f} s")
    began = time.monotonic()
    append(path, message(100_000))
    box.noop()
    check(time.monotonic() - began < max(first / 3, 0.5), "one more message")
    equal(box.status("INBOX", "(MESSAGES)")[1], [b"INBOX (MESSAGES 100001)"], "messages")


def told(client, wanted):
    """The lines up to the one that has this."""
    lines = [client.line()]
    while wanted not in lines[-1]:
        lines.append(client.line())
    return lines


def test_notify():
    """RFC 5465: other mbox files, and files that come and go, whoever makes them."""
    mail = ImapInstance(LOCATION)
    spool(mail, message(1))
    watching, other = Client(mail), Client(mail)
    other.ok("CREATE other")
    watching.ok("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName SubscriptionChange))")
    append(mail.home("bob") / "mail/other", message(2))
    check(b"MESSAGES 1" in told(watching, b"STATUS other")[-1], "a message that somebody appends")
    append(mail.home("bob") / "spool", message(3))
    check(b"MESSAGES 2" in told(watching, b"STATUS INBOX")[-1], "in INBOX as well")
    old = mail.home("bob") / "mail/other"
    new = mail.home("bob") / "spare"
    new.write_bytes(old.read_bytes())
    os.chown(new, *mail.mta.vmail_ids())
    new.rename(old)
    time.sleep(1)
    append(old, message(4))
    check(b"MESSAGES 2" in told(watching, b"STATUS other (MESSAGES 2")[-1], "in a file that has taken its place")
    made = mail.home("bob") / "mail/made"
    made.write_bytes(b"")
    os.chown(made, *mail.mta.vmail_ids())
    told(watching, b"LIST (\\HasNoChildren) \".\" made")
    other.ok("SUBSCRIBE other")
    told(watching, b"LIST (\\HasNoChildren \\Subscribed) \".\" other")
    made.unlink()
    told(watching, b"LIST (\\NonExistent \\HasNoChildren) \".\" made")
    mail.stop()


def test_urls():
    """RFC 4467: a key of a mailbox that is no directory."""
    mail = ImapInstance(LOCATION + "imap_urlauth_host = example.com\n")
    spool(mail, message(1))
    bob = Client(mail)
    answer = bob.ok('GENURLAUTH "imap://bob@example.com/INBOX/;uid=1/;section=TEXT;urlauth=user+bob" INTERNAL')[0]
    url = answer.split(b'"')[1].decode()
    check(b"".join(bob.ok(f'URLFETCH "{url}"')).endswith(b" {8}\r\ntext 1\r\n"), "its text")
    bob.ok("RESETKEY INBOX")
    equal(bob.ok(f'URLFETCH "{url}"'), [f'* URLFETCH "{url}" NIL'.encode()], "its key is gone")
    mail.stop()


def test_backup():
    """doveadm backup makes a Maildir of it; the other way is refused."""
    mail = ImapInstance(LOCATION)
    spool(mail, message(1) + message(2))
    box = mail.login("bob", "INBOX")
    box.store("2", "+FLAGS", r"(\Flagged $Junk)")
    box.create("Sent")
    box.append("Sent", None, None, b"Subject: sent\r\n\r\nx\r\n")
    found = ids(box)
    box.logout()
    def doveadm(*words):
        command = [mail.mta.commands / "doveadm", "-c", mail.mta.conf, *words]
        return subprocess.run(command, env=mail.mta.environment(), capture_output=True, text=True, timeout=60, check=False)
    done = doveadm("backup", "-u", "bob", "maildir:~/copy")
    equal((done.returncode, done.stderr), (0, ""), "backup")
    copy = mail.home("bob") / "copy"
    lines = (copy / "dovecot-uidlist").read_text().splitlines()
    equal([int(line.split()[0]) for line in lines[1:]], sorted(found.values()), "the same UIDs")
    files = sorted((copy / "cur").iterdir(), key=lambda file: file.name.partition(":2,")[2])
    equal([file.name.partition(":2,")[2] for file in files], ["", "Fa"], "the same flags")
    equal(files[0].read_bytes(), b"From: a@b.test\nSubject: message 1\nMessage-ID: <1@test>\n\ntext 1\n", "as it came")
    equal(len(list((copy / ".Sent/cur").iterdir())), 1, "and Sent")
    done = doveadm("backup", "-R", "-u", "bob", "maildir:~/copy")
    check(done.returncode != 0 and "other than Maildir can only be read from" in done.stderr, f"{done}")
    mail.stop()


def test_names_that_lead_out():
    """Nothing above the user's mail can be renamed, read or made, whatever the name."""
    mail = ImapInstance(LOCATION + "imap_hierarchy_separator = /\n")
    spool(mail, message(1))
    secret = mail.home("bob") / "secret"
    secret.write_bytes(message(7, "secret"))
    os.chown(secret, *mail.mta.vmail_ids())
    bob = Client(mail)
    bob.ok("CREATE Work")
    for name in ("../secret", "Work/../../secret", "../../alice", "..", "./../secret", "/etc/passwd"):
        for command in (f'RENAME "{name}" stolen', f'RENAME Work "{name}"', f'SELECT "{name}"', f'CREATE "{name}/x"', f'DELETE "{name}"'):
            check(b" OK" not in bob.command(command)[-1][:8], command)
    equal(secret.read_bytes(), message(7, "secret"), "the file is where it was")
    check(not (mail.home("bob") / "mail/stolen").exists(), "nothing came in")
    mail.stop()


def test_fields_of_strangers():
    """A header without end, an X-UID and an X-IMAPbase that a sender wrote: no UID changes, and none is used again."""
    mail = ImapInstance(LOCATION)
    forged = message(2).replace(b"Subject", b"X-IMAPbase: 1 2147483647\nX-UID: 2147483646\nSubject")
    path = spool(mail, forged + message(1))
    box = mail.login("bob", "INBOX")
    first = ids(box)
    check(max(first.values()) < 100, f"numbers of the sender's: {first}")
    box.store("2", "+FLAGS", r"(\Deleted)")
    box.expunge()
    gone = first[b"1"]
    append(path, message(3).replace(b"Subject", b"X-UID: %d\nSubject" % gone))
    append(path, message(4).replace(b"Subject", b"X-Long: " + b"x" * 300000 + b"\nSubject"))
    append(path, message(5))
    box.noop()
    found = ids(box)
    check(gone not in found.values(), f"{gone} is used again: {found}")
    box.logout()
    for _ in range(2):
        (mail.home("bob") / "mail/.imap/INBOX/relais.index").unlink(missing_ok=True)
        mail.mta.reload()
        box = mail.login("bob", "INBOX")
        again = ids(box)
        equal({key: uid for key, uid in again.items() if key in found}, {key: uid for key, uid in found.items() if key in again}, "UIDs stay")
        box.logout()
    mail.stop()


def validity(box):
    return int(re.search(rb"UIDVALIDITY (\d+)", box.status("INBOX", "(UIDVALIDITY UIDNEXT)")[1][0])[1])


def test_mail_that_passes_itself_off_as_a_servers_notes():
    """A message that came by mail is shown, whatever fields its sender wrote; it sets no numbers of a mailbox that was empty."""
    forged = message(1).replace(b"Subject", b"Received: from x by y; Mon, 6 Nov 2023 10:00:00 +0000\nX-IMAP: 4711 0000000999 forged\nX-UID: 900\nSubject")
    mail = ImapInstance(LOCATION)
    path = spool(mail)
    append(path, forged)
    append(path, message(2))
    box = mail.login("bob", "INBOX")
    equal(ids(box), {b"1": 1, b"2": 2}, "a mailbox that nobody has seen")
    check(validity(box) != 4711, "its UIDVALIDITY")
    # One that we know; and whether we have it open or not.
    for number, stays_open in ((3, True), (4, False), (5, True)):
        box.store("1:*", "+FLAGS", r"\Deleted")
        box.expunge()
        path.write_bytes(b"")
        box.noop()
        before = validity(box)
        equal(ids(box) if box.select("INBOX")[1] != [b"0"] else {}, {}, "emptied")
        if not stays_open:
            box.logout()
            mail.mta.reload()
        field = b"X-IMAPbase" if number != 5 else b"X-IMAP"
        append(path, forged.replace(b"X-IMAP", field).replace(b"<1@", b"<%d@" % number))
        if not stays_open:
            box = mail.login("bob", "INBOX")
        box.noop()
        found = ids(box)
        check(list(found) == [b"%d" % number] and found[b"%d" % number] < 900, f"{field}: {found}")
        equal(validity(box), before, f"UIDVALIDITY after {field}, {stays_open}")
        check(b"forged" not in b" ".join(box.response("FLAGS")[1] or []), "a keyword of the sender's")
    mail.stop()


def test_only_lock_files():
    """Where mailbox_delivery_lock has no locks but lock files, who reads a message waits for them, too."""
    mail = ImapInstance(LOCATION + "mailbox_delivery_lock = dotlock\n")
    path = spool(mail, message(1) + message(2))
    bob = Client(mail)
    bob.ok("SELECT INBOX")
    lock = path.with_name("spool.lock")
    lock.write_text(f"{os.getpid()}:{os.uname().nodename}")
    answers = bob.command("FETCH 1 BODY.PEEK[TEXT]")
    check(not any(b"text 1" in line for line in answers), f"read while it was locked: {answers}")
    lock.unlink()
    check(any(b"text 2" in line for line in bob.ok("FETCH 2 BODY.PEEK[TEXT]")), "and when it is not")
    check(not lock.exists(), "no lock is left behind")
    mail.stop()


def odd_fsync(mail_class=ImapInstance):
    """An instance whose syncing obeys a file, and that file."""
    library = compiled("odd_fsync", "-shared", "-fPIC", "-ldl")
    flag = pathlib.Path(tempfile.mkdtemp(prefix="fsync.", dir=room().scratch))
    flag.chmod(0o755)
    mail = mail_class(LOCATION + f"import_environment = MAIL_CONFIG TZ LANG=C LD_PRELOAD={library} RELAIS_ODD_FSYNC={flag}/how\n")
    return mail, flag / "how"


def test_a_sync_that_fails():
    """A message that may not be on disk is not in the file either: the client sends it again."""
    mail, how = odd_fsync()
    path = spool(mail, message(1))
    box = mail.login("bob", "INBOX")
    ids(box)
    how.write_text("fail spool")
    equal(box.append("INBOX", None, None, b"Subject: again\n\ntext\n")[0], "NO", "an APPEND")
    how.unlink()
    check(b"Subject: again" not in path.read_bytes(), "half of it stays")
    equal(box.append("INBOX", None, None, b"Subject: again\n\ntext\n")[0], "OK", "once more")
    equal(path.read_bytes().count(b"Subject: again"), 1, "it is there once")
    equal(box.select("INBOX")[1], [b"2"], "messages")
    mail.stop()


def test_a_rewrite_holds_up_nobody_else():
    """While a change is written, the user's other sessions go on; who reads a message of that mailbox gets it, or the one that has moved."""
    mail, how = odd_fsync()
    path = spool(mail, b"".join(message(i) for i in range(1, 9)))
    one, two, three = Client(mail), Client(mail), Client(mail)
    one.ok("SELECT INBOX")
    two.ok("CREATE other")
    two.ok("SELECT other")
    three.ok("SELECT INBOX")
    one.ok(r"STORE 2,5 +FLAGS (\Deleted)")
    three.ok("NOOP")
    how.write_text("slow")
    one.send(b"x EXPUNGE\r\n")
    time.sleep(0.5)
    begun = time.monotonic()
    two.ok("NOOP")
    two.ok("STATUS other (MESSAGES)")
    check(time.monotonic() - begun < 2, "another mailbox waits for it")
    how.unlink()
    text = three.command("FETCH 6 BODY.PEEK[TEXT]")
    check(any(b"text 6" in line for line in text), f"a message that moves: {text}")
    line = one.line()
    while not line.startswith(b"x "):
        line = one.line()
    check(line.startswith(b"x OK"), line)
    for client in (one, three):
        client.ok("NOOP")
        for number, uid in enumerate((1, 3, 4, 6, 7, 8), 1):
            check(any(b"text %d" % uid in each for each in client.ok(f"FETCH {number} BODY.PEEK[TEXT]")), f"message {uid}")
    equal(len(re.findall(rb"(?m)^From a@b", path.read_bytes())), 6, "messages in the file")
    mail.stop()
