"""Mailboxes with very many messages and users with very many folders: what commands cost, in system calls and in memory, and that what
is not looked at again and again is seen all the same.  RELAIS_TEST_MESSAGES=600000 and RELAIS_TEST_FOLDERS=10000 make them as large as
they are meant to be; then the times are printed."""
import os
import pathlib
import re
import shutil
import subprocess
import time

from support import check, equal, need_suite
from support.calls import traced
from support.families import family
from support.imap import ImapInstance, deliver_into
from support.imap_client import Client

MESSAGES = int(os.environ.get("RELAIS_TEST_MESSAGES", "20000"))
FOLDERS = int(os.environ.get("RELAIS_TEST_FOLDERS", "300"))
NEW = 5  # folders that are made before a client's eyes
TALKATIVE = "RELAIS_TEST_MESSAGES" in os.environ or "RELAIS_TEST_FOLDERS" in os.environ
PATIENCE = 60 + MESSAGES / 500
TEXT = b"Subject: one of many\nFrom: a@b.test\nDate: Tue, 7 Nov 2023 10:00:00 +0000\n\nbody\n"
STATUS = 'LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN))'


class User(Client):
    """Tells how long commands take, where that is asked for."""

    def __init__(self, mail):
        super().__init__(mail)
        self.sock.settimeout(PATIENCE)

    def command(self, text):
        start = time.monotonic()
        answer = [line.decode() for line in super().command(text)]
        if TALKATIVE:
            print(f"{text[:60]:60} {(time.monotonic() - start) * 1000:9.1f} ms", flush=True)
        return answer


def make_mailbox(directory, ids, names):
    for part in ("cur", "new", "tmp"):
        (directory / part).mkdir(parents=True, mode=0o700)
    first = directory / "tmp" / "text"
    first.write_bytes(TEXT)
    os.chown(first, *ids)
    for number, name in enumerate(names):
        if number % 30000 == 0:  # a file has so many names at the most
            path = directory / "tmp" / f"text{number}"
            path.write_bytes(TEXT)
            os.chown(path, *ids)
            first = path
        os.link(first, directory / "cur" / name)
    for path in (directory, directory / "cur", directory / "new", directory / "tmp"):
        os.chown(path, *ids)


def with_messages(count):
    need_suite()
    mail = ImapInstance("ipc_timeout = 600s\n")
    make_mailbox(mail.maildir("bob"), mail.mta.vmail_ids(), (f"{1700000000 + n}.M{n}P1.h:2," for n in range(count)))
    time.sleep(0.1)
    return mail


def with_folders(count):
    need_suite()
    mail = ImapInstance()
    ids = mail.mta.vmail_ids()
    make_mailbox(mail.maildir("bob"), ids, [])
    for number in range(count):
        make_mailbox(mail.maildir("bob") / f".f{number:05}", ids, [f"17000000{number:05}.M1P1.h:2,"])
    return mail


def user_process(mail):
    """The one that serves him."""
    pid, = family(mail.mta, "imap")[2]
    return pid


def memory_of(pid):
    return {name: int(kb) for name, kb in re.findall(r"^(\w+):\s+(\d+) kB", open(f"/proc/{pid}/status").read(), re.M)}


def heap_of(pid):
    """Bytes of its own that a process has: what is read from files does not count."""
    return sum(int(kb) * 1024 for kb in re.findall(r"^Private_Dirty:\s+(\d+) kB", open(f"/proc/{pid}/smaps_rollup").read(), re.M))


def counts(lines):
    """{folder: its line} of an answer with STATUS."""
    return {line.split()[2]: line for line in lines if line.startswith("* STATUS")}


def numbers(line):
    return tuple(map(int, re.findall(r" (\d+)", line)))


def status(client, folder):
    return numbers(counts(client.command(f"STATUS {folder} (MESSAGES UIDNEXT UNSEEN)"))[folder])


def test_state_of_many_folders_again_and_again():
    """Three looks at each make sure; then the kernel tells, and one question is left: whether the folder is where it was."""
    mail = with_folders(FOLDERS)
    client = User(mail)
    client.command(STATUS)
    time.sleep(3)  # directories that have just changed are looked through once more
    known = counts(client.command(STATUS))
    equal(len(known), FOLDERS + 1, "folders")
    client.command(STATUS)
    with traced(mail.mta, [user_process(mail)], "-e", "trace=file,desc") as calls:
        equal(counts(client.command(STATUS)), known, "told again")
    stats = [call for call in calls if "stat" in call.split("(")[0]]
    check(len(stats) >= FOLDERS, f"{len(stats)} calls were seen")
    check(len(stats) < FOLDERS * 1.2 + 50, f"{len(stats)} looks at files for {FOLDERS} folders: {stats[-5:]}")
    check(len(calls) < FOLDERS * 2.5 + 100, f"{len(calls)} calls for {FOLDERS} folders")
    mail.stop()


