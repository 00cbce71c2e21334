"""DANE (RFC 7672): TLSA records of all kinds, in zones with and without signatures."""
import functools
import hashlib

from support import certificates
from support.compare import scenario
from support.room import room
from support.tls_servers import listening, safe

CLIENT = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_dns_support_level = dnssec
smtp_tls_fingerprint_digest = sha256
smtp_tls_policy_maps = regexp:@CONF@/policies
"""
LEVELS = ("dane", "only")
POLICIES = "/^dane-/ dane\n/^only-/ dane-only\n"


def tlsa(usage, selector, matching, certificate):
    data = certificates.der(certificate) if selector == 0 else certificates.public_key(certificate)
    return usage, selector, matching, digest(matching, data)


def digest(matching, data):
    return {0: lambda d: d, 1: lambda d: hashlib.sha256(d).digest(), 2: lambda d: hashlib.sha512(d).digest()}[matching](data)


@functools.cache
def servers():
    """{name: script}, each with a certificate for *.NAME.d.test."""
    certificates.make("middle", ["none.test"], subject="Middle CA")
    return {
        "drsa": safe("drsa", ["*.drsa.d.test"], "ca"),
        "decdsa": safe("decdsa", ["*.decdsa.d.test"], key="P-256"),
        "dchain": safe("dchain", ["*.dchain.d.test"], "middle", issuer="middle"),
        "dself": safe("dself", ["*.dself.d.test"], issuer=None),
        "dexpired": safe("dexpired", ["*.dexpired.d.test"], "ca", days=-1),
        "dwrong": safe("dwrong", ["elsewhere.test"], "ca"),
        "dplain": {},
    }


@functools.cache
def cases():
    """{name: (server, its TLSA records)}, each with an MX host of its own in a signed zone."""
    servers()
    right, wrong = tlsa(3, 1, 1, "drsa"), (3, 1, 1, bytes(32))
    many = {f"ee{selector}{matching}": ("drsa", [tlsa(3, selector, matching, "drsa")])
            for selector in (0, 1) for matching in (0, 1, 2)}
    many |= {f"ta{selector}{matching}": ("drsa", [tlsa(2, selector, matching, "ca")])
             for selector in (0, 1) for matching in (0, 1, 2)}
    return many | {
        "ecdsa": ("decdsa", [tlsa(3, 1, 1, "decdsa")]),
        "mismatch": ("drsa", [wrong]),
        "either": ("drsa", [wrong, right]),
        "selfee": ("dself", [tlsa(3, 1, 1, "dself")]),
        "expiredee": ("dexpired", [tlsa(3, 1, 1, "dexpired")]),
        "wrongee": ("dwrong", [tlsa(3, 0, 1, "dwrong")]),
        "expiredta": ("dexpired", [tlsa(2, 1, 1, "ca")]),
        "wrongta": ("dwrong", [tlsa(2, 1, 1, "ca")]),
        "middleta": ("dchain", [tlsa(2, 0, 1, "middle")]),
        "absentta": ("dchain", [tlsa(2, 0, 1, "ca")]),
        "fullta": ("dchain", [tlsa(2, 0, 0, "ca")]),
        "pkixta": ("drsa", [tlsa(0, 0, 1, "ca")]),
        "pkixfull": ("drsa", [(0, 0, 0, bytes(range(200)))]),
        "garbage64": ("drsa", [(3, 1, 0, bytes(range(64)))]),
        "garbage65": ("drsa", [(3, 1, 0, bytes(range(65)))]),
        "deep.label": ("drsa", [tlsa(2, 0, 1, "ca")]),
        "pkixee": ("drsa", [tlsa(1, 1, 1, "drsa")]),
        "usage9": ("drsa", [(9, 1, 1, bytes(32))]),
        "selector5": ("drsa", [(3, 5, 1, bytes(32))]),
        "matching9": ("drsa", [(3, 1, 9, bytes(32))]),
        "short": ("drsa", [(3, 1, 1, bytes(31))]),
        "garbage": ("drsa", [(3, 0, 0, b"no certificate")]),
        "garbagekey": ("drsa", [(3, 1, 0, b"no key")]),
        "garbageand": ("drsa", [(3, 0, 0, b"no certificate"), (9, 9, 9, b"x"), right]),
        "agility": ("drsa", [right, (3, 1, 2, bytes(64))]),
        "plain": ("dplain", [right]),
        "none": ("drsa", []),
        "fails": ("drsa", "SERVFAIL"),
        "refused": ("drsa", "REFUSED"),
        "truncated": ("drsa", "TRUNCATED"),
        "garbled": ("drsa", "GARBAGE"),
    }


@functools.cache
def announce():
    dns = room().dns
    dns.sign("d.test")
    dns.add("", "NS", "ns.d.test")
    address = {name: room().address(n) for n, name in enumerate(servers(), 80)}
    for name, (server, records) in cases().items():
        host = f"{name}.{server}.d.test"
        dns.add_host(host, address[server])
        if isinstance(records, str):
            dns.fail(f"_2525._tcp.{host}", records)
        for record in records if not isinstance(records, str) else ():
            dns.add(f"_2525._tcp.{host}", "TLSA", record)
        for level in LEVELS:
            dns.add(f"{level}-{name}.d.test", "MX", (10, host))


@scenario(main=CLIENT, files={**certificates.files(), "policies": POLICIES}, transcripts=False, ignore="smtpd")
def records_of_all_kinds(mta):
    announce()
    with listening(mta, 80, servers()):
        mta.mail("carol@example.test", [f"x@{level}-{name}.d.test" for level in LEVELS for name in cases()])
        mta.settle()


@functools.cache
def announce_paths():
    """Ways to a server's name and its records that are signed in part only."""
    announce()
    dns, right, wrong = room().dns, tlsa(3, 1, 1, "drsa"), (3, 1, 1, bytes(32))
    address = room().address(80)
    names = []

    def case(name, zone="d.test", mx=True):
        """The MX host's name of a new case, whose domains lie in `zone`."""
        host = f"{name}.drsa.d.test"
        for level in LEVELS:
            names.append(f"{level}-{name}.{zone}")
            if mx:
                dns.add(names[-1], "MX", (10, host))
        return host

    def records(host, *records):
        for record in records:
            dns.add(f"_2525._tcp.{host}", "TLSA", record)

    host = case("openmx", "open.test")  # MX records that nobody signed
    dns.add_host(host, address)
    records(host, right)
    host = case("openmxwrong", "open.test")
    dns.add_host(host, address)
    records(host, wrong)
    host = case("openmxnone", "open.test")
    dns.add_host(host, address)
    for name, zone in (("openhost", "o1.drsa.d.test"), ("openrecords", "o2.drsa.d.test")):
        for level in LEVELS:
            names.append(f"{level}-{name}.d.test")
            dns.add(names[-1], "MX", (10, f"mx.{zone}"))
        dns.add_host(f"mx.{zone}", address)
        records(f"mx.{zone}", wrong if name == "openhost" else right)
    dns.unsign("o1.drsa.d.test")
    dns.unsign("_tcp.mx.o2.drsa.d.test")
    for name, target in (("target", right), ("alias", None), ("both", right)):
        host = case(f"cname{name}")
        dns.add(host, "CNAME", f"real{name}.drsa.d.test")
        dns.add_host(f"real{name}.drsa.d.test", address)
        records(f"real{name}.drsa.d.test", *([target] if target else []))
        if name != "target":
            records(host, right if name == "alias" else wrong)
    host = case("outside")  # a signed alias of a name that is not
    dns.add(host, "CNAME", "outside.drsa.open.test")
    dns.add_host("outside.drsa.open.test", address)
    records(host, right)
    host = case("outsidenone")
    dns.add(host, "CNAME", "outside.drsa.open.test")
    host = case("borrowed")  # records behind an alias
    dns.add_host(host, address)
    dns.add(f"_2525._tcp.{host}", "CNAME", "ee11.dane.d.test")
    dns.add("ee11.dane.d.test", "TLSA", right)
    host = case("borrowedopen")
    dns.add_host(host, address)
    dns.add(f"_2525._tcp.{host}", "CNAME", "ee11.dane.open.test")
    dns.add("ee11.dane.open.test", "TLSA", right)
    host = case("circle")
    dns.add_host(host, address)
    dns.add(f"_2525._tcp.{host}", "CNAME", f"_2525._tcp.{host}")
    for level in LEVELS:  # the domain is its own server, or an alias of one
        names.append(f"{level}-own.drsa.d.test")
        dns.add(names[-1], "A", address)
        records(names[-1], tlsa(2, 1, 1, "ca"))
        names.append(f"{level}-domainalias.d.test")
        dns.add(names[-1], "CNAME", "domain.d.test")
    dns.add("domain.d.test", "MX", (10, "domain.drsa.d.test"))
    dns.add_host("domain.drsa.d.test", address)
    records("domain.drsa.d.test", tlsa(2, 1, 1, "ca"))
    for level in LEVELS:  # the certificate names the next hop only
        names.append(f"{level}-next.drsa.d.test")
        dns.add(names[-1], "MX", (10, "next.d.test"))
        names.append(f"{level}-nextopen.drsa.open.test")
        dns.add(names[-1], "MX", (10, "next.d.test"))
    dns.add_host("next.d.test", address)
    records("next.d.test", tlsa(2, 1, 1, "ca"))
    return names


