"""Who has started whom among the processes of an instance, and how they are killed."""
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
