"""What Dovecot auth servers say when they greet, and what of it is offered.  With a greeting that is none, Postfix's smtpd
ends: tests/system/test_smtpd_auth_server.py has what ours does."""
from support.auth_server import GREETING, AuthServer
from support.compare import scenario
from support.sasl import plain

HELLO = "EHLO client.test"
TAIL = b"SPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n"
GREETINGS = {
    "minor": GREETING.replace(b"VERSION\t1\t1", b"VERSION\t1\t99"),
    "unversioned": GREETING.replace(b"VERSION\t1\t1\n", b""),
    "unknown": b"WHAT\tis\tthis\n\n\t\n" + GREETING,
    "properties": b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\tnew\nMECH\tSCRAM-SHA-256\tmutual-auth\nMECH\tHIDDEN\tprivate\nMECH\tA\tanonymous\n"
                  b"MECH\tlower\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tF\tforward-secrecy\tdictionary\n" + TAIL,
    "empty": b"VERSION\t1\t1\nMECH\n" + GREETING,
}
OPTIONS = ("noplaintext", "noanonymous", "nodictionary", "noactive", "mutual_auth", "forward_secrecy", "", "noplaintext,noactive")
MAIN = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 100\n"
MASTER = "".join(f"@ADDRESS@:{port} inet n - n - - smtpd -o smtpd_sasl_path=@CONF@/{name}\n" for port, name in enumerate(GREETINGS, 2641))
MASTER += "".join(f"@ADDRESS@:{port} inet n - n - - smtpd -o smtpd_sasl_path=@CONF@/properties -o smtpd_sasl_security_options={text}\n"
                  for port, text in enumerate(OPTIONS, 2661))


def dovecot(**options):
    return scenario(main=MAIN, master=MASTER, **options)


def sent():
    return "AUTH PLAIN " + plain("joe", "secret")


@dovecot()
def greetings(mta):
    for port, (name, text) in enumerate(GREETINGS.items(), 2641):
        mta.note("greeting", name)
        with AuthServer(mta.conf / name, {"joe": "secret"}, greeting=text), mta.smtp(port=port) as s:
            s.talk(HELLO, sent(), "QUIT")


@dovecot()
def properties(mta):
    with AuthServer(mta.conf / "properties", {"joe": "secret"}, greeting=GREETINGS["properties"]):
        for port, text in enumerate(OPTIONS, 2661):
            mta.note("options", text)
            with mta.smtp(port=port) as s:
                s.talk(HELLO, sent(), "AUTH HIDDEN", "AUTH LOWER", "AUTH CRAM-MD5", "*", "QUIT")
