"""What a process and all below it cost."""
import os
import pathlib

TICKS = os.sysconf("SC_CLK_TCK")


def below(root):
    """{pid: fields of its stat after the name} of a process and all below it."""
    stats = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
    found, more = set(), {root} & set(stats)
    while more:
        found |= more
        more = {pid for pid, fields in stats.items() if int(fields[1]) in more} - found
    return {pid: stats[pid] for pid in found}


def cpu_seconds(root):
    """With the time of what they have reaped."""
    return sum(sum(map(int, fields[11:15])) for fields in below(root).values()) / TICKS


def memory_kb(root):
    """Proportional (PSS)."""
    return sum(pss_kb(pid) for pid in below(root))


def pss_kb(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
