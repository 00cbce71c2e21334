"""postsuper: what it says, and what the queue looks like afterwards."""
import os
import time

from support.compare import scenario
from support.queuefile import record, records

FUTURE = 4102444800
FOLDERS = ("maildrop", "incoming", "active", "deferred", "hold", "defer", "bounce", "trace", "flush", "corrupt")


def message():
    middle = records(("T", "1795247898 1"), ("A", "create_time=4102444800"), ("S", "a@facts.test"), ("R", "b@hold.test"),
                     ("M", ""))
    head = record("C", "%15d %15d %15d %15d %15d %15d" % (3, 97 + len(middle), 1, 0, 3, 0))
    return head + middle + records(("N", "x"), ("X", ""), ("E", ""))


def put(mta, path, mode=0o700, data=None, age=None):
    path = mta.queue / path
    owner = (mta.queue / "hold").stat()
    path.parent.mkdir(exist_ok=True)
    os.chown(path.parent, owner.st_uid, owner.st_gid)
    path.write_bytes(message() if data is None else data)
    os.chown(path, owner.st_uid, owner.st_gid)
    when = FUTURE if age is None else time.time() - age
    os.utime(path, (when, when))
    path.chmod(mode)
    return path


def note_tree(mta, name, inodes=False):
    lines = []
    for folder in FOLDERS:
        for path in sorted((mta.queue / folder).rglob("*")):
            info = path.stat()
            shown = str(path.relative_to(mta.queue))
            if inodes and path.is_file():
                # Names made from inodes differ from run to run: right or wrong is what counts.
                right = f"{info.st_ino:X}"
                shown = shown.replace(right, "INODE")
            when = "later" if info.st_mtime > FUTURE - 10 else "now"
            lines.append(f"{shown} {info.st_mode & 0o7777:o} {when if path.is_file() else 'dir'}")
    mta.note(name, "\n".join(lines))


def clear(mta):
    for path in sorted(mta.queue_files(*FOLDERS)):
        path.unlink(missing_ok=True)
    for folder in FOLDERS:
        for path in sorted((mta.queue / folder).glob("**/"), reverse=True):
            if path != mta.queue / folder:
                path.rmdir()


def furnish(mta):
    """One message in each queue, and logs for one of them."""
    put(mta, "hold/AAAAA1234")
    put(mta, "deferred/B/BBBBB1234")
    put(mta, "incoming/CCCCC1234")
    put(mta, "deferred/D/DDDDD1234", mode=0o600)
    for log in ("defer/B", "bounce", "trace"):
        put(mta, f"{log}/BBBBB1234", mode=0o600, data=b"log\n")
    put(mta, "flush/some_site", mode=0o600, data=b"BBBBB1234\n")


def each(mta, *option_lists, unfinished=True):
    for options in option_lists:
        furnish(mta)
        if not unfinished:
            (mta.queue / "deferred/D/DDDDD1234").unlink()
        mta.run("postsuper", *options)
        note_tree(mta, " ".join(options))
        clear(mta)


@scenario(log=False, main="pickup_service_name = nobody")
def single_messages(mta):
    each(mta, ["-d", "AAAAA1234"], ["-d", "BBBBB1234"], ["-d", "DDDDD1234"], ["-d", "NOSUCH"], ["-d", "bad!id"],
         ["-h", "BBBBB1234"], ["-h", "AAAAA1234"], ["-H", "AAAAA1234"], ["-H", "BBBBB1234"], ["-e", "AAAAA1234"],
         ["-e", "BBBBB1234"], ["-f", "AAAAA1234"], ["-f", "BBBBB1234"], ["-d", "AAAAA1234", "deferred"],
         ["-h", "BBBBB1234", "-H", "BBBBB1234"], ["-d", "AAAAA1234", "-d", "BBBBB1234"])


@scenario(log=False, main="master_service_disable = pickup")
def requeueing(mta):
    # pickup takes what is requeued at once: nobody notes the tree.
    for options in (["-r", "NOSUCH"], ["-r", "bad id"], ["-r", "DDDDD1234"], ["-r", "AAAAA1234", "deferred"]):
        furnish(mta)
        mta.run("postsuper", *options)
        clear(mta)


@scenario(log=False)
def all_messages(mta):
    each(mta, ["-d", "ALL"], ["-d", "ALL", "hold"], ["-d", "ALL", "defer"], ["-h", "ALL"], ["-h", "ALL", "deferred"],
         ["-H", "ALL"], ["-H", "ALL", "deferred"], ["-e", "ALL"], ["-f", "ALL"], ["-e", "ALL", "hold"],
         unfinished=False)  # which Postfix puts on hold too


