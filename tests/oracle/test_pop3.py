"""POP3's answers, compared with those of Debian's Dovecot for the same Maildir and the same commands.  What is
normalised, and why, says tests/support/pop3_pair.py."""
import base64
import random
import time

from support import check, equal
from support.imap import PASSWORD
from support.pop3_pair import POP3, Session, plain, pop3_pair

# None begins with a dot: Dovecot sends such a one as it is, against RFC 1939 3.
MESSAGES = [
    b"From: a@b.test\nSubject: simple\n\nbody\n", b"Subject: dots\n\n.\n..\n.x\nno end", b"Subject: crlf\r\n\r\nbody\r\n.\r\n",
    b"Subject: mixed\r\n\nbody\nmore\r\n", b"no header at all", b"", b"\n", b"\n\n", b"Subject: header only\n",
    b"Subject: bare\rcr\n\nx\ry\r\r\nz\n", b"Subject: nul\n\na\0b\n",
    b"Subject: 8bit \xe4\n\n\xff\xfe\n", b"Subject: long\n\n" + b"x" * 70000 + b"\n.", b"\r\n.\r\n", b"Subject: x\n\n" + b".\n" * 3000,
    b"Subject: last\n\n.\n\n"]


def mails(messages, flags=""):
    return {f"cur/{1700000000 + i}.M{i}.h:2,{flags}": text for i, text in enumerate(messages)}


NUMBERS = ["0", "1", "2", "16", "17", "99", "4294967295", "4294967296", "18446744073709551616", "9" * 40, "-1", "+1", "x", "1x",
           "1 x", "1 ", " 1", "  2", "01", "0x1", "1.5", "", " ", "1\t", "\t1", "1:3", "*", "é"]


def test_listing_and_fetching():
    account = pop3_pair().account(mails(MESSAGES))
    account.same("STAT", "LIST", *(f"LIST {i}" for i in range(1, 17)))
    for i in range(1, len(MESSAGES) + 1):
        account.same(f"RETR {i}", *(f"TOP {i} {n}" for n in (0, 1, 2, 3, 1000000)))
    account.close()


def test_arguments():
    account = pop3_pair().account(mails(MESSAGES))
    for number in NUMBERS:
        account.same(f"LIST {number}", "NOOP", f"RETR {number}", "NOOP", f"UIDL {number}x", "NOOP", f"TOP {number} 0", "NOOP",
                     f"TOP 1 {number}", "NOOP")
    account.same("TOP", "TOP 1", "RETR", "DELE", "NOOP", "TOP 1 1 1", "TOP 1  1", "TOP  1 1 ", "NOOP", "STAT x", "NOOP 1", "RSET 7",
                 "CAPA x", "stat", "Retr 1", "top 1 0", " STAT", "", " ", "STAT ", "FOO", "USER bob", "PASS x", "AUTH", "APOP a b", "STLS",
                 "NOOP", "LAST", "XTND XMIT", "\tSTAT", "UIDL  1 ", "CAPA")
    account.close()


def test_deleting():
    account = pop3_pair().account(mails(MESSAGES))
    for number in NUMBERS:
        account.same(f"DELE {number}", "STAT")
    account.same("LIST", "LIST 1", "RETR 1", "TOP 1 1", "DELE 1", "UIDL 1", "RSET", "STAT", "LIST", "DELE 3", "DELE 5", "STAT", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "what is left, with its flags")
    account.same("STAT", "LIST", "RETR 3", "QUIT")
    account.close()


def test_hanging_up_deletes_nothing_but_what_was_read_is_read():
    account = pop3_pair().account(mails(MESSAGES[:4]))
    account.same("RETR 1", "TOP 2 5", "DELE 3", "DELE 1")
    account.close()
    wait_until(lambda: any("S" in name[-2:] for name in account.files("ours")))
    equal(len(account.files("ours")), 4, "messages")
    # Dovecot's names of files tell it with the next session.
    account.same("STAT", "RETR 2", "RSET", "RETR 3", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "flags of both sessions")


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def test_messages_that_vanish():
    account = pop3_pair().account(mails(MESSAGES[:4]))
    account.same("STAT", "NOOP")
    for home in account.homes.values():
        next((home / "Maildir/cur").glob("*.M1.h*")).unlink()
        renamed = next((home / "Maildir/cur").glob("*.M2.h*"))
        renamed.rename(str(renamed) + "FS")
    account.same("RETR 2", "TOP 2 1", "STAT", "LIST", "RETR 3", "DELE 2", "STAT", "DELE 1", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "what is left")


def test_new_mail_waits_for_the_next_session():
    account = pop3_pair().account(mails(MESSAGES[:2]))
    account.same("STAT")
    for home in account.homes.values():
        (home / "Maildir/new/1800000000.M9.h").write_bytes(MESSAGES[0])
    account.same("STAT", "LIST", "RETR 3", "QUIT")
    account.close()
    account.same("STAT", "RETR 3", "QUIT")
    account.close()
    equal(account.files("ours"), account.files("theirs"), "files")


def exchange(whose, steps):
    session = pop3_pair().session(whose)
    answers = [plain(session.command(step)) for step in steps]
    session.close()
    return answers


def secret(text):
    return base64.b64encode(text.encode()).decode()


