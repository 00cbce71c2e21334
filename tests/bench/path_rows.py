"""Rows about what may stand on a message's way: a slow disk, local(8) with aliases and .forward files, an LMTP server, sessions that
speak TLS and wait, mail by STARTTLS with a connection for each message, and one, two or four processes for the same sessions."""
import contextlib
import re
import socket
import ssl
import subprocess
import time

from support import BUILD, certificates
from support.c_programs import compiled
from support.instance import SMTP
from support.room import room

# By main.cf, since programs that master starts have no other way to hear of it.
SLOW = "import_environment = MAIL_CONFIG MAIL_LOGTAG TZ POSTLOG_SERVICE POSTLOG_HOSTNAME LD_PRELOAD={library}\n"
LOCAL = "alias_maps = hash:@CONF@/aliases\nforward_path = @CONF@/forward/$user\n"
LMTP_SINK = 26, 2526  # the last byte of its address, its port
LMTP = "relay_transport = lmtp:inet:[@NET@.{}]:{}\n".format(*LMTP_SINK)
TLS = "smtpd_tls_security_level = may\nsmtpd_tls_cert_file = {place}/mx.pem\nsmtpd_tls_key_file = {place}/mx.key\n"
TOGETHER = 20  # connections of the rows about processes

ends = contextlib.ExitStack()  # what the rows have started


def slow_disk():
    return SLOW.format(library=compiled("slow_fsync", "-shared", "-fPIC", "-ldl"))


def prepare_local(mta):
    """One alias for two people, each of whom keeps his mail by a .forward file."""
    with open(mta.conf / "aliases", "a") as aliases:
        aliases.write("load: alice, bob\n")
    folder = mta.conf / "forward"
    folder.mkdir()
    for name in ("alice", "bob"):
        (folder / name).write_text(f"\\{name}\n")


def into_local(mta, sessions, count, tools):
    mta.mark()
    figures = tools.throughput(mta, sessions, 4, count, "load@example.test")
    delivered = len(re.findall(r"to=<(?:alice|bob)@.*status=sent \(delivered to maildir\)", mta.log_text()))
    if delivered != 2 * count:
        raise AssertionError(f"{delivered} of {2 * count} copies were delivered")
    return figures


def prepare_lmtp(mta):
    if not getattr(ends, "lmtp", None):
        last, port = LMTP_SINK
        ends.lmtp = subprocess.Popen([BUILD / "bin/smtp-sink", "-L", "-u", "postfix", f"{room().address(last)}:{port}", "1000"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends.callback(ends.lmtp.kill)
        time.sleep(0.5)


def tls_session(mta, context):
    """A session that has said EHLO under TLS."""
    plain = socket.create_connection((mta.address, SMTP), timeout=60)
    plain.recv(4096)
    for line in (b"EHLO client.example.test\r\n", b"STARTTLS\r\n"):
        plain.sendall(line)
        plain.recv(4096)
    session = context.wrap_socket(plain)
    session.sendall(b"EHLO client.example.test\r\n")
    session.recv(4096)
    return session


def idle_tls(mta, count, tools):
    """What `count` sessions add to a suite that has one already."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    mta.stop()
    mta.start()
    sessions = [tls_session(mta, context)]
    time.sleep(2)
    base, before, start = tools.pss_megabytes(mta), tools.cpu_seconds(mta), time.monotonic()
    sessions += [tls_session(mta, context) for _ in range(count)]
    elapsed = time.monotonic() - start
    figures = {"KB/session": (tools.pss_megabytes(mta) - base) * 1024 / count, "sessions/s": count / elapsed,
               "CPU ms/session": (tools.cpu_seconds(mta) - before) * 1000 / count}
    for session in sessions:
        session.close()
    return figures


def sessions(mta, count, kind):
    """Short sessions, some at once: how many there were, `count` or a few more, and milliseconds of one, the median."""
    source = compiled("session_source", "-lssl", "-lcrypto")
    done = subprocess.run([source, mta.address, str(SMTP), str(TOGETHER), str(count), kind], check=True, capture_output=True, timeout=180)
    made, median = done.stdout.split()
    return int(made), float(median)


def starttls(mta, count, kind, tools):
    """A connection for each message: until the queue is empty."""
    sessions(mta, 100, "full")
    tools.wait_drained(mta)
    mta.empty_mailboxes()
    before, start = tools.cpu_seconds(mta), time.monotonic()
    count, median = sessions(mta, count, kind)
    tools.wait_drained(mta)
    elapsed, cpu = time.monotonic() - start, tools.cpu_seconds(mta) - before
    return {"messages/s": count / elapsed, "ms of one (p50)": median, "CPU ms/message": cpu * 1000 / count}


def greetings(mta, count, tools):
    """Connections that say EHLO and QUIT."""
    sessions(mta, 100, "greet")
    before, start = tools.cpu_seconds(mta), time.monotonic()
    count, median = sessions(mta, count, "greet")
    elapsed, cpu = time.monotonic() - start, tools.cpu_seconds(mta) - before
    return {"sessions/s": count / elapsed, "ms of one (p50)": median, "CPU ms/session": cpu * 1000 / count}


PREPARATIONS = {LOCAL: prepare_local, LMTP: prepare_lmtp}


def rows(scale, tools):
    for sessions in (1, 100):
        yield (f"SMTP -> Maildir, {sessions} connections, 4 KB, each fsync 2 ms longer",
               lambda m, s=sessions: tools.throughput(m, s, 4, int((300 if s == 1 else 1500) * scale), "u1@virt.test"), slow_disk())
    for sessions in (1, 20):
        yield (f"SMTP -> local with an alias and .forward, {sessions} connections, 4 KB",
               lambda m, s=sessions: into_local(m, s, int(1000 * scale), tools), LOCAL)
    for sessions in (20, 100):
        yield (f"SMTP -> LMTP, {sessions} connections, 4 KB",
               lambda m, s=sessions: tools.throughput(m, s, 4, int(1500 * scale), "x@far.test"), LMTP)
    count = int(2000 * scale)
    yield (f"{count} idle TLS sessions", lambda m: idle_tls(m, count, tools),
           TLS.format(place=certificates.directory()) + f"default_process_limit = {count + 100}\n")
    yield f"new sessions, {TOGETHER} at once", lambda m: greetings(m, int(4000 * scale), tools), ""
    for kind in ("full", "resumed"):
        yield (f"STARTTLS ({kind}) and one mail, {TOGETHER} at once", lambda m, k=kind: starttls(m, int(1000 * scale), k, tools),
               TLS.format(place=certificates.directory()))
    for processes in (1, 2, 4):
        yield (f"SMTP -> Maildir, {TOGETHER} connections, 4 KB, {processes} smtpd and cleanup",
               lambda m: tools.throughput(m, TOGETHER, 4, int(1500 * scale), "u1@virt.test"),
               f"default_sessions_per_process = {-(-TOGETHER // processes)}\n")
