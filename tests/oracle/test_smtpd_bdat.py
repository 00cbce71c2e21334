"""BDAT: content in chunks of announced lengths.  RFC 3030"""
from support.compare import scenario

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
ENVELOPE = (FROM, TO)
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
OFFERED = PATIENT + "smtpd_discard_ehlo_keywords = etrn, silent-discard\n"


def chunk(s, content, last=False, count=None, read=True):
    """BDAT with its content, in one write."""
    content = content.encode() if isinstance(content, str) else content
    command = f"BDAT {len(content) if count is None else count}{' LAST' if last else ''}"
    shown = repr(content) if len(content) < 200 else f"{content[:20]!r} and so on, {len(content)} bytes"
    s.send(command.encode() + b"\r\n" + content, f"{command} {shown}")
    return s.read() if read else None


def rest(s):
    """What else the server says until it closes."""
    while s.read_line():
        pass


def delivered(mta, *users):
    mta.settle()
    for user in users or ("u1",):
        mta.note_mail(user, mta.virtual(user))


@scenario(main=OFFERED)
def chunks(mta):
    with mta.smtp() as s:
        s.talk(HELLO, *ENVELOPE)
        chunk(s, "Subject: one chunk\r\n\r\nhello\r\n", last=True)
        s.talk(*ENVELOPE)
        chunk(s, "Subject: two")
        chunk(s, " chunks\r\n\r\nhe")
        chunk(s, "llo\r")
        chunk(s, "\n..dots\r\n.\r\nstay\r\n")
        chunk(s, "no newline at the end", last=True)
        s.talk(*ENVELOPE)
        chunk(s, "Subject: empty last\r\n\r\nx\r\n")
        chunk(s, "", last=True)
        s.talk(*ENVELOPE)
        chunk(s, "", last=True)  # a message of nothing
        s.talk(*ENVELOPE)
        chunk(s, "\r\nbody\r\n", last=True)
        s.talk(*ENVELOPE)
        for byte in "Subject: bytes\r\n\r\nx":
            chunk(s, byte)
        chunk(s, "y", last=True)
        s.talk(FROM, TO, "RCPT TO:<u2@virt.test>")
        chunk(s, "Subject: long lines\r\n\r\n" + "x" * 5000 + "\r\n" + "y" * 2047)
        chunk(s, "z" * 10 + "\r\n", last=True)
        s.command("QUIT")
    delivered(mta, "u1", "u2")


@scenario(main=OFFERED)
def syntax(mta):
    for command in ("BDAT", "BDAT x", "BDAT -1", "BDAT 5 LAS", "BDAT 5 LAST x", "BDAT 1x LAST", "BDAT +5 LAST",
                    "BDAT 99999999999999999999 LAST", "BDAT 9223372036854775808", "BDAT 0x5 LAST", "BDAT <5> LAST",
                    "BDAT 5,LAST", 'BDAT "5"'):
        with mta.smtp() as s:
            s.talk(HELLO, *ENVELOPE, command, "NOOP")
    for command in ("BDAT 0005 last\r\na\r\nb\r", "bdat 5 Last\r\nabcde", " BDAT  5  LAST \r\nabcde"):
        with mta.smtp() as s:
            s.talk(HELLO, *ENVELOPE)
            s.send(command)
            s.read()
            s.talk("NOOP", "QUIT")
    mta.settle()


@scenario(main=OFFERED, ignore="message-id=<>")  # of messages that are dropped
def order_of_commands(mta):
    with mta.smtp() as s:
        chunk(s, "before anything", last=True)
        s.talk(HELLO)
        chunk(s, "no MAIL", last=True)
        chunk(s, "no MAIL, not the last")
        chunk(s, "and another")
        s.talk("NOOP")
        chunk(s, "behind a NOOP")
        s.talk("RSET", FROM)
        chunk(s, "no RCPT", last=True)
        s.talk("RSET", FROM, "RCPT TO:<nobody@virt.test>")
        chunk(s, "none valid")
        chunk(s, "none valid, last", last=True)
        s.talk(TO, FROM, TO)
        chunk(s, "x\r\n")
        s.talk(FROM, TO, "DATA", "VRFY <u1@virt.test>", "NOOP")
        chunk(s, "after the others\r\n", last=True)
        s.talk(TO, "DATA")
        s.talk(FROM, TO)
        chunk(s, "x\r\n")
        s.talk("RSET", "DATA", FROM)
        s.talk(HELLO, FROM, TO)
        chunk(s, "x\r\n")
        s.talk(HELLO)
        chunk(s, "after EHLO", last=True)
        s.talk("HELO client.test", FROM, TO)
        chunk(s, "x\r\n", last=True)
        s.command("RSET")
        chunk(s, "too early")
        s.talk(FROM, TO, "DATA", "RSET", FROM, TO)
        chunk(s, "x")
        chunk(s, "")
        s.talk(FROM, TO, "DATA", "EHLO client.test", FROM, TO)
        chunk(s, "y", last=True)
        s.command("QUIT")
    delivered(mta)


