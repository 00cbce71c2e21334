"""posttls-finger: what it says to servers and tells of them, as Postfix's does."""
import functools
import hashlib
import re
import ssl
import subprocess
import tempfile

from support import certificates, check, need_program
from support.room import room
from support.sink import SmtpSink
from support.test_programs import Recorder, both, free_port

EHLO = "250-sink.test\n250-PIPELINING\n250 STARTTLS"
# The names that the sessions have, and remarks that come from Postfix's way of looking things up.
ONLY_THERE = re.compile(r"^.*(DNSSEC validation may be unavailable|dnssec_probe|save session|unusable TLSA RR).*\n", re.M)


def finger(side, *options, destination=None, match=(), title=None, **script):
    """Notes what it tells, and what the server was told."""
    tls = script.pop("TLS", certificates.server_context())
    server = SmtpSink("127.0.0.1", free_port(), {"EHLO": EHLO, "LHLO": EHLO, "STARTTLS": "220 go", "TLS": tls, **script})
    place = certificates.directory()
    options = [str(option).replace("CERTS", str(place)) for option in options]
    try:
        process = side.start("posttls-finger", *options, destination or f"[127.0.0.1]:{server.port}", *match,
                             more_env={"MAIL_CONFIG": side.folder})
        out, err = process.communicate(timeout=20)
    finally:
        server.stop()
    text = f"{process.returncode}\n{out.decode('latin-1')}\n{err.decode('latin-1')}"
    text = re.sub(r"\]:\d{4,5}", "]:PORT", text.replace(str(place), "CERTS"))
    text = re.sub(r"(session \[127.0.0.1\]:PORT&)\S+", r"\1KEY", text)
    text = re.sub(r'(?s)(warning: unknown -L [^\n]*\n)(posttls-finger: \1)+', r"\1", ONLY_THERE.sub("", text))
    text = re.sub(r"(?s)\nusage: .*", "\nusage", text)
    if "-r" in options:
        text = "\n".join(sorted(text.splitlines()))  # a session that goes on is told of in another order
    name = title or " ".join([*options, *match]).replace(str(place), "CERTS")
    side.note(name, text)
    side.note(f"{name}: commands", "\n".join(server.commands) if "-w" not in options else "")


def configured(test):
    def run(side):
        with open(f"{side.folder}/main.cf", "w") as out:
            out.write("compatibility_level = 3.6\nmyhostname = me.test\nmail_owner = mail\nsetgid_group = games\ninet_protocols = all\n")
        open(f"{side.folder}/master.cf", "w").close()
        test(side)
    run.__name__ = test.__name__
    return both(run)


@configured
def levels(side):
    trust = ("-F", "CERTS/ca.pem")
    for options, match in ((["-l", "secure"], []), (["-l", "may"], []), (["-l", "encrypt", "-c"], []), (["-l", "none"], []),
                           (["-l", "verify", *trust, "-L", "summary"], ["mx.example.test"]), (["-c", "-l", "secure", *trust], ["a.wild.test"]),
                           (["-c", "-l", "secure", *trust], ["other.test"]), (["-c", "-l", "verify", *trust, "-L", "summary"], ["other.test"]),
                           (["-c", "-l", "secure", *trust], [".example.test"]), (["-c", "-l", "secure"], ["mx.example.test", ".test"]),
                           (["-c", "-l", "secure", "-P", "/nosuch"], []),
                           (["-c", "-l", "fingerprint"], ["AA:BB"]), (["-c", "-l", "fingerprint", "-d", "sha1"], []),
                           (["-c", "-l", "fingerprint", "-d", "sha1"], [fingerprint("sha1")]), (["-c", "-l", "fingerprint"], [fingerprint("sha256")]),
                           (["-c", "-l", "fingerprint"], [fingerprint("sha256")[:-2] + "00"]),
                           (["-c", "-l", "none"], ["mx.example.test"]), (["-c", "-l", "may"], ["mx.example.test"]),
                           (["-c", "-l", "encrypt"], ["mx.example.test"]), (["-c", "-l", "fingerprint"], ["mx.example.test"]),
                           (["-c", "-l", "fingerprint"], ["zz", "AA:BB"]), (["-X", "-r", "1"], [])):
        finger(side, *options, match=match)


def fingerprint(digest):
    done = subprocess.run(["openssl", "x509", "-in", certificates.directory() / "mx.pem", "-noout", "-fingerprint", f"-{digest}"],
                          capture_output=True, text=True, check=True)
    return done.stdout.strip().split("=")[1]


