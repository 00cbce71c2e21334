"""spawn(8) where it does more than Postfix's: a command that is too late really ends, with all it has started; many at once."""
import os
import pwd
import re
import socket
import time

from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance
from support.room import room

LATE = "echo $$\nsleep 30 &\necho $!\nwait\n"
MASTER = "{name} unix - n n - 0 spawn user={user} argv=/bin/sh @CONF@/{script}.sh\n"


def started(main=""):
    need_program("spawn")
    kind, swap = mix_of(ours())
    need_program("smtpd")
    user = "alice" if room().private else pwd.getpwuid(os.geteuid()).pw_name
    services = "".join(MASTER.format(name=name, user=user, script=name) for name in ("late", "upper"))
    return Instance(kind, swap, main=main, master=services, files={"late.sh": LATE, "upper.sh": "while read line; do echo $$ $line; done\n"}).start()


def connect(mta, name):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(str(mta.queue / "private" / name))
    return s


def is_running(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_late_command_ends_with_all_it_started():
    mta = started("late_time_limit = 1s\n")
    with connect(mta, "late") as s:
        said = s.makefile().read()  # until everybody has closed it
    pids = [int(word) for word in said.split()]
    equal(len(pids), 2, f"processes in {said!r}")
    mta.wait_log(r"spawn\[\d+\]: warning: /bin/sh: process id " + str(pids[0]) + ": command time limit exceeded")
    end = time.monotonic() + 5
    while any(map(is_running, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    check(not any(map(is_running, pids)), f"{pids} still run")
    mta.check_sane()


def test_many_commands_of_one_process():
    mta = started()
    connections = [connect(mta, "upper") for _ in range(20)]
    seen = set()
    for round_number in range(2):
        for number, s in enumerate(connections):
            s.sendall(f"{round_number} {number}\n".encode())
        for number, s in enumerate(connections):
            pid, *words = s.recv(100).decode().split()
            equal(words, [str(round_number), str(number)], "answer")
            seen.add(pid)
    equal(len(seen), 20, "commands")
    equal(len(mta.processes("spawn")), 1, "processes of spawn")
    for s in connections:
        s.close()
    end = time.monotonic() + 5
    while any(map(is_running, seen)) and time.monotonic() < end:
        time.sleep(0.02)
    check(not any(map(is_running, seen)), "a command whose client is gone still runs")
    check(not re.search("warning|fatal", "\n".join(l for l in mta.log_text().splitlines() if "/spawn" in l)), mta.log_text())
