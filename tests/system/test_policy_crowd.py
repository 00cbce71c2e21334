"""Two thousand sessions of one process and a policy server: how many connections it gets, and what becomes of those who wait when it dies,
hangs, or is started again."""
import threading
import time

from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance
from support.policy import PolicyServer

SESSIONS, AT_ONCE = 2000, 50
MAIN = """\
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
default_process_limit = 2010
default_sessions_per_process = 2010
smtpd_recipient_restrictions = check_policy_service {{ inet:@NET@.31:9998, {} }}, reject_unauth_destination
"""


class Gate:
    """Answers when as many ask as it waits for."""

    def __init__(self, count):
        self.barrier = threading.Barrier(count)

    def __call__(self, request):
        self.barrier.wait(20)
        return "DUNNO"


def server_of(mta, answer="DUNNO"):
    return PolicyServer((mta.room.address(31), 9998), answer)


def crowd(mta, count):
    sessions = [mta.smtp() for _ in range(count)]
    for number, session in enumerate(sessions):
        session.send(f"MAIL FROM:<c{number}@remote.test>\r\n")
    for session in sessions:
        equal(session.read().code, "250", "MAIL")
    return sessions


def ask(sessions):
    for session in sessions:
        session.send("RCPT TO:<u1@virt.test>\r\n")


def replies(sessions, code):
    for session in sessions:
        equal(session.read().code, code, "RCPT")


def started(settings):
    need_program("smtpd")
    kind, swap = mix_of(ours())
    return Instance(kind, swap, main=MAIN.format(settings)).start()


def close(sessions):
    for session in sessions:
        session.close()


def test_two_thousand_sessions_share_connections():
    mta = started("max_idle=100s")
    with server_of(mta) as server:
        sessions = crowd(mta, SESSIONS)
        equal(len(mta.processes("smtpd")), 1, "processes")
        for session in sessions:
            ask([session])
            replies([session], "250")
        equal((len(server.requests), server.connections), (SESSIONS, 1), "requests in turn, and connections for them")
        server.answer = Gate(AT_ONCE)
        for first in range(0, SESSIONS, AT_ONCE * 8):
            some = sessions[first:first + AT_ONCE]
            ask(some)
            replies(some, "250")
        equal(server.connections, AT_ONCE, f"connections when {AT_ONCE} ask at once, each time others")
        server.answer = "DUNNO"
        ask(sessions)
        replies(sessions, "250")
        check(server.most_open <= SESSIONS and len(server.requests) == 2 * SESSIONS + 5 * AT_ONCE, f"{server.most_open} connections at the most")
        close(sessions)
    mta.check_sane()


def test_a_server_that_dies_while_many_wait():
    """Each of them asks again, and the server that is back answers; where none is, each gets the default action."""
    mta = started("try_limit=3, retry_delay=1s, { default_action=450 4.7.0 no policy }")
    sessions = crowd(mta, 300)
    with server_of(mta, lambda request: None) as server:
        ask(sessions)
        wait_for(lambda: len(server.requests) == 300, "requests")
    with server_of(mta) as server:
        replies(sessions, "250")
        equal(len(server.requests), 300, "requests of the server that is back")
    start = time.monotonic()
    ask(sessions)
    replies(sessions, "450")
    check(time.monotonic() - start < 12, f"{time.monotonic() - start} s without a server")
    check(len([line for line in mta.log_text().split("\n") if "problem talking to server" in line]) <= 300 * 3, "warnings")
    with server_of(mta):
        ask(sessions)
        replies(sessions, "250")
    close(sessions)
    mta.check_sane()


def test_a_server_that_hangs_while_many_wait():
    mta = started("timeout=2s, try_limit=1, { default_action=450 4.7.0 no policy }")
    sessions = crowd(mta, 300)
    with server_of(mta, lambda request: None) as server:
        start = time.monotonic()
        ask(sessions)
        replies(sessions, "450")
        check(1.5 < time.monotonic() - start < 8, f"{time.monotonic() - start} s for a server that hangs")
        wait_for(lambda: not server._open, "the end of the connections that hang")
        server.answer = "DUNNO"
        ask(sessions)
        replies(sessions, "250")
    close(sessions)
    mta.check_sane()


def wait_for(condition, what):
    end = time.monotonic() + 15
    while not condition():
        check(time.monotonic() < end, f"waited too long for {what}")
        time.sleep(0.02)