@scenario(main=OFFERED)
def empty_chunk(mta):
    with mta.smtp() as s:
        s.talk(HELLO, *ENVELOPE)
        chunk(s, "")
        chunk(s, "lost")
        chunk(s, "lost, too", last=True)
        s.talk(FROM, TO)
        chunk(s, "x")
        chunk(s, "")
        chunk(s, "")
        s.talk("RSET")
        chunk(s, "")
        chunk(s, "", last=True)
        s.command("QUIT")
    delivered(mta)


@scenario(main=OFFERED)
def pipelined(mta):
    """A client may send everything at once: what is behind a refused command is no commands."""
    body = b"Subject: x\r\n\r\nMAIL FROM:<evil@remote.test>\r\nQUIT\r\n"
    size = str(len(body)).encode()
    with mta.smtp() as s:
        s.command(HELLO)
        for envelope in (b"MAIL FROM:<c@remote.test>\r\nRCPT TO:<u1@virt.test>\r\n",
                         b"MAIL FROM:<c@remote.test>\r\nRCPT TO:<nobody@virt.test>\r\n",
                         b"MAIL FROM:<c@remote.test>\r\nRCPT TO:<nobody@virt.test>\r\nRCPT TO:<u1@virt.test>\r\n",
                         b"MAIL FROM:<c@@remote.test>\r\nRCPT TO:<u1@virt.test>\r\n"):
            s.send(envelope + b"BDAT " + size + b"\r\n" + body + b"BDAT 4 LAST\r\nend\nRSET\r\nNOOP\r\n")
            for _ in range(envelope.count(b"\n") + 4):
                s.read()
        s.command("QUIT")
    delivered(mta)


@scenario(main=OFFERED + "message_size_limit = 2000\n", ignore="mail_stream_cleanup|queue file size limit|message-id=<>")
def sizes(mta):
    line = "x" * 70 + "\r\n"
    with mta.smtp() as s:
        s.talk(HELLO, *ENVELOPE)
        chunk(s, "Subject: large\r\n\r\n" + line * 40, last=True)
        s.talk(*ENVELOPE)
        chunk(s, "Subject: large\r\n\r\n" + line * 20)
        chunk(s, line * 20)
        chunk(s, line * 20)
        s.talk("NOOP")
        chunk(s, line, last=True)
        s.talk(*ENVELOPE)
        chunk(s, "x\r\n" * 600)  # fits as it is announced
        chunk(s, "y" * 190 + "\r\n", last=True)
        s.talk(*ENVELOPE)
        chunk(s, "x" * 2000)
        chunk(s, "", last=True)
        s.talk(*ENVELOPE)
        chunk(s, "x" * 2001)
        s.talk("RSET", *ENVELOPE)
        chunk(s, "\n" * 1500, last=True)  # each newline counts as two where it is a line
        s.talk(*ENVELOPE)
        chunk(s, "\n" * 1500)
        chunk(s, "x", last=True)
        s.talk(FROM, "RSET", FROM, "RCPT TO:<nobody@virt.test>")
        chunk(s, "x" * 2001)
        chunk(s, "")
        s.command("QUIT")
    delivered(mta)


@scenario(main=OFFERED + "message_size_limit = 0\nvirtual_mailbox_limit = 0\nmailbox_size_limit = 0\n",
          ignore="qmgr QID: from=")  # Postfix ends a line of just the limit with a record more
def without_size_limit(mta):
    with mta.smtp() as s:
        s.talk(HELLO)
        for size in (2045, 2046, 2047, 2048, 2049, 4095, 4096, 4097):
            for end in ("", "\r", "\n", "\r\n", "\r\r\n" if size < 4000 else "\r\n\r"):
                s.talk(*ENVELOPE)
                chunk(s, "x" * size + end, last=True)
                s.talk(*ENVELOPE)
                chunk(s, "x" * size)
                chunk(s, end or "y", last=True)
        s.command("QUIT")
    mta.settle()
    mta.note("lengths", sorted(sorted(len(line) for line in message.split(b"\n")) for message in mta.virtual("u1")))


