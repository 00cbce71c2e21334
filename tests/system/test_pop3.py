"""The POP3 services with Python's poplib and with raw sockets: TLS, logins, hostile input, mailboxes in trouble."""
import contextlib
import hashlib
import os
import poplib
import re
import signal
import ssl
import subprocess
import threading
import time

from support import Skip, bound, check, equal
from support.certificates import directory as certificates
from support.imap import PASSWORD
from support.pop3_pair import POP3, POP3S, Pop3Instance, Session
from support.room import room


def context():
    made = ssl.create_default_context(cafile=str(certificates() / "ca.pem"))
    made.check_hostname = False
    return made


def session(mail, user=None, timeout=20):
    return Session(mail.address, POP3, user, timeout)


def test_poplib_in_the_clear_with_stls_and_on_the_tls_port():
    mail = Pop3Instance()
    for i in range(3):
        mail.deliver("bob", b"Subject: %d\n\n.\nbody\n" % i)
    box = poplib.POP3(mail.address, POP3, timeout=20)
    check("STLS" in box.capa() and box.capa()["SASL"] == ["PLAIN", "LOGIN"], box.capa())
    box.user("bob")
    box.pass_(PASSWORD)
    check("STLS" not in box.capa() and box.capa()["EXPIRE"] == ["NEVER"], box.capa())
    equal(box.stat(), (3, 3 * 23), "stat")
    equal(box.retr(2)[1], [b"Subject: 1", b"", b".", b"body"], "a message")
    equal(box.top(1, 0)[1], [b"Subject: 0", b""], "a header")
    ids = [line.split()[1] for line in box.uidl()[1]]
    box.dele(1)
    box.quit()
    box = poplib.POP3(mail.address, POP3, timeout=20)
    box.stls(context())
    check("STLS" not in box.capa() and "USER" in box.capa(), box.capa())
    box.user("bob")
    box.pass_(PASSWORD)
    equal([line.split()[1] for line in box.uidl()[1]], ids[1:], "identifiers")
    box.quit()
    box = poplib.POP3_SSL(mail.address, POP3S, context=context(), timeout=20)
    box.user("bob")
    box.pass_(PASSWORD)
    equal(box.list()[1], [b"1 23", b"2 23"], "list")
    box.quit()
    mail.mta.wait_log(r"dovecot\[\d+\]: pop3-login: Login: user=<bob>, method=PLAIN, rip=\S+, lip=\S+, TLS", count=2)
    mail.mta.wait_log(r"dovecot\[\d+\]: pop3\(bob\)<\d+>: Disconnected: Logged out top=1/17, retr=1/\d+, del=1/3, size=69")
    mail.stop()


def test_nothing_from_before_stls_counts_behind_it():
    mail = Pop3Instance()
    for injected in (b"", b"USER bob\r\nPASS secret\r\nSTAT\r\n", b"CAPA\r\n" * 100):
        raw = session(mail)
        raw.command("USER bob")
        raw.send(b"STLS\r\n" + injected)
        equal(raw.answer(False), [b"+OK Begin TLS negotiation now."], "STLS")
        secure = context().wrap_socket(raw.sock, server_hostname="mx.test")
        secure.sendall(b"PASS secret\r\n")
        equal(secure.recv(1000), b"-ERR No username given.\r\n", "the name is forgotten, and what was injected unheard")
        secure.close()
    raw = session(mail)
    equal([raw.command(c)[0][:4] for c in ("STLS x", )], [b"+OK "], "an argument is nobody's business")
    mail.stop()


def test_where_tls_is_required():
    mail = Pop3Instance("pop3_tls_security_level = encrypt\n")
    raw = session(mail)
    check(b"USER" not in raw.command("CAPA") and not any(line.startswith(b"SASL") for line in raw.command("CAPA")), "CAPA")
    raw.command("USER bob")
    equal(raw.command("PASS secret")[0][:11], b"-ERR [AUTH]", "PASS")
    equal(raw.command("AUTH PLAIN AGJvYgBzZWNyZXQ=")[0][:11], b"-ERR [AUTH]", "AUTH")
    box = poplib.POP3(mail.address, POP3, timeout=20)
    box.stls(context())
    box.user("bob")
    box.pass_(PASSWORD)
    box.quit()
    mail.stop()
    mail = Pop3Instance("pop3_tls_security_level = none\n")
    raw = session(mail)
    check(b"STLS" not in raw.command("CAPA"), "CAPA")
    equal(raw.command("STLS"), [b"-ERR TLS support isn't enabled."], "STLS")
    mail.stop()


