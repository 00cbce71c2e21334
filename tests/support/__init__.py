"""What the tests that start processes share.  A test file imports from here:

    from support import Skip, bound
    from support.instance import Instance
    from support.compare import scenario
"""
import pathlib

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
BUILD = ROOT / "build"


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


def equal(got, wanted, what=""):
    check(got == wanted, lambda: f"{what or 'value'}: got {got!r}, wanted {wanted!r}")


def need_program(name):
    """The path of one of our programs, or a skip."""
    path = BUILD / "bin" / name
    if not path.exists():
        raise Skip(f"{name} is not built")
    return path
