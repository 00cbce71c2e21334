"""AUTH through Cyrus SASL: smtpd_sasl_type = cyrus."""
import contextlib
import sqlite3

from support import certificates, sasl
from support.compare import scenario
from support.sasl import b64, plain

PLUGINS = ":".join(sasl.need_plugins())
HELLO = "EHLO client.test"
TLS = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
"""
FROM = "MAIL FROM:<carol@remote.test>"
USERS = {"joe": "secret", "eve": "other"}
MECHANISMS = "PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 ANONYMOUS"
FILES = {
    **certificates.files(),
    "sasl/smtpd.conf": f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @CONF@/sasldb2\nmech_list: {MECHANISMS}\n",
    "sasl/authd.conf": "pwcheck_method: saslauthd\nsaslauthd_path: @CONF@/authd/mux\nmech_list: PLAIN LOGIN\n",
    "sasl/fake.conf": "pwcheck_method: saslauthd\nsaslauthd_path: @CONF@/fake/mux\nmech_list: PLAIN LOGIN\n",
    "sasl/verifier.conf": "pwcheck_method: foo\nmech_list: PLAIN LOGIN\n",
    "sasl/sql.conf": "pwcheck_method: auxprop\nauxprop_plugin: sql\nsql_engine: sqlite3\nsql_database: @CONF@/users\n"
                     "sql_select: SELECT password FROM users WHERE name = '%u' AND realm = '%r'\nmech_list: PLAIN CRAM-MD5\n",
    "sasl/gone.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @CONF@/nothing\nmech_list: PLAIN LOGIN CRAM-MD5\n",
    "sasl/plugin.conf": "pwcheck_method: auxprop\nauxprop_plugin: nosuch\nmech_list: PLAIN LOGIN CRAM-MD5\n",
}
SERVICES = ("-o smtpd_sasl_path=authd", "-o smtpd_sasl_path=fake", "-o smtpd_sasl_path=verifier", "-o smtpd_sasl_path=gone",
            "-o smtpd_sasl_path=plugin", "-o smtpd_sasl_security_options=noanonymous,noplaintext",
            "-o smtpd_sasl_security_options=mutual_auth", "-o smtpd_sasl_local_domain=other.test",
            "-o smtpd_sasl_mechanism_filter=!plain,static:rest", "-o smtpd_sasl_service=submission -o smtpd_sasl_path=fake",
            "-o smtpd_sasl_response_limit=12300", "-o smtpd_sasl_exceptions_networks=$mynetworks",
            "-o smtpd_tls_security_level=may -o smtpd_sasl_security_options=noplaintext -o smtpd_sasl_tls_security_options=noanonymous",
            "-o smtpd_sasl_authenticated_header=yes -o broken_sasl_auth_clients=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject",
            "-o smtpd_sasl_path=sql")
PORT = {options: number for number, options in enumerate(SERVICES, 2621)}
MAIN = f"import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH={PLUGINS}\n"
MAIN += "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\ncyrus_sasl_config_path = @CONF@/sasl\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 100\n" + TLS
MASTER = "".join(f"@ADDRESS@:{number} inet n - n - - smtpd {options}\n" for options, number in PORT.items())


def cyrus(**options):
    return scenario(main=MAIN, master=MASTER, files=FILES, **options)


@contextlib.contextmanager
def at(mta, options=None):
    if not (mta.conf / "sasldb2").exists():
        sasl.make_sasldb(mta.conf / "sasldb2", USERS)
        sasl.make_sasldb(mta.conf / "sasldb2", {"joe": "elsewhere"}, "other.test")
    with mta.smtp(**({"port": PORT[options]} if options else {})) as s:
        s.command(HELLO)
        yield s


def sent(user, password="secret"):
    return f"AUTH PLAIN {plain(user, password)}"


@cyrus()
def replies(mta):
    with at(mta) as s:
        s.talk("AUTH", "AUTH FOO", "AUTH FOO =", "AUTH PLAIN a b", sent("joe", "wrong"), sent("nobody"), sent("joe@mx.example.test", "wrong"), "AUTH PLAIN !!!", "AUTH PLAIN =",
               "AUTH PLAIN a", "AUTH PLAIN YWI", "AUTH PLAIN", plain("joe", "wrong"), "AUTH PLAIN", "*", "AUTH PLAIN", "", "AUTH PLAIN", "!!", "AUTH LOGIN", b64("joe"), b64("wrong"),
               "AUTH LOGIN", b64("joe"), "*", "AUTH LOGIN " + b64("joe"), b64("wrong"), "AUTH LOGIN =", b64("x"), "QUIT")
    with at(mta) as s:
        s.talk(FROM, sent("joe"), "RSET", sent("joe"), sent("joe"), FROM + " AUTH=<>", "RCPT TO:<x@elsewhere.test>", "QUIT")
    for text in (plain("joe", "secret", "eve"), plain("joe@mx.example.test", "secret"), plain("joe@other.test", "elsewhere"), b64("joe\0secret"), b64("\0joe\0secret\0x"), b64("\0\xe9\0\xe9")):
        with at(mta) as s:
            s.talk("AUTH PLAIN " + text, "QUIT")
    for first in ("AUTH ANONYMOUS " + b64("me"), "AUTH CRAM-MD5 =", "AUTH DIGEST-MD5 =", "AUTH SCRAM-SHA-1 " + b64("n,,n=joe,r=x"), "AUTH SCRAM-SHA-1 zzz"):
        with at(mta) as s:
            reply = s.command(first)
            mta.note(first, reply.code)
            s.transcript.clear()
            s.command("*" if reply.code == "334" else "NOOP")


@cyrus(transcripts=False)
def mechanisms(mta):
    for name in MECHANISMS.split()[2:6]:
        for user, password in (("joe", "secret"), ("joe", "wrong"), ("nobody", "x")):
            with at(mta) as s:
                mta.note(f"{name} {user} {password}", sasl.log_in(s, name, user, password))
                mta.note("then", s.command(FROM) if password == "secret" else "")


FAKE = {"yes": "OK", "no": "NO", "why": "NO out of order", "junk": "WHAT", "gone": "", "torn": b"\0\x09OK", "huge": b"\xff\xff" + b"N" * 65535, "tiny": b"\0"}


@cyrus()
def saslauthd(mta):
    options = "-o smtpd_sasl_path=authd"
    with at(mta, options) as s:
        s.talk(sent("joe"))
        server = sasl.Saslauthd(mta.conf / "authd", USERS).start()
        s.talk(sent("joe", "wrong"), "AUTH PLAIN " + plain("eve", "other", "joe"), sent("joe"), FROM, "RCPT TO:<x@elsewhere.test>", "QUIT")
        server.stop()
    with at(mta, options) as s:
        s.talk(sent("joe"))
        server.start()
        s.talk("AUTH LOGIN", b64("joe"), b64("secret"), "QUIT")
    server.stop()


@cyrus()
def saslauthd_that_lies(mta):
    with sasl.FakeSaslauthd(mta.conf / "fake/mux", FAKE) as server:
        for password in FAKE:
            with at(mta, "-o smtpd_sasl_path=fake") as s:
                s.talk(sent("joe", password), sent("joe", "yes"), "QUIT")
        with at(mta, "-o smtpd_sasl_path=fake") as s:
            s.talk(sent("joe@x.test", "no"), sent("j" * 300, "no"), "AUTH LOGIN", b64("joe"), b64("x" * 1200), "QUIT")
        mta.note("requests", server.requests)


@cyrus(transcripts=False)
def passwords_in_a_database(mta):
    with contextlib.closing(sqlite3.connect(mta.conf / "users")) as base:
        base.execute("CREATE TABLE users (name, realm, password)")
        base.executemany("INSERT INTO users VALUES (?, 'mx.example.test', ?)", USERS.items())
        base.commit()
    for user, password in (("joe", "secret"), ("joe", "wrong"), ("eve", "other"), ("x' OR 'a'='a", "secret")):
        with at(mta, "-o smtpd_sasl_path=sql") as s:
            mta.note(f"{user} {password}", s.talk(sent(user, password), "QUIT")[0])
        with at(mta, "-o smtpd_sasl_path=sql") as s:
            mta.note(f"{user} {password}", sasl.log_in(s, "CRAM-MD5", user, password))
    (mta.conf / "users").unlink()
    with at(mta, "-o smtpd_sasl_path=sql") as s:
        mta.note("no database", s.talk(sent("joe"), "QUIT")[0])


@cyrus()
def offers(mta):
    for options in SERVICES:
        mta.note("offers", options)
        with at(mta, options) as s:
            s.talk(sent("joe"), "QUIT")


@cyrus()
def responses_at_the_limit(mta):
    for options, limit in ((None, 12288), ("-o smtpd_sasl_response_limit=12300", 12300)):
        for size in (limit - 1, limit, limit + 1):
            with at(mta, options) as s:
                s.talk("AUTH PLAIN", "A" * size, "NOOP", "QUIT")


@cyrus()
def what_tls_changes(mta):
    with at(mta, SERVICES[12]) as s:
        s.talk(sent("joe"), "STARTTLS")
        s.wrap()
        s.talk(HELLO, sent("joe"), "QUIT")


@cyrus()
def mail_of_a_login(mta):
    with at(mta, SERVICES[13]) as s:
        s.talk(FROM + " AUTH=<carol@remote.test>", "RSET", sent("joe"))
        s.mail("carol@remote.test> AUTH=<x+2By@remote.test", "u1@virt.test", "Subject: x\n\nbody\n", hello="NOOP")
        for text in ("<> AUTH=<>", "<> AUTH=a", "a AUTH=<>", "a AUTH=b", "a+2", "a+zz", "a+2B", "", "a+0A", "+", "a=b", "<a@b.test>", "a\"b", "\xe9"):
            s.talk(f"{FROM} AUTH={text}", "RSET")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))
    with at(mta, SERVICES[13]) as s:
        s.command("AUTH LOGIN")


@cyrus()
def sessions_that_end_in_the_middle(mta):
    for lines in (("AUTH LOGIN",), ("AUTH LOGIN", b64("joe")), ("AUTH SCRAM-SHA-1",)):
        with at(mta) as s:
            s.talk(*lines)
    with at(mta) as s:
        s.talk(*(line for _ in range(5) for line in ("AUTH LOGIN", b64("joe"), "*")), sent("joe"), "QUIT")
