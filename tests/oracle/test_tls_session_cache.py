"""TLS sessions that tlsmgr keeps for smtpd: by session id for clients without tickets, across processes, and what the log says."""
import re
import ssl

from support import certificates
from support.compare import scenario
from support.postscreen import HELPERS, service

FILES = certificates.files()
SERVER = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_loglevel = 2
smtpd_tls_session_cache_database = btree:@ROOT@/data/smtpd_scache
default_sessions_per_process = 1
max_use = 1
"""


def context(version, tickets):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    if not tickets:
        made.options |= ssl.OP_NO_TICKET
    return made


def session_of(mta, made, old=None, client=128):
    """One TLS session; what may be resumed of it."""
    with mta.smtp(client=client) as session:
        session.talk("EHLO a.test", "STARTTLS")
        session.socket = made.wrap_socket(session.socket, session=old)
        session.talk("EHLO a.test", "QUIT")
        mta.note("resumed", session.socket.session_reused)
        return session.socket.session


def three_sessions(mta, version, tickets):
    made = context(version, tickets)
    first = session_of(mta, made)
    second = session_of(mta, made, first)
    session_of(mta, made, second)


def note_log(mta):
    """In the order in which it happened, with numbers for sessions."""
    mta.settle()
    numbers = {}
    lines = [line.text for line in mta.log() if line.daemon in ("smtpd", "tlsproxy") and "SSL_accept:" not in line.text and re.search(r"session|ticket|TLS connection", line.text)]
    text = re.sub(r"\b[0-9A-F]{64}\b", lambda found: f"S{numbers.setdefault(found[0], len(numbers))}", "\n".join(lines))
    mta.note("log", re.sub(r"expiration: \d+", "expiration: TIME", text))


def all_kinds(mta):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for tickets in (True, False):
            three_sessions(mta, version, tickets)
    note_log(mta)


@scenario(main=SERVER, files=FILES, log=False)
def with_a_cache_and_tickets(mta):
    all_kinds(mta)


@scenario(main=SERVER + "tls_session_ticket_cipher =\n", files=FILES, log=False)
def with_a_cache_alone(mta):
    all_kinds(mta)


@scenario(main=SERVER.replace("btree:@ROOT@/data/smtpd_scache", ""), files=FILES, log=False)
def without_a_cache(mta):
    all_kinds(mta)


@scenario(main=SERVER + "smtpd_tls_session_cache_timeout = 0\n", files=FILES, log=False)
def with_a_cache_that_keeps_nothing(mta):
    all_kinds(mta)


@scenario(main=SERVER, files=FILES, log=False, master=HELPERS + service(
    2671, postscreen_pipelining_enable="yes", postscreen_greet_wait="1s"))
def sessions_of_postscreen(mta):
    """tlsproxy keeps them in the same place."""
    made, old = context(ssl.TLSVersion.TLSv1_2, tickets=False), None
    for client in (101, 102, 103):
        with mta.smtp(port=2671, client=client) as session:
            session.talk("EHLO a.test", "STARTTLS")
            session.socket = made.wrap_socket(session.socket, session=old)
            session.talk("EHLO a.test", "QUIT")
            mta.note("resumed", session.socket.session_reused)
            old = session.socket.session
    note_log(mta)
