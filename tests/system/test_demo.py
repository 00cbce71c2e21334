"""`./dev run --proof`, as root and as an ordinary user."""
import os
import subprocess
import sys

from support import ROOT, Skip, bound, check, need_program, need_suite
from support.room import room


def prove(user=None, python=sys.executable):
    need_suite()
    need_program("imap-login")
    options = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run([python, ROOT / "tests/support/demo.py", "--proof"], capture_output=True, text=True,
                          errors="replace", timeout=80, cwd="/", env={**os.environ, "HOME": "/tmp"}, **options)
    said = done.stdout + done.stderr
    check(done.returncode == 0 and "Proved" in said, said[-4000:])


@bound(90)
def test_proof():
    prove()


@bound(90)
def test_proof_as_an_ordinary_user():
    room().require_private("becoming another user")
    for folder in [ROOT, *ROOT.parents]:
        if not folder.stat().st_mode & 0o001:
            raise Skip(f"other users can't reach {folder}")
    prove("alice", python_for_all())


def python_for_all():
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", ""], user="alice", capture_output=True).returncode == 0:
                return python
        except OSError:
            pass
    raise Skip(f"other users can't run {sys.executable}")
