"""The mail that any working system must carry, through every daemon and command: used by the swap
ring on mixtures of ours and Postfix, and by the system ring on ours alone."""
import email
import time

from support import check, equal
from support.instance import Instance
from support.queuefile import Peer, attributes
from support.room import room
from support.sink import SmtpSink

TEXT = "From: carol@remote.test\nTo: someone\nSubject: carried\n\nhello\n"

MAIN = """\
local_recipient_maps =
virtual_mailbox_maps = proxy:hash:@CONF@/mailboxes
virtual_alias_domains = alias.test
virtual_alias_maps = inline:{{two@alias.test=u1@virt.test, alice@example.test}}
relay_domains = far.test, refused.test
relay_transport = smtp:[@NET@.31]:2525
transport_maps = hash:@CONF@/transport
"""

# What is deferred is tried again at once, and what fails starts again at once.
QUICK_RETRIES = """\
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
service_throttle_time = 1s
transport_retry_time = 1s
"""

TRANSPORT = "refused.test smtp:[@NET@.32]:2525\ngone.test error:5.1.9 gone\nvoid.test discard:\nlater.test retry:4.0.9 later\n"
MAILBOXES = "u1@virt.test u1/\nu2@virt.test u2/\nbox@virt.test box\n"


def system(kind, swap=None, **options):
    """A started instance of this mixture with the tables of the scenarios."""
    mta = Instance(kind, swap, main=MAIN + options.pop("main", ""), aliases="staff: alice, bob\n", **options)
    mta.table("transport", TRANSPORT)
    mta.table("mailboxes", MAILBOXES)
    return mta.start()


def carry(mta):
    """Everything once; fails at the first thing that is not as it should be."""
    sink = SmtpSink(room().address(31))
    try:
        to_mailboxes(mta)
        to_far_away(mta, sink)
        from_the_command(mta)
        refused_and_bounced(mta)
        waiting_in_the_queue(mta, sink)
        probes(mta)
        verified(mta)
    finally:
        sink.stop()
    mta.check_sane()
    wrong = [line.raw for line in mta.log() if "fatal:" in line.text or "panic:" in line.text]
    check(not wrong, lambda: "in the log:\n" + "\n".join(wrong))


def to_mailboxes(mta):
    mta.mail("carol@remote.test", ["u1@virt.test", "box@virt.test", "bob@example.test"], TEXT, client=128)
    mta.mail("carol@remote.test", "two@alias.test", TEXT, client=128)
    mta.mail("carol@remote.test", "staff@example.test", TEXT)
    mta.wait_log("status=sent", 7)
    mta.settle()
    equal(len(mta.virtual("u1")), 2, "messages in u1")
    equal(len(mta.virtual("box")), 1, "messages in box")
    equal(len(mta.local_mail("alice")), 2, "messages of alice")
    equal(len(mta.local_mail("bob")), 2, "messages of bob")
    for message in mta.virtual("u1") + mta.local_mail("bob"):
        check(message.startswith(b"Return-Path: <carol@remote.test>\n"), f"Return-Path first: {message}")
        check(message.endswith(b"\nSubject: carried\n\nhello\n"), f"unchanged: {message}")
    with mta.smtp() as session:
        replies = session.talk("EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<nosuch@virt.test>",
                               "RCPT TO:<x@elsewhere.test>", "QUIT")
        equal([r.code for r in replies], ["250", "250", "550", "454", "221"], "codes")


def to_far_away(mta, sink):
    mta.mail("carol@example.test", ["x@far.test", "y@far.test"], TEXT)
    sink.wait(1)
    mta.settle()
    got = sink.transactions[-1]
    equal(len(got.rcpts), 2, "recipients in one transaction")
    check(got.data.endswith(b"hello\r\n"), "the whole message at the sink")


def from_the_command(mta):
    user = "alice" if mta.room.private else None
    mta.must_run("sendmail", "-f", "alice@example.test", "u2@virt.test", input=TEXT, user=user)
    mta.wait_log(r"to=<u2@virt.test>.*status=sent")
    mta.settle()
    equal(len(mta.virtual("u2")), 1, "messages in u2")
    # void.test is taken from sendmail only: smtpd relays for own networks too, but says so.
    mta.must_run("sendmail", "-f", "u2@virt.test", "x@void.test", input=TEXT)
    mta.wait_log(r"to=<x@void.test>.*relay=none.*status=sent")


