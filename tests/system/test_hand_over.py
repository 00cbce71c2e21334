"""Submission where postdrop cannot have its group: it hands the message over to a postdrop that master starts for the user."""
import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import threading
import time

from support import check, equal
from support.families import children_of
from support.instance import Instance
from support.queuefile import records
from support.room import ACCOUNTS, room

MESSAGE = "Subject: handed over\n\nhello\n"
RECORDS = (("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"), ("M", ""), ("N", "x"), ("X", ""), ("E", ""))


def started(main=""):
    room().require_private("accounts that are not the mail system's")
    mta = Instance(main=main)
    (mta.queue / "submit").mkdir(mode=0o755)  # as postfix(1) makes it
    os.chown(mta.queue / "submit", ACCOUNTS["postfix"], ACCOUNTS["postfix"])
    return mta.start()


def no_new_privs():
    check(ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0, "PR_SET_NO_NEW_PRIVS")


def hardened(mta, *argv, text=MESSAGE, user="alice"):
    """As a program in a unit with NoNewPrivileges=yes runs a command."""
    return subprocess.run([mta.commands / argv[0], *argv[1:]], input=text.encode(), capture_output=True, timeout=30, cwd="/",
                          env=mta.environment(), user=user, group=user, extra_groups=[], preexec_fn=no_new_privs)


def connect(mta, user):
    """A client of the service that runs as somebody else, from when it connects."""
    account, s = pwd.getpwnam(user), socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    os.seteuid(account.pw_uid)
    try:
        s.connect(str(mta.queue / "submit/postdrop"))
    finally:
        os.seteuid(0)
    return s


def in_maildrop(mta):
    return list((mta.queue / "maildrop").iterdir())


def mailbox(mta, user):
    return [path.read_text() for path in (mta.vmail / user / "new").glob("*")]


def test_mail_of_a_process_that_gets_no_privileges():
    mta = started()
    done = hardened(mta, "sendmail", "-f", "a@b.test", "u1@virt.test")
    equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), "sendmail")
    mta.settle()
    check("Subject: handed over" in mailbox(mta, "u1")[0], mailbox(mta, "u1"))
    mta.wait_log(rf"pickup\[\d+\]: \w+: uid={ACCOUNTS['alice']} from=<a@b.test>")
    session = "HELO x\nMAIL FROM:<a@b.test>\nRCPT TO:<u1@virt.test>\nDATA\nSubject: second\n\n.\nQUIT\n"
    done = hardened(mta, "sendmail", "-bs", text=session)
    check(b"250 2.0.0 Ok: queued as" in done.stdout, done)
    mta.settle()
    equal(len(mailbox(mta, "u1")), 2, "messages")
    mta.stop()


def test_its_outcomes_are_those_of_a_set_gid_postdrop():
    mta = started("message_size_limit = 5000\nauthorized_submit_users = !bob, static:all\n")
    for user, text, arguments in (("alice", MESSAGE, ["u1@virt.test"]), ("alice", "x" * 9000, ["u1@virt.test"]), ("alice", "", ["u1@virt.test"]),
                                  ("alice", MESSAGE, ["-t"]), ("bob", MESSAGE, ["u1@virt.test"])):
        usual = mta.run("sendmail", *arguments, input=text, user=user)
        other = hardened(mta, "sendmail", *arguments, text=text, user=user)
        equal((other.returncode, other.stderr.decode("latin-1").splitlines()[-1:]), (usual.status, usual.stderr.splitlines()[-1:]),
              f"{user}, {len(text)} bytes")
    mta.settle()
    equal((len(mailbox(mta, "u1")), in_maildrop(mta)), (4, []), "messages, files that are left")
    mta.stop()


def test_without_the_service():
    mta = started("postdrop_socket =\n")
    done = hardened(mta, "sendmail", "u1@virt.test")
    check(done.returncode == 75 and b"Permission denied" in done.stderr, done)
    mta.stop()


def test_the_kernel_says_who_submits():
    """Not the records; and the list of submitters is asked about him."""
    mta = started("authorized_submit_users = !bob, static:all\n")
    for user, answer in (("alice", b"status\0000\0"), ("bob", b"")):
        with connect(mta, user) as s:
            try:
                s.sendall(records(*RECORDS))
                s.shutdown(socket.SHUT_WR)
                said = s.makefile("rb").read()
            except (BrokenPipeError, ConnectionResetError):  # who is refused is not listened to
                said = b""
        check(answer in said if answer else not said, f"{user}: {said}")
    mta.wait_log(rf"uid={ACCOUNTS['alice']} from=<a@b.test>")
    mta.wait_log(rf"postdrop\[\d+\]: fatal: User bob\({ACCOUNTS['bob']}\) is not allowed to submit mail")
    mta.settle()
    equal(len(mailbox(mta, "u1")), 1, "messages")
    mta.stop()


