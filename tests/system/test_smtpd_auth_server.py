"""Dovecot auth servers that are absent, or no auth servers: smtpd says so once, offers no AUTH, and goes on."""
import socket
import threading
import time

from support import check, equal, need_program
from support.auth_server import GREETING, AuthServer
from support.instance import Instance
from support.sasl import plain

HELLO = "EHLO client.test"
TAIL = b"SPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n"
MAIN = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\nauth_client_failure_limit = 0\n"
# What it says first, and what is said of it.
GREETINGS = {
    "major": (GREETING.replace(b"VERSION\t1\t1", b"VERSION\t2\t1"), "SASL: Protocol version mismatch (2 vs. 1)"),
    "master": (b"VERSION\t1\t1\nSPID\t17\n", "SASL: Connected to wrong auth socket (auth-master instead of auth-client)"),
    "none": (b"VERSION\t1\t1\n" + TAIL, "SASL: Connected to wrong auth socket (auth-master instead of auth-client)"),
    "long": (b"X" * 20000, "SASL: the auth server's greeting is too long"),
    "many": (b"VERSION\t1\t1\n" + b"MECH\tA\n" * 5000, "SASL: the auth server's greeting is too long"),
    "absent": (None, "SASL: Connect to Dovecot auth socket '@CONF@/absent' failed: No such file or directory"),
}
SLOW = {"short": b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\n", "http": b"HTTP/1.0 400 Bad Request\r\n\r\n", "silent": b""}


def started(names=(), main=""):
    need_program("smtpd")
    services = "".join(f"@ADDRESS@:{port} inet n - n - - smtpd -o smtpd_sasl_path=@CONF@/{name}\n" for port, name in enumerate(names, 2641))
    return Instance("ours", main=MAIN + main, master=services).start()


def warnings(mta, text):
    return [line.text for line in mta.log() if text in line.text]


def test_what_is_no_auth_server():
    mta = started(GREETINGS)
    for port, (name, (text, warning)) in enumerate(GREETINGS.items(), 2641):
        server = text and AuthServer(mta.conf / name, {"joe": "secret"}, greeting=text)
        with mta.smtp(port=port) as s:
            reply = "\n".join(s.command(HELLO).lines)
            check("AUTH" not in reply, lambda: f"{name}: {reply}")
            equal(s.command("NOOP").code, "250", name)
            said = [text for text in warnings(mta, warning.replace("@CONF@", str(mta.conf))) if f"etc/{name}" in text]
            equal(len(said), 1, f"{name}: warnings in {mta.log_text()}")
            equal(s.command("AUTH PLAIN " + plain("joe", "secret")).code, "454", name)
            if server:
                server.stop()
            with AuthServer(mta.conf / name, {"joe": "secret"}):
                equal(s.command("AUTH PLAIN " + plain("joe", "secret")).code, "235", f"{name}: when it is mended")
    mta.stop()


def test_servers_that_do_not_finish_their_greeting():
    """Each session that asks waits for the same attempt."""
    mta = started(SLOW)
    servers = [AuthServer(mta.conf / name, {}, greeting=text) for name, text in SLOW.items()]
    begin, replies = time.monotonic(), []

    def session(port):
        with mta.smtp(port=port) as s:
            replies.append(("AUTH" in "\n".join(s.command(HELLO).lines), s.command("QUIT").code))

    threads = [threading.Thread(target=session, args=(port,)) for port in range(2641, 2641 + len(SLOW)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(replies, [(False, "221")] * len(threads), "sessions")
    check(time.monotonic() - begin < 15, f"{time.monotonic() - begin:.1f} s")
    for server in servers:
        server.stop()
    mta.stop()


ANSWERS = {"long": "FAIL\t{n}\tuser=" + "x" * 20000, "noise": "\0\xff\t\t\n\nOK\nCONT\nFAIL\tx\nFAIL\t{n}\tuser=noise\treason=a\x01nb",
           "tab": "CONT\t{n}", "gone": ""}


def test_nonsense_in_the_middle():
    mta = started(main="smtpd_error_sleep_time = 0\n")
    with AuthServer(mta.queue / "private/auth", {"joe": "secret"}, ANSWERS), mta.smtp() as s:
        s.command(HELLO)
        for user, code in (("long", "454"), ("noise", "535"), ("gone", "454")):
            equal(s.command("AUTH PLAIN " + plain(user, "x")).code, code, user)
        equal(str(s.command("AUTH PLAIN " + plain("tab", "x"))), "334 ", "a challenge without text")
        equal(s.command("*").code, "501", "given up")
        check(all(32 <= ord(c) < 127 for line in mta.log() for c in line.text), "the log is printable")
        equal(s.command("AUTH PLAIN " + plain("joe", "secret")).code, "235", "the next")
        check(warnings(mta, "SASL: Protocol error: private/auth"), "a line that is too long")
    mta.stop()


def test_a_socket_without_a_listener():
    mta = started()
    path = mta.queue / "private/auth"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    path.chmod(0o666)
    with mta.smtp() as s:
        check("AUTH" not in "\n".join(s.command(HELLO).lines), "offered")
        equal(len(warnings(mta, "SASL: Connect to Dovecot auth socket 'private/auth' failed: Connection refused")), 1, "warnings")
    mta.stop()