def refused_and_bounced(mta):
    mta.empty_mailboxes()
    mta.mail("u1@virt.test", "nosuchuser@example.test", TEXT)
    mta.must_run("sendmail", "-f", "u2@virt.test", "x@gone.test", input=TEXT)
    mta.wait_log(r"sender non-delivery notification", 2)
    mta.wait_log(r"from=<>.*\n(?:.*\n)*?.*status=sent", 1)
    mta.settle()
    for box, reason in (("u1", b"unknown user"), ("u2", b"gone")):
        equal(len(mta.virtual(box)), 1, f"notifications in {box}")
        message = mta.virtual(box)[0]
        report = email.message_from_bytes(message)
        equal(report.get_content_type(), "multipart/report", "type of the notification")
        equal([p.get_content_type() for p in report.walk()][1:4],
              ["text/plain", "message/delivery-status", "text/plain"], "its parts")
        check(reason in message, f"the reason is named: {message}")


def waiting_in_the_queue(mta, sink):
    first = mta.mail("carol@example.test", ["x@refused.test", "u1@virt.test"], TEXT)
    mta.must_run("sendmail", "-f", "carol@example.test", "y@later.test", input=TEXT)
    mta.wait_log("status=deferred", 2)
    mta.settle()
    equal(len(mta.queue_files("deferred")), 2, "deferred messages")
    listing = mta.must_run("postqueue", "-p").stdout
    check(first in listing and "Connection refused" in listing, f"listed with its reason: {listing}")
    equal(mta.must_run("mailq").stdout, listing, "mailq is postqueue -p")
    text = mta.must_run("postcat", "-q", first).stdout
    check("recipient: x@refused.test" in text and "hello" in text, f"postcat: {text}")
    mta.must_run("postsuper", "-h", first)
    check(first + "!" in mta.must_run("postqueue", "-p").stdout, "held")
    mta.must_run("postsuper", "-H", first)
    equal(len(mta.queue_files("hold")), 0, "held messages")
    late = SmtpSink(room().address(32))
    try:
        mta.must_run("postqueue", "-i", first)
        late.wait(1)
        mta.wait_log(r"to=<x@refused.test>.*status=sent")
    finally:
        late.stop()
    mta.settle()
    mta.must_run("postqueue", "-f")
    mta.settle()
    mta.must_run("postsuper", "-r", "ALL")
    # The next submission wakes pickup.
    mta.must_run("sendmail", "-f", "u2@virt.test", "x@void.test", input=TEXT)
    mta.wait_log(r"to=<y@later.test>.*status=deferred", 3)
    mta.settle()
    mta.must_run("postsuper", "-d", "ALL")
    equal(len(mta.queue_files()), 0, "files left in the queue")
    check("Mail queue is empty" in mta.must_run("postqueue", "-p").stdout, "an empty queue")


def probes(mta):
    mta.empty_mailboxes()
    mta.must_run("sendmail", "-bv", "-f", "u1@virt.test", "u2@virt.test", "nosuchuser@example.test", input="")
    mta.wait_log(r"status=deliverable")
    mta.wait_log(r"status=undeliverable")
    mta.wait_log(r"to=<u1@virt.test>.*status=sent", 3)
    mta.settle()
    report = mta.virtual("u1")[0]
    check(b"Action: deliverable" in report and b"Action: undeliverable" in report, f"a probe's report: {report}")
    check(not mta.virtual("u2"), "a probe delivers nothing")


def verified(mta):
    """What verify learns of addresses when it is asked, as smtpd does."""
    peer = Peer(mta.queue / "private/verify")
    equal(peer.list(), [("protocol", "address_verification_prrotocol")], "verify's announcement")
    wanted, end = {"u2@virt.test": "0", "nosuch@virt.test": "2", "x@later.test": "1"}, time.monotonic() + 15
    while wanted:
        for address, status in list(wanted.items()):
            peer.send(attributes(("request", "query"), ("address", address)))
            reply = dict(peer.list())
            if reply["recipient_status"] != "3":
                equal(reply["recipient_status"], status, f"status of {address}")
                del wanted[address]
        check(time.monotonic() < end, f"no answers about {wanted}")
        time.sleep(0.05)
    peer.close()
    mta.settle()
    check(not mta.virtual("u2"), "a probe delivers nothing")
