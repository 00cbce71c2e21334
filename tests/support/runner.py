"""Finds the tests, gives each file to a worker process in a room of its own, prints a line for
each test and a summary.  tests/run is its command."""
import argparse
import errno
import importlib.util
import json
import os
import pathlib
import queue
import re
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback

from support import BUILD, FEW_FILES, ROOT, TESTS, Skip, account, oracle, sanitizer, take_case_count
from support.room import UNSHARE, can_unshare

RINGS = ("system", "oracle", "swap", "crash")
# Only when asked for, alone, before the others: what a newcomer types, where all is installed and built anew; and the packages.
FRESH = "fresh"
PACKAGES = "packages"
ALONE = (FRESH, PACKAGES)
# What of the packages' ring is short enough for every day.
DAILY_PACKAGES = ("packages/switch",)
SECONDS = 60


class Late(BaseException):
    pass


def main():
    options = parse_arguments()
    if options.worker:
        return work(pathlib.Path(options.worker), options)
    files = chosen_files(options)
    if not files and not options.selectors == ["unit"]:
        print(f"no test file matches {' '.join(options.selectors)}")
        return 2
    raise_limit_of_files()
    tally = Tally()
    started = time.monotonic()
    if not options.no_unit and (not options.selectors or "unit" in options.selectors):
        run_units(tally, options)
    for path in [p for p in files if p.parent.name in ALONE]:
        run_file(path, Launcher(), tally, options)
    run_files([p for p in files if p.parent.name not in ALONE], tally, options)
    for _ in range(2 if options.again else 0):
        run_failed_again(tally, options)
    tally.close(time.monotonic() - started)
    return 1 if tally.failed or not tally.passed else 0


