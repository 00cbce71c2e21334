"""smtpd where it must be better than Postfix 3.7, or differs by intention; and under attack."""
import base64
import os
import signal
import socket
import struct
import time

from support import check, equal, need_program
from support.auth_server import AuthServer
from support.compare import mix_of, ours
from support.instance import Instance

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"


def started(main=""):
    need_program("smtpd")
    kind, swap = mix_of(ours())
    return Instance(kind, swap, main=main).start()


def begin(session):
    session.talk(HELLO, FROM, TO, "DATA")


def test_only_crlf_dot_crlf_ends_the_data():
    """SMTP smuggling: what stands behind a false end is content, not commands."""
    mta = started("smtpd_forbid_bare_newline = normalize")
    for number, false_end in enumerate((b"\n.\r\n", b"\r\n.\n", b"\n.\n", b"\r\n.\r\r\n", b"\r.\r\n")):
        with mta.smtp() as s:
            begin(s)
            s.send(b"Subject: one\r\n\r\nbody" + false_end + b"MAIL FROM:<evil@remote.test>\r\n.\r\n")
            equal(s.read().code, "250", f"end of data {number}")
            equal(s.command("QUIT").code, "221", f"nothing was taken for commands, {number}")
    mta.settle()
    got = mta.virtual("u1")
    equal(len(got), 5, "messages")
    check(all(b"MAIL FROM:<evil@remote.test>" in message for message in got), "all of it is content")
    mta.check_sane()


def test_bare_newlines_are_refused_where_main_cf_says_so():
    mta = started("smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =")
    with mta.smtp() as s:
        begin(s)
        s.send(b"Subject: one\r\n\r\nbare\nnewline\r\n.\r\n")
        reply = s.read()
        equal(str(reply), "550 5.5.2 mx.example.test Error: bare <LF> received", "reply")
    with mta.smtp() as s:
        s.send(b"EHLO client.test\n")
        equal(s.read().code, "550", "a command")
    mta.check_sane()


def test_input_before_its_time_ends_the_session():
    mta = started("smtpd_forbid_unauth_pipelining = yes")
    with mta.smtp() as s:
        s.send("EHLO client.test\r\nMAIL FROM:<a@b.test>\r\n")
        equal(str(s.read()), "554 5.5.0 Error: SMTP protocol synchronization", "reply")
    mta.wait_log("improper command pipelining after EHLO")


def test_hostile_lines():
    mta = started()
    with mta.smtp() as s:
        s.send(b"NOOP " + b"x" * (10 << 20) + b"\r\n", "a line of 10 MB")
        equal(s.read().code, "250", "a long line is cut")
        s.send(b"NO\0OP\r\n")
        equal(s.read().code, "500", "NUL in a verb")
        s.send(b"MAIL FROM:<a\0b@c.test>\r\n")
        s.read()
        s.send(b"RSET\r\n")
        s.read()
        begin(s)
        s.send(b"Subject: x\r\n\r\n" + b"y" * 100000 + b"\0\r\n.\r\n", "a line of 100 KB with NUL")
        equal(s.read().code, "250", "content")
        equal(s.command("QUIT").code, "221", "QUIT")
    mta.settle()
    mta.check_sane()


def test_many_sessions_in_one_process():
    mta = started("smtpd_client_connection_count_limit = 0\ndefault_process_limit = 400")
    idle = []
    for _ in range(300):
        connection = socket.create_connection((mta.address, 2525), timeout=20)
        connection.recv(1000)
        connection.sendall(b"EHLO idle.test\r\n")
        idle.append(connection)
    for connection in idle:
        check(connection.recv(1000).startswith(b"250"), "EHLO")
    check(len(mta.processes("smtpd")) <= 8, f"processes: {mta.processes('smtpd')}")
    mta.mail("carol@remote.test", "u1@virt.test")
    for connection in idle:
        connection.close()
    mta.settle()
    equal(len(mta.virtual("u1")), 1, "mail flows beside them")
    mta.check_sane()


def test_replies_of_a_burst_come_in_one_packet():
    mta = started()
    with mta.smtp() as s:
        s.command(HELLO)
        start = time.monotonic()
        s.send(f"{FROM}\r\n{TO}\r\nRCPT TO:<u2@virt.test>\r\nRSET\r\n")
        s.socket.settimeout(10)
        got = b""
        reads = 0
        while got.count(b"\r\n") < 4:
            got += s.socket.recv(65536)
            reads += 1
        check(reads <= 2, f"{reads} packets for one burst")
        check(time.monotonic() - start < 5, "at once")


def test_help():
    mta = started()
    with mta.smtp() as s:
        check(str(s.command("HELP")).startswith("214 2.0.0 Commands: AUTH BDAT DATA EHLO"), "HELP is answered")
    mta.wait_log("disconnect from .* help=1")



