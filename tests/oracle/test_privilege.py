"""Delivery agents have the rights of the user they act for, and none of root's: what the kernel asks of paths in
/proc and of quotas, it asks of him.  Each file has a UTS namespace of its own here, since a host name is at stake."""
import contextlib
import ctypes
import os
import shutil
import socket
import stat
import subprocess

from support import Skip, check
from support.compare import scenario
from support.room import ACCOUNTS

LIBC = ctypes.CDLL(None, use_errno=True)
BASE = ("local_recipient_maps =\nvirtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/ "
        "away@virt.test=away/box/ awayfile@virt.test=away/file quota@virt.test=../quota/q/ quotabox@virt.test=../quota/box}\n")
HOST = "/proc/sys/kernel/hostname"
SECRETS = ("/proc/sys/net/core/bpf_jit_harden", "/proc/sys/vm/mmap_rnd_bits")

# Only a test's own process has the private room.
if os.environ.get("RELAIS_TEST_PRIVATE") == "1" and LIBC.unshare(0x04000000):
    raise OSError(ctypes.get_errno(), "unshare the host name")


def send(mta, *addresses, body="Subject: x\n\nbody\n"):
    for address in addresses:
        mta.mail("u2@virt.test", address if "@" in address else f"{address}@example.test", body)
    mta.settle()


@contextlib.contextmanager
def forward(mta, text, user="alice"):
    path = mta.room.home(user) / ".forward"
    path.write_text(text)
    os.chown(path, ACCOUNTS[user], ACCOUNTS[user])
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def closed_place(mta):
    """A directory that everybody may write to, in one that is closed, with a process working there.  ~/away and
    the virtual mailbox `away` lead there through the process."""
    outer = mta.root / "closed"
    inner = outer / "inner"
    for path in (outer, inner, inner / "box"):
        path.mkdir()
    for path in (inner, inner / "box"):
        path.chmod(0o777)
    (inner / "list").write_text("u1@virt.test\n")
    (inner / "list").chmod(0o644)
    (inner / "file").touch()
    (inner / "file").chmod(0o666)
    outer.chmod(0o700)
    process = subprocess.Popen(["sleep", "600"], cwd=inner)
    links = [mta.room.home("alice") / "away", mta.vmail / "away"]
    for link, owner in zip(links, ("alice", "vmail")):
        link.symlink_to(f"/proc/{process.pid}/cwd")
        os.lchown(link, ACCOUNTS[owner], ACCOUNTS[owner])
    try:
        yield inner
    finally:
        for link in links:
            link.unlink(missing_ok=True)
        process.kill()
        process.wait()
        shutil.rmtree(outer)


@scenario(main=BASE)
def the_host_name_as_a_mailbox(mta):
    socket.sethostname("before")
    with forward(mta, f"{HOST}\n"):
        send(mta, "alice")
    mta.note("host name", socket.gethostname())
    check(socket.gethostname() == "before", "the host name stays")
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=BASE)
def the_host_name_as_a_maildir_and_through_a_link(mta):
    socket.sethostname("before")
    link = mta.room.home("alice") / "link"
    link.symlink_to(HOST)
    with forward(mta, f"{mta.room.home('alice')}/link\n{HOST}/\n"):
        send(mta, "alice")
    link.unlink()
    mta.note("host name", socket.gethostname())


@scenario(main=BASE)
def a_secret_setting_as_a_list(mta):
    paths = [path for path in SECRETS if os.path.exists(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o600]
    if not paths:
        raise Skip("this kernel shows no setting to root alone")
    with forward(mta, f":include:{paths[0]}\n"):
        send(mta, "alice")
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=BASE)
def a_file_for_root_alone_as_a_list(mta):
    path = mta.root / "secret"
    path.write_text("u1@virt.test\n")
    path.chmod(0o600)
    with forward(mta, f":include:{path}\n"):
        send(mta, "alice")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=BASE)
def another_process_does_not_open_directories(mta):
    home = mta.room.home("alice")
    with closed_place(mta) as place:
        for text in (f"{home}/away/file", f"{home}/away/new", f":include:{home}/away/list"):
            with forward(mta, text + "\n"):
                send(mta, "alice")
        mta.note("file", (place / "file").read_text())
        mta.note("names", sorted(path.name for path in place.iterdir()))
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))


# Postfix returns what it could not put into a Maildir; here it waits.
@scenario(main=BASE, log=False)
def another_process_does_not_open_maildirs(mta):
    with closed_place(mta) as place:
        with forward(mta, f"{mta.room.home('alice')}/away/box/\n"):
            send(mta, "alice")
        mta.note("box", sorted(path.name for path in (place / "box").iterdir()))
    check("perhaps you need to create the maildirs" in mta.log_text(), "permission is denied")


@scenario(main=BASE)
def virtual_mailboxes_behind_another_process(mta):
    with closed_place(mta) as place:
        send(mta, "away@virt.test", "awayfile@virt.test")
        mta.note("file", (place / "file").read_text())
        mta.note("box", sorted(path.name for path in (place / "box").iterdir()))


