"""Milters: the same filter, scripted, behind both systems.  What it is told (events and macros), what the client, the log and
the queue files show must be the same."""
import base64
import socket
import ssl

from support import certificates, milter
from support.auth_server import AuthServer
from support.compare import scenario
from support.milter import (CLOSE, LEADING_SPACE, NO_BODY, NO_CONNECT, NO_EOH, NO_HEADERS, NO_HELO, NR_BODY, NR_CONNECT, NR_DATA,
                            NR_EOH, NR_HEADER, NR_HELO, NR_MAIL, NR_RCPT, RCPT_REJ, MilterServer, add_header, add_recipient,
                            add_recipient_with, change_from, change_header, delete_recipient, discard, insert_header, options,
                            packet, proceed, progress, quarantine, reject, replace_body, reply, shutdown, skip, tempfail)
from support.milter_session import FROM, HELLO, MILTER, TEXT, TO, TO2, note_queue, serve, session

EVENTS = ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom", "unknown")
# What both say, but Postfix with the number of another limit, or of another variable.
BOUNCES = r"qmgr QID: from=<>, size="  # their words are our own
NUMBERS = r"unreasonable packet length|was followed by \d+ data bytes"


@scenario(main=MILTER)
def all_events(mta):
    with serve(mta) as f:
        with mta.smtp() as s:
            s.talk("HELO one.test", HELLO, "FOO bar baz", "VRFY u1@virt.test", "NOOP", FROM + " SIZE=100 BODY=8BITMIME RET=HDRS ENVID=e1",
                   TO + " NOTIFY=NEVER", "RCPT TO:<nobody@virt.test>", "RCPT TO:<u2@virt.test>")
            s.data(TEXT)
            s.talk("RSET", "MAIL FROM:<>", "RSET", 'MAIL FROM:<"a b"@remote.test>', "RCPT TO:<@x.test:u1@virt.test>",
                   "MAIL FROM:<x@y.test>", HELLO, "MAIL FROM: carol@remote.test", "RCPT TO: u1@virt.test", "QUIT")
        mta.wait_log("status=sent", count=2)
        mta.note("events", f.text())
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MILTER + """\
milter_connect_macros = j {daemon_name} {daemon_addr}, {daemon_port} v _ {client_addr} {client_name} {client_ptr} {client_resolve}
milter_helo_macros = {tls_version} {cert_subject} {no_such} x
milter_mail_macros = i {auth_type} {auth_authen} {mail_addr} {mail_host} {mail_mailer}
milter_rcpt_macros = {i} {rcpt_addr} {rcpt_host} {rcpt_mailer} {mail_addr}
milter_data_macros = {rcpt_addr} {mail_addr} i
milter_end_of_header_macros = {i} {mail_addr} {rcpt_addr}
milter_end_of_data_macros = i v {client_addr} {daemon_addr} {daemon_port} {rcpt_addr} {mail_addr} {rcpt_host} {mail_host} j _ {daemon_name} {x}
milter_unknown_command_macros = v {x}
milter_macro_defaults = {no_such}=nothing, x=y, { cert_subject = some body }
milter_macro_daemon_name = ORIGINATING
""")
def macros(mta):
    session(mta, "lists of main.cf", {"options": [options(events=RCPT_REJ)]}, HELLO, "FOO", FROM, TO, "RCPT TO:<nobody@virt.test>",
            "RCPT TO:<who@elsewhere.test>", "RCPT TO:<alice@example.test>")
    session(mta, "the filter's own lists", {"options": [options(macros=((0, "j {daemon_name}"), (2, "{mail_addr}"), (5, "i"), (6, "v x"), (9, "z")))]})
    session(mta, "the null sender", {}, HELLO, "MAIL FROM:<>", TO)


