"""Where Postfix itself is weak, ours is not: one test for each weakness that was seen in runs."""
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import time

from support import Skip, bound, check, equal, need_strace, need_suite
from support.carry import system
from support.instance import SMTP, Instance
from support.queuefile import records
from support.room import room
from support.sink import SmtpSink
from support.smtp_client import SmtpClient

TEXT = "Subject: weak\n\nhello\n"


def test_killed_postlogd_does_not_stop_the_mail():
    need_suite()
    mta = system("ours")
    for round_number in range(3):
        for pid in mta.processes("postlogd"):
            os.kill(pid, signal.SIGKILL)
        for number in range(30):
            mta.mail("a@b.test", "u1@virt.test", TEXT)
    mta.settle()
    equal(len(mta.virtual("u1")), 90, "messages delivered")
    mta.mark()
    mta.mail("a@b.test", "u1@virt.test", TEXT)
    mta.wait_log("status=sent")
    mta.destroy()


def test_leftover_temporary_file_does_not_stop_the_start():
    need_suite()
    mta = Instance("ours")
    for name in ("12345.678", "999.1"):
        path = mta.queue / "incoming" / name
        path.write_bytes(b"half a queue file")
        path.chmod(0o600)
        shutil.chown(path, mta.owner)
        os.utime(path, (time.time() - 900000, time.time() - 900000))
    mta.must_run("postalias", f"hash:{mta.conf}/aliases")
    mta.must_run("postfix", "start")
    mta.mail("a@b.test", "u1@virt.test", TEXT)
    mta.settle()
    mta.must_run("postfix", "stop")
    mta.must_run("postfix", "start")
    mta.must_run("postfix", "stop")
    mta.destroy()


def certificate(folder):
    if not shutil.which("openssl"):
        raise Skip("no openssl here")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mx.example.test",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return f"smtpd_tls_cert_file = {folder}/cert.pem\nsmtpd_tls_key_file = {folder}/key.pem\nsmtpd_tls_security_level = may\n"


def test_tls_sessions_are_not_stalled():
    """The first reply inside TLS 1.3 came 40 ms late: small packets waited for an acknowledgement."""
    need_suite()
    from support.room import room
    mta = system("ours", main=certificate(room().scratch))
    waits = []
    for _ in range(7):
        with mta.smtp() as session:
            session.talk("EHLO c.test", "STARTTLS")
            session.wrap()
            equal(session.socket.version(), "TLSv1.3", "version")
            start = time.monotonic()
            session.command("EHLO c.test")
            waits.append(time.monotonic() - start)
    check(statistics.median(waits) < 0.030, f"first reply inside TLS after {waits} s")
    mta.destroy()


SMUGGLED = ("MAIL FROM:<evil@b.test>", "RCPT TO:<u2@virt.test>", "DATA", "Subject: smuggled", "", "gotcha")


@bound(120)
def test_smuggled_messages_stay_inside():
    """A message end that is not CR LF dot CR LF must not end a message."""
    need_suite()
    mta = Instance("ours", drop=("smtpd_forbid_bare_newline",)).start()
    smuggled = "\r\n".join(SMUGGLED) + "\r\n.\r\n"
    for end in ("\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n.\r", "\r\n\0.\r\n"):
        mta.empty_mailboxes()
        with mta.smtp() as session:
            session.talk("EHLO c.test", "MAIL FROM:<good@b.test>", "RCPT TO:<u1@virt.test>", "DATA")
            session.send("Subject: outer\r\n\r\ntext" + end + smuggled)
            session.read()
            session.command("QUIT")
        mta.settle()
        equal(len(mta.virtual("u2")), 0, f"smuggled messages after {end!r}")
    mta.destroy()


@bound(120)
def test_idle_sessions_share_processes_and_memory():
    need_suite()
    mta = system("ours", main="default_process_limit = 700\nsmtpd_client_connection_count_limit = 0\n")
    with mta.smtp(client=100) as session:
        session.command("EHLO c.test")

    def memory():
        total = 0
        for pid in mta.processes():
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        return total

    before = memory()
    sessions = [SmtpClient(mta.address, SMTP, mta.room.address(100)) for _ in range(500)]
    for session in sessions:
        session.send("EHLO c.test\r\n")
    for session in sessions:
        session.read()
    grown = (memory() - before) / len(sessions)
    processes = len(mta.processes("smtpd"))
    for session in sessions:
        session.close()
    check(grown < 34, f"{grown:.1f} KB for each idle session: a fiftieth of Postfix's is 34")
    check(processes <= 16, f"{processes} smtpd processes for 500 sessions")
    mta.check_sane()
    mta.destroy()


def test_an_included_list_is_read_with_the_rights_of_the_file_that_was_read():
    """Bob, to whom the list's folder belongs, puts his own file in the place of Alice's between the look at
    its owner and the reading."""
    need_suite()
    room().require_private("files of several users")
    need_strace()
    mta = Instance("ours", aliases="warm: u1@virt.test\nlist: :include:@ROOT@/bobs/list\n",
                   main="allow_mail_to_commands = alias, forward, include\n").start()
    folder = mta.root / "bobs"
    folder.mkdir()
    out = mta.root / "out"
    out.mkdir()
    out.chmod(0o777)
    for user in ("alice", "bob"):
        (folder / user).write_text(f'"|id -un >{out}/who"\n' if user == "bob" else "u1@virt.test\n")
        shutil.chown(folder / user, user)
    (folder / "list").symlink_to("alice")
    mta.mail("a@b.test", "warm@example.test", TEXT)
    mta.settle()
    (pid,) = mta.processes("local")
    slow = subprocess.Popen(["strace", "-p", str(pid), "-o", mta.root / "trace", "-P", folder / "list",
                             "-e", "inject=openat:delay_enter=2000000"], stderr=subprocess.DEVNULL)
    time.sleep(1)
    mta.mail("a@b.test", "list@example.test", TEXT)
    time.sleep(1)
    (folder / "next").symlink_to("bob")
    (folder / "next").rename(folder / "list")
    mta.wait_log(r"to=<list@example.test>.*status=")
    slow.terminate()
    slow.wait()
    equal((out / "who").read_text().strip() if (out / "who").exists() else "nobody", "bob", "whose rights")
    mta.destroy()


