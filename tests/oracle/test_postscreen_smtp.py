"""The conversation that postscreen holds itself: its replies, the tests in it, and its limits."""
import re
import time

from support import certificates
from support.compare import scenario
from support.postscreen import HELPERS, connect, note_cache, read_all, service, talk, talk_all

DEEP = {"postscreen_pipelining_enable": "yes", "postscreen_non_smtp_command_enable": "yes",
        "postscreen_bare_newline_enable": "yes"}
MASTER = HELPERS + service(
    2611, **DEEP, postscreen_bare_newline_action="enforce", postscreen_non_smtp_command_action="enforce",
    smtpd_discard_ehlo_keywords="", smtpd_forbidden_commands="CONNECT, GET, POST, regexp:{{{/^[^A-Z]/ Bogus}}}") + service(
    2612, **DEEP, postscreen_pipelining_action="drop", postscreen_bare_newline_action="drop",
    postscreen_tls_security_level="may", tlsproxy_tls_security_level="may",
    postscreen_reject_footer="\\c. Ask $server_name about [$client_address]\\nor do not.",
    postscreen_command_filter="regexp:@CONF@/filter") + service(
    2613, **DEEP, postscreen_pipelining_action="ignore", postscreen_bare_newline_action="ignore",
    postscreen_non_smtp_command_action="ignore", postscreen_tls_security_level="encrypt",
    postscreen_helo_required="yes", postscreen_command_time_limit="2s", postscreen_disable_vrfy_command="yes",
    postscreen_discard_ehlo_keywords="dsn, size", smtputf8_enable="yes",
    postscreen_discard_ehlo_keyword_address_maps="inline:{@NET@.171=vrfy, @NET@.172=silent-discard, @NET@.172=starttls}",
    postscreen_reject_footer_maps="regexp:@CONF@/footers") + service(2614, **DEEP, postscreen_reject_footer="\\c at $localtime.")
SETUP = {"master": MASTER, "main": "smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\n"
         "smtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\n",
         "files": {"filter": "/^FILTERED/ NOOP\n/^RCPT TO:<reset@/ RSET\n", "footers": "/^502/ see the manual\n", **certificates.files()}}
TO = ("MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>")


@scenario(**SETUP)
def clients_that_pass_come_back(mta):
    talk(mta, 2611, 131, "EHLO x", *TO, "QUIT")
    time.sleep(0.2)
    note_cache(mta, 2611, 131)
    talk(mta, 2611, 131, "EHLO x", *TO, "QUIT")


@scenario(**SETUP)
def how_far_one_must_come_to_pass(mta):
    clients = {141: ["EHLO x", "QUIT"], 142: ["RCPT TO:<>", "QUIT"], 143: ["HELO x", "MAIL FROM:<a@b.test>", "VRFY foo", "QUIT"],
               144: ["EHLO x", *TO], 145: ["GET /", *TO, "QUIT"], 146: ["EHLO x", *TO, "GET /", "QUIT"],
               147: ["EHLO x", "DATA"], 148: ["EHLO x", *TO, "RSET", *["NOOP"] * 18]}
    talk_all(mta, 2611, clients)
    time.sleep(0.3)
    note_cache(mta, 2611, *clients)


@scenario(**SETUP)
def replies_to_commands(mta):
    talk_all(mta, 2611, {
        136: ["HELO", "EHLO", "HELO a b", "EHLO [1.2.3.4] c", "MAIL", "MAIL FROM", "MAIL FROM a@b", "RCPT", "MAIL FROM:<a@b>",
              "MAIL FROM:<c@d>", "RCPT", "RCPT TO a@b", "EHLO y", "RCPT TO:<x@y>", "MAIL FROM:<>", "RSET x", "RCPT TO:<x@y>", "QUIT x"],
        137: ["NOOP x", "VRFY", "VRFY x y", "ETRN", "ETRN x y", "HELP", "", "foo", "EXPN x", "AUTH PLAIN x", "XCLIENT a",
              "XFORWARD a", "STARTTLS", "STARTTLS x", "  noop", "NOOP\tx", "rset  ", "quit"],
        153: ["DATA x"], 154: ["DATA"], 155: ["MAIL FROM:<a@b>", "DATA x"], 156: ["MAIL FROM:<a@b>", "DATA"],
        157: ["BDAT 5"], 158: ["MAIL FROM:<a@b>", "BDAT 5 LAST"], 159: ["MAIL FROM:<a@b>", "BDAT"], 160: ["BDAT"],
        161: ["EHLO x", *TO, "BDAT x y z"], 162: ["NOOP"] * 22, 163: ["NOOP " + "x" * 2040], 164: ["NOOP " + "x" * 2041],
        165: ["NOOP " + "x" * 2042], 168: ["NOOP " + "x" * 2043], 169: ["NOOP " + "x" * 2044], 166: ["NOOP " + "x" * 5000], 167: ["foo", "NOOP " + "x" * 5000],
    })


