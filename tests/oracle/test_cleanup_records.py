"""cleanup spoken to directly: the queue files that it makes of record streams, and its replies."""
import time

from support.compare import scenario
from support.queuefile import Cleanup, shape

BOUNCE, FILTER, HOLD, DISCARD, BCC, MAP, AUTO = 1, 2, 4, 8, 16, 32, 512
EXTERNAL = HOLD | MAP | BCC | FILTER
TIME, SENDER, RCPT = ("T", "1795247898 402779"), ("S", "a@b.test"), ("R", "u1@virt.test")
LOCAL, REMOTE = ("A", "rewrite_context=local"), ("A", "rewrite_context=remote")
ENVELOPE = [TIME, LOCAL, SENDER, RCPT]
PLAIN = ["From: x@y.test", "To: z@y.test", "Subject: s", "Message-Id: <1@2>", "Date: d", "", "body"]
MAPS = {
    "valias": "al@virt.test x1@virt.test, x2@virt.test\nloop@virt.test loop2@virt.test\n"
              "loop2@virt.test loop@virt.test\next@virt.test tgt@virt.test\n"
              "self@virt.test self@virt.test, other@virt.test\nchain@virt.test al@virt.test, self@virt.test\n"
              "@dom.test @virt.test\nlocalname lal@virt.test\n"
              "syn@virt.test a b, <c@d>, \"q q\"@x.test (comm), group:foo@bar;\n"
              "big@virt.test " + ", ".join(f"u{i}@virt.test" for i in range(1100)) + "\n",
    "canonical": "can@virt.test canned@virt.test\nc2@virt.test c3@virt.test\n"
                 "loop@can.test pool@can.test\npool@can.test loop@can.test\n"
                 "@whole.test @replaced.test\njoe Joe.User\n",
}


def put(mta, name, envelope=ENVELOPE, content=PLAIN, extracted=(), flags=EXTERNAL, received=True, look=True):
    """Sends one message and notes the reply and, if it stays there to be looked at, the queue file."""
    session = Cleanup(mta, flags)
    session.send(*envelope, ("M", ""))
    lines = (["Received: from x"] if received else []) + list(content)
    session.send(*(("N", line) if isinstance(line, str) else line for line in lines))
    session.send(("X", ""), *extracted, ("E", ""))
    mta.note(f"{name}: reply", session.finish())
    if not look:
        return
    blob = session.file()
    mta.note(f"{name}: file", "\n".join(shape(blob, session.id)) if blob else "none")


def envelope(*middle, rcpt=(RCPT,), sender=SENDER, context=LOCAL):
    return [TIME, context, *middle, sender, *rcpt]


def rcpt(*addresses):
    return tuple(("R", address) for address in addresses)


@scenario(main="delay_warning_time = 4h")
def headers_are_completed(mta):
    put(mta, "nothing missing")
    put(mta, "all missing", envelope(("F", "Root R")), ["", "body"])
    put(mta, "remote", envelope(context=REMOTE), ["", "body"])
    put(mta, "no context", [TIME, SENDER, RCPT], ["", "body"])
    put(mta, "body at once", content=["body not header", "x"])
    put(mta, "null sender", envelope(sender=("S", "")), ["", "body"])
    put(mta, "odd name", envelope(("F", 'Al "Q" (x) \\ Full')), ["", "body"])
    put(mta, "name with a dot", envelope(("F", "A. Full")), ["", "body"])
    put(mta, "null sender with a name", envelope(("F", "Root R"), sender=("S", "")), ["", "body"])
    put(mta, "no content", content=[])
    put(mta, "From_ line", content=["To: x@y.test", "From someone", "", "x"])
    put(mta, "empty values", content=["To:", "Cc: ", "From:", "Subject:", "Date: "])
    put(mta, "header-like lines", content=[": foo", "X :bar", "X y: z", "", "b"])
    put(mta, "folded first line", content=["  continued", "Subject: x", "", "b"])