def decisions(kind):
    @scenario(main=MILTER)
    def test(mta):
        for event in EVENTS:
            if kind == "shutdown" and event in ("header", "eoh", "body", "eom"):
                continue  # Postfix loses the message there
            if (kind, event) == ("accept", "unknown"):
                continue  # Postfix's smtpd panics at the next MAIL
            answer = {event: [getattr(milter, kind)()]}
            session(mta, f"at {event}", answer, HELLO, "STARTTLS", "AUTH PLAIN", "VRFY u1@virt.test", "FOO", FROM, TO, TO2, with_macros=False)
        mta.settle()
    test.__name__ = f"decision_{kind}"
    return test


for _kind in ("reject", "tempfail", "discard", "accept", "shutdown"):
    globals()[f"decision_{_kind}"] = decisions(_kind)


@scenario(main=MILTER)
def reply_codes(mta):
    for text in ("550 5.7.1 no", "550-5.7.1 a\r\n550 5.7.1 b", "421 4.7.1 go", "521 5.7.1 go"):
        for event in ("connect", "helo", "mail", "rcpt", "data", "eom"):
            session(mta, f"{text!r} at {event}", {event: [reply(text)]}, with_macros=False)
    for text in ("550 4.7.1 x", "550", "550 100%% of %s", "250 2.0.0 x", "550 five%% of", "x50 a", "55", "550_a", "451 a%", ""):
        for event in ("mail", "eom"):
            session(mta, f"{text!r} at {event}", {event: [reply(text)]}, with_macros=False)


@scenario(main=MILTER + "soft_bounce = yes\n")
def reply_codes_with_soft_bounce(mta):
    for event in ("mail", "eom"):
        session(mta, event, {event: [reply("550-5.7.1 a\r\n550 5.7.1 b")]}, with_macros=False)
        session(mta, f"plain {event}", {event: [reject()]}, with_macros=False)


@scenario(main=MILTER)
def edits_of_everything(mta):
    session(mta, "all", {"eom": [
        add_header("X-A", "added"), insert_header(0, "X-I0", "ins0"), insert_header(1, "X-I1", "one"), insert_header(99, "X-I99", "z"),
        change_header(1, "Subject", "changed"), change_header(0, "x-tab", "chg"), change_header(5, "X-Long", "append"),
        change_header(1, "X-Space", ""), progress(), change_from("new@remote.test", "RET=HDRS ENVID=abc FOO=bar"),
        add_recipient("<u3@virt.test>"), add_recipient_with("u1@virt.test", "NOTIFY=FAILURE ORCPT=rfc822;foo@bar X=y"),
        add_recipient("u1@virt.test"), delete_recipient("<u2@virt.test>"), delete_recipient("nobody"), add_recipient("a@b.test, c@d.test"),
        add_recipient(""), quarantine("because of it"), replace_body("new body\r\nsecond"), replace_body(" line\r\nthird"), proceed()]})
    note_queue(mta, "hold")


@scenario(main=MILTER)
def edits_of_headers(mta):
    hold = quarantine("x")
    session(mta, "blanks", {"options": [options(events=LEADING_SPACE)], "eom": [
        add_header("X-A", "added"), insert_header(0, "X-I0", " ins0\n cont\n\tcont2\nno blank"), change_header(1, "Received", " mine"),
        change_header(1, "X-Long", ""), change_header(1, "nothing", ""), hold, proceed()]})
    session(mta, "again and again", {"eom": [
        insert_header(0, "X-I", "1"), change_header(1, "X-I", "2"), change_header(2, "X-I", "3"), change_header(1, "Received", ""),
        add_header("X-I", "4"), change_header(2, "x-i", "5"), change_header(1, "X-I", ""), add_header("X-Empty", ""),
        insert_header(3, "X-3", "three"), insert_header(3, "X-3", "three again"), hold, proceed()]})
    session(mta, "no body", {"eom": [add_header("X-A", "b"), replace_body("a body\r\n"), hold, proceed()]}, text="a: b\n")
    session(mta, "no header", {"eom": [change_header(1, "Subject", "new"), hold, proceed()]}, text="\nfoo\n")
    session(mta, "an empty body", {"eom": [replace_body(""), hold, proceed()]})
    session(mta, "no message", {"eom": [insert_header(1, "X-1", "y"), replace_body("b"), hold, proceed()]}, text="\n")
    note_queue(mta, "hold")