def test_apop():
    mail = Pop3Instance("auth_mechanisms = plain, login, apop\nauth_failure_delay = 0\n")
    users = mail.mta.conf / "users"
    lines = users.read_text().splitlines()
    digest = "{SHA256.HEX}" + hashlib.sha256(PASSWORD.encode()).hexdigest()
    users.write_text("\n".join([lines[0], lines[1].replace("{PLAIN}" + PASSWORD, digest), lines[2]]) + "\n")
    mail.deliver("bob", b"Subject: x\n\n")
    box = poplib.POP3(mail.address, POP3, timeout=20)
    challenge = re.search(rb"<[0-9a-f]+\.[0-9a-f]+\.[^@>]+@[^>]+>", box.getwelcome())
    check(challenge, box.getwelcome())
    equal(box.capa()["SASL"], ["PLAIN", "LOGIN"], "APOP is no mechanism")
    box.apop("bob", PASSWORD)
    equal(box.stat()[0], 1, "stat")
    box.quit()
    again = session(mail)
    for user, secret, why in (("bob", "wrong", "wrong password"), ("alice", PASSWORD, "password that is not stored"), ("nobody", "x", "user")):
        made = re.search(rb"<.*>", again.greeting)[0]
        answer = again.command(f"APOP {user} {hashlib.md5(made + secret.encode()).hexdigest()}")
        equal(answer, [b"-ERR [AUTH] Authentication failed."], why)
    # A digest that was overheard is good for nothing.
    answer = again.command(f"APOP bob {hashlib.md5(challenge[0] + PASSWORD.encode()).hexdigest()}")
    equal(answer, [b"-ERR [AUTH] Authentication failed."], "an old challenge")
    for text in ("APOP", "APOP bob", "APOP bob xyz", "APOP  " + "0" * 32, "APOP bob " + "g" * 32):
        equal(again.command(text)[0][:4], b"-ERR", text)
    again.close()
    mail.stop()


def test_guesses_are_counted_and_told_as_dovecot_tells_them():
    mail = Pop3Instance("auth_failure_delay = 0\nauth_client_failure_limit = 4\nauth_client_limit_exceptions =\n")
    raw = session(mail)
    for _ in range(4):
        raw.command("USER b>b")
        equal(raw.command("PASS guess"), [b"-ERR [AUTH] Authentication failed."], "PASS")
    raw.command("USER bob")
    equal(raw.command("PASS secret")[0][:15], b"-ERR [SYS/TEMP]", "the right one, too late")
    equal(raw.line(), b"(hung up)", "and out")
    # What fail2ban's filter "dovecot" looks for.
    mail.mta.wait_log(r"pop3-login: Disconnected: Too many failed logins \(auth failed, 4 attempts in \d+ secs\): user=<b\?b>, "
                      r"method=PLAIN, rip=[0-9.]+, lip=[0-9.]+$")
    mail.mta.wait_log(r"warning: Login failure limit exceeded: 4 from unknown\[")
    mail.stop()


def test_limits():
    mail = Pop3Instance("pop3_user_session_limit = 2\npop3_login_timeout = 2s\npop3_idle_timeout = 3s\n"
                        "pop3_client_connection_limit = 5\nauth_client_limit_exceptions =\n")
    first, second = session(mail, "bob"), session(mail, "bob")
    third = session(mail)
    third.command("USER bob")
    equal(third.command("PASS secret")[0][:13], b"-ERR [IN-USE]", "the third session")
    third.close()
    silent = [session(mail) for _ in range(6)]
    equal([s.greeting[:4] for s in silent].count(b"-ERR"), 1, "the sixth from one address")
    began = time.monotonic()
    equal({s.line() for s in silent[:5]}, {b"-ERR Disconnected for inactivity."}, "before login")
    check(time.monotonic() - began < 10, "in time")
    equal(first.line(), b"-ERR Disconnected for inactivity.", "after login")
    second.close()
    mail.stop()


