"""Users whose mail is on another machine: ours in front of Dovecot, and Dovecot in front of ours."""
import base64
import os
import re
import socket
import time

from support import check, equal
from support.imap import IMAP, PASSWORD
from support.imap_pair import fill_maildir
from support.machines import front_lines
from support.pop3_pair import POP3, QUICK, Pop3Instance
from support.dovecot import Dovecot
from support.room import room

MESSAGE = b"Subject: x\n\nbody\n"


class Places:
    """Ours and Dovecot.  `users` are (name, fields in ours, fields in Dovecot's); who has no fields somewhere has his mail there."""

    def __init__(self, users, ours="", theirs="", password=PASSWORD):
        self.client = room().address(130)
        trusted = "login_trusted_networks = 127.0.0.1\n"  # where both connect from
        self.mail = Pop3Instance("auth_client_failure_limit = 0\n" + trusted + ours)
        self.address = self.mail.address
        self.dovecot = Dovecot(self.mail, complaints=False, pop3=True, more=QUICK + trusted + theirs)
        uid, gid = self.mail.mta.vmail_ids()
        lines = {"ours": "", "theirs": ""}
        for name, own, other in users:
            for whose, fields in (("ours", own), ("theirs", other)):
                home = self.mail.mta.vmail / f"{name}-{whose}"
                if fields is None:
                    fill_maildir(home / "Maildir", {"cur/1.M1.h:2,S": MESSAGE.replace(b"x", whose.encode())}, uid, gid)
                    home.chmod(0o700)
                    os.chown(home, uid, gid)
                rest = fields.replace("ADDRESS", self.address) if fields else ""
                lines[whose] += f"{name}:{{PLAIN}}{password}:{uid}:{gid}::{home}::{rest}\n"
        (self.mail.mta.conf / "users").write_text(lines["ours"])
        (self.dovecot.root / "users").write_text(lines["theirs"])

    def connect(self, port):
        sock = socket.create_connection((self.address, port), 20, source_address=(self.client, 0))
        return sock, sock.makefile("rb")

    def talk(self, port, *lines):
        """What is answered to each line, to its last line."""
        sock, file = self.connect(port)
        answers = [file.readline().decode().strip()]
        for line in lines:
            sock.sendall(line.encode() + b"\r\n")
            tag = line.split(" ")[0] if port in (IMAP, self.dovecot.port) else None
            got = ""
            while piece := file.readline().decode():
                got += piece
                if tag is None or piece.startswith((f"{tag} ", "+")):
                    break
            answers.append(got.strip())
        sock.close()
        return answers

    def their_log(self):
        return (self.dovecot.root / "dovecot.log").read_text()

    def stop(self):
        self.dovecot.stop()
        self.mail.stop()


def wait_for(read, pattern):
    end = time.monotonic() + 10
    while not (found := re.search(pattern, read())):
        check(time.monotonic() < end, lambda: f"no {pattern} in {read()}")
        time.sleep(0.05)
    return found


def test_imap_and_pop3_both_ways():
    p = Places([("d0", "proxy=y host=ADDRESS port=1431", None), ("o0", None, "proxy=y host=ADDRESS port=1430"),
                ("e0", "proxy=y host=ADDRESS port=1101", None), ("q0", None, "proxy=y host=ADDRESS port=1100")])
    for front, user, subject in ((IMAP, "d0", "theirs"), (p.dovecot.port, "o0", "ours")):
        answers = p.talk(front, f"a LOGIN {user} secret", "b SELECT INBOX", "c FETCH 1 BODY[]", "d LOGOUT")
        check(re.match(r"a OK \[CAPABILITY IMAP4rev1 .*\] Logged in$", answers[1]), answers)
        check(f"Subject: {subject}\r\n\r\nbody" in answers[3], answers)
        check(answers[4].startswith("* BYE"), answers)
    for front, user, size in ((POP3, "e0", 25), (p.dovecot.pop3_port, "q0", 23)):
        answers = p.talk(front, f"USER {user}", "PASS secret", "STAT", "QUIT")
        equal(answers[1:4], ["+OK", "+OK Logged in.", f"+OK 1 {size}"], "answers")
    # Each of them knows whose connection it was, though it came from the other one.
    for user in ("d0", "e0"):
        rip = wait_for(p.their_log, rf"Login: user=<{user}>.* rip=([\d.]+), lip=([\d.]+)")
        equal(rip.groups(), (p.client, p.address), "what Dovecot took it for")
    for user in ("o0", "q0"):
        equal(wait_for(p.mail.mta.log_text, rf"Login: user=<{user}>, .*rip=(.*?),")[1], p.client, "what ours took it for")
    for ours, theirs in (("d0", "o0"), ("e0", "q0")):
        for read, user in ((p.mail.mta.log_text, ours), (p.their_log, theirs)):
            wait_for(lambda: "\n".join(front_lines(read(), user)), "Disconnected")
        equal(*([re.sub("by (client|server)", "by SOMEBODY", line) for line in lines]
                for lines in (front_lines(p.mail.mta.log_text(), ours), front_lines(p.their_log(), theirs))), "log lines")
    p.stop()


