"""Rights: what ours does where Postfix has nothing to compare with."""
import contextlib
import resource
import signal
import subprocess
import time

from support import check
from support.instance import Instance
from support.queuefile import records
from support.room import ACCOUNTS, room

SWAP = """
import ctypes, os, sys
os.chdir(sys.argv[1])
open(".forward", "w").write("u1@virt.test\\n")
os.mkfifo(".other", 0o644)
for name in (".forward", ".other"):
    os.chown(name, %d, %d)
swap = ctypes.CDLL(None).renameat2
while True:
    swap(-100, b".forward", -100, b".other", 2)
""" % (ACCOUNTS["alice"], ACCOUNTS["alice"])

MESSAGE = records(("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"), ("M", ""), ("N", "x"), ("X", ""),
                  ("E", ""))


def test_a_forward_file_that_becomes_a_fifo():
    """Whichever is met: nothing waits for a writer.  (Postfix does.)"""
    room().require_private("accounts with homes")
    mta = Instance().start()
    home = room().home("alice")
    swapping = subprocess.Popen(["python3", "-c", SWAP, str(home)])
    try:
        for number in range(15):
            mta.mail("u2@virt.test", [f"alice+{number}.{each}@example.test" for each in range(40)])
        mta.settle(40)
    finally:
        swapping.kill()
        swapping.wait()
        for name in (".forward", ".other"):
            (home / name).unlink(missing_ok=True)
        mta.stop()
    check("is not a regular file" in mta.log_text(), "the FIFO was met")
    check("forwarded as" in mta.log_text(), "so was the file")


def test_postdrop_tells_of_every_message_that_it_took():
    """Whatever the caller's limits forbid: a message that stays is told as taken, else it comes twice."""
    mta = Instance()
    maildrop = mta.queue / "maildrop"
    outcomes = set()
    for limit in range(3, 24):
        done = subprocess.run([mta.commands / "postdrop", "-r"], input=MESSAGE, capture_output=True, env=mta.environment(),
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)), timeout=20)
        files = list(maildrop.iterdir())
        taken = done.returncode == 0 and b"status\0000\0" in done.stdout
        check(len(files) == (1 if taken else 0), f"{limit} descriptors: {done}, in maildrop: {files}")
        outcomes.add(taken)
        for file in files:
            file.unlink()
    check(outcomes == {True, False}, "some limits are too low, others are not")


def test_postdrop_ended_by_its_caller():
    """At any moment, by an alarm that the caller left running or by a signal: told as taken, or not taken."""
    mta = Instance()
    maildrop = mta.queue / "maildrop"
    outcomes = set()
    for round in range(160):
        kind = (signal.SIGALRM, signal.SIGTERM)[round % 2]
        delay = 0.0005 + round * 0.0001
        process = subprocess.Popen([mta.commands / "postdrop", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=mta.environment(), stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: kind == signal.SIGALRM and signal.setitimer(signal.ITIMER_REAL, delay))
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(MESSAGE)
            process.stdin.flush()
        if kind == signal.SIGTERM:
            time.sleep(delay)
            process.terminate()
        said = process.communicate(timeout=20)[0]
        taken = process.returncode == 0 and b"status\0000\0" in said
        # Only what its owner may execute is finished.
        ready = [file for file in maildrop.iterdir() if file.stat().st_mode & 0o100]
        check(len(ready) == (1 if taken else 0), f"after {delay:.4f} s: {process.returncode}, {said}, in maildrop: {ready}")
        outcomes.add(taken)
        for file in maildrop.iterdir():
            file.unlink()
    check(outcomes == {True, False}, "some come too late, others do not")