@scenario(main=MILTER)
def edits_are_delivered(mta):
    session(mta, "headers", {"eom": [add_header("X-A", "b"), change_header(1, "Subject", "s"), proceed()]}, HELLO, FROM, TO)
    session(mta, "body", {"eom": [replace_body("one\r\n" + "x" * 5000 + "\r\n.\r\nlast"), proceed()]}, HELLO, FROM, TO)
    session(mta, "sender", {"eom": [change_from("<dave@remote.test>"), proceed()]}, HELLO, FROM, TO)
    session(mta, "null sender", {"eom": [change_from("<>"), proceed()]}, HELLO, FROM, TO)
    session(mta, "recipients", {"eom": [add_recipient("u2@virt.test"), delete_recipient("u1@virt.test"), proceed()]}, HELLO, FROM, TO)
    session(mta, "nobody is left", {"eom": [delete_recipient("u1@virt.test"), proceed()]}, HELLO, FROM, TO)
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


LARGE = "Subject: large\n" + "".join(f"X-{n}: {'h' * 900}\n" for n in range(60)) + "\n" + ("y" * 1000 + "\n") * 700


@scenario(main=MILTER)
def edits_of_a_large_message(mta):
    body = "z" * 998 + "\r\n"
    session(mta, "headers", {"eom": [insert_header(0, "X-I", "1"), change_header(1, "X-30", "short"), proceed()]}, HELLO, FROM, TO, text=LARGE, with_macros=False)
    session(mta, "body", {"eom": [*[replace_body(body * 60)] * 10, add_header("X-A", "b"), proceed()]}, HELLO, FROM, TO, text=LARGE, with_macros=False)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MILTER.replace("smtpd_milters =", "smtpd_milters = inet:@NET@.33:8892,"))
def two_filters(mta):
    second = {"rcpt": [[proceed()], [reject()]], "eom": [change_header(1, "X-A", "changed by the second"), replace_body("second\r\n"), proceed()]}
    with MilterServer((mta.room.address(33), 8892), {"eom": [add_header("X-A", "from the first"), replace_body("first\r\n"), proceed()]}) as first:
        session(mta, "the second", second)
        mta.note("the first", first.text())
    large = [replace_body(b"z" * 998 + b"\r\n")] * 900
    with MilterServer((mta.room.address(33), 8892), {"eom": [*large, add_recipient("u2@virt.test"), proceed()]}):
        session(mta, "the second after a large body", {"eom": [add_header("X-Second", "yes"), delete_recipient("u1@virt.test"), proceed()]}, with_macros=False)
    mta.settle()
    mta.note_mail("u2", mta.virtual("u2"))
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MILTER)
def what_filters_do_not_want(mta):
    silent = NR_CONNECT | NR_HELO | NR_MAIL | NR_RCPT | NR_DATA | NR_HEADER | NR_EOH | NR_BODY
    nothing = dict.fromkeys(("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body"), [b""])
    session(mta, "no answers", {"options": [options(events=silent)], **nothing})
    session(mta, "few events", {"options": [options(events=NO_CONNECT | NO_HELO | NO_HEADERS | NO_EOH | NO_BODY)]})
    for version in (2, 3, 4, 5):
        session(mta, f"version {version}", {"options": [options(version=version, actions=0x3f)]}, HELLO, "FOO", FROM, TO)
    for event in ("rcpt", "header", "body"):
        session(mta, f"skip {event}", {event: [skip()]}, text=TEXT + "x" * 900 + "\n" + "y\n" * 40000, with_macros=False)
    mta.settle()


