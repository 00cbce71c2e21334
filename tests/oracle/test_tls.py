"""TLS on both sides: what smtpd and the SMTP client say, log and put into headers."""
import contextlib
import functools
import socket
import ssl
import subprocess

from support import certificates
from support.compare import scenario
from support.instance import SMTPS
from support.room import room
from support.sink import SmtpSink

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: safe\n\nHello\n"
FILES = certificates.files()
SERVER = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
"""
CLIENT = "smtp_tcp_port = 2525\nsmtp_tls_loglevel = 1\nsmtp_tls_fingerprint_digest = sha256\n"
MAY = CLIENT + "smtp_tls_security_level = may\n"
ENCRYPT = CLIENT + "smtp_tls_security_level = encrypt\n"
VERIFY = CLIENT + "smtp_tls_security_level = verify\nsmtp_tls_CAfile = @CONF@/ca.pem\n"
OFFER = "250-sink.test\n250-PIPELINING\n250-STARTTLS\n250 8BITMIME"


def hosts():
    dns = room().dns
    if not getattr(dns, "tls_hosts", False):
        for n, name in ((51, "mx.example.test"), (52, "mx.wild.test"), (53, "mx.other.test")):
            dns.add_host(name, room().address(n))
            dns.add(name.replace("mx.", "mail."), "MX", (10, name))
        dns.add_host("x.bad.test", room().address(51))
        dns.tls_hosts = True


def safe_sink(mta, host, context=None, **script):
    hosts()
    return mta.sink(host, TLS=context or certificates.server_context(), EHLO=OFFER,
                    **{"STARTTLS": "220 go", **script})


def send(mta, to):
    hosts()
    mta.mail("carol@example.test", to, TEXT)
    mta.settle()


@scenario(main=SERVER, files=FILES)
def starttls_and_mail(mta):
    with mta.smtp() as session:
        session.starttls()
        session.mail("a@remote.test", "bob@example.test", TEXT)
        session.command("QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER, files=FILES)
def starttls_misused(mta):
    with mta.smtp() as session:
        session.talk("STARTTLS now", "EHLO a.test", "MAIL FROM:<a@b.test>", "STARTTLS", "RSET")
        session.starttls()
        session.talk("STARTTLS", "QUIT")


@scenario(main=SERVER.replace("= may", "= encrypt"), files=FILES)
def mail_without_tls_where_it_is_required(mta):
    with mta.smtp() as session:
        session.talk("EHLO a.test", "MAIL FROM:<a@b.test>", "NOOP", "VRFY x", "QUIT")


@scenario(main=SERVER + "smtpd_tls_auth_only = yes\nsmtpd_tls_ask_ccert = yes\nsmtpd_tls_CAfile = @CONF@/ca.pem\n",
          files=FILES)
def client_certificates_asked_and_shown(mta):
    for certificate in (False, True):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            place = certificates.directory()
            context.load_cert_chain(place / "mx.pem", place / "mx.key")
        with mta.smtp() as session:
            session.talk("EHLO a.test", "STARTTLS")
            session.socket = context.wrap_socket(session.socket)
            session.mail("a@remote.test", "bob@example.test", TEXT)
            session.command("QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER.replace("= may", "= encrypt") + "smtpd_tls_req_ccert = yes\nsmtpd_tls_CAfile = @CONF@/ca.pem\n",
          files=FILES)
def client_certificates_required(mta):
    """Without one, or with one that no known authority signed, only the next command is heard."""
    place = certificates.directory()
    stranger = certificates.self_signed()
    for chain in (None, (stranger / "self.pem", stranger / "self.key"), (place / "mx.pem", place / "mx.key")):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if chain:
            context.load_cert_chain(*chain)
        with mta.smtp() as session:
            session.talk("EHLO a.test", "STARTTLS")
            session.socket = context.wrap_socket(session.socket)
            if session.command("EHLO a.test").code == "250":
                session.mail("a@remote.test", "bob@example.test", TEXT)
                session.command("QUIT")
            else:
                session.read()
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER + "smtpd_tls_req_ccert = yes\n", files=FILES)
def client_certificates_required_where_tls_is_not(mta):
    with mta.smtp() as session:
        session.starttls()
        session.mail("a@remote.test", "bob@example.test", TEXT)
        session.command("QUIT")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(socket.create_connection((mta.address, SMTPS), timeout=10,
                                                     source_address=(mta.room.address(128), 0))) as raw:
        with context.wrap_socket(raw) as session:
            session.sendall(b"EHLO a.test\r\n")
            mta.note("wrapper mode", session.recv(1000).decode().split("\r\n")[0])
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER + "smtpd_tls_mandatory_protocols = >=TLSv1.2\nsmtpd_tls_protocols = >=TLSv1.2, <=TLSv1.2\n",
          files=FILES)
def an_older_protocol(mta):
    with mta.smtp() as session:
        session.starttls()
        session.mail("a@remote.test", "bob@example.test", TEXT)
        session.command("QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER + "smtpd_tls_eecdh_grade = ultra\n", files=FILES)
def curves_of_the_past(mta):
    """The grade no longer chooses the curve, which the log and the Received header name."""
    with mta.smtp() as session:
        session.starttls()
        session.mail("a@remote.test", "bob@example.test", TEXT)
        session.command("QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=SERVER, files=FILES)
def sessions_are_resumed(mta):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        ticket = None
        for attempt in range(3):
            with mta.smtp() as session:
                session.talk("EHLO a.test", "STARTTLS")
                session.socket = context.wrap_socket(session.socket, server_hostname="mx.example.test",
                                                     session=ticket)
                session.talk("EHLO a.test", "QUIT")
                ticket = session.socket.session
                mta.note(f"{version.name} {attempt}", f"resumed: {session.socket.session_reused}")


@scenario(main=SERVER, files=FILES)
def no_handshake_at_all(mta):
    with mta.smtp() as session:
        session.talk("EHLO a.test", "STARTTLS")
        session.send(b"MAIL FROM:<a@b.test>\r\n")
        try:
            session.socket.recv(100)
        except OSError:
            pass


@scenario(main=MAY, files=FILES)
def opportunistic(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


@scenario(main=MAY, files=FILES)
def opportunistic_and_refused(mta):
    with safe_sink(mta, 51, STARTTLS="454 4.7.0 not today"):
        send(mta, "x@mail.example.test")


@scenario(main=MAY, files=FILES, log=False)
def opportunistic_and_broken(mta):
    """The server hangs up instead: the mail waits before it goes in the clear.  Whether the client
    sees an end or a reset depends on the moment, so the whole log is not compared."""
    with mta.sink(51, EHLO=OFFER, STARTTLS="220 go"):
        send(mta, "x@mail.example.test")
    mta.note("deferred", sum("dsn=4.7.5, status=deferred (Cannot start TLS: handshake failure)" in line.text
                             for line in mta.log()))


@scenario(main=ENCRYPT, files=FILES)
def required_and_offered(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


@scenario(main=ENCRYPT, files=FILES)
def required_and_not_offered(mta):
    with mta.sink(51):
        send(mta, "x@mail.example.test")


@scenario(main=ENCRYPT, files=FILES)
def required_and_refused(mta):
    with safe_sink(mta, 51, STARTTLS="454 4.7.0 not today"):
        send(mta, "x@mail.example.test")


@scenario(main=VERIFY, files=FILES)
def verified(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


@scenario(main=VERIFY, files=FILES)
def verified_by_a_wildcard(mta):
    with safe_sink(mta, 52):
        send(mta, "x@mail.wild.test")


@scenario(main=VERIFY, files=FILES)
def not_verified(mta):
    with safe_sink(mta, 53):
        send(mta, "x@mail.other.test")


@scenario(main=CLIENT + "smtp_tls_security_level = verify\n", files=FILES)
def not_trusted(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


POLICY = CLIENT + """\
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_policy_maps = inline:{ mail.example.test=none, { .wild.test = secure match=.wild.test },
  { mail.other.test = verify match=mx.example.test }, .bad.test=nonsense }
