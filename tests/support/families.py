"""Who has started whom among the processes of an instance, and how they are killed."""
import collections
import os
import pathlib
import re
import signal


def parent_of(pid):
    try:
        return int(re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except (OSError, TypeError):
        return 0


def children_of(parents):
    """Wherever they run: a user's process is in his home."""
    pids = {int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()}
    return sorted(p for p in pids if parent_of(p) in parents)


class Process(collections.namedtuple("Process", "pid parent began folder")):
    def key(self):
        """What tells it from another one that gets its number."""
        return self.pid, self.began


def processes():
    """{pid: Process} of all that are there."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                found[int(entry.name)] = Process(int(entry.name), int(words[1]), int(words[19]), os.readlink(entry / "cwd"))
        except OSError:
            pass  # it has ended, or is none of ours
    return found


def family(mta, daemon):
    """(services, their helpers, the helpers' children) of `daemon`."""
    master = mta.master_pid()
    services = [p for p in mta.processes(daemon) if parent_of(p) == master]
    helpers = children_of(services)
    return services, helpers, children_of(helpers)


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it went with its helper