@scenario(main=BASE + "forward_path = $home/away/list\n")
def a_forward_file_behind_another_process(mta):
    with closed_place(mta) as place:
        os.chown(place / "list", ACCOUNTS["alice"], ACCOUNTS["alice"])
        send(mta, "alice")
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main=BASE)
def the_agent_itself_in_proc(mta):
    for text in ("/proc/self/cwd/file", "/proc/self/root/nowhere", "/proc/self/mem", ":include:/proc/self/environ",
                 "/proc/self/oom_score_adj", ":include:/proc/self/cwd/pid/master.pid", "/proc/self/fd/0"):
        with forward(mta, text + "\n"):
            send(mta, "alice")


@scenario(main=BASE)
def forward_files_of_odd_kinds(mta):
    path = mta.room.home("alice") / ".forward"
    for make in (lambda: os.mkfifo(path), lambda: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
                 lambda: path.mkdir(), lambda: path.symlink_to("/dev/zero"), lambda: path.touch()):
        make()
        os.lchown(path, ACCOUNTS["alice"], ACCOUNTS["alice"])
        send(mta, "alice")
        path.rmdir() if path.is_dir() else path.unlink()
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main=BASE)
def lists_of_odd_kinds(mta):
    path = mta.root / "list"
    for make in (lambda: os.mkfifo(path), lambda: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
                 lambda: path.mkdir(), lambda: path.touch()):
        make()
        path.chmod(0o644)
        with forward(mta, f":include:{path}\n"):
            send(mta, "alice")
        path.rmdir() if path.is_dir() else path.unlink()


class Quota(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "hard", "soft", "space", "inode_hard", "inode_soft", "inodes", "time", "inode_time")] + [("valid", ctypes.c_uint32)]


@contextlib.contextmanager
def file_system(mta, *options, mount="loop"):
    """mta.root/quota: a file system of 16 MB on which everybody may write."""
    image, place = mta.root / "image", mta.root / "quota"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    try:
        if not shutil.which("mkfs.ext4"):
            raise Skip("no mkfs.ext4")
        for command in (["mkfs.ext4", "-q", *options, image], ["mount", "-o", mount, image, place]):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise Skip(f"{' '.join(map(str, command))}: {done.stderr.splitlines()[0]}")
        place.chmod(0o777)
        yield place
    finally:
        if os.path.ismount(place):
            subprocess.run(["umount", place], check=True)
        image.unlink()
        place.rmdir()


def large(size):
    return "Subject: large\n\n" + "0123456789012345678901234567890123456789012345678\n" * (size // 50)


@scenario(main=BASE)
def hard_quotas_hold(mta):
    with file_system(mta, "-O", "quota", "-E", "quotatype=usrquota", mount="loop,usrquota") as place:
        limit = Quota(hard=40, soft=40, valid=1)
        device = next(line.split()[0] for line in open("/proc/mounts") if line.split()[1] == str(place))
        # Q_SETQUOTA for a user
        if LIBC.quotactl(ctypes.c_int(0x800008 << 8), device.encode(), ACCOUNTS["vmail"], ctypes.byref(limit)):
            raise Skip(f"quotactl: {os.strerror(ctypes.get_errno())}")
        send(mta, "quota@virt.test", "quotabox@virt.test")
        send(mta, "quota@virt.test", "quotabox@virt.test", body=large(80000))
        mta.note("messages", len(list(place.glob("q/new/*"))))
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=BASE)
def what_a_file_system_reserves_for_root(mta):
    """Half of it, which asks for the same capability as a quota."""
    with file_system(mta, "-m", "50") as place:
        free = os.statvfs(place)
        check(free.f_bavail < free.f_bfree, "something is reserved")
        send(mta, "quota@virt.test", "quotabox@virt.test", body=large(free.f_bavail * free.f_bsize + 1000000))
        mta.note("messages", len(list(place.glob("q/new/*"))))
        with forward(mta, f"{place}/mine\n"):
            send(mta, "alice", body=large(free.f_bavail * free.f_bsize + 1000000))


@scenario(main=BASE)
def set_gid_commands_and_foreign_configurations(mta):
    folder = mta.root / "foreign"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "main.cf").write_text((mta.conf / "main.cf").read_text())
    path = mta.root / "listener"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(path))
    path.chmod(0o777)
    listener.setblocking(False)
    told = {"POSTLOG_SERVICE": str(path), "POSTLOG_HOSTNAME": "x", "MAIL_LOGTAG": "evil"}
    for command, arguments in (("postlog", ("text",)), ("postqueue", ("-p",)), ("postdrop", ())):
        mta.run(command, "-c", folder, *arguments, user="alice", env=told, input="")
        mta.run(command, *arguments, user="alice", env={"MAIL_CONFIG": str(folder), **told}, input="")
    mta.run("postlog", "text", user="alice", env=told)
    mta.run("postlog", "-p", "nosuch", "text", user="alice", env=told)
    mta.run("postlog", "-z", "text", user="alice", env=told)
    said = b""
    with contextlib.suppress(BlockingIOError):
        said = listener.recv(4096)
    mta.note("where the caller wants the log", said)
    shutil.rmtree(folder)
    path.unlink()
