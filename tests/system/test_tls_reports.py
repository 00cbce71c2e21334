"""What Postfix has had since 3.10: MTA-STS by plug-ins of smtp_tls_policy_maps, and reports of how TLS went (RFC 8460),
which a collector gets as datagrams in the form of libtlsrpt 0.5.

The form (keys, numbers) is that of libtlsrpt's tlsrpt_*(3) and of tlsrpt-collectd; the numbers are those of tlsrpt.h."""
import functools
import hashlib
import json
import re
import socket
import threading
import time

from support import certificates, check, equal
from support.instance import Instance
from support.room import room
from support.tls_servers import OFFER, listening, safe

RECORD = "v=TLSRPTv1; rua=mailto:reports@example.test"
STS = ("policy_type=sts policy_domain={0} policy_ttl=86400 mx_host_pattern=*.{1} {{ policy_string = version: STSv1 }} "
       "{{ policy_string = mode: enforce }}")
CLIENT = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_security_level = may
smtp_dns_support_level = dnssec
smtp_tls_policy_maps = regexp:@CONF@/policies
smtp_tlsrpt_enable = yes
smtp_tlsrpt_socket_name = @CONF@/reports
"""
# What postfix-tlspol and its kin answer: the last match= is for releases before 3.11.
POLICIES = {
    "sts.r.test": "secure match=.sts.s.test servername=hostname " + STS.format("sts.r.test", "sts.s.test"),
    "outside.r.test": "secure match=.elsewhere.test servername=hostname " + STS.format("outside.r.test", "elsewhere.test"),
    "deep.r.test": "secure match=.s.test servername=hostname " + STS.format("deep.r.test", "s.test"),
    "forced.r.test": "secure match=.sts.s.test policy_failure=sts-policy-invalid " + STS.format("forced.r.test", "sts.s.test"),
    "wrong.r.test": "verify", "untrusted.r.test": "verify", "expired.r.test": "verify",
    "dane.r.test": "dane", "mismatch.r.test": "dane", "only.r.test": "dane-only", "lookup.r.test": "dane", "unusable.r.test": "dane-only",
    "none.r.test": "none",
}
MX = {"sts.r.test": "mx.sts.s.test", "outside.r.test": "mx.sts.s.test", "deep.r.test": "mx.sts.s.test", "forced.r.test": "mx.sts.s.test",
      "may.r.test": "mx.sts.s.test", "plain.r.test": "mx.plain.s.test", "refuses.r.test": "mx.refuses.s.test",
      "wrong.r.test": "mx.wrong.s.test", "untrusted.r.test": "mx.self.s.test", "expired.r.test": "mx.expired.s.test",
      "dane.r.test": "mx.dane.s.test", "mismatch.r.test": "mx.mismatch.s.test", "only.r.test": "mx.sts.s.test", "lookup.r.test": "mx.lookup.s.test",
      "unusable.r.test": "mx.unusable.s.test", "none.r.test": "mx.sts.s.test", "unwanted.r.test": "mx.sts.s.test", "twice.r.test": "mx.sts.s.test"}


@functools.cache
def servers():
    good = safe("rgood", ["mx.sts.s.test", "mx.dane.s.test", "mx.mismatch.s.test"])
    scripts = {"sts": good, "plain": {}, "refuses": {"EHLO": OFFER, "STARTTLS": "454 4.7.0 not today"},
               "wrong": safe("rwrong", ["elsewhere.test"]), "self": safe("rself", ["mx.self.s.test"], issuer=None),
               "expired": safe("rexpired", ["mx.expired.s.test"], days=-1), "dane": good, "mismatch": good, "lookup": good, "unusable": good}
    dns = room().dns
    for n, name in enumerate(scripts, 60):
        dns.add_host(f"mx.{name}.s.test", room().address(n))
    for domain, host in MX.items():
        dns.add(domain, "MX", (10, host))
        if domain != "unwanted.r.test":
            dns.add(f"_smtp._tls.{domain}", "TXT", "v=spf1 -all")
            dns.add(f"_smtp._tls.{domain}", "TXT", RECORD)
    dns.add("_smtp._tls.twice.r.test", "TXT", RECORD)
    for zone in ("s.test", "r.test"):
        dns.sign(zone)
    dns.add("_2525._tcp.mx.dane.s.test", "TLSA", (3, 1, 1, hashlib.sha256(certificates.public_key("rgood")).digest()))
    dns.add("_2525._tcp.mx.mismatch.s.test", "TLSA", (3, 1, 1, bytes(32)))
    dns.add("_2525._tcp.mx.unusable.s.test", "TLSA", (3, 9, 1, bytes(32)))
    dns.fail("_2525._tcp.mx.lookup.s.test", "SERVFAIL")
    return scripts


class Collector:
    """Takes datagrams, as tlsrpt-collectd does."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.received = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while text := self.socket.recv(1 << 20):
            self.received.append(text)

    def reports(self):
        """{domain: the policies of the one report}"""
        time.sleep(0.2)
        found = {}
        for text in self.received:
            report = json.loads(text)
            equal(report.pop("dpv"), "1", "the version")
            equal(report.pop("pr"), RECORD, "the record")
            check(report["d"] not in found, f"two reports: {text}")
            found[report["d"]] = report["policies"]
        return found