@configured
def tales(side):
    for words in ("0", "none", "1", "summary", "peercert", "certmatch", "routine,peercert", "untrusted, summary", "cache", "bogus", "Summary"):
        finger(side, "-c", "-l", "secure", "-L", words)
    finger(side, "-c", "-C", "-L", "none", "-l", "secure")
    finger(side, "-c", "-C", "-L", "none", "-l", "secure", "-F", "CERTS/ca.pem")
    finger(side, "-c", "-l", "may", "-p", "!TLSv1.3")
    finger(side, "-c", "-l", "may", "-p", ">=TLSv1.3")
    finger(side, "-c", "-l", "may", "-p", "bogus")
    finger(side, "-c", "-l", "may", "-g", "high")
    finger(side, "-c", "-l", "may", "-g", "bogus")
    finger(side, "-c", "-l", "secure", "-s", "mx.example.test")
    finger(side, "-l", "none", "-o", "myhostname=foo.bar")
    finger(side, "-c", "-l", "secure", "-k", "CERTS/mx.pem", "-K", "CERTS/mx.key")
    finger(side, "-c", "-l", "secure", "-F", "/nosuch")
    finger(side, "-c", "-l", "secure", "-S")
    finger(side, "-l", "secure", "-S")


@configured
def moods(side):
    """Servers that refuse, hang up and hang at each step."""
    for step in ("CONNECT", "EHLO", "STARTTLS", "QUIT"):
        for reply in ("450 no", "550-go\n550 away", "CLOSE", "HANG", "garbage"):
            if (step, reply) != ("CONNECT", "garbage"):
                finger(side, "-t", "1", "-T", "1", "-l", "may", title=f"{step}: {reply}", **{step: reply})
    finger(side, "-l", "secure", title="no STARTTLS", EHLO="250-sink\n250 DSN")
    finger(side, "-l", "secure", "-w", "-T", "2", title="no TLS at once")


@configured
def again(side):
    """-r and -m: sessions that go on, servers that take turns, servers without sessions."""
    none = certificates.server_context()
    none.num_tickets = 0
    none.options |= ssl.OP_NO_TICKET
    finger(side, "-r", "1", "-c", "-l", "secure")
    finger(side, "-r", "1", "-l", "secure")
    finger(side, "-r", "1", "-c", "-l", "may")
    finger(side, "-r", "1", "-c", "-l", "secure", title="-r without sessions", TLS=none)
    count = [0]

    def another(line):
        count[0] += 1
        return f"250-h{count[0]}.test\n250 STARTTLS"

    finger(side, "-r", "1", "-c", "-m", "2", "-l", "may", title="-r and other servers", EHLO=another)


@configured
def destinations(side):
    for destination in ("[127.0.0.1]:1", "[127.0.0.1]:nosuch", "[127.0.0.1", "foo@bar", "[IPv6:::1]:1", "[::1]:1"):
        finger(side, "-l", "secure", destination=destination, title=destination)
    finger(side, "-S", "-l", "secure", destination="unix:/nosuch", title="unix")
    finger(side, "-S", "-l", "secure", destination="inet:127.0.0.1:1", title="LMTP")
    finger(side, "-h", "native", "-l", "secure", "-a", "ipv4", "-o", "inet_protocols=ipv4", destination="[localhost]:1", title="native")
    for options in (["-l", "bogus"], ["-h", "x"], ["-a", "x"], ["-z"], ["-o", "x"], ["-k", "a", "-H", "b"], ["-l"], ["-a", "ipv6", "-c", "-l", "none"]):
        finger(side, *options)


PORT_OF_DANE = 2587
DANE_HOST = 95


@functools.cache
def announce():
    """{name: (certificate of its server, TLSA records)}."""
    certificates.make("mail", ["*.f.test"])
    certificates.make("lone", ["elsewhere.test"], issuer=None)
    dns = room().dns
    dns.sign("f.test")
    cases = {"ee": ("mail", [tlsa(3, "mail")]), "ta": ("mail", [tlsa(2, "ca")]), "wrong": ("mail", [(3, 1, 1, bytes(32))]), "none": ("mail", []),
             "lone": ("lone", [tlsa(3, "lone")]), "unusable": ("mail", [(0, 1, 1, bytes(32))]), "fails": ("mail", None)}
    for name, (_, records) in cases.items():
        dns.add_host(f"{name}.f.test", room().address(DANE_HOST))
        for domain in (f"{name}-domain.f.test", f"{name}-unsigned.test"):
            dns.add(domain, "MX", (10, f"{name}.f.test"))
        for record in records or ():
            dns.add(f"_{PORT_OF_DANE}._tcp.{name}.f.test", "TLSA", record)
    dns.add(f"_{PORT_OF_DANE}._tcp.srv.f.test", "SRV", (0, 0, PORT_OF_DANE, "ee.f.test"))
    dns.fail(f"_{PORT_OF_DANE}._tcp.fails.f.test", "SERVFAIL")
    return cases


