"""STARTTLS, wrapper mode and AUTH through the Dovecot auth protocol."""
import base64
import contextlib
import socket
import subprocess

from support import check
from support.auth_server import AuthServer
from support.compare import scenario
from support.instance import SMTPS, SUBMISSION

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TLS = """\
smtpd_tls_security_level = may
smtpd_tls_cert_file = @CONF@/cert.pem
smtpd_tls_key_file = @CONF@/cert.pem
smtpd_tls_loglevel = 1
"""
AUTH = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = @CONF@/auth.sock
"""


def certificate():
    """A key and a certificate in one text; made once."""
    if not hasattr(certificate, "text"):
        need_program_openssl()
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                               "/CN=mx.example.test", "-keyout", "-", "-out", "-"], capture_output=True, check=True)
        certificate.text = made.stdout.decode()
    return certificate.text


def need_program_openssl():
    from support import Skip
    import shutil
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")


@contextlib.contextmanager
def auth(mta):
    with AuthServer(mta.conf / "auth.sock", {"joe": "secret"}) as server:
        yield server


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


FILES = {"cert.pem": certificate()}


@scenario(main=TLS, files=FILES)
def starttls(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "STARTTLS x", FROM, "STARTTLS")
        s.wrap()
        s.talk("STARTTLS", HELLO, "STARTTLS", FROM, "RCPT TO:<u1@virt.test>")
        s.data("Subject: over TLS\n\nbody\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=TLS + "smtpd_tls_received_header = yes", files=FILES)
def tls_in_received(mta):
    with mta.smtp() as s:
        s.starttls(HELLO)
        s.mail("carol@remote.test", "u1@virt.test", "Subject: over TLS\n\nbody\n", hello=HELLO)
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=TLS + "smtpd_forbid_unauth_pipelining = no", files=FILES)
def commands_before_the_handshake_do_not_count(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        s.send("STARTTLS\r\nRSET\r\n")
        s.read()
        s.wrap()
        s.talk("NOOP", "QUIT")


@scenario(main=TLS.replace("= may", "= encrypt"), files=FILES)
def tls_required(mta):
    with mta.smtp() as s:
        s.talk(FROM, HELLO, "NOOP", FROM, "VRFY alice", "RSET", "STARTTLS")
        s.wrap()
        s.talk(HELLO, FROM, "QUIT")


@scenario(main=TLS, files=FILES)
def failed_handshake(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "STARTTLS")
        s.send("EHLO this is no handshake\r\n")
        s.socket.settimeout(5)
        with contextlib.suppress(OSError):
            s.socket.recv(1000)
    mta.wait_log("disconnect from")


@scenario(main=TLS, files=FILES)
def wrapper_mode(mta):
    import ssl
    with contextlib.closing(socket.create_connection((mta.address, SMTPS), timeout=10,
                                                     source_address=(mta.room.address(128), 0))) as raw:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        wrapped = context.wrap_socket(raw)
        got = wrapped.recv(1000)
        wrapped.sendall(b"EHLO client.test\r\n")
        got += wrapped.recv(1000)
        wrapped.sendall(b"QUIT\r\n")
        got += wrapped.recv(1000)
        mta.note("session", got)
    mta.wait_log("disconnect from")


@scenario(main="smtpd_tls_security_level = may\n")
def starttls_without_certificate(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "STARTTLS", "QUIT")


@scenario(main=AUTH)
def auth_plain(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, "AUTH", "AUTH PLAIN a b", f"AUTH PLAIN {plain('joe', 'wrong')}", "AUTH FOO", "AUTH PLAIN !!!",
               "AUTH PLAIN", plain("joe", "wrong"), "AUTH PLAIN", "*", f"AUTH plain {plain('joe', 'secret')}",
               f"AUTH PLAIN {plain('joe', 'secret')}", "QUIT")


@scenario(main=AUTH)
def auth_login(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, "AUTH LOGIN", b64("joe"), b64("wrong"), "AUTH LOGIN", b64("joe"), "*", "AUTH LOGIN " + b64("joe"),
               b64("secret"), "QUIT")


@scenario(main=AUTH)
def auth_in_a_transaction(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, FROM, f"AUTH PLAIN {plain('joe', 'secret')}", "RSET", "QUIT")


@scenario(main=AUTH)
def login_opens_relaying(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<x@elsewhere.test>", "RSET", f"AUTH PLAIN {plain('joe', 'secret')}", FROM,
               "RCPT TO:<x@elsewhere.test>", "RSET", FROM + " AUTH=<>", "RCPT TO:<u1@virt.test>")
        s.data("Subject: authenticated\n\nbody\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=AUTH + "smtpd_sasl_authenticated_header = yes")
def login_in_received(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, f"AUTH PLAIN {plain('joe', 'secret')}")
        s.mail("carol@remote.test", "u1@virt.test", "Subject: authenticated\n\nbody\n", hello="NOOP")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=AUTH + TLS + "smtpd_tls_auth_only = yes", files=FILES)
def auth_only_over_tls(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, f"AUTH PLAIN {plain('joe', 'secret')}", "STARTTLS")
        s.wrap()
        s.talk(HELLO, f"AUTH PLAIN {plain('joe', 'secret')}", "QUIT")


ANSWERS = {
    "drop": "", "reason": "FAIL\t{n}\tuser=reason\treason=account is locked", "code": "FAIL\t{n}\tuser=code\tcode=temp_fail", "bare": "FAIL\t{n}", "nobody": "OK\t{n}", "foreign": "OK\t77\tuser=x",
    "junk": "FAIL", "words": "WHAT\t{n}\tuser=words\nFAIL\t{n}\tuser=words", "mech": "MECH\tPLAIN\nFAIL\t{n}\tuser=mech",
    "odd": "FAIL\t{n}\tuser=o\x07d \xe9\treason=a  b\xe9", "cont": "CONT\t{n}\tbm90aGluZw==",
}


def sent(user):
    return f"AUTH PLAIN {plain(user, 'secret')}"


@scenario(main=AUTH)
def answers_of_the_auth_server(mta):
    """Refused, put off, with and without reasons; lost in the middle."""
    with AuthServer(mta.conf / "auth.sock", {"joe": "secret"}, ANSWERS):
        for users in (("reason", "bare", "joe"), ("code", "mech"), ("odd", "words"),
                      ("drop", "joe"), ("nobody",)):
            with mta.smtp() as s:
                s.talk(HELLO, *map(sent, users), "QUIT")
        with mta.smtp() as s:
            s.talk(HELLO, sent("cont"), b64("x"), "QUIT")


@scenario(main=AUTH)
def auth_server_that_hangs(mta):
    with AuthServer(mta.conf / "auth.sock", {"joe": "secret"}, {"hang": None, "foreign": ANSWERS["foreign"]}):
        with mta.smtp() as s:
            s.talk(HELLO, sent("hang"), sent("joe"), "QUIT")


BASE64 = ("a", "ab", "abc", "YWI", "YWJj", "YQ==x", "YQ==YQ==", "=a==", "====", "YQ=", "Y=Q=", "YR==", "Y Q", "YQ!=", "-_-_")


@scenario(main=AUTH)
def initial_responses(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO, "AUTH PLAIN =", "AUTH PLAIN ==", *(f"AUTH PLAIN {text}" for text in BASE64), "AUTH LOGIN =", b64("secret"), "AUTH FOO =", "QUIT")


@scenario(main=AUTH)
def long_responses(mta):
    with auth(mta), mta.smtp() as s:
        s.talk(HELLO)
        for size in (12287, 12288, 12289, 12292, 20000):
            s.talk("AUTH PLAIN", "A" * size)
        s.talk("AUTH PLAIN " + "A" * 2036, "AUTH PLAIN " + "A" * 2037, "AUTH PLAIN " + "A" * 2400, "NOOP " + "x" * 3000, "QUIT")


PLACES = ("inet:127.0.0.1:5951", "inet:[127.0.0.1]:5951", "inet:localhost:5951", "unix:@CONF@/a.sock", "@CONF@/a.sock",
          "private/auth", "unix:private/auth")


@scenario(main=AUTH, master="".join(f"@ADDRESS@:{number} inet n - n - - smtpd -o smtpd_sasl_path={place}\n"
                                    for number, place in enumerate(PLACES, 2611)))
def places_of_the_auth_server(mta):
    users = {"joe": "secret"}
    with AuthServer(("127.0.0.1", 5951), users), AuthServer(mta.conf / "a.sock", users), \
            AuthServer(mta.queue / "private/auth", users):
        for number, place in enumerate(PLACES, 2611):
            with mta.smtp(port=number) as s:
                s.talk(HELLO, sent("joe"), "QUIT")


@scenario(main=AUTH)
def auth_server_that_went_away(mta):
    """A session that found it, and asks when it is gone."""
    server = AuthServer(mta.conf / "auth.sock", {"joe": "secret"})
    with server, mta.smtp() as s:
        s.talk(HELLO, sent("eve"))
        server.stop()
        (mta.conf / "auth.sock").unlink()
        s.talk(sent("joe"), sent("joe"))
        with auth(mta):
            s.talk(sent("joe"), "QUIT")


@scenario
def auth_not_enabled(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "AUTH PLAIN", "QUIT")


@scenario(main=AUTH + TLS + "smtpd_client_restrictions = permit_sasl_authenticated, reject", files=FILES)
def submission(mta):
    with auth(mta):
        with mta.smtp(port=SUBMISSION) as s:
            s.talk(HELLO, FROM, "RCPT TO:<u1@virt.test>", "QUIT")
        with mta.smtp(port=SUBMISSION) as s:
            s.starttls(HELLO)
            s.talk(f"AUTH PLAIN {plain('joe', 'secret')}", FROM, "RCPT TO:<u1@virt.test>", "QUIT")
    check(mta.running(), "still there")
