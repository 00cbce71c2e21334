"""Mail filters that are programs: those that people run, and filters of the tests' own on python3-milter and on Sendmail's libmilter.  What
they need comes from Debian's packages, unpacked beside the oracle."""
import contextlib
import functools
import os
import re
import subprocess
import sys
import time

from support import Skip, check, oracle
from support.c_programs import compiled

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    oracle.tree("milters")


def environment(which="milters"):
    root = oracle.tree(which)
    return {**os.environ, "LD_LIBRARY_PATH": f"{oracle.library_path(root)}:{root}/usr/lib", "PYTHONPATH": str(root / "usr/lib/python3/dist-packages")}


@contextlib.contextmanager
def running(mta, *command, which="milters", where=None, directory=None):
    """A filter that listens at unix:filter in the queue directory, or another program that listens at `where`."""
    where = where or mta.queue / "filter"
    where.unlink(missing_ok=True)
    process = subprocess.Popen([str(word) for word in command], env=environment(which), cwd=directory, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 10
        while not where.exists():
            check(process.poll() is None and time.monotonic() < end, lambda: f"{command[0]} does not start: {process.stderr.read1()}")
            time.sleep(0.02)
        yield process
    finally:
        process.kill()  # libmilter takes five seconds for an orderly end
        process.wait()


@functools.cache
def python_with(which, *modules):
    """A Python for which the packages' modules are built, or a skip."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", f"import {', '.join(modules)}"], env=environment(which), stderr=subprocess.DEVNULL).returncode == 0:
            return python
    raise Skip(f"{', '.join(modules)}: for another version of Python")


def send(mta, *commands, text, client=128):
    with mta.smtp(client=client) as s:
        s.talk("EHLO client.test", *commands)
        s.data(text)
        s.talk("QUIT")


def headers(text, name):
    """The values of a header, unfolded."""
    head = text.split("\n\n", 1)[0]
    return [" ".join(value.split()) for value in re.findall(rf"(?im)^{name}:((?:.*)(?:\n[ \t].*)*)", head)]


@functools.cache
def step_filter():
    """The filter in C, compiled."""
    root = oracle.tree("milters")
    return compiled("step_filter", "-I", root / "usr/include", root / "usr/lib/x86_64-linux-gnu/libmilter.a")
