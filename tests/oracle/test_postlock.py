"""postlock: lock styles, who waits for whom, and what it ends with."""
import contextlib
import fcntl
import os
import time

from support import check, equal
from support.compare import scenario


def box(mta, name="box", mode=0o666):
    path = mta.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    path.chmod(mode)
    return path


@contextlib.contextmanager
def locked(path, how):
    with open(path, "r+") as file:
        how(file, fcntl.LOCK_EX)
        yield
        how(file, fcntl.LOCK_UN)


@scenario(log=False)
def the_end_of_the_command(mta):
    file = box(mta)
    for command in (["true"], ["false"], ["sh", "-c", "exit 7"], ["sh", "-c", "exit 255"], ["sh", "-c", "kill -9 $$"],
                    ["sh", "-c", "kill -TERM $$"], ["nosuchcommand"], ["/etc/passwd"], ["/nonexistent/program"], ["echo", "a b", "c;d", "$HOME"],
                    ["sh", "-c", "echo out; echo err >&2"], ["echo", "-l", "flock"], [""]):
        mta.run("postlock", file, *command)
    mta.run("postlock", file, "cat", input="hello\n")
    mta.run("postlock", file, "sh", "-c", "env | grep -v '^MAIL_LOGTAG\\|^_=\\|^PWD=\\|^OLDPWD\\|^SHLVL' | sort")


@scenario(log=False)
def lock_styles(mta):
    file = box(mta, "styles/box")
    for style in ("dotlock", "flock", "fcntl", "dotlock,fcntl,flock", "flock dotlock", "", "fcntl, dotlock", "zz", "dotlock,zz", "DOTLOCK"):
        output = mta.run("postlock", "-l", style, file, "ls", "-a", file.parent)
        check(output.status in (0, 75), output)
        equal([path.name for path in file.parent.iterdir()], ["box"], f"what {style} leaves")
    mta.run("postlock", file, "ls", file.parent)
    new = mta.root / "newbox"
    mta.run("postlock", new, "true")
    mta.note("new file", oct(new.stat().st_mode))


@scenario(log=False)
def held_locks_are_seen_by_others(mta):
    """The command finds the file locked: by the program of util-linux, and by another postlock."""
    file = box(mta)
    mta.run("postlock", "-l", "flock", file, "flock", "-n", file, "echo", "not locked")
    mta.set_main("deliver_lock_attempts = 1\ndeliver_lock_delay = 1s")
    for style in ("flock", "dotlock", "fcntl"):
        mta.run("postlock", "-l", style, file, mta.commands / "postlock", "-l", style, file, "echo", "not locked")


@scenario(log=False)
def locks_of_others(mta):
    file = box(mta)
    mta.set_main("deliver_lock_attempts = 2\ndeliver_lock_delay = 1s\nstale_lock_time = 500s")
    with locked(file, fcntl.flock):
        begun = time.monotonic()
        mta.run("postlock", "-l", "flock", file, "echo", "ran")
        # Postfix waits by chance from three quarters of the delay to five.
        check(0.7 <= time.monotonic() - begun < 30, "two attempts, about a second between them")
        mta.set_main("deliver_lock_attempts = 1")
        mta.run("postlock", "-l", "fcntl,dotlock", file, "echo", "ran")
    with locked(file, fcntl.lockf):
        mta.run("postlock", "-l", "fcntl", file, "echo", "ran")
        mta.run("postlock", "-l", "fcntl,dotlock", file, "echo", "ran")
    lock = mta.root / "box.lock"
    check(not lock.exists(), "a lock file is left")
    lock.write_text("")
    mta.run("postlock", "-l", "dotlock", file, "echo", "ran")
    mta.run("postlock", "-l", "fcntl", file, "echo", "ran")
    os.utime(lock, (1, 1))
    mta.run("postlock", "-l", "dotlock", file, "echo", "stale")
    mta.note("lock file", lock.exists())


@scenario(log=False)
def what_is_no_mailbox(mta):
    folder = mta.root / "folder"
    folder.mkdir(exist_ok=True)
    for path in ("/nonexistent/box", folder, "/dev/null"):
        mta.run("postlock", path, "echo", "ran")
    link = mta.root / "link"
    with contextlib.suppress(FileExistsError):
        link.symlink_to(box(mta))
        os.lchown(link, 60903, 60903)
    mta.run("postlock", link, "echo", "ran")
    mta.note("folder", list(folder.iterdir()))


@scenario(log=False)
def ordinary_user(mta):
    private, common = box(mta, "box", 0o600), box(mta, "ro/box", 0o666)
    for style in ("flock", "dotlock", "dotlock,flock", "fcntl"):
        for file in (private, common):
            mta.run("postlock", "-l", style, file, "echo", "ran", user="alice")


@scenario(log=False)
def usage(mta):
    file = box(mta)
    for arguments in ([], [file], ["-z"], ["-l"], ["-c"], ["-c", "/nonexistent", file, "true"], ["-l", "zz", file]):
        mta.run("postlock", *arguments)
    mta.set_main("mailbox_delivery_lock = nonsense")
    mta.run("postlock", file, "true")
    mta.set_main("mailbox_delivery_lock = dotlock")
    mta.run("postlock", file, "ls", mta.root / "box.lock")
