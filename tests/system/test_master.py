"""master(8): life cycle of the suite and of its processes, with daemons that the test makes up."""
import os
import signal
import socket
import subprocess
import time

from support import check, equal, need_program
from support.instance import Instance

BASE = """\
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


def made(services="", main="", scripts=None):
    """An instance of ours whose master.cf has only the log, anvil and these services."""
    for name in ("master", "postlogd", "anvil"):
        need_program(name)
    mta = Instance("ours", main=main)
    for name, text in (scripts or {}).items():
        path = mta.daemons / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
    set_services(mta, services)
    return mta


def set_services(mta, services):
    (mta.conf / "master.cf").write_text(BASE + mta.expand(services))


def start(mta):
    """Without tables: none of these services has any."""
    done = subprocess.run([mta.daemons / "master", "-c", mta.conf, "-w"], env=mta.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=15)
    equal(done.returncode, 0, f"master -w: {done.stderr.decode()}")
    return mta


def connect(mta, path, timeout=5):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(timeout)
    client.connect(str(mta.queue / path))
    return client


def lock_status(mta):
    return subprocess.run([mta.daemons / "master", "-c", mta.conf, "-t"], env=mta.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=15).returncode


def until(condition, text, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, text)
        time.sleep(0.02)


def test_lock_tells_whether_it_runs():
    mta = made()
    equal(lock_status(mta), 0, "before the start")
    start(mta)
    equal(lock_status(mta), 1, "while it runs")
    text = (mta.queue / "pid/master.pid").read_text()
    equal((len(text), text[-1]), (33, "\n"), "form of the pid file")
    again = subprocess.run([mta.daemons / "master", "-c", mta.conf, "-w"], env=mta.environment(),
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=15)
    check(again.returncode != 0, "a second master does not start")
    mta.stop()
    equal(lock_status(mta), 0, "after the stop")


def test_a_request_starts_a_process_and_it_is_used_again():
    mta = start(made())
    for _ in range(3):
        with connect(mta, "private/anvil") as client:
            equal(client.recv(100), b"protocol=anvil_protocol\n\n", "announcement")
    equal(len(mta.processes("anvil")), 1, "one process for three clients")
    mta.stop()


def test_a_killed_process_is_started_again():
    mta = start(made())
    connect(mta, "private/anvil").recv(100)
    (pid,) = mta.processes("anvil")
    os.kill(pid, signal.SIGKILL)
    mta.wait_log(rf"warning: process .*/anvil pid {pid} killed by signal 9")
    equal(connect(mta, "private/anvil").recv(100), b"protocol=anvil_protocol\n\n", "announcement")
    mta.stop()


def test_a_daemon_that_fails_at_once_is_throttled():
    mta = made("broken unix - - n - 5 broken\n", "service_throttle_time = 1s\n",
               {"broken": "exit 3\n"})
    start(mta)
    client = connect(mta, "private/broken")
    mta.wait_log(r"warning: process .*/broken pid \d+ exit status 3")
    mta.wait_log(r"warning: .*/broken: bad command startup -- throttling", 2)
    times = [line.text for line in mta.log() if "exit status 3" in line.text]
    check(len(times) <= 4, f"started too often: {times}")
    client.close()
    mta.stop()


def test_killing_the_log_daemon_does_not_hang_the_suite():
    """A weakness of Postfix: master blocks in a send to the log socket."""
    mta = start(made())
    for _ in range(5):
        until(lambda: mta.processes("postlogd"), "postlogd runs")
        for pid in mta.processes("postlogd"):
            os.kill(pid, signal.SIGKILL)
        for pid in mta.processes("anvil"):
            os.kill(pid, signal.SIGKILL)
        equal(connect(mta, "private/anvil").recv(100), b"protocol=anvil_protocol\n\n", "answer")
    mta.wait_log(r"killed by signal 9", 3)
    mta.stop()


def test_reload_adds_removes_and_keeps_services():
    mta = start(made("one unix - - n - 1 anvil -n one\n"))
    connect(mta, "private/one").recv(100)
    old = mta.processes("anvil")
    set_services(mta, "two unix - - n - 1 anvil\n")
    mta.reload()
    mta.wait_log(r"reload -- version")
    until(lambda: (mta.queue / "private/two").exists(), "the new service is there")
    equal(connect(mta, "private/two").recv(100), b"protocol=anvil_protocol\n\n", "answer")
    until(lambda: not set(old) & set(mta.processes()), "processes of the removed service end")
    mta.stop()


def test_a_broken_reload_changes_nothing():
    mta = start(made())
    (mta.conf / "master.cf").write_text(BASE + "three unix - - n - many anvil\n")
    mta.reload()
    mta.wait_log(r"error: .*master\.cf: line 3: field \"max_proc\": bad value: \"many\"")
    equal(connect(mta, "private/anvil").recv(100), b"protocol=anvil_protocol\n\n", "answer")
    set_services(mta, "")
    mta._write_old("main.cf", (mta.conf / "main.cf").read_text() + "max_idle = soon\n")
    mta.reload()
    mta.wait_log(r"error: reload refused, .*max_idle")
    equal(connect(mta, "private/anvil").recv(100), b"protocol=anvil_protocol\n\n", "answer")
    mta.stop()


def test_a_typo_in_master_cf_names_line_and_field():
    mta = made()
    (mta.conf / "master.cf").write_text("anvil unixx - - n - 1 anvil\n")
    done = subprocess.run([mta.daemons / "master", "-c", mta.conf, "-w"], env=mta.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=15)
    check(done.returncode != 0, "master must not start")
    check("line 1: field \"transport type\": bad value: \"unixx\"" in done.stderr.decode() or
          "line 1: field \"type\": bad value: \"unixx\"" in done.stderr.decode(),
          f"message: {done.stderr.decode()}")


def test_wakeup_comes_at_once_and_again():
    mta = made("wake unix - - n 1 1 wake\n", "",
               {"wake": f'echo woken >> "$MAIL_CONFIG/woken"; sleep 0.2\n'})
    start(mta)
    woken = mta.conf / "woken"
    until(lambda: woken.exists(), "the first wake-up")
    until(lambda: woken.read_text().count("woken") >= 2, "the second wake-up")
    mta.stop()


def test_processes_inherit_a_clean_environment():
    mta = made("show unix - - n - 1 show\n", "import_environment = TZ KEPT=yes\n",
               {"show": f'env > "$MAIL_CONFIG/environment"; sleep 1\n'})
    os.environ["RELAIS_TEST_SECRET"] = "1"
    start(mta)
    connect(mta, "private/show")
    until(lambda: (mta.conf / "environment").exists(), "the process ran")
    time.sleep(0.1)
    names = dict(line.split("=", 1) for line in
                 (mta.conf / "environment").read_text().splitlines() if "=" in line)
    check("KEPT" in names and "GENERATION" in names, f"wanted names are there: {names}")
    check(not {"PATH", "HOME", "RELAIS_TEST_SECRET"} & set(names) - {"PATH"}, f"nothing else: {names}")
    mta.stop()


def test_stop_ends_every_process():
    mta = start(made())
    connect(mta, "private/anvil").recv(100)
    mta.wait_log("daemon started")
    check(len(mta.processes()) >= 3, f"processes: {mta.processes()}")
    mta.stop()
    mta.wait_ended()
    mta.wait_log(r"master\[\d+\]: terminating on signal 15")


def test_a_reload_at_once_after_the_start():
    """`master -w` returns when signals are taken: one that comes right then does no harm."""
    for _ in range(5):
        mta = start(made())
        mta.reload()
        mta.wait_log(r"reload -- version")
        mta.destroy()


def test_a_master_that_is_held_up_hears_the_last_word():
    need_program("discard")
    mta = made("drop unix - - n - 2 discard\n", main="max_use = 100000\n")
    start(mta)
    connect(mta, "private/drop").recv(100)
    time.sleep(0.5)
    pid = int((mta.queue / "pid/master.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        # More reports than the channel holds: one when a client comes, one when it goes.
        for _ in range(400):
            client = connect(mta, "private/drop")
            check(client.recv(100), "served")
            client.close()
        held = connect(mta, "private/drop")
        check(held.recv(100), "the process is full now")
    finally:
        os.kill(pid, signal.SIGCONT)
    second = connect(mta, "private/drop")
    check(second.recv(100), "another process serves the second client")
    mta.stop()