@scenario(main=MILTER, ignore=NUMBERS)
def nonsense(mta):
    for name, bad in (("an empty packet", b"\0\0\0\0"), ("a huge packet", b"\x7f\xff\xff\xffa"), ("a negative length", b"\xff\xff\xff\xffa"),
                      ("trailing bytes", packet("c", b"xx")), ("an unknown answer", packet("Z")), ("an edit", add_header("a", "b")),
                      ("an end", CLOSE)):
        for event in ("options", "connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom"):
            if event in ("mail", "eom") or name in ("an end", "an unknown answer"):
                session(mta, f"{name} at {event}", {event: [bad, CLOSE]}, with_macros=False)
    session(mta, "a version of the future", {"options": [options(version=7)]})
    session(mta, "actions of the future", {"options": [options(actions=0x3ff)]})
    session(mta, "events of the future", {"options": [options(events=0x3fffff & ~0xfffff)]})
    session(mta, "no options", {"options": [packet("c")]})
    session(mta, "discard too early", {"connect": [discard()]})
    session(mta, "bodies and other changes mixed", {"eom": [replace_body("new\r\n"), add_header("X-A", "b"), replace_body("foo\r\n"), proceed()]})
    session(mta, "a bad index", {"eom": [insert_header(0xffffffff, "a", "b"), proceed()]})
    session(mta, "a change of no header", {"eom": [change_header(1, "", "b"), proceed()]})


NON_SMTPD = "non_smtpd_milters = inet:@NET@.33:8891\nmilter_default_action = tempfail\nmilter_macro_v = one\n"


def submit(mta, title, script, *recipients, sender="alice", text=TEXT, **more):
    """Mail by sendmail with a filter of its own."""
    with serve(mta, script, **more) as f:
        mta.sendmail("-f", sender, "-F", "A Person", "-i", *(recipients or ("u1@virt.test",)), input=text)
        mta.settle()
        mta.note(title, f.text())


@scenario(ignore=BOUNCES, main=NON_SMTPD + """\
milter_connect_macros = j {daemon_name} {daemon_addr} {daemon_port} v _ {client_addr} {client_name} {client_port} {client_ptr} {client_resolve}
milter_mail_macros = i {auth_type} {mail_addr} {mail_host} {mail_mailer}
milter_rcpt_macros = i {rcpt_addr} {rcpt_host} {mail_addr}
milter_data_macros = i {rcpt_addr} {mail_addr}
milter_end_of_data_macros = i v {client_addr} {daemon_addr} {rcpt_addr} {mail_addr}
""")
def mail_that_does_not_come_by_smtp(mta):
    submit(mta, "events", {"options": [options(events=RCPT_REJ)]}, "u1@virt.test", "alice@example.test", '"a b"@virt.test', "nobody@virt.test")
    submit(mta, "to itself", {}, "alice", sender="")
    with serve(mta) as f:
        with mta.smtp() as s:
            s.talk(HELLO, FROM, TO, TO2)
            s.data(TEXT)
            s.talk("QUIT")
        mta.settle()
        mta.note("mail by SMTP, for which there are no filters", f.text())
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(ignore=BOUNCES, main=NON_SMTPD)
def decisions_without_smtp(mta):
    for kind, event in (("reject", "connect"), ("reject", "mail"), ("reject", "data"), ("reject", "eom"), ("discard", "mail"),
                        ("discard", "header"), ("accept", "helo"), ("accept", "rcpt"), ("accept", "body")):
        submit(mta, f"{kind} at {event}", {event: [getattr(milter, kind)()]}, with_macros=False)
    submit(mta, "a reply", {"eom": [reply("550-5.7.1 no\r\n550 5.7.1 never")]}, with_macros=False)
    submit(mta, "edits", {"eom": [add_header("X-A", "b"), change_from("new@remote.test"), add_recipient("u2@virt.test"), replace_body("new\r\n"), proceed()]})
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


@scenario(log=False, main=NON_SMTPD)
def refusals_for_now_without_smtp(mta):
    """The message stays in the maildrop queue until the filter lets it pass."""
    for kind, event, where in (("tempfail", "connect", "CONNECT"), ("tempfail", "data", "DATA"), ("tempfail", "eom", "END"), ("reject", "rcpt", "RCPT")):
        with serve(mta, {event: [[getattr(milter, kind)()]]}, with_macros=False) as f:
            mta.sendmail("-f", "alice", "u1@virt.test", input=TEXT)
            mta.wait_log(f"milter-reject: {where}")
            # pickup may have tried again already; when the filter hears the end is not said.
            mta.note(f"{kind} at {event}", "\n".join(sorted(set(f.lines) - {"quit"})))
        with serve(mta, with_macros=False):
            with socket.socket(socket.AF_UNIX) as pickup:
                pickup.connect(str(mta.queue / "public/pickup"))
                pickup.sendall(b"W\0")
            mta.settle()
    mta.note("refusals", "\n".join(sorted({line.text.split(": ", 1)[1] for line in mta.log() if "milter" in line.text})))


