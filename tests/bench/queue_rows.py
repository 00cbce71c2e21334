"""Rows about the queue manager: a message with many recipients, a queue of deferred mail, and what a large one costs it."""
import os
import pathlib
import re
import socket
import subprocess
import time

from support import BUILD
from support.instance import SMTP

MOST = 20_000  # recipients of a message
MANY = f"smtpd_recipient_limit = {MOST}\n"
LATER = "defer_transports = later\ntransport_maps = inline:{later.test=later:[@NET@.31]:2525}\nrelay_domains = later.test, far.test\n"
# The recipients of one message share 1,000 mailboxes.
MAILDIRS = MANY + "virtual_mailbox_maps = hash:@CONF@/mailboxes\n"
MAILBOXES = 1000
LINKS = 50_000  # to one file
QUIET = 0.5  # seconds without work
SERVICE = "later unix - - y - - smtp\n"


def source(mta, sessions, messages, recipients, to):
    done = subprocess.run([BUILD / "bin/smtp-source", "-s", str(sessions), "-m", str(messages), "-r", str(recipients),
                           "-l", "4096", "-f", "load@example.test", "-t", to, f"{mta.address}:{SMTP}"],
                          capture_output=True, timeout=180)
    if done.returncode:
        raise AssertionError(done.stderr.decode())


def wait_until(condition, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it takes too long")
        time.sleep(0.005)


def count_files(mta, *names):
    return sum(1 for name in names for path in (mta.queue / name).rglob("*") if path.is_file())


def many_recipients(mta, count, tools):
    """One message: from the first byte until the last recipient has it."""
    before, start = tools.cpu_seconds(mta), time.monotonic()
    source(mta, 1, 1, count, "x@far.test")
    tools.wait_drained(mta)
    elapsed = time.monotonic() - start
    cpu = tools.cpu_seconds(mta) - before
    delivered = len(re.findall(r"to=<\d*x@far.test>.*status=sent", mta.log_text()))
    if not delivered:
        raise AssertionError("nothing was delivered")
    return {"recipients/s": count / elapsed, "CPU ms/1000": cpu * 1e6 / count}


def name_mailboxes(mta):
    """The table of recipients, who are called what smtp-source calls them."""
    mta.table("mailboxes", "u1@virt.test u1/\nx@virt.test m0/\n" + "".join(f"{n}x@virt.test m{n % MAILBOXES}/\n" for n in range(MOST)))


def make_mailboxes(mta):
    owner = mta.vmail_ids()
    for folder in (f"m{n}{sub}" for n in range(MAILBOXES) for sub in ("", "/tmp", "/new", "/cur")):
        (mta.vmail / folder).mkdir(mode=0o700)
        os.chown(mta.vmail / folder, *owner)
    os.sync()


def into_maildirs(mta, count, tools):
    """As many_recipients(), into mailboxes."""
    make_mailboxes(mta)
    before, start = tools.cpu_seconds(mta), time.monotonic()
    source(mta, 1, 1, count, "x@virt.test")
    tools.wait_drained(mta)
    elapsed = time.monotonic() - start
    cpu = tools.cpu_seconds(mta) - before
    delivered = sum(len(os.listdir(mta.vmail / f"m{n}/new")) for n in range(MAILBOXES))
    if delivered != count:
        raise AssertionError(f"{delivered} of {count} were delivered")
    return {"recipients/s": count / elapsed, "CPU ms/1000": cpu * 1e6 / count}


def deferred(mta, count, tools):
    """Deferred mail that is asked for: until all of it is delivered."""
    source(mta, 20, count, 1, "x@later.test")
    tools.wait_drained(mta)
    waiting = count_files(mta, "deferred")
    if waiting != count:
        raise AssertionError(f"{waiting} messages in deferred, wanted {count}")
    before, start = tools.cpu_seconds(mta), time.monotonic()
    mta.must_run("postqueue", "-f", record=False)
    wait_until(lambda: not tools.holds_files(mta.queue / "active") and not count_files(mta, "deferred"))
    elapsed = time.monotonic() - start
    return {"messages/s": count / elapsed, "CPU ms/message": (tools.cpu_seconds(mta) - before) * 1000 / count}


def scan(mta, count, tools):
    """What a look at so many deferred messages, none of them due, costs the queue manager."""
    models = 1 + count // LINKS
    source(mta, 20, models, 1, "x@later.test")
    wait_until(lambda: count_files(mta, "deferred") == models)
    due = time.time() + 100_000
    for model in [path for path in (mta.queue / "deferred").rglob("*") if path.is_file()]:
        inode = model.stat().st_ino
        for number in range(count // models):
            name = f"{number:05X}{inode:X}"
            path = mta.queue / "deferred" / name[0] / name
            try:
                os.link(model, path)
            except FileNotFoundError:
                path.parent.mkdir(mode=0o700)
                os.chown(path.parent, *owner_of(mta.queue / "deferred"))
                os.link(model, path)
        os.utime(model, (due, due))
    (manager,) = mta.processes("qmgr")
    peak, before = peak_kilobytes(manager), tools.cpu_seconds(mta)
    os.sync()
    start = time.monotonic()
    trigger(mta)
    settle_cpu(manager)
    elapsed = time.monotonic() - start
    cpu = tools.cpu_seconds(mta) - before
    return {"messages/s": count / elapsed, "CPU us/message": cpu * 1e6 / count, "KB more": peak_kilobytes(manager) - peak + 1}


def trigger(mta):
    """Has the queue manager look at the deferred queue, at those that are due."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(mta.queue / "public/qmgr"))
        peer.sendall(b"D\0")


def ticks_of(pid):
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))


def settle_cpu(pid):
    """Waits until the process has nothing to do any more."""
    last, since = ticks_of(pid), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.05)
        now = ticks_of(pid)
        if now != last:
            last, since = now, time.monotonic()


def owner_of(path):
    return path.stat().st_uid, path.stat().st_gid


def peak_kilobytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def rows(scale, tools):
    yield "one message, 10000 recipients, SMTP -> SMTP", lambda m: many_recipients(m, int(10000 * scale), tools), MANY
    yield "one message, 10000 recipients, SMTP -> 1000 Maildirs", lambda m: into_maildirs(m, int(10000 * scale), tools), MAILDIRS
    yield "deferred messages flushed", lambda m: deferred(m, int(20000 * scale), tools), LATER
    # --scale 5: a million
    yield "deferred messages scanned, none is due", lambda m: scan(m, int(200_000 * scale), tools), LATER
