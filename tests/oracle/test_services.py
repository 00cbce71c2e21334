"""The small services behind the others: tlsmgr, scache, flush."""
import ssl

from support import certificates, check
from support.compare import scenario
from support.room import room
from support.sink import SmtpSink

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: again\n\nHello\n"
CACHE = "smtp_tcp_port = 2525\nsmtp_connection_cache_destinations = kept.test\n"
FLUSH = "smtp_tcp_port = 2525\nfast_flush_domains = flushed.test\n"


def hosts():
    dns = room().dns
    if not getattr(dns, "services_hosts", False):
        for n, name in ((61, "kept.test"), (62, "flushed.test"), (63, "other.test"), (64, "safe.test")):
            dns.add_host(f"mx.{name}", room().address(n))
            dns.add(name, "MX", (10, f"mx.{name}"))
        dns.services_hosts = True


def send(mta, to):
    hosts()
    identity = mta.mail("carol@example.test", to, TEXT)
    mta.settle()
    return identity


@scenario(main=CACHE)
def connections_are_kept_for_listed_destinations(mta):
    """How often the client says RSET is its own affair."""
    sink = SmtpSink(room().address(61), 2525)
    try:
        for _ in range(3):
            send(mta, "x@kept.test")
    finally:
        sink.stop()
    mta.note("connections", sink.connections)
    mta.note("messages", len(sink.transactions))


@scenario(main=CACHE)
def other_connections_are_not_kept(mta):
    sink = SmtpSink(room().address(63), 2525)
    try:
        for _ in range(2):
            send(mta, "x@other.test")
    finally:
        sink.stop()
    mta.note("connections", sink.connections)


@scenario(main=CACHE)
def a_kept_connection_that_was_closed(mta):
    """The server hangs up on the idle client; the next message takes a new connection."""
    sink = SmtpSink(room().address(61), 2525, {".": lambda line: "250 2.0.0 Ok: queued"})
    try:
        send(mta, "x@kept.test")
    finally:
        sink.stop()
    sink = SmtpSink(room().address(61), 2525)
    try:
        send(mta, "y@other.test")
    finally:
        sink.stop()


@scenario(main=FLUSH)
def mail_for_one_domain_is_flushed(mta):
    first = send(mta, "x@flushed.test")
    other = send(mta, "x@other.test")
    mta.note("deferred", sorted(path.name in (first, other) for path in mta.queue_files("deferred")))
    log = [path for path in mta.queue.glob("flush/**/*") if path.is_file()]
    mta.note("flush logs", [path.name for path in log])
    mta.note("its line", [path.read_text() == first + "\n" for path in log])
    mta.run("postqueue", "-s", "other.test")
    with mta.sink(62) as sink:
        mta.run("postqueue", "-s", "flushed.test")
        sink.wait(1)
        mta.settle()
    log = [path for path in mta.queue.glob("flush/**/*") if path.is_file()]
    mta.note("its line", [path.read_text() for path in log])
    for path in log:
        path.unlink()


SESSIONS = """\
smtp_tcp_port = 2525
smtp_tls_security_level = may
smtp_tls_loglevel = 1
smtp_tls_session_cache_database = btree:@ROOT@/data/smtp_sessions
"""


def resuming_sink(mta, counts):
    context = certificates.server_context(minimum_version=ssl.TLSVersion.TLSv1_2,
                                          maximum_version=ssl.TLSVersion.TLSv1_2)

    class Counting:
        def wrap_socket(self, *arguments, **options):
            safe = context.wrap_socket(*arguments, **options)
            counts.append(safe.session_reused)
            return safe

    return mta.sink(64, TLS=Counting(), STARTTLS="220 go",
                    EHLO="250-sink.test\n250-PIPELINING\n250-STARTTLS\n250 8BITMIME")


@scenario(main=SESSIONS)
def the_client_resumes_tls_sessions(mta):
    counts = []
    hosts()
    with resuming_sink(mta, counts):
        for _ in range(3):
            send(mta, "x@safe.test")
    check(len(counts) == 3, f"three sessions: {counts}")
    mta.note("resumed", counts)