@scenario
def resent_headers_have_their_own_completion(mta):
    put(mta, "resent", content=["Resent-To: x@y", "From: a@b", "", "b"])
    put(mta, "resent complete", content=["Resent-To: x@y", "Resent-From: r@y", "Resent-Date: d",
                                         "Resent-Message-Id: <r@m>", "From: a@b", "Message-Id: <1@2>"])
    put(mta, "message ids", content=["Message-Id:", "Resent-Message-Id: <r@m>", "To: x@y.test"])
    put(mta, "two message ids", content=["Message-Id: <a@b>  ", "Message-ID: <c@d>", "To: x@y.test"])
    put(mta, "folded message id", content=["Message-ID:", " <c@d>", "To: x@y.test"])


@scenario(main="append_dot_mydomain = yes")
def addresses_in_headers_are_rewritten(mta):
    put(mta, "local", content=[
        "From: joe", 'To: Joe Bloggs <joe>, foo@bar, "quo ted"@x.test,', "\tcan@virt.test (comment)",
        "Cc: group: a, b@c ;", "Bcc: secret@x.test", "Return-Path: <q>", "Content-Length: 33",
        "Sender: sc@virt.test", "Subject: foo", "  bar", "Errors-To: e", "X-Foo: bar <joe>", "", "b"])
    put(mta, "remote", envelope(context=REMOTE), ["From: joe", "To: Joe <joe>, foo@bar", "", "b"])
    put(mta, "many", content=[
        "To: " + ", ".join(f"user{i}@mx.test" for i in range(10)), "From: (a comment) Joe",
        "Cc: x@y,", "  Joe Example", "   <joe>  ,,z@q", "Cc: joe%foo@bar, a!b, @r:u@v", "Bcc:",
        "Received: again", "Delivered-To: x", "To: <>", "Cc: undisclosed-recipients:;",
        'Sender: "a b"', "From: =?utf-8?q?a?= <b>", "Reply-To: a b c", "Return-Receipt-To: z",
        "Apparently-To: foo", "Disposition-Notification-To: q", "Mail-Followup-To: foo",
        "Resent-Sender: foo", "Resent-Reply-To: bar", "", "b"])
    put(mta, "case of names", content=["FROM: joe", "tO: x", "cc: y@z.test", "", "b"])
    put(mta, "long list", content=["To: " + ", ".join(f"user{i}" for i in range(30)), "", "b"])


@scenario(main="""remote_header_rewrite_domain = domain.invalid
always_add_missing_headers = yes
undisclosed_recipients_header = To: undisclosed-recipients:;
enable_long_queue_ids = yes""")
def remote_headers_can_be_rewritten_too(mta):
    put(mta, "rewritten", envelope(sender=("S", "joe"), rcpt=rcpt("bob"), context=REMOTE),
        ["To: joe, x@y", "From: foo"])
    put(mta, "added", envelope(context=REMOTE), ["Subject: x", "", "b"])
    put(mta, "bcc only", content=["Bcc: x@y", "", "b"])


@scenario
def envelope_addresses(mta):
    put(mta, "local", envelope(sender=("S", "joe"), rcpt=rcpt("bob", "x@y", '"a b"@c.test', "a b@c.test",
                                                              "a!b@c", "a%b@c", "@r:u@v", "u@[1.2.3.4]", "u@v.")))
    put(mta, "remote", envelope(sender=("S", "joe"), rcpt=rcpt("bob", "x@y"), context=REMOTE))
    put(mta, "null recipient", envelope(rcpt=rcpt("")))
    put(mta, "duplicates", envelope(rcpt=(RCPT, RCPT, ("R", "U1@virt.test"), ("O", "z@y"), RCPT)))
    put(mta, "no recipient", envelope(rcpt=()))
    put(mta, "extracted", envelope(rcpt=()), extracted=[("R", "e@x.test")])
    put(mta, "smtpd's bcc", extracted=[("R", "bcc@x.test"), ("A", "notify_flags=1")])
    put(mta, "done ones", envelope(rcpt=(("D", "d@x.test"), ("O", "o@x"), ("/", "c@x.test"), RCPT)))


