"""Delivery agents that die in the middle of their work: what the queue manager says and does."""
import contextlib
import os
import signal
import time

from support.compare import scenario
from support.fake_service import fake
from support.relay import PORT, TEXT, hosts, send
from support.tlsmgr import packed


def kill(mta, name):
    pids = mta.processes(name)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return len(pids)


def die(mta, name, to):
    """The agent is killed when the server is silent at the end of data; the mail waits."""
    hosts()
    with mta.sink(31, **{".": "HANG"}) as sink:
        mta.mail("carol@example.test", to, TEXT)
        end = 200
        while not any(line.startswith("DATA") for line in sink.commands) and end:
            end -= 1
            time.sleep(0.05)
        kill(mta, name)
        mta.settle()
    mta.note("waiting", len(mta.queue_files("deferred")))


MAIN = PORT + "\nservice_throttle_time = 1s\ntransport_retry_time = 2s\nminimal_backoff_time = 300s\n"


@scenario(main=MAIN)
def in_its_first_delivery(mta):
    die(mta, "smtp", ["x@one.test", "y@one.test"])
    with mta.sink(32):
        send(mta, ["z@two.test"])


@scenario(main=MAIN)
def in_a_later_one(mta):
    hosts()
    with mta.sink(32):
        send(mta, ["z@two.test"])
    die(mta, "smtp", ["x@one.test"])
    with mta.sink(32):
        send(mta, ["z@two.test"])


HELLO = packed(("protocol", "delivery_request_protocol"))
NO_STATUS = packed(*((name, "") for name in ("status", "diag_type", "diag_text", "mta_type", "mta_mname", "action", "reason")))
DSN = ("status", "diag_type", "diag_text", "mta_type", "mta_mname", "action", "reason")


def reply(status, *hop):
    return b"".join(f"{name}\0{value}\0".encode() for name, value in zip(DSN, hop or [""] * 7)) + f"status\0{status}\0\0".encode()


ANSWERS = {
    "nothing": b"", "word": b"hello", "empty": b"\0", "short": NO_STATUS, "other": packed(("nonsense", 1)),
    "letters": reply("x"), "cut": reply(0)[:-1], "extra": reply(0)[:-1] + b"more\0x\0\0",
    "done": reply(0), "left": reply(4294967295), "odd": reply(77), "dead": reply(4294967295, "4.4.1", "", "", "", "", "", "go away"),
    "code": reply(4294967295, "9.9.9", "", "", "", "", "", "go away"), "hard": reply(4294967295, "5.4.1", "", "", "", "", "", "go away"),
}


def answering(answer):
    def act(client):
        client.sendall(HELLO)
        client.recv(65536)
        client.sendall(answer)
    return act


@scenario(ignore="attribute|end-of-input", main=MAIN + "transport_maps = inline:{" + ", ".join(f"{name}.test={name}-agent:" for name in ANSWERS) + "}\n")
def that_answer_nonsense(mta):
    with contextlib.ExitStack() as agents:
        for name, answer in ANSWERS.items():
            agents.enter_context(fake(mta, f"{name}-agent", answering(answer)))
            mta.mail("carol@example.test", [f"x@{name}.test", f"y@{name}.test"], TEXT)
        mta.settle()
    mta.note("waiting", len(mta.queue_files("deferred")))