@scenario(log=False)
def ids_from_standard_input(mta):
    furnish(mta)
    mta.run("postsuper", "-d", "-", input="AAAAA1234\n\nBBBBB1234\nnone\n bad! \n")
    note_tree(mta, "after")
    mta.run("postsuper", "-h", "-", input="")
    clear(mta)


@scenario(log=False)
def options_and_access(mta):
    for options in (["-z"], ["-d"], ["-d", "X", "nosuchqueue"], ["-p", "corrupt"], ["-s", "trace"], ["-c", "relative"]):
        mta.run("postsuper", *options)
    mta.run("postsuper", "-d", "ALL", user="alice")


@scenario(log=False)
def unfinished_files_are_purged(mta):
    old = 8 * 24 * 3600
    put(mta, "hold/OLD12345", mode=0o600, age=old)
    put(mta, "hold/NEW12345", mode=0o600, age=1000)
    put(mta, "hold/READY1234", mode=0o700, age=old)
    put(mta, "maildrop/123456.789", mode=0o644, age=old)
    put(mta, "bounce/OLD12345", mode=0o600, age=old)
    os.symlink("/etc/passwd", mta.queue / "hold/LINK")
    mta.run("postsuper", "-p")
    names = sorted(str(p.relative_to(mta.queue)) for p in mta.queue_files("maildrop", "hold", "bounce"))
    mta.note("left", names)
    clear(mta)


@scenario(log=False)
def names_follow_inodes(mta):
    first = put(mta, "hold/AAAAA1234")
    put(mta, "hold/BBBBB%X" % first.stat().st_ino)
    put(mta, "deferred/C/CCCCC1234")
    put(mta, "defer/C/CCCCC1234", mode=0o600, data=b"log\n")
    mta.run("postsuper", "-s")
    note_tree(mta, "renamed", inodes=True)
    mta.run("postsuper", "-s")
    note_tree(mta, "again", inodes=True)
    clear(mta)


@scenario(log=False)
def files_move_to_their_directories(mta):
    path = put(mta, "hold/AAAAA1234")
    right = path.rename(mta.queue / ("hold/AAAAA%X" % path.stat().st_ino))
    put(mta, "defer/Z/QQQQQ1234", mode=0o600, data=b"log\n")
    owner = (mta.queue / "hold").stat()
    for folder in ("deferred/X", "hold/Y", "incoming/odd"):
        (mta.queue / folder).mkdir()
        os.chown(mta.queue / folder, owner.st_uid, owner.st_gid)
    os.rename(right, mta.queue / "deferred/X" / right.name)
    mta.run("postsuper", "-s")
    note_tree(mta, "moved", inodes=True)
    clear(mta)


@scenario(log=False, main="enable_long_queue_ids = yes")
def long_names_with_long_ids(mta):
    put(mta, "hold/4jWlGt2fJTz1c7BP")
    mta.run("postsuper", "-s")
    mta.note("kept", [p.name for p in mta.queue_files("hold")])
    mta.run("postsuper", "-S")
    mta.note("changed", [p.name != "4jWlGt2fJTz1c7BP" for p in mta.queue_files("hold")])
    clear(mta)


@scenario(log=False)
def long_names_without_long_ids(mta):
    put(mta, "hold/4jWlGt2fJTz1c7BP")
    mta.run("postsuper", "-s")
    note_tree(mta, "short", inodes=True)
    clear(mta)


@scenario(log=False)
def directories_that_cannot_be_read(mta):
    put(mta, "deferred/E/EEEEE1234")
    folder = mta.queue / "deferred/E"
    before = folder.stat()
    os.chown(folder, os.geteuid(), before.st_gid)
    folder.chmod(0)
    for options in (("-s",), ("-p",), ("-h", "ALL")):
        mta.run("postsuper", *options)
    os.chown(folder, before.st_uid, before.st_gid)
    folder.chmod(0o700)
    note_tree(mta, "left", inodes=True)
    put(mta, "deferred/G", data=b"no directory")
    mta.run("postsuper", "-s")
    mta.note("half renamed", [path.name for path in mta.queue_files("deferred") if "#" in path.name])
    (mta.queue / "deferred/G").unlink()
    clear(mta)