@scenario(main=MILTER + NON_SMTPD.replace("milter_macro_v = one\n", ""))
def messages_held_for_good_reason(mta):
    submit(mta, "quarantine", {"eom": [quarantine("x"), proceed()]})
    session(mta, "quarantine by SMTP", {"eom": [quarantine("x"), proceed()]}, with_macros=False)
    session(mta, "and refused", {"eom": [quarantine("x"), reject()]}, with_macros=False)
    session(mta, "and thrown away", {"eom": [quarantine("x"), discard()]}, with_macros=False)
    note_queue(mta, "hold")


CHECKS = r"""
/^X-Spam: reject/ REJECT no spam please
/^X-Spam: later/ REJECT 4.2.3 come again
/^X-Spam: plain/ REJECT
/^X-Spam: discard/ DISCARD into the bin
/^X-Spam: hold/ HOLD for a look
/^X-Spam: filter/ FILTER discard:nowhere
/^X-Spam: redirect/ REDIRECT u2@virt.test
/^X-Spam: bcc/ BCC u2@virt.test
/^X-Spam: replace/ REPLACE X-Other: thing
/^X-Spam: strip/ STRIP away
/^X-Spam: ignore/ IGNORE
/^X-Spam: warn/ WARN of it
/^X-Spam: info/ INFO about it
/^X-Spam: ok/ OK
/^X-Spam: prepend/ PREPEND X-Before: x
/^X-Spam: pass/ PASS
/^X-Spam: bad/ NONSENSE
/^Subject: reject/ REJECT
"""


@scenario(main=MILTER + "milter_header_checks = regexp:@CONF@/checks\n", files={"checks": CHECKS.replace("$", "$$")})
def checks_of_headers_that_filters_add(mta):
    for word in ("reject", "later", "plain", "discard", "hold", "filter", "redirect", "bcc", "replace", "strip", "ignore", "warn", "info",
                 "ok", "prepend", "pass", "bad"):
        session(mta, word, {"eom": [add_header("X-Spam", word), insert_header(1, "X-Spam", word), change_header(1, "X-Long", "changed"),
                                    proceed()]}, HELLO, FROM, TO, text=TEXT + word + "\n", with_macros=False)
    session(mta, "changed", {"eom": [change_header(1, "x-spam", "ignore"), proceed()]}, HELLO, FROM, TO, text="X-Spam: warn\n\nchanged\n")
    session(mta, "not ours to check", {"eom": [change_header(1, "x-spam", "fine"), proceed()]}, HELLO, FROM, TO, text="X-Spam: reject\n\nfoo\n")
    session(mta, "many", {"eom": [add_header("X-Spam", "redirect"), add_header("X-Spam", "filter"), add_header("X-Spam", "warn"),
                                  add_header("X-Spam", "reject"), proceed()]}, HELLO, FROM, TO)
    session(mta, "and the filter's own decision", {"eom": [add_header("X-Spam", "reject"), quarantine("x"), discard()]}, HELLO, FROM, TO)
    note_queue(mta, "hold")
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


SESSIONS = MILTER + """\
smtpd_authorized_xclient_hosts = @NET@.128
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_ask_ccert = yes
smtpd_tls_CAfile = @CONF@/ca.pem
smtpd_tls_session_cache_database =
milter_connect_macros = j {client_addr} {client_name} {client_ptr} {client_resolve} _
milter_helo_macros = {tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}
milter_mail_macros = {auth_type} {auth_authen} {auth_author} {tls_version}
milter_end_of_data_macros = {auth_type} {auth_authen} {auth_author} {client_name} {tls_version}
"""