@scenario(main="delay_warning_time = 4h\nenable_original_recipient = no")
def envelope_records(mta):
    put(mta, "filter and redirect", envelope(("L", "env:filter")),
        extracted=[("L", "smtp:foo"), (">", "r@x.test")])
    put(mta, "attributes", envelope(*(("A", a) for a in (
        "log_client_name=x", "foo=bar", "create_time=5", "sasl_username=", "envelope_id=E", "ret_flags=1",
        "trace_flags=1024", "log_message_origin=local")), ("c", "77"), ("V", "+=")))
    put(mta, "verp", envelope(rcpt=(("V", "+="), RCPT)))
    put(mta, "encoding", envelope(("A", "encoding=8bit")))
    put(mta, "extra flags", envelope(rcpt=(RCPT, ("f", "4"))), flags=MAP)
    put(mta, "bad extra flags", envelope(rcpt=(RCPT, ("f", "1"))))
    put(mta, "own warning time", envelope(("W", "     1795262914")))
    put(mta, "mixed", envelope(rcpt=(RCPT, ("A", "log_ident=x"), ("R", "u2@virt.test"))))
    put(mta, "notify", envelope(rcpt=(("A", "notify_flags=10"), ("A", "dsn_orig_rcpt=rfc822;q@r"), RCPT)))
    put(mta, "bad notify", envelope(rcpt=(("A", "notify_flags=99"), RCPT)))
    put(mta, "duplicates", envelope(rcpt=(("O", "x@y"), RCPT, RCPT)))
    put(mta, "discard", flags=EXTERNAL | DISCARD)


@scenario(log=False)
def malformed_streams_are_refused(mta):
    put(mta, "bad attribute", envelope(("A", "foo")))
    put(mta, "bad time", [("T", "x"), LOCAL, SENDER, RCPT])
    put(mta, "no time", [LOCAL, SENDER, RCPT])
    put(mta, "no sender", [TIME, LOCAL, RCPT])
    put(mta, "unknown in envelope", envelope(("Z", "x")))
    put(mta, "recipient in content", content=PLAIN + [("R", "x")])
    put(mta, "text in extracted", extracted=[("N", "x")])
    put(mta, "padding", content=["w: x", ("w", "12345"), "", "b"])
    put(mta, "pointer", envelope(("p", "              0")))
    put(mta, "no Received", received=False)
    put(mta, "good again")


def multipart(*encodings):
    lines = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=xx", *PLAIN[:-1]]
    for encoding in encodings:
        lines += ["--xx", f"Content-Transfer-Encoding: {encoding}", "From: joe", "", "x"]
    return lines + ["--xx--"]


@scenario
def encoding_of_the_content(mta):
    for name in ("7bit", "8bit", "binary", "BINARY ", "base64", "(c) 8bit (x)"):
        put(mta, name, content=[f"Content-Transfer-Encoding: {name}"] + PLAIN)
    put(mta, "binary over 7bit", envelope(("A", "encoding=7bit")),
        ["Content-Transfer-Encoding: binary"] + PLAIN)
    put(mta, "8 then 7", content=multipart("8bit", "7bit"))
    put(mta, "7 then 8", content=multipart("7bit", "8bit"))
    put(mta, "after the end", content=multipart("7bit") + ["--xx", "Content-Transfer-Encoding: 8bit", ""])
    put(mta, "7bit outside", content=["Content-Transfer-Encoding: 7bit"] + multipart("8bit"))
    put(mta, "part said 7", envelope(("A", "encoding=7bit")), multipart("8bit"))
    put(mta, "attached message", content=["Content-Type: message/rfc822", *PLAIN[:-1], "Subject: in",
                                          "Content-Transfer-Encoding: 8bit", "From: joe", "", "b"])
    put(mta, "8bit body", content=PLAIN + ["\u00e9"])


