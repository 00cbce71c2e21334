"""AUTH through Debian's Dovecot, as the howtos set it up: service auth with a socket for smtpd."""
import contextlib
import types

from support.compare import scenario
from support.dovecot import Dovecot
from support.imap import PASSWORD
from support.sasl import b64, plain

HELLO = "EHLO client.test"
MAIN = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = @CONF@/auth\nsmtpd_error_sleep_time = 0\n"
LISTENER = "service auth {{\n  unix_listener {path} {{\n    mode = 0666\n  }}\n}}\nauth_failure_delay = 0\n"
# Failures are not to slow down the next attempt.
LISTENER += "service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n"


@contextlib.contextmanager
def dovecot(mta):
    mail = types.SimpleNamespace(mta=mta, address=mta.address, home=lambda user: mta.root)
    server = Dovecot(mail, complaints=False, more=LISTENER.format(path=mta.conf / "auth"))
    try:
        yield
    finally:
        server.stop()


@scenario(main=MAIN)
def logins(mta):
    with dovecot(mta):
        with mta.smtp() as s:
            s.talk(HELLO, "AUTH PLAIN " + plain("bob", "wrong"), "AUTH PLAIN " + plain("nobody", "x"), "AUTH PLAIN", "*",
                   "AUTH PLAIN " + plain("bob", PASSWORD, "joe"), "AUTH PLAIN " + b64("x"), "AUTH CRAM-MD5", "AUTH LOGIN", b64("bob"),
                   b64("wrong"), "AUTH LOGIN", b64("bob"), b64(PASSWORD), "QUIT")
        with mta.smtp() as s:
            s.talk(HELLO, "AUTH PLAIN " + plain("bob", PASSWORD), "MAIL FROM:<carol@remote.test> AUTH=<>",
                   "RCPT TO:<x@elsewhere.test>", "RSET", "QUIT")


@scenario(main=MAIN)
def dovecot_is_restarted(mta):
    with contextlib.ExitStack() as stack:
        with dovecot(mta):
            s = stack.enter_context(mta.smtp())
            s.talk(HELLO, "AUTH PLAIN " + plain("bob", "wrong"))
        with dovecot(mta):
            s.talk("AUTH PLAIN " + plain("bob", PASSWORD), "QUIT")