def raise_limit_of_files():
    """What ordinary sessions have (ulimit -n), where this one may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/run", description="Runs the tests. A selector is a "
                                     "ring (unit, system, oracle, swap, crash, fresh, packages) or ring/file.")
    parser.add_argument("selectors", nargs="*")
    parser.add_argument("-k", dest="name", default="", help="only tests whose name contains this")
    parser.add_argument("-j", dest="jobs", type=int, default=2 * (os.cpu_count() or 1),
                        help="files at once (two for each processor: tests wait more than they compute)")
    parser.add_argument("--ours", default="ours", help="what stands for ours in the oracle ring: "
                        "ours, postfix, or a mixture like postfix+smtpd,cleanup")
    parser.add_argument("--keep", action="store_true", help="keep the scratch directories")
    parser.add_argument("--fresh", action="store_true", help="also what a newcomer types, in a fresh Debian "
                        "(ring `fresh`; needs root and debootstrap)")
    parser.add_argument("--packages", action="store_true", help="also the part of the ring `packages` that is not long "
                        "(needs `make deb`, root and debootstrap)")
    parser.add_argument("--again", action="store_true", help="run what failed again, alone, twice at most, and tell "
                        "what passed only then")
    parser.add_argument("--no-unit", action="store_true", help="leave the Catch2 binaries out")
    parser.add_argument("--list", action="store_true", help="only list the test files")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--test", default="", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


# What takes longest begins first, so that nothing is left to run alone.
LONGEST = ("swap/swap",)


def chosen_files(options):
    selectors = options.selectors
    asked = {selector.partition("/")[0] for selector in selectors} | ({FRESH} if options.fresh else set())
    rings = RINGS + tuple(ring for ring in ALONE if ring in asked)
    found = sorted((p for ring in rings for p in (TESTS / ring).glob("test_*.py")),
                   key=lambda path: (label(path) not in LONGEST, path))
    if selectors:
        found = [p for p in found if any(selects(s, p) for s in selectors)]
    if options.packages:
        found = [TESTS / PACKAGES / f"test_{name.partition('/')[2]}.py" for name in DAILY_PACKAGES] + found
    return found


def selects(selector, path):
    ring, _, name = selector.removesuffix(".py").partition("/")
    return ring == path.parent.name and name.removeprefix("test_") in ("", path.stem[5:])


def label(path):
    return f"{path.parent.name}/{path.stem[5:]}"


class Tally:
    """Prints results as they come and counts them."""

    def __init__(self):
        self.passed = self.failed = self.skipped = self.cases = 0
        self._failures, self._unsteady, self._skips, self._lock = [], [], {}, threading.Lock()

    def result(self, name, outcome, seconds=0.0, text="", count=1, cases=0):
        with self._lock:
            self.cases += cases
            name += f", {cases} cases" if cases else ""
            if outcome == "ok":
                self.passed += count
                print(f"ok    {name} ({seconds:.1f} s)", flush=True)
            elif outcome == "skip":
                self.skipped += count
                self._skips.setdefault(text, []).append(name)
                print(f"skip  {name}: {text}", flush=True)
            else:
                self.failed += count
                self._failures.append(name)
                print(f"FAIL  {name} ({seconds:.1f} s)\n{indent(text)}", flush=True)

    def take_failures(self):
        """But for the units and what takes minutes: (file's label, test's name); they are no longer counted."""
        with self._lock:
            taken = [name for name in self._failures if not name.startswith(("unit/", FRESH))]
            self._failures = [name for name in self._failures if name not in taken]
            self.failed -= len(taken)
            return [tuple(name.split(", ")[0].split(": ", 1)) for name in taken]

    def unsteady(self, file, test):
        self._unsteady.append(f"{file}: {test}")

    def close(self, seconds):
        print()
        for reason, names in self._skips.items():
            print(f"skipped {len(names)}: {reason}")
        for name in self._unsteady:
            print(f"failed once, passed again alone: {name}")
        for name in self._failures:
            print(f"failed: {name}")
        if self.cases:
            print(f"{self.cases} cases were compared")
        print(f"{seconds:.0f} s")
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}", flush=True)


def indent(text):
    lines = text.rstrip().split("\n")
    if len(lines) > 150 and not os.environ.get("RELAIS_TEST_WHOLE_DIFF"):
        lines = lines[:100] + [f"... ({len(lines) - 150} lines)"] + lines[-50:]
    return "\n".join("      " + line for line in lines)


# -- Catch2 -----------------------------------------------------------------------------------


def run_units(tally, options):
    for binary in sorted((BUILD / "test").glob("*")):
        if not os.access(binary, os.X_OK) or not binary.is_file():
            continue
        start = time.monotonic()
        passed, failed, text = run_unit(binary, options.name)
        seconds = time.monotonic() - start
        if passed:
            tally.result(f"unit/{binary.name}: {passed} test cases", "ok", seconds, count=passed)
        if failed:
            tally.result(f"unit/{binary.name}: {failed} test cases", "fail", seconds, text, failed)


def run_unit(binary, name):
    arguments = [binary, "-r", "console"] + ([f"*{name}*"] if name else [])
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, errors="replace",
                              timeout=300, cwd=ROOT, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        return 0, 1, f"not done after 300 s\n{(late.stdout or b'').decode('latin-1')[-3000:]}"
    return counts(done)


def counts(done):
    """(passed, failed, output) from Catch2's closing line, versions 2 and 3."""
    text = done.stdout + done.stderr
    good = re.search(r"All tests passed \(.* in (\d+) test case", text)
    if good and done.returncode == 0:
        return int(good[1]), 0, text
    if "No test" in text:
        return 0, 0, text
    line = re.search(r"test cases:\s*(\d+)(.*)", text)
    if not line:
        return 0, 1, f"exit status {done.returncode}\n{text}"
    found = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed)", line[2])}
    return found.get("passed", 0), max(found.get("failed", 0), 1 if done.returncode else 0), text


# -- files, each in a worker --------------------------------------------------------------------


class Launcher:
    """How a worker is started: in which namespaces, as whom, from which place."""

    def __init__(self, private=False):
        self.prefix = UNSHARE if private and can_unshare() else []
        self.place = account.Place() if private else None
        self.account = account.unprivileged() if private and os.geteuid() == 0 and not self.prefix else None
        self.python = account.python_for(self.account) or sys.executable

    def start(self, path, results, options):
        root = self.place.root if self.place else ROOT
        argv = [*self.prefix, self.python, root / "tests/run", "--worker", root / path.relative_to(ROOT),
                "--results", str(results), "-k", options.name, "--test", options.test, "--ours", options.ours]
        environment = {**os.environ, "RELAIS_TEST_PRIVATE": "1" if self.prefix else "0",
                       "RELAIS_TEST_KEEP": "1" if options.keep else "0", "RELAIS_TEST_OURS": options.ours,
                       "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": account.scratch_base()}
        return subprocess.Popen(argv, pass_fds=[results], env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                cwd=root, umask=0o022, **account.identity(self.account))

    def close(self):
        if self.place:
            self.place.close()