# The machine behind alone knows the password: what a client is told when it is wrong there, or it is away.
def test_refusals():
    p = Places([("d1", "nopassword=y proxy=y host=ADDRESS port=1431", None), ("o1", None, "nopassword=y proxy=y host=ADDRESS port=1430"),
                ("e1", "nopassword=y proxy=y host=ADDRESS port=1101", None), ("q1", None, "nopassword=y proxy=y host=ADDRESS port=1100"),
                ("away", "proxy=y host=ADDRESS port=9", "proxy=y host=ADDRESS port=9")], ours="login_proxy_max_reconnects = 0\n",
               theirs="login_proxy_max_reconnects = 0\n")
    sasl = base64.b64encode(b"\0away\0secret").decode()
    for ours, theirs in (("d1", "o1"), ("away", "away")):
        answers = [[line.split("] ")[0] for line in p.talk(port, f"a LOGIN {user} wrong" if user != "away" else f"a AUTHENTICATE PLAIN {sasl}",
                                                           "b NOOP")[1:]]
                   for port, user in ((IMAP, ours), (p.dovecot.port, theirs))]
        equal([line.split(".")[0] for line in answers[0]], [line.split(".")[0] for line in answers[1]], "IMAP")
    check(p.talk(IMAP, "a LOGIN d1 secret", "b LOGOUT")[1].startswith("a OK"), "the right password")
    for ours, theirs in (("e1", "q1"), ("away", "away")):
        answers = [p.talk(port, f"USER {user}", f"PASS {'secret' if user == 'away' else 'wrong'}")[1:]
                   for port, user in ((POP3, ours), (p.dovecot.pop3_port, theirs))]
        equal(answers[0], answers[1], "POP3")
    # Guesses at such users count here.
    check(re.search(r"auth failed, 1 attempts.*user=<d1>", p.mail.mta.log_text()), "it is logged as a guess")
    p.stop()


MASTERS = "boss:{PLAIN}bosspw::::::\n"


def test_master_password():
    place = room().scratch / "masters"
    place.write_text(MASTERS)
    place.chmod(0o644)
    theirs = f"passdb {{\n  driver = passwd-file\n  args = {place}\n  master = yes\n}}\n"
    ours = f"auth_passdb = {{ master=yes passwd-file:{place} }}, passwd-file:$auth_users_file\nauth_userdb = passwd-file:$auth_users_file\n"
    fields = "proxy=y host=ADDRESS port={} master=boss pass=bosspw"
    p = Places([("d2", fields.format(1431), None), ("o2", None, fields.format(1430)), ("e2", fields.format(1101), None),
                ("q2", None, fields.format(1100))], ours=ours, theirs=theirs)
    for front, user in ((IMAP, "d2"), (p.dovecot.port, "o2")):
        answers = p.talk(front, f"a LOGIN {user} secret", "b SELECT INBOX", "c LOGOUT")
        check(answers[1].startswith("a OK") and "1 EXISTS" in answers[2], answers)
    for front, user in ((POP3, "e2"), (p.dovecot.pop3_port, "q2")):
        check(p.talk(front, f"USER {user}", "PASS secret", "STAT")[3].startswith("+OK 1 "), user)
    p.stop()
