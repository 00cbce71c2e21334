"""postscreen when those it works with are absent, hang, die, or talk nonsense: nobody waits for long, good clients get
through, and the log says who is to blame.  The services are sockets of the test's."""
import os
import socket
import time

from support.compare import scenario
from support.fake_service import fake
from support.postscreen import service, talk, talk_all

MASTER = service(2651, postscreen_dnsbl_sites="bl.test*2, other.test", postscreen_dnsbl_action="enforce",
                 postscreen_dnsbl_timeout="1s", postscreen_greet_wait="2s", dnsblog_service_name="fakeblog",
                 smtpd_service_name="fakesmtpd") + service(
    2652, postscreen_pipelining_enable="yes", postscreen_tls_security_level="may", tlsproxy_service_name="fakeproxy",
    postscreen_access_list="permit_mynetworks", smtpd_service_name="fakesmtpd", smtpd_tls_cert_file="none")
SETUP = {"master": MASTER, "ignore": r"psc_dnsbl_receive|fakeproxy|end-of-input|numerical data|premature end-of-input|fakesmtpd|request to tlsproxy|error reading|unexpected EOF"}
HELLO = b"protocol\0tlsproxy_protocol\0\0"


def take(connection):
    """As smtpd does: the client's connection, which gets one line."""
    _, fds, _, _ = socket.recv_fds(connection, 1, 1)
    connection.recv(1000)
    with socket.socket(fileno=fds[0]) as client:
        client.setblocking(True)
        client.sendall(b"220 smtpd is here\r\n")


def fields(request):
    words = request.split(b"\0")
    return dict(zip(words[::2], words[1::2]))


def packed(reply):
    return b"".join(name.encode() + b"\0" + value + b"\0" for name, value in reply.items()) + b"\0"


# What is sent in place of an honest reply.
LIES = {
    "nothing, and nothing more": lambda reply: time.sleep(4),
    "the end": lambda reply: b"",
    "another label": lambda reply: packed(reply | {"label": b"77777"}),
    "another client": lambda reply: packed(reply | {"client_address": b"192.0.2.77"}),
    "a list nobody asked for": lambda reply: packed(reply | {"rbl_domain": b"nobody.test"}),
    "no address": lambda reply: packed(reply | {"rbl_addr": b""}),
    "half": lambda reply: packed(reply)[:20],
    "no number": lambda reply: packed(reply | {"ttl": b"soon"}),
    "garbage": lambda reply: b"\xff" * 8000,
    "the truth": packed,
}


def lie(connection):
    """Which lie it is, the client's address tells."""
    got = fields(connection.recv(1000))
    reply = {"rbl_domain": got[b"rbl_domain"], "client_address": got[b"client_address"], "label": got[b"label"],
             "rbl_addr": b"127.0.0.2", "ttl": b"100"}
    number = int(got[b"client_address"].rpartition(b".")[2]) - 170
    connection.sendall(list(LIES.values())[number](reply) or b"")
    time.sleep(0.2)


@scenario(**SETUP)
def dnsblog(mta):
    def listed(session):
        session.talk("EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "QUIT")
    with fake(mta, "fakesmtpd", take):
        talk(mta, 2651, 130)
        with fake(mta, "fakeblog", lie):
            talk_all(mta, 2651, {170 + n: listed if name == "the truth" else [] for n, name in enumerate(LIES)})


@scenario(**SETUP)
def smtpd(mta):
    """Absent, and then there."""
    talk(mta, 2652, 100)
    with fake(mta, "fakesmtpd", take):
        talk(mta, 2652, 100)


TLSPROXIES = {
    "dies": lambda connection: None,
    "is another": lambda connection: (connection.sendall(b"protocol\0other_protocol\0\0"), time.sleep(1)),
    "says no": lambda connection: (connection.sendall(HELLO), connection.recv(1000), connection.sendall(b"status\x000\0\0"), time.sleep(1)),
    "garbage": lambda connection: connection.sendall(b"\xff" * 8000),
}


@scenario(**SETUP)
def tlsproxy(mta):
    """What follows the refusal is still the conversation."""
    lines = ("EHLO x", "STARTTLS", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "QUIT")
    talk(mta, 2652, 180, *lines)
    for number, (name, act) in enumerate(TLSPROXIES.items()):
        with fake(mta, "fakeproxy", act):
            talk(mta, 2652, 181 + number, *lines)
    # One that takes the connection, and dies: for the client that is the end.

    def take_and_die(connection):
        connection.sendall(HELLO)
        connection.recv(1000)
        connection.sendall(b"status\x001\0\0")
        os.close(socket.recv_fds(connection, 1, 1)[1][0])
    with fake(mta, "fakeproxy", take_and_die):
        talk(mta, 2652, 190, *lines)
    mta.wait_log(r"DISCONNECT \[\S+190\]")
