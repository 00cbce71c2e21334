"""Users whose mail is on another machine, at submission: ours (smtpd_sasl_proxy) and Dovecot's submission-login, in front of servers that
do as they are told.  What their clients hear is equal, and so is what these servers hear."""
import base64
import re
import time

from support import check, equal
from support.dovecot import Dovecot
from support.imap import PASSWORD
from support.machines import Machine, front_lines, plain_response
from support.room import room
from support.smtp_client import SmtpClient
from support.submission import OFFERS, PROXY, SUBMISSION, Behind

AWAY = "454 4.7.0 Account is temporarily unavailable."
HOST = "mx.example.test"
WITHOUT_AUTH = [offer for offer in OFFERS if not offer.startswith("AUTH")]
# name: (answers, what it offers, more fields of the user)
CASES = {
    "plain": ({}, OFFERS, ""), "fewer": ({}, (*OFFERS[:3], "XCLIENT ADDR"), ""), "simple": ({}, OFFERS[:3], ""),
    "noauth": ({}, WITHOUT_AUTH, ""), "master": ({}, OFFERS, "master=boss pass=bosspw"), "destuser": ({}, OFFERS, "destuser=other"),
    "external": ({}, OFFERS, "proxy_mech=EXTERNAL"), "wrong": ({"AUTH": b"535 5.7.8 no, no\r\n"}, OFFERS, ""),
    "later": ({"AUTH": b"454 4.7.0 not now\r\n"}, OFFERS, ""), "only": ({"AUTH": b"535 5.7.8 no\r\n"}, OFFERS, "nopassword=y"),
    "asks": ({"AUTH": b"334 \r\n"}, OFFERS, ""), "starttls": ({"STARTTLS": b"454 4.7.0 no\r\n"}, ("STARTTLS", *OFFERS), "starttls=any-cert"),
    "busy": ({"greeting": b"554 5.3.2 no\r\n"}, OFFERS, ""), "nohello": ({"EHLO": b"502 5.5.1 no\r\n"}, OFFERS, ""),
    "stranger": ({"XCLIENT": b"550 5.7.0 no\r\n"}, OFFERS, ""), "silent": ({"greeting": b""}, OFFERS, "proxy_timeout=2"),
}


class Fronts:
    def __init__(self):
        self.behind = {name: Behind(answers, offers) for name, (answers, offers, _) in CASES.items()}
        users = {name: self.behind[name].fields(more) for name, (_, _, more) in CASES.items()}
        self.logged = Behind()
        users["logged"] = self.logged.fields()
        users["back"] = f"proxy=y host={room().address(151)} port=5871"
        users["away"] = f"proxy=y host={room().address(75)} port=9"
        self.ours = Machine("smtpd_error_sleep_time = 0\n", PROXY)
        equal(self.ours.address, room().address(151), "where Dovecot will be as well")
        self.ours.users(**users)
        self.theirs = Dovecot(self.ours, complaints=False, submission=True,
                              more=f"auth_failure_delay = 0\nlogin_proxy_max_reconnects = 0\nhostname = {HOST}\nlogin_trusted_networks = 127.0.0.1\n")
        lines = (self.ours.mta.conf / "users").read_text().splitlines()
        (self.theirs.root / "users").write_text("".join(f"{line.split('proxy=')[0] if line.startswith('back:') else line}\n" for line in lines))
        self.ports = {"ours": SUBMISSION, "theirs": self.theirs.submission_port}

    def talk(self, whose, *commands):
        with SmtpClient(self.ours.address, self.ports[whose], room().address(130)) as session:
            session.command("EHLO client.test")
            return [str(session.command(command)) for command in commands]

    def their_log(self):
        return (self.theirs.root / "dovecot.log").read_text()


_fronts = []


def fronts():
    """One for all tests of the file."""
    if not _fronts:
        _fronts.append(Fronts())
    return _fronts[0]


