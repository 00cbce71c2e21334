"""The way into the queue under bad conditions: garbage, hang-ups, a full disk, killed processes, torn
files.  Our cleanup, pickup and postdrop among Postfix's daemons."""
import os
import random
import signal
import socket
import subprocess
import time

from support import BUILD, Skip, check, sanitizer
from support.instance import Instance
from support.queuefile import Cleanup, Peer, attributes, record, records

OURS = {name: "ours" for name in ("cleanup", "pickup", "postdrop", "sendmail", "showq", "postqueue", "postsuper")}
HOLD, MAP = 4, 32
ENVELOPE = (("T", "1795247898 402779"), ("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"))
_running = {}


def need_ours():
    missing = [name for name in OURS if not (BUILD / "bin" / name).exists()]
    if missing:
        raise Skip(f"not built: {' '.join(missing)}")


def mta(main=""):
    need_ours()
    if main not in _running:
        for other in _running.values():
            other.stop()
        _running.clear()
        # Postfix's postlogd ends after max_use lines, and the next one may take its time.
        _running[main] = Instance("postfix", OURS, main="max_use = 10000\n" + main).start()
    instance = _running[main]
    instance.mark()
    return instance


def message(m, flags=HOLD | MAP, lines=("Received: x", "", "body")):
    return Cleanup(m, flags).send(*ENVELOPE, ("M", ""), *(("N", line) for line in lines), ("X", ""), ("E", ""))


def works(m):
    session = message(m)
    check(session.finish() == (0, ""), "a good message is taken")
    check((m.queue / "hold" / session.id).exists(), "and is there")
    (m.queue / "hold" / session.id).unlink()


def left_over(m):
    return m.queue_files("incoming", "maildrop", "active")


def wait_until(what, text, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < end, text)
        time.sleep(0.02)


def is_small(m):
    for pid in m.processes("cleanup"):
        status = open(f"/proc/{pid}/status").read()
        size = int(status.split("VmHWM:")[1].split()[0])
        # A sanitized program keeps what was freed for a while.
        check(size < (400000 if sanitizer.ON else 60000), f"{size} kB")


def test_garbage_instead_of_requests():
    m, rng = mta(), random.Random(7)
    for size in (1, 10, 100, 10000, 3000000):
        peer = Peer(m.queue / "public/cleanup")
        try:
            peer.send(rng.randbytes(size))
            peer.socket.shutdown(socket.SHUT_WR)
            while peer.socket.recv(65536):
                pass
        except OSError:
            pass
        peer.close()
    works(m)
    wait_until(lambda: not left_over(m), "no file is left")


def test_filters_that_cannot_be_taken_over():
    """The client waits for an answer, and has none to expect: it hears the end of the connection."""
    m = mta()
    for garbage in (attributes(("milter_name", "x")), b"x" * 1_200_000 + b"\0", b"conn_macros\0" + b"i " * 600_000):
        session = Cleanup(m, MAP | HOLD)
        session.send(("m", "1"))
        session.peer.send(garbage)
        try:
            check(session.peer.socket.recv(100) == b"", "no answer")
        except ConnectionResetError:
            pass
    m.wait_log("cleanup.*: message rejected: milter receive failed: ", 3)
    works(m)
    wait_until(lambda: not left_over(m), "no file is left")


def test_garbage_instead_of_records():
    m, rng = mta(), random.Random(8)
    good = records(*ENVELOPE, ("M", ""), ("N", "Received: x"), ("N", ""), ("N", "b"), ("X", ""), ("E", ""))
    for _ in range(60):
        blob = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            blob[rng.randrange(len(blob))] = rng.randrange(256)
        session = Cleanup(m, MAP | HOLD)
        session.peer.send(bytes(blob))
        session.peer.socket.shutdown(socket.SHUT_WR)
        try:
            session.finish()
        except (AssertionError, OSError):
            pass
    works(m)
    wait_until(lambda: not left_over(m), "no file is left")


def test_hang_up_at_every_record():
    m = mta()
    parts = [record(k, d) for k, d in (*ENVELOPE, ("M", ""), ("N", "Received: x"), ("N", ""), ("N", "b"), ("X", ""))]
    for count in range(len(parts) + 1):
        session = Cleanup(m, MAP)
        session.peer.send(b"".join(parts[:count]))
        session.peer.close()
    wait_until(lambda: not left_over(m), f"no file is left: {left_over(m)}")
    works(m)


