"""bounce and flush take one request after the other over a connection, from whoever waits for the next greeting; Postfix's
clients hang up after the reply.  A process that serves one client at a time does not wait for more."""
import time

from support import check, equal
from support.instance import Instance
from support.queuefile import Peer, attributes

ID = "4A5B6C7D8E"
DEFER = (("nrequest", 0), ("flags", 0), ("queue_id", ID), ("original_recipient", ""), ("recipient", "x@y.test"), ("offset", 0),
         ("dsn_orig_rcpt", ""), ("notify_flags", 0), ("status", "4.4.1"), ("diag_type", ""), ("diag_text", ""), ("mta_type", ""),
         ("mta_mname", ""), ("action", "delayed"), ("reason", "later"))
ADD = (("request", "add"), ("site", "y.test"), ("queue_id", ID))
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