def test_hostile_input():
    mail = Pop3Instance()
    mail.deliver("bob", b"Subject: x\n\nx\n")
    raw = session(mail, "bob")
    for text in (b"\xff\xfe\0", b"LIST " + b"9" * 8000, b"TOP 1 " + b"9" * 8000, b"%s%n%x", b"A" * 8000, b"RETR 1\0"):
        equal(raw.command(text)[0][:4], b"-ERR", text[:20])
    equal(raw.command("STAT"), [b"+OK 1 17"], "it goes on")
    raw.send(b"x" * 100000)
    equal(raw.line(), b"-ERR Input line too long.", "no end of line")
    equal(raw.line(), b"(hung up)", "and out")
    for head in (b"", b"USER bob\r\n", b"AUTH PLAIN\r\n"):
        raw = session(mail)
        raw.send(head + b"y" * 200000)
        lines = [raw.line() for _ in range(4)]
        equal(lines[-1], b"(hung up)", "before login")
    for user in (None, "bob"):
        raw = session(mail, user)
        sender = threading.Thread(target=raw.send, args=(b"FOO\r\n" * 50000,))
        sender.start()
        seen = [raw.line() for _ in range(40)]  # it hangs up while more comes: the last answers may be lost
        sender.join()
        equal((set(seen[:5]) & {b"+OK"}, seen[-1]), (set(), b"(hung up)"), "answers")
    check(session(mail, "bob").command("STAT")[0].startswith(b"+OK"), "others are served")
    mail.stop()


def test_mailboxes_in_trouble():
    mail = Pop3Instance()
    for i in range(3):
        mail.deliver("bob", b"Subject: %d\n\nx\n" % i, name=f"{1700000000 + i}.M{i}.test")
    cur = mail.maildir("bob") / "cur"
    session(mail, "bob").command("QUIT")
    hidden = next(cur.glob("1700000001.*"))
    directory = hidden.with_name("1700000009.M9.test:2,")
    directory.mkdir()
    raw = session(mail, "bob")
    equal(raw.command("RETR 4")[0][:15], b"-ERR [SYS/PERM]", "a directory is no message")
    equal(raw.command("RETR 1")[0], b"+OK 17 octets", "others are")
    raw.command("DELE 1")
    raw.command("DELE 4")
    equal(raw.command("QUIT"), [b"-ERR [SYS/PERM] Some deleted messages are not removed."], "it cannot be removed")
    directory.rmdir()
    if os.geteuid() == 0:
        os.chmod(hidden, 0)
        os.chown(hidden, 0, 0)
        raw = session(mail, "bob")
        equal(raw.command("RETR 1")[0][:15], b"-ERR [SYS/PERM]", "unreadable")
        equal(raw.command("RETR 2")[0], b"+OK 17 octets", "others are")
        os.chown(cur, 0, 0)
        os.chmod(cur, 0o755)
        raw.command("DELE 2")
        equal(raw.command("QUIT"), [b"-ERR [SYS/PERM] Some deleted messages are not removed."], "a mailbox for reading")
        equal(len(list(cur.iterdir())), 2, "all are there")
    mail.stop()


def test_a_mailbox_that_is_replaced():
    mail = Pop3Instance()
    mail.deliver("bob", b"Subject: old\n\nx\n")
    raw = session(mail, "bob")
    equal(raw.command("STAT")[0][:5], b"+OK 1", "STAT")
    raw.command("DELE 1")
    mail.maildir("bob").rename(mail.home("bob") / "old")
    mail.deliver("bob", b"Subject: new\n\nx\n")
    equal(raw.command("QUIT")[0][:4], b"-ERR", "the other mailbox has another first message")
    raw = session(mail, "bob")
    equal(raw.command("RETR 1")[1], b"Subject: new", "which stays")
    mail.stop()


