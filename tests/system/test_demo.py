"""`./dev run --proof`, as root and as an ordinary user, and with less than it would like to have."""
import os
import pathlib
import subprocess
import sys

from support import ROOT, Skip, account, bound, check, need_program, need_suite
from support.room import room


def prove(user=None, python=sys.executable, path=os.environ.get("PATH", os.defpath)):
    """What it says; `path` is where it finds programs."""
    need_suite()
    need_program("imap-login")
    if os.geteuid() == 0 and not account.unprivileged():
        raise Skip("root can't become another user here")
    options = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run([python, ROOT / "tests/support/demo.py", "--proof"], capture_output=True, text=True,
                          errors="replace", timeout=80, cwd="/", env={**os.environ, "HOME": "/tmp", "PATH": path}, **options)
    said = done.stdout + done.stderr
    check(done.returncode == 0 and "Proved" in said, said[-4000:])
    return said


@bound(90)
def test_proof():
    prove()


def programs_without(name, *missing, **fakes):
    """A folder with all commands of this machine but `missing`, and with scripts in place of `fakes`."""
    folder = room().scratch / name
    folder.mkdir()
    for place in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        for program in pathlib.Path(place).iterdir() if os.path.isdir(place) else ():
            if program.name not in (*missing, *fakes) and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    for fake, script in fakes.items():
        (folder / fake).write_text(f"#!/bin/sh\n{script}\n")
        (folder / fake).chmod(0o755)
    return str(folder)


@bound(90)
def test_clients_that_lack_a_part_are_replaced():
    """swaks where Net::SSLeay is missing, and a curl that was built without IMAP."""
    said = prove(path=programs_without("parts", swaks="echo '*** TLS not available: requires Net::SSLeay.  Exiting'; exit 10",
                                       curl="echo 'curl: (1) Protocol imap not supported' >&2; exit 1"))
    for client in ("swaks", "curl"):
        check(f"{client} can't do this here" in said, f"it says that {client} is replaced: {said[-4000:]}")


@bound(90)
def test_goes_on_without_clients_and_openssl():
    said = prove(path=programs_without("none", "swaks", "curl", "openssl"))
    for text in ("openssl is not here", "swaks is not here", "curl is not here"):
        check(text in said, f"{text!r} is said: {said[-4000:]}")


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