def ways_to_a_server(mta):
    names = announce_paths()
    with listening(mta, 80, servers()):
        mta.mail("carol@example.test", [f"x@{name}" for name in names])
        mta.settle()


PLAIN = {"files": {**certificates.files(), "policies": POLICIES}, "transcripts": False, "ignore": "smtpd"}


@scenario(main=CLIENT + "smtp_tls_dane_insecure_mx_policy = dane\n", **PLAIN)
def partly_signed(mta):
    ways_to_a_server(mta)


@scenario(main=CLIENT + "smtp_tls_dane_insecure_mx_policy = encrypt\nsmtp_tls_force_insecure_host_tlsa_lookup = yes\n", **PLAIN)
def partly_signed_and_encryption_will_do(mta):
    ways_to_a_server(mta)


@scenario(main=CLIENT + "smtp_tls_dane_insecure_mx_policy = may\n", **PLAIN)
def partly_signed_and_plain_text_will_do(mta):
    ways_to_a_server(mta)


DANE = "smtp_dns_support_level = dnssec\nsmtp_tls_security_level = dane\n"
MISTAKES = {
    "level_without_dnssec": "smtp_tls_security_level = dane\n",
    "only_level_without_dnssec": "smtp_tls_security_level = dane-only\n",
    "without_dns": "smtp_dns_support_level = disabled\nsmtp_tls_security_level = dane\n",
    "native_hosts": "smtp_dns_support_level = dnssec\nsmtp_host_lookup = native\nsmtp_tls_security_level = dane\n",
    "mx_errors_ignored": "smtp_dns_support_level = dnssec\nignore_mx_lookup_error = yes\nsmtp_tls_security_level = dane\n",
    "unknown_digest": "smtp_dns_support_level = dnssec\ntls_dane_digests = sha512 nonsense sha256\nsmtp_tls_security_level = dane\n",
    "one_digest": "smtp_dns_support_level = dnssec\ntls_dane_digests = sha256\nsmtp_tls_security_level = dane\n",
    "other_digest": "smtp_dns_support_level = dnssec\ntls_dane_digests = sha256=2 sha512=1 sha384=7\nsmtp_tls_security_level = dane\n",
    "digests0": DANE + "tls_dane_digests = nonsense=9 sha256\n",
    "digests1": DANE + "tls_dane_digests = sha256=0 sha512\n",
    "digests2": DANE + "tls_dane_digests = sha256=x\n",
    "digests3": DANE + "tls_dane_digests = sha256=300\n",
    "digests4": DANE + "tls_dane_digests = sha256 sha256\n",
    "digests5": DANE + "tls_dane_digests = sha384=3 sha384=4 sha256\n",
    "digests6": DANE + "tls_dane_digests = sha256=1=2\n",
    "digests7": DANE + "tls_dane_digests = SHA256, sha512:sha384\n",
    "digests8": DANE + "tls_dane_digests = sha256=\n",
    "digests9": DANE + "tls_dane_digests = =1\n",
    "digests10": DANE + "tls_dane_digests = sha384=3 md5=3 sha256\n",
    "wrapper": "smtp_dns_support_level = dnssec\nsmtp_tls_wrappermode = yes\nsmtp_tls_security_level = may\n",
}
MISTAKES_MAIN = "smtp_tcp_port = 2525\nsmtp_tls_loglevel = 1\ntransport_maps = inline:{ " + ", ".join(
    f"{name}.to.test={name}:[ee11.drsa.d.test]" for name in MISTAKES) + " }\n"
