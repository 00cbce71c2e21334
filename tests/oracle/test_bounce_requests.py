"""The bounce service asked directly, as qmgr and delivery agents ask it: every kind of notification with
contents, reasons, addresses and templates that are not ASCII, and with logs that are torn or empty."""
import itertools
import os
import random

from support.compare import scenario
from support.queuefile import Peer, record

BOXES = "notify_classes = bounce, 2bounce, delay\nbounce_notice_recipient = u2@virt.test\n" \
        "2bounce_notice_recipient = box@virt.test\ndelay_notice_recipient = u2@virt.test\n"
ID = "4A5B6C7D8E"
APPEND, FLUSH, WARN, VERP, ONE, TRACE = range(6)
HEADER = b"Subject: first\nX-A: b"


def as_bytes(value):
    return str(value).encode("utf-8", "surrogateescape")


def request(*pairs):
    return b"".join(name.encode() + b"\0" + as_bytes(value) + b"\0" for name, value in pairs) + b"\0"


def place(mta, content=HEADER + b"\n\nbody", sender="u1@virt.test", size=None):
    """A message in hold/, where qmgr leaves it alone."""
    lines = b"".join(record("N", line) for line in content.split(b"\n"))
    envelope = record("T", "1764000000 0") + (record("S", sender) if sender is not None else b"") + record("R", "x@y.test")
    front = len(record("C", " " * 80))
    count = f"{size or len(lines):15d} {front + len(envelope) + 2:15d} {1:15d} {0:15d} {0:15d}"
    path = mta.queue / "hold" / ID
    path.write_bytes(record("C", count.ljust(80)[:80]) + envelope + record("M") + lines + record("X") + record("E"))
    owner = (mta.queue / "hold").stat()
    os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(0o700)


def ask(mta, service, kind, *more, encoding="8bit", smtputf8=0, sender="u1@virt.test", envelope_id="", ret=0, flags=0):
    """One request; its status."""
    peer = Peer(mta.queue / "private" / service)
    peer.list()
    if kind == APPEND:
        message = (("queue_id", ID),)
    else:
        message = (("queue_name", "hold"), ("queue_id", ID), ("encoding", encoding), ("smtputf8", smtputf8),
                   ("sender", sender), ("envelope_id", envelope_id), ("ret_flags", ret))
    peer.send(request(("nrequest", kind), ("flags", flags), *message, *more))
    try:
        return peer.list()
    except AssertionError:
        return "hung up"
    finally:
        peer.close()


def outcome(recipient="x@y.test", reason="it failed", original="", orcpt="", notify=0, status="5.1.1", action="failed",
            diagnostic=("", ""), mta=("", "")):
    return (("original_recipient", original), ("recipient", recipient), ("offset", 0), ("dsn_orig_rcpt", orcpt),
            ("notify_flags", notify), ("status", status), ("diag_type", diagnostic[0]), ("diag_text", diagnostic[1]),
            ("mta_type", mta[0]), ("mta_mname", mta[1]), ("action", action), ("reason", reason))


def report(mta, name, service="bounce", kind=FLUSH, entries=(), **how):
    """Logs the entries, asks for the notification, and notes all that comes of it."""
    for entry in entries:
        ask(mta, service, APPEND, *entry)
    log = mta.queue / service / ID[0] / ID
    log = log if log.exists() else mta.queue / service / ID
    if log.exists():
        mta.note(f"{name}: log", log.read_bytes())
    mta.note(f"{name}: status", ask(mta, service, kind, **how))
    mta.note(f"{name}: log is left", log.exists())
    mta.settle()
    log.unlink(missing_ok=True)
    for box in ("u1", "u2", "box"):
        mta.note_mail(f"{name}: {box}", mta.virtual(box))
    mta.empty_mailboxes()


REASONS = {"ascii": "it failed", "utf8": "Empf\u00e4nger unbekannt", "latin1": "Empf\udce4nger"}


def every_reason(mta, encodings=("7bit", "8bit", ""), wishes=(0, 1)):
    place(mta)
    for (name, reason), encoding, wish in itertools.product(REASONS.items(), encodings, wishes):
        report(mta, f"{name} {encoding} {wish}", entries=[outcome(reason=reason)], encoding=encoding, smtputf8=wish)


@scenario(main=BOXES)
def reasons_that_are_not_ascii(mta):
    every_reason(mta)


every_reason_is_told = scenario(every_reason, main=BOXES + "smtputf8_enable = yes\n")
