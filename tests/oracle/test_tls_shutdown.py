"""tls_fast_shutdown_enable: whether a TLS session ends when one side has said so, or both."""
import socket
import ssl
import time

from support import certificates, check
from support.compare import scenario

MAIN = ("smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\n"
        "smtpd_starttls_timeout = 3s\ntls_fast_shutdown_enable = no\n")
FILES = certificates.files()


def seconds_to_the_end(mta, port, answers):
    """From the reply to QUIT to the end of the connection, with or without a goodbye of the client's."""
    with mta.smtp(port=port) as session:
        session.starttls()
        with socket.socket(fileno=socket.dup(session.socket.fileno())) as plain:
            session.talk("QUIT")
            began = time.monotonic()
            if answers:
                try:
                    session.socket.unwrap()
                except (OSError, ssl.SSLError):
                    pass
            plain.settimeout(10)
            while plain.recv(1000):
                pass
            return time.monotonic() - began


@scenario(main=MAIN, files=FILES, log=False, master="@ADDRESS@:2681 inet n - n - - smtpd\n  -o tls_fast_shutdown_enable=yes\n")
def both_sides_say_goodbye(mta):
    slow, fast = seconds_to_the_end(mta, 2525, answers=False), seconds_to_the_end(mta, 2525, answers=True)
    check(2 < slow < 6, f"waited {slow} s for a client that does not answer")
    check(fast < 1.5, f"waited {fast} s for one that does")
    fast = seconds_to_the_end(mta, 2681, answers=False)
    check(fast < 1.5, f"waited {fast} s with tls_fast_shutdown_enable")
