"""Notices to the postmaster about sessions of the SMTP client: which trouble makes them, and their text."""
import re

from support.compare import scenario

TEXT = "Subject: test\n\nbody\n.dot\n" + "long " * 40 + "\n"
MAIN = ("smtp_tcp_port = 2525\nnotify_classes = {}\nerror_notice_recipient = u2@virt.test\nrelay_domains = far.test\n"
        "transport_maps = inline:{{far.test=smtp:[@NET@.31]:2525}}\nlocal_recipient_maps =\nsmtp_connection_cache_on_demand = no\n"
        "bounce_notice_recipient = u2@virt.test\n")
EHLO = "250-sink.test\n250-PIPELINING\n250-ENHANCEDSTATUSCODES\n250 8BITMIME"

CASES = {
    "accepted": {},
    "a recipient that is no syntax": {"RCPT": "501 5.1.3 bad address"},
    "an unknown command": {"MAIL": "502 5.5.1 what"},
    "parameters that are not known": {"MAIL": "555 5.5.4 no such parameter"},
    "a reply that is neither": {"RCPT": "350 more"},
    "policy": {"RCPT": "550 5.7.1 no"},
    "later": {"RCPT": "450 4.2.0 later"},
    "no room": {"MAIL": "452 4.3.1 no room"},
    "DATA refused": {"DATA": "503 5.5.1 no valid recipients"},
    "content refused": {".": "554 5.6.0 no"},
    "content not understood": {".": "500 5.5.2 what"},
    "hung up at RCPT": {"RCPT": "CLOSE"},
    "hung up at the end": {".": "CLOSE"},
    "greeting": {"CONNECT": "554 5.3.2 go away"},
    "greeting 421": {"CONNECT": "421 4.3.2 busy"},
    "greeting 500": {"CONNECT": "500 what"},
    "neither EHLO nor HELO": {"EHLO": "500 5.5.1 what", "HELO": "501 5.5.1 what"},
    "no ESMTP": {"EHLO": "502 5.5.1 what"},
    "QUIT": {"QUIT": "500 5.5.1 what"},
}


def notices(mta, cases):
    for number, (name, script) in enumerate(cases.items()):
        with mta.sink(31, **{"EHLO": EHLO, **script}) as sink:
            mta.mail("u1@virt.test", ["x@far.test", "y@far.test"], TEXT)
            mta.settle()
            sink.commands, sink.transactions = [], []
        # Postfix sends QUIT along with the last command, ours after its reply.
        found = [re.sub(rb"( Out: QUIT\n)( In: .*\n)", rb"\2\1", text) for text in mta.virtual("u2") if b"Transcript" in text]
        mta.note_mail(name, found)
        mta.empty_mailboxes()
        mta.run("postsuper", "-d", "ALL", record=False)
        mta.must_run("postqueue", "-f", record=False)


@scenario(main=MAIN.format("protocol"), log=False, transcripts=False)
def protocol(mta):
    notices(mta, CASES)


@scenario(main=MAIN.format("bounce, data, delay, policy, resource, software"), log=False, transcripts=False)
def the_other_classes(mta):
    notices(mta, {name: CASES[name] for name in ("policy", "no room", "hung up at RCPT", "an unknown command", "greeting")})


SERVER = ("notify_classes = bounce, protocol, policy\nbounce_notice_recipient = u1@virt.test\nerror_notice_recipient = u2@virt.test\n"
          "message_size_limit = 3000\nsmtpd_recipient_restrictions = check_recipient_access inline:{{no@virt.test=REJECT}}, permit_mynetworks, reject\n")


@scenario(main=SERVER, transcripts=False, log=False)
def of_the_server(mta):
    """Who is told of which mistake in a session of smtpd, and of two at once."""
    envelope = ("MAIL FROM:<a@remote.test>", "RCPT TO:<u1@virt.test>")
    unknown, policy, mistake = "RCPT TO:<nobody@virt.test>", "RCPT TO:<no@virt.test>", "WHAT"
    for name, commands in (("bounce", [unknown]), ("policy", [policy]), ("protocol", [mistake]),
                           ("bounce and protocol", [unknown, mistake]), ("policy and bounce", [policy, unknown])):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.test", *envelope, *commands, "QUIT")
        mta.settle()
        for box in ("u1", "u2"):
            mta.note_mail(f"{name}: {box}", mta.virtual(box))
        mta.empty_mailboxes()
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.test", *envelope)
        s.data("Subject: large\n\n" + "x" * 70 * 100 + "\n")
        s.talk("QUIT")
    mta.settle()
    for box in ("u1", "u2"):
        mta.note_mail(f"too large: {box}", mta.virtual(box))


@scenario(main=SERVER.replace("bounce, ", ""), transcripts=False, log=False)
def of_the_server_without_bounces(mta):
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.test", "MAIL FROM:<a@remote.test>", "RCPT TO:<nobody@virt.test>", "WHAT", "QUIT")
    mta.settle()
    for box in ("u1", "u2"):
        mta.note_mail(box, mta.virtual(box))
