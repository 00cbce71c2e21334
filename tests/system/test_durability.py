"""What can't be stored or delivered now is refused with a 4xx or waits in the queue; the log says why."""
import pathlib
import pwd
import re
import shutil
import subprocess

from support import check, equal, need_suite
from support.calls import traced
from support.carry import system
from support.instance import Instance
from support.queuefile import Cleanup
from support.room import room

TEXT = "Subject: durable\n\nhello\n"
HOLD = 4
ENVELOPE = (("T", "1795247898 402779"), ("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"))


def test_full_disk():
    need_suite()
    room().require_private("a file system of its own")
    mta = Instance("ours", main="message_size_limit = 100000\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "none", mta.queue], check=True)
    mta.room.defer(lambda: subprocess.run(["umount", "-l", mta.queue]))
    mta._make_queue()
    mta.start()
    filler = mta.queue / "filler"
    with open(filler, "wb", buffering=0) as out:
        try:
            while out.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass
    with mta.smtp(client=100) as session:
        reply = session.mail("a@b.test", "u1@virt.test", TEXT)
        check(not reply.code.startswith("2"), f"not acknowledged: {reply}")
        codes = [line[3:6] for line in session.transcript if line.startswith("S: 4")]
        check("452" in codes or "451" in codes, "a temporary refusal:\n" + "\n".join(session.transcript))
    mta.wait_log("space|[Ss]torage")  # the cause
    filler.unlink()
    mta.mail("a@b.test", "u1@virt.test", TEXT)
    mta.settle()
    equal(len(mta.virtual("u1")), 1, "delivered once there is room")
    mta.check_sane()
    mta.destroy()


def test_unwritable_mailbox():
    need_suite()
    mta = system("ours", main="minimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n")
    (mta.vmail / "u1").write_text("in the way of the Maildir")
    (mta.vmail / "box").mkdir()
    mta.mail("a@b.test", ["u1@virt.test", "box@virt.test"], TEXT)
    for name in ("u1", "box"):
        line = mta.wait_log(rf"to=<{name}@virt.test>.*status=(deferred|bounced) \((.*)\)")
        check(name in line[2], f"the reason names the mailbox: {line[2]}")
        equal(line[1], "deferred", "status")
    (mta.vmail / "u1").unlink()
    (mta.vmail / "box").rmdir()
    mta.must_run("postqueue", "-f")
    mta.wait_log("status=sent", 2)
    mta.settle()
    equal([len(mta.virtual("u1")), len(mta.virtual("box"))], [1, 1], "delivered afterwards")
    mta.destroy()


def test_missing_map_while_running():
    need_suite()
    mta = system("ours", main="virtual_mailbox_maps = hash:@CONF@/gone\n")
    with mta.smtp() as session:
        replies = session.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>")
        equal(replies[-1].code, "451", "code")
    mta.wait_log("gone")  # the table
    mta.destroy()


def syncs_before_reply(mta, daemons, take, reply):
    """Under strace: the paths that were synced before the reply to a message was written."""
    take()
    pids = [pid for name in daemons for pid in mta.processes(name)]
    with traced(mta, pids, "-y", "-s", "60", "-e", "trace=fsync,fdatasync,write,sendto,writev,sendmsg") as lines:
        take()
    text = "\n".join(lines)
    check(reply in text, f"the reply was seen:\n{text}")
    return re.findall(r"(?:fsync|fdatasync)\(\d+<([^>]*)>", text[:text.index(reply)])


def test_250_comes_after_fsync():
    need_suite()
    mta = system("ours")

    def take():
        mta.mail("a@b.test", "u1@virt.test", TEXT)
        mta.settle()

    synced = syncs_before_reply(mta, ("cleanup", "smtpd"), take, "250 2.0.0 Ok: queued")
    check(any("/incoming/" in path for path in synced), f"synced before the reply: {synced}")
    mta.destroy()


def test_folder_is_synced_where_the_file_system_needs_it():
    """On ramfs, which is none of those that keep a new name together with its file.  Cleanup is asked
    directly, because smtpd finds no space there."""
    need_suite()
    room().require_private("a file system of its own")
    mta = Instance("ours")
    subprocess.run(["mount", "-t", "ramfs", "none", mta.queue], check=True)
    mta.queue.chmod(0o755)
    mta.room.defer(lambda: subprocess.run(["umount", "-l", mta.queue]))
    mta._make_queue()
    mta.start()

    def take():
        session = Cleanup(mta, HOLD).send(*ENVELOPE, ("M", ""), ("N", "Received: x"), ("X", ""), ("E", ""))
        equal(session.finish()[0], 0, "cleanup's status")

    synced = syncs_before_reply(mta, ("cleanup",), take, '"status\\0')
    check(any(path.endswith("/hold") for path in synced), f"synced before the reply: {synced}")
    mta.destroy()


def synced_by_a_delivery(mta, daemon, name):
    def take():
        mta.mail("a@b.test", f"{name}@{'virt' if daemon == 'virtual' else 'example'}.test", TEXT)
        mta.settle()

    return syncs_before_reply(mta, (daemon,), take, "status\\0\\0diag_type")


def test_no_name_in_new_before_its_file_is_synced():
    """Several recipients of one message are synced together, on other threads."""
    need_suite()
    names = [f"u{n}" for n in range(1, 8)]
    mta = system("ours", main="virtual_mailbox_maps = inline:{" + " ".join(f"{name}@virt.test={name}/" for name in names) + "}\n")
    mta.mail("a@b.test", "u1@virt.test", TEXT)
    mta.settle()
    with traced(mta, [min(mta.processes("virtual"))], "-y", "-s", "300", "-e", "trace=fsync,rename") as lines:
        mta.mail("a@b.test", [f"{name}@virt.test" for name in names], TEXT)
        mta.settle()
    under_way, synced, moved = {}, set(), 0
    for line in lines:
        thread, call = line.split(None, 1)
        if found := re.match(r"fsync\(\d+<([^>]*)>", call):
            under_way[thread] = found[1]
        if re.search(r"fsync.*= 0$", call):
            synced.add(under_way.pop(thread))
        if found := re.match(r'rename\("([^"]*)"', call):
            moved += 1
            check(found[1] in synced, f"{found[1]} was synced before it was moved:\n{line}")
    equal(moved, len(names), "files moved to new/")
    mta.destroy()


def test_maildir_is_synced_on_a_file_system_of_its_own():
    """There, the queue file's end may outlive a crash that undoes the move from tmp/ to new/."""
    need_suite()
    room().require_private("a file system of its own")
    mta = system("ours", main="home_mailbox = Maildir/\n")
    synced = synced_by_a_delivery(mta, "virtual", "u1")
    check(not any(path.endswith("/new") for path in synced), f"one journal holds both: {synced}")
    home = pathlib.Path(pwd.getpwnam("alice").pw_dir)
    for place in (mta.vmail, home):
        status = place.stat()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=755,uid={status.st_uid},gid={status.st_gid}", "none", place],
                       check=True)
        mta.room.defer(lambda place=place: subprocess.run(["umount", "-l", place]))
    for daemon, name in (("virtual", "u1"), ("local", "alice")):
        synced = synced_by_a_delivery(mta, daemon, name)
        check(any(path.endswith("/new") for path in synced), f"{daemon} synced before it was sent: {synced}")
    mta.destroy()
