"""What the tests that start processes share.  A test file imports from here:

    from support import Skip, bound
    from support.instance import Instance
    from support.compare import scenario
"""
import os
import pathlib
import resource
import subprocess

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
FEW_FILES = f"a process may have only {FILES} open files here" if 0 <= FILES < 1024 else ""
BUILD = ROOT / os.environ.get("RELAIS_TEST_BUILD", "build")


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why, and is printed."""


def bound(seconds):
    """Gives a test another time limit than the usual one."""
    def mark(test):
        test.seconds = seconds
        return test
    return mark


def check(condition, text):
    """An assertion whose text is the whole message; works under python -O too."""
    if not condition:
        raise AssertionError(text() if callable(text) else text)


_cases = 0


def count_cases(number):
    """Tells how many cases the running test compares; the runner shows it."""
    global _cases
    _cases += number


def take_case_count():
    global _cases
    number, _cases = _cases, 0
    return number


def equal(got, wanted, what=""):
    check(got == wanted, lambda: f"{what or 'value'}: got {got!r}, wanted {wanted!r}")


SUITE = ("master", "smtpd", "cleanup", "trivial-rewrite", "qmgr", "pickup", "bounce", "smtp", "virtual", "local", "error",
         "discard", "showq", "proxymap", "anvil", "postlogd", "postqueue", "postsuper", "postcat", "postdrop",
         "sendmail", "postmap", "postalias", "postconf", "postfix")


def ours():
    """What stands for ours: "ours", or a mixture (tests/run --ours)."""
    return os.environ.get("RELAIS_TEST_OURS", "ours")


def mix_of(text):
    """"postfix+smtpd,qmgr" -> ("postfix", {"smtpd": "ours", "qmgr": "ours"}) and so on."""
    kind, _, swapped = text.partition("+")
    other = "postfix" if kind == "ours" else "ours"
    return kind, {name: other for name in swapped.split(",") if name}


def need_suite():
    """Skips what needs the whole of ours while parts are missing."""
    missing = [name for name in SUITE if not (BUILD / "bin" / name).exists()]
    if missing and ours() == "ours":
        raise Skip(f"not built: {' '.join(missing)}")


def need_strace():
    try:
        tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True)
    except OSError:
        raise Skip("no strace here")
    if tried.returncode:
        raise Skip(f"strace may not trace here: {tried.stderr.strip()}")


def need_program(name):
    """The path of one of our programs, or a skip."""
    path = BUILD / "bin" / name
    if not path.exists():
        raise Skip(f"{name} is not built")
    return path
