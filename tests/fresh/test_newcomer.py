"""What a newcomer types first, on a machine that has nothing: `./dev run` as root and as an ordinary user."""
from support import bound, check
from support.fresh_root import FreshRoot

_roots = []


def fresh_root():
    """One root for the file: the second command finds what the first has installed and built."""
    if not _roots:
        _roots.append(FreshRoot())
    return _roots[0]


def prove(user):
    done = fresh_root().run("./dev run --proof", user=user)
    check(done.returncode == 0 and "Proved: the message arrived unchanged" in done.stdout,
          lambda: f"exit status {done.returncode}\n{done.stdout[-6000:]}")


@bound(1800)
def test_dev_run_as_root():
    prove("root")


@bound(1800)
def test_dev_run_as_a_user():
    prove("newcomer")


@bound(600)
def test_leaves_nothing_behind():
    fresh_root().close()
    _roots.clear()