@scenario(main=SESSIONS, files=certificates.files())
def sessions_that_become_others(mta):
    with serve(mta) as f:
        with mta.smtp() as s:
            s.talk(HELLO, FROM, "RSET", "XCLIENT NAME=foo.test ADDR=10.1.2.3 PORT=1234 LOGIN=joe HELO=bar.test PROTO=ESMTP", HELLO,
                   FROM, TO)
            s.data(TEXT)
            s.talk("QUIT")
        mta.note("XCLIENT", f.text())
    with serve(mta, {"connect": [[proceed()], [reject()]]}) as f:
        with mta.smtp() as s:
            s.talk(HELLO, "XCLIENT NAME=[UNAVAILABLE] ADDR=10.1.2.4 REVERSE_NAME=[TEMPUNAVAIL]", HELLO, FROM, "QUIT")
        mta.note("XCLIENT of one who may not", f.text())
    for title, place, name in (("no certificate", None, ""), ("one that is trusted", certificates.directory(), "mx"),
                               ("one that is not", certificates.self_signed(), "self")):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if place:
            context.load_cert_chain(place / f"{name}.pem", place / f"{name}.key")
        with serve(mta) as f:
            with mta.smtp() as s:
                s.talk(HELLO, "STARTTLS")
                s.socket = context.wrap_socket(s.socket)
                s.talk(HELLO, FROM, TO)
                s.data(TEXT)
                s.talk("QUIT")
            mta.note(f"TLS with {title}", f.text())
    mta.settle()


@scenario(main=MILTER, ignore=r"warning: .*BDAT")
def content_in_chunks(mta):
    """DATA is what filters are told of, before the first chunk."""
    for title, script in (("taken", {"eom": [add_header("X-A", "b"), proceed()]}), ("refused", {"data": [reject()]}), ("refused at the end", {"eom": [tempfail()]})):
        with serve(mta, script) as f:
            with mta.smtp() as s:
                s.talk(HELLO, FROM, TO)
                s.send("BDAT 20\r\nSubject: chunks\r\n\r\nb", "BDAT 20")
                s.read()
                s.send("BDAT 5 LAST\r\nody\r\n", "BDAT 5 LAST")
                s.read()
                s.talk("QUIT")
            mta.note(title, f.text())
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MILTER + "receive_override_options = no_milters\n")
def no_milters(mta):
    session(mta, "nobody is asked", {"connect": [reject()]})


@scenario(main=NON_SMTPD + "internal_mail_filter_classes = bounce, notify\n", ignore=BOUNCES)
def mail_of_the_system_itself(mta):
    with serve(mta, {"eom": [insert_header(1, "X-Signed", "yes"), proceed()]}, with_macros=False) as f:
        mta.sendmail("-f", "alice", "-i", "nobody@virt.test", input=TEXT)
        mta.settle()
        mta.note("events without the text", "\n".join(line for line in f.text().split("\n") if not line.startswith(("body", "header"))))
    mta.note("signed", [b"\nX-Signed: yes\n" in message for message in mta.local_mail("alice")])


LOGIN = MILTER + """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = @CONF@/auth.sock
smtpd_sasl_security_options = noanonymous
milter_mail_macros = i {auth_type} {auth_authen} {auth_author} {auth_ssf}
milter_end_of_data_macros = {auth_type} {auth_authen} {auth_author}
"""


@scenario(main=LOGIN)
def who_has_logged_in(mta):
    joe = "AUTH PLAIN " + base64.b64encode(b"\0joe\0secret").decode()
    with AuthServer(mta.conf / "auth.sock", {"joe": "secret"}):
        session(mta, "with a login", {}, HELLO, joe, FROM + " AUTH=joe@remote.test", TO)
        session(mta, "without", {}, HELLO, FROM, TO)
        session(mta, "refused for now", {"helo": [tempfail()]}, HELLO, joe, FROM)
        session(mta, "refused", {"helo": [reply("550 5.7.1 go away")]}, HELLO, joe, text="")
    mta.settle()