test_state_of_many_folders_again_and_again.seconds = 60 + FOLDERS // 20


def flag(box):
    path = next((box / "cur").iterdir())
    path.rename(path.with_name(path.name + "S"))


def replace(box):
    """By a folder of the same name with two messages, as one who restores a backup does."""
    owner = box.stat()
    box.rename(box.with_name(box.name + "-old"))
    make_mailbox(box, (owner.st_uid, owner.st_gid), ["1700000001.M1P2.h:2,S", "1700000002.M1P2.h:2,S"])


def restore_all(box):
    root = box.parent
    root.rename(root.with_name("Maildir.old"))
    shutil.copytree(root.with_name("Maildir.old"), root)
    owner = root.with_name("Maildir.old").stat()
    subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", root], check=True)
    (root / box.name / "cur" / "1700000009.M9P9.h:2,S").write_bytes(TEXT)
    os.chown(root / box.name / "cur" / "1700000009.M9P9.h:2,S", owner.st_uid, owner.st_gid)


def add_line(box):
    """What another server does that has given a UID to a message that is gone again."""
    with open(box / "dovecot-uidlist", "a") as file:
        file.write("2 :1700000007.M7P7.h\n")


# (what somebody else does to a folder with one message: messages, next UID, unseen)
CHANGES = {
    "a delivery": (lambda box: deliver_into(box, TEXT, (box.stat().st_uid, box.stat().st_gid)), (2, 3, 2)),
    "a flag": (flag, (1, 2, 0)),
    "an expunge": (lambda box: next((box / "cur").iterdir()).unlink(), (0, 2, 0)),
    "a line in the list": (add_line, (1, 3, 1)),
    "another folder in its place": (replace, (2, None, 0)),
    "all folders restored": (restore_all, (2, 3, 1)),
}


def test_changes_of_others_are_seen_at_once():
    """In folders that are only watched: right after the change, by the next command."""
    for name, (change, wanted) in CHANGES.items():
        mail = with_folders(3)
        client = User(mail)
        client.command(STATUS)
        time.sleep(2.5)
        for _ in range(3):
            equal(status(client, "f00001"), (1, 2, 1), f"{name}: before")
        change(mail.maildir("bob") / ".f00001")
        for seen in (numbers(counts(client.command(STATUS))["f00001"]), status(client, "f00001")):
            check(all(a == b for a, b in zip(seen, wanted) if b is not None), f"{name}: {seen} in the place of {wanted}")
        mail.stop()


def test_a_folder_that_was_replaced_stays_watched():
    """Also while somebody has it open, so that what is known of it stays."""
    mail = with_folders(3)
    client, idle = User(mail), User(mail)
    idle.command("SELECT f00001")
    for _ in range(3):
        client.command(STATUS)
    box = mail.maildir("bob") / ".f00001"
    cur, owner = box / "cur", box.stat()
    cur.rename(box / "was-cur")
    shutil.copytree(box / "was-cur", cur)
    os.chown(cur, owner.st_uid, owner.st_gid)
    for path in cur.iterdir():
        os.chown(path, owner.st_uid, owner.st_gid)
    for number in range(2, 5):
        for _ in range(3):
            status(client, "f00001")
        path = cur / f"170000000{number}.M1P1.h:2,S"
        path.write_bytes(TEXT)
        os.chown(path, owner.st_uid, owner.st_gid)
        equal(status(client, "f00001")[0], number, "messages")
    mail.stop()


def test_own_changes_are_seen_at_once():
    mail = with_folders(3)
    client, other = User(mail), User(mail)
    client.command(STATUS)
    time.sleep(2.5)
    for _ in range(3):
        status(client, "f00001")
    other.command("SELECT f00001")
    other.command("STORE 1 +FLAGS (\\Seen \\Deleted)")
    equal(status(client, "f00001"), (1, 2, 0), "a flag")
    other.command("COPY 1 f00001")
    equal(status(client, "f00001"), (2, 3, 0), "a copy")
    other.command("EXPUNGE")
    equal(status(client, "f00001"), (0, 3, 0), "an expunge")
    client.command("DELETE f00001")
    client.command("CREATE f00001")
    equal(status(client, "f00001")[0::2], (0, 0), "another one")
    mail.stop()