def test_root_and_the_mail_system_need_no_service():
    mta = started()
    for user, ids in (("root", 0), ("postfix", ACCOUNTS["postfix"])):
        with connect(mta, user) as s:
            equal(s.recv(100), b"", user)
        mta.wait_log(rf"warning: uid {ids} with gid {ACCOUNTS['postdrop']} may not be served")
    mta.stop()


def test_a_user_leaves_room_for_the_others():
    mta = started()
    kept = [connect(mta, "alice") for _ in range(60)]
    deadline = time.monotonic() + 20
    mta.wait_log(rf"warning: uid {ACCOUNTS['alice']} has 20 connections already")
    done = hardened(mta, "sendmail", "u1@virt.test", user="bob")
    equal(done.returncode, 0, done.stderr)
    waiting = threading.Timer(2, lambda: [s.close() for s in kept])
    waiting.start()
    done = hardened(mta, "sendmail", "u1@virt.test")
    equal(done.returncode, 0, f"who waits for his turn: {done.stderr}")
    waiting.join()
    mta.settle()
    while in_maildrop(mta) and time.monotonic() < deadline:
        time.sleep(0.1)
    equal((len(mailbox(mta, "u1")), in_maildrop(mta)), (2, []), "messages, files of those who hung up")
    mta.stop()


def test_a_client_that_ends_in_the_middle():
    mta = started()
    whole = records(*RECORDS)
    for length in range(0, len(whole), 3):
        with connect(mta, "alice") as s:
            s.sendall(whole[:length])
    deadline = time.monotonic() + 20
    while in_maildrop(mta) and time.monotonic() < deadline:
        time.sleep(0.1)
    equal(in_maildrop(mta), [], "files that are left")
    mta.settle()
    equal(mailbox(mta, "u1"), [], "messages")
    mta.stop()


def test_a_caller_that_is_killed():
    """At any moment: told as taken, or not taken."""
    mta = started("pickup_service_name = nobody\n")
    outcomes = set()
    for number in range(60):
        client = subprocess.Popen([mta.commands / "postdrop", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  env=mta.environment(), user="alice", group="alice", extra_groups=[], preexec_fn=no_new_privs)
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(records(*RECORDS))
            client.stdin.flush()
        time.sleep(0.001 * number)
        client.terminate()
        said = client.communicate(timeout=20)[0]
        taken = client.returncode == 0 and b"status\0000\0" in said
        ready = [file for file in in_maildrop(mta) if file.stat().st_mode & 0o100]
        equal(len(ready), int(taken), f"after {number} ms: {client.returncode}, {said}, files in maildrop")
        outcomes.add(taken)
        for file in in_maildrop(mta):
            file.unlink()
    equal(outcomes, {True, False}, "outcomes")
    mta.stop()


def test_signals_that_end_nobody():
    """A window that changes its size, and what the caller ignores."""
    mta = started()
    for number in (signal.SIGWINCH, signal.SIGCONT, signal.SIGHUP):
        client = subprocess.Popen(["nohup", mta.commands / "sendmail", "u1@virt.test"], stdin=subprocess.PIPE, cwd="/", env=mta.environment(),
                                  user="alice", group="alice", extra_groups=[], preexec_fn=no_new_privs)
        client.stdin.write(MESSAGE.encode())
        client.stdin.flush()
        time.sleep(0.5)
        for child in [client.pid, *children_of([client.pid])]:
            os.kill(child, number)
        client.communicate(timeout=20)
        equal(client.returncode, 0, f"after {number!r}")
    mta.settle()
    equal(len(mailbox(mta, "u1")), 3, "messages")
    mta.stop()


def test_a_service_that_lies():
    """Whatever the socket's other end says: no message is taken for sent that nobody confirmed."""
    mta = started()
    mta.stop()
    path = mta.queue / "submit/postdrop"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        path.chmod(0o666)
        s.listen(5)
        s.settimeout(20)
        for says in (b"", b"\0", b"protocol\0postdrop_protocol\0queue_id\0123\0\0", b"x" * 70000,
                     b"protocol\0postdrop_protocol\0queue_id\0123\0\0status\0nine\0reason\0\0\0"):
            argv = [mta.commands / "sendmail", "u1@virt.test"]
            client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=mta.environment(),
                                      user="alice", group="alice", extra_groups=[], preexec_fn=no_new_privs)
            for _ in range(1 if says else 10):  # it asks again where it is told nothing
                other, _ = s.accept()
                with other:
                    other.sendall(says)
            _, told = client.communicate(MESSAGE.encode(), timeout=30)
            check(client.returncode == 75 and told, f"{says[:20]}: {client.returncode}, {told}")