def run_files(files, tally, options):
    if options.list:
        print("\n".join(label(f) for f in files))
        return
    oracle.prepare(with_servers=os.geteuid() == 0 and not can_unshare() and any(
        "support.databases" in path.read_text() for path in files))
    launcher = Launcher(private=True)
    if launcher.account:
        print(f"root gets no namespaces here: {launcher.account} runs the tests, as an ordinary user would", flush=True)
    waiting = queue.Queue()
    for path in files:
        waiting.put(path)

    def pull():
        while True:
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                return
            run_file(path, launcher, tally, options)

    threads = [threading.Thread(target=pull) for _ in range(max(1, options.jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    launcher.close()


# More than this is no accident of a busy machine.
AGAIN_AT_MOST = 15


def run_failed_again(tally, options):
    """A comparison in time may fail where eight of them share two processors; what is broken fails alone as well."""
    if tally.failed > AGAIN_AT_MOST:
        return
    launchers = {private: Launcher(private) for private in (True, False)}
    for file, test in tally.take_failures():
        print(f"again, alone: {file}: {test}", flush=True)
        before = tally.failed
        ring, name = file.split("/")
        alone = argparse.Namespace(**{**vars(options), "test": "" if test == "worker" else test})
        run_file(TESTS / ring / f"test_{name}.py", launchers[ring not in ALONE], tally, alone)
        if tally.failed == before:
            tally.unsteady(file, test)
    for launcher in launchers.values():
        launcher.close()


def run_file(path, launcher, tally, options):
    read, write = os.pipe()
    worker = launcher.start(path, write, options)
    os.close(write)
    said = []
    listener = threading.Thread(target=lambda: said.extend(worker.stdout))
    listener.start()
    finished = relay_results(read, path, tally)
    worker.wait()
    listener.join()
    if worker.returncode or not finished:
        tally.result(f"{label(path)}: worker", "fail",
                     text=f"ended with status {worker.returncode}\n{''.join(said)}")
    elif options.keep and said:
        print(indent("".join(said)))


def relay_results(read, path, tally):
    finished = False
    with os.fdopen(read) as lines:
        for line in lines:
            result = json.loads(line)
            if result["outcome"] == "end":
                finished = True
                continue
            tally.result(f"{label(path)}: {result['name']}", result["outcome"], result["seconds"],
                         result["text"], cases=result["cases"])
    return finished


# -- inside the worker --------------------------------------------------------------------------


def work(path, options):
    signal.signal(signal.SIGALRM, on_alarm)
    with os.fdopen(options.results, "w", buffering=1) as results:
        def say(name, outcome, seconds=0.0, text=""):
            results.write(json.dumps({"name": name, "outcome": outcome, "seconds": seconds, "text": text,
                                      "cases": take_case_count()}) + "\n")
        try:
            module = load(path)
        except Skip as why:
            say("all", "skip", 0, str(why))
            module = None
        if module is not None:
            for name, test in tests_of(module, options):
                say(name, *run_test(test))
        from support.room import room
        room().close()
        reports = sanitizer.take_reports()
        if reports:
            say("at the end", "fail", 0, "\n".join(reports))
        say("", "end")
    return 0


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tests_of(module, options):
    """Functions named test_*, and what @scenario made, in the order in which they stand."""
    for name, value in list(vars(module).items()):
        if callable(value) and getattr(value, "__module__", "") != "support" and \
                (name.startswith("test_") or getattr(value, "is_test", False)):
            shown = name.removeprefix("test_")
            if options.name in shown and options.test in ("", shown):
                yield shown, value


def on_alarm(*_):
    raise Late()


def run_test(test):
    start = time.monotonic()
    limit = getattr(test, "seconds", SECONDS) * sanitizer.SLOWER
    signal.alarm(limit)
    try:
        test()
        outcome, text = "ok", ""
    except Skip as why:
        outcome, text = "skip", str(why)
    except Late:
        outcome, text = "fail", f"not done after {limit} s\n{traceback.format_exc()}"
    except AssertionError as wrong:
        outcome, text = "fail", f"{wrong}\n{place_of(wrong)}"
    except Exception as error:
        outcome, text = "fail", traceback.format_exc()
        if getattr(error, "errno", 0) == errno.EMFILE and FEW_FILES:
            outcome, text = "skip", FEW_FILES
    finally:
        signal.alarm(0)
    reports = sanitizer.take_reports()
    if reports:
        outcome, text = "fail", "\n".join([text, *reports])
    return outcome, time.monotonic() - start, text


def place_of(wrong):
    frames = traceback.extract_tb(wrong.__traceback__)
    mine = [f for f in frames if "/support/" not in f.filename] or frames
    return f"at {pathlib.Path(mine[-1].filename).name}:{mine[-1].lineno}: {mine[-1].line}"
