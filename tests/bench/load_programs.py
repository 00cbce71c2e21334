"""Rows about the programs that make load and take it: smtp-source sends to smtp-sink, Postfix's to Postfix's and ours to
ours.  Neither runs under a mail system.  What counts is how little of the machine they take from what is measured with them."""
import os
import re
import resource
import subprocess
import tempfile
import time

from support.test_programs import Side

# (name, options, options of ours beside them, messages)
ROWS = (("load: 50 sessions, a command at a time", ["-d", "-s", "50"], [], 20000),
        ("load: 50 sessions, as fast as it can", ["-d", "-s", "50"], ["-P"], 40000),
        ("load: 50 sessions, 4 KB, as fast as it can", ["-d", "-s", "50", "-l", "4096"], ["-P"], 20000),
        ("load: a connection for each message", ["-s", "20"], [], 10000))


def seconds_of(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(side, options, count):
    """Messages a second on the clock, and as many as the busier program's processor time would allow."""
    with side.sink("smtp-sink", "-m", "1000", note=False) as sink:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        process = side.start("smtp-source", *options, "-m", count, sink.place)
        _, errors = process.communicate(timeout=300)
        if process.returncode:
            raise AssertionError(errors.decode())
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        source_cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        sink_cpu = seconds_of(sink.process.pid)
    busier = max(source_cpu, sink_cpu, 0.01)
    return {"messages/s": count / wall, "messages/CPU s": count / busier, "CPU us/message": (source_cpu + sink_cpu) / count * 1e6}


def system_calls(side, options, count):
    """Of the sink, for each message; nothing where strace may not be used."""
    with tempfile.NamedTemporaryFile() as report, side.sink("smtp-sink", "-m", "1000", note=False) as sink:
        try:
            tracer = subprocess.Popen(["strace", "-c", "-f", "-o", report.name, "-p", str(sink.process.pid)], stderr=subprocess.DEVNULL)
        except OSError:
            return {}
        time.sleep(0.5)
        process = side.start("smtp-source", *options, "-m", count, sink.place)
        process.communicate(timeout=300)
        tracer.terminate()
        tracer.wait(timeout=30)
        total = re.search(r"^(.*) total$", open(report.name).read(), re.M)
    return {"sink's calls": int(total[1].split()[3]) / count} if total else {}


def measure(options, show):
    """`show` prints a row of results for both sides."""
    with tempfile.TemporaryDirectory(prefix="rt.") as folder:
        os.chmod(folder, 0o777)
        for name, arguments, own, count in ROWS:
            if options.name not in name:
                continue
            count = max(int(count * options.scale), 100)
            results = {"postfix": [], "ours": []}
            for number in range(options.rounds):
                for side in sorted(results, reverse=number % 2 == 0):
                    extra = own if side == "ours" else []
                    results[side].append(run(Side(side, folder), [*arguments, *extra], count))
            for side in results:
                extra = own if side == "ours" else []
                results[side][0] |= system_calls(Side(side, folder), [*arguments, *extra], min(count, 5000))
                results[side] = [{key: each.get(key, results[side][0][key]) for key in results[side][0]} for each in results[side]]
            if set(results["ours"][0]) == set(results["postfix"][0]):
                show(name, results)
