"""Policy servers that many sessions ask at once, that hang, never come to an end, or are started again."""
import threading
import time

from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance
from support.policy import PolicyServer

PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\nsmtpd_client_connection_count_limit = 0\ndefault_process_limit = 1000\n"
MAIN = PATIENT + "smtpd_recipient_restrictions = check_policy_service {{ inet:@NET@.31:9998, {} }}, reject_unauth_destination\n"


def started(settings, main=MAIN):
    need_program("smtpd")
    kind, swap = mix_of(ours())
    return Instance(kind, swap, main=main.format(settings)).start()


def server_of(mta, answer="DUNNO"):
    return PolicyServer((mta.room.address(31), 9998), answer)


def begin(mta, number=0):
    session = mta.smtp()
    session.talk("EHLO client.test", f"MAIL FROM:<c{number}@remote.test>")
    return session


def ask(session):
    return session.command("RCPT TO:<u1@virt.test>")


def test_sessions_share_connections():
    """Sixty sessions that ask in turn need one connection; twelve that ask at once, twelve."""
    mta = started("max_idle=100s")
    slow = threading.Event()
    with server_of(mta) as server:
        sessions = [begin(mta, number) for number in range(60)]
        for session in sessions:
            equal(ask(session).code, "250", "reply")
        equal(len(mta.processes("smtpd")), 1, "processes")
        equal(server.connections, 1, "connections for one request at a time")
        server.answer = lambda request: slow.wait(20) and "DUNNO"
        for session in sessions[:12]:
            session.send("RCPT TO:<u2@virt.test>\r\n")
        end = time.monotonic() + 10
        while len(server.requests) < 72 and time.monotonic() < end:
            time.sleep(0.01)
        server.answer = "DUNNO"
        equal(ask(sessions[30]).code, "250", "a session while others wait")
        slow.set()
        for session in sessions[:12]:
            equal(session.read().code, "250", "reply of a slow server")
        for session in sessions:
            equal(ask(session).code, "250", "reply")
        equal(server.most_open, 13, "connections at once")
        for session in sessions:
            session.close()
    mta.check_sane()


def test_a_server_that_hangs_holds_up_who_asks():
    mta = started("timeout=1s, try_limit=1, {default_action=450 4.7.0 no policy}")
    with server_of(mta, lambda request: None if request["sender"] == "c1@remote.test" else "DUNNO") as server:
        stuck, other = begin(mta, 1), begin(mta, 2)
        stuck.send("RCPT TO:<u1@virt.test>\r\n")
        start = time.monotonic()
        equal(ask(other).code, "250", "another session")
        check(time.monotonic() - start < 0.9, "the other one had to wait")
        equal(str(stuck.read()), "450 4.7.0 <u1@virt.test>: Recipient address rejected: no policy", "default action")
        server.answer = "DUNNO"
        equal(ask(stuck).code, "250", "the same session afterwards")
    mta.wait_log(r"warning: problem talking to server [\d.]+:9998: Connection timed out")
    mta.check_sane()


def test_replies_without_end():
    """Too long at once, or a byte now and then: one request takes its time limit, and no memory."""
    mta = started("timeout=2s, try_limit=1")
    def drip(server):
        def answer(request):
            for _ in range(200):
                for client in list(server._open):
                    client.send(b"x=1\n")
                time.sleep(0.05)
        return answer
    with server_of(mta, b"x=1\n" * 100000) as server:
        session = begin(mta)
        equal(ask(session).code, "451", "reply")
        mta.wait_log(r"warning: reply from [\d.]+:9998 is longer than 65536 bytes")
        server.answer = drip(server)
        start = time.monotonic()
        equal(ask(session).code, "451", "reply")
        check(1.5 < time.monotonic() - start < 6, f"{time.monotonic() - start} s for a server that drips")
        mta.wait_log(r"warning: timeout on [\d.]+:9998 while reading input attribute name")
    mta.check_sane()


def test_a_server_is_started_again():
    """Idle connections that ended are not used, and nobody hears of them."""
    mta = started("try_limit=2")
    session = begin(mta)
    for _ in range(3):
        with server_of(mta) as server:
            equal(ask(session).code, "250", "reply")
            equal(ask(session).code, "250", "reply")
            equal(server.connections, 1, "connections")
    check("warning" not in mta.log_text(), mta.log_text())
    equal(ask(session).code, "451", "without a server")
    with server_of(mta):
        equal(ask(session).code, "250", "with it again")
    mta.check_sane()


def test_what_comes_behind_a_reply_answers_nothing():
    mta = started("timeout=5s")
    replies = [b"action=DUNNO\n\naction=REJECT left over\n\n", "DUNNO", "DUNNO"]
    with server_of(mta, lambda request: replies.pop(0)) as server:
        session = begin(mta)
        for _ in range(3):
            equal(ask(session).code, "250", "reply")
        equal(server.connections, 2, "connections")
    mta.check_sane()
