"""What the processes of an instance use: memory, descriptors, how many there are."""
import collections
import os
import pathlib
import re

Use = collections.namedtuple("Use", "processes kilobytes largest descriptors")


def use_of(pids):
    """{daemon: Use} of these processes; memory is their share of it (Pss), `largest` the most that one process has of its own."""
    found = {}
    for pid in pids:
        folder = pathlib.Path(f"/proc/{pid}")
        try:
            name = (folder / "comm").read_text().strip()
            text = (folder / "smaps_rollup").read_text()
            descriptors = len(os.listdir(folder / "fd"))
        except OSError:
            continue
        share = int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
        own = sum(int(size) for size in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", text, re.M))
        old = found.get(name, Use(0, 0, 0, 0))
        found[name] = Use(old.processes + 1, old.kilobytes + share, max(old.largest, own), old.descriptors + descriptors)
    return found


def total(uses):
    """All daemons together."""
    return Use(*(sum(each[i] for each in uses.values()) for i in range(4)))


def table(uses):
    lines = [f"{name:16} {use.processes:5} processes {use.kilobytes:8} KB, {use.largest:7} KB the largest, {use.descriptors:6} descriptors"
             for name, use in sorted(uses.items())]
    return "\n".join(lines)
