"""REQUIRETLS and "TLS-Required: no", RFC 8689, as Postfix 3.11 has them."""
import re

from support import certificates, check, equal
from support.instance import Instance
from support.sink import SmtpSink

FILES = certificates.files()
SERVER = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\n"
PLAIN = "250-sink.test\n250 DSN"
SAFE = "250-sink.test\n250-STARTTLS\n250 8BITMIME"
ABLE = "250-sink.test\n250-STARTTLS\n250 REQUIRETLS"
# The name of the next hop is the one in the certificate; names for the relay, and what it must have.
CLIENT = """requiretls_enable = yes
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_security_level = may
smtp_host_lookup = native
smtp_tls_policy_maps = inline:{{{[@NET@.51]:2525=verify match=mx.example.test}}, {{[@NET@.52]:2525=may}}}}
transport_maps = inline:{{{{safe.test=smtp:[@NET@.51]:2525}}, {{may.test=smtp:[@NET@.52]:2525}}, {{plain.test=smtp:[@NET@.53]:2525}}}}
smtp_requiretls_policy = {policy}
"""


def started(policy="enforce", more=""):
    return Instance(main=SERVER + CLIENT.replace("{{", "{").replace("}}", "}").replace("{policy}", policy) + more, files=FILES).start()


def send(mta, to, option=" REQUIRETLS", text="Subject: x\n\nsecret body\n", sender="u1@virt.test"):
    with mta.smtp(client=100) as s:
        s.starttls()
        s.talk(f"MAIL FROM:<{sender}>{option}", f"RCPT TO:<{to}>")
        equal(s.data(text).code, "250", "accepted")
        s.command("QUIT")
    mta.settle()


def sink(mta, host, ehlo):
    return SmtpSink(mta.room.address(host), 2525, {"EHLO": ehlo, "STARTTLS": "220 go", "TLS": certificates.server_context()})


def test_the_server_offers_it_over_tls():
    mta = started()
    with mta.smtp(client=100) as s:
        check("REQUIRETLS" not in str(s.command("EHLO c.test")), "not in the clear")
        equal(str(s.command("MAIL FROM:<a@b.test> REQUIRETLS")), "555 5.5.4 Unsupported option: REQUIRETLS", "MAIL in the clear")
        check("250 REQUIRETLS" in str(s.starttls()), "over TLS")
        equal(s.command("MAIL FROM:<a@b.test> requiretls").code, "250", "MAIL")
    mta.stop()
    for off in ("requiretls_enable = no", "smtpd_discard_ehlo_keywords = requiretls"):
        mta = started(more=off + "\n")
        with mta.smtp(client=100) as s:
            check("REQUIRETLS" not in str(s.starttls()), off)
            equal(s.command("MAIL FROM:<a@b.test> REQUIRETLS").code, "555", off)
        mta.stop()


def outcome(mta, domain, **options):
    """The status in the log, and the MAIL command that a server got."""
    mta.mark()
    send(mta, f"x@{domain}", **options)
    return re.search(rf"to=<x@{domain}>.* dsn=([\d.]+), status=(\w+)", mta.log_text()).groups()


def test_the_client_enforces_it():
    mta = started()
    able, safe, plain = sink(mta, 51, ABLE), sink(mta, 52, ABLE), sink(mta, 53, PLAIN)
    equal(outcome(mta, "safe.test"), ("2.0.0", "sent"), "a verified server that can")
    check(able.transactions[0].mail.endswith(" REQUIRETLS"), able.commands)
    check(b"\nRequire-TLS-ESMTP: yes\r\n" in able.transactions[0].data, able.transactions[0].data)
    equal(outcome(mta, "may.test"), ("5.7.30", "bounced"), "a certificate that nobody verifies")
    equal(outcome(mta, "plain.test"), ("5.7.30", "bounced"), "no TLS")
    able.script["EHLO"] = SAFE
    equal(outcome(mta, "safe.test"), ("5.7.30", "bounced"), "a verified server that cannot")
    equal(outcome(mta, "safe.test", option=""), ("2.0.0", "sent"), "not asked for")
    check("REQUIRETLS" not in able.transactions[-1].mail and b"Require-TLS" not in able.transactions[-1].data, "not asked for")
    equal(outcome(mta, "plain.test", option="", text="Require-TLS-ESMTP: yes\nSubject: x\n\nx\n"), ("5.7.30", "bounced"), "the header asks")
    mta.settle()
    returned = mta.virtual("u1")
    equal(len(returned), 4, "notifications")
    check(all(b"secret body" not in message for message in returned), "no body in them")
    equal(len(plain.transactions) + len(safe.transactions), 0, "nothing went where it must not")
    for server in (able, safe, plain):
        server.stop()
    mta.check_sane()


