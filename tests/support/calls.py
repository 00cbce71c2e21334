"""System calls of daemons, counted while something happens."""
import collections
import contextlib
import os
import re
import subprocess
import time

from support import Skip, need_strace

CALL = re.compile(r"^(\d+) +(\w+)\(")
# A thread that wakes another, and the pipe by which qmgr slows its clients down: how often they are used is a matter of luck.
TOKENS = ("<anon_inode:[eventfd]>", "<pipe:[")
ATTACHED = re.compile(r"Process \d+ attached")


@contextlib.contextmanager
def traced(mta, pids, *options):
    """strace, with these options, is attached to the processes while the block runs; the list that it gives has its lines afterwards."""
    need_strace()
    file, lines = mta.root / "calls", []
    each = [option for pid in pids for option in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-o", file, *options, *each], stderr=subprocess.PIPE, text=True)
    try:
        for _ in pids:
            line = tracer.stderr.readline()
            if not ATTACHED.search(line):
                raise Skip(f"strace may not attach here: {line.strip()}")
        yield lines
    finally:
        time.sleep(0.2)  # what is under way is part of it
        tracer.terminate()
        tracer.wait(timeout=20)
        tracer.stderr.close()
        lines += file.read_text(errors="replace").splitlines()


class Calls:
    """What the processes of some daemons (by name) call while the block runs.

        with Calls(mta, ["smtpd", "cleanup"]) as calls: ...
        calls.of["smtpd"]["write"]         # how many
        calls.lines["smtpd"]               # as strace prints them
    """

    def __init__(self, mta, names):
        self.mta, self.names = mta, names
        self.of, self.lines = collections.defaultdict(collections.Counter), collections.defaultdict(list)

    def __enter__(self):
        self._daemons = {pid: name for pid, name in self.mta.processes().items() if name in self.names}
        self._tracing = traced(self.mta, self._daemons, "-y", "-s", "64")
        self._traced = self._tracing.__enter__()
        self._threads = {thread: name for pid, name in self._daemons.items() for thread in threads_of(pid)}
        return self

    def __exit__(self, *what):
        for pid, name in self._daemons.items():
            self._threads.update({thread: name for thread in threads_of(pid)})
        self._tracing.__exit__(None, None, None)
        for line in self._traced:
            daemon = self._threads.get(line.split()[0], "?")
            self.lines[daemon].append(line)
            if found := CALL.match(line):
                self.of[daemon]["token" if any(kind in line for kind in TOKENS) else found[2]] += 1


def threads_of(pid):
    """The ids of a process's threads, as strace writes them; none where it is gone."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return []
