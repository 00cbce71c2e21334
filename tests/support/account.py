"""Who runs the test files, and from where.  Root who gets no namespaces of his own (most containers) can give
a mail system no accounts; there an unprivileged account that the machine has runs them, as an ordinary user would.
Where other accounts can't get at the checkout, or may not read it, a copy that they can read is used."""
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile

from support import BUILD, ROOT, oracle

# Accounts that own no files and, on most machines, run nothing.  Not nobody: that is default_privs.
NAMES = ("games", "irc", "list", "news", "uucp", "ftp", "http", "backup", "bin", "daemon")
NOT_COPIED = ("obj", "pch", "lib", "oracle/debs", "oracle/server-debs")
MARK = "obj/tests/sanitized/options.o"  # support.sanitizer looks for it


def scratch_base():
    """Where scratch directories are made: a short path, since UNIX-domain sockets are in there."""
    wanted = os.environ.get("RELAIS_TEST_SCRATCH", "/tmp")
    return wanted if os.access(wanted, os.W_OK | os.X_OK) else tempfile.gettempdir()


def unprivileged():
    """The name of an account that root can become here, or None."""
    uids = [entry.pw_uid for entry in pwd.getpwall()]
    for name in NAMES:
        try:
            entry = pwd.getpwnam(name)
            if entry.pw_uid and uids.count(entry.pw_uid) == 1 and python_for(name):
                return name
        except KeyError:
            continue
    return None


def identity(account):
    """What subprocess takes to run something as this account."""
    return {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []} if account else {}


def python_for(account):
    """An interpreter that this account can run, or None."""
    return next((python for python in (sys.executable, "/usr/bin/python3") if not account or _runs(account, python, "-c", "")), None)


def _runs(account, *command):
    try:
        return subprocess.run(command, capture_output=True, cwd="/", **identity(account)).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


class Place:
    """The checkout from which the tests run, as `root`: the real one, or a copy that is gone with `close`."""

    def __init__(self):
        self.root, self._copy = ROOT, None
        if os.geteuid() == 0 and not _open_to_all():
            self._make_copy()

    def path(self, original):
        return self.root / pathlib.Path(original).relative_to(ROOT)

    def close(self):
        if self._copy:
            shutil.rmtree(self._copy, ignore_errors=True)

    def _make_copy(self):
        self._copy = pathlib.Path(tempfile.mkdtemp(prefix="rt.co.", dir=scratch_base()))
        self._copy.chmod(0o755)
        self.root = self._copy / "relais"
        heavy = {ROOT / ".git", *(each / name for each in (ROOT / "build", BUILD) for name in NOT_COPIED)}

        def ignored(folder, names):
            return [name for name in names if pathlib.Path(folder, name) in heavy]

        shutil.copytree(ROOT, self.root, symlinks=True, ignore=ignored)
        for path in [self.root, *self.root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444))
        oracle.list_plugins(self.root / "build/oracle")
        if (BUILD / MARK).exists() and BUILD.is_relative_to(ROOT):
            self.path(BUILD / MARK).parent.mkdir(parents=True)
            self.path(BUILD / MARK).touch()


def _open_to_all():
    """Whether every account gets at the checkout and may read it: judged by some of its files."""
    folders = [ROOT, *ROOT.parents, ROOT / "tests", ROOT / "conf", BUILD, BUILD / "bin"]
    some = [ROOT / "tests/run", ROOT / "conf/parameters.tsv", BUILD / "bin/master", BUILD / "oracle/postfix/usr/sbin/postconf"]
    return (all(folder.stat().st_mode & stat.S_IXOTH for folder in folders if folder.exists())
            and all(path.stat().st_mode & stat.S_IROTH for path in some if path.exists()))
