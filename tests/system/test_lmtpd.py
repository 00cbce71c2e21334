"""lmtpd with its peers (our lmtp, swaks, smtplib), under load, and in trouble."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

from support import Skip, check, equal
from support.certificates import directory as certificates
from support.imap import PASSWORD
from support.instance import Instance
from support.lmtp_pair import PORT, LmtpInstance
from support.room import ACCOUNTS, room

TEXT = "Subject: x\r\n\r\nbody\r\n"


@contextlib.contextmanager
def instance(main="", **options):
    made = LmtpInstance(main, **options)
    try:
        yield made
    finally:
        made.stop()


def files(mail, user, part="new", folder=""):
    place = mail.mail / user / folder / part
    return sorted(place.iterdir()) if place.exists() else []


def processes(mail):
    """Of lmtpd: {pid: uid}."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().decode().split("\0")[0] in (str(mail.mta.daemons / "lmtpd"), "lmtpd") \
                    and os.readlink(entry / "exe") == os.path.realpath(mail.mta.daemons / "lmtpd"):
                found[int(entry.name)] = int(re.search(r"\nUid:\s+\d+\s+(\d+)", (entry / "status").read_text())[1])
    return found


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, "it does not come to that")
        time.sleep(0.05)


def test_python_and_swaks():
    with instance() as mail:
        with smtplib.LMTP(mail.address, PORT) as client:
            refused = client.sendmail("a@b.test", ["u1@virt.test", "nosuch@virt.test"], "Subject: p\n\n.x\n..\nend")
            equal(list(refused), ["nosuch@virt.test"], "refused")
        with smtplib.LMTP(str(mail.socket)) as client:
            for user in ("u1", "u2"):  # it reads one reply, however many recipients there are
                client.sendmail("a@b.test", [f"{user}@virt.test"], "Subject: p\n\nx\n")
        first = next(p.read_bytes() for p in files(mail, "u1") if b"..\n" in p.read_bytes())
        check(first.endswith(b"Subject: p\n\n.x\n..\nend\n"), first)
        check(re.search(rb"\nReceived: from \S+ \(\[127\.[\d.]+\]\)\n", first), first)
        if shutil.which("swaks"):
            done = subprocess.run(["swaks", "--protocol", "LMTP", "--server", mail.address, "--port", str(PORT), "--from", "a@b.test", "--to",
                                   "u1@virt.test,u2@virt.test", "--pipeline"], capture_output=True, text=True, timeout=30)
            equal(done.returncode, 0, done.stdout)
            equal(len(re.findall(r"250 2\.0\.0 <u[12]@virt\.test> \S+ Saved", done.stdout)), 2, "replies")
        for path in files(mail, "u1") + files(mail, "u2"):
            equal(path.stat().st_uid, mail.mta.vmail_ids()[0], "owner")
        equal(files(mail, "u1", "tmp"), [], "tmp/")
        count = len(files(mail, "u1"))
        box = mail.login("u1@virt.test", "INBOX")
        equal(box.uid("search", "ALL")[1][0], b" ".join(b"%d" % (i + 1) for i in range(count)), "UIDs")


def test_mail_that_comes_by_smtp():
    mta = Instance("ours", main="virtual_transport = lmtp:unix:public/lmtpd\nvirtual_mailbox_domains = virt.test\nvirtual_mailbox_maps = static:any\n"
                   "auth_users_file = $config_directory/users\nimap_minimum_uid = 1\nimap_minimum_gid = 1\nimap_mail_location = maildir:~/\n"
                   "recipient_delimiter = +\n", master="lmtpd unix n - n - 100 lmtpd\nauth unix - - n - 1 auth\n")
    uid, gid = mta.vmail_ids()
    (mta.conf / "users").write_text("".join(f"{user}@virt.test:{{PLAIN}}x:{uid}:{gid}::{mta.vmail}/{user}::\n" for user in ("u1", "u2", "ü")))
    mta.start()
    try:
        mta.mail("carol@example.test", ["u1@virt.test", "u2@virt.test", "nosuch@virt.test"], "Subject: by smtp\n\n.\nx\n")
        mta.wait_log(r"to=<u1@virt.test>, relay=\S+\[public/lmtpd\].*dsn=2.0.0, status=sent \(250 2.0.0 <u1@virt.test> \S+ Saved\)")
        mta.wait_log(r"to=<u2@virt.test>.*status=sent")
        mta.wait_log(r"to=<nosuch@virt.test>.*dsn=5.1.1, status=bounced .*User doesn't exist: nosuch@virt.test \(in reply to RCPT TO command\)")
        for _ in range(10):
            mta.mail("carol@example.test", ["u1+x@virt.test"], "Subject: more\n\nx\n")
        mta.wait_log(r"to=<u1\+x@virt.test>.*status=sent", 10)
        equal((len(mta.virtual("u1")), len(mta.virtual("u2"))), (11, 1), "messages")
        mta.settle()
        mta.check_sane()
    finally:
        mta.stop()


