"""Mailboxes that cannot be written, by local(8) and virtual(8): permission, missing folders, a file system that is full or read-only."""
import contextlib
import os
import re
import subprocess

from support.compare import scenario
from support.room import ACCOUNTS, room

QUIET = "postfix/(smtpd|cleanup) "
MAIN = ("local_recipient_maps =\nmail_spool_directory = @ROOT@/box\ndeliver_lock_attempts = 1\ndeliver_lock_delay = 1s\nnotify_classes =\n"
        "virtual_mailbox_base = @ROOT@/box\nvirtual_mailbox_maps = inline:{bob@virt.test=bob dir@virt.test=dir/ deep@virt.test=deep/er/}\n"
        "virtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d\nvirtual_minimum_uid = 100\n" % (ACCOUNTS["bob"], ACCOUNTS["bob"]))
ALIASES = "file: @ROOT@/box/bob\nmaildir: @ROOT@/box/dir/\ncommand: \"|cat >> @ROOT@/box/bob\"\n"
TO = ("bob@example.test", "file@example.test", "maildir@example.test", "command@example.test", "bob@virt.test", "dir@virt.test", "deep@virt.test")
BIG = "Subject: big\n\n" + ("y" * 76 + "\n") * 2000


def own(path, user, mode):
    os.chown(path, ACCOUNTS.get(user, 0), ACCOUNTS.get(user, 0))
    path.chmod(mode)


def make(folder, mode=0o600, user="bob"):
    """A file and a Maildir of bob's, all with the rights of this case."""
    (folder / "bob").write_text("")
    own(folder / "bob", user, mode)
    for name in ("dir", "dir/new", "dir/cur", "dir/tmp"):
        (folder / name).mkdir()
        own(folder / name, user, mode | 0o100 if mode else 0)


def a_file_that_is_read_only(folder):
    own(folder, "root", 0o1777)
    make(folder, 0o400)


def a_file_without_rights(folder):
    own(folder, "root", 0o1777)
    make(folder, 0)


def a_folder_of_root(folder):
    own(folder, "root", 0o755)


def a_folder_of_bob_that_is_read_only(folder):
    own(folder, "bob", 0o500)


def a_folder_nobody_may_enter(folder):
    own(folder, "root", 0o700)


def a_folder_of_another(folder):
    own(folder, "alice", 0o755)


def no_folder(folder):
    folder.rmdir()


def a_file_for_a_folder(folder):
    folder.rmdir()
    folder.write_text("")


CASES = (a_file_that_is_read_only, a_file_without_rights, a_folder_of_root, a_folder_of_bob_that_is_read_only, a_folder_nobody_may_enter, a_folder_of_another, no_folder,
         a_file_for_a_folder)


def deliver(mta, text="Subject: x\n\nx\n"):
    for to in TO:
        mta.mail("", to, text)
    mta.settle()


def whatever_becomes_of_it(line):
    """Where Postfix returns mail or tries again, ours tries again with a code of its own (docs/surprises.md)."""
    return re.sub(r"dsn=(5\.2\.0, status=bounced|4\.[23]\.0, status=deferred) (?=.*Read-only)", "not delivered ", line)


def log_of_case(mta, name, fold=lambda line: line):
    """What local and virtual say, kept apart for each case."""
    from support.compare import Normaliser
    clean = Normaliser(mta)
    mta.note(name, "\n".join(sorted({fold(clean(f"{line.tag} {line.text}")) for line in mta.log() if line.tag in ("postfix/local", "postfix/virtual")})))
    mta._log_mark = mta.maillog.stat().st_size


def remove(folder):
    subprocess.run(["rm", "-rf", folder], check=True)


@contextlib.contextmanager
def mounted(folder, *options):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@scenario(log=False, main=MAIN, aliases=ALIASES)
def permissions(mta):
    room().require_private("accounts")
    folder = mta.root / "box"
    for case in CASES:
        folder.mkdir()
        case(folder)
        deliver(mta)
        log_of_case(mta, case.__name__)
        remove(folder)


@scenario(log=False, main=MAIN, aliases=ALIASES)
def file_systems(mta):
    room().require_private("accounts")
    folder = mta.root / "box"
    with mounted(folder, "-o", "size=64k,mode=1777"):
        deliver(mta, BIG)
        log_of_case(mta, "full")
        mta.note("left there", sorted((p.name, p.stat().st_size) for p in folder.rglob("*") if p.is_file() and p.parent.name != "tmp"))
    with mounted(folder, "-o", "nr_inodes=1,mode=1777"):
        deliver(mta)
        log_of_case(mta, "no inodes")
    with mounted(folder, "-o", "mode=1777"):
        make(folder)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        deliver(mta)
        log_of_case(mta, "read-only", whatever_becomes_of_it)
