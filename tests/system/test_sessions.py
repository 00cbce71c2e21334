"""Who is logged in: doveadm who and kick, and relais sessions, over processes that end, hang, or outlive the service that made them."""
import os
import poplib
import re
import signal
import subprocess
import time
import zlib

from support import check, equal
from support.imap import PASSWORD
from support.machines import Machine
from support.pop3_pair import POP3, Pop3Instance
from support.room import room

_mail = []


def mail():
    if not _mail:
        _mail.append(Pop3Instance())
    return _mail[0]


def command(name, *words, account=None):
    mta = mail().mta
    done = subprocess.run([mta.commands / name, "-c", mta.conf, *words], env=mta.environment(), capture_output=True, timeout=60,
                          user=account and account[0], group=account and account[1], extra_groups=() if account else None)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def who(*words):
    """The rows: user, number, protocol, processes, addresses."""
    status, out, err = command("doveadm", "-f", "tab", "who", *words)
    equal((status, err), (0, ""), "doveadm who")
    return sorted(line.split("\t") for line in out.splitlines()[1:])


def rows():
    status, out, err = command("relais", "sessions")
    equal((status, err), (0, ""), "relais sessions")
    lines = out.splitlines()
    equal(lines[0].split(), ["USER", "SERVICE", "ADDRESS", "SINCE", "TLS", "RECEIVED", "SENT", "PROCESS", "FOLDER"], "titles")
    return [re.split(r"  +", line) for line in lines[1:]]


def until(what, look):
    end = time.monotonic() + 20
    while not look():
        check(time.monotonic() < end, f"waited in vain: {what}")
        time.sleep(0.1)


def test_what_is_told():
    mail().deliver("bob", b"Subject: x\n\n" + b"y" * 5000 + b"\n")
    begun = time.strftime("%Y-%m-%d %H:%M")
    plain, secure = mail().login("bob", "INBOX"), mail().connect_tls()
    secure.login("alice", PASSWORD)
    secure.create('"Entw&APw-rfe"')
    secure.select('"Entw&APw-rfe"')
    pop = poplib.POP3(mail().address, POP3, timeout=20)
    pop.user("bob")
    pop.pass_(PASSWORD)
    equal([row[:3] for row in who()], [["alice", "1", "imap"], ["bob", "1", "imap"], ["bob", "1", "pop3"]], "doveadm who")
    found = rows()
    equal([[row[0], row[1], row[2], row[4], row[8]] for row in found],
          [["alice", "imap", "127.0.0.1" if mail().address == "127.0.0.1" else found[0][2], "yes", "Entwürfe"],
           ["bob", "imap", found[1][2], "no", "INBOX"], ["bob", "pop3", found[2][2], "no", "-"]], "relais sessions")
    check(begun <= found[0][3][:16] <= time.strftime("%Y-%m-%d %H:%M"), f"since {found[0][3]}")
    before = int(found[1][6])
    plain.fetch("1", "(BODY[])")
    grown = int(rows()[1][6]) - before
    check(5000 < grown < 6000, f"bytes of a message of 5000: {grown}")
    plain.unselect()
    equal(rows()[1][8], "-", "nothing is selected")
    equal(command("relais", "sessions", "alice")[1].count("\n"), 2, "of one user")
    for session in (plain, secure):
        session.logout()
    pop.quit()
    until("nobody is there", lambda: who() == [])


def test_compressed_bytes_count():
    box = mail().login("carol")
    box.send(b"z COMPRESS DEFLATE\r\n")
    check(box.readline().startswith(b"z OK"), "COMPRESS")
    pack = zlib.compressobj(wbits=-15)
    before = rows()[0]
    box.send(pack.compress(b"a1 " + b"NOOP\r\n") + pack.flush(zlib.Z_SYNC_FLUSH))
    until("what came compressed is counted", lambda: int(rows()[0][5]) > int(before[5]))
    box.shutdown()
    until("nobody is there", lambda: who() == [])


def test_a_killed_process_leaves_no_ghost():
    box = mail().login("bob")
    process = int(who()[0][3].strip("()"))
    os.kill(process, signal.SIGKILL)
    until("bob is gone", lambda: who() == [])
    sockets = mail().mta.queue / "private/sessions"
    until("its socket is gone", lambda: not list(sockets.glob(f"imap.{process}")))
    box.shutdown()


