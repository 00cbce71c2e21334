"""Rows about lookup tables: postmap builds one of a million entries, and looks up 100,000 keys that
are there and as many that are not, in a table that it built itself."""
import functools
import os
import random
import subprocess
import time

from support import table_types

ENTRIES, LOOKUPS = 1_000_000, 100_000


@functools.cache
def source(folder, scale):
    """The text of the table and the two lists of keys, made once."""
    chance = random.Random(4)
    keys = [f"user{number}@example{number % 997}.test" for number in chance.sample(range(10 ** 9), int(ENTRIES * scale))]
    (folder / "table").write_text("".join(f"{key} mailbox{i}@store{i % 7}.example.test\n" for i, key in enumerate(keys)))
    past = time.time() - 1000
    os.utime(folder / "table", (past, past))
    asked = chance.sample(keys, min(int(LOOKUPS * scale), len(keys)))
    (folder / "hits").write_text("\n".join(asked) + "\n")
    (folder / "misses").write_text("\n".join("no." + key for key in asked) + "\n")
    return len(keys), len(asked)


def timed(mta, arguments, stdin):
    """Wall-clock and processor seconds of a command."""
    before, start = os.times(), time.monotonic()
    with open(stdin) as keys:
        done = subprocess.run(["postmap", *arguments], executable=mta.commands / "postmap", cwd=mta.root, stdin=keys,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=mta.environment(), timeout=180)
    if done.stderr:
        raise AssertionError(done.stderr.decode()[-500:])
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return time.monotonic() - start, cpu


def prepare(mta, scale):
    table_types.offer(mta, {"lmdb_map_size": 1 << 30})
    folder = mta.room.scratch
    counts = source(folder, scale)
    (mta.root / "table").symlink_to(folder / "table")
    return counts


def build(mta, kind, count):
    seconds, cpu = timed(mta, [f"{kind}:table"], os.devnull)
    return {"entries/s": count / seconds, "CPU s": cpu}


def look_up(mta, kind, keys, count):
    seconds, cpu = timed(mta, ["-q", "-", f"{kind}:table"], mta.room.scratch / keys)
    return {"lookups/s": count / seconds, "CPU s": cpu}


def rows(entries, asked):
    for kind in table_types.BUILT:
        yield f"{kind}: build {entries} entries", lambda m, k=kind: build(m, k, entries)
        for keys in ("hits", "misses"):
            yield f"{kind}: {asked} lookups, {keys}", lambda m, k=kind, q=keys: look_up(m, k, q, asked)
