"""Every security level of the SMTP client against every kind of server, with a domain for each pair."""
import functools

from support import certificates
from support.compare import scenario
from support.room import room
from support.tls_servers import OFFER, listening, safe

LEVELS = ("none", "may", "encrypt", "fingerprint", "verify", "secure")
CLIENT = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_tls_fingerprint_digest = sha256
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_policy_maps = regexp:@CONF@/policies
"""


@functools.cache
def kinds():
    """{name: the script of its server}; most have a certificate of the same name."""
    def names(kind):
        return [f"mx.{kind}.k.test", "*.m.test"]

    certificates.make("middle", ["none.test"], subject="Middle CA")
    return {
        "rsa": safe("rsa", names("rsa")),
        "ecdsa": safe("ecdsa", names("ecdsa"), key="P-256"),
        "chain": safe("chain", names("chain"), "middle", issuer="middle"),
        "gap": safe("gap", names("gap"), issuer="middle"),
        "self": safe("self", names("self"), issuer=None),
        "expired": safe("expired", names("expired"), days=-1),
        "wrong": safe("wrong", ["elsewhere.test", "*.elsewhere.test"]),
        "plain": {},
        "refuses": {"EHLO": OFFER, "STARTTLS": "454 4.7.0 not today"},
    }


def policies():
    lines = [f"/^{level}-/ {level}\n" for level in LEVELS if level != "fingerprint"]
    for kind, script in kinds().items():
        match = certificates.fingerprint(certificates.der(kind)) if "TLS" in script else ":".join(["00"] * 32)
        lines.append(f"/^fingerprint-{kind}/ fingerprint match={match}\n")
    lines.append("/^key-/ fingerprint match=" + certificates.fingerprint(certificates.public_key("ecdsa")) + "\n")
    lines.append("/^other-/ fingerprint match=" + ":".join(["0A"] * 32) + "\n")
    return "".join(lines)


@functools.cache
def announce():
    for n, kind in enumerate(kinds(), 60):
        room().dns.add_host(f"mx.{kind}.k.test", room().address(n))
        for level in (*LEVELS, "key", "other"):
            room().dns.add(f"{level}-{kind}.m.test", "MX", (10, f"mx.{kind}.k.test"))


@scenario(main=CLIENT, files={**certificates.files(), "policies": policies()}, transcripts=False, ignore="smtpd")
def every_level_and_server(mta):
    announce()
    with listening(mta, 60, kinds()):
        mta.mail("carol@example.test", [f"x@{level}-{kind}.m.test" for level in (*LEVELS, "key", "other") for kind in kinds()])
        mta.settle()
