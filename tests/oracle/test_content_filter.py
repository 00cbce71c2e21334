"""Mail that goes to a content filter and comes back: content_filter, FILTER and copies, XFORWARD, and the re-injection
service as amavis' README and the howtos set it up."""
from support.compare import scenario
from support.sink import SmtpSink

EHLO = "250-filter.test\n250-PIPELINING\n250-8BITMIME\n250-DSN\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
# What amavisd-new's README.postfix and the howtos put into master.cf.
MASTER = """
amavis unix - - n - 2 smtp
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
    -o disable_dns_lookups=yes
    -o max_use=20
    -o syslog_name=postfix/amavis
plainfilter unix - - n - 2 smtp
lmtpfilter unix - - n - 2 lmtp
    -o lmtp_send_xforward_command=yes
@ADDRESS@:10025 inet n - n - - smtpd
    -o syslog_name=postfix/back
    -o content_filter=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_data_restrictions=reject_unauth_pipelining
    -o smtpd_end_of_data_restrictions=
    -o smtpd_restriction_classes=
    -o mynetworks=127.0.0.0/8
    -o smtpd_error_sleep_time=0
    -o smtpd_soft_error_limit=1001
    -o smtpd_hard_error_limit=1000
    -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
    -o local_header_rewriting_clients=
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o local_recipient_maps=
    -o relay_recipient_maps=
"""
MAIN = ("header_checks = regexp:@CONF@/rules\nalways_bcc = box@virt.test\nsender_bcc_maps = inline:{a@b.test=u2@virt.test}\n"
        "recipient_bcc_maps = inline:{u1@virt.test=bob@example.test}\n")
RULES = ("/^Subject: check/ WARN once\n/^Subject: other/ FILTER plainfilter:[@NET@.32]:2525\n"
         "/^Subject: refuse/ REJECT no\n/^Subject: copy/ BCC alice@example.test\n")


class Filter:
    """A content filter: takes a message, marks it, and sends it back."""

    def __init__(self, mta, **script):
        self.mta = mta
        self.sink = SmtpSink(mta.room.address(31), 10024, {"EHLO": EHLO, "LHLO": EHLO, "XFORWARD": "250 2.0.0 Ok", **script})

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sink.stop()
        self.mta.note("commands at the filter", "\n".join(sorted(
            line.split(" PORT=")[0] + " PORT=n" if " PORT=" in line else line for line in self.sink.commands)))

    def send_back(self, count):
        for message in self.sink.wait(count):
            with self.mta.smtp(port=10025, client=1) as s:
                s.talk("EHLO filter.test", "XFORWARD NAME=orig.test ADDR=192.0.2.7 HELO=helo.test IDENT=ABCDEF",
                       "XFORWARD PROTO=ESMTP SOURCE=REMOTE", message.mail, *message.rcpts)
                s.data(b"X-Filtered: yes\r\n" + message.data)
                s.command("QUIT")
        self.sink.transactions.clear()


def boxes(mta):
    mta.settle()
    for box in ("u1", "u2", "box"):
        mta.note_mail(box, mta.virtual(box))
    for user in ("alice", "bob"):
        mta.note_mail(user, mta.local_mail(user))


@scenario(main=MAIN + "content_filter = amavis:[@NET@.31]:10024", master=MASTER, files={"rules": RULES})
def there_and_back(mta):
    with Filter(mta) as filter:
        mta.mail("a@b.test", "u1@virt.test", "Subject: check\n\nx\n")
        filter.send_back(1)
        mta.mail("c@d.test", ["u1@virt.test", "u2@virt.test"], "Subject: copy\n\nx\n", client=128)
        filter.send_back(1)
        mta.sendmail("-f", "alice@example.test", "u2@virt.test", input="Subject: local\n\nx\n")
        filter.send_back(1)
        boxes(mta)


@scenario(main=MAIN, master=MASTER, files={"rules": RULES})
def only_where_a_check_says_so(mta):
    with mta.sink(32) as sink:
        mta.mail("a@x.test", "u2@virt.test", "Subject: other\n\nx\n")
        mta.mail("a@x.test", "u2@virt.test", "Subject: direct\n\nx\n")
        sink.wait(1)
        boxes(mta)


@scenario(main=MAIN + "content_filter = plainfilter:[@NET@.33]:2525\ninternal_mail_filter_classes = bounce\n"
          "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, "
          "check_sender_access inline:{{table@d.test=FILTER plainfilter:[@NET@.34]:2525} {bcc@d.test=BCC alice@example.test}}\n",
          master=MASTER, files={"rules": RULES + "/^Subject: Undelivered/ INFO a bounce\n"})