def test_a_client_that_is_gone_at_once_is_a_stranger():
    mta = started()
    with mta.smtp() as s:
        s.command(HELLO)
    (pid,) = mta.processes("smtpd")
    os.kill(pid, signal.SIGSTOP)
    with socket.create_connection((mta.address, 2525), source_address=(mta.room.address(128), 0)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.kill(pid, signal.SIGCONT)
    mta.wait_log(r"smtpd.* connect from unknown\[unknown\]")
    mta.wait_log(r"lost connection after CONNECT from unknown\[unknown\]")
    mta.check_sane()


def test_temporary_answers_of_the_auth_server():
    """Postfix 3.7 makes a permanent failure of them, with the line that fail2ban counts as a wrong password."""
    mta = started("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = @CONF@/auth.sock\n")
    why = {"wait": "FAIL\t{n}\tuser=wait\ttemp\treason=the database is away"}
    with AuthServer(mta.conf / "auth.sock", {}, why), mta.smtp() as s:
        s.command(HELLO)
        answer = s.command("AUTH PLAIN " + base64.b64encode(b"\0wait\0x").decode())
        check("454 4.7.0 Temporary authentication failure: the database is away" in str(answer), f"temporary: {answer}")
        s.command("QUIT")
    mta.wait_log(r"SASL PLAIN authentication failed temporarily: the database is away, sasl_username=wait")


def test_auth_server_that_never_was():
    """Postfix's smtpd ends, and clients that were connected see their connection go; here they are told to come again."""
    mta = started("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:1\n")
    with mta.smtp() as s:
        s.command(HELLO)
        equal(s.command("AUTH PLAIN AHgAeA==").code, "454", "AUTH")
        equal(s.command("NOOP").code, "250", "the session goes on")
    mta.wait_log("warning: SASL: Connect to Dovecot auth socket 'inet:127.0.0.1:1' failed: Connection refused")


def test_nothing_is_smuggled_by_default():
    """39 ends of data that are none: what is behind them stays content, whatever the level of compatibility."""
    befores = (b"\r\n", b"\n", b"\r", b"\r\n\0", b"\0\r\n", b"\r\r\n")
    afters = (b"\r\n", b"\n", b"\r", b"\0\r\n", b"\r\0\n", b"\r\r\n")
    ends = [before + b"." + after for before in befores for after in afters if b"\r\n.\r\n" not in before + b"." + after]
    ends += [b"\r\n..\r\n", b"\n..\n", b"\r\n. \r\n", b"\r\n.\x0b\r\n", b"\r\n.\t\r\n", b"\r\n.\r \n"]
    equal(len(ends), 39, "variants")
    for level in ("2", "3.6"):
        mta = Instance(main=f"compatibility_level = {level}\n", drop=("smtpd_forbid_bare_newline", "smtpd_forbid_unauth_pipelining")).start()
        for end in ends:
            with mta.smtp() as s:
                begin(s)
                s.send(b"Subject: one\r\n\r\nbody" + end + b"MAIL FROM:<evil@remote.test>\r\nRCPT TO:<u2@virt.test>\r\n.\r\n")
                equal(s.read().code, "250", f"level {level}: {end!r}")
                equal(s.command("QUIT").code, "221", f"level {level}: {end!r}")
        mta.settle()
        equal((len(mta.virtual("u1")), len(mta.virtual("u2"))), (39, 0), "messages")
        mta.stop()


def test_a_deadline_for_content_that_trickles():
    mta = started("smtpd_per_request_deadline = yes\nsmtpd_timeout = 2s\nsmtpd_discard_ehlo_keywords =\n")
    for command, reply in (("DATA", "354"), ("BDAT 1000000", None)):
        with mta.smtp() as s:
            s.talk(HELLO, FROM, TO)
            s.send(command + "\r\n")
            if reply:
                equal(s.read().code, reply, command)
            begun = time.monotonic()
            try:
                while time.monotonic() < begun + 10:
                    s.socket.sendall(b"x")
                    time.sleep(0.2)
            except OSError:
                pass
            check(1.5 < time.monotonic() - begun < 6, f"{command}: {time.monotonic() - begun}")
    mta.check_sane()


def test_a_restriction_class_that_names_itself():
    mta = started("smtpd_restriction_classes = loop, other\nloop = warn_if_reject loop, warn_if_reject other, loop\nother = loop, loop, other\n"
                  "smtpd_client_restrictions = loop\nsmtpd_recipient_restrictions = other, reject_unauth_destination")
    with mta.smtp() as s:
        s.talk(HELLO, FROM)
        equal(str(s.command(TO)), "451 4.3.5 Server configuration error", "reply")
        equal(s.command("QUIT").code, "221", "the session goes on")
    mta.wait_log("warning: smtpd restrictions nest more than 100 levels deep")
    mta.check_sane()