def test_a_line_of_a_hundred_megabytes():
    m = mta("message_size_limit = 1000000")
    session = Cleanup(m, MAP)
    session.send(*ENVELOPE, ("M", ""), ("N", "Received: x"), ("N", ""))
    piece = record("L", b"x" * 100000)
    for _ in range(1000):
        session.peer.send(piece)
    session.send(("N", ""), ("X", ""), ("E", ""))
    check(session.finish()[0] == 4, "message too big")
    is_small(m)
    works(m)


def test_a_million_attributes():
    """Of those that the queue file has elsewhere, no number is too large: none of them take memory."""
    m = mta("message_size_limit = 1000000")
    session = Cleanup(m, HOLD | MAP)
    session.peer.send(record("A", "sendopts=1") * 1_000_000)
    session.send(*ENVELOPE, ("M", ""), ("N", "Received: x"), ("X", ""), ("E", ""))
    check(session.finish() == (0, ""), "the message is taken")
    is_small(m)
    for path in m.queue_files("hold"):
        path.unlink()


def test_a_hundred_clients_of_one_process():
    m = mta()
    sessions = [Cleanup(m, HOLD | MAP) for _ in range(100)]
    for kind, data in (*ENVELOPE, ("M", ""), ("N", "Received: x"), ("N", ""), ("N", "b"), ("X", "")):
        for session in sessions:
            session.send((kind, data))
    check(len(m.processes("cleanup")) <= 2, f"{m.processes('cleanup')}")
    for session in sessions:
        session.send(("E", ""))
    for session in sessions:
        check(session.finish() == (0, ""), "taken")
    check(len({s.id for s in sessions}) == 100, "different ids")
    held = {p.name: p.stat().st_mode & 0o777 for p in m.queue_files("hold")}
    check(all(held.get(s.id) == 0o700 for s in sessions), "all are there")
    for path in m.queue_files("hold"):
        path.unlink()


def test_a_full_disk():
    need_ours()
    m = Instance("postfix", OURS)
    place = m.queue / "incoming"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", place]).returncode:
        raise Skip("cannot mount a small file system")
    owner = (m.queue / "hold").stat()
    os.chown(place, owner.st_uid, owner.st_gid)
    # Not mounted later: where a process may write is settled when it starts.
    m.start()
    try:
        session = message(m, MAP, ["Received: x", ""] + ["x" * 1000] * 300)
        status, _ = session.finish()
        check(status == 2, f"write error, not {status}")
        m.wait_log("No space left on device")
        check(not list(place.iterdir()), "no file is left")
        check(message(m, MAP).finish()[0] == 0, "a small one fits")
    finally:
        m.stop()
        # The daemons' working directory is above the mount.
        for _ in range(50):
            if subprocess.run(["umount", place], stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)


def test_killed_cleanup():
    m = mta()
    done, open_ = [], []
    for i in range(40):
        session = Cleanup(m, HOLD | MAP).send(*ENVELOPE, ("M", ""), ("N", "Received: x"), ("N", ""), ("N", "b" * 100))
        (done if i % 2 else open_).append(session)
    for session in done:
        session.send(("X", ""), ("E", ""))
        check(session.finish()[0] == 0, "taken")
    for pid in m.processes("cleanup"):
        os.kill(pid, signal.SIGKILL)
    for session in done:
        blob = (m.queue / "hold" / session.id).read_bytes()
        check(blob.endswith(record("X") + record("E")), "whole")
    for session in open_:
        path = m.queue / "incoming" / session.id
        check(not path.exists() or path.stat().st_mode & 0o700 == 0o600, "unfinished, and no mail")
        path.unlink(missing_ok=True)
        session.peer.close()
    # Postfix's master makes a service wait that ended badly.
    wait_until(lambda: _can_submit(m), "works again", 90)
    for path in m.queue_files("hold"):
        path.unlink()


def _can_submit(m):
    try:
        works(m)
        return True
    except (AssertionError, OSError):
        return False


