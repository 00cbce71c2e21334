"""A relay that wants a login, as the howtos have it ([host]:587 user:pass): our smtp in a real Postfix, Postfix's in ours, and
ours alone, against the smtpd of a real Postfix, and of ours, with Cyrus SASL and TLS."""
import os

from support import certificates, check, equal, sasl
from support.instance import Instance

sasl.need_plugins()
TEXT = "Subject: relayed\n\nbody\n"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
RELAY = """\
myhostname = relay.example.test
mydestination = far.test
local_recipient_maps =
luser_relay = bob
mynetworks = 127.255.255.255
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
cyrus_sasl_config_path = @CONF@/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_security_options = noanonymous
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
"""
FILES = {**certificates.files(),
         "sasl/smtpd.conf": f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @CONF@/sasldb2\nmech_list: {' '.join(MECHANISMS)}\n"}
HOWTO = """\
relayhost = [{relay}]:5870
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:@CONF@/sasl_passwd
smtp_sasl_security_options = noanonymous
transport_maps = inline:{{{{smtps.test=smtps:[{relay}]:4650}} {{wrong.test=smtp:[{relay}]:2525}} {transports}}}
"""


def relay(kind):
    mta = Instance(kind, main=RELAY, files=FILES).start()
    sasl.make_sasldb(mta.conf / "sasldb2", {"joe": "secret"}, "relay.example.test")
    return mta


def client(kind, swap, other):
    transports = " ".join(f"{{{name.lower()}.test={name.lower()}:[{other.address}]:5870}}" for name in MECHANISMS)
    master = "".join(f"{name.lower()} unix - - n - - smtp -o smtp_sasl_mechanism_filter={name}\n" for name in MECHANISMS)
    master += "smtps unix - - n - - smtp -o smtp_tls_wrappermode=yes\n"
    mta = Instance(kind, swap, main=HOWTO.format(relay=other.address, transports=transports), master=master)
    mta.table("sasl_passwd", f"[{other.address}]:5870 joe@relay.example.test:secret\n[{other.address}]:4650 joe@relay.example.test:secret\n"
                             f"[{other.address}]:2525 joe@relay.example.test:wrong\n")
    for name in ("sasl_passwd", "sasl_passwd.db"):
        os.chmod(mta.conf / name, 0o600)
    return mta.start()


def carry(kind, swap, other_kind):
    other = relay(other_kind)
    mta = client(kind, swap, other)
    for domain in ("any", "smtps", *(name.lower() for name in MECHANISMS)):
        mta.mail("carol@example.test", f"x@{domain}.test", TEXT)
        mta.wait_log(rf"to=<x@{domain}.test>, .*status=(?!deferred|bounced)|to=<x@{domain}.test>, .*dsn=5.7.1, status=bounced \(.*5.7.1")
    for name in MECHANISMS:
        other.wait_log(rf"sasl_method={name}, sasl_username=joe@relay.example.test")
    other.wait_log(r"smtps/smtpd.*sasl_method=\S+, sasl_username=joe")
    mta.mail("carol@example.test", "x@wrong.test", TEXT)
    mta.wait_log(r"to=<x@wrong.test>, .*status=deferred \((SASL authentication failed; server|TLS is required)")
    for line in mta.log():
        check("secret" not in line.text, f"a password in the log: {line.text}")
    other.stop()
    mta.check_sane()
    mta.stop()


def test_our_smtp_in_a_real_postfix():
    carry("postfix", {"smtp": "ours"}, "postfix")


def test_the_smtp_of_postfix_in_ours():
    carry("ours", {"smtp": "postfix"}, "ours")


def test_ours_alone():
    carry("ours", {}, "postfix")
