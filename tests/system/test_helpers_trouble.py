"""smtpd of ours when anvil or verify is absent, hangs, dies or talks nonsense: what clients hear, how long it takes at the most, and
that all is well when the service is back.  (Postfix asks verify for ever, and so does not stand beside it here.)"""
import os
import signal
import socket
import time

from support import check, equal
from support.fake_service import fake
from support.instance import Instance

MAIN = ("ipc_timeout = 2s\naddress_verify_service_name = fakeverify\nsmtpd_client_connection_rate_limit = 1000\n"
        "smtpd_client_event_limit_exceptions =\nservice_throttle_time = 1s\n")
MOST = 9  # seconds for a session: what fails is tried twice
ACCEPTED, PROBLEM = "250 2.1.5 Ok", "450 4.1.1 <alice@example.test>: Recipient address rejected: address verification problem"


def packed(*pairs):
    return b"".join(f"{name}\0{value}\0".encode() for name, value in pairs) + b"\0"


def answering(hello, reply):
    def act(connection):
        connection.sendall(hello)
        while connection.recv(4096):
            connection.sendall(reply)
    return act


def troubles(hello, **lies):
    return {
        "hangs up": lambda connection: None,
        "says hello and hangs up": lambda connection: connection.sendall(hello),
        "is silent": lambda connection: time.sleep(20),
        "says hello and is silent": lambda connection: (connection.sendall(hello), time.sleep(20)),
        "is another": lambda connection: (connection.sendall(hello.replace(b"_protocol", b"_nonsense")), time.sleep(1)),
        "is garbage": lambda connection: connection.sendall(b"\xff" * 8000),
        **{name: answering(hello, reply) for name, reply in lies.items()},
    }


# anvil speaks in lines.
ANVIL = troubles(b"protocol=anvil_protocol\n\n", tells_too_little=b"status=0\n\n", refuses=b"status=-1\ncount=0\nrate=0\n\n",
                 cannot_count=b"status=0\ncount=x\nrate=-5\n\n")
VERIFY = troubles(packed(("protocol", "verify_protocol")), tells_too_little=packed(("status", 0)),
                  knows_no_status=packed(("status", 0), ("recipient_status", 77), ("reason", "x")),
                  refuses=packed(("status", 1), ("recipient_status", 0), ("reason", "")))


def replies(mta, name):
    """A new process for each, so that none has a connection from before."""
    for pid in mta.processes("smtpd"):
        os.kill(pid, signal.SIGTERM)
    began = time.monotonic()
    with mta.smtp() as session:
        said = session.talk("EHLO a.test", "MAIL FROM:<carol@remote.test>", "RCPT TO:<alice@example.test>", "QUIT")
    seconds = time.monotonic() - began
    check(seconds < MOST, f"{name}: {seconds} s")
    equal(said[-1].code, "221", f"{name}: QUIT")
    return str(said[-2])


def suffer(service, kinds, reply, main=""):
    mta = Instance(main=MAIN + main).start()
    try:
        for name, act in kinds.items():
            with fake(mta, service, act):
                equal(replies(mta, f"{service} {name}"), reply, f"{service} {name}")
        mta.wait_log(f"warning: .*private/{service}", len(kinds) // 2)
        return replies(mta, f"{service} is back")
    finally:
        mta.destroy()


def test_anvil():
    equal(suffer("anvil", ANVIL, ACCEPTED), ACCEPTED, "anvil is back")


def test_an_anvil_that_counts_a_lot():
    lots = answering(b"protocol=anvil_protocol\n\n", b"status=0\ncount=99999\nrate=99999\n\n")
    mta = Instance(main=MAIN).start()
    try:
        with fake(mta, "anvil", lots), mta.smtp() as session:
            equal(session.greeting.code, "421", "what anvil says counts")
    finally:
        mta.destroy()


def test_an_anvil_that_hangs_holds_up_all_together():
    """Postfix's processes wait for twice ipc_timeout, each for itself; ours is one process for all."""
    mta = Instance(main=MAIN).start()
    try:
        with fake(mta, "anvil", lambda connection: time.sleep(20)):
            began = time.monotonic()
            sockets = [socket.create_connection((mta.address, 2525), timeout=20) for _ in range(8)]
            greetings = [each.recv(100)[:4] for each in sockets]
            seconds = time.monotonic() - began
            equal(greetings, [b"220 "] * 8, "all are greeted")
            check(seconds < 5, f"8 clients were greeted after {seconds} s")
            for each in sockets:
                each.close()
    finally:
        mta.destroy()


def test_verify():
    main = "smtpd_recipient_restrictions = reject_unverified_recipient\naddress_verify_poll_count = 1\n"
    suffer("fakeverify", VERIFY, PROBLEM, main)


test_anvil.seconds = test_verify.seconds = 120
