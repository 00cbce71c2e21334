"""Delivery status notifications: when, to whom, and what they look like."""
import email

from support import check
from support.compare import scenario
from support.room import room

TEXT = "From: u1@virt.test\nTo: you\nSubject: the original\nX-Other: kept\n\nbody of the original\n"


def send(mta, to, mail="MAIL FROM:<u1@virt.test>", text=TEXT, rcpt=""):
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.example.test", mail, *(f"RCPT TO:<{t}>{rcpt}" for t in ([to] if isinstance(to, str) else to)))
        s.data(text)
        s.command("QUIT")
    mta.settle()


def note_dsns(mta, box="u1"):
    """Every message of a mailbox, whole and as its MIME structure."""
    messages = mta.virtual(box)
    mta.note_mail(box, messages)
    for message in messages:
        parsed = email.message_from_bytes(message)
        mta.note("structure", [part.get_content_type() for part in parsed.walk()])
        if parsed.get_content_type() == "multipart/report":
            fields = parsed.get_payload()[1].get_payload()
            mta.note("fields", [sorted(block.keys()) for block in fields])


BAD = "local_recipient_maps ="


@scenario(main=BAD)
def non_delivery(mta):
    send(mta, "nosuch@example.test")
    note_dsns(mta)
    parsed = email.message_from_bytes(mta.virtual("u1")[0])
    check(parsed.get_content_type() == "multipart/report", "a report")
    check(b"nosuch" in mta.virtual("u1")[0], "the reason is named")


@scenario(main=BAD + "\nlocal_destination_recipient_limit = 10")  # one delivery: the order of two at once is chance
def non_delivery_for_several_recipients(mta):
    send(mta, ["nosuch@example.test", "u2@virt.test", "neither@example.test"])
    note_dsns(mta)


@scenario(main=BAD)
def null_sender_gets_none(mta):
    send(mta, "nosuch@example.test", "MAIL FROM:<>")
    note_dsns(mta)


@scenario(main=BAD, log=False)  # Postfix logs the message-id of a notification that it gives up
def notify_never(mta):
    send(mta, "nosuch@example.test", rcpt=" NOTIFY=NEVER")
    note_dsns(mta)


@scenario(main=BAD)
def notify_success(mta):
    send(mta, "u2@virt.test", rcpt=" NOTIFY=SUCCESS")
    send(mta, "alice@example.test", rcpt=" NOTIFY=SUCCESS")
    note_dsns(mta)


@scenario(main=BAD)
def notify_success_and_failure_at_once(mta):
    send(mta, ["u2@virt.test", "nosuch@example.test"], rcpt=" NOTIFY=SUCCESS,FAILURE")
    note_dsns(mta)


@scenario(main=BAD)
def headers_only(mta):
    send(mta, "nosuch@example.test", "MAIL FROM:<u1@virt.test> RET=HDRS ENVID=my+20id")
    note_dsns(mta)


@scenario(main=BAD)
def original_recipient(mta):
    send(mta, "nosuch@example.test", rcpt=" ORCPT=rfc822;first+40address@x.test")
    note_dsns(mta)


@scenario(main=BAD + "\nbounce_size_limit = 100")
def large_original_is_cut(mta):
    send(mta, "nosuch@example.test", text=TEXT + "x" * 3000 + "\n")
    note_dsns(mta)


@scenario(main=BAD + "\nnotify_classes = bounce, 2bounce, resource, software\nbounce_notice_recipient = u2@virt.test\n"
          "2bounce_notice_recipient = box@virt.test")
def notices_to_the_postmaster(mta):
    send(mta, "nosuch@example.test")
    send(mta, "nosuch@example.test", "MAIL FROM:<alsonosuch@example.test>")
    for box in ("u1", "u2", "box"):
        note_dsns(mta, box)


@scenario(main=BAD)
def double_bounce_goes_nowhere(mta):
    send(mta, "nosuch@example.test", "MAIL FROM:<alsonosuch@example.test>")
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main=BAD)
def eight_bit_original(mta):
    send(mta, "nosuch@example.test", text=b"Subject: \xe4\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
         b"Content-Transfer-Encoding: 8bit\n\nbytes \xc3\xa4\n")
    note_dsns(mta)


@scenario(main=BAD)
def long_lines_in_the_original(mta):
    send(mta, "nosuch@example.test", text="Subject: long\n\n" + "y" * 3000 + "\n")
    note_dsns(mta)


@scenario(main="smtp_tcp_port = 2525")
def refusal_by_a_remote_host(mta):
    if not getattr(room().dns, "bounce_host", False):
        room().dns.add_host("mx.refusing.test", room().address(61))
        room().dns.add("refusing.test", "MX", (10, "mx.refusing.test"))
        room().dns.bounce_host = True
    with mta.sink(61, RCPT="550-5.1.1 The user\n550 5.1.1 is not here"):
        send(mta, "x@refusing.test")
    note_dsns(mta)


@scenario(main="virtual_alias_domains = alias.test\nlocal_recipient_maps =\n"
          "virtual_alias_maps = inline:{{gone@alias.test=nosuch@example.test}}")
def refusal_behind_an_alias(mta):
    send(mta, "gone@alias.test")
    note_dsns(mta)