def plain_lines(lines):
    """What a server behind has heard, without what can differ: a name of the session, the port, the words' order, an authorization
    identity that is the user, and the name behind XCLIENT, which is the client's of ours, so that Postfix knows it; and Dovecot does
    not wait for the answer to that."""
    kept = []
    if len(lines) == 3 and lines[1].startswith("XCLIENT"):
        lines = lines[:2]
    for line in lines:
        verb, *words = line.split(" ")
        if verb == "EHLO" and kept:
            words = []
        if verb == "XCLIENT":
            words = sorted(re.sub("PORT=.*", "PORT", word) for word in words if not word.startswith("SESSION="))
        if verb == "AUTH" and words[0] == "PLAIN":
            acts_as, user, password = base64.b64decode(words[1]).decode().split("\0")
            words = ["PLAIN", acts_as or user, user, password]
        kept.append([verb, *words])
    return kept


def test_both():
    for name in (*CASES, "away"):
        commands = (f"AUTH PLAIN {plain_response(name)}", "NOOP", "QUIT")
        answers = {whose: fronts().talk(whose, *commands) for whose in ("ours", "theirs")}
        equal(answers["ours"][0], answers["theirs"][0], f"{name}: AUTH")
        accepted = answers["ours"][0].startswith("235")
        equal([line[:9 if accepted else 3] for line in answers["ours"]], [line[:9 if accepted else 3] for line in answers["theirs"]], name)
        check(accepted or name in ("wrong", "only", "later") or answers["ours"][0] == AWAY, f"{name}: {answers}")
        if name != "away":
            heard = fronts().behind[name].heard[-2:]
            equal(len(heard), 2, f"{name}: connections")
            equal(*map(plain_lines, heard), f"{name}: heard")
    own = next(lines for lines in fronts().behind["plain"].heard if "EHLO client.test" in lines)
    equal((own[0], own[2]), (f"EHLO {HOST}", "EHLO client.test"), "our name, and then the client's")


def test_what_is_said_on_the_way():
    """Responses that the client sends when asked; and that a password which is wrong here goes nowhere."""
    for commands in (("AUTH PLAIN", plain_response("plain"), "NOOP", "EHLO again.test", "QUIT"),
                     ("AUTH LOGIN", base64.b64encode(b"plain").decode(), base64.b64encode(PASSWORD.encode()).decode(), "QUIT")):
        equal(*([line.rstrip() for line in fronts().talk(whose, *commands) if not line.startswith("334")] for whose in ("ours", "theirs")), commands)
    ours, theirs = map(plain_lines, fronts().behind["plain"].heard[-2:])
    equal(ours, theirs, "heard")
    count = len(fronts().behind["plain"].heard)
    for whose in ("ours", "theirs"):
        equal(fronts().talk(whose, f"AUTH PLAIN {plain_response('plain', 'wrong')}", "NOOP")[0][:9], "535 5.7.8", whose)
    equal(len(fronts().behind["plain"].heard), count, "connections")


def test_in_front_of_dovecot():
    """It knows whose connection that is, and lets him in.  (It has nobody to send mail to here, and ends the session then.)"""
    equal(fronts().talk("ours", f"AUTH PLAIN {plain_response('back')}"), ["235 2.7.0 Logged in."], "its answer")
    login, deadline = r"submission-login: Info: Login: user=<back>, method=PLAIN, rip=(.*?), lip=", time.monotonic() + 10
    while not (found := re.search(login, fronts().their_log())) and time.monotonic() < deadline:
        time.sleep(0.1)
    equal(found and found[1], room().address(130), "who it was")


def test_log_lines():
    logs = {"ours": fronts().ours.log, "theirs": fronts().their_log}
    for user, last in (("logged", "Disconnected"), ("later", "Login failed")):
        lines = {}
        for whose, read in logs.items():
            fronts().talk(whose, f"AUTH PLAIN {plain_response(user)}", "QUIT")
            end = time.monotonic() + 10
            while not any(last in line for line in front_lines(read(), user)) and time.monotonic() < end:
                time.sleep(0.05)
            lines[whose] = [re.sub("by (client|server)", "by SOMEBODY", line) for line in front_lines(read(), user)]
        if user == "logged":
            equal(lines["ours"], lines["theirs"], user)
            equal(len(lines["ours"]), 2, "lines")
        else:
            check(re.search(r"Login failed.*454 4.7.0 not now.*user=<USER>", "\n".join(lines["ours"])), lines)
