"""Connections with TLS that are used again (smtp_tls_connection_reuse): by processes that end after one delivery, through
tlsproxy and scache of ours and of Postfix; and inside a process of ours, without them."""
import hashlib
import re

from support import BUILD, Skip, certificates, check, equal
from support.instance import Instance
from support.maillog import uses
from support.room import room
from support.sink import SmtpSink

MAIN = """smtp_tcp_port = 2525
smtp_connection_cache_destinations = static:all
smtp_tls_connection_reuse = yes
smtp_tls_loglevel = 1
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_security_level = may
smtp_tls_policy_maps = inline:{{kept-secure.test = secure match=mx.example.test}, {kept-wrong.test = secure match=other.test}, {kept-dane.d.test = dane}, {kept-lies.d.test = dane}}
smtp_dns_support_level = dnssec
"""
MASTER = "tlsproxy unix - - n - 0 tlsproxy\nonce unix - - n - - smtp -o max_use=1\n"
ONCE = "default_sessions_per_process = 1\ntransport_maps = static:once\n"


def carry(kind, swap, main=ONCE, proxied=True):
    for name, whose in swap.items():
        if whose == "ours" and not (BUILD / "bin" / name).exists():
            raise Skip(f"{name} is not built")
    dns = room().dns
    if not getattr(dns, "tls_reuse_hosts", False):
        for n, name in ((91, "kept-secure"), (92, "kept-may"), (93, "kept-wrong")):
            dns.add_host(f"mx.{name}.test", room().address(n))
            dns.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
        dns.sign("d.test")
        dns.add("", "NS", "ns.d.test")
        for n, name, key in ((94, "kept-dane", certificates.public_key("mx")), (95, "kept-lies", b"another")):
            dns.add_host(f"mx.{name}.d.test", room().address(n))
            dns.add(f"{name}.d.test", "MX", (10, f"mx.{name}.d.test"))
            dns.add(f"_2525._tcp.mx.{name}.d.test", "TLSA", (3, 1, 1, hashlib.sha256(key).digest()))
        dns.tls_reuse_hosts = True
    mta = Instance(kind, swap, main=MAIN + main, master=MASTER, files=certificates.files()).start()
    script = {"TLS": certificates.server_context(), "EHLO": "250-sink.test\n250 STARTTLS", "STARTTLS": "220 go"}
    sinks = [SmtpSink(room().address(n), 2525, script) for n in (91, 92, 94, 93, 95)]
    try:
        for count in range(1, 5):
            for to in ("a@kept-secure.test", "a@kept-may.test", "a@kept-dane.d.test"):
                mta.mail("carol@example.test", to, "Subject: x\n\n.\n..hello\n")
                mta.wait_log(rf"to=<{to}>, .*status=sent", count)
        for to in ("a@kept-wrong.test", "a@kept-lies.d.test"):
            mta.mail("carol@example.test", to, "Subject: x\n\nhello\n")
            mta.wait_log(rf"to=<{to}>, .*status=deferred \(Server certificate not verified\)")
        for name in ("kept-secure", "kept-may", "kept-dane.d"):
            equal(uses(mta, f"a@{name}.test"), [1, 2, 3, 4], f"uses of the connection to {name}")
        equal([sink.connections for sink in sinks[:3]], [1, 1, 1], "connections")
        check(all(len(sink.transactions) == 4 for sink in sinks[:3]), "all messages came")
        check(all(t.data.endswith(b"\r\n.\r\n..hello\r\n") for t in sinks[0].transactions), "the messages as they were sent")
        for word, name in (("Verified", "kept-secure"), ("Trusted", "kept-may"), ("Verified", "kept-dane.d")):
            for what, times in (("established", 1), ("reused", 3)):
                lines = re.findall(rf"smtp\[\d+\]: {word} TLS connection {what} to mx.{name}.test\[", mta.log_text())
                equal(len(lines), times, f"lines: {word} {what}")
        equal(bool(mta.processes("tlsproxy")), proxied, "tlsproxy runs")
        mta.settle()
        mta.stop()
    finally:
        for sink in sinks:
            sink.stop()
        mta.destroy()


def test_postfix_alone():
    carry("postfix", {})


def test_our_smtp_in_postfix():
    carry("postfix", {"smtp": "ours"})


def test_our_tlsproxy_and_scache_in_postfix():
    carry("postfix", {"tlsproxy": "ours", "scache": "ours"})


def test_ours_alone():
    carry("ours", {})


def test_the_tlsproxy_of_postfix_in_ours():
    carry("ours", {"tlsproxy": "postfix"})


def test_inside_one_process_of_ours():
    carry("ours", {}, main="", proxied=False)


def test_inside_one_process_of_ours_in_postfix():
    carry("postfix", {"smtp": "ours"}, main="", proxied=False)


def finger(kind, swap):
    """What posttls-finger -X tells, without what differs from run to run."""
    mta = Instance(kind, swap, main="smtp_tls_security_level = may\nsmtpd_tls_security_level = may\nsmtpd_tls_chain_files = @CONF@/mx.key, @CONF@/mx.pem\n",
                   master=MASTER, files=certificates.files()).start()
    told = []
    for arguments in (["-l", "may"], ["-l", "secure", "-F", f"{mta.conf}/ca.pem", "mx.example.test"], ["-l", "secure", "mx.example.test"],
                      ["-C", "-l", "secure", "-F", f"{mta.conf}/ca.pem", "other.test"]):
        options = arguments[:-1] if arguments[-1].endswith(".test") else arguments
        text = mta.must_run("posttls-finger", "-c", "-X", *options, f"[{mta.address}]:2525", *arguments[len(options):]).stdout
        told.append(text.replace(mta.address, "SERVER").replace(" server-digest SHA256", ""))  # a session that goes on has none
    equal(len(re.findall(r"tlsproxy\[\d+\]: CONNECT to \[", mta.log_text())), 4, "handshakes in tlsproxy")
    (mta.queue / "private/tlsproxy").rename(mta.queue / "private/away")
    check(re.search(r"^posttls-finger: warning: .*private/tlsproxy", mta.must_run("posttls-finger", "-c", "-X", "-l", "may", f"[{mta.address}]:2525").stdout, re.M), "away")
    mta.stop()
    return told


def test_posttls_finger():
    expected = finger("postfix", {})
    check("Verified TLS connection established to" in expected[1] and "subject_CN=mx.example.test" in expected[0], expected)
    for kind, swap in (("ours", {}), ("ours", {"tlsproxy": "postfix"}), ("postfix", {"tlsproxy": "ours"})):
        for got, wanted in zip(finger(kind, swap), expected, strict=True):
            equal(got, wanted, f"{kind} {swap}")
