"""A TLS session that is resumed ends its handshake with the client's words: they are acknowledged at once, since a client with Nagle's
algorithm on sends no command before.  The kernel would wait for 40 ms."""
import ssl
import time

from support import certificates, check
from support.instance import Instance

MAIN = "smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\n"
DELAYED = 0.040  # seconds until the kernel acknowledges what has no answer
SESSIONS = 20


def until_ready(mta, context, old):
    """(the session, whether it was resumed, seconds from the handshake to the reply to EHLO)"""
    with mta.smtp() as session:
        session.talk("EHLO a.test", "STARTTLS")
        began = time.monotonic()
        session.socket = context.wrap_socket(session.socket, session=old)
        session.talk("EHLO a.test")
        took = time.monotonic() - began
        session.talk("QUIT")
        return session.socket.session, session.socket.session_reused, took


def resumed_quickly(mta, version):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    session, _, _ = until_ready(mta, context, None)
    times = []
    for _ in range(SESSIONS):
        session, resumed, took = until_ready(mta, context, session)
        check(resumed, f"{version}: the session is resumed")
        times.append(took)
    # Others on the machine may make one wait, but not each time.
    check(min(times) < DELAYED * 0.9, f"{version}: the quickest took {min(times)} s")


def test_resumed_sessions_are_not_held_up():
    mta = Instance(main=MAIN, files=certificates.files()).start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        resumed_quickly(mta, version)
