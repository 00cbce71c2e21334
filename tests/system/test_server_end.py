"""What clients hear when the server stops, with TLS and without; and that one who does not listen holds nothing up."""
import os
import signal
import socket
import ssl
import time

from support import check, equal
from support.certificates import directory as certificates
from support.imap import IMAP, IMAPS, PASSWORD
from support.imap_client import fill
from support.machines import Machine
from support.pop3_pair import POP3, POP3S

LOGIN = {IMAP: [f"a LOGIN bob {PASSWORD}"], POP3: ["USER bob", f"PASS {PASSWORD}"]}
LOGIN |= {IMAPS: LOGIN[IMAP], POP3S: LOGIN[POP3]}
START = {IMAP: "s STARTTLS", POP3: "STLS"}
WORDS = {IMAP: b"* BYE Server shutting down.\r\n", POP3: b"-ERR [SYS/TEMP] Server shutting down.\r\n"}
WORDS |= {IMAPS: WORDS[IMAP], POP3S: WORDS[POP3]}
BEFORE = {IMAP: b"* BYE Shutting down\r\n", POP3: b"-ERR Shutting down\r\n"}
BEFORE |= {IMAPS: BEFORE[IMAP], POP3S: BEFORE[POP3]}


class Client:
    def __init__(self, machine, port, start_tls=False):
        self.sock = socket.create_connection((machine.address, port), 20)
        context = ssl.create_default_context(cafile=str(certificates() / "ca.pem"))
        if port in (IMAPS, POP3S):
            self.sock = context.wrap_socket(self.sock, server_hostname="mx.example.test")
        self.file = self.sock.makefile("rb")
        self.file.readline()
        if start_tls:
            self.talk(START[port])
            self.sock = context.wrap_socket(self.sock, server_hostname="mx.example.test")
            self.file = self.sock.makefile("rb")

    def talk(self, *commands):
        for command in commands:
            self.sock.sendall(command.encode() + b"\r\n")
            while not self.file.readline().startswith((command.split(" ")[0].encode() + b" ", b"+")):
                pass
        return self

    def rest(self):
        """To the end, which TLS says: an end that anybody could have made raises an error."""
        return self.file.read()


def machine(main=""):
    made = Machine(main)
    made.users(bob=None)
    return made


def stopped(here):
    began = time.monotonic()
    here.stop()
    check(time.monotonic() - began < 6, f"it took {time.monotonic() - began} s")


def test_clients_are_told():
    here = machine()
    clients = {(port, tls, "in"): Client(here, port, tls).talk(*LOGIN[port]) for port, tls in
               ((IMAP, False), (IMAP, True), (IMAPS, False), (POP3, True), (POP3S, False))}
    clients |= {(port, tls, "before"): Client(here, port, tls) for port, tls in
                ((IMAP, False), (IMAP, True), (IMAPS, False), (POP3, False), (POP3, True), (POP3S, False))}
    clients[IMAPS, False, "idle"] = Client(here, IMAPS).talk(*LOGIN[IMAPS], "b SELECT INBOX", "c IDLE")
    stopped(here)
    for (port, tls, where), client in clients.items():
        equal(client.rest(), (BEFORE if where == "before" else WORDS)[port], f"{port} {tls} {where}")
    wanted = {"Disconnected: Server shutting down.": 6, "Disconnected: Shutting down (": 6}  # sessions, and who had not logged in
    deadline = time.monotonic() + 5
    while (found := {words: here.mta.maillog.read_text().count(words) for words in wanted}) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)  # postlogd is the last to go
    equal(found, wanted, "lines in the log")


def test_kicked_behind_tls():
    here = machine()
    client = Client(here, IMAPS).talk(*LOGIN[IMAPS])
    here.mta.must_run("doveadm", "kick", "bob")
    equal(client.rest(), WORDS[IMAPS], "last words")
    check(Client(here, IMAPS).talk(*LOGIN[IMAPS]), "he can come back")
    here.stop()


def deaf_clients(here, *ports):
    """Megabytes are on their way to them, of which they read nothing."""
    first = Client(here, IMAP).talk(*LOGIN[IMAP])

    class Appender:
        @staticmethod
        def ok(text):
            first.sock.sendall(b"x " + text + b"\r\n")
            while not first.file.readline().startswith(b"x OK"):
                pass

    fill(Appender, [b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 500_000])
    deaf = [Client(here, port).talk(*LOGIN[port], "b SELECT INBOX") for port in ports]
    for client in deaf:
        client.sock.sendall(b"c FETCH 1 BODY[]\r\n" * 20)
    time.sleep(1)
    return first, deaf


def test_who_does_not_listen():
    """With them, over TLS and without, the server is gone as soon, and the others are told."""
    here = machine()
    first, deaf = deaf_clients(here, IMAP, IMAPS)
    stopped(here)
    equal(first.rest(), WORDS[IMAP], "the others")
    equal(len(deaf), 2, "who was there")


def test_it_can_start_again_at_once():
    """Processes that still tell their clients hold no port."""
    here = machine()
    held = deaf_clients(here, IMAPS)
    master = here.mta.master_pid()
    os.kill(master, signal.SIGTERM)
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{master}") and "Z" not in open(f"/proc/{master}/stat").read().split(")")[1]:
        check(time.monotonic() < end, "master does not end")
        time.sleep(0.01)
    time.sleep(0.2)  # as `postfix stop` looks
    check(here.mta.processes("imap-login"), "one of them is still at it")
    here.start()
    Client(here, IMAPS).talk(*LOGIN[IMAPS])
    equal(len(held), 2, "who was there")
    here.stop()


def test_a_reload_ends_nobody():
    here = machine()
    clients = [Client(here, port).talk(*LOGIN[port]) for port in (IMAP, IMAPS)]
    here.mta.reload()
    time.sleep(1)
    for client in clients:
        client.talk("n NOOP")
    stopped(here)
    for client in clients:
        equal(client.rest(), WORDS[IMAP], "at the end")