def test_many_sessions_and_many_recipients():
    users = [f"m{i}" for i in range(40)]
    with instance(users=users, rules={}) as mail:
        sent, lock = [], threading.Lock()

        def deliver(number):
            with mail.session(inet=number % 2) as session:
                for i in range(5):
                    to = [f"m{(number + i * j) % 40}@virt.test" for j in range(3)]
                    answers = session.deliver(to, f"Subject: {number} {i}\r\n\r\nx\r\n")
                    check(all(a.startswith("250 2.0.0") for a in answers), answers)
                    with lock:
                        sent.extend((to_one, f"{number} {i}") for to_one in set(to))
        threads = [threading.Thread(target=deliver, args=(i,)) for i in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [(f"{user}@virt.test", re.search(rb"Subject: (.*)", p.read_bytes())[1].decode()) for user in users for p in files(mail, user)]
        equal(sorted(found), sorted(sent), "what was delivered")
        with mail.session() as session:
            answers = session.deliver([f"{user}@virt.test" for user in users], "Subject: all\r\n\r\n" + "x" * 70000 + "\r\n")
        equal(len([a for a in answers if a.startswith("250")]), 40, "replies")
        links = {p.stat().st_nlink for user in users for p in files(mail, user) if p.stat().st_size > 60000}
        equal(links, {40}, "names of the one file")


def test_owners_and_the_number_of_processes():
    room().require_private("accounts")
    with instance("lmtpd_worker_limit = 2\n", rules={}) as mail:
        ids = {"a": 60903, "b": 60904, "c": 60905, "d": 60910, "e": 60911, "root": 0, "mail": ACCOUNTS["postfix"]}
        (mail.mta.conf / "users").write_text("".join(f"{user}@virt.test:x:{uid}:{uid or 60903}::{mail.mail}/{user}::\n" for user, uid in ids.items()))
        os.chmod(mail.mail, 0o777)
        time.sleep(1.1)
        good = [user for user in ids if user not in ("root", "mail")]
        for _ in range(2):
            with mail.session() as session:
                answers = session.deliver([f"{user}@virt.test" for user in good], TEXT)
                check(all(a.startswith("250") for a in answers), answers)
                owners = [uid for uid in processes(mail).values() if uid in ids.values() and uid not in (0, ACCOUNTS["postfix"])]
                check(len(owners) <= 2, owners)
        for user in good:
            equal({(p.stat().st_uid, p.stat().st_mode & 0o777) for p in files(mail, user)}, {(ids[user], 0o600)}, user)
        with mail.session() as session:
            answers = session.deliver(["root@virt.test", "mail@virt.test", "a@virt.test"], TEXT)
        equal([a[:9] for a in answers], ["451 4.2.0", "451 4.2.0", "250 2.0.0"], "of root and of the mail system")
        mail.mta.wait_log("uid 0 is below imap_minimum_uid")
        check(not files(mail, "root") and not files(mail, "mail"), "nothing for them")


def test_nothing_answered_is_lost_when_processes_are_killed():
    with instance(users=[f"k{i}" for i in range(4)], rules={}) as mail:
        saved, stop = [], threading.Event()

        def deliver(number):
            count = 0
            while not stop.is_set():
                with contextlib.suppress(OSError, AssertionError):
                    with mail.session() as session:
                        while not stop.is_set():
                            count += 1
                            to = [f"k{(number + count) % 4}@virt.test", f"k{(number + count + 1) % 4}@virt.test"]
                            answers = session.deliver(to, f"Subject: {number}.{count}\r\n\r\n{'x' * 3000}\r\n")
                            saved.extend((t, f"{number}.{count}") for t, a in zip(to, answers) if a.startswith("250"))
        threads = [threading.Thread(target=deliver, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for step in range(12):
            time.sleep(0.3)
            for pid in list(processes(mail))[step % 3::3 if step % 2 else 1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        found = {(f"k{i}@virt.test", re.search(rb"Subject: (.*)", p.read_bytes())[1].decode()) for i in range(4) for p in files(mail, f"k{i}")}
        check(len(saved) > 50, f"only {len(saved)} deliveries")
        equal([entry for entry in saved if entry not in found], [], "answered and not there")
        for i in range(4):
            for path in files(mail, f"k{i}"):
                equal(path.read_bytes()[-10:], b"xxxxxxxxx\n", "a whole message")
        with mail.session() as session:
            check(session.deliver("k0@virt.test")[0].startswith("250"), "it goes on")


def test_auth_away_and_slow():
    with instance("auth_failure_delay = 0\n") as mail:
        with mail.session() as session:
            check(session.deliver("u1@virt.test")[0].startswith("250"), "first")
            pids = mail.mta.processes("auth")
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            began = time.monotonic()
            threading.Timer(1, lambda: [os.kill(pid, signal.SIGCONT) for pid in pids]).start()
            session.send("RCPT TO:<u1@virt.test>")
            with mail.session() as other:
                check(other("LHLO c.test").startswith("250"), "another session is served meanwhile")
            equal(session.reply(), "250 2.1.5 OK", "when it is back")
            check(0.5 < time.monotonic() - began < 20, "at once")
            (mail.mta.conf / "users").rename(mail.mta.conf / "users.away")
            time.sleep(1.1)
            session("RSET")
            session("MAIL FROM:<a@b.test>")
            equal(session("RCPT TO:<other@virt.test>"), "451 4.3.0 <other@virt.test> Temporary internal error", "who knows whether he exists")
            check(session("RCPT TO:<u2@virt.test>").startswith("250"), "one who was read before")
            (mail.mta.conf / "users.away").rename(mail.mta.conf / "users")
        (mail.mta.queue / "private/auth").rename(mail.mta.queue / "private/auth.away")
        for pid in mail.mta.processes("auth"):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
        with mail.session() as session:
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            equal(session("RCPT TO:<u1@virt.test>"), "451 4.3.0 <u1@virt.test> Temporary internal error", "without auth")
        (mail.mta.queue / "private/auth.away").rename(mail.mta.queue / "private/auth")


def test_full_disk():
    room().require_private("mounts")
    with instance(rules={}) as mail:
        uid, gid = mail.mta.vmail_ids()
        home = mail.mail / "u1"
        home.mkdir(exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=200k,mode=700,uid={uid},gid={gid}", "none", home]).returncode:
            raise Skip("no mounts")
        try:
            with mail.session() as session:
                check(session.deliver("u1@virt.test")[0].startswith("250"), "it fits")
                answers = session.deliver(["u2@virt.test", "u1@virt.test"], "Subject: big\r\n\r\n" + "y" * 300000 + "\r\n")
                equal([a[:30] for a in answers], [answers[0][:30], "452 4.3.1 <u1@virt.test> Not e"], "replies")
                check(answers[0].startswith("250"), answers)
            equal((len(files(mail, "u1")), files(mail, "u1", "tmp"), len(files(mail, "u2"))), (1, [], 1), "what is there")
        finally:
            subprocess.run(["umount", home], check=True)


def test_large_messages_and_limits():
    with instance("message_size_limit = 3000000\n", rules={}) as mail:
        with mail.session() as session:
            check("250-SIZE 3000000" in session("LHLO c.test"), "SIZE")
            equal(session("MAIL FROM:<a@b.test> SIZE=3000001"), "552 5.3.4 Message size exceeds fixed limit", "announced")
            line = "x" * 98 + "\r\n"
            check(session.deliver(["u1@virt.test", "u2@virt.test"], "Subject: large\r\n\r\n" + line * 25000)[1].startswith("250"), "a large one")
            equal(session.deliver(["u1@virt.test", "u2@virt.test"], "Subject: larger\r\n\r\n" + line * 31000)[1],
                  "552 5.3.4 <u2@virt.test> Message size exceeds fixed limit", "one too large")
            check(session.deliver("u1@virt.test")[0].startswith("250"), "the next")
        large = max(files(mail, "u1"), key=lambda p: p.stat().st_size)
        check(large.read_bytes().endswith(b"x" * 98 + b"\n") and large.stat().st_size > 2400000, "all of it")
        equal(len(files(mail, "u1")), 2, "messages")
        with mail.session() as session:
            equal(session("X" * 10000), "500 5.5.2 Line too long", "an endless line")


def test_recipients_without_number():
    with instance("smtpd_recipient_limit = 50\n", rules={}) as mail, mail.session() as session:
        session("LHLO c.test")
        session("MAIL FROM:<a@b.test>")
        answers = [session("RCPT TO:<u1@virt.test>") for _ in range(51)]
        equal(answers[50], "452 4.5.3 Too many recipients", "the last")
        session("DATA")
        session.send(TEXT + ".")
        check(all(session.reply().startswith("250") for _ in range(50)), "all of them")
        equal(len(files(mail, "u1")), 1, "one copy")


def test_refused_recipients_and_nonsense():
    with instance(rules={}) as mail, mail.session() as session:
        session("LHLO c.test")
        for number in range(5):
            session("MAIL FROM:<a@b.test>")
            for each in range(40):
                check(session(f"RCPT TO:<no{each}@virt.test>").startswith("550 5.1.1"), "unknown")
            check(session("DATA").startswith("503"), "nobody is left")
            session("RSET")
        check(session.deliver("u1@virt.test")[0].startswith("250"), "the session goes on")
        answers = [session("FOO") for _ in range(21)]
        equal((answers[19], answers[20]), ("500 5.5.1 Unknown command", "500 5.5.1 Unknown command"), "nonsense")
        equal(session.reply(), "421 4.7.0 Too many errors", "the end")


def test_starttls():
    with instance(f"smtpd_tls_chain_files = {certificates()}/mx.key, {certificates()}/mx.pem\n", rules={}) as mail:
        with smtplib.LMTP(mail.address, PORT) as client:
            client.ehlo_or_helo_if_needed()
            check(client.has_extn("starttls"), "offered")
            context = ssl.create_default_context(cafile=str(certificates() / "ca.pem"))
            context.check_hostname = False
            client.docmd("STARTTLS")
            client.sock = context.wrap_socket(client.sock)
            client.file = client.ehlo_resp = client.helo_resp = None
            client.sendmail("a@b.test", ["u1@virt.test"], "Subject: s\n\nx\n")
        check(b" with LMTPS\n" in files(mail, "u1")[0].read_bytes(), "Received")
        sock = socket.create_connection((mail.address, PORT), 10)
        sock.sendall(b"LHLO x\r\nSTARTTLS\r\nMAIL FROM:<injected@b.test>\r\n")
        received = b""
        while b"220 2.0.0 " not in received:
            received += sock.recv(1000)
        tls = context.wrap_socket(sock)
        tls.sendall(b"RCPT TO:<u1@virt.test>\r\n")
        check(tls.recv(1000).startswith(b"503"), "what came before the handshake is forgotten")
        tls.close()


def test_utf8_addresses():
    with instance(users=["ü"], rules={}) as mail, mail.session() as session:
        check("SMTPUTF8" in session("LHLO c.test"), "offered")
        session("MAIL FROM:<ä@b.test> SMTPUTF8")
        equal(session("RCPT TO:<ü@virt.test>"), "250 2.1.5 OK", "RCPT")
        session("DATA")
        session.send(TEXT + ".")
        check(session.reply().startswith("250 2.0.0 <ü@virt.test> "), "saved")
        check("with UTF8LMTP\n" in files(mail, "ü")[0].read_text() and "Return-Path: <ä@b.test>" in files(mail, "ü")[0].read_text(), "headers")


def test_who_may_not_log_in_and_who_does_not_exist():
    with instance("auth_userdb = {static:uid=@UID@ gid=@UID@ home=@VMAIL@/%n}\nauth_passdb = passwd-file:$config_directory/users\n", rules={}) as mail:
        uid, gid = mail.mta.vmail_ids()
        main = (mail.mta.conf / "main.cf").read_text().replace("@UID@", str(uid)).replace("@VMAIL@", str(mail.mail))
        (mail.mta.conf / "main.cf").write_text(main)
        (mail.mta.conf / "users").write_text(f"u1@virt.test:{{PLAIN}}{PASSWORD}:{uid}:{gid}::::\nu2@virt.test:{{PLAIN}}x:{uid}:{gid}::::nologin\n")
        mail.mta.reload()
        time.sleep(1.5)
        with mail.session() as session:
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            equal(session("RCPT TO:<nosuch@virt.test>")[:9], "550 5.1.1", "nobody, though the static database has everybody")
            answers = session.deliver(["u1@virt.test", "u2@virt.test"]) if session("RSET") else []
            check(all(a.startswith("250") for a in answers), answers)


def test_torn_maildirsize():
    with instance("quota_root_name = q\nquota_rules = *:storage=100K\n", rules={}) as mail, mail.session() as session:
        session.deliver("u1@virt.test")
        path = mail.mail / "u1/maildirsize"
        true = lambda: sum(p.stat().st_size for p in files(mail, "u1"))
        total = lambda: [sum(int(line.split()[i]) for line in path.read_text().splitlines()[1:]) for i in (0, 1)]
        for content in ("", "garbage", "102400S\n12", "102400S\nx y\n", "102400S\n-5 -5\n", "102400S\n9223372036854775807 1\n9223372036854775807 1\n",
                        "1S\n5 1\n", "102400S\n" + "1 1\n" * 3000, "\0\0\0\0"):
            path.write_text(content)
            check(session.deliver("u1@virt.test")[0].startswith("250"), f"after {content[:20]!r}")
            equal(total(), [true(), len(files(mail, "u1"))], f"the sum after {content[:20]!r}")
        path.write_text("102400S\n200000 1\n")
        os.utime(path, (1, 1))
        check(session.deliver("u1@virt.test")[0].startswith("250"), "an old file is not believed that says it is full")
        path.unlink()
        path.symlink_to("/etc/passwd")
        check(session.deliver("u1@virt.test")[0].startswith("250"), "a link")
        check(not path.is_symlink(), "replaced")


def test_warnings_are_run_as_the_owner():
    with instance("quota_root_name = q\nquota_rules = *:storage=10K\nquota_warnings = { storage=50% @SCRIPT@ 50 %u %n %d }\n", rules={}) as mail:
        script = mail.mail / "warn.sh"
        script.write_text(f"#!/bin/sh\n{{ id -u; echo \"$@\"; }} > {mail.mail}/warned\n")
        script.chmod(0o755)
        os.chmod(mail.mail, 0o777)
        main = (mail.mta.conf / "main.cf").read_text().replace("@SCRIPT@", str(script))
        (mail.mta.conf / "main.cf").write_text(main)
        mail.mta.reload()
        time.sleep(1)
        with mail.session() as session:
            session.deliver("u1@virt.test", "Subject: x\r\n\r\n" + "y" * 3000 + "\r\n")
            time.sleep(0.3)
            check(not (mail.mail / "warned").exists(), "not yet")
            session.deliver("u1@virt.test", "Subject: x\r\n\r\n" + "y" * 3000 + "\r\n")
        wait_until(lambda: (mail.mail / "warned").exists() and (mail.mail / "warned").read_text().count("\n") == 2)
        equal((mail.mail / "warned").read_text(), f"{mail.mta.vmail_ids()[0]}\n50 u1@virt.test u1 virt.test\n", "what it was told")


def test_virtual_and_local_keep_maildirsize():
    mta = Instance("ours", main="home_mailbox = Maildir/\n").start()
    try:
        mta.mail("carol@example.test", ["u1@virt.test", "alice@example.test"], "Subject: 1\n\nx\n")
        mta.wait_log(r"status=sent", 2)
        places = (mta.vmail / "u1", room().home("alice") / "Maildir")
        for place in places:
            check(not (place / "maildirsize").exists(), "none is made")
            (place / "maildirsize").write_text("1000000S\n0 0\n")
            os.chown(place / "maildirsize", place.stat().st_uid, place.stat().st_gid)
        mta.mail("carol@example.test", ["u1@virt.test", "alice@example.test"], "Subject: 2\n\nxx\n")
        mta.wait_log(r"status=sent", 4)
        for place in places:
            newest = max((place / "new").iterdir(), key=lambda p: p.stat().st_mtime_ns)
            equal((place / "maildirsize").read_text(), f"1000000S\n0 0\n{newest.stat().st_size} 1\n", str(place))
    finally:
        mta.stop()


FIELDS = {"none": "", "own": "userdb_quota_rule=*:messages=1", "free": "userdb_quota_rule=*:bytes=0", "old": "userdb_quota=dirsize:storage=1",
          "second": "userdb_quota_rule2=*:messages=2", "broken": "userdb_quota_rule=nonsense"}


def test_rules_of_users():
    with instance("quota_root_name = q\nquota_rules = *:storage=20K\nquota_grace = 0\n", rules={}) as mail:
        uid, gid = mail.mta.vmail_ids()
        (mail.mta.conf / "users").write_text("".join(f"{user}@virt.test:x:{uid}:{gid}::{mail.mail}/{user}::{extra}\n" for user, extra in FIELDS.items()))
        time.sleep(1.1)

        def codes(user, size, count):
            with mail.session() as session:
                return " ".join(session.deliver(f"{user}@virt.test", "Subject: x\r\n\r\n" + "y" * size + "\r\n")[0][:3] for _ in range(count))
        equal(codes("none", 12000, 2), "250 552", "the limit of all")
        equal(codes("own", 100, 2), "250 552", "one of his own in its place")
        equal(codes("own", 30000, 1), "552", "one of his own")
        equal(codes("free", 12000, 3), "250 250 250", "no limit")
        equal(codes("old", 600, 2), "250 552", "the field of Dovecot 1.0")
        equal(codes("second", 100, 3), "250 250 552", "a second rule")
        equal(codes("broken", 100, 1), "451", "one that is none")
        mail.mta.wait_log('quota rule "nonsense": no limits in it')


def test_an_mbox_file():
    """Lines like those between messages are quoted as local(8) quotes them, in the header as well: a sender can make no second message.  The fields of
    mailbox servers do not come from outside."""
    sent = b"Subject: x\r\nX-UID: 900\r\nX-IMAPbase: 1 900\r\nStatus: RO\r\nX-One: 1\r\nFrom evil@x.test  Mon Nov  6 10:00:00 2023\r\nSubject: forged\r\n\r\n" \
           b"From evil@x.test  Mon Nov  6 10:00:00 2023\r\nSubject: forged too\r\n\r\nend\r\n"
    with instance("imap_mail_location = mbox:~/mail:INBOX=~/spool\n") as mail:
        with smtplib.LMTP(mail.address, PORT) as client:
            for _ in range(2):
                equal(client.sendmail("a@b.test", ["u1@virt.test"], sent), {}, "a message")
        (spool,) = mail.mta.root.rglob("spool")
        text = spool.read_bytes()
        equal(len(re.findall(rb"(?m)^From ", text)), 2, f"messages in {text}")
        equal(len(re.findall(rb"(?m)^>From evil", text)), 4, "quoted lines")
        check(not re.search(rb"X-UID|X-IMAP|Status", text), text)