LOGINS = [
    ["PASS x"], ["USER p0", "PASS wrong", "USER p0", f"PASS {PASSWORD}", "STAT"], ["USER p0", "USER p1", f"PASS {PASSWORD}", "STAT"],
    ["USER", "PASS x"], ["USER ", "PASS"], ["USER p0 x", f"PASS {PASSWORD}"], [f"user p0", f"pass {PASSWORD}", "stat"],
    [f"USER p0", f"PASS {PASSWORD} "], ["USER p0", f"PASS  {PASSWORD}"], ["USER P0", f"PASS {PASSWORD}", "STAT"],
    ["CAPA", "USER p0", "CAPA", f"PASS {PASSWORD}", "CAPA"], ["AUTH", "AUTH PLAIN", "*", "QUIT"], ["AUTH FOO"], ["AUTH PLAIN !"],
    ["AUTH PLAIN ="], ["AUTH PLAIN", "!", "NOOP"], ["AUTH PLAIN", secret("\0p0\0" + PASSWORD), "STAT"],
    ["AUTH PLAIN " + secret("\0p0\0" + PASSWORD), "STAT"], ["auth plain " + secret("\0p0\0" + PASSWORD), "STAT"],
    ["AUTH PLAIN " + secret("\0p0\0wrong"), "STAT"], ["AUTH PLAIN " + secret("p0\0p0\0" + PASSWORD), "STAT"],
    ["AUTH PLAIN " + secret("p1\0p0\0" + PASSWORD)], ["AUTH PLAIN " + secret("p0"), "QUIT"], ["AUTH LOGIN", secret("p0"), secret(PASSWORD), "STAT"],
    ["AUTH LOGIN", secret("p0"), "*", "QUIT"], ["AUTH LOGIN " + secret("p0"), secret(PASSWORD), "STAT"], ["AUTH LOGIN", "*", "CAPA"],
    ["STAT", "QUIT"], ["NOOP", "FOO", "LIST"], ["", " CAPA", "QUIT"], ["QUIT x"], ["quit"], ["APOP p0 " + "0" * 32], ["APOP", "QUIT"],
    ["CAPA", "CAPA x", "QUIT"], ["USER p0", "QUIT"], ["USER " + "x" * 900, "PASS y"], ["USER " + "x" * 9000],
    ["USER p0", f"PASS {PASSWORD}", "LIST " + "1" * 9000], ["USER nobody", f"PASS {PASSWORD}"], ["AUTH PLAIN", "x" * 9000]]


def test_logins():
    pair = pop3_pair()
    pair.account(mails(MESSAGES[:3])).close()
    for steps in LOGINS:
        for step, ours, theirs in zip(steps, exchange("ours", steps), exchange("theirs", steps)):
            equal(ours, theirs, f"{step[:60]} of {[step[:60] for step in steps]}")
        pair.compared += 1


test_logins.seconds = 90


def test_wrong_commands_end_a_session():
    account = pop3_pair().account(mails(MESSAGES[:1]))
    for whose in ("ours", "theirs"):
        session = account.session(whose)
        answers = [session.command(f"FOO{i}")[0] for i in range(25)]
        equal(answers[21:23], [b"-ERR Too many bad commands.", b"(hung up)"], whose)
    account.close()
    # A right one in between forgives the others.
    account.same(*(["FOO"] * 15 + ["NOOP"]) * 3)
    account.close()


def test_pipelined_commands():
    account = pop3_pair().account(mails(MESSAGES[:6]))
    burst = "".join(f"{line}\r\n" for line in ["STAT", "LIST 1", "DELE 2", "FOO", "STAT", "RETR 1", "RSET", "STAT", "QUIT"]).encode()
    answers = {}
    for whose in ("ours", "theirs"):
        session = account.session(whose)
        session.send(burst)
        answers[whose] = plain(session.file.read().split(b"\r\n"))
    account.close()
    equal(answers["ours"], answers["theirs"], "all answers")
    # Behind the login, too.
    for whose in ("ours", "theirs"):
        session = pop3_pair().session(whose)
        session.send(f"USER {account.user}\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 1\r\nQUIT\r\n".encode())
        answers[whose] = plain(session.file.read().split(b"\r\n"))
        session.close()
    equal(answers["ours"], answers["theirs"], "all answers behind the login")


def test_sessions_by_chance():
    pick = random.Random(11)
    pieces = [b"a\n", b"\n", b".\n", b"..\n", b"\r\n", b"Subject: x\n", b"x", b"\r", b".", b"From: y\r\n", b"\0", b"line of text\n"]
    for _ in range(8):
        messages = [b"".join(pick.choice(pieces) for _ in range(pick.randrange(0, 14))).lstrip(b".") for _ in range(pick.randrange(1, 9))]
        account = pop3_pair().account(mails(messages))
        for _ in range(pick.randrange(20, 40)):
            number = pick.randrange(0, len(messages) + 2)
            account.same(pick.choice([f"RETR {number}", f"TOP {number} {pick.randrange(0, 6)}", f"LIST {number}", "STAT", "LIST",
                                      f"DELE {number}", "NOOP", "RSET" if pick.random() < .3 else "STAT", "XYZ"]))
        account.same("STAT", "QUIT")
        account.close()
        equal(account.files("ours"), account.files("theirs"), f"what is left of {messages}")


test_sessions_by_chance.seconds = 90


def test_enough_was_compared():
    check(pop3_pair().compared >= 80, pop3_pair().compared)
