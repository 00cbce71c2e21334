"""Hundreds of hostile clients and 20 honest ones: the memory of each daemon is bounded, and the honest ones get through.
RELAIS_TEST_HOSTILE=5000 RELAIS_TEST_IDLE=10000 (make hostile-test) brings more of them."""
import os
import pathlib
import resource
import threading
import time

from support import Skip, bound, check, count_cases, need_suite
from support.figures import table, total, use_of
from support.hostile import Crowd
from support.imap_client import Client, literal
from support.instance import SMTP
from support.room import room
from support.smtp_client import SmtpClient
from support.whole_server import WholeServer

HOSTILE, IDLE = int(os.environ.get("RELAIS_TEST_HOSTILE", "400")), int(os.environ.get("RELAIS_TEST_IDLE", "0"))
HONEST, SECONDS = 20, int(os.environ.get("RELAIS_TEST_SECONDS", "20" if not IDLE else "120"))
MOST_WAITING = 90 if HOSTILE + IDLE > 1000 else 15  # seconds for an answer: two processors have all of them, and the clients, to serve
EACH_HOSTILE = 300        # KB, on average
MOST_IN_ONE = 256 * 1024  # KB in one process
MAIN = f"""\
default_process_limit = {2 * (HOSTILE + IDLE) + 500}
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, reject_unknown_sender_domain
smtpd_client_connection_count_limit = 50
message_size_limit = 1000000
"""
# The filter lives in the process of the clients, which has not so many descriptors.
MAIN += "smtpd_milters =\n" if HOSTILE + IDLE > 5000 else ""


class Honest(threading.Thread):
    """Sends a message and reads his mailbox, over and over."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.server, self.number, self.stopping = server, number, threading.Event()
        self.done, self.slowest, self.trouble = 0, 0.0, []
        self.start()

    def run(self):
        while not self.stopping.wait(0.3):
            begun = time.monotonic()
            try:
                self.send()
                self.read()
                self.done += 1
            except (OSError, AssertionError) as error:
                self.trouble.append(f"{type(error).__name__} {error} after {time.monotonic() - begun:.1f} s")
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def send(self):
        with SmtpClient(self.server.mta.address, SMTP, room().address(1 + self.number), timeout=MOST_WAITING) as session:
            reply = session.mail("carol@remote.test", "alice@example.test", "Subject: honest\n\ntext\n")
            check(reply.code == "250", str(reply))

    def read(self):
        client = Client(self.server, f"m{1 + self.number % 3}@virt.test")
        try:
            client.sock.settimeout(MOST_WAITING)
            client.ok("SELECT INBOX")
            client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER])")
        finally:
            client.sock.close()


def raise_limits():
    """For the server, which has them from here, and for the clients."""
    wanted, (_, hard) = 2 * (HOSTILE + IDLE) + 4096, resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < HOSTILE + IDLE + 1000:
        raise Skip(f"a process may have only {hard} open files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


@bound(120 + 2 * MOST_WAITING + 3 * SECONDS)
def test_honest_clients_get_through():
    need_suite()
    raise_limits()
    server = WholeServer(MAIN, more_users=[f"bad{n}" for n in range(10)], sessions=2 * (HOSTILE + IDLE) + 500)
    for user in ("m1", "m2", "m3"):
        Client(server, f"{user}@virt.test").ok(b"APPEND INBOX " + literal(b"Subject: there\r\n\r\ntext\r\n"))
    before = total(use_of(server.family()))
    crowd = Crowd(server.address, HOSTILE, IDLE)
    time.sleep(2 + (HOSTILE + IDLE) * 0.002)
    honest = [Honest(server, number) for number in range(HONEST)]
    most = {}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for name, use in use_of(server.family()).items():
            if use.kilobytes > most.get(name, use).kilobytes or name not in most:
                most[name] = use
        time.sleep(1)
    for each in honest:
        each.stopping.set()
    for each in honest:
        each.join(2 * MOST_WAITING)
    crowd.stop()
    told = f"{HOSTILE} hostile, {IDLE} idle: {dict(crowd.begun)}\n{table(most)}\n" \
        f"{sum(each.done for each in honest)} rounds of {HONEST} honest clients, the slowest {max(each.slowest for each in honest):.1f} s; " \
        f"before: {before.kilobytes} KB, at the most: {total(most).kilobytes} KB"
    print(told)
    if report := os.environ.get("RELAIS_TEST_REPORT"):
        pathlib.Path(report).write_text(told + "\n")
    trouble = [text for each in honest for text in each.trouble]
    check(not trouble, lambda: f"{len(trouble)} rounds of honest clients failed: {trouble[:5]}\n{told}\n{server.mta.log_text()[-2000:]}")
    check(all(each.done >= max(1, SECONDS // MOST_WAITING) for each in honest), lambda: f"rounds: {[each.done for each in honest]}\n{told}")
    grown = (total(most).kilobytes - before.kilobytes) / (HOSTILE + IDLE)
    check(grown < EACH_HOSTILE, f"{grown:.0f} KB for each hostile client\n{told}")
    check(max(use.largest for use in most.values()) < MOST_IN_ONE, f"a process is too large\n{told}")
    count_cases(sum(crowd.begun.values()))
    server.mta.check_sane()
    server.stop()