@configured
def dane(side):
    """TLSA records in a signed zone, and in one that is not; trust anchors from a file."""
    cases, host, port = announce(), room().address(DANE_HOST), PORT_OF_DANE
    for name, (certificate, _) in cases.items():
        for level in ("dane", "dane-only"):
            dane_case(side, host, port, certificate, f"{name}-domain.f.test", "-l", level)
    for policy in ("may", "encrypt", "dane"):
        dane_case(side, host, port, "mail", "ee-unsigned.test", "-M", policy, "-l", "dane")
    dane_case(side, host, port, "mail", "[ee.f.test]", "-L", "summary,certmatch")
    dane_case(side, host, port, "mail", "[none.f.test]", "-l", "secure", "-A", f"{certificates.directory()}/ca.pem")
    dane_case(side, host, port, "mail", "[none.f.test]", "-l", "secure", "-A", f"{certificates.directory()}/lone.pem")


def tlsa(usage, certificate):
    return usage, 1, 1, hashlib.sha256(certificates.public_key(certificate)).digest()


def with_chain(certificate):
    """A trust anchor must be sent, too (RFC 7672 3.1.2)."""
    return certificates.context(certificate, *(["ca"] if certificate == "mail" else []))


def dane_case(side, host, port, certificate, destination, *options):
    server = SmtpSink(host, port, {"EHLO": EHLO, "STARTTLS": "220 go", "TLS": with_chain(certificate)})
    try:
        process = side.start("posttls-finger", "-c", *options, f"{destination}:{port}", more_env={"MAIL_CONFIG": side.folder})
        out, _ = process.communicate(timeout=30)
    finally:
        server.stop()
    text = ONLY_THERE.sub("", out.decode("latin-1").replace(str(port), "PORT"))
    text = re.sub(r"(?m)^(.*\n)\1", r"\1", text)  # how often a lookup is tried
    # The records that matched, in words of their own.
    text = re.sub(r"(?m)^.*: Matched DANE .*\n|^.*depth=\d matched .*\n|^.*TLSA records? .*\n", "", text)
    side.note(f"{destination} {' '.join(options)}".replace(str(certificates.directory()), "CERTS"), text)


def test_srv_records():
    """-R, which Postfix has since 3.8; a domain without them has MX records."""
    announce()
    server = SmtpSink(room().address(DANE_HOST), PORT_OF_DANE, {"EHLO": EHLO, "STARTTLS": "220 go", "TLS": with_chain("mail")})
    try:
        with tempfile.TemporaryDirectory(prefix="rt.") as folder:
            open(f"{folder}/main.cf", "w").close()
            for domain, host in (("srv.f.test", "ee.f.test"), ("ta-domain.f.test", "ta.f.test")):
                done = subprocess.run([need_program("posttls-finger"), "-R", "-c", f"{domain}:{PORT_OF_DANE}"], capture_output=True, text=True,
                                      timeout=20, env={"MAIL_CONFIG": folder})
                check(f"Verified TLS connection established to {host}[" in done.stdout, f"{domain}: {done}")
    finally:
        server.stop()


def test_what_only_ours_does():
    """A time that is none ends it, where Postfix's would panic; an endless greeting does too."""
    with tempfile.TemporaryDirectory(prefix="rt.") as folder:
        open(f"{folder}/main.cf", "w").close()
        for arguments, status, wanted in ((["-t", "x"], 1, "bad '-t' option value: x"), (["-T", "0"], 1, "bad '-T' option value: 0"),
                                          (["-l", "none", "-c"], 0, "lost connection while reading server greeting")):
            with Recorder({"CONNECT": b"220 " + b"x" * 200000}) as server:
                done = subprocess.run([need_program("posttls-finger"), *arguments, f"[127.0.0.1]:{server.port}"], capture_output=True, text=True,
                                      timeout=20, env={"MAIL_CONFIG": folder})
            check(done.returncode == status and wanted in done.stdout, f"{arguments}: {done}")
