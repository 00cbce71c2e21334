"""bounce, flush and cleanup take one request after the other over a connection, from whoever waits for the next greeting; Postfix's
clients hang up after the reply.  A process that serves one client at a time does not wait for more."""
import os
import signal
import time

from support import check, equal
from support.instance import Instance
from support.queuefile import Peer, attributes, records

ID = "4A5B6C7D8E"
DEFER = (("nrequest", 0), ("flags", 0), ("queue_id", ID), ("original_recipient", ""), ("recipient", "x@y.test"), ("offset", 0),
         ("dsn_orig_rcpt", ""), ("notify_flags", 0), ("status", "4.4.1"), ("diag_type", ""), ("diag_text", ""), ("mta_type", ""),
         ("mta_mname", ""), ("action", "delayed"), ("reason", "later"))
ADD = (("request", "add"), ("site", "y.test"), ("queue_id", ID))
MESSAGE = (("T", "1795247898 402779"), ("A", "rewrite_context=local"), ("S", "a@b.test"), ("R", "u1@virt.test"), ("M", ""),
           ("N", "Received: from x"), ("N", ""), ("N", "body"), ("X", ""), ("E", ""))
SERVICES = {"private/defer": (DEFER, "delivery_status_protocol", f"defer/4/{ID}", b"recipient=x@y.test\n"),
            "public/flush": (ADD, "queue_flush_protocol", "flush/y_test", f"{ID}\n".encode())}


def turns(mta, service, most):
    """How many requests were answered until the server hung up, and the connection."""
    request, protocol, log, entry = SERVICES[service]
    peer = Peer(mta.queue / service)
    for turn in range(most):
        try:
            equal(peer.list(), [("protocol", protocol)], f"{service}: greeting {turn}")
        except AssertionError as error:
            if "hung up" not in str(error):
                raise
            return turn, peer
        peer.send(attributes(*request))
        equal(peer.list(), [("status", "0")], f"{service}: reply {turn}")
    equal((mta.queue / log).read_bytes().count(entry), most, f"{service}: entries")
    peer.list()
    return most, peer


def silence(peer):
    """How long the server waits for another request."""
    began = time.monotonic()
    try:
        peer.word()
    except AssertionError:
        pass
    return time.monotonic() - began


def test_many_requests():
    mta = Instance("ours", main="fast_flush_domains = y.test\n")
    mta.start()
    try:
        peers = []
        for service in SERVICES:
            answered, peer = turns(mta, service, 5)
            equal(answered, 5, service)
            peers.append(peer)
        for peer in peers:
            seconds = silence(peer)
            check(seconds < 12, f"an idle client was dropped after {seconds} s")
    finally:
        mta.destroy()


def test_limits():
    for main, wanted in (("max_use = 3\n", 3), ("default_sessions_per_process = 1\n", 1)):
        mta = Instance("ours", main="fast_flush_domains = y.test\n" + main)
        mta.start()
        try:
            for service in SERVICES:
                answered, _ = turns(mta, service, 5)
                equal(answered, wanted, f"{service}, {main}")
        finally:
            mta.destroy()


def cleanup_messages(mta, most):
    """How many messages one connection to cleanup brings until it hangs up, and their queue ids."""
    peer, ids = Peer(mta.queue / "public/cleanup"), []
    for _ in range(most):
        announced = dict(peer.list())
        equal(announced["protocol"], "cleanup_protocol", "protocol")
        ids.append(announced["queue_id"])
        peer.send(attributes(("flags", 0)) + records(*MESSAGE))
        equal(peer.list(), [("status", "0"), ("reason", "")], "reply")
        try:
            equal(peer.list(), [("protocol", "cleanup_again_protocol")], "offer")
            peer.send(attributes(("request", "next")))
            peer.socket.settimeout(20)
            peer.buffer += peer.socket.recv(1)
        except AssertionError as error:
            if "hung up" not in str(error):
                raise
            break
        if not peer.buffer:
            break
    peer.close()
    return ids


def test_cleanup_takes_many_messages():
    mta = Instance("ours").start()
    ids = cleanup_messages(mta, 4)
    equal(len(set(ids)), 4, "queue ids")
    mta.settle()
    equal(len(mta.virtual("u1")), 4, "delivered")
    check(not mta.queue_files(), "what was announced last and got no message is gone")
    mta.destroy()


def test_limits_of_cleanup():
    for main, wanted in (("max_use = 3\n", 3), ("default_sessions_per_process = 1\n", 1)):
        mta = Instance("ours", main=main).start()
        equal(len(cleanup_messages(mta, 5)), wanted, main)
        mta.destroy()


def test_a_changed_table_holds_for_the_next_message():
    mta = Instance("ours", main="virtual_alias_maps = hash:@CONF@/more\n")
    mta.table("more", "a@virt.test u1@virt.test\n")
    mta.start()
    with mta.smtp() as session:
        for name in ("u1", "u2"):
            equal(session.mail("a@b.test", "a@virt.test", "Subject: x\n\nx\n").code, "250", name)
            time.sleep(1.1)  # so that it shows in the file's time
            mta.table("more", "a@virt.test u2@virt.test\n")
    mta.settle()
    equal([len(mta.virtual("u1")), len(mta.virtual("u2"))], [1, 1], "delivered")
    mta.destroy()


def test_smtpd_goes_on_where_cleanup_has_gone():
    """A connection that is kept breaks with its process, which nobody hears of."""
    mta = Instance("ours").start()
    with mta.smtp() as session:
        for turn in range(3):
            equal(session.mail("a@b.test", "u1@virt.test", "Subject: x\n\nx\n").code, "250", f"message {turn}")
            for pid in mta.processes("cleanup"):
                os.kill(pid, signal.SIGKILL)
    mta.settle()
    equal(len(mta.virtual("u1")), 3, "delivered")
    mta.destroy()
