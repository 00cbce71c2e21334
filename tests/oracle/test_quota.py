"""Quotas of Maildirs: what IMAP, LMTP and policy clients are told, and the file maildirsize, compared with Debian's Dovecot."""
import os
import re
import socket
import time

from support import check, equal
from support.dovecot import Dovecot
from support.imap import PASSWORD, ImapInstance
from support.lmtp_pair import LmtpPair

RULES = ("*:storage=20K", "Trash:storage=+10K", "Junk:ignore", "*:messages=20")
THEIRS = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
service quota-status {
  executable = quota-status -p postfix
  inet_listener {
    address = @ADDRESS@
    port = 12340
  }
  client_limit = 1
}
service quota-warning {
  executable = script @SCRIPT@ theirs
  user = vmail
  unix_listener quota-warning {
    mode = 0666
  }
}
recipient_delimiter = +
plugin {
  quota = maildir:User quota
@RULES@  quota_warning = storage=95%% quota-warning 95 %u
  quota_warning2 = storage=50%% quota-warning 50 %u
  quota_warning3 = -storage=50%% quota-warning below %u
}
"""
OURS = """\
quota_root_name = User quota
recipient_delimiter = +
quota_warnings = {{storage=95% @SCRIPT@ ours 95 %u} {storage=50% @SCRIPT@ ours 50 %u} {-storage=50% @SCRIPT@ ours below %u}}
"""
OURS = OURS.replace("{{", "{").replace("}}", "}")


class Imap:
    def __init__(self, address, port):
        self.sock = socket.create_connection((address, port), 20)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self("LOGIN bob " + PASSWORD)

    def __call__(self, text, literal=None):
        data = b"a " + text.encode()
        if literal is not None:
            data += b" {%d+}\r\n%s" % (len(literal), literal)
        self.sock.sendall(data + b"\r\n")
        lines = []
        while not lines or not lines[-1].startswith("a "):
            line = self.file.readline()
            check(line, f"{text}: hung up after {lines}")
            lines.append(line.decode(errors="replace").rstrip("\r\n"))
        return lines


def plain(lines):
    """Codes and data; words for people where there is no code, dates of birth of mailboxes, and what is told meanwhile."""
    kept = []
    for line in lines:
        line = re.sub(r"(APPENDUID|COPYUID) \d+", r"\1 V", line)
        tagged = re.match(r"a (OK|NO|BAD)( \[(?!CLIENTBUG|NONEXISTENT|NOPERM|MAILBOXID)[^]]*\])?", line)
        if tagged:
            kept.append(tagged[0])
        elif re.match(r"\* (QUOTA|OK \[COPYUID)", line):
            kept.append(line)
    return kept


class QuotaPair:
    """One home for each of the two servers."""

    def __init__(self, rules=RULES):
        self.mail = ImapInstance()
        mta = self.mail.mta
        uid, gid = mta.vmail_ids()
        self.warned = mta.vmail / "warned"
        self.script = mta.vmail / "warn.sh"
        self.script.write_text(f"#!/bin/sh\nwho=$1; shift; echo \"$@\" >> {self.warned}.$who\n")
        self.script.chmod(0o755)
        os.chmod(mta.vmail, 0o777)
        fill = lambda text: text.replace("@SCRIPT@", str(self.script)).replace("@ADDRESS@", self.mail.address)
        their_rules = "".join(f"  quota_rule{i + 1 if i else ''} = {rule}\n" for i, rule in enumerate(rules))
        main = fill(OURS) + f"quota_rules = {', '.join(rules)}\n"
        mta.set_main(main)
        with open(mta.conf / "master.cf", "a") as master:
            master.write(f"{self.mail.address}:12341 inet n - n - 100 quota-status\n")
        mta.reload()
        self.dovecot = Dovecot(self.mail, complaints=False, more=fill(THEIRS.replace("@RULES@", their_rules)))
        home = mta.vmail / "bob-theirs"
        home.mkdir(mode=0o700)
        os.chown(home, uid, gid)
        (self.dovecot.root / "users").write_text(f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{home}::\n")
        self.homes = {"ours": self.mail.home("bob"), "theirs": home}
        time.sleep(1.1)
        self.sessions = {"ours": Imap(self.mail.address, 1430), "theirs": Imap(self.mail.address, 1431)}

    def same(self, text, literal=None):
        answers = {whose: session(text, literal) for whose, session in self.sessions.items()}
        equal(plain(answers["ours"]), plain(answers["theirs"]), f"answers to {text}")
        self.same_size(text)

    def size(self, whose):
        path = self.homes[whose] / "Maildir/maildirsize"
        return path.read_text().splitlines() if path.exists() else None

    def same_size(self, text):
        """The sums: how many lines there are, and when they are written as one, is nobody's business."""
        sums = []
        for whose in ("ours", "theirs"):
            lines = self.size(whose)
            sums.append(lines and (lines[0], sum(int(l.split()[0]) for l in lines[1:]), sum(int(l.split()[1]) for l in lines[1:])))
        equal(sums[0], sums[1], f"maildirsize after {text}")

    def policy(self, whose, **attributes):
        sock = socket.create_connection((self.mail.address, 12341 if whose == "ours" else 12340), 20)
        sock.sendall("".join(f"{name}={value}\n" for name, value in attributes.items()).encode() + b"\n")
        answer = sock.recv(1000)
        sock.close()
        return answer

    def same_policy(self, **attributes):
        equal(self.policy("ours", **attributes), self.policy("theirs", **attributes), f"answer to {attributes}")

    def stop(self):
        self.dovecot.stop()
        self.mail.stop()


