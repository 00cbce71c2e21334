"""Bad input of every kind: a clear answer, no crash, nothing lost.  Runs on ours alone."""
import os
import pathlib
import socket
import time

from support import bound, check, equal, need_suite
from support.carry import system
from support.instance import SMTP, Instance
from support.room import room
from support.smtp_client import SmtpClient

TEXT = "Subject: bad input\n\nhello\n"
_system = None


def mta():
    """One system for all tests of this file."""
    global _system
    if _system is None:
        need_suite()
        _system = system("ours", main="message_size_limit = 1000000\n")
    _system.mark()
    return _system


def still_works(system):
    """Mail goes through, and no daemon died on the way here."""
    system.empty_mailboxes()
    system.mail("carol@remote.test", ["u1@virt.test", "alice@example.test"], TEXT)
    system.settle()
    equal(len(system.virtual("u1")), 1, "messages in u1 afterwards")
    equal(len(system.local_mail("alice")), 1, "messages of alice afterwards")
    system.check_sane()


def complete_queue_file(system):
    """The bytes of a good queue file, taken from a deferred message."""
    system.sendmail("-f", "carol@example.test", "y@later.test", input=TEXT)
    system.wait_log("status=deferred")
    system.settle()
    path = system.queue_files("deferred")[0]
    data, owner = path.read_bytes(), path.stat()
    system.run("postsuper", "-d", "ALL", record=False)
    return data, owner


def put_queue_file(system, data, owner, name):
    path = system.queue / "incoming" / name
    path.write_bytes(data)
    path.chmod(0o700)
    os.chown(path, owner.st_uid, owner.st_gid)
    past = time.time() - 100
    os.utime(path, (past, past))


def test_torn_queue_files():
    system = mta()
    data, owner = complete_queue_file(system)
    for number, torn in enumerate((data[:len(data) // 2], data[:20], b"", b"\xff" * 200, data[:-3] + b"\xff\xff\xff",
                                   b"C\x80\x80\x80\x80\x80\x01x" + data)):
        put_queue_file(system, torn, owner, f"ABCDE{number}F0123")
    system.run("postqueue", "-f")
    end = time.monotonic() + 15
    while system.queue_files("incoming", "active") and time.monotonic() < end:
        time.sleep(0.1)
    left = system.queue_files("incoming", "active", "deferred")
    check(not left, lambda: f"torn files are set aside, not left in the way: {left}\n{system.log_text()}")
    system.wait_log("corrupt")
    for path in system.queue_files("corrupt"):
        path.unlink()
    still_works(system)


def test_torn_maildrop_file():
    system = mta()
    for number, data in enumerate((b"", b"garbage", b"T\x10" + b"x" * 30)):
        path = system.queue / "maildrop" / f"ABCDE{number}F0456"
        path.write_bytes(data)
        path.chmod(0o744)
        os.chown(path, system.queue.joinpath("maildrop").stat().st_uid, system.queue.joinpath("maildrop").stat().st_gid)
    system.must_run("sendmail", "-f", "carol@example.test", "u2@virt.test", input=TEXT)
    system.wait_log(r"to=<u2@virt.test>.*status=sent")
    for path in system.queue_files("maildrop", "corrupt"):
        path.unlink()
    still_works(system)


GARBAGE = (b"\xff" * 300, b"request\0\0\0\0", b"\0" * 5000, b"a\0" * 100000, b"size\0" + b"9" * 400 + b"\0\0",
           b"protocol\0no_such\0\0", os.urandom(20000))


def test_garbage_to_every_internal_service():
    system = mta()
    sockets = [p for folder in ("private", "public") for p in (system.queue / folder).iterdir() if p.is_socket()]
    check(len(sockets) > 15, f"sockets: {sockets}")
    for path in sockets:
        for garbage in GARBAGE:
            kind = socket.SOCK_DGRAM if path.name == "postlog" else socket.SOCK_STREAM
            client = socket.socket(socket.AF_UNIX, kind)
            client.settimeout(2)
            try:
                client.connect(str(path))
                client.send(garbage[:60000] if kind == socket.SOCK_DGRAM else garbage)
                client.shutdown(socket.SHUT_WR)
                client.recv(100)
            except OSError:
                pass
            client.close()
    still_works(system)


def memory_of(system, daemon):
    total = 0
    for pid in system.processes(daemon):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        total += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))
    return total // 1024


def send_endless(system, before, unit, megabytes):
    """Sends so many megabytes after some commands; the replies that come back."""
    with system.smtp(timeout=30) as session:
        session.talk(*before)
        chunk = unit * (1 << 20)
        try:
            for _ in range(megabytes):
                session.socket.sendall(chunk)
            session.socket.sendall(b"\r\n.\r\n")
        except OSError:
            pass
        try:
            return session.read()
        except (AssertionError, OSError):
            return None


