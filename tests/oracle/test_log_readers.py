"""What readers of mail logs make of ours: the filters of fail2ban and logwatch count in it what they count in Dovecot's log of
the same actions; pflogsumm counts what it counts without the mailbox server's lines."""
import contextlib
import re
import socket
import time

from support import Skip, check, equal, oracle
from support.imap import IMAP, PASSWORD
from support.lmtp_pair import LmtpPair
from support.log_readers import as_syslog, fail2ban, logwatch, pflogsumm
from support.pop3_pair import POP3, Pop3Pair

with contextlib.suppress(Skip):
    oracle.tree("log-readers")  # before the room has a resolver of its own

_done = {}


def say(address, port, *lines, after="", whole=True):
    """Says lines to a server, each when the one before was answered, and hangs up; `after` is said without waiting."""
    with socket.create_connection((address, port), 20) as sock, sock.makefile("rb") as file:
        file.readline()
        for line in lines:
            sock.sendall(line.encode() + b"\r\n")
            while True:
                answer = file.readline()
                if not answer or not whole or not answer.startswith(b"* ") or line == "d LOGOUT":
                    break
        if after:
            sock.sendall(after.encode() + b"\r\n")
            time.sleep(0.2)


# By IMAP and by POP3; USER stands for the name.
IMAP_TALKS = [(f"a LOGIN USER {PASSWORD}", "b SELECT INBOX", "d LOGOUT"), (f"a LOGIN USER {PASSWORD}", "b NOOP"), ("a LOGIN USER wrong", "d LOGOUT"),
              ("a LOGIN USER wrong",), ("a LOGIN USER wrong", "b LOGIN USER guess", "c NOOP"), ("a LOGIN nobody1 x",), ("a NOOP",), ("d LOGOUT",), (),
              ("a AUTHENTICATE PLAIN",), ("a AUTHENTICATE PLAIN", "*"), ("a LOGIN USER wrong", f"b LOGIN USER {PASSWORD}", "d LOGOUT")]
POP3_TALKS = [("USER USER", f"PASS {PASSWORD}", "STAT", "QUIT"), ("USER USER", f"PASS {PASSWORD}", "STAT"), ("USER USER", "PASS wrong", "QUIT"),
              ("USER nobody1", "PASS wrong", "USER nobody1", "PASS x"), ("QUIT",), (), ("AUTH PLAIN",)]


def logins():
    """The two logs of the same talks."""
    if "logins" not in _done:
        pair = Pop3Pair(2)
        account = pair.account({"cur/1.M1.h:2,S": b"Subject: x\n\ny\n"})
        for imap, pop3 in ((IMAP, POP3), (1431, pair.dovecot.pop3_port)):
            say(pair.address, imap)  # both have begun
            for port, talks in ((imap, IMAP_TALKS), (pop3, POP3_TALKS)):
                for talk in talks:
                    say(pair.address, port, *(line.replace("USER USER", f"USER {account.user}") if port == pop3 else line.replace("USER", account.user)
                                              for line in talk))
        logs = {}
        wanted = len(IMAP_TALKS) + len(POP3_TALKS)
        for whose, read in (("ours", pair.mail.mta.log_text), ("theirs", lambda: as_syslog((pair.dovecot.root / "dovecot.log").read_text()))):
            end = time.monotonic() + 20
            while len(re.findall(r"-login: (?:Disconnected|Login): ", read())) < wanted or len(re.findall(r"\)<.*: Disconnected: ", read())) < 5:
                check(time.monotonic() < end, lambda: read())
                time.sleep(0.1)
            # The first connection: Dovecot says that it was not ready yet, or that there was no attempt.
            logs[whose] = pair.mail.mta.root / f"{whose}.log"
            lines = [line for line in read().splitlines() if "disconnected before auth was ready" not in line]
            logs[whose].write_text("\n".join(lines) + "\n")
        _done["logins"] = logs
    return _done["logins"]


def test_lines_before_login_are_dovecots():
    shown = {}
    for whose, path in logins().items():
        lines = re.findall(r"dovecot(?:\[\d+\])?: ((?:imap|pop3)-login: .*)", path.read_text())
        shown[whose] = sorted(re.sub(r", session=<.*?>|, mpid=\d+|(?<=in |ed )\d+(?= secs)", "", line) for line in lines)
    # The first connection may have found Dovecot not ready.
    first = next(line for line in shown["ours"] if "imap-login" in line and "no auth attempts" in line and "closed" in line)
    while len(shown["ours"]) > len(shown["theirs"]) and shown["ours"].count(first) > shown["theirs"].count(first):
        shown["ours"].remove(first)
    equal(shown["ours"], shown["theirs"], "lines of the login services")


def test_fail2ban_counts_wrong_passwords():
    for rule, least in (("dovecot", 6), ("dovecot[mode=aggressive]", 12)):
        found = {whose: fail2ban(path, rule) for whose, path in logins().items()}
        if rule != "dovecot":  # as above
            found = {whose: addresses[:min(map(len, found.values()))] for whose, addresses in found.items()}
        equal(found["ours"], found["theirs"], rule)
        check(len(found["ours"]) >= least, f"{rule}: {found}")
    for rule in ("postfix[mode=auth]", "postfix[mode=aggressive]"):
        equal(fail2ban(logins()["ours"], rule), [], f"{rule}: nobody is counted twice")


def test_logwatch_counts_logins():
    reports = {whose: logwatch(path.read_text()) for whose, path in logins().items()}
    for report in reports.values():
        check("Dovecot IMAP and POP3" in report, report)
    logins_of = {whose: re.search(r"\[Dovecot IMAP and POP3\] Connections:.*?Total\n", report, re.S)[0] for whose, report in reports.items()}
    equal(logins_of["ours"], logins_of["theirs"], "who logged in from where")
    equal("Unmatched" in reports["ours"], False, reports["ours"])


def test_logwatch_counts_deliveries():
    pair = LmtpPair()
    for user in ("u1", "u2", "u1"):
        pair.deliver(f"{user}@virt.test")
    logs = [pair.ours.mta.log_text, lambda: as_syslog((pair.dovecot.root / "dovecot.log").read_text())]
    end = time.monotonic() + 20
    while not all(read().count("saved mail to INBOX") == 3 for read in logs):
        check(time.monotonic() < end, lambda: [read() for read in logs])
        time.sleep(0.1)
    reports = [logwatch(read()) for read in logs]
    found = [re.search(r"\nDovecot Deliveries: 3\n(?:.*\n?)*", report) for report in reports]
    check(all(found), reports)
    equal(found[0][0], found[1][0], "to whom")


def test_pflogsumm_counts_mail_alone():
    log = logins()["ours"].read_text()
    own = "".join(f"Nov 30 10:00:0{i} mx postfix/{rest}\n" for i, rest in enumerate((
        "smtpd[1]: connect from c.test[192.0.2.1]", "smtpd[1]: 4ABC: client=c.test[192.0.2.1]", "cleanup[2]: 4ABC: message-id=<1@c.test>",
        "qmgr[3]: 4ABC: from=<a@c.test>, size=300, nrcpt=1 (queue active)",
        "lmtp[4]: 4ABC: to=<b@mx.test>, relay=mx[private/lmtp], delay=0.1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <b@mx.test> Saved)",
        "qmgr[3]: 4ABC: removed")))
    with_logins, alone = pflogsumm(own + log), pflogsumm(own + "".join(line + "\n" for line in log.splitlines() if " dovecot[" not in line))
    check(re.search(r"^ +1 +delivered$", with_logins, re.M), with_logins)
    equal(with_logins, alone, "what the mailbox server's lines add")