def test_a_hung_process_holds_nobody_up_for_long():
    boxes = [mail().login(user) for user in ("alice", "bob")]
    processes = {row[0]: int(row[3].strip("()")) for row in who()}
    os.kill(processes["alice"], signal.SIGSTOP)
    try:
        begun = time.monotonic()
        status, out, err = command("doveadm", "-f", "tab", "who")
        equal((status, [line.split("\t")[0] for line in out.splitlines()]), (0, ["username", "bob"]), "who answers")
        check("no answer in time" in err, err)
        check(time.monotonic() - begun < 10, "it took too long")
    finally:
        os.kill(processes["alice"], signal.SIGCONT)
    equal(len(who()), 2, "both again")
    for box in boxes:
        box.logout()


def test_sessions_outlive_a_reload():
    """Those of before are still told of, and can be ended."""
    until("nobody is there", lambda: who() == [])
    box = mail().login("bob")
    mail().mta.reload()
    other = mail().login("alice")
    until("both are listed", lambda: [row[0] for row in who()] == ["alice", "bob"])
    equal(command("doveadm", "kick", "bob")[0], 0, "kick")
    equal([box.readline(), box.readline()], [b"* BYE Server shutting down.\r\n", b""], "what the session that was ended is told")
    equal([row[0] for row in who()], ["alice"], "who is left")
    other.logout()


def test_nobody_but_root_may_ask():
    room().require_private("accounts")
    box = mail().login("bob")
    nobody = ("nobody", "nogroup")
    status, out, err = command("doveadm", "who", account=nobody)
    check(status == 75 and "Permission denied" in err, f"{status} {out} {err}")
    status, out, err = command("relais", "sessions", account=nobody)
    check(status != 0 and "Permission denied" in err, f"{status} {out} {err}")
    box.logout()


def titles(service):
    """What ps shows of the processes of that service that serve somebody."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            line = open(f"/proc/{entry}/cmdline", "rb").read().decode(errors="replace") if entry.isdigit() else ""
        except OSError:
            continue
        if line.startswith(f"{service} [") or (line.startswith(service) and "bob" in line):
            found.append(line.rstrip("\0"))
    return found


def test_process_titles():
    while _mail:
        _mail.pop().stop()
    for setting in ("no", "yes"):
        here = Pop3Instance(f"mailbox_process_titles = {setting}\n")
        first = here.login("bob", "INBOX")
        if setting == "no":
            equal(titles("imap"), [], "without the setting")
            here.stop()
            continue
        until("one session", lambda: re.fullmatch(r"imap \[bob 127[\d.]+\]", "|".join(titles("imap"))))
        alone = titles("imap")[0]
        first.send(b"i IDLE\r\n")
        until("its command", lambda: titles("imap") == [alone[:-1] + " IDLE]"])
        second = here.login("bob")
        until("two sessions", lambda: titles("imap") == ["imap [bob 2 connections]"])
        second.logout()
        first.send(b"DONE\r\n")
        until("one again", lambda: titles("imap") == [alone])
        first.shutdown()
        until("none", lambda: titles("imap") == ["imap [idling]"])
        client = poplib.POP3(here.address, POP3, timeout=20)
        client.user("bob")
        client.pass_(PASSWORD)
        until("POP3", lambda: titles("pop3") == [alone.replace("imap", "pop3")])
        client.quit()
        here.stop()


def test_title_of_lmtpd():
    """As Dovecot's: who has connected, and what for; of several the number."""
    while _mail:
        _mail.pop().stop()
    here = Machine("mailbox_process_titles = yes\n")
    here.users(bob=None)

    def shown(*titles_wanted):
        until(f"{titles_wanted}", lambda: set(titles("lmtpd")) == set(titles_wanted))

    with here.lmtp() as session:
        shown("lmtpd [127.0.0.1 READY]")
        for command, state in (("LHLO c.test", "READY"), ("MAIL FROM:<a@b.test>", "MAIL FROM a@b.test"), ("RCPT TO:<bob>", "RCPT TO bob"), ("DATA", "DATA")):
            session(command)
            shown(f"lmtpd [127.0.0.1 {state}]")
        with here.lmtp():
            shown("lmtpd [2 connections]")
        session("Subject: x\r\n\r\nx\r\n.")
        shown("lmtpd [127.0.0.1 READY]")
    shown("lmtpd [idling]")
    here.stop()
