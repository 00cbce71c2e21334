"""Servers that hang, hang up, lie or say too much while TLS is being started."""
import functools
import time

from support import certificates
from support.compare import scenario
from support.room import room
from support.tls_servers import OFFER, listening, safe

CLIENT = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_tls_security_level = encrypt
smtp_starttls_timeout = 2s
smtp_helo_timeout = 2s
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_policy_maps = inline:{ long.f.test=verify }
"""


@functools.cache
def long_chain(length=100):
    """The script of a server whose certificate has so many issuers."""
    issuer = "ca"
    names = []
    for n in range(length):
        certificates.make(f"long{n}", ["none.test"], key="P-256", issuer=issuer, subject=f"Issuer {n}")
        issuer = f"long{n}"
        names.insert(0, issuer)
    return safe("flong", ["mx.long.f.test"], *names, issuer=issuer)


def twice(first, second):
    """A reply for the first command of its kind in a session, and one for those after it.  Sessions come one by one."""
    count = [0]

    def answer(_line):
        count[0] += 1
        return first if count[0] % 2 else second
    return answer


@functools.cache
def servers():
    good = safe("frsa", ["mx.good.f.test"])
    return {
        "long": long_chain(),
        "inject": {**good, "STARTTLS": "220 go\n250-evil.test\n250 SIZE 1"},  # RFC 3207 6: what was said before counts no longer
        "again": good,  # offers STARTTLS inside TLS, too
        "hangs": {"EHLO": OFFER, "STARTTLS": "HANG"},
        "closes": {"EHLO": OFFER, "STARTTLS": "CLOSE"},
        "nocode": {"EHLO": OFFER, "STARTTLS": "hello"},
        "yes250": {**good, "STARTTLS": "250 ok"},
        "no354": {**good, "STARTTLS": "354 go"},
        "no550": {**good, "STARTTLS": "550 5.7.0 never"},
        "no421": {**good, "STARTTLS": "421 4.3.2 later"},
        "silent": {"EHLO": OFFER, "STARTTLS": "220 go\n", "TLS": Silent()},
        "ehlohangs": {**good, "EHLO": twice(OFFER, "HANG")},
        "ehlocloses": {**good, "EHLO": twice(OFFER, "CLOSE")},
        "ehlo500": {**good, "EHLO": twice(OFFER, "500 what?"), "HELO": "250 sink.test"},
        "ehlo421": {**good, "EHLO": twice(OFFER, "421 4.3.2 later")},
        "garbage": {"EHLO": OFFER, "STARTTLS": "220 go", "TLS": Garbage()},
    }


class Silent:
    """In place of an ssl.SSLContext: says nothing in the handshake."""

    def wrap_socket(self, peer, server_side):
        time.sleep(4)
        raise OSError("enough")


class Garbage:
    """Answers in the clear."""

    def wrap_socket(self, peer, server_side):
        peer.recv(4096)
        peer.sendall(b"220 I do not know what you mean\r\n" * 10)
        time.sleep(0.2)
        raise OSError("enough")


@functools.cache
def announce():
    for n, name in enumerate(servers(), 100):
        room().dns.add_host(f"mx.{name}.f.test", room().address(n))
        room().dns.add(f"{name}.f.test", "MX", (10, f"mx.{name}.f.test"))


@scenario(main=CLIENT + "smtp_tls_block_early_mail_reply = yes\n", files=certificates.files(), transcripts=False,
          ignore="smtpd|TLS library problem|non-ESMTP response|to prevent loss of mail")
def while_tls_is_started(mta):
    announce()
    with listening(mta, 100, servers()):
        mta.mail("carol@example.test", [f"x@{name}.f.test" for name in servers()])
        mta.settle()
