"""What master tells a service manager (sd_notify), and that it is the process that was started."""
import os
import re
import signal
import socket
import subprocess

from support import check, equal, need_program
from support.instance import Instance
from support.room import room


class Manager:
    """Listens where systemd would."""

    def __init__(self, abstract=False):
        self.path = f"@relais-test-{os.getpid()}" if abstract else str(room().scratch / f"notify{room().next_instance()}")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.path[1:] if abstract else self.path)
        self.socket.settimeout(10)

    def hear(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def hear_of(self, name):
        while name not in (said := self.hear()):
            pass
        return said


def start(mta, manager, *command, watchdog=None):
    environment = {**mta.environment(), "NOTIFY_SOCKET": manager.path}
    if watchdog:
        environment["WATCHDOG_USEC"] = str(watchdog)
    return subprocess.Popen([*command], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def prepared():
    for name in ("master", "postfix", "postsuper", "postlogd", "qmgr", "pickup"):
        need_program(name)
    return Instance("ours")


def run_once(manager, watchdog=None):
    mta = prepared()
    process = start(mta, manager, mta.commands / "postfix", "start-fg", watchdog=watchdog)
    said = manager.hear_of("READY")
    equal(said["READY"], "1", "ready")
    equal(int(said["MAINPID"]), process.pid, "postfix has become master")
    check(str(mta.conf) in said["STATUS"], said)
    return mta, process


def test_ready_reload_and_stop():
    manager = Manager()
    mta, process = run_once(manager)
    for child, name in mta.processes().items():
        if name != "master":  # nor a child of it that is not yet what it will be
            text = open(f"/proc/{child}/environ", "rb").read()
            check(b"NOTIFY_SOCKET" not in text, "a daemon knows the manager's socket")
    process.send_signal(signal.SIGHUP)
    said = manager.hear()
    equal(said["RELOADING"], "1", "reload")
    check(re.fullmatch(r"\d{6,}", said["MONOTONIC_USEC"]), said)
    equal(manager.hear()["READY"], "1", "after the reload")
    process.send_signal(signal.SIGTERM)
    equal(manager.hear()["STOPPING"], "1", "stop")
    process.wait(timeout=15)
    mta.stop()


def test_watchdog():
    manager = Manager()
    mta, process = run_once(manager, watchdog=400_000)
    for _ in range(4):
        equal(manager.hear(), {"WATCHDOG": "1"}, "a sign of life")
    process.terminate()
    process.wait(timeout=15)
    mta.stop()


def test_an_abstract_socket():
    manager = Manager(abstract=True)
    mta, process = run_once(manager)
    process.terminate()
    process.wait(timeout=15)
    mta.stop()