def message(size):
    """As it is stored, with LF: Dovecot and we count that."""
    head = b"Subject: x\r\n\r\n"
    return head + b"y" * (size - 14) + b"\r\n"


def test_imap_and_policy():
    pair = QuotaPair()
    for text in ("GETQUOTAROOT INBOX", 'GETQUOTA "User quota"', 'GETQUOTA ""', "GETQUOTA nosuch", "GETQUOTAROOT nosuch",
                 'SETQUOTA "User quota" (STORAGE 512)', "SETQUOTA x (STORAGE 512)", "GETQUOTA", "GETQUOTAROOT", 'GETQUOTA "user Quota"',
                 "CREATE Trash", "CREATE Junk", "GETQUOTAROOT Trash"):
        pair.same(text)
    for _ in range(5):
        pair.same("APPEND INBOX", message(5000))
    for folder in ("Junk", "Trash", "Trash", "Trash", "INBOX"):
        pair.same(f"APPEND {folder}", message(5000))
    pair.same("APPEND INBOX", message(20))
    for text in ("SELECT INBOX", "COPY 1 Trash", "COPY 1 Junk", "MOVE 1 Junk", "MOVE 1 Trash", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE",
                 "GETQUOTAROOT Junk", "DELETE Trash", "DELETE Junk", 'GETQUOTA "User quota"'):
        pair.same(text)
    for _ in range(22):
        pair.same("APPEND INBOX", message(20))
    for recipient in ("bob", "bob+x", "nosuch", "", "BOB"):
        for size in (0, 1, 100000):
            pair.same_policy(request="smtpd_access_policy", protocol_state="RCPT", recipient=recipient, size=size)
    pair.same_policy(request="smtpd_access_policy", recipient="bob", size="x")
    for text in ("STORE 1:* +FLAGS (\\Deleted)", "CLOSE", "GETQUOTAROOT INBOX"):
        pair.same(text)
    for size in (0, 10, 20000, 22000, 100000):
        pair.same_policy(request="smtpd_access_policy", protocol_state="RCPT", recipient="bob", size=size)
    for size in (15000, 6000, 100, 5900, 5000):
        pair.same("APPEND INBOX", message(size))
    end = time.monotonic() + 10
    read = lambda whose: sorted((pair.warned.parent / f"warned.{whose}").read_text().splitlines()) if (pair.warned.parent / f"warned.{whose}").exists() else []
    while read("ours") != read("theirs") and time.monotonic() < end:
        time.sleep(0.1)
    equal(read("ours"), read("theirs"), "commands of warnings")
    check(read("ours"), "somebody was warned")
    pair.stop()


def test_lmtp():
    rules = {"u1": "*:storage=10K", "u2": "*:messages=3:storage=1M", "full": "*:bytes=10"}
    for ours, theirs in (("", ""), ("quota_full_tempfail = yes\nquota_exceeded_message = no room\nlmtpd_rcpt_check_quota = yes\nquota_grace = 0\n",
                                    "quota_full_tempfail = yes\nlmtp_rcpt_check_quota = yes\nplugin {\n  quota_exceeded_message = no room\n  quota_grace = 0\n}\n"),
                         ("quota_grace = 50%\nquota_max_mail_size = 9000\n", "plugin {\n  quota_grace = 50%%\n  quota_max_mail_size = 9000\n}\n")):
        pair = LmtpPair("quota_root_name = User quota\n" + ours, theirs, rules)
        body = lambda size: "Subject: x\n\n" + "y" * 98 + "\n" + ("y" * 99 + "\n") * (size // 100)
        for user, size in (("u1", 4000), ("u1", 4000), ("u1", 4000), ("u1", 100), ("u1", 1000), ("u1", 1000), ("u1", 1000), ("u1", 100), ("u2", 100), ("u2", 100),
                           ("u2", 10000), ("u2", 100), ("u2", 100), ("full", 100)):
            # Dovecot puts mail off for ever that is too large for this user: we refuse it.
            if (size, "max_mail_size" in ours) != (10000, True):
                pair.deliver(f"{user}@virt.test", text=body(size))
            else:
                with pair.ours.session() as session:
                    equal(session.deliver("u2@virt.test", body(size).replace("\n", "\r\n")),
                          ["552 5.2.3 <u2@virt.test> Mail size is larger than the maximum size allowed by server configuration"], "too large")
        pair.deliver("u1@virt.test", "full@virt.test", "u2@virt.test")
        pair.same_mail()
        # Host names have lengths of their own, so the limits and the numbers of messages must do.
        for user in rules:
            plain_size = lambda whose, user=user: [pair.sizes(whose, user)[0], sum(int(l.split()[1]) for l in pair.sizes(whose, user)[1:])]
            equal(plain_size("ours"), plain_size("theirs"), f"maildirsize of {user}")
            size = sum(int(l.split()[0]) for l in pair.sizes("ours", user)[1:])
            equal(size, sum(p.stat().st_size for p in (pair.ours.mail / user / "new").iterdir()) if (pair.ours.mail / user / "new").exists() else 0, "bytes")
        pair.stop()