def use(client, others):
    """What people do with a large folder; one message is expunged."""
    middle = MESSAGES // 2
    equal(len(client.command("FETCH 1:* FLAGS")) - 1, MESSAGES, "FETCH")
    equal(len(client.command("UID SEARCH UNSEEN")[0].split()) - 2, MESSAGES, "SEARCH")
    check(f"* {middle} FETCH (FLAGS (\\Flagged" in "\n".join(client.command(f"STORE {middle} +FLAGS (\\Flagged)")), "STORE")
    for other in others:
        check("\\Flagged" in "\n".join(other.command("NOOP")), "told of it")
    client.command(f"STORE {middle} +FLAGS.SILENT (\\Deleted)")
    check(f"* {middle} EXPUNGE" in client.command("EXPUNGE"), "EXPUNGE")
    for other in others:
        check(f"* {middle} EXPUNGE" in other.command("NOOP"), "told of it")


def test_very_many_messages():
    """A large folder stays usable, and a session of it costs little beyond what all sessions of the user share."""
    mail = with_messages(MESSAGES + 1)
    client = User(mail)
    client.command("SELECT INBOX")
    client.command("STORE 1 +FLAGS.SILENT (\\Deleted)")
    check("* 1 EXPUNGE" in client.command("EXPUNGE"), "the first one")
    time.sleep(2.5)
    client.command("NOOP")
    client.command("FETCH 1:* FLAGS")
    client.command("UID SEARCH RETURN (SAVE) ALL")
    pid = user_process(mail)
    shared, others = heap_of(pid), [User(mail) for _ in range(8)]
    for other in others:
        check(f"* {MESSAGES} EXISTS" in other.command("SELECT INBOX"), "all are there")
        other.command("UID SEARCH RETURN (SAVE) ALL")
    use(client, others)
    each = (heap_of(pid) - shared) / len(others) / MESSAGES
    if TALKATIVE:
        print(f"{shared / MESSAGES:.1f} bytes a message are shared, {each:.1f} are a session's own; {memory_of(pid)['VmHWM']} kB at the most")
    check(each <= 24, f"{each} bytes a message for each session")
    check(memory_of(pid)["VmHWM"] << 10 < (40 << 20) + MESSAGES * 400, f"{memory_of(pid)['VmHWM']} kB")
    others[0].send(b"i IDLE\r\n")
    equal(others[0].line()[:2], b"+ ", "IDLE")
    start = time.monotonic()
    mail.deliver("bob", TEXT)
    equal(others[0].line(), b"* %d EXISTS\r\n" % MESSAGES, "told in IDLE")
    if TALKATIVE:
        print(f"told in IDLE after {time.monotonic() - start:.3f} s")
    mail.stop()


test_very_many_messages.seconds = 60 + MESSAGES // 500


def test_very_many_folders():
    """With the INBOX and those that come no more than imap_notify_mailbox_limit allows."""
    count = FOLDERS - NEW - 1
    mail = with_folders(count)
    client = User(mail)
    equal(len(client.command('LIST "" "*"')) - 1, count + 1, "LIST")
    equal(len(counts(client.command(STATUS))), count + 1, "STATUS")
    told = client.command("NOTIFY SET STATUS (personal (MessageNew MessageExpunge MailboxName))")
    equal((len(counts(told)), told[-1][:2]), (count + 1, "OK"), "NOTIFY")
    for change in range(NEW):
        User(mail).command(f"CREATE made{change}")
        start = time.monotonic()
        check(f"made{change}".encode() in client.line(), "told of it")
        if TALKATIVE:
            print(f"told of a new folder after {time.monotonic() - start:.3f} s")
    deliver_into(mail.maildir("bob") / f".f{count - 1:05}", TEXT, mail.mta.vmail_ids())
    check(b"* STATUS f%05d (MESSAGES 2" % (count - 1) in client.line(), "told of a message")
    if TALKATIVE:
        print(memory_of(user_process(mail))["VmHWM"], "kB at the most")
    mail.stop()


test_very_many_folders.seconds = 60 + FOLDERS // 20