@bound(120)
def test_a_process_killed_while_it_deletes():
    """Of each message that was to go there is all or nothing, of the others all; no UID comes back."""
    mail = Pop3Instance()
    uid, gid = mail.mta.vmail_ids()
    known = set()
    for round_ in range(6):
        for i in range(400):
            mail.deliver("bob", b"Subject: %d\n\n%d\n" % (round_, i))
        raw = session(mail, "bob")
        ids = [line.split()[1] for line in raw.command("UIDL")[1:-1]]
        equal(len(ids), len(set(ids)), "each has its own")
        check(not set(ids[-400:]) & known, "none that was given before")
        known |= set(ids)
        numbers = [i + 1 for i in range(len(ids)) if i % 3]
        raw.send("".join(f"DELE {i}\r\n" for i in numbers).encode() + b"NOOP\r\n")
        for _ in range(len(numbers) + 1):
            raw.line()
        pids = processes_of(mail, "pop3", uid)
        raw.send(b"QUIT\r\n")
        time.sleep(0.002 * round_)
        for pid in pids:
            kill(pid)
        answer = raw.line()
        raw.close()
        raw = session(mail, "bob")
        left = [line.split()[1] for line in raw.command("UIDL")[1:-1]]
        kept = [ids[i] for i in range(len(ids)) if not i % 3]
        check(set(kept) <= set(left) <= set(ids), "what was to stay is there")
        if answer.startswith(b"+OK"):
            equal(left, kept, "what was answered has happened")
        for i in range(1, len(left) + 1, 50):
            check(raw.command(f"RETR {i}")[0].startswith(b"+OK"), "readable")
        raw.command("QUIT")
        raw.close()
    mail.stop()


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def processes_of(mail, name, uid):
    """The pids of this instance's processes of a program that run as `uid`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            command = open(f"/proc/{entry}/cmdline", "rb").read().split(b"\0")
            inside = os.readlink(f"/proc/{entry}/cwd").startswith(str(mail.home("bob")))
        except OSError:
            continue
        if command[0].endswith(b"/" + name.encode()) or command[0] == name.encode():
            if inside and os.stat(f"/proc/{entry}").st_uid == uid:
                found.append(int(entry))
    return found


@bound(120)
def test_a_large_mailbox():
    """100,000 messages with RELAIS_TEST_MESSAGES=100000."""
    count = int(os.environ.get("RELAIS_TEST_MESSAGES", "5000"))
    mail = Pop3Instance()
    mail.deliver("bob", b"Subject: first\n\nx\n", name="1600000000.M.test,S=17,W=20")
    uid, gid = mail.mta.vmail_ids()
    cur = mail.maildir("bob") / "cur"
    for i in range(count - 1):
        path = cur / f"{1700000000 + i}.M{i}.test,S=17,W=20:2,"
        path.write_bytes(b"Subject: other\n\nx"[:17])
        os.chown(path, uid, gid)
    for _ in range(2):
        raw = session(mail, "bob", 60)
        equal(raw.command("STAT"), [b"+OK %d %d" % (count, 20 * count)], "STAT")
        began = time.monotonic()
        equal(len(raw.command("UIDL")), count + 2, "UIDL")
        equal(len(raw.command("LIST")), count + 2, "LIST")
        raw.send("".join(f"UIDL {i + 1}\r\n" for i in range(0, count, 10)).encode())
        equal([raw.line()[:4] for _ in range(0, count, 10)], [b"+OK "] * len(range(0, count, 10)), "one by one")
        check(time.monotonic() - began < 20, "no square of the number")
        raw.command("QUIT")
        raw.close()
    mail.stop()


def test_a_full_disk():
    """Mail can be fetched and deleted; what came meanwhile is there when there is room again."""
    mail = Pop3Instance("pop3_save_uidl = yes\n")
    if not room().private:
        raise Skip("a small disk needs a mount namespace")
    home = mail.home("bob")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=0777", "tmpfs", home], check=True)
    for i in range(30):
        mail.deliver("bob", b"Subject: %d\n\nx\n" % i, name=f"{1700000000 + i}.M.test")
    first = session(mail, "bob")
    ids = first.command("UIDL")[1:-1]
    first.command("QUIT")
    mail.deliver("bob", b"Subject: late\n\nx\n", name="1800000000.M.test")
    with contextlib.suppress(OSError), open(home / "filler", "wb", buffering=0) as out:
        while out.write(b"x" * 4096):
            pass
    raw = session(mail, "bob")
    equal(raw.command("UIDL")[1:-1], ids, "the same identifiers, and none for what cannot get one")
    equal(raw.command("RETR 30")[1], b"Subject: 29", "a message")
    raw.command("DELE 1")
    raw.command("DELE 30")
    equal(raw.command("QUIT"), [b"+OK Logging out, messages deleted."], "QUIT")
    (home / "filler").unlink()
    mail.deliver("bob", b"Subject: later\n\nx\n", name="1800000001.M.test")
    raw = session(mail, "bob")
    now = [line.split()[1] for line in raw.command("UIDL")[1:-1]]
    equal(now[:28], [line.split()[1] for line in ids[1:29]], "the others")
    equal(len(set(now[28:]) - {line.split()[1] for line in ids}), 2, "two new ones")
    equal([raw.command(f"RETR {i}")[1] for i in (29, 30)], [b"Subject: late", b"Subject: later"], "new mail")
    mail.stop()