def test_torn_files_in_maildrop():
    m = mta("in_flow_delay = 0")
    whole = records(("T", "1795247898 1"), ("A", "rewrite_context=local"), ("S", "alice"), ("R", "u1@virt.test"),
                    ("M", ""), ("N", "Subject: x"), ("N", ""), ("N", "b"), ("X", ""), ("E", ""))
    cuts = (0, 1, 20, len(whole) // 2, len(whole) - 2, len(whole) - 1)
    for cut in cuts:
        path = m.queue / "maildrop" / f"AAAA{cut:03}"
        path.write_bytes(whole[:cut])
        path.chmod(0o744)
    good = m.queue / "maildrop" / "BBBB001"
    good.write_bytes(whole)
    good.chmod(0o744)
    m.run("postqueue", "-f")
    m.wait_log("status=sent")
    wait_until(lambda: not m.queue_files("maildrop"), "maildrop is empty")
    check(len(m.queue_files("corrupt")) == len(cuts), f"{m.queue_files('corrupt')}")
    m.wait_log("malformed input", count=len(cuts))
    check(len(m.virtual("u1")) == 1, "the good one arrives, once")
    for path in m.queue_files("corrupt"):
        path.unlink()


def test_mail_waits_while_the_system_is_down():
    m = mta("alias_maps =")
    m.stop()
    before = m.sendmail("u1@virt.test", input="Subject: waiting\n\nx\n", user="alice")
    check(before.status == 0, str(before))
    check(len(m.queue_files("maildrop")) == 1, "it waits")
    listed = m.run("postqueue", "-p")
    check("Mail system is down -- accessing queue directly" in listed.stderr, str(listed))
    check("alice" in listed.stdout and "u1@virt.test" in listed.stdout, str(listed))
    refused = m.run("postqueue", "-p", user="alice")
    check(refused.status == 69 and "mail system is down" in refused.stderr, str(refused))
    check(m.run("postqueue", "-f").status == 69, "nobody to ask")
    m.start()
    m.wait_log("status=sent", seconds=70)


test_mail_waits_while_the_system_is_down.seconds = 120
test_killed_cleanup.seconds = 120


def _add_many_and_a_torn_line(note):
    """As a system leaves it whose disk has been full."""
    with note.open("a") as file:
        file.writelines(f"1 1000000000 {number:09}\n" for number in range(60000))
        file.write("123 17")


def test_what_cannot_be_removed_is_passed_on_once():
    """Not by the next pickup either, however long the list is, and whatever stands in it."""
    m = mta()
    maildrop, note = m.queue / "maildrop", m.data / "pickup_passed_on"
    before = maildrop.stat()
    os.chown(maildrop, 0, before.st_gid)
    maildrop.chmod(0o755)
    try:
        m.must_run("sendmail", "u1@virt.test", input="Subject: stays\n\nhello\n", record=False)
        m.wait_log("to=<u1@virt.test>.*status=sent")
        m.wait_log("remove maildrop/")
        wait_until(lambda: note.exists() and note.read_bytes().endswith(b"\n"), "nothing is noted")
        _add_many_and_a_torn_line(note)
        first = set(maildrop.iterdir())
        pids = [pid for pid, daemon in m.processes().items() if daemon == "pickup"]
        m.reload()
        m.must_run("sendmail", "u2@virt.test", input="Subject: second\n\nhello\n", record=False)
        m.wait_log("to=<u2@virt.test>.*status=sent")
        check(set(pids).isdisjoint(m.processes("pickup")), "the same pickup")
        check(len(list(maildrop.iterdir())) == 2, "the files are gone")
        check(m.log_text().count("to=<u1@virt.test>") == 1, "brought again")
        inode = (set(maildrop.iterdir()) - first).pop().stat().st_ino
        wait_until(lambda: note.read_text().splitlines()[-1].startswith(f"{inode} "), "no line of its own")
    finally:
        os.chown(maildrop, before.st_uid, before.st_gid)
        maildrop.chmod(before.st_mode & 0o7777)
    m.must_run("postqueue", "-f", record=False)
    m.settle()
    check(not list(maildrop.iterdir()) and not note.exists(), "what is left when they can be removed")
    check(m.log_text().count("to=<u1@virt.test>") == 1, "brought again at last")
    note.mkdir()  # what cannot be read may say that mail is elsewhere already
    m.reload()
    m.must_run("sendmail", "u1@virt.test", input="Subject: waits\n\nhello\n", record=False)
    m.wait_log("fatal: pickup_passed_on: ")
