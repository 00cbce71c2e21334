"""Commands that are rewritten, ignored or forbidden by main.cf, and what the postmaster is told."""
from support.compare import scenario

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
FILTER = r"""/^(MAIL FROM:)[[:space:]]*([^<>]+@[^<>]+)$/ $1<$2>
/^FOO (.*)/ NOOP
/^BAR$/ EHLO bar.test
/^BAZ/ DATA
/^ü/ NOOP
"""


@scenario(main=PATIENT + "smtpd_command_filter = regexp:@CONF@/filter\n", files={"filter": FILTER})
def filtered(mta):
    with mta.smtp() as s:
        for line in (HELLO, "FOO x", "  foo y", "BAR", "MAIL FROM: a@b.test", TO, "BAZ"):
            s.command(line)
        s.body("Subject: x\n\nFOO z\n")
        s.talk("ünder", "FOO \udcff", "\udcff", "QUIT")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=PATIENT + "smtpd_command_filter = regexp:@CONF@/filter\nsmtputf8_enable = yes\nnotify_classes = protocol\n", files={"filter": FILTER})
def filtered_with_utf8(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "FOO ü", "ünder", "FOO \udcff", "QUIT x", "quit")
    mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main=PATIENT + "smtpd_command_filter = hash:@CONF@/missing\n", ignore="missing|lookup error")
def filter_that_cannot_be_asked(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "NOOP", "QUIT")


@scenario(main=PATIENT + "smtpd_noop_commands = RSET, foo, regexp:{{/^X-/ x}}\nsmtpd_forbidden_commands = BAR, regexp:{{/^baz[0-9]/ Bogus}}, !NOOP, NOOP\n")
def ignored_and_forbidden(mta):
    for line in ("RSET x", "FOO", "foo bar", "x-y z", "VRFY", "BAR", "bar x", "BAZ1 2", "BAZ", "NOOP", "Subject: x", "ü: x", "a:", "GET / HTTP/1.0"):
        with mta.smtp() as s:
            s.talk(HELLO, FROM, line, "NOOP")
    mta.settle()


@scenario(main=PATIENT + "smtpd_forbidden_commands = CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}\n")
def forbidden_by_default(mta):
    for line in ("GET / HTTP/1.0", "connect x", "POST", "\x16\x03\x01", "{\"a\":1}", "1234", "-x", "foo", "Foo"):
        with mta.smtp() as s:
            s.talk(line, "NOOP")
    mta.settle()


@scenario(main=PATIENT + "notify_classes = protocol, policy\nsmtpd_history_flush_threshold = 5\n")
def history(mta):
    for lines in ((HELLO, "FOO", "RSET", "QUIT"), ("FOO", HELLO, "BAR", "QUIT"), ("FOO", "BAR", "BAZ", HELLO, "QUIT"),
                  (HELLO, FROM, "RCPT TO:<nobody@virt.test>", "RSET", "FOO", "QUIT"), ("FOO", "FOO", "FOO", "RSET", "BAR", "HELO x", "QUIT")):
        with mta.smtp() as s:
            s.talk(*lines)
    with mta.smtp() as s:
        s.talk("FOO", FROM, TO)
        s.data("Subject: x\n\nx\n")
        s.talk("BAR", "QUIT")
    mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))
