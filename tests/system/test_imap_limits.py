"""Clients that come too often or guess, and what is left for the others."""
import base64
import contextlib
import imaplib
import os
import re
import select
import signal
import socket
import threading
import time

from support import bound, check, equal, need_program
from support.imap import IMAP, PASSWORD, ImapInstance
from support.smtp_client import SmtpClient

SUBMISSION = """\
@ADDRESS@:2525 inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot
    -o smtpd_sasl_path=private/auth -o smtpd_client_event_limit_exceptions=
rewrite unix - - n - - trivial-rewrite
cleanup unix - - n - 0 cleanup
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
"""


class From(imaplib.IMAP4):
    """A client with an address of its own."""

    def __init__(self, mail, host):
        self.own = mail.mta.room.address(host)
        super().__init__(mail.address, IMAP, timeout=20)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.own, 0))


def connect(mail, host):
    """A connection, and the first line that the server says."""
    sock = socket.create_connection((mail.address, IMAP), 20, source_address=(mail.mta.room.address(host), 0))
    sock.settimeout(20)
    return sock, sock.makefile("rb").readline()


def attempt(mail, host, password, outcomes):
    try:
        From(mail, host).login("bob", password)
        outcomes.append("in")
    except (imaplib.IMAP4.error, OSError) as error:
        outcomes.append(str(error))


@bound(90)
def test_one_address_does_not_take_all_places():
    mail = ImapInstance("imap_client_connection_limit = 7\nauth_client_limit_exceptions =\n")
    greetings = [connect(mail, 20) for _ in range(10)]
    equal([line[:5] for _, line in greetings], [b"* OK "] * 7 + [b"* BYE"] * 3, "greetings")
    mail.mta.wait_log(rf"warning: Connection concurrency limit exceeded: \d+ from "
                      rf"unknown\[{re.escape(mail.mta.room.address(20))}\] for service \S+ "
                      rf"\(imap_client_connection_limit = 7\)", count=3)
    From(mail, 21).login("bob", PASSWORD)
    for sock, _ in greetings:
        sock.close()
    # Those who have logged in do not count.
    clients = []
    for _ in range(12):
        clients.append(From(mail, 20))
        clients[-1].login("bob", PASSWORD)
    clients[0].noop()
    mail.stop()


@bound(90)
def test_guesses_in_parallel_are_no_more_than_in_a_row():
    need_program("smtpd")
    mail = ImapInstance("auth_client_failure_limit = 6\nanvil_rate_time_unit = 600s\n"
                        "auth_client_limit_exceptions = @NET@.33\n")
    mail.stop()
    with open(mail.mta.conf / "master.cf", "a") as table:
        table.write(mail.mta.expand(SUBMISSION))
    mail.mta.start()
    outcomes = []
    threads = [threading.Thread(target=attempt, args=(mail, 30, f"guess{n}", outcomes)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [text for text in outcomes if "AUTHENTICATIONFAILED" in text]
    # Each process of imap-login counts for itself what goes on at the same moment.
    processes = max(1, len(mail.mta.processes("imap-login")))
    check(6 <= len(refused) <= 6 * processes, f"{len(refused)} guesses were looked at by {processes} processes: {outcomes}")
    equal(len([text for text in outcomes if "LIMIT" in text]), 40 - len(refused), f"refused: {outcomes}")
    mail.mta.wait_log(rf"warning: Login failure limit exceeded: \d+ from unknown\[{re.escape(mail.mta.room.address(30))}\] "
                      rf"for service \S+ \(auth_client_failure_limit = 6\)")
    attempt(mail, 30, PASSWORD, outcomes)
    check("LIMIT" in outcomes[-1], "the right password, too late")
    attempt(mail, 31, PASSWORD, outcomes)
    equal(outcomes[-1], "in", "another address")
    plain = base64.b64encode(b"\0bob\0wrong").decode()
    with SmtpClient(mail.address, 2525, mail.mta.room.address(30), timeout=20) as client:
        client.command("EHLO c.test")
        equal(client.command(f"AUTH PLAIN {plain}").code, "450", "SMTP from the same address")
    with SmtpClient(mail.address, 2525, mail.mta.room.address(32), timeout=20) as client:
        client.command("EHLO c.test")
        equal([client.command(f"AUTH PLAIN {plain}").code for _ in range(7)], ["535"] * 6 + ["450"], "guesses by SMTP")
    attempt(mail, 32, PASSWORD, outcomes)
    check("LIMIT" in outcomes[-1], f"IMAP after guesses by SMTP: {outcomes[-1]}")
    for _ in range(8):
        attempt(mail, 33, "wrong", outcomes)
    attempt(mail, 33, PASSWORD, outcomes)
    equal(outcomes[-1], "in", "an excepted address")
    mail.stop()


@bound(90)
def test_a_webmail_server_on_this_machine_is_excepted_by_default():
    mail = ImapInstance("auth_client_failure_limit = 2\nanvil_rate_time_unit = 600s\n")
    outcomes = []
    for _ in range(4):
        attempt(mail, 30, "wrong", outcomes)
    attempt(mail, 30, PASSWORD, outcomes)
    equal(outcomes[-1], "in", f"after {outcomes[:-1]}")
    mail.stop()


def with_places(count):
    """An instance with so many places before login, all of which one address may take."""
    mail = ImapInstance("imap_client_connection_limit = 0\n")
    mail.stop()
    table = mail.mta.conf / "master.cf"
    table.write_text(table.read_text().replace("n - n - 500 imap-login", f"n - n - {count} imap-login"))
    mail.mta.start()
    return mail


def tell(pids, sign):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sign)


@bound(90)
def test_a_login_under_way_makes_room_for_nobody():
    mail = with_places(1)
    From(mail, 41).login("alice", PASSWORD)
    time.sleep(0.3)  # his place is free again soon after the reply
    servers = mail.mta.processes("imap")
    tell(servers, signal.SIGSTOP)
    outcomes = []
    login = threading.Thread(target=attempt, args=(mail, 42, PASSWORD, outcomes))
    try:
        login.start()
        time.sleep(0.5)
        waits = socket.create_connection((mail.address, IMAP), 20, source_address=(mail.mta.room.address(43), 0))
        time.sleep(0.5)
    finally:
        tell(servers, signal.SIGCONT)
    login.join()
    equal(outcomes, ["in"], "the login that was waited for")
    equal(waits.recv(4), b"* OK", "the next client's greeting")
    mail.stop()


@bound(90)
def test_the_oldest_without_login_goes_when_all_places_are_taken():
    mail = with_places(8)
    stays = From(mail, 41)
    stays.login("alice", PASSWORD)
    idle = [connect(mail, 40)[0] for _ in range(8)]
    for host in (42, 43, 44):
        From(mail, host).login("bob", PASSWORD)
    stays.noop()
    mail.mta.wait_log(rf"warning: all places are taken: the oldest connection without login goes: "
                      rf"unknown\[{re.escape(mail.mta.room.address(40))}\]")
    # Each process knows the oldest of its own.
    ended = select.select(idle, [], [], 10)[0]
    check(ended and all(b"BYE" in one.recv(1000) for one in ended), f"{len(ended)} were told")
    mail.stop()
