"""Load balancers in front of smtpd: HAProxy itself, and headers that come in pieces, which Postfix does not take."""
import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import time

from support import Skip, certificates, check, equal, oracle
from support.imap import ImapInstance
from support.instance import Instance
from support.pop3_pair import Pop3Instance
from support.smtp_client import SmtpClient

MAIN = "smtpd_upstream_proxy_protocol = haproxy\nsmtpd_upstream_proxy_timeout = 1s\nnotify_classes =\n"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 12) + bytes([192, 0, 2, 7, 192, 0, 2, 1]) + struct.pack("!HH", 4711, 25)

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    shutil.which("haproxy", path="/usr/sbin:/usr/bin") or oracle.tree("haproxy")


def connected(mta, port=2525):
    return socket.create_connection((mta.address, port), timeout=20, source_address=(mta.room.address(128), 0))


def first_lines(peer):
    with peer.makefile("rb") as replies:
        return replies.readline().decode()


def test_headers_in_pieces():
    mta = Instance("ours", main=MAIN + "inet_protocols = all\n").start()
    for header in (V1, V2):
        for pieces in ([header[:n] for n in (1,)] + [header[1:]], [bytes([b]) for b in header], [header[:20], header[20:] + b"EHLO x\r\n"]):
            with connected(mta) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    s.sendall(piece)
                    time.sleep(0.001)
                check(first_lines(s).startswith("220 "), str(pieces))
    mta.wait_log(r"connect from unknown\[192\.0\.2\.7\]", count=6)
    with connected(mta) as s:  # a drip that never ends is over in time
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            for byte in V1[:12]:
                s.sendall(bytes([byte]))
                time.sleep(0.1)
        check(first_lines(s).startswith("421 4.3.0 "), "it is told so")
        check(time.monotonic() - begun < 3, "in time")
    mta.check_sane()
    mta.stop()


def test_a_tls_handshake_right_behind_the_header():
    mta = Instance("ours", main=MAIN + "smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\n",
                   files=certificates.files()).start()
    for header in (V1, V2):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tls = context.wrap_bio(incoming, outgoing)
        with connected(mta, 4650) as s:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            s.sendall(header + outgoing.read())
            line = b""
            while b"\n" not in line:
                incoming.write(s.recv(65536) or b"")
                try:
                    line += tls.read(1000)
                except ssl.SSLWantReadError:
                    pass
                if left := outgoing.read():
                    s.sendall(left)
            check(line.startswith(b"220 "), str(line))
    mta.wait_log(r"smtps/smtpd.*connect from unknown\[192\.0\.2\.7\]", count=2)
    mta.stop()


@contextlib.contextmanager
def haproxy(mta, send_proxy):
    """HAProxy on NET.40:2525 in front of this instance, speaking for its clients; as it is set up for mail."""
    path = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    path = path or oracle.tree("haproxy") / "usr/sbin/haproxy"
    folder = mta.root / "haproxy"
    folder.mkdir(exist_ok=True)
    (folder / "haproxy.cfg").write_text(f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend smtp
    bind {mta.room.address(40)}:2525
    default_backend mail
backend mail
    source {mta.room.address(41)}
    server mx {mta.address}:2525 {send_proxy} check inter 200ms
""")
    environment = {"LD_LIBRARY_PATH": oracle.library_path(oracle.tree("haproxy"))} if "oracle" in str(path) else {}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([path, "-db", "-f", folder / "haproxy.cfg"], stdout=log, stderr=log, env=environment)
    try:
        end = time.monotonic() + 10
        while True:
            with socket.socket() as s:
                if s.connect_ex((mta.room.address(40), 2525)) == 0:
                    break
            check(process.poll() is None and time.monotonic() < end, (folder / "log").read_text())
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_haproxy_in_front():
    for send_proxy in ("send-proxy", "send-proxy-v2"):
        mta = Instance("ours", main=MAIN).start()
        with haproxy(mta, send_proxy):
            with SmtpClient(mta.room.address(40), 2525, mta.room.address(100)) as s:
                check(s.mail("a@b.test", "u1@virt.test", "Subject: through a proxy\n\nx\n").code == "250", "\n".join(s.transcript))
                check(s.command("RCPT TO:<x@y.test>").code == "503", "the session goes on")
            with SmtpClient(mta.room.address(40), 2525, mta.room.address(177)) as s:
                s.talk("EHLO c.test", "MAIL FROM:<a@b.test>")
                check(s.command("RCPT TO:<x@elsewhere.test>").code == "454", "a stranger is no client of ours")
        mta.settle()
        check(f"[{mta.room.address(100)}]\n" in mta.log_text() and "connect from" in mta.log_text(), mta.log_text())
        check(f" [{mta.room.address(100)}])".encode() in mta.virtual("u1")[0], "Received: tells of the client")
        mta.check_sane()
        mta.stop()


def first_of(mail, port, header, commands):
    """What a mailbox service says to a header and the commands behind it, to the end."""
    with socket.create_connection((mail.address, port), timeout=20) as s:
        s.sendall(header + commands)
        s.shutdown(socket.SHUT_WR)
        with s.makefile("rb") as replies:
            return replies.read()


def test_mailbox_services():
    """The client is whom the header names, for the limits and in the log; without a header nobody is served."""
    for make, name, port, wrong in ((ImapInstance, "imap", 1430, b"a LOGIN bob wrong\r\n"), (Pop3Instance, "pop3", 1100, b"USER bob\r\nPASS wrong\r\n")):
        mail = make(main=f"{name}_upstream_proxy_protocol = haproxy\n{name}_upstream_proxy_timeout = 1s\n{name}_tls_auth_only = no\n")
        for header in (V1, V2):
            said = first_of(mail, port, header, wrong)
            check(said.startswith((b"* OK", b"+OK")) and (b"NO" in said or b"-ERR" in said), str(said))
        mail.mta.wait_log(rf"{name}-login: Disconnected: .*? \(auth failed, 1 attempts .*: user=<bob>, .*rip=192\.0\.2\.7, lip=192\.0\.2\.1", count=2)
        for header in (b"", b"PROXY TCP4 nonsense\r\n", b"EHLO x\r\n", V2[:10]):
            equal(first_of(mail, port, header, b""), b"", f"{name} after {header}")
        begun = time.monotonic()
        with socket.create_connection((mail.address, port), timeout=20) as s:
            equal(s.recv(100), b"", "silence")
        check(0.8 < time.monotonic() - begun < 4, "in time")
        mail.mta.check_sane()
        mail.stop()


def test_a_header_does_not_free_from_tls():
    """Who is told to come from the address that he came to comes from elsewhere all the same."""
    same = b"PROXY TCP4 192.0.2.1 192.0.2.1 4711 25\r\n"
    for make, name, port, login, refusal in (
            (ImapInstance, "imap", 1430, b"a LOGIN bob secret\r\n", b"a NO [PRIVACYREQUIRED]"),
            (Pop3Instance, "pop3", 1100, b"USER bob\r\nPASS secret\r\n", b"-ERR")):
        mail = make(main=f"{name}_upstream_proxy_protocol = haproxy\n{name}_tls_security_level = encrypt\n{name}_tls_auth_only = no\n")
        with socket.create_connection((mail.address, port), timeout=20, source_address=(mail.mta.room.address(128), 0)) as s:
            s.sendall(same + login)
            s.shutdown(socket.SHUT_WR)
            with s.makefile("rb") as replies:
                said = replies.read()
        check(refusal in said and b"\n+OK Logged in" not in said and b"a OK" not in said, f"{name}: {said}")
        mail.stop()
