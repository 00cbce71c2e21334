"""The bounce service asked directly, as qmgr and delivery agents ask it: every kind of notification with
contents, reasons, addresses and templates that are not ASCII, and with logs that are torn or empty."""
import itertools
import os

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


@scenario(main=BOXES + "smtputf8_enable = yes\n")
def addresses_and_diagnostics(mta):
    place(mta)
    odd = [outcome("\u00e4@y.test", original="\u00f6@y.test"), outcome("a b@y.test", original="A B@y.test", orcpt="utf-8;\u00e4@x"),
           outcome("\udce4@y.test", orcpt="rfc822;\udce4@x"), outcome("", original=""), outcome("x@y.test", original="X@Y.TEST"),
           outcome(diagnostic=("smtp", "550 5.1.1 nicht \u00fcbergeben \udce4"), mta=("dns", "m\u00fc.test")),
           outcome(diagnostic=("smtp", ""), mta=("dns", "")), outcome(reason="", status="", action=""),
           outcome(reason="word " * 300), outcome(reason="w" * 3000), outcome(reason="a\tb  c\u00a0d\x01\x7f")]
    for number, entry in enumerate(odd):
        for wish in (0, 1):
            report(mta, f"{number} {wish}", entries=[entry], smtputf8=wish)
    report(mta, "all", entries=odd)


@scenario(main=BOXES + "smtputf8_enable = yes\n")
def every_kind(mta):
    place(mta, HEADER + b"\nX-\xc3\xa4: \xe4\n\nbody \xc3\xa4 " + b"y" * 3000)
    bad = outcome("\u00e4@y.test", reason="nicht \u00fcbergeben", notify=15)
    late = outcome(reason="sp\u00e4ter", status="4.1.1", action="delayed")
    for wish in (0, 1):
        report(mta, f"warn {wish}", "defer", WARN, [late], smtputf8=wish)
        report(mta, f"expired {wish}", "defer", FLUSH, [late], smtputf8=wish, ret=2)
        report(mta, f"success {wish}", "trace", TRACE, [bad], smtputf8=wish)
        report(mta, f"verify {wish}", "trace", TRACE, [bad], smtputf8=wish, flags=512)
        report(mta, f"null {wish}", entries=[bad], smtputf8=wish, sender="")
        report(mta, f"double {wish}", entries=[bad], smtputf8=wish, sender="double-bounce@example.test")
        report(mta, f"headers {wish}", entries=[bad], smtputf8=wish, ret=2, envelope_id="e+nv\u00e4")
        report(mta, f"utf8 sender {wish}", entries=[bad], smtputf8=wish, sender="u1@virt.test")


TEMPLATES = "".join(f"{kind}_template = <<E\nCharset: {{charset}}\nSubject: s\n\ntext {{text}}\nE\n"
                    for kind in ("failure", "delay", "success", "verify"))


def with_templates(mta):
    place(mta)
    for encoding in ("7bit", "8bit", "", "strange"):
        report(mta, f"failure {encoding}", entries=[outcome(reason="nicht \u00fcbergeben")], encoding=encoding)
    report(mta, "warn", "defer", WARN, [outcome()])
    report(mta, "success", "trace", TRACE, [outcome(notify=2)])


def template_scenario(name, charset, text, utf8):
    def run(mta):
        with_templates(mta)
    run.__name__ = name
    files = {"b.cf": TEMPLATES.format(charset=charset, text=text)}
    return scenario(run, main=BOXES + f"smtputf8_enable = {utf8}\nbounce_template_file = @CONF@/b.cf\n", files=files)


utf8_template = template_scenario("utf8_template", "utf-8", "gr\u00f6\u00dfer", "yes")
utf8_template_without_smtputf8 = template_scenario("utf8_template_without_smtputf8", "UTF-8", "gr\u00f6\u00dfer", "no")
latin_template_without_smtputf8 = template_scenario("latin_template_without_smtputf8", "iso-8859-1", "plain", "no")
latin_template = template_scenario("latin_template", "iso-8859-1", "plain", "yes")


LOGS = [b"", b"\n", b"\n\n\n", b"\n<x@y.test>: only old style\n\n", b"\n<x@y.test>: torn", b"\nrecipient=x@y.test\nstatus=5.1.1\nrea",
        b"recipient=x@y.test\nreason=no blank line\nrecipient=z@y.test\nreason=second\n", b"\nrecipient=\nreason=\n\n", b"\nrecipient=<>\noriginal_recipient=<>\n\n",
        b"\nnonsense\n\n", b"\nunknown=x\n\n", b"\nrecipient=a\0b@y.test\nreason=a\0b\n\n", b"\xff\xfe\n\nrecipient=\xe4@y.test\nreason=\xe4\xc3\xa4\x01\n\n",
        b"\nnotify_flags=junk\noffset=junk\nrecipient=x@y.test\n\n", b"\nrecipient=x@y.test\nnotify_flags=1\n\n", b"\nreason=" + b"w" * 5000 + b"\n\n",
        b"\n<>: null\nrecipient=<>\n\n", b"\n <x@y.test>: blank first\n\n", b"\nrecipient = x@y.test\nreason = spaces \n\n",
        b"\n<x@y.test>:no blank\n\n", b"\n<x@y.test> no colon\n\n", b"\nstatus=4.0.0\naction=delayed\ndiag_type=smtp\nmta_mname=x\n\n",
        b"\nrecipient=x@y.test\nstatus=junk\naction=junk\n\n", b"\nrecipient=x@y.test\n \nreason=after a blank\n\n"]


@scenario(main=BOXES + "smtputf8_enable = yes\n", log=False)
def logs_that_are_torn(mta):
    place(mta)
    owner = (mta.queue / "bounce").stat()
    for number, text in enumerate(LOGS):
        for service, kind in (("bounce", FLUSH), ("defer", WARN))[:1 if number % 3 else 2]:
            path = mta.queue / service / ID[0] / ID if service == "defer" else mta.queue / service / ID
            path.parent.mkdir(exist_ok=True)
            os.chown(path.parent, owner.st_uid, owner.st_gid)
            path.write_bytes(text)
            os.chown(path, owner.st_uid, owner.st_gid)
            report(mta, f"{number} {service} {text[:40]!r}", service, kind)
