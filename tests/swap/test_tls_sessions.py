"""TLS sessions that tlsmgr keeps: begun with one system's smtpd, resumed with the other's, whoever's tlsmgr holds them."""
import os
import signal
import ssl

from support import certificates, check
from support.instance import Instance

MAIN = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_session_cache_database = btree:@ROOT@/data/smtpd_scache
service_throttle_time = 1s
"""


def context(version, tickets):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    if not tickets:
        made.options |= ssl.OP_NO_TICKET
    return made


def session_of(mta, made, old=None):
    with mta.smtp() as session:
        session.talk("EHLO a.test", "STARTTLS")
        session.socket = made.wrap_socket(session.socket, session=old)
        session.talk("EHLO a.test", "QUIT")
        return session.socket.session, session.socket.session_reused


def change_smtpd(mta, kind):
    """Puts the other system's smtpd in the place of the one that is there.  A reload would have a new tlsmgr, too."""
    mta.swap["smtpd"] = kind
    path = mta.daemons / "smtpd"
    path.unlink()
    path.symlink_to(mta._source_of("smtpd", is_command=False))
    for pid in mta.processes("smtpd"):
        os.kill(pid, signal.SIGTERM)


def resumed_across(kind, tlsmgr):
    mta = Instance(kind, {"tlsmgr": tlsmgr}, main=MAIN, files=certificates.files()).start()
    try:
        kinds = [context(version, tickets) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) for tickets in (True, False)]
        old = [session_of(mta, made)[0] for made in kinds]
        change_smtpd(mta, {"ours": "postfix", "postfix": "ours"}[kind])
        for made, session in zip(kinds, old):
            check(session_of(mta, made, session)[1], f"a session of {kind}'s smtpd is resumed: {made.minimum_version!r}, {made.options & ssl.OP_NO_TICKET!r}")
    finally:
        mta.destroy()


def test_from_postfix_to_ours():
    for tlsmgr in ("postfix", "ours"):
        resumed_across("postfix", tlsmgr)


def test_from_ours_to_postfix():
    for tlsmgr in ("postfix", "ours"):
        resumed_across("ours", tlsmgr)
