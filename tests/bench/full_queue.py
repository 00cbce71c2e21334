"""Rows about a queue with many deferred messages, and about starting the mail system."""
import functools
import os
import socket
import subprocess
import time

from support.queuefile import record, records

DEFERRED = 20000
MAIN = ("relay_transport = smtp:[127.0.0.1]:1\nminimal_backoff_time = 4000s\nqueue_run_delay = 4000s\n"
        "qmgr_message_active_limit = 20000\n")
LATER = 7 * 24 * 3600


CONTENT = records(("N", "Subject: test"), ("N", ""), *[("N", "line of text " * 4)] * 40)


def message(number):
    middle = records(("T", f"{time.time() - number % 5000:.0f} 1"), ("A", "log_client_name=client.test"),
                     ("A", "rewrite_context=remote"), ("S", f"sender{number}@example.test"), ("A", "dsn_orig_rcpt=rfc822;x"),
                     ("O", f"x{number}@d{number % 500}.far.test"), ("R", f"x{number}@d{number % 500}.far.test"), ("M", ""))
    head = record("C", "%15d %15d %15d %15d %15d %15d" % (len(CONTENT), 97 + len(middle), 1, 0, len(CONTENT), 0))
    return head + middle + CONTENT + records(("X", ""), ("E", ""))


def reason(number):
    address = f"x{number}@d{number % 500}.far.test"
    return (f"<{address}>: connect to far.test[192.0.2.1]:25: Connection timed out\nrecipient={address}\noffset=300\ndsn_orig_rcpt=rfc822;x\n"
            f"status=4.4.1\naction=delayed\nreason=connect to far.test[192.0.2.1]:25: Connection timed out\n\n")


def named_by_number(number, file):
    """As after a copy: no name fits its file."""
    return f"{number * 49 % 0xfffff:05X}{0x10000 + number:X}"


def named_by_inode(number, file):
    return f"{number * 49 % 0xfffff:05X}{os.fstat(file).st_ino:X}"


def put(folder, name, data, mode, owner, when):
    """Makes a file; `name` gives its name, whose first digit is that of its directory.  Returns the name."""
    new = f"{folder}/new"
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    final = name(file)
    os.write(file, data)
    os.fchown(file, *owner)
    os.fchmod(file, mode)
    os.utime(file, (when, when))
    os.close(file)
    os.rename(new, f"{folder}/{final[0]}/{final}")
    return final


def fill(mta, count, naming=named_by_number):
    """As if `count` messages had been deferred, to be tried again next week."""
    deferred, logs = mta.queue / "deferred", mta.queue / "defer"
    owner = deferred.stat().st_uid, deferred.stat().st_gid
    when = time.time() + LATER
    for digit in "0123456789ABCDEF":
        for folder in (deferred, logs):
            (folder / digit).mkdir(exist_ok=True)
            os.chown(folder / digit, *owner)
    for number in range(count):
        name = put(deferred, functools.partial(naming, number), message(number), 0o700, owner, when)
        put(logs, lambda file, same=name: same, reason(number).encode(), 0o600, owner, when)
    os.sync()


def timed(mta, count, cpu_seconds, *command):
    """One command over the queue."""
    for path in mta.queue_files("maildrop", "hold", "deferred", "defer"):
        path.unlink()
    fill(mta, count)
    before, start = processor_time(mta, cpu_seconds), time.monotonic()
    subprocess.run([mta.commands / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=mta.environment(), timeout=300)
    elapsed = time.monotonic() - start
    return {"messages/s": count / elapsed, "CPU ms/1000": (processor_time(mta, cpu_seconds) - before) * 1e6 / count}


def processor_time(mta, cpu_seconds):
    times = os.times()
    return cpu_seconds(mta) + times.children_user + times.children_system


def defer_again(mta, count, cpu_seconds, *commands):
    """What has every message tried and deferred again: until the last log line, and nothing is active."""
    fill(mta, count)
    before, start = processor_time(mta, cpu_seconds), time.monotonic()
    with open(mta.maillog, "rb") as log:
        log.seek(0, os.SEEK_END)
        for command in commands:
            subprocess.run([mta.commands / command[0], *command[1:]], check=True, stderr=subprocess.DEVNULL, env=mta.environment())
        missing = count
        while missing > 0:
            if time.monotonic() - start > 280:
                raise AssertionError(f"{missing} messages were not deferred")
            time.sleep(0.02)
            missing -= log.read().count(b"status=deferred")
    while mta.queue_files("active"):
        time.sleep(0.01)
    return {"messages/s": count / (time.monotonic() - start), "CPU ms/1000": (processor_time(mta, cpu_seconds) - before) * 1e6 / count}


def await_banner(mta):
    while True:
        try:
            with socket.create_connection((mta.address, 2525), 10) as client:
                if client.recv(100).startswith(b"220 "):
                    return
        except ConnectionRefusedError:
            time.sleep(0.001)


def first_banner(mta):
    """`postfix start` until a client sees the banner."""
    times = []
    for _ in range(5):
        mta.stop()
        start = time.monotonic()
        subprocess.run([mta.commands / "postfix", "start"], check=True, env=mta.environment(), capture_output=True)
        await_banner(mta)
        times.append(time.monotonic() - start)
    return {"ms/start": min(times) * 1000}


def rows(scale, cpu_seconds):
    count = int(DEFERRED * scale)
    for name, command in (("list (postqueue -p)", ("postqueue", "-p")), ("list (postqueue -j)", ("postqueue", "-j")),
                          ("qshape", ("qshape", "deferred")), ("delete", ("postsuper", "-d", "ALL", "deferred")),
                          ("hold", ("postsuper", "-h", "ALL", "deferred")), ("check (postsuper -s)", ("postsuper", "-s"))):
        yield f"{count} deferred: {name}", lambda m, c=command: timed(m, count, cpu_seconds, *c), MAIN
    yield (f"{count} deferred: requeue", lambda m: timed(m, count, cpu_seconds, "postsuper", "-r", "ALL", "deferred"),
           MAIN + "pickup_service_name = nobody\n")
    yield f"{count} deferred: defer again", lambda m: defer_again(m, count, cpu_seconds, ("postqueue", "-f")), MAIN
    # Through maildrop, pickup and cleanup, as new mail.
    anew = ("postsuper", "-r", "ALL", "deferred"), ("postkick", "public", "pickup", "W")
    yield f"{count // 4} requeued until they are deferred again", lambda m: defer_again(m, count // 4, cpu_seconds, *anew), MAIN
    yield "postfix start to first banner", first_banner, "inet_interfaces = 127.0.0.1\n"
