"""What a process and all below it cost."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    """Fields of its stat after the name; none where it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def below(root):
    """{pid: fields of its stat after the name} of a process and all below it."""
    stats = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            if fields := stat_of(entry.name):
                stats[int(entry.name)] = fields
    found, more = set(), {root} & set(stats)
    while more:
        found |= more
        more = {pid for pid, fields in stats.items() if int(fields[1]) in more} - found
    return {pid: stats[pid] for pid in found}


def ticks(fields, with_children=False):
    """User and system time, and that of children that were reaped, of the fields of a stat after the name."""
    return sum(map(int, fields[11:15 if with_children else 13]))


def running_seconds(pid):
    """What its threads have had of a processor; 0 where it is gone.  In ticks, those would be lost that many processes have only begun: they do
    where the kernel keeps no better account."""
    try:
        threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
        if not pathlib.Path("/proc/self/schedstat").exists():
            return ticks(fields) / TICKS if (fields := stat_of(pid)) else 0
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0


def reaped_seconds(pid):
    """User and system time of the children that it has waited for."""
    fields = stat_of(pid)
    return (ticks(fields, with_children=True) - ticks(fields)) / TICKS if fields else 0


def cpu_seconds(root):
    """With the time of what they have reaped."""
    return sum(ticks(fields, with_children=True) for fields in below(root).values()) / TICKS


def memory_kb(root):
    """Proportional (PSS)."""
    return sum(pss_kb(pid) for pid in below(root))


def pss_kb(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