"""


@scenario(main=POLICY, files=FILES)
def policy_for_each_destination(mta):
    with safe_sink(mta, 51), safe_sink(mta, 52), safe_sink(mta, 53):
        for domain in ("mail.example.test", "mail.wild.test", "mail.other.test"):
            send(mta, f"x@{domain}")


@scenario(main=POLICY, files=FILES)
def policy_that_makes_no_sense(mta):
    with safe_sink(mta, 51):
        send(mta, "x@x.bad.test")


FINGERPRINT = subprocess.run(["openssl", "x509", "-in", certificates.directory() / "mx.pem", "-noout", "-fingerprint",
                              "-sha256"], capture_output=True, text=True, check=True).stdout.split("=")[1].strip()


@scenario(main=CLIENT + f"smtp_tls_security_level = fingerprint\nsmtp_tls_fingerprint_cert_match = {FINGERPRINT}\n",
          files=FILES)
def known_by_its_fingerprint(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


@scenario(main=CLIENT + "smtp_tls_security_level = fingerprint\nsmtp_tls_fingerprint_cert_match = " +
          ":".join(["00"] * 32) + "\n", files=FILES)
def another_fingerprint(mta):
    with safe_sink(mta, 51):
        send(mta, "x@mail.example.test")


NONSENSE = ["none match=x", "none protocols=TLSv1.2", "none nonsense x=y", "none ,", "may match=x", "may foo=bar", "may protocols", "may =x",
            "encrypt match=x", "fingerprint", "fingerprint match=xyz", "fingerprint match=", "verify match=", "may connection_reuse=x", ",,,",
            "May", "may, ciphers=high", "\x01may", "may servername=", "may servername=a..b", "encrypt ciphers=", "none protocols=",
            "fingerprint match=|", "may x" + "y" * 3000,
            "fingerprint match=aa:bb", "fingerprint match=aa:bb|cc:dd|xyz", "fingerprint match=" + ":".join(["aa"] * 31),
            "fingerprint match=" + ":".join(["aa"] * 20), "fingerprint match=" + ":".join(["aa"] * 33), "encrypt protocols=foo", "encrypt protocols=!foo",
            "encrypt protocols=!TLSv1.2:!TLSv1.3:!TLSv1.1:!TLSv1:!SSLv2:!SSLv3", "encrypt protocols=>=foo", "encrypt protocols=>=TLSv1.3:<=TLSv1.2",
            "encrypt protocols=>", "encrypt protocols=>=", "encrypt protocols=:", "encrypt protocols=TLSv1.2:foo", "encrypt protocols=TLSv9", "encrypt protocols=>=0x0303",
            "encrypt protocols=>=TLSv1.2:!TLSv1.3", "encrypt ciphers=foo", "encrypt ciphers=HIGH", "encrypt ciphers=export",
            "may ciphers=foo", "may protocols=foo", "encrypt exclude=foo", "encrypt exclude=ALL", "encrypt exclude=:", "encrypt exclude=!x"]


@functools.cache
def announce_nonsense():
    for n in range(len(NONSENSE)):
        room().dns.add(f"p{n}.p.test", "MX", (10, "mx.example.test"))


# Postfix tells how it makes a TLSA record of each fingerprint.
@scenario(main=CLIENT + "smtp_tls_security_level = may\nsmtp_tls_policy_maps = regexp:@CONF@/policies\n", transcripts=False,
          ignore="smtpd|regexp map|nested|unusable TLSA RR",
          files={**FILES, "policies": "".join(f"/^p{n}\\.p\\.test$/ {text}\n" for n, text in enumerate(NONSENSE))})
def nonsense_for_each_destination(mta):
    hosts()
    announce_nonsense()
    sink = SmtpSink(mta.room.address(51), 2525, {"TLS": certificates.server_context(), "EHLO": OFFER, "STARTTLS": "220 go"})
    try:
        for n in range(len(NONSENSE)):
            mta.mail("carol@remote.test", f"x@p{n}.p.test", f"Subject: {n}\n\nx\n")
        mta.settle()
    finally:
        sink.stop()
    mta.note("envelopes", "\n".join(sorted(f"{got.mail} {got.rcpts}" for got in sink.transactions)))
    mta.forget_mail()