def started(main=CLIENT):
    text = "".join(f"/^{domain}$/ {policy}\n" for domain, policy in POLICIES.items())
    mta = Instance(main=main, files={**certificates.files(), "policies": text})
    return mta.start()


def send(mta, domains):
    mta.mark()
    with listening(mta, 60, servers()):
        mta.mail("carol@example.test", [f"x@{domain}" for domain in domains])
        mta.settle()
    return {domain: re.search(rf"to=<x@{domain}>.*? dsn=([\d.]+), status=\w+ \((.*)\)", mta.log_text()).groups() for domain in domains}


Instance.note = lambda self, name, value: None


def test_policies_and_reports():
    scripts = servers()
    mta = started()
    collector = Collector(mta.conf / "reports")
    got = send(mta, MX)
    sent = {domain for domain, (dsn, _) in got.items() if dsn == "2.0.0"}
    equal(sent, {"sts.r.test", "may.r.test", "plain.r.test", "refuses.r.test", "dane.r.test", "none.r.test", "unwanted.r.test",
                 "twice.r.test"}, "delivered")
    equal(got["outside.r.test"], ("4.7.5", "host mx.sts.s.test is not one of the MTA-STS policy of outside.r.test"), "no host of the policy")
    equal(got["deep.r.test"][0], "4.7.5", "a wildcard is for one label")
    equal(got["forced.r.test"], ("4.7.5", "Server certificate not verified"), "a policy that could not be had")
    reports = collector.reports()
    equal(set(MX) - set(reports), {"none.r.test", "unwanted.r.test", "twice.r.test"}, "nobody to report to, or nothing")
    key = hashlib.sha256(certificates.public_key("rgood")).hexdigest()
    published = {"policy-type": 2, "policy-domain": "sts.r.test", "policy-string": ["version: STSv1", "mode: enforce"],
                 "mx-host": ["*.sts.s.test"], "t": 0, "f": 0}
    equal(reports["sts.r.test"], [published], "MTA-STS and good")
    equal(reports["dane.r.test"], [{"policy-type": 1, "policy-domain": "mx.dane.s.test", "policy-string": [f"3 1 1 {key}"], "t": 0, "f": 0}],
          "DANE and good")
    equal(reports["may.r.test"], [{"policy-type": 9, "policy-domain": "may.r.test", "t": 0, "f": 0}], "no policy and good")
    failures = {domain: policies[0]["failure-details"][0] for domain, policies in reports.items() if policies[0]["f"]}
    equal({domain: failure["c"] for domain, failure in failures.items()},
          {"plain.r.test": 201, "refuses.r.test": 201, "wrong.r.test": 202, "untrusted.r.test": 203, "expired.r.test": 204, "mismatch.r.test": 205,
           "outside.r.test": 205, "deep.r.test": 205, "forced.r.test": 302, "unusable.r.test": 304, "lookup.r.test": 305, "only.r.test": 306},
          "what went wrong")
    place = list(scripts).index("wrong") + 60
    check(failures["wrong.r.test"].pop("s").startswith("127."), "from where")
    equal(failures["wrong.r.test"], {"c": 202, "n": "mx.wrong.s.test", "h": "sink.test", "r": room().address(place),
                                     "f": "hostname mismatch"}, "the details")
    mta.stop()


def test_any_host_with_a_certificate_of_the_policy():
    servers()
    mta = started(CLIENT + "smtp_tls_enforce_sts_mx_patterns = no\nsmtp_log_tls_feature_status = yes\n")
    check(", tls=" not in mta.log_text(), "nobody asked")
    got = send(mta, ["sts.r.test", "deep.r.test", "outside.r.test"])
    equal({domain: dsn for domain, (dsn, _) in got.items()}, {"sts.r.test": "2.0.0", "deep.r.test": "2.0.0", "outside.r.test": "4.7.5"},
          "what the certificate says counts")
    equal(dict(re.findall(r"to=<x@(\w+)[^>]*>.*, delays=\S+, tls=(\S+), dsn=", mta.log_text())),
          {"sts": "secure", "deep": "secure", "outside": "!secure"}, "the levels in the log")
    check("cannot send a TLS report about sts.r.test" in mta.log_text(), "there is no collector")
    mta.stop()


def test_an_early_reply_is_an_attack():
    """CVE-2009-3555: replies to commands that somebody else put before ours."""
    room().dns.add("early.r.test", "MX", (10, "mx.early.s.test"))
    room().dns.add_host("mx.early.s.test", room().address(75))
    turn = []

    def ehlo(_line):
        turn.append(1)
        return OFFER if len(turn) == 1 else "250-sink.test\n250 8BITMIME\n250 2.1.0 Ok\n250 2.1.5 Ok\n354 go"

    script = {**servers()["sts"], "EHLO": ehlo}
    mta = started(CLIENT.replace("smtp_tlsrpt_enable = yes", "smtp_tls_block_early_mail_reply = yes"))
    mta.mark()
    with listening(mta, 75, {"early": script}) as sinks:
        mta.mail("carol@example.test", "x@early.r.test")
        mta.settle()
    check("dsn=4.7.0, status=deferred (unexpected server message)" in mta.log_text(), mta.log_text())
    check("violates smtp_tls_block_early_mail_reply policy" in mta.log_text(), "told")
    check(not any(command.startswith("MAIL") for command in sinks[0].commands), sinks[0].commands)
    mta.stop()
