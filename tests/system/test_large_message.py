"""Messages with very many recipients: what they cost, and whom they hold up."""
import collections
import re
import shutil
import time

from support import bound, check, equal, need_suite
from support.instance import Instance
from support.queuefile import Cleanup
from support.sink import SmtpSink

TEXT = "Subject: large\n\nhello\n"
COUNT = 100_000
ROUTES = """\
transport_maps = inline:{many.test=many:[@NET@.31]:2525, few.test=many:[@NET@.31]:2525}
relay_domains = many.test, few.test
qmgr_message_recipient_limit = 2000
default_recipient_limit = 2000
"""
SERVICE = "many unix - - n - 10 smtp\n"


def peak_megabytes(pid):
    with open(f"/proc/{pid}/status") as lines:
        return int(re.search(r"VmHWM:\s+(\d+)", lines.read())[1]) / 1024


def queue_large(mta, count, domain="many.test"):
    """A message with so many recipients, as list managers hand them in."""
    session = Cleanup(mta, 0)
    session.send(("T", str(int(time.time()))), ("S", "list@example.test"))
    for start in range(0, count, 1000):
        session.send(*(("R", f"user{n:06}@{domain}") for n in range(start, min(start + 1000, count))))
    session.send(("M", ""), *(("N", line) for line in ("Received: x", "Subject: large", "", "hello")), ("X", ""), ("E", ""))
    equal(session.finish()[0], 0, "cleanup's answer")
    return session.id


def recipients_at(sink):
    """How often each address has been delivered to."""
    return collections.Counter(re.search(r"<([^@]*)@", rcpt)[1] for transaction in list(sink.transactions) for rcpt in transaction.rcpts)


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not in {seconds} s: {what}")
        time.sleep(0.02)


@bound(120)
def test_100000_recipients_of_one_message():
    """They do not fill the queue manager's memory, hold up nobody, and get it once each.  The log is no witness: it leaves
    lines out rather than hold up deliveries."""
    need_suite()
    mta = Instance("ours", main=ROUTES, master=SERVICE).start()
    sink = SmtpSink(mta.room.address(31), 2525)
    with mta.smtp(client=100) as session:
        session.mail("carol@remote.test", ["u1@virt.test", "x@few.test"], TEXT)
        mta.settle()
        (qmgr,) = mta.processes("qmgr")
        before = peak_megabytes(qmgr)
        large = queue_large(mta, COUNT)
        sink.wait(20)
        waits = []
        for number in range(5):
            start = time.monotonic()
            # One for another transport, and one that overtakes.
            equal(session.mail("carol@remote.test", ["u1@virt.test", f"other{number}@few.test"], TEXT).code, "250", "mail")
            wait_until(lambda: recipients_at(sink)[f"other{number}"], "the message overtakes")
            wait_until(lambda: len(mta.virtual("u1")) == number + 2, "other transports go on")
            waits.append(time.monotonic() - start)
    check((mta.queue / "active" / large).exists(), "it was under way all the time")
    wait_until(lambda: not mta.queue_files("active", "incoming"), "the end", 90)
    equal(mta.queue_files("deferred"), [], "deferred messages")
    sink.stop()
    seen = recipients_at(sink)
    equal(sum(name.startswith("user") for name in seen), COUNT, "recipients that got it")
    equal(max(seen.values()), 1, "times that each got it")
    grown = peak_megabytes(qmgr) - before
    check(grown < 12, f"qmgr grew by {grown:.1f} MB")
    check(max(waits) < 3, f"other mail took {waits}")
    mta.destroy()


@bound(120)
def test_100000_recipients_in_one_notification():
    """The log of a message's failures is read entry by entry, and what is said of them written so."""
    need_suite()
    mta = Instance("ours", main="message_size_limit = 100000000\nmailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n").start()
    session = Cleanup(mta, 4)  # HOLD
    session.send(("T", str(int(time.time()))), ("S", "u1@virt.test"), ("R", "u2@virt.test"), ("M", ""),
                 *(("N", line) for line in ("Received: x", "", "body")), ("X", ""), ("E", ""))
    equal(session.finish()[0], 0, "cleanup's answer")
    log = mta.queue / "bounce" / session.id
    with open(log, "w", encoding="ascii") as file:
        for number in range(COUNT):
            file.write(f"\nrecipient=gone{number:06}@far.test\nstatus=5.1.1\naction=failed\nreason=nobody of that name\n\n")
    log.chmod(0o600)
    if mta.room.private:
        shutil.chown(log, mta.owner)
    mta.must_run("postsuper", "-H", session.id)
    mta.must_run("postqueue", "-f")
    mta.wait_log("sender non-delivery notification", seconds=60)
    peaks = [peak_megabytes(pid) for pid in mta.processes("bounce")]
    wait_until(lambda: mta.virtual("u1"), "the notification arrives", 30)
    (text,) = mta.virtual("u1")
    equal(text.count(b"\nFinal-Recipient: rfc822; gone"), COUNT, "recipients in the notification")
    equal(text.count(b": nobody of that name\n"), COUNT, "recipients told of")
    check(peaks and max(peaks) < 20, f"bounce took {peaks} MB")
    mta.destroy()
