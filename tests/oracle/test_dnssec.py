"""DANE with zones that are really signed and a resolver that really validates: what is proved, what is not there, what
is forged and what nobody vouches for."""
import functools
import hashlib

from support import certificates
from support.compare import scenario
from support.dnssec import SignedZones, Zone, asking
from support.room import room
from support.tls_servers import listening, safe

CLIENT = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_dns_support_level = dnssec
smtp_tls_dane_insecure_mx_policy = may
smtp_tls_policy_maps = regexp:@CONF@/policies
notify_classes =
"""
POLICIES = "/^dane-/ dane\n/^only-/ dane-only\n/^may-/ may\n"
LEVELS = ("dane", "only", "may")
PAST = ("-s", "20200101000000", "-e", "20200201000000")
NSEC3 = ("-3", "aabb", "-H", "1")
NONE = "0" * 64


def without(*kinds):
    """Leaves records out."""
    return lambda lines: [line for line in lines if not set(line.split()[3:4]) & set(kinds) and not (line.split()[3:4] == ["RRSIG"] and set(line.split()[4:5]) & set(kinds))]


def forged(kind, was, new):
    return lambda lines: [line.replace(was, new) if line.split()[3:4] == [kind] else line for line in lines]


@functools.cache
def scene():
    """{name of a case: MX host}, with all zones served."""
    server = safe("signed", ["mx.signed.test"], "ca")
    key = hashlib.sha256(certificates.public_key("signed")).hexdigest()
    authority = hashlib.sha256(certificates.der("ca")).hexdigest()
    address = room().address(80)
    host = f"mx A {address}\n"
    right, wrong = f"_2525._tcp.mx TLSA 3 1 1 {key}\n", f"_2525._tcp.mx TLSA 3 1 1 {NONE}\n"
    zones = {
        "good": Zone("", host + right),
        "wrongdata": Zone("", host + wrong),
        "names": Zone("", host + f"_2525._tcp.mx TLSA 2 0 1 {authority}\n"),
        "none": Zone("", host),
        "nsec3": Zone("", host + right, NSEC3),
        "nsec3none": Zone("", host, NSEC3),
        "optout": Zone("", host, (*NSEC3, "-A")),
        "wild": Zone("", host + f"*._tcp.mx TLSA 3 1 1 {key}\n"),
        "wildhost": Zone("", f"* A {address}\n"),
        "forged": Zone("", host + right, spoil=forged("TLSA", key[:8].upper(), "00000000")),
        "forgedhost": Zone("", host + right, spoil=forged("A", address, room().address(81))),
        "unsigned": Zone("", host + right, spoil=lambda lines: [line for line in lines if line.split()[3:5] != ["RRSIG", "TLSA"]]),
        "nodenial": Zone("", host, spoil=without("NSEC")),
        "expired": Zone("", host + right, PAST),
        "future": Zone("", host + right, ("-s", "20350101000000", "-e", "20360101000000")),
        "insecure": Zone("", host + right, None, None),
        "orphan": Zone("", host + right, ds=None),
        "wrongds": Zone("", host + right, ds="wrong"),
        "stripped": Zone("", host + right, spoil=without("RRSIG", "DNSKEY", "NSEC")),
    }
    for name, zone in zones.items():
        zone.name = f"{name}.sec.test"
    zones["good"].records += ("alias CNAME mx\nfar CNAME mx.insecure.sec.test.\nbad CNAME mx.forged.sec.test.\nlent A " + address + "\n_2525._tcp.lent CNAME _2525._tcp.mx\nopen A " + address
                              + "\n_2525._tcp.open CNAME _2525._tcp.mx.insecure.sec.test.\nbogus A " + address + "\n_2525._tcp.bogus CNAME _2525._tcp.mx.expired.sec.test.\n")
    hosts = {name: f"mx.{zone.name}" for name, zone in zones.items()} | {f"good{host}": f"{host}.good.sec.test" for host in ("alias", "far", "bad", "lent", "open", "bogus", "gone")}
    lines = [f"{level}-{name} MX 10 {host}." for level in LEVELS for name, host in hosts.items()]
    lines += [f"{level}-two MX {n} mx.{name}.sec.test." for level in LEVELS for n, name in ((10, "forged"), (20, "expired"), (30, "good"))]
    top = Zone("sec.test", "\n".join(lines) + "\n")
    # Mail exchangers that nobody vouches for, or that are forged.
    zones["insecure"].records += "".join(f"{level}-mx MX 10 mx.good.sec.test.\n" for level in LEVELS)
    zones["forged"].records += "".join(f"{level}-mx MX 10 mx.good.sec.test.\n" for level in LEVELS)
    zones["expired"].records += "".join(f"{level}-mx MX 10 mx.good.sec.test.\n" for level in LEVELS)
    SignedZones([top, *zones.values()], room().address(54))
    domains = [f"{name}.sec.test" for name in (*hosts, "two")] + [f"mx.{zone}.sec.test" for zone in ("insecure", "forged", "expired")] + ["nowhere.sec.test"]
    return {"signed": server}, domains


@scenario(main=CLIENT, files={**certificates.files(), "policies": POLICIES}, transcripts=False, ignore="smtpd")
def what_the_resolver_vouches_for(mta):
    server, domains = scene()
    with asking(room().address(54)), listening(mta, 80, server):
        mta.mail("u1@virt.test", [f"x@{level}-{domain}" for level in LEVELS for domain in domains])
        mta.settle()
    for text in ("dane-good.sec.test>, relay=mx.good.*status=sent", "dane-forged.sec.test>.*TLSA lookup error", "dane-nodenial.sec.test>.*TLSA lookup error",
                 "only-insecure.sec.test>.*no TLSA records"):
        mta.wait_log(text)  # else nothing was validated
