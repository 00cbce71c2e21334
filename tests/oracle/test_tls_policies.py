"""What smtp_tls_policy_maps and the parameters beside it say, one domain for each case: trust anchors, names, server
names, client certificates."""
import functools

from support import certificates
from support.compare import scenario
from support.room import room
from support.tls_servers import listening, safe

# Postfix 3.7.11 takes "*" for one label whatever the parameter says; here the default is what is documented.
CLIENT = """\
tls_wildcard_matches_multiple_labels = no
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_tls_fingerprint_digest = sha256
smtp_tls_security_level = may
smtp_tls_policy_maps = regexp:@CONF@/policies
"""


@functools.cache
def servers():
    """{name: script}, each at mx.NAME.n.test."""
    certificates.make("nmiddle", ["none.test"], subject="Middle CA")
    certificates.make("nother", ["none.test"], issuer=None, subject="Other CA")
    return {
        "direct": safe("ndirect", ["mx.direct.n.test", "*.n.test"]),
        "chain": safe("nchain", ["mx.chain.n.test"], "nmiddle", issuer="nmiddle"),
        "root": safe("nroot", ["mx.root.n.test"], "nmiddle", "ca", issuer="nmiddle"),
        "self": safe("nself", ["mx.self.n.test"], issuer=None),
        "expired": safe("nexpired", ["mx.expired.n.test"], days=-1),
        "foreign": safe("nforeign", ["elsewhere.test", "*.wild.n.test"]),
    }


@functools.cache
def files():
    servers()
    place = certificates.directory()
    pem = {name: (place / f"{name}.pem").read_text() for name in ("ca", "nmiddle", "nother", "nself", "ndirect")}
    key = certificates.subprocess.run(["openssl", "x509", "-in", place / "ca.pem", "-noout", "-pubkey"], check=True,
                                      capture_output=True, text=True).stdout
    return {**certificates.files(), "two.pem": pem["nother"] + pem["ca"], "middle.pem": pem["nmiddle"], "other.pem": pem["nother"],
            "self.pem": pem["nself"], "leaf.pem": pem["ndirect"], "key.pem": key, "empty.pem": "", "words.pem": "hello\n",
            "mixed.pem": (place / "mx.key").read_text() + pem["ca"],
            "broken.pem": pem["ca"].replace("M", "N", 20), "cut.pem": pem["ca"][:400],
            "then.pem": pem["ca"] + pem["nother"][:300]}


CERTIFICATE = "smtp_tls_cert_file = @CONF@/mx.pem\nsmtp_tls_key_file = @CONF@/mx.key\n"
CASES = [
    ("direct", "verify"), ("direct", "secure"), ("direct", "secure match=.n.test"), ("direct", "secure match=hostname"),
    *[(server, f"verify tafile=@CONF@/{file}") for server in ("direct", "chain", "root", "self", "expired")
      for file in ("ca.pem", "middle.pem", "self.pem", "key.pem")],
    *[("direct", f"verify tafile=@CONF@/{file}") for file in ("two.pem", "other.pem", "leaf.pem", "empty.pem", "words.pem",
                                                             "mixed.pem", "broken.pem", "cut.pem", "then.pem", "absent.pem")],
    ("chain", "secure tafile=@CONF@/middle.pem match=hostname"), ("chain", "secure tafile=@CONF@/middle.pem match=other.test"),
    ("direct", "verify tafile=@CONF@/other.pem tafile=@CONF@/ca.pem"), ("direct", "verify tafile="), ("direct", "may tafile=@CONF@/ca.pem"),
    ("direct", "encrypt tafile=@CONF@/ca.pem"), ("direct", "fingerprint tafile=@CONF@/ca.pem"), ("direct", "dane tafile=@CONF@/ca.pem"),
    ("direct", "dane match=hostname"), ("direct", "dane-only match=hostname"), ("direct", "half-dane"), ("direct", "dane ciphers=high"),
    ("direct", "dane"), ("direct", "dane-only"), ("direct", "DANE"), ("direct", "none tafile=@CONF@/ca.pem"),
    ("foreign", "verify tafile=@CONF@/ca.pem match=elsewhere.test"), ("foreign", "verify tafile=@CONF@/ca.pem match=.wild.n.test"),
    ("foreign", "verify tafile=@CONF@/ca.pem match=a.wild.n.test"), ("foreign", "verify tafile=@CONF@/ca.pem match=a.b.wild.n.test"),
    ("foreign", "verify match=a.wild.n.test"), ("foreign", "verify match=a.b.wild.n.test"), ("foreign", "verify match=.b.wild.n.test"),
    ("foreign", "verify tafile=@CONF@/ca.pem match=wild.n.test"), ("foreign", "verify tafile=@CONF@/ca.pem match=x.test:elsewhere.test"),
    ("foreign", "verify tafile=@CONF@/ca.pem match=x.test match=elsewhere.test"), ("foreign", "verify tafile=@CONF@/ca.pem match=nexthop:dot-nexthop"),
    ("direct", "encrypt protocols=TLSv1.2"), ("direct", "encrypt protocols=<=TLSv1.1"), ("direct", "encrypt ciphers=null"),
    ("direct", "may ciphers=null"), ("direct", "may protocols=TLSv1.2 exclude=ALL"), ("direct", "encrypt exclude=aRSA protocols=TLSv1.2"),
    ("direct", "verify tafile=@CONF@/ca.pem protocols=TLSv1.2"),
    ("direct", "encrypt servername=hostname"), ("direct", "encrypt servername=nexthop"), ("direct", "encrypt servername=x.test"),
    ("direct", "encrypt servername=" + "a." * 125 + "test"), ("direct", "encrypt servername=-"), ("direct", "{ encrypt }"),
]


@functools.cache
def announce():
    for n, name in enumerate(servers(), 90):
        room().dns.add_host(f"mx.{name}.n.test", room().address(n))
    for n, (server, _) in enumerate(CASES):
        room().dns.add(f"c{n}.n.test", "MX", (10, f"mx.{server}.n.test"))


def policies():
    return "".join(f"/^c{n}\\.n\\.test$/ {text}\n" for n, (_, text) in enumerate(CASES))


def all_cases(mta):
    announce()
    with listening(mta, 90, servers()):
        mta.mail("carol@example.test", [f"x@c{n}.n.test" for n in range(len(CASES))])
        mta.settle()


OPTIONS = {"files": {**files(), "policies": policies()}, "transcripts": False, "ignore": "smtpd|error reading trust anchor"}


@scenario(main=CLIENT, **OPTIONS)
def policies_of_all_kinds(mta):
    all_cases(mta)


@scenario(main=CLIENT + "smtp_tls_trust_anchor_file = @CONF@/ca.pem\nsmtp_tls_CAfile = @CONF@/other.pem\nsmtp_tls_servername = hostname\n",
          **OPTIONS)
def policies_with_a_trust_anchor_for_all(mta):
    all_cases(mta)


@scenario(main=CLIENT + "smtp_tls_CAfile = @CONF@/ca.pem\n" + CERTIFICATE, **OPTIONS)
def policies_with_an_authority(mta):
    all_cases(mta)


@scenario(main=CLIENT + "smtp_tls_trust_anchor_file = @CONF@/absent.pem\n", **OPTIONS)
def a_trust_anchor_that_is_not_there(mta):
    all_cases(mta)