MANY = """smtp_host_lookup = dns
transport_maps = inline:{{many.test=smtp:many.test:2525}}
smtp_tls_policy_maps = inline:{{many.test:2525=verify match=mx.example.test}}
smtp_mx_session_limit = 2
"""


def exchangers(mta, *ehlos):
    """Mail exchangers of many.test, best first; nobody listens where there is None."""
    dns = mta.room.dns
    for number in range(len(ehlos)):
        dns.add_host(f"m{number}.many.test", mta.room.address(54 + number))
        dns.add("many.test", "MX", (number, f"m{number}.many.test"))
    return [ehlo and sink(mta, 54 + number, ehlo) for number, ehlo in enumerate(ehlos)]


def test_servers_that_cannot_are_skipped():
    """All mail exchangers are tried; the mail is returned where each of them lacks something, and waits where one of them may do later."""
    mta = started(more=MANY)
    plain, safe, third, able = exchangers(mta, PLAIN, SAFE, SAFE, ABLE)
    equal(outcome(mta, "many.test"), ("2.0.0", "sent"), "the last one can")
    equal([len(s.transactions) for s in (plain, safe, third, able)], [0, 0, 0, 1], "transactions")
    check(all(s.commands[-1] == "QUIT" for s in (plain, safe, third)), f"the others hear QUIT: {plain.commands}")
    mta.wait_log("smtp.*: REQUIRETLS needs TLS, which was not offered by host m0.many.test")
    able.script["EHLO"] = SAFE
    equal(outcome(mta, "many.test"), ("5.7.30", "bounced"), "none of them can")
    able.stop()
    equal(outcome(mta, "many.test"), ("4.4.1", "deferred"), "one of them is not there")
    safe.script.update(EHLO=ABLE, RCPT="451 4.2.2 later")
    able = sink(mta, 57, PLAIN)
    equal(outcome(mta, "many.test"), ("4.7.30", "deferred"), "one can, and will not now")
    able.stop()
    mta.stop()
    mta = started("opportunistic+starttls", MANY.replace("verify match=mx.example.test", "may"))
    safe.script.update(EHLO=SAFE, RCPT="250 2.1.5 Ok")
    equal(outcome(mta, "many.test"), ("2.0.0", "sent"), "the second one has TLS")
    check("REQUIRETLS" not in safe.transactions[-1].mail and not plain.transactions, "who got it")
    for server in (plain, safe, third):
        server.stop()
    mta.check_sane()
    mta.stop()


def test_a_policy_that_is_none():
    """The mail waits where a table cannot be asked, or answers nonsense."""
    for policy in ("fail:table", "nonsense", "inline:{elsewhere.test=enforce}, error", "inline:{@NET@.51=often}"):
        mta = started(policy)
        able = sink(mta, 51, ABLE)
        equal(outcome(mta, "safe.test"), ("4.7.5", "deferred"), policy)
        equal(outcome(mta, "safe.test", option=""), ("2.0.0", "sent"), f"{policy}, and no REQUIRETLS")
        able.stop()
        mta.stop()


