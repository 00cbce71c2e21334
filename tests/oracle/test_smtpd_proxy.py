"""XCLIENT and XFORWARD: a proxy in front of the server tells who its client is."""
from support.compare import scenario

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
PROXY = "smtpd_authorized_xclient_hosts = @NET@.128\nsmtpd_authorized_xforward_hosts = @NET@.128\n"


@scenario(main=PROXY)
def xclient_syntax(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "XCLIENT", "XCLIENT FOO", "XCLIENT FOO=bar", "XCLIENT ADDR=zz", "XCLIENT NAME=a..b",
               "XCLIENT PORT=99999", "XCLIENT PROTO=LMTP", "XCLIENT ADDR=" + "1" * 300, "XCLIENT NAME=a+2",
               "XCLIENT LOGIN=", "QUIT")


@scenario(main=PROXY)
def xclient_makes_another_client(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "XCLIENT NAME=foo.test ADDR=10.1.2.3 PORT=1234 LOGIN=joe HELO=bar.test PROTO=ESMTP", "XCLIENT ADDR=1.2.3.4",
               HELLO, FROM, "RCPT TO:<x@elsewhere.test>", "RSET", FROM, TO)
        s.data("Subject: by XCLIENT\n\nbody\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=PROXY)
def xclient_without_login(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "XCLIENT NAME=[UNAVAILABLE] ADDR=10.1.2.4 REVERSE_NAME=[TEMPUNAVAIL]", HELLO, FROM, TO)
        s.data("Subject: by XCLIENT\n\nbody\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=PROXY)
def xforward(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "XFORWARD", "XFORWARD FOO=bar", "XFORWARD SOURCE=x", "XFORWARD NAME=zz.test ADDR=10.9.9.9 PORT=77 IDENT=ABC",
               "XFORWARD PROTO=SMTP HELO=yy.test SOURCE=REMOTE", FROM, "XFORWARD NAME=aa.test", TO)
        s.data("Subject: by XFORWARD\n\nbody\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def strangers_may_not(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "XCLIENT NAME=foo.test", "XFORWARD NAME=foo.test", "QUIT")


@scenario(main="smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname")
def helo_names(mta):
    with mta.smtp() as s:
        for name in ("a..b", "[1.2.3]", "1.2.3.4", "-x", "foo", "foo_", "[1.2.3.4]", "[IPv6:::1]", "good.test"):
            s.talk(f"EHLO {name}", FROM, TO)
        s.command("QUIT")


@scenario(main="smtpd_sender_restrictions = reject_non_fqdn_sender, reject_unlisted_sender")
def sender_addresses(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for sender in ("foo", "foo@bar", "nosuch@example.test", "nosuch@virt.test", "", "alice@example.test"):
            s.talk(f"MAIL FROM:<{sender}>", TO, "RSET")
        s.command("QUIT")


@scenario(main="smtpd_client_restrictions = reject_unknown_client_hostname")
def nameless_client(mta):
    with mta.smtp(client=200) as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="smtpd_recipient_restrictions = defer_if_permit\nsmtpd_relay_restrictions = reject_unauth_destination")
def deferral_at_the_end(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "RCPT TO:<x@elsewhere.test>", "QUIT")


@scenario(main="smtpd_client_restrictions = defer_if_reject, reject")
def deferral_instead_of_rejection(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="smtpd_sender_restrictions = warn_if_reject reject, permit\nsmtpd_data_restrictions = reject")
def warnings_only(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "DATA", "QUIT")


@scenario(main="smtpd_end_of_data_restrictions = defer")
def refused_at_the_end_of_data(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO)
        s.data("Subject: x\n\nbody\n")
        s.command("QUIT")


@scenario(main="smtpd_restriction_classes = mine\nmine = reject\nsmtpd_sender_restrictions = mine")
def restriction_classes(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="smtpd_reject_footer = For-help-call-$client_address\n")
def reject_footer(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "FOO", FROM, "RCPT TO:<nosuch@virt.test>", "QUIT")


@scenario(main="smtpd_discard_ehlo_keywords = chunking, silent-discard\nrelay_domains = relay.test\nsmtpd_forbid_unauth_pipelining = no")
def etrn(mta):
    with mta.smtp() as s:
        s.talk("EHLO client.test", "ETRN", "ETRN a b", "ETRN example.test", "ETRN foo!!", "ETRN relay.test", FROM, "ETRN relay.test",
               "QUIT")
