"""local(8): mailboxes and files that are locked, full, somebody else's, or no mailboxes at all; commands and their ends."""
import contextlib
import fcntl
import os

from support.compare import scenario
from support.room import ACCOUNTS

QUIET = "postfix/(smtpd|cleanup) "

MBOX = ("local_recipient_maps =\nmail_spool_directory = @ROOT@/mail\ndeliver_lock_attempts = 1\ndeliver_lock_delay = 1s\n"
        "mailbox_size_limit = 3000\nmessage_size_limit = 2900\nnotify_classes =\n")


def send(mta, *names, text="Subject: hello\n\nbody\n"):
    for name in names:
        mta.mail("carol@remote.test", f"{name}@example.test", text)
    mta.settle()


def own(path, user, mode=0o600):
    os.chown(path, ACCOUNTS.get(user, 0), ACCOUNTS.get(user, 0), follow_symlinks=False)
    if not path.is_symlink():
        path.chmod(mode)


def put(path, user="bob", text="", mode=0o600):
    path.write_text(text)
    own(path, user, mode)


def describe(path):
    status = path.lstat()
    return f"{status.st_mode:o} {status.st_uid} {status.st_gid} {status.st_size > 0} {status.st_nlink}"


def a_file_of_somebody_else(box):
    put(box, "alice", mode=0o666)


def a_file_that_runs(box):
    put(box, mode=0o700)


def a_link(box):
    put(box.with_name("target"))
    box.symlink_to(box.with_name("target"))
    own(box, "bob")


def a_second_name(box):
    put(box)
    os.link(box, box.with_name("second"))


def a_folder(box):
    box.mkdir()
    own(box, "bob", 0o755)


def a_pipe(box):
    os.mkfifo(box)
    own(box, "bob")


def a_full_file(box):
    put(box, text="x" * 2900 + "\n")


def a_file_with_a_dot_lock(box):
    put(box)
    put(box.with_name("bob.lock"))


def a_torn_file(box):
    put(box, text="From somebody\n\nno end of line")


KINDS = (a_file_of_somebody_else, a_file_that_runs, a_link, a_second_name, a_folder, a_pipe, a_full_file,
         a_file_with_a_dot_lock, a_torn_file)


def try_all(mta, kinds=KINDS):
    box = mta.spool / "bob"
    for kind in kinds:
        kind(box)
        send(mta, "bob")
        mta.note(kind.__name__, sorted((p.name, describe(p)) for p in box.parent.iterdir()))
        mta.spool.chmod(0o1777)
        mta.empty_mailboxes()


@scenario(ignore=QUIET, main=MBOX)
def mailboxes_of_all_kinds(mta):
    try_all(mta)


@scenario(ignore=QUIET, main=MBOX + "strict_mailbox_ownership = no\nmailbox_delivery_lock = flock\n")
def mailboxes_without_ownership_check(mta):
    try_all(mta, (a_file_of_somebody_else, a_link, a_file_with_a_dot_lock, a_second_name))


@contextlib.contextmanager
def locked(path, lock):
    with open(path, "r+b") as file:
        lock(file, fcntl.LOCK_EX)
        yield


@scenario(ignore=QUIET, main=MBOX + "mailbox_delivery_lock = fcntl, flock\n", aliases="file: @ROOT@/mail/bob\n")
def locked_mailboxes(mta):
    for lock in (fcntl.flock, fcntl.lockf):
        for name in ("bob", "file"):
            put(mta.spool / "bob", mode=0o666)
            with locked(mta.spool / "bob", lock):
                send(mta, name)
            mta.note(f"{lock.__name__} {name}", describe(mta.spool / "bob"))


@scenario(ignore=QUIET, main=MBOX, aliases="file: @ROOT@/mail/bob\nmaildir: @ROOT@/mail/bob/\n")
def files_of_all_kinds(mta):
    box = mta.spool / "bob"
    for kind in KINDS:
        kind(box)
        send(mta, "file")
        mta.note(kind.__name__, sorted((p.name, describe(p)) for p in box.parent.iterdir()))
        mta.spool.chmod(0o1777)
        mta.empty_mailboxes()
    a_link(box)
    send(mta, "maildir")


@scenario(ignore=QUIET, main=MBOX.replace("@ROOT@/mail", "@ROOT@/mail/"))
def maildirs_of_all_kinds(mta):
    box = mta.spool / "bob"
    for kind in (a_folder, a_link):
        kind(box)
        send(mta, "bob")
        mta.note(kind.__name__, sorted((p.name, p.lstat().st_mode, p.lstat().st_uid) for p in mta.spool.iterdir()))
        mta.spool.chmod(0o1777)
        mta.empty_mailboxes()
    send(mta, "bob", text="Subject: long\n\n" + ("z" * 70 + "\n") * 25)
    send(mta, "bob+a/b", "bob+x")
    mta.note_mail("bob", mta.local_mail("bob"))


SYSEXITS = "".join(f's{n}: "|exit {n}"\n' for n in (*range(64, 79), 2, 111, 126, 127, 255))


@scenario(ignore=QUIET, main="local_recipient_maps =\nnotify_classes =\n", aliases=SYSEXITS + """
term: "|kill -15 $$"
absent: "|/nonexistent/program"
folder: "|/etc"
data: "|echo '5.2.3 too long'; exit 65"
temp: "|echo '4.2.9 later'; exit 75"
wrong: "|echo '2.0.0 fine'; exit 69"
much: "|head -c 1500 /dev/zero | tr '\\\\000' x; exit 69"
bytes: "|printf 'a\\\\200\\\\377b'; exit 69"
""")
def exit_statuses(mta):
    send(mta, *(f"s{n}" for n in (*range(64, 79), 2, 111, 126, 127, 255)), "term", "absent", "folder", "data", "temp",
         "wrong", "much", "bytes")


# A user without a home, in every way to him.
@scenario(ignore=QUIET, main="local_recipient_maps =\nnotify_classes =\nrequire_home_directory = yes\n",
          aliases="list: vmail, alice\n")
def users_without_a_home(mta):
    send(mta, "vmail", "list", "alice", "nosuch")
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(ignore=QUIET, main="local_recipient_maps =\nnotify_classes =\nrequire_home_directory = yes\nforward_path =\n")
def users_without_a_home_and_forward_path(mta):
    send(mta, "vmail")


@scenario(ignore=QUIET, main="local_recipient_maps =\nnotify_classes =\nrequire_home_directory = yes\nmailbox_command = cat\n"
          "command_expansion_filter = abcdefghijklmnopqrstuvwxyz@.\n", aliases='env: "|env | sort > @ROOT@/mail/env; exit 0"\n')
def users_without_a_home_and_a_command(mta):
    send(mta, "vmail")
    mta.mail('"o;dd $(x)`y`"@virt.test', '"env+A;b*c"@example.test', "Subject: x\n\n")
    mta.settle()
    mta.note("environment", (mta.spool / "env").read_text())


# A backslash before a name: the mailbox of that name, whatever aliases and ~/.forward say.
@scenario(ignore=QUIET, main="local_recipient_maps =\nnotify_classes =\n", aliases="alice: bob\nbob: nosuch\n"
          "one: \\alice\ntwo: \\\\alice\nthree: \"\\\\alice\"\nupper: \\\\ALICE+x\nnobody: \\\\nosuch, \\\\\n")
def names_with_a_backslash(mta):
    send(mta, "one", "two", "three", "upper", "nobody", "alice")
    mta.mail("carol@remote.test", '"\\\\alice"@example.test', "Subject: x\n\n")
    mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))
