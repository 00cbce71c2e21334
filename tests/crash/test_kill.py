"""Processes killed at every step under load: what was acknowledged arrives, and nothing stays stuck."""
import os
import random
import re
import signal
import stat
import time

from support import bound, check, need_suite
from support.carry import QUICK_RETRIES, system
from support.load import Load
from support.room import room
from support.sink import SmtpSink

KILLS = 60
MAIN = QUICK_RETRIES + "virtual_mailbox_lock = fcntl\n"
RECIPIENTS = ("u1@virt.test", "u2@virt.test", "box@virt.test", "alice@example.test", "bob@example.test", "x@far.test",
              "two@alias.test")


def kill_in_turn(mta, kills, spare=()):
    """SIGKILLs one process after the other, a different daemon each time; their names."""
    killed = []
    for number in range(kills):
        running = mta.processes()
        names = sorted(set(running.values()) - set(spare))
        if not names:
            time.sleep(0.2)
            continue
        name = names[number % len(names)]
        pid = random.choice([p for p, n in running.items() if n == name])
        if name == "master":  # not a child of it that has not become another program yet
            pid = mta.master_pid()
        try:
            os.kill(pid, signal.SIGKILL)
            killed.append(name)
        except ProcessLookupError:
            pass
        time.sleep(random.uniform(0.05, 0.25))
        if name == "master":
            restart(mta)
    return killed


def restart(mta):
    """After the master: its children end when they see it gone; then a new one takes over."""
    end = time.monotonic() + 10
    while True:
        try:
            mta.start()
            return
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def arrived(mta, sink):
    """Every marker in any mailbox or at the sink."""
    text = b"".join(b"".join(mta.virtual(box)) for box in ("u1", "u2", "box"))
    text += b"".join(b"".join(mta.local_mail(user)) for user in ("alice", "bob"))
    text += b"".join(t.data for t in sink.transactions)
    return {part.decode() for part in re.findall(rb"marker-\d{6}-end", text)}


def complete_files(mta):
    """Queue files that are a message: those that a killed cleanup left half-written, and never
    acknowledged, are not executable."""
    found = []
    for path in mta.queue_files():
        try:
            if path.stat().st_mode & stat.S_IXUSR:
                found.append(path)
        except FileNotFoundError:
            pass
    return found


def wait_empty(mta, seconds):
    end = time.monotonic() + seconds
    while complete_files(mta):
        if time.monotonic() > end:
            listing = mta.run("postqueue", "-p", record=False)
            raise AssertionError(f"stuck in the queue after {seconds} s: {complete_files(mta)}\n{listing}\n"
                                 f"{mta.log_text()[-3000:]}")
        mta.run("postqueue", "-f", record=False)
        time.sleep(2)


def nothing_is_lost(kind, spare=()):
    mta, sink = system(kind, main=MAIN), SmtpSink(room().address(31))
    load = Load(mta, RECIPIENTS)
    try:
        time.sleep(0.5)
        killed = kill_in_turn(mta, KILLS, spare)
    except BaseException:
        sink.stop()
        raise
    finally:
        load.stop()
    check(len(killed) >= 50, f"only {len(killed)} kills: {killed}")
    check(len(load.acknowledged) > 100, f"only {len(load.acknowledged)} messages acknowledged, {load.refused} refused")
    wait_empty(mta, 60)
    there = arrived(mta, sink)
    lost = {m: r for m, r in load.acknowledged.items() if m not in there}
    check(not lost, lambda: f"{len(lost)} of {len(load.acknowledged)} acknowledged messages lost: {lost}")
    print(f"{len(killed)} kills, {len(load.acknowledged)} acknowledged, {load.refused} attempts refused")
    mta.destroy()
    sink.stop()


@bound(200)
def test_nothing_is_lost():
    need_suite()
    nothing_is_lost("ours")


@bound(200)
def test_postfix_loses_nothing_either():
    """Proves the test.  Postfix hangs when its postlogd is killed: spared."""
    nothing_is_lost("postfix", spare=("postlogd", "master"))