@scenario(main="smtputf8_enable = yes")
def utf8_in_headers(mta):
    put(mta, "unasked", content=["Subject: caf\u00e9", "To: \u00e9@x.test", "", "\u00e9"])
    put(mta, "found", flags=EXTERNAL | AUTO, content=["Subject: caf\u00e9", "", "\u00e9"])
    put(mta, "asked", envelope(sender=("S", "\u00e9@x.test"), rcpt=rcpt("u1@virt.test", "\u00e9@virt.test")),
        ["Subject: caf\u00e9", "", "\u00e9"], flags=EXTERNAL | 256)


@scenario
def long_and_strange_lines(mta):
    put(mta, "long", content=["Subject: " + "x" * 3000, "", ("L", "a" * 2048), ("N", "b" * 1000)])
    put(mta, "header in pieces", content=[("L", "Subject: aaa"), ("N", "bbb"), "X-Y: x", "", "bo"])
    put(mta, "ends in a piece", content=["Subject: x", "", ("L", "partial")])
    put(mta, "only a piece", content=[("L", "partial")])
    put(mta, "stray CR", content=["Subject: a\rb", "X: a\r", "", "b\rc", "d\r"])
    put(mta, "NUL", content=["Subject: a\0b", "", "b\0c"])
    put(mta, "long body line", content=["Subject: x", "", "a" * 5000, "b"])


@scenario(log=False, main="header_size_limit = 200\nmessage_size_limit = 2000")
def size_limits(mta):
    put(mta, "header", content=["Subject: " + "x" * 190, "  yyyyyyyyy", "  zzzz", "X: y", "", "b"])
    put(mta, "folded header", content=["Subject: a", " " + "x" * 300, "  c", "X-Next: y", "", "b"])
    put(mta, "first line", content=["Subject: " + "x" * 300, "X-Next: y", "", "b"])
    put(mta, "just fits", content=PLAIN + ["x" * 50] * 30)
    put(mta, "too big", content=PLAIN + ["x" * 50] * 40)


@scenario
def too_many_hops(mta):
    put(mta, "below", content=["Received: x"] * 48 + PLAIN)
    put(mta, "over", content=["Received: x"] * 49 + PLAIN)


@scenario
def refused_mail_comes_back(mta):
    put(mta, "hops", envelope(sender=("S", "u1@virt.test"), rcpt=rcpt("x@y.test", "z@y.test")),
        ["Received: x"] * 49 + PLAIN, flags=BOUNCE | MAP)
    put(mta, "hops, null sender", envelope(sender=("S", ""), rcpt=rcpt("x@y.test")),
        ["Received: x"] * 49 + PLAIN, flags=BOUNCE | MAP)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


ALIASES = """virtual_alias_maps = texthash:@CONF@/valias
virtual_alias_domains = dom.test
recipient_delimiter = +"""


@scenario(main=ALIASES, files=MAPS)
def virtual_aliases(mta):
    put(mta, "two", envelope(rcpt=rcpt("al@virt.test", "x1@virt.test")))
    put(mta, "with DSN", envelope(rcpt=(("A", "dsn_orig_rcpt=rfc822;foo@bar"), ("R", "al@virt.test"))))
    put(mta, "original kept", envelope(rcpt=(("O", "orig@x"), ("R", "al@virt.test"))))
    put(mta, "loop", envelope(rcpt=rcpt("loop@virt.test")))
    put(mta, "extension", envelope(rcpt=rcpt("ext+foo@virt.test")))
    put(mta, "self", envelope(rcpt=rcpt("self@virt.test", "chain@virt.test")))
    put(mta, "domain", envelope(rcpt=rcpt("foo@dom.test", "foo+ext@dom.test", "FOO@DOM.test")))
    put(mta, "bare", envelope(rcpt=rcpt("localname", "localname+e", "localname@mx.example.test",
                                        "localname@localhost", "localname@virt.test")))
    put(mta, "syntax", envelope(rcpt=rcpt("syn@virt.test")))
    put(mta, "too many", envelope(rcpt=rcpt("big@virt.test")))
    put(mta, "not mapped", envelope(rcpt=rcpt("al@virt.test")), flags=HOLD)


