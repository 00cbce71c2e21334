"""tlsproxy in the client's role: for Postfix's SMTP client, which keeps its connections with TLS on them there."""
import ssl

from support import BUILD, Skip, certificates, check
from support.instance import Instance
from support.room import room
from support.sink import SmtpSink

MAIN = ("smtp_tls_connection_reuse = yes\nsmtp_connection_cache_destinations = kept.test\nsmtp_tcp_port = 2525\nsmtp_tls_loglevel = 1\n"
        "smtp_tls_cert_file = @CONF@/mx.pem\nsmtp_tls_key_file = @CONF@/mx.key\nsmtp_tls_CAfile = @CONF@/ca.pem\nsmtp_tls_policy_maps = inline:{{kept.test = secure match=mx.example.test}, "
        "{wrong.test = secure match=other.test}}\nsmtp_tls_security_level = may\n")


def deliver(kind, swap):
    dns = room().dns
    for name in ("kept.test", "wrong.test", "plain.test"):
        if (name, "MX") not in getattr(dns, "proxied", ()):
            dns.add_host(f"mx.{name}", room().address(91))
            dns.add(name, "MX", (10, f"mx.{name}"))
            dns.proxied = {*getattr(dns, "proxied", ()), (name, "MX")}
    mta = Instance(kind, swap, main=MAIN, master="tlsproxy unix - - n - 0 tlsproxy\n", files=certificates.files())
    (mta.conf / "mx.key").chmod(0o600)  # root's: read before the process gives up its rights
    mta.start()
    context = certificates.server_context(verify_mode=ssl.CERT_REQUIRED)
    context.load_verify_locations(certificates.directory() / "ca.pem")
    sink = SmtpSink(room().address(91), 2525, {"TLS": context, "EHLO": "250-sink.test\n250 STARTTLS", "STARTTLS": "220 go"})
    try:
        for to in ("a@kept.test", "b@kept.test", "c@plain.test"):
            mta.mail("carol@example.test", to, "Subject: x\n\nhello\n")
            mta.wait_log(rf"to=<{to}>, .*status=sent")
        mta.mail("carol@example.test", "d@wrong.test", "Subject: x\n\nhello\n")
        mta.wait_log(r"to=<d@wrong.test>, .*status=deferred \(Server certificate not verified\)")
        mta.wait_log(r"Verified TLS connection established to mx.kept.test")
        check(mta.processes("tlsproxy"), "tlsproxy runs")
        check(len(sink.transactions) == 3, f"{len(sink.transactions)} messages came")
    finally:
        sink.stop()
        mta.destroy()


def test_postfix_alone():
    deliver("postfix", {})


def test_our_tlsproxy_in_postfix():
    if not (BUILD / "bin/tlsproxy").exists():
        raise Skip("tlsproxy is not built")
    deliver("postfix", {"tlsproxy": "ours"})
