"""The mail queue as postqueue shows it, through showq and without, and requests to flush it."""
import json
import os
import time

from support import check
from support.compare import scenario
from support.queuefile import record, records

SOON = 4102444800  # mail that is not to be tried before the year 2100


def put(mta, queue, name, sender="a@facts.test", recipients=("b@dest.test",), log=None, mode=0o700, size=1000,
        age=1795247898):
    """A complete message that qmgr leaves alone, with a defer log."""
    middle = records(("T", f"{age} 1"), ("S", sender), *(("R", r) for r in recipients), ("M", ""))
    text = records(("N", "x" * (size - 3)))
    head = b"" if queue == "maildrop" else record("C", "%15d %15d %15d %15d %15d %15d" % (
        len(text), 97 + len(middle), len(recipients), 0, len(text), 0))
    hashed = name[0] + "/" if queue in ("deferred", "defer") else ""
    for folder, data in ((queue, head + middle + text + records(("X", ""), ("E", ""))), ("defer", log)):
        if data is None:
            continue
        path = mta.queue / folder / (name[0] if folder in ("deferred", "defer") else "") / name
        path.parent.mkdir(exist_ok=True)
        owner = (mta.queue / "hold").stat()
        os.chown(path.parent, owner.st_uid, owner.st_gid) if hashed or folder == "defer" else None
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.chown(path, owner.st_uid, owner.st_gid)
        os.utime(path, (SOON, SOON))
        path.chmod(mode if folder == queue else 0o600)


def entry(address, reason, **more):
    lines = [f"<{address}>: {reason}", f"recipient={address}", "offset=100", "status=4.3.0", "action=delayed"]
    lines += [f"{k}={v}" for k, v in more.items()] + [f"reason={reason}"]
    return "\n" + "\n".join(lines) + "\n\n"


def show(mta, name):
    for form in ("-p", "-j"):
        output = mta.run("postqueue", form, record=False)
        mta.note(f"{name} {form}", f"{output.status}\n{output.stdout}\n{output.stderr}")
    for path in mta.queue_files() + mta.queue_files("defer"):
        path.unlink(missing_ok=True)


@scenario(log=False)
def one_message_of_each_kind(mta):
    show(mta, "empty")
    put(mta, "hold", "AAAAA1234")
    show(mta, "hold")
    put(mta, "hold", "AAAAA1234", mode=0o710)
    show(mta, "expired")
    put(mta, "active", "AAAAA1234")
    show(mta, "active")
    put(mta, "deferred", "AAAAA1234")
    show(mta, "deferred without a log")
    put(mta, "hold", "AAAAA1234", mode=0o600)
    show(mta, "incomplete")
    put(mta, "hold", "AAAAA1234567", sender="", size=123456789)
    show(mta, "null sender, long columns")


@scenario(log=False)
def reasons(mta):
    both = ("b@dest.test", "c@dest.test")
    put(mta, "deferred", "BBBBB1234", recipients=both, log=entry("b@dest.test", "connect to x: refused"))
    show(mta, "one of two")
    put(mta, "deferred", "BBBBB1234", recipients=both,
        log=entry("b@dest.test", "same") + entry("c@dest.test", "same"))
    show(mta, "the same")
    put(mta, "deferred", "BBBBB1234", recipients=both, log=entry("b@dest.test", "x" * 200) + entry("c@dest.test", "y"))
    show(mta, "long")
    put(mta, "deferred", "BBBBB1234", recipients=both, log=entry("c@dest.test", 'quote " back \\ tab'))
    show(mta, "second only, with signs")
    put(mta, "deferred", "BBBBB1234", recipients=both, log=entry("b@dest.test", "Größe überschritten é 日本"))
    show(mta, "not ASCII, shorter than the column")
    put(mta, "deferred", "BBBBB1234", log="<old@dest.test>: old style\n\n")
    show(mta, "old style")
    put(mta, "deferred", "BBBBB1234", log="garbage\0\xff\n\n=x\n")
    show(mta, "garbage")


@scenario(main="smtputf8_enable = yes\n", log=False)
def reasons_in_utf8(mta):
    """The column is counted in bytes."""
    put(mta, "deferred", "BBBBB1234", log=entry("b@dest.test", "Größe überschritten é 日本"))
    show(mta, "not ASCII, shorter than the column")


@scenario(log=False)
def strange_addresses(mta):
    put(mta, "hold", "CCCCC1234", sender='a "b" c@x.test', recipients=("a b@c", "\u00e9@x.test", "", "tab\there@x"))
    show(mta, "quoted")


@scenario(log=False)
def torn_files(mta):
    put(mta, "hold", "DDDDD1234")
    path = mta.queue / "hold/DDDDD1234"
    whole = path.read_bytes()
    for cut in (0, 50, 100, 130, 135, 150):
        path.write_bytes(whole[:cut])
        os.utime(path, (SOON, SOON))
        output = mta.run("postqueue", "-p", record=False)
        mta.note(f"cut at {cut}", output.status)
        check("DDDDD1234" not in output.stdout or cut >= 130, output.stdout)


@scenario(log=False, main="enable_long_queue_ids = yes")
def long_ids(mta):
    put(mta, "hold", "4jWlGt2fJTz1c7BP")
    show(mta, "long")


@scenario(log=False, main="authorized_mailq_users = !bob, static:anyone\nauthorized_flush_users = root\n"
          "fast_flush_domains = relay.test")
def options_and_access(mta):
    for options in ([], ["-p", "-j"], ["-z"], ["-p", "extra"], ["-i", "BADID!"], ["-i", "0000000000"],
                    ["-s", "elsewhere.test"], ["-s", "relay.test"], ["-s", "bad_name!"], ["-f"]):
        mta.run("postqueue", *options)
    for user in ("alice", "bob"):
        for option in (["-p"], ["-f"], ["-i", "ABC"], ["-s", "relay.test"]):
            mta.run("postqueue", *option, user=user)
    mta.run("mailq")
    mta.run("mailq", user="bob")
    time.sleep(0.1)


@scenario(log=False)
def many_messages(mta):
    for i in range(300):
        put(mta, "hold", f"{i:05X}1234", size=3 + i)
    output = mta.run("postqueue", "-j", record=False)
    mta.note("all", "\n".join(sorted(output.stdout.splitlines())))
    check(len({json.loads(line)["queue_id"] for line in output.stdout.splitlines()}) == 300, "300 messages")
    mta.note("trailer", mta.run("postqueue", "-p", record=False).stdout.splitlines()[-1])
    for path in mta.queue_files("hold"):
        path.unlink()