@scenario(main="virtual_alias_maps = texthash:/nonexistent", log=False)
def a_missing_alias_table_defers(mta):
    put(mta, "defer")


@scenario(main="""canonical_maps = texthash:@CONF@/canonical
sender_canonical_maps = inline:{sc@virt.test=scd@virt.test}
recipient_canonical_maps = inline:{rc@virt.test=rcd@virt.test}
recipient_delimiter = +""", files=MAPS)
def canonical_addresses(mta):
    put(mta, "envelope", envelope(sender=("S", "sc@virt.test"), rcpt=rcpt(
        "can@virt.test", "CAN@VIRT.TEST", "can+foo@virt.test", "rc@virt.test", "sc@virt.test",
        "x@whole.test", "joe@virt.test", "joe")))
    put(mta, "header", content=["From: sc@virt.test", "To: can@virt.test, rc@virt.test, A <joe>",
                                "Reply-To: c2@virt.test, sc@virt.test", "", "b"])
    put(mta, "remote header", envelope(context=REMOTE), ["From: sc@virt.test", "To: can@virt.test", "", "b"])
    put(mta, "loop", envelope(rcpt=rcpt("loop@can.test")))
    put(mta, "not mapped", envelope(sender=("S", "sc@virt.test"), rcpt=rcpt("can@virt.test")),
        ["To: can@virt.test", *PLAIN], flags=HOLD)


@scenario(main="""canonical_maps = texthash:@CONF@/canonical
canonical_classes = envelope_sender, header_recipient""", files=MAPS)
def canonical_classes(mta):
    put(mta, "all", envelope(sender=("S", "can@virt.test"), rcpt=rcpt("can@virt.test")),
        ["From: can@virt.test", "To: can@virt.test", "", "b"])


@scenario(main="""masquerade_domains = !keep.masq.test, masq.test, $mydomain
masquerade_exceptions = root
masquerade_classes = envelope_sender, header_sender""")
def masquerading(mta):
    put(mta, "all", envelope(sender=("S", "joe"), rcpt=rcpt("x@a.masq.test")),
        ["From: x@a.b.masq.test", "Sender: x@keep.masq.test", "Reply-To: root@a.masq.test, x@masq.test",
         "To: y@a.masq.test", "", "b"])


@scenario(main="""always_bcc = arch@x.test
recipient_bcc_maps = inline:{u1@virt.test=rb@x.test}
sender_bcc_maps = inline:{a@b.test=sb@x.test}""")
def blind_copies(mta):
    put(mta, "all")
    put(mta, "with the copy's address", envelope(rcpt=(("A", "notify_flags=2"), RCPT, ("R", "arch@x.test"))))
    put(mta, "null sender", envelope(sender=("S", ""), rcpt=(("A", "notify_flags=1"), RCPT)))
    put(mta, "extracted", envelope(rcpt=()), extracted=[RCPT])
    put(mta, "not wanted", flags=HOLD | MAP)


@scenario(main=ALIASES, files={"valias": "list@virt.test u2@virt.test, box@virt.test\none@virt.test u2@virt.test\n"})
def expanded_lists_are_reported(mta):
    for name, notify in (("list", "2"), ("list", "14"), ("one", "2"), ("list", "4")):
        put(mta, f"{name} {notify}", envelope(("A", "envelope_id=E1"), sender=("S", "u1@virt.test"), rcpt=(
            ("A", f"notify_flags={notify}"), ("A", f"dsn_orig_rcpt=rfc822;{name}@virt.test"),
            ("R", f"{name}@virt.test"))), flags=MAP, look=False)
        mta.settle()
        mta.note(f"{name} {notify}", "\n".join(m.decode() for m in mta.virtual("u1")))
        mta.empty_mailboxes()
