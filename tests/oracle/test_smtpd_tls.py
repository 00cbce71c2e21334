"""TLS in smtpd as sites set it up: names that clients ask for, client certificates, ciphers, protocols, and
what the log says of all that."""
import hashlib
import re
import socket
import ssl
import subprocess

from support import certificates, check
from support.compare import scenario
from support.instance import SMTPS
from support.room import room

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: safe\n\nHello\n"
FILES = certificates.files()
SERVER = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
tls_medium_cipherlist = aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH
"""


def context(chain=None, version=None, **options):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if chain:
        made.load_cert_chain(*chain)
    if version:
        made.minimum_version = made.maximum_version = version
    for name, value in options.items():
        setattr(made, name, value)
    return made


def subject_of(session):
    der = session.socket.getpeercert(binary_form=True)
    if not der:
        return "none"
    shown = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, capture_output=True, check=True)
    return shown.stdout.decode().strip()


def safe(mta, session, made=None, name=None, tells=True):
    """STARTTLS; what came of it is noted.  True when there is TLS now."""
    if session.talk("EHLO a.test", "STARTTLS")[-1].code != "220":
        return False
    try:
        session.socket = (made or context()).wrap_socket(session.socket, server_hostname=name)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        mta.note(f"handshake for {name}", f"failed: {reason}" if tells else "failed")
        return False
    mta.note(f"handshake for {name}", f"{session.socket.version()} {session.socket.cipher()[0]} {subject_of(session)}")
    return True


@scenario(main=SERVER.replace("loglevel = 1", "loglevel = 2"), files=FILES, ignore="initializing the server-side")
def log_level_two(mta):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with mta.smtp() as session:
            if safe(mta, session, context(version=version)):
                session.talk("EHLO a.test", "QUIT")


PAIR = (certificates.directory() / "mx.pem", certificates.directory() / "mx.key")
STRANGER = (certificates.self_signed() / "self.pem", certificates.self_signed() / "self.key")
CCERT = "smtpd_tls_ask_ccert = yes\nsmtpd_tls_CAfile = @CONF@/ca.pem\nsmtpd_tls_fingerprint_digest = sha256\n"


@scenario(main=SERVER.replace("loglevel = 1", "loglevel = 2") + CCERT, files=FILES, ignore="initializing the server-side")
def client_certificates_at_log_level_two(mta):
    for chain in (None, PAIR, STRANGER):
        with mta.smtp() as session:
            if safe(mta, session, context(chain)):
                session.talk("EHLO a.test", "QUIT")


@scenario(main=SERVER.replace("loglevel = 1", "loglevel = 4"), files=FILES, log=False)
def log_level_four(mta):
    """The bytes differ, and how many are read at once; the form of the lines does not."""
    with mta.smtp() as session:
        if safe(mta, session):
            session.talk("EHLO a.test", "QUIT")
    mta.settle()
    lines = [re.sub(r"^(write to|read from) \S+ \S+", r"\1 00000000 [00000000]", line.text) for line in mta.log()]
    mta.note("log", "\n".join(sorted(line for line in lines if not re.match(r"\S{4} |read from|daemon started", line))))
    check(any(re.fullmatch(r"read from [0-9A-F]{8,} \[[0-9A-F]{8,}\] \(\d+ bytes => -1\)", line) for line in lines), "nothing to read")
    check(any(re.fullmatch(r"read from [0-9A-F]{8,} \[[0-9A-F]{8,}\] \(\d+ bytes => (\d+) \(0x[0-9A-F]+\)\)", line) for line in lines), "read")
    check(any(re.match(r"0000 16 03 03 00 7a 02 00 00\|76 03 03 .{15} \.{4}z\.{3} v\.{2}", line) for line in lines), "first row of the answer")


# Each on a port of its own.
NONSENSE = [
    "smtpd_tls_protocols = foo", "smtpd_tls_protocols = !SSLv2,!SSLv3,!TLSv1,!TLSv1.1,!TLSv1.2,!TLSv1.3",
    "smtpd_tls_protocols = >=foo", "smtpd_tls_protocols = >=TLSv1.3,<=TLSv1.2", "smtpd_tls_protocols = >=0x0304", "smtpd_tls_ciphers = foo",
    "smtpd_tls_exclude_ciphers = !x", "smtpd_tls_exclude_ciphers = ALL",
    "smtpd_tls_fingerprint_digest = foo", "tls_ssl_options = foo", "tls_ssl_options = NO_TICKET, 0x1, NO_RENEGOTIATION",
    "tls_disable_workarounds = foo", "tls_session_ticket_cipher = foo", "tls_session_ticket_cipher =", "tls_session_ticket_cipher = aes-128-cbc",
    "tls_session_ticket_cipher = aes-256-gcm",
    "tls_eecdh_auto_curves = foo", "tls_eecdh_auto_curves = secp521r1", "tls_eecdh_auto_curves = prime256v1", "tls_eecdh_auto_curves = secp384r1", "tls_config_file = foo", "tls_config_file = /nonexistent", "tls_config_file = none",
    "tls_config_name = foo", "smtpd_tls_dh1024_param_file = /nonexistent", "smtpd_tls_CAfile = /nonexistent",
    "smtpd_tls_cert_file = /nonexistent", "smtpd_tls_key_file = @CONF@/ca.pem", 
    "smtpd_tls_chain_files = @CONF@/mx.pem", "smtpd_tls_chain_files = @CONF@/mx.key", "smtpd_tls_chain_files = @CONF@/mx.key @CONF@/mx.pem",
    "smtpd_tls_chain_files = @CONF@/mx.key @CONF@/ca.pem", "smtpd_tls_chain_files = @CONF@/torn.pem",
    "tls_server_sni_maps = hash:/nonexistent", "tls_preempt_cipherlist = yes", "tls_medium_cipherlist = foo", "smtpd_tls_security_level = verify",
    "smtpd_tls_cert_file = none", "smtpd_tls_always_issue_session_ids = no", "tls_fast_shutdown_enable = no",
]



def services(settings):
    return "".join(f"@ADDRESS@:{2601 + n} inet n - n - - smtpd\n  -o {{ {setting} }}\n" for n, setting in enumerate(settings))


@scenario(main=SERVER + "notify_classes =\n", master=services(NONSENSE), files={**FILES, "torn.pem": FILES["mx.key"] + FILES["mx.pem"][:400] + "\n"})
def settings_that_make_no_sense(mta):
    for n, setting in enumerate(NONSENSE):
        mta.note("setting", setting)
        with mta.smtp(2601 + n) as session:
            if safe(mta, session, tells=False):
                session.talk("EHLO a.test", "QUIT")


def chain_for(*names, kind="rsa:2048"):
    """Key and certificate of the authority of the tests for these names, in one file."""
    place = certificates.directory()
    stem = names[0].replace("*", "star")
    if not (place / f"{stem}.pem").exists():
        run = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)
        (place / f"{stem}.ext").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        options = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else []
        run("req", "-newkey", kind, *options, "-nodes", "-subj", f"/CN={names[0]}", "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        run("x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", f"{stem}.ext", "-out", f"{stem}.crt")
        (place / f"{stem}.pem").write_text((place / f"{stem}.key").read_text() + (place / f"{stem}.crt").read_text())
    return (place / f"{stem}.pem").read_text()


NAMES = {"one.pem": chain_for("one.test"), "ec.pem": chain_for("ec.test", kind="ec"), "below.pem": chain_for("*.below.test"),
         "torn.pem": FILES["mx.key"] + FILES["mx.pem"][:400] + "\n",
         "sni": "one.test @CONF@/one.pem\nec.test @CONF@/ec.pem\n.below.test @CONF@/below.pem\nbad.test @CONF@/torn.pem\nlone.test @CONF@/mx.key\n"
                "wrong.test @CONF@/mx.key @CONF@/one.pem\n"}


@scenario(main=SERVER + "tls_server_sni_maps = hash:@CONF@/sni\n",
          master="@ADDRESS@:2601 inet n - n - - smtpd -o tls_server_sni_maps=texthash:@CONF@/sni\n"
                 "@ADDRESS@:2602 inet n - n - - smtpd -o tls_server_sni_maps=inline:{one.test=xyz}\n"
                 "@ADDRESS@:2603 inet n - n - - smtpd -o smtpd_tls_loglevel=2\n"
                 "@ADDRESS@:2604 inet n - n - - smtpd -o tls_server_sni_maps=fail:down\n",
          files={**FILES, **NAMES}, ignore="SSL routines::callback failed")
def certificates_by_name(mta):
    mta.must_run("postmap", "-F", f"hash:{mta.conf}/sni")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name in ("one.test", "ONE.test", "ec.test", "a.below.test", "a.b.below.test", "below.test", "other.test", None):
            with mta.smtp() as session:
                if safe(mta, session, context(version=version), name):
                    session.mail("a@remote.test", "bob@example.test", TEXT)
                    session.command("QUIT")
    for name in ("bad.test", "lone.test", "wrong.test"):
        with mta.smtp() as session:
            safe(mta, session, name=name, tells=False)
    for port, name in ((2601, "ec.test"), (2602, "one.test"), (2603, "one.test"), (2604, "one.test"), (2604, None)):
        with mta.smtp(port) as session:
            if safe(mta, session, name=name, tells=False):
                session.talk("EHLO a.test", "QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


def fingerprints(path, digest="sha256"):
    """Of a certificate and of its key."""
    whole = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", f"-{digest}"], capture_output=True, text=True, check=True)
    key = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    return whole.stdout.split("=")[1].strip(), ":".join(f"{byte:02X}" for byte in hashlib.new(digest, der).digest())


MX_PRINT, MX_KEY_PRINT = fingerprints(PAIR[0])
SELF_PRINT, SELF_KEY_PRINT = fingerprints(STRANGER[0])
ACCESS = f"{MX_PRINT} REJECT certificate\n{MX_KEY_PRINT} REJECT key\n{SELF_KEY_PRINT} 450 stranger's key\n"


def rules(port, *settings):
    return f"@ADDRESS@:{port} inet n - n - - smtpd\n" + "".join(f"  -o {{ {setting} }}\n" for setting in settings)


@scenario(main=SERVER + CCERT + "smtpd_relay_restrictions = permit_tls_clientcerts, reject_unauth_destination\nsmtpd_log_access_permit_actions = \n"
          f"relay_clientcerts = inline:{{ {{ {MX_KEY_PRINT} = mx }} }}\n",
          master=rules(2601, "smtpd_relay_restrictions = permit_tls_all_clientcerts, reject_unauth_destination") +
          rules(2602, "smtpd_recipient_restrictions = check_ccert_access hash:@CONF@/access") +
          rules(2603, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access, { search_order = pubkey_fingerprint, cert_fingerprint } }") +
          rules(2604, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access, { search_order = cert_fingerprint } }") +
          rules(2605, f"relay_clientcerts = inline:{{ {{ {SELF_PRINT} = self }} }}", "smtpd_tls_security_level = encrypt") +
          rules(2606, "relay_clientcerts = fail:down") +
          rules(2607, "smtpd_tls_fingerprint_digest = md5", f"relay_clientcerts = inline:{{ {{ {fingerprints(PAIR[0], 'md5')[0]} = mx }} }}") +
          rules(2608, "local_header_rewrite_clients = permit_tls_clientcerts") +
          rules(2609, "local_header_rewrite_clients = permit_tls_all_clientcerts") +
          rules(2610, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access, { search_order = nonsense } }") +
          rules(2611, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access { search_order = pubkey_fingerprint } }") +
          rules(2612, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access, { order = pubkey_fingerprint } }") +
          rules(2613, "smtpd_recipient_restrictions = check_ccert_access { hash:@CONF@/access, { search_order = } }"),
          files={**FILES, "access": ACCESS})
def client_certificates_decide(mta):
    mta.must_run("postmap", f"hash:{mta.conf}/access")
    for port in (2525, *range(2601, 2614)):
        for name, chain in (("none", None), ("mx", PAIR), ("stranger", STRANGER)):
            mta.note("who", f"{name} at {port}")
            with mta.smtp(port) as session:
                if safe(mta, session, context(chain)):
                    session.talk("EHLO a.test", "MAIL FROM:<a@remote.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<bob@example.test>")
                    if port in (2608, 2609):
                        session.data("From: carol\nTo: bob\nSubject: x\n\nx\n")
                    session.command("QUIT")
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


# postscreen keeps what passes no test before it hands over, such as this client, which sends before its turn.
@scenario(main=SERVER + "tls_server_sni_maps = texthash:@CONF@/sni\n",
          master="@ADDRESS@:2651 inet n - n - 1 postscreen -o postscreen_non_smtp_command_enable=yes -o postscreen_access_list=\n"
                 "  -o postscreen_greet_wait=1s -o postscreen_cache_map= -o postscreen_tls_security_level=may\n"
                 "smtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n",
          files={**FILES, **NAMES}, ignore="cache|CONNECT|PASS|HANGUP|DISCONNECT")
def certificates_by_name_in_tlsproxy(mta):
    for name in ("one.test", "ec.test", "other.test", None):
        with mta.smtp(2651) as session:
            if safe(mta, session, name=name):
                session.talk("EHLO a.test", "QUIT")