def test_an_alias_table_gives_the_rights_of_the_file_that_is_open():
    """Bob, to whom a table belongs, puts a link to a file of Alice's in its place, while the table is open."""
    need_suite()
    room().require_private("tables of several users")
    mta = Instance("ours", main="alias_maps = hash:@CONF@/aliases, hash:@ROOT@/bobs/aliases\n")
    folder = mta.root / "bobs"
    folder.mkdir()
    out = mta.root / "out"
    out.mkdir()
    out.chmod(0o777)
    for user in ("alice", "bob"):
        (folder / user).write_text(f'who: "|id -un >>{out}/who"\n')
        mta.must_run("postalias", f"hash:{folder}/{user}")
        shutil.chown(folder / f"{user}.db", user)
    (folder / "bob.db").rename(folder / "aliases.db")
    mta.start()
    mta.mail("a@b.test", "who@example.test", TEXT)
    mta.settle()
    (folder / "aliases.db").rename(folder / "bob.db")
    (folder / "aliases.db").symlink_to("alice.db")
    mta.mail("a@b.test", "who@example.test", TEXT)
    mta.settle()
    check(mta.processes("local"), "it still runs")
    equal((out / "who").read_text().split(), ["bob", "bob"], "whose rights")
    mta.destroy()


def test_start_runs_no_shell():
    need_suite()
    need_strace()
    mta = Instance("ours")
    mta.must_run("postalias", f"hash:{mta.conf}/aliases")
    trace = mta.root / "trace"
    tracer = subprocess.Popen(["strace", "-f", "-e", "trace=execve", "-o", trace, mta.commands / "postfix", "start"],
                              env=mta.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(mta.running)
    mta.stop()
    tracer.wait(timeout=10)
    run = [line for line in trace.read_text(errors="replace").splitlines() if "execve(" in line and "= 0" in line]
    check(run and not any("/sh\"" in line or "/bash\"" in line for line in run), "programs started:\n" + "\n".join(run))


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not so after {seconds} s")
        time.sleep(0.02)


def test_log_lines_come_soon_though_the_reader_is_slow():
    """What the log's socket had no room for stayed in the sender until it had more to say."""
    need_suite()
    mta = Instance("ours", main="transport_maps = inline:{void.test=discard:}\nvirtual_alias_maps =\n"
                                "discard_destination_recipient_limit = 2000\nsmtpd_recipient_limit = 2000\n").start()
    with mta.smtp(client=100) as session:
        session.talk("EHLO c.test", "MAIL FROM:<carol@remote.test>")
        for first in range(0, 2000, 100):
            session.pipeline(*[f"RCPT TO:<u{n}@void.test>" for n in range(first, first + 100)])
        equal(session.data(TEXT).code, "250", "mail")
    mta.settle()
    mta.wait_log("status=sent", count=2000, seconds=10)
    mta.destroy()


def test_a_queue_file_cannot_speak_to_a_server():
    """Whoever submits mail may write any bytes into postdrop: none of them begin another command."""
    need_suite()
    mta = Instance("ours", main="relay_domains = far.test\nrelay_transport = smtp:[@NET@.31]:2525\n").start()
    sink = SmtpSink(room().address(31))
    end = "\r\nMAIL FROM:<other@far.test>\r\nX\n\0Y"
    message = records(("A", "rewrite_context=local"), ("S", f'"s{end}"@b.test'), ("A", f"envelope_id=e{end}"),
                      ("A", f"dsn_orig_rcpt=rfc822{end};y{end}"), ("R", f'"r{end}"@far.test'),
                      ("A", f"dsn_orig_rcpt=rfc822{end};y{end}"), ("R", "plain@far.test"),
                      ("M", ""), ("N", "Subject: x"), ("N", ""), ("N", f"z\r\n.{end}"), ("X", ""), ("E", ""))
    mta.must_run("postdrop", "-r", input=message.decode("latin-1"))
    sink.wait(1)
    mta.settle()
    for command in sink.commands:
        check(command.split()[0] in ("EHLO", "MAIL", "RCPT", "DATA", "QUIT", "RSET"), f"a command of ours: {command!r}")
        check(not any(c in command for c in "\r\n\0"), f"one line: {command!r}")
    equal(sum(command.startswith("MAIL") for command in sink.commands), len(sink.transactions), f"MAIL of each message: {sink.commands}")
    check(any("ORCPT=rfc822+0D+0AMAIL" in command for command in sink.commands), f"the type is quoted: {sink.commands}")
    check(not any(command.startswith("MAIL FROM:<other") for command in sink.commands), f"no other sender: {sink.commands}")
    sink.stop()
    mta.mail("sAB@b.test", "r@far.test", TEXT)
    mta.wait_log("status=deferred")
    mta.settle()
    for path in mta.queue_files("deferred"):  # what cleanup itself does not let through
        path.write_bytes(path.read_bytes().replace(b"sAB@", b"s\r\n@"))
    sink = SmtpSink(room().address(31))
    mta.must_run("postqueue", "-f")
    sink.wait(1)
    mta.settle()
    check(sink.transactions[0].mail.startswith("MAIL FROM:<\"s\\??\"@b.test>"), f"one command still: {sink.commands}")
    sink.stop()
    mta.destroy()