def test_the_client_asks_where_it_may():
    mta = started("inline:{{[x]=enforce}, {.test=opportunistic}}, opportunistic+starttls", "requiretls_redact_dsn = no\n")
    able, plain = sink(mta, 52, ABLE), sink(mta, 53, PLAIN)
    equal(outcome(mta, "may.test"), ("2.0.0", "sent"), "over TLS")
    check(able.transactions[0].mail.endswith(" REQUIRETLS"), able.commands)
    equal(outcome(mta, "plain.test"), ("5.7.10", "bounced"), "no TLS")
    equal(len([m for m in mta.virtual("u1") if b"secret body" in m]), 1, "the notification has the body")
    able.stop()
    plain.stop()
    mta.stop()
    for policy, asked in (("opportunistic", True), ("disable", False)):
        mta = started(policy)
        able, plain = sink(mta, 52, ABLE), sink(mta, 53, PLAIN)
        equal(outcome(mta, "may.test"), ("2.0.0", "sent"), policy)
        equal(outcome(mta, "plain.test"), ("2.0.0", "sent"), policy)
        equal(able.transactions[0].mail.endswith(" REQUIRETLS"), asked, policy)
        able.stop()
        plain.stop()
        mta.stop()


def test_the_sendmail_command_asks():
    """What is asked for stands in the queue file, and a user can ask for no more than that."""
    mta = started("opportunistic", "smtputf8_enable = yes\ndefer_transports = smtp virtual\nrequiretls_esmtp_header = no\n")
    for options, bits in ((("-O", "requiretls=yes"), 32), (("-ORequireTLS=YES", "-Osmtputf8=yes"), 33), (("-O", "RequireTLS=no"), 0),
                          (("-O", "ForkEachJob=yes"), 0), ((), 0)):
        mta.must_run("sendmail", *options, "-f", "u1@virt.test", "u2@virt.test", input="Subject: x\n\nx\n")
        mta.settle()
        (path,) = mta.queue_files("deferred")
        equal(int(path.read_bytes()[:97].split()[-1]), bits, options)
        mta.must_run("postsuper", "-d", path.name)
    equal(mta.run("sendmail", "-O", "requiretls=maybe", "u2@virt.test", input="x").status, 75, "a value that is none")
    mta.stop()


def test_tls_required_no():
    """The sender would rather have the mail delivered: what the policy demands is not demanded."""
    text = "TLS-Required: no\nSubject: x\n\nx\n"
    mta = started()
    plain = sink(mta, 51, PLAIN)
    equal(outcome(mta, "safe.test", option="", text="Subject: x\n\nx\n"), ("4.7.4", "deferred"), "the policy demands TLS")
    equal(outcome(mta, "safe.test", option="", text=text), ("2.0.0", "sent"), "the sender does not")
    equal(outcome(mta, "safe.test", text=text), ("5.7.30", "bounced"), "REQUIRETLS counts for more")
    plain.script["RCPT"] = "550 5.1.1 no"
    equal(outcome(mta, "safe.test", option="", text=text), ("5.1.1", "bounced"), "refused")
    check(any(b"\nTLS-Required: no\n" in m.split(b"\n\n")[0] for m in mta.virtual("u1")), "so is the notification")
    plain.stop()
    mta.stop()
    mta = started(more="tls_required_enable = no\n")
    plain = sink(mta, 51, PLAIN)
    equal(outcome(mta, "safe.test", option="", text=text), ("4.7.4", "deferred"), "where it is not honoured")
    plain.stop()
    mta.stop()


def test_copies_for_the_postmaster_have_no_content_either():
    """Of the notification, and of one that could not be delivered."""
    mta = started(more="notify_classes = bounce, 2bounce\nbounce_notice_recipient = alice\n2bounce_notice_recipient = bob\n")
    for sender, counts in (("u1@virt.test", (1, 1, 0)), ("gone@nowhere.test", (1, 0, 1))):
        mta.empty_mailboxes()
        send(mta, "x@nowhere.test", sender=sender)
        boxes = [mta.local_mail("alice"), mta.virtual("u1"), mta.local_mail("bob")]
        equal(tuple(len(box) for box in boxes), counts, f"{sender}: notices to postmaster, sender, and of double bounces")
        for text in (text for box in boxes for text in box):
            check(b"secret" not in text and b"Subject: x" in text, lambda: f"{sender}: {text.decode('latin-1')}")
    mta.stop()