@scenario(main=OFFERED, ignore="message-id=<>")
def lost_connections(mta):
    for sent in (b"BDAT 100\r\n", b"BDAT 100\r\nabc", b"BDAT 100\r\nabc\r\ndef", b"BDAT 3\r\nabcBDAT 3 LAST\r\n",
                 b"BDAT 3\r\nabc", b"BDAT 5\r\nabc\r\n", b"BDAT 3 LAST\r\nabc"):
        with mta.smtp() as s:
            s.talk(HELLO, *ENVELOPE)
            s.send(sent, repr(sent))
            if sent[-3:] == b"abc" and b"100" not in sent or sent.endswith(b"c\r\n") or b"BDAT 3\r\nabcB" in sent:
                s.read()
        mta.settle()
    with mta.smtp() as s:  # the rest is dropped
        s.talk(HELLO)
        s.send(b"BDAT 100\r\nabc")
    mta.settle()


@scenario(main=OFFERED + "smtpd_timeout = 1s\n", ignore="timeout after BDAT")  # Postfix counts its own reply
def timeouts(mta):
    for sent in (b"BDAT 100\r\nabc", b"BDAT 3\r\nabc"):
        with mta.smtp() as s:
            s.talk(HELLO, *ENVELOPE)
            s.send(sent, repr(sent))
            s.read()
            rest(s)
        mta.settle()


@scenario(main=PATIENT)
def not_offered(mta):
    with mta.smtp() as s:
        s.talk(HELLO, *ENVELOPE)
        chunk(s, "abc\r\n", last=True)
        rest(s)
    mta.settle()


@scenario(main=PATIENT + "smtpd_discard_ehlo_keywords = chunking\n")
def keyword_discarded_aloud(mta):
    with mta.smtp() as s:
        s.talk("EHLO a.test", "HELO a.test", "BDAT", "QUIT")


def refused(mta):
    for client in (128, 100):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, FROM, TO, "RCPT TO:<u2@virt.test>")
            chunk(s, "Subject: refused\r\n\r\n")
            chunk(s, "more\r\n")
            chunk(s, "end\r\n", last=True)
            s.talk("NOOP", "RSET", FROM, TO)  # Postfix forgets to reset by itself after the last chunk
            chunk(s, "Subject: refused\r\n\r\n", last=True)
            s.talk("QUIT")
    delivered(mta, "u1", "u2")


@scenario(main=OFFERED + "smtpd_data_restrictions = permit_mynetworks, reject\n")
def refused_at_the_first_chunk(mta):
    refused(mta)


@scenario(main=OFFERED + "smtpd_end_of_data_restrictions = permit_mynetworks, defer\n", ignore="message-id=<>")
def refused_at_the_last_chunk(mta):
    refused(mta)


@scenario(main=OFFERED + "smtpd_forbid_unauth_pipelining = yes\n")
def pipelining_that_is_fine(mta):
    with mta.smtp() as s:
        s.talk(HELLO)
        s.send(b"MAIL FROM:<>\r\nRCPT TO:<u1@virt.test>\r\nRCPT TO:<u2@virt.test>\r\nBDAT 5\r\nabcdeBDAT 5 LAST\r\nfghij")
        for _ in range(5):
            s.read()
        s.command("QUIT")
    with mta.smtp() as s:
        s.talk("HELO client.test", FROM, TO)
        chunk(s, "abc", last=True)
        rest(s)
    delivered(mta)


CONTENTS = (b"a\nb\r\n", b"a\r\n.\r\nb\r\n", b"a\n.\nb\n", b"a\rb\r\n", b"a\r\r\n", b"a\0b\r\n", b"a\r\n\n\r\nb\r\n", b"\n", b"\r",
            b"a\r\r\r", b"a\n", b"From x\r\nSubject: y\r\n\r\nz\r\n", b">From x\r\n\r\nz\r\n", b" x\r\nSubject: y\r\n", b".\r\n",
            b"Fr", b"a\r\n\r")


def contents(mta):
    for content in CONTENTS:
        for cut in (len(content), 1):
            with mta.smtp() as s:
                s.talk(HELLO, *ENVELOPE)
                if cut < len(content):
                    chunk(s, content[:cut])
                    chunk(s, content[cut:], last=True)
                else:
                    chunk(s, content, last=True)
                s.talk("NOOP")
                s.send("QUIT\r\n")
                rest(s)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


for mode in ("no", "normalize", "reject"):
    name = f"contents_{mode}"
    globals()[name] = scenario(main=OFFERED + f"smtpd_forbid_bare_newline = {mode}\n", ignore="message-id=<>")(contents)
    globals()[name].__name__ = name


@scenario(main=OFFERED + "smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions = @NET@.128\n", ignore="message-id=<>")
def bare_newlines_of_excluded_clients(mta):
    for client in (128, 129):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, *ENVELOPE)
            chunk(s, "a\nb\n")
            chunk(s, "c\nd\r\n", last=True)
            s.send("NOOP\r\n")
            rest_of = s.read()
            s.send("QUIT\r\n") if rest_of.code == "250" else None
            rest(s)
    delivered(mta)