def which_filter_counts(mta):
    with mta.sink(32), mta.sink(33), mta.sink(34):
        for sender, subject in (("plain@d.test", "main"), ("table@d.test", "main"), ("table@d.test", "other"), ("bcc@d.test", "copy")):
            mta.mail(sender, "u2@virt.test", f"Subject: {subject}\n\nx\n", client=128)
            mta.settle()
        mta.sendmail("-f", "alice@example.test", "u2@virt.test", input="Subject: refuse\n\nx\n")
        mta.wait_log("INFO|info: header Subject: Undelivered")
        boxes(mta)


@scenario(main="content_filter = amavis:[@NET@.31]:10024", master=MASTER)
def a_filter_that_refuses(mta):
    with Filter(mta, XFORWARD="550 5.7.0 who are you", **{".": "550 5.7.1 spam"}):
        mta.mail("alice@example.test", "u1@virt.test", "Subject: spam\n\nx\n")
        mta.wait_log("status=bounced")
        mta.settle()
    with Filter(mta, EHLO="250 filter.test", XFORWARD="250 2.0.0 Ok"):
        mta.mail("alice@example.test", "u1@virt.test", "Subject: no XFORWARD\n\nx\n")
        mta.settle()
    with Filter(mta, EHLO="250-filter.test\n250 XFORWARD NAME ADDR SOURCE UNKNOWN", XFORWARD="250 2.0.0 Ok"):
        mta.mail("alice@example.test", "u1@virt.test", "Subject: some XFORWARD\n\nx\n", client=177)
        mta.settle()
    with Filter(mta, XFORWARD="CLOSE"):
        mta.mail("alice@example.test", "u1@virt.test", "Subject: closes\n\nx\n")
        mta.wait_log("status=deferred")
        mta.settle()


@scenario(main="content_filter = lmtpfilter:inet:[@NET@.31]:10024", master=MASTER)
def a_filter_on_lmtp(mta):
    with Filter(mta) as filter:
        mta.mail("a@b.test", "u1@virt.test", "Subject: x\n\nx\n", client=200)
        filter.send_back(1)
        boxes(mta)


@scenario(main="content_filter = amavis:", master=MASTER)
def a_filter_without_a_destination(mta):
    with mta.sink(31, port=25) as _:
        mta.mail("a@b.test", "x@[127.0.0.9]", "Subject: x\n\nx\n")
        mta.settle()


@scenario(main="smtpd_authorized_xforward_hosts = @NET@.0/25\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\n"
          "smtpd_junk_command_limit = 1000\nheader_checks = inline:{{Subject:=x}}, regexp:{{/^Subject: x/ WARN}}\n")
def what_xforward_takes(mta):
    with mta.smtp(client=100) as s:
        s.talk("XFORWARD NAME=early.test", "EHLO c.test", "XFORWARD", "XFORWARD NAME", "XFORWARD =x", "XFORWARD NAME=", "XFORWARD WHAT=x",
               "XFORWARD NAME=bad..name", "XFORWARD NAME=-bad", "XFORWARD NAME=a_b.test", "XFORWARD name=lower.test addr=192.0.2.1",
               "XFORWARD ADDR=192.0.2.300", "XFORWARD ADDR=IPV6:2001:db8::1", "XFORWARD ADDR=2001:db8::1", "XFORWARD ADDR=name.test",
               "XFORWARD PORT=25", "XFORWARD PORT=999999", "XFORWARD PORT=x", "XFORWARD PROTO=SMTP", "XFORWARD PROTO=WEIRD+2BWORD",
               "XFORWARD HELO=" + "h" * 255, "XFORWARD HELO=" + "h" * 256, "XFORWARD HELO=with+20blank", "XFORWARD HELO=bad+xx",
               "XFORWARD IDENT=" + "i" * 300, "XFORWARD IDENT=AB+0ACD", "XFORWARD SOURCE=LOCAL", "XFORWARD SOURCE=elsewhere",
               "XFORWARD NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL] HELO=[unavailable] PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE]",
               "XFORWARD NAME=[TEMPUNAVAIL]", "XFORWARD PORT=[TEMPUNAVAIL]", "XFORWARD HELO=[TEMPUNAVAIL]", "XFORWARD PROTO=[TEMPUNAVAIL]",
               "XFORWARD SOURCE=[UNAVAILABLE]", "XFORWARD IDENT=[UNAVAILABLE]", "XFORWARD NAME=one.test NAME=two.test", "XFORWARD NAME=three.test WHAT=x", "MAIL FROM:<a@b.test>", "XFORWARD NAME=late.test")
        s.talk("RCPT TO:<u1@virt.test>")
        s.data("Subject: x\n\nx\n")
        for words in ("NAME=all.test ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP HELO=h.test IDENT=I1 SOURCE=REMOTE", "ADDR=192.0.2.8",
                      "SOURCE=LOCAL HELO=[UNAVAILABLE]", "NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]", "IDENT=only"):
            s.talk(f"XFORWARD {words}", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>")
            s.data("Subject: x\nTo: bare\n\nx\n")
        s.command("QUIT")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
