"""The SMTP client and an scache that is absent, hangs, lies or dies: no mail is lost, and none waits long."""
import os
import signal
import socket
import time

from support import check, equal
from support.instance import Instance
from support.relay import hosts
from support.room import room
from support.scache import Scache, hand_over, hang_up, packed, silence
from support.sink import SmtpSink

DEST = "destination=one.test\nhost_name=mx.one.test\nhost_addr={address}\ndestination_features=4096\n\n"
ENDP = "tls_level=0\nreuse_count={uses}\nendpoint_features=1\nexpire_time={until}\nport=2525\nlogged_in=0\npause_before_end=0\ncapabilities=\ntls=\n\n"
TEXT = "Subject: x\n\nhello\n"


def found(destination, endpoint, make_fd):
    def answer(client, attributes):
        client.sendall(packed(("status", 0), ("property", destination), ("property", endpoint)))
        hand_over(client, make_fd())
    return answer


def dead_socket():
    ours, theirs = socket.socketpair()
    theirs.close()
    return ours.detach()


def talkative_socket():
    ours, theirs = socket.socketpair()
    theirs.sendall(b"421 4.4.2 go away\r\n")
    held.append(theirs)
    return ours.detach()


def silent_socket():
    ours, theirs = socket.socketpair()
    held.append(theirs)
    return ours.detach()


def null():
    return os.open("/dev/null", os.O_RDWR)


held = []
FAIR = ENDP.format(uses=0, until=1 << 40)
ODD = {  # name: (what it does, what is logged)
    "absent": (None, "problem talking to service private/fake-absent: "),
    "mute": ({"hello": silence}, "problem talking to service private/fake-mute: Connection timed out"),
    "hung": ({"find_dest": silence}, "problem talking to service private/fake-hung: Connection timed out"),
    "slow": ({"save_endp": silence}, "problem talking to service private/fake-slow: Connection timed out"),
    "bye": ({"hello": hang_up}, "problem talking to service private/fake-bye: "),
    "end": ({"find_dest": hang_up}, "problem talking to service private/fake-end: "),
    "other": ({"hello": lambda client, _: client.sendall(packed(("protocol", "verify_protocol")))}, "problem talking to service private/fake-other: "),
    "words": ({"find_dest": lambda client, _: client.sendall(packed(("nonsense", 0)))}, "problem talking to service private/fake-words: missing attribute status"),
    "flood": ({"find_dest": lambda client, _: client.sendall(b"x" * 3000000)}, "problem talking to service private/fake-flood: "),
    "nothing": ({"find_dest": lambda client, _: client.sendall(packed(("status", 0), ("property", ""), ("property", "")))}, "problem talking to service private/fake-nothing: Connection timed out"),
    "bad": ({"save_dest": lambda client, _: client.sendall(packed(("status", 1)))}, ""),
    "full": ({"save_endp": lambda client, _: client.sendall(packed(("status", 2)))}, "problem talking to service private/fake-full: missing attribute dummy"),
    "garbage": ({"find_dest": found("x", "y", null)}, "bad cached session attribute for smtp-garbage?one.test?"),
    "postfix": ({"find_dest": found(DEST, "tls_level=0\nreuse_count=0\nendpoint_features=32775\nexpire_time=1\n\n", null)}, "bad cached session attribute for "),
    "file": ({"find_dest": found(DEST, FAIR, null)}, ""),
    "dead": ({"find_dest": found(DEST, FAIR, dead_socket)}, ""),
    "late": ({"find_dest": found(DEST, ENDP.format(uses=0, until=1), silent_socket)}, ""),
    "talks": ({"find_dest": found(DEST, FAIR, talkative_socket)}, ""),
    "silent": ({"find_dest": found(DEST, ENDP.format(uses=4294967295, until=(1 << 63) - 1), silent_socket)}, ""),
}


def test_every_kind():
    hosts()
    services = "".join(f"smtp-{name} unix - - n - - smtp -o connection_cache_service_name=fake-{name}\n" for name in ODD)
    maps = "transport_maps = inline:{" + ", ".join(f"{name}.test=smtp-{name}:one.test" for name in ODD) + "}\n"
    mta = Instance("ours", master=services, main=maps + "smtp_tcp_port = 2525\nsmtp_connection_cache_destinations = one.test\n"
                   "default_sessions_per_process = 1\nconnection_cache_protocol_timeout = 2s\nsmtp_mail_timeout = 2s\n").start()
    sink = SmtpSink(room().address(31), 2525)
    caches = [Scache(mta.queue / "private" / f"fake-{name}", odd) for name, (odd, _) in ODD.items() if odd is not None]
    try:
        begun = time.monotonic()
        for again in (1, 2):
            for name in ODD:
                mta.mail("carol@example.test", f"a@{name}.test", TEXT)
            for name in ODD:
                mta.wait_log(rf"to=<a@{name}.test>, .*status=sent", again)
        check(time.monotonic() - begun < 12, f"it took {time.monotonic() - begun} s")
        for name, (_, words) in ODD.items():
            check(words in mta.log_text(), f"{name}: {words!r} is not in the log")
        equal(len(sink.transactions), 2 * len(ODD), "messages, each once")
        mta.stop()
    finally:
        for each in [sink, *caches]:
            each.stop()
        for each in held:
            each.close()
        mta.destroy()


def test_one_that_is_killed():
    """What it kept is lost and closed; the next mail makes a connection of its own, and a new scache is there."""
    hosts()
    mta = Instance("ours", main="smtp_tcp_port = 2525\nsmtp_connection_cache_destinations = one.test\ndefault_sessions_per_process = 1\n").start()
    sink = SmtpSink(room().address(31), 2525)
    try:
        for count in range(1, 5):
            mta.mail("carol@example.test", "a@one.test", TEXT)
            mta.wait_log(r"to=<a@one.test>, .*status=sent", count)
            if count == 2:
                for pid in mta.processes("scache"):
                    os.kill(pid, signal.SIGKILL)
                mta.wait_log(r"scache pid \d+ killed by signal 9")
        equal(sink.connections, 2, "connections")
        mta.wait_log(r"conn_use=2", 2)
        equal(len(sink.transactions), 4, "messages")
    finally:
        sink.stop()
        mta.destroy()