MISTAKES_MASTER = "".join(f"{name} unix - - n - - smtp\n" + "".join(
    f"  -o {{ {line} }}\n" for line in lines.splitlines()) for name, lines in MISTAKES.items())

# A value that makes no sense ends the process: Postfix's when it is wanted, ours at once.
PROBES = {"default": None, "empty": "", "mx": "mx:probe.open.test", "absent": "ns:absent.test", "fails": "ns:servfail.test", "badname": "a:-bad-", "good": "mx:dane-ee11.d.test", "upper": "MX:probe.open.test"}
PROBES_MAIN = "smtp_tcp_port = 2525\nsmtp_dns_support_level = dnssec\nsmtp_tls_security_level = dane\ntransport_maps = inline:{ " + ", ".join(
    f"{name}.to.test={name}:[openmx.drsa.open.test]" for name in PROBES) + " }\n"
PROBES_MASTER = "".join(f"{name} unix - - n - - smtp\n" + ("" if value is None else f"  -o dnssec_probe={value}\n") for name, value in PROBES.items())


@scenario(main=PROBES_MAIN, master=PROBES_MASTER, transcripts=False, ignore="smtpd")
def a_resolver_that_does_not_validate(mta):
    announce()
    dns = room().dns
    dns.unsign(".")
    dns.fail("servfail.test", "SERVFAIL")
    if "openmx.drsa.open.test" not in dns._records:
        dns.add_host("openmx.drsa.open.test", room().address(80))
        dns.add("probe.open.test", "MX", (10, "mx.open.test"))
    with listening(mta, 80, servers()):
        mta.mail("carol@example.test", [f"x@{name}.to.test" for name in PROBES])
        mta.settle()


@scenario(main=MISTAKES_MAIN, master=MISTAKES_MASTER, files=certificates.files(), transcripts=False, ignore="smtpd")
def settings_that_contradict(mta):
    announce()
    with listening(mta, 80, servers()):
        mta.mail("carol@example.test", [f"x@{name}.to.test" for name in MISTAKES])
        mta.settle()


@scenario(main=CLIENT.replace("loglevel = 1", "loglevel = 2"), files={**certificates.files(), "policies": POLICIES}, transcripts=False,
          ignore="smtpd|SSL_connect|depth=|TLS cipher list|setting up TLS|initializing the client")
def what_matched_in_the_log(mta):
    announce()
    with listening(mta, 80, servers()):
        mta.mail("carol@example.test", [f"x@dane-{name}.d.test" for name in ("ee01", "ee10", "ee00", "ta11", "ta00", "middleta", "mismatch", "none")])
        mta.settle()
