"""smtpd_upstream_proxy_protocol: the header that a load balancer puts before the first command, whole, torn and broken."""
import socket
import struct
import time

from support import check
from support.compare import scenario

MAIN = "smtpd_upstream_proxy_protocol = haproxy\nsmtpd_upstream_proxy_timeout = 1s\nsmtpd_error_sleep_time = 0\n"
MAGIC = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(command=1, family=0x11, source="192.0.2.7", target="192.0.2.1", extra=b"", ports=(4711, 25), length=None):
    kind = socket.AF_INET6 if family >> 4 == 2 else socket.AF_INET
    body = b"" if family == 0 else socket.inet_pton(kind, source) + socket.inet_pton(kind, target) + struct.pack("!HH", *ports)
    body += extra
    return MAGIC + bytes([0x20 | command, family]) + struct.pack("!H", len(body) if length is None else length) + body


def talk(mta, name, *pieces, client=128, pause=0.0, lines=("EHLO c.test", "QUIT"), half_close=False, hasty=False):
    """Sends the pieces, then a command for each reply; all that comes back is noted, unless the server hangs up on what it has
    not read (hasty): its last words may be lost then."""
    out = []
    with socket.create_connection((mta.address, 2525), timeout=20, source_address=(mta.room.address(client), 0)) as s:
        try:
            for piece in pieces:
                s.sendall(piece)
                time.sleep(pause)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            with s.makefile("rb") as replies:
                converse(s, replies, lines, out)
        except OSError:
            check(hasty, f"{name}: reset after {out}")
    if not hasty:
        mta.note(name, "\n".join(out))


def converse(peer, replies, lines, out):
    for line in (*lines, None):
        while reply := replies.readline().decode("latin-1").rstrip("\r\n"):
            out.append(reply)
            if reply[3:4] != "-":
                break
        if not reply or line is None:
            return
        out.append("C: " + line)
        peer.sendall(line.encode() + b"\r\n")


@scenario(main=MAIN)
def headers(mta):
    talk(mta, "version 1", b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
    talk(mta, "known name", b"PROXY TCP4 " + mta.room.address(100).encode() + b" 192.0.2.1 4711 25\r\n",
         lines=("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<u1@virt.test>", "QUIT"))
    talk(mta, "version 2", version_2())
    talk(mta, "version 2, local", version_2(command=0, family=0))
    talk(mta, "version 2, local with addresses", version_2(command=0))
    talk(mta, "version 2, with extensions", version_2(extra=b"\x02\0\x03abc\x20\0\x05\0\0\0\0\0"))


@scenario(main=MAIN, ignore="warning: haproxy")
def no_headers(mta):
    """The words of the warnings are the parser's own."""
    for name, header in {
            "no header": b"EHLO c.test\r\n", "too long": b"PROXY TCP4 " + b"1" * 200, "no ports": b"PROXY TCP4 192.0.2.7 192.0.2.1\r\n",
            "bad address": b"PROXY TCP4 192.0.2.777 192.0.2.1 4711 25\r\n", "names": b"PROXY TCP4 localhost localhost 1 2\r\n",
            "bad port": b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 25\r\n", "other family": b"PROXY UDP4 192.0.2.7 192.0.2.1 1 25\r\n",
            "IPv6 where there is none": b"PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n", "bare newline": b"PROXY\n",
            "version 2, wrong version": MAGIC + b"\x31\x11\0\x0c" + b"x" * 12, "version 2, datagrams": version_2(family=0x12),
            "version 2, short": version_2(length=8), "version 2, unspecified": version_2(family=0),
            "version 2, too long": version_2(extra=b"\x04\x0f\xa0" + b"x" * 4000), "version 2, command": version_2(command=5),
            "version 2, IPv6": version_2(family=0x21, source="2001:db8::1", target="2001:db8::2"), "zeros": b"\0" * 600}.items():
        talk(mta, name, header, hasty=True)
    talk(mta, "nothing", client=129, hasty=True)
    talk(mta, "half of it", b"PROXY TCP4 192.0.2.7", hasty=True)
    talk(mta, "half of it, then the end", b"PROXY TCP4 192.0.2.7", half_close=True, hasty=True)
    talk(mta, "half of version 2", version_2()[:20], hasty=True)
    talk(mta, "the end", half_close=True, hasty=True)
    talk(mta, "still there", b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")


@scenario(main=MAIN + "smtpd_client_port_logging = yes\nsmtpd_authorized_xclient_hosts = 192.0.2.7\nmynetworks = 192.0.2.0/24")
def the_client_has_the_rights_of_its_address(mta):
    talk(mta, "of this network", b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
         lines=("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<x@elsewhere.test>", "XCLIENT ADDR=192.0.2.9", "RSET", "XCLIENT ADDR=192.0.2.9",
                "EHLO d.test", "QUIT"))
    talk(mta, "a stranger", b"PROXY TCP4 198.51.100.1 192.0.2.1 4711 25\r\n",
         lines=("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<x@elsewhere.test>", "QUIT"))