@scenario(**SETUP)
def addresses_are_read_leniently(mta):
    forms = ["<a@b>", " < a@b >", "a@b", "<@x,@y:a@b>", '"a b"@c', '<"a>b"@c> X=Y', "<a@b", "<a b@c>", "a b@c", "<a@b>junk",
             "<a\\ b@c>", '<""@c>', "<>", '<"a\\"b"@c>', "x<a@b>", "<<a@b>>", "<a,b@c>", '<"ab@c>', "a@b>c", "", "<@a>", "<a@b@c>",
             "\ta@b", "<A@B.Example>", "<\xe4\x01@b>"]
    talk_all(mta, 2611, {170 + n: ["EHLO x\x02\xe4", "MAIL TO:" + form, "RCPT FROM :" + form, "QUIT"] for n, form in enumerate(forms)})


def pipelined(*lines):
    return lambda session: session.pipeline(*lines)


def bare(*lines):
    def act(session):
        for line in lines:
            session.send(line + "\n")
            session.read()
        session.talk(*TO, "QUIT")
    return act


@scenario(**SETUP)
def tests_in_the_conversation(mta):
    """With each of the three actions."""
    sessions = {
        181: pipelined("ehlo x", *TO, "QUIT"), 182: pipelined("EHLO x", "QUIT"), 183: bare("EHLO x\x01", "NOOP"),
        184: ["GET / HTTP/1.0", "Subject: foo", "EHLO x", *TO, "QUIT"], 185: ["Subject: foo", *TO], 186: ["get x", *TO, "QUIT"],
        187: ["CONNECT", *TO, "QUIT"], 188: ["foo bar: x", *TO, "QUIT"], 189: ["MAIL: x", *TO, "QUIT"], 190: ["x :y", *TO, "QUIT"],
        191: pipelined("GET /", "FOO", *TO, "QUIT"), 192: bare("GET /"), 193: lambda s: s.send("EHLO x\r\nNOOP\r\n" + "x" * 200),
    }
    for port in (2611, 2612):
        talk_all(mta, port, sessions)
    del sessions[193]  # The client goes while it is talked to.
    talk_all(mta, 2613, sessions)
    time.sleep(0.3)
    for port in (2611, 2612, 2613):
        note_cache(mta, port, *sessions)


@scenario(**SETUP)
def footers_filters_and_keywords(mta):
    talk_all(mta, 2612, {171: ["EHLO x", "FILTERED x", "MAIL FROM:<a@b>", "RCPT TO:<reset@y>", "RCPT TO:<x@y>", "MAIL FROM:<a@b>", "foo",
                               "RCPT TO:<x@y>", "DATA"]})
    talk_all(mta, 2613, {171: ["EHLO x", "foo", "VRFY x", "QUIT"], 172: ["EHLO x", "STARTTLS", "QUIT"],
                         173: ["EHLO x", "HELO y", "MAIL FROM:<a@b>", "RCPT TO:<x@y>", "RSET", "DATA", "BDAT", "VRFY x", "NOOP", "QUIT"]})


@scenario(**SETUP, transcripts=False)
def the_time_in_a_footer(mta):
    """Its blanks are harmless, as smtpd_expansion_filter says with C's escapes."""
    with mta.smtp(port=2614, client=174) as s:
        s.command("EHLO x")
        mta.note("reply", re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", "TIME", str(s.command("foo"))))
        s.command("QUIT")


def in_tls(*lines):
    def act(session):
        session.starttls()
        session.talk(*lines)
    return act


@scenario(**SETUP)
def conversations_in_tls(mta):
    def early(session):
        session.talk("EHLO x")
        session.send("STARTTLS\r\nMAIL FROM:<injected@b.test>\r\n")
        session.read()
        session.wrap()
        session.talk(*TO, "QUIT")

    def garbage(session):
        session.talk("EHLO x", "STARTTLS")
        session.send("garbage\r\n")
        read_all(session.socket)

    talk_all(mta, 2612, {
        201: in_tls("STARTTLS", "MAIL FROM:<a@b>", "RCPT TO:<x@y>", "QUIT"), 203: ["MAIL FROM:<a@b>", "STARTTLS x"],
        204: ["EHLO x", "STARTTLS"], 205: in_tls(), 206: garbage})
    talk_all(mta, 2613, {201: in_tls("VRFY x", *TO, "DATA"), 207: in_tls("STARTTLS")})
    talk_all(mta, 2611, {202: early})
    time.sleep(0.3)
    note_cache(mta, 2612, 201)
    note_cache(mta, 2611, 202)
    with mta.smtp(port=2612, client=201) as session:
        session.starttls()
        session.talk(*TO, "QUIT")


@scenario(**SETUP)
def time_runs_out(mta):
    def slowly(session):
        session.talk("EHLO x")
        try:
            for letter in "NOOP x" * 2:
                session.socket.sendall(letter.encode())
                time.sleep(0.4)
        except OSError:
            pass
        session.transcript.append(str(session.read_line()))
    talk_all(mta, 2613, {211: lambda s: (s.talk("EHLO x"), s.read()), 212: slowly, 213: lambda s: s.read()})


@scenario(**SETUP)
def who_takes_no_replies(mta):
    """It is cut off all the same."""
    with connect(mta, 2611, 214) as s:
        time.sleep(1.2)
        s.sendall(b"EHLO x\r\n" * 300)
        mta.note("it ends", len(read_all(s, 5)) > 0)