@bound(120)
def test_command_line_of_100_megabytes():
    system = mta()
    send_endless(system, ["EHLO x.test"], b"x", 100)
    check(memory_of(system, "smtpd") < 100, f"smtpd uses {memory_of(system, 'smtpd')} MB")
    still_works(system)


@bound(120)
def test_message_line_of_100_megabytes():
    system = mta()
    reply = send_endless(system, ["EHLO x.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "DATA"], b"y", 100)
    check(reply is None or reply.code in ("552", "EOF"), f"answer: {reply}")
    check(memory_of(system, "smtpd") < 100, f"smtpd uses {memory_of(system, 'smtpd')} MB")
    check(memory_of(system, "cleanup") < 100, f"cleanup uses {memory_of(system, 'cleanup')} MB")
    still_works(system)


def test_nul_bytes_in_commands_and_message():
    system = mta()
    system.empty_mailboxes()
    with system.smtp() as session:
        session.send(b"EHLO x.test\r\n\0\0NOOP\r\nMAIL FROM:<a\0b@c.test>\r\n")
        replies = [session.read() for _ in range(3)]
        check(replies[1].code.startswith("5") and replies[2].code.startswith("5"), f"refused: {list(map(str, replies))}")
    with system.smtp() as session:
        session.mail("a@b.test", "u2@virt.test", b"Subject: n\0ul\n\nbody \0 end\n")
    system.settle()
    equal(len(system.virtual("u2")), 1, "delivered")
    still_works(system)


def test_a_thousand_recipients_and_a_long_reverse_path():
    system = mta()
    with system.smtp(client=100) as session:
        session.talk("EHLO x.test", "MAIL FROM:<" + "a" * 64 + "@b.test>")
        codes = {session.command(f"RCPT TO:<u1+{n}@virt.test>").code for n in range(1005)}
        check(codes == {"250", "452"}, f"limits, not failures: {codes}")
    still_works(system)


# -- configuration ------------------------------------------------------------------------------


def start_fails(instance):
    """What master or a command says when the configuration can't be used."""
    try:
        instance.start(seconds=20)
    except AssertionError as said:
        return str(said)
    raise AssertionError(f"it started: {instance.log_text()}")


def test_typo_in_master_cf():
    need_suite()
    for line, culprit in (("broken inet n - n -", "missing"), ("wrong unix n - x - - smtpd", "x"),
                          ("odd tcp n - n - - smtpd", "tcp")):
        instance = Instance("ours", master=line + "\n")
        said = start_fails(instance) + instance.log_text()
        check("master.cf" in said and culprit in said and "line" in said, f"names file, line and word: {said}")
        instance.destroy()


def test_unusable_parameter_values():
    """The start fails, or the daemon that uses the parameter does: the text names it and the value."""
    need_suite()
    values = [("queue_run_delay", "soon"), ("message_size_limit", "lots"), ("soft_bounce", "perhaps"),
              ("default_process_limit", "-1")]
    if room().private:  # who is not root runs everything as himself, whatever mail_owner is
        values.append(("mail_owner", "nosuchaccount"))
    for name, value in values:
        instance = Instance("ours", main=f"{name} = {value}\n")
        try:
            instance.start(seconds=20)
            with SmtpClient(instance.address, SMTP, timeout=0.5) as session:
                session.talk("EHLO c.test", "MAIL FROM:<a@b.test>")
        except (AssertionError, OSError) as error:
            said = str(error) + instance.run("postfix", "check", record=False).stderr
        else:
            said = ""
        if not (name in said and value in said):
            instance.wait_log(f"fatal: .*{name}.*{value}", seconds=5)
        instance.destroy()


def test_missing_configuration():
    need_suite()
    instance = Instance("ours")
    (instance.conf / "main.cf").unlink()
    for command in (("postqueue", "-p"), ("postconf", "-n"), ("postmap", "-q", "x", "static:y")):
        output = instance.run(*command)
        check(output.status and "main.cf" in output.stderr, f"{command}: {output}")
    instance.destroy()


def test_table_that_is_no_database():
    need_suite()
    instance = Instance("ours", main="local_recipient_maps = hash:@CONF@/junk\n")
    (instance.conf / "junk.db").write_bytes(b"no database at all\n" * 1000)
    instance.start()
    with instance.smtp() as session:
        replies = session.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "RCPT TO:<u1@virt.test>")
        equal([r.code for r in replies], ["250", "250", "451", "250"], "codes")
    instance.wait_log("junk")
    instance.check_sane()
    instance.destroy()
