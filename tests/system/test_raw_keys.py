"""smtpd_tls_enable_rpk: a warning where OpenSSL is too old for raw public keys, and certificates work on."""
import re
import ssl
import subprocess

from support import certificates, check, equal
from support.instance import Instance

MAIN = ("smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\n"
        "smtpd_tls_ask_ccert = yes\nsmtpd_tls_enable_rpk = yes\nsmtpd_tls_CAfile = @CONF@/ca.pem\nsmtpd_tls_loglevel = 1\n")


def test_keys_without_certificates():
    version = re.search(r"OpenSSL (\d+)\.(\d+)", subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout)
    mta = Instance(main=MAIN, files=certificates.files()).start()
    try:
        made = ssl.create_default_context()
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.load_cert_chain(certificates.directory() / "mx.pem", certificates.directory() / "mx.key")
        with mta.smtp() as session:
            session.talk("EHLO a.test", "STARTTLS")
            session.socket = made.wrap_socket(session.socket)
            equal(session.talk("EHLO a.test", "QUIT")[-1].code, "221", "a client with a certificate")
        mta.wait_log("Trusted TLS connection established")
        if (int(version[1]), int(version[2])) < (3, 2):
            mta.wait_log(r"warning: smtpd_tls_enable_rpk: raw public keys need OpenSSL 3\.2 or later, and this is ")
            return
        said = subprocess.run(["openssl", "s_client", "-starttls", "smtp", "-connect", f"{mta.address}:2525", "-enable_client_rpk", "-enable_server_rpk",
                               "-cert", certificates.directory() / "mx.pem", "-key", certificates.directory() / "mx.key"],
                              input="QUIT\n", capture_output=True, text=True, timeout=20)
        check("raw public key" in said.stdout.lower(), said.stdout)
        mta.wait_log("Untrusted TLS connection established")
    finally:
        mta.destroy()