@scenario(main="local_recipient_maps =", aliases="list: nosuch1\nowner-list: u1@virt.test\n")
def owner_of_a_list_gets_it(mta):
    send(mta, "list@example.test", "MAIL FROM:<u2@virt.test>")
    note_dsns(mta)
    note_dsns(mta, "u2")


@scenario(main="delay_warning_time = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\nqueue_run_delay = 1s\n"
          "virtual_mailbox_base = @ROOT@/vmail\nvirtual_uid_maps = inline:{{u1@virt.test=60905}}\n"
          "relay_domains = slow.test\nrelay_transport = smtp:[127.0.0.1]:1", ignore="x@slow.test|from=<u1@virt.test>|connect to|active.*No such file")
def delay_warning(mta):
    """How often it is tried until then depends on where in a second it began, and so whether it is just being tried
    when it is removed."""
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.example.test", "MAIL FROM:<u1@virt.test>", "RCPT TO:<x@slow.test>")
        s.data(TEXT)
        s.command("QUIT")
    mta.wait_log("sender delay notification", seconds=30)
    mta.wait_log(r"virtual\[\d+\]: .*status=sent", seconds=30)
    mta.note("number of warnings", len(mta.virtual("u1")))
    parsed = email.message_from_bytes(mta.virtual("u1")[0])
    mta.note("structure", [part.get_content_type() for part in parsed.walk()])
    mta.note("subject", parsed["Subject"])
    mta.note("text", parsed.get_payload()[0].get_payload())
    mta.run("postsuper", "-d", "ALL", record=False)



@scenario(main="maximal_queue_lifetime = 1s\nbounce_queue_lifetime = 1s\nminimal_backoff_time = 1s\nmaximal_backoff_time = 1s\n"
          "queue_run_delay = 1s\nrelay_domains = slow.test\nrelay_transport = smtp:[127.0.0.1]:1", log=False)
def expired(mta):
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.example.test", "MAIL FROM:<u1@virt.test>", "RCPT TO:<x@slow.test>")
        s.data(TEXT)
        s.command("QUIT")
    mta.wait_log("status=expired, returned to sender", seconds=30)
    mta.wait_log(r"virtual\[\d+\]: .*status=sent", seconds=30)
    note_dsns(mta)


TEMPLATES = """\
# comment
failure_template = <<EOF
Charset: iso-8859-1
From: MAILER-DAEMON (The Mailer)
Subject: It came back
Postmaster-Subject: Copy: it came back

This is $myhostname and ${mydomain}.

More: $maximal_queue_lifetime_hours hours, $bounce_size_limit bytes, $$.
EOF

delay_template = <<END
Subject:

text
END
unknown_template = <<EOF
text
EOF
"""


@scenario(main=BAD + "\nbounce_template_file = @CONF@/bounce.cf\nnotify_classes = bounce\n"
          "bounce_notice_recipient = u2@virt.test", files={"bounce.cf": TEMPLATES}, log=False)
def template_file(mta):
    send(mta, "nosuch@example.test")
    note_dsns(mta)
    note_dsns(mta, "u2")


@scenario(main=BAD + "\nvirtual_alias_maps = inline:{long@example.test=nosuch-" + "x" * 60 + "@example.test}")
def long_reason_is_folded(mta):
    send(mta, "long@example.test")
    note_dsns(mta)


@scenario(main=BAD)
def variable_envelope_return_path(mta):
    mta.sendmail("-f", "u1+@virt.test", "-V", "nosuch@example.test", "neither@example.test", input=TEXT)
    mta.settle()
    note_dsns(mta)


@scenario(main=BAD)
def address_verification_by_hand(mta):
    mta.sendmail("-bv", "-f", "u1@virt.test", "nosuch@example.test", "alice@example.test", input="")
    mta.settle()
    mta.note("reports", len(mta.virtual("u1")))


@scenario(main=BAD)
def verbose_delivery(mta):
    mta.sendmail("-v", "-f", "u1@virt.test", "alice@example.test", input=TEXT)
    mta.settle()
    note_dsns(mta)


@scenario(main=BAD + "\nsoft_bounce = yes")
def soft_bounce(mta):
    send(mta, "nosuch@example.test")
    note_dsns(mta)
    mta.note("queue", len(mta.queue_files("deferred")))


@scenario(main=BAD + "\nenable_threaded_bounces = yes")
def threaded(mta):
    send(mta, "nosuch@example.test", text="Message-ID: <abc@def.test>\nSubject: x\n\nbody\n")
    send(mta, "nosuch@example.test", text="Message-ID: broken\nSubject: x\n\nbody\n")
    note_dsns(mta)


@scenario(main=BAD + "\nmessage_size_limit = 12000\nlocal_destination_recipient_limit = 100\nnotify_classes = bounce, 2bounce\n"
          "bounce_notice_recipient = u2@virt.test\n", log=False)
def notification_beyond_the_size_limit(mta):
    """So many recipients that what is said of them is larger than any message may be."""
    send(mta, [f"nosuch{n:03}@example.test" for n in range(60)])
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note("u2", [text.count(b"Final-Recipient") for text in mta.virtual("u2")])
    mta.note("left in the queue", len(mta.queue_files()))
    mta.note("log", "\n".join(sorted({line.text for line in mta.log() if line.tag.endswith("qmgr") and "warning" not in line.text})))
