"""Users whose mail is on another machine of ours: TLS, loops, who is believed, machines that are away or lie, much data, and
mail by LMTP for several machines at once."""
import contextlib
import re
import socket
import threading
import time

from support import check, equal
from support.certificates import directory as certificates
from support.machines import IMAP, PASSWORD, POP3, Machine, Talk
from support.room import room

TRUSTING = "login_trusted_networks = 127.0.0.1\n"
AWAY = "NO [UNAVAILABLE] Account is temporarily unavailable."


@contextlib.contextmanager
def machines(*mains, **options):
    made = []
    try:
        for main in mains:
            made.append(Machine(main, **options))
        yield made
    finally:
        for machine in made:
            machine.stop()


def login(machine, user="bob", password=PASSWORD):
    with Talk(machine.address) as talk:
        return talk(f"LOGIN {user} {password}")


def test_tls():
    with machines(f"login_proxy_tls_CAfile = {certificates()}/ca.pem\n", TRUSTING + "imap_tls_security_level = encrypt\n") as (front, back):
        at = f"proxy=y hostip={back.address}"
        front.users(ssl=f"{at} host=mx.example.test port=9930 ssl=yes", starttls=f"{at} host=mx.example.test port=1430 starttls=yes",
                    wild=f"{at} host=a.wild.test port=9930 ssl=yes", other=f"{at} host=other.test port=9930 ssl=yes",
                    otherstart=f"{at} host=other.test port=1430 starttls=yes", any=f"{at} host=other.test port=9930 ssl=any-cert",
                    plain=f"{at} host=mx.example.test port=1430")
        back.users(**dict.fromkeys(("ssl", "starttls", "wild", "other", "otherstart", "any", "plain")))
        for user in ("ssl", "starttls", "wild", "any"):
            check(login(front, user).startswith("OK "), user)
            back.wait_log(rf"Login: user=<{user}>, .*TLS")
        for user in ("other", "otherstart"):
            equal(login(front, user), AWAY, user)
            front.wait_log(rf"proxy\({user},.*the certificate is not that of other.test")
        # The other side wants TLS, and nobody has said so here.
        check(not login(front, "plain").startswith("OK"), "plain")
        check(not re.search("Login: user=<(other|plain)>", back.log()), "their passwords did not get there")


def test_loops():
    with machines(TRUSTING, TRUSTING) as (one, two):
        one.users(bob=f"proxy=y host={two.address} port=1430", own=f"proxy=y host={one.address} port=1430",
                  maybe=f"proxy_maybe=y host={one.address} port=1430", elsewhere=f"proxy_maybe=y host={two.address} port=1430")
        two.users(bob=f"proxy=y host={one.address} port=1430", elsewhere=None)
        one.home("maybe").mkdir(mode=0o777)
        one.home("maybe").chmod(0o777)
        equal(login(one), AWAY, "round and round")
        two.wait_log("proxy\\(bob\\): the proxied connection would come back here")
        with Talk(one.address) as talk:
            talk('ID ("x-proxy-ttl" "1")')
            equal(talk(f"LOGIN elsewhere {PASSWORD}"), AWAY, "the last one of a chain")
        one.wait_log("proxy\\(elsewhere\\): TTL reached zero")
        equal(login(one, "own"), AWAY, "itself")
        one.wait_log("proxy\\(own\\): the proxied connection would come back here")
        check(login(one, "maybe").startswith("OK "), "proxy_maybe, here")
        check(login(one, "elsewhere").startswith("OK "), "proxy_maybe, elsewhere")
        one.wait_log("proxy\\(elsewhere,.*Started proxying")
        check("proxy(maybe" not in one.log(), one.log())


def test_who_is_believed():
    claim = 'ID ("x-originating-ip" "192.0.2.9" "x-originating-port" "7" "x-connected-ip" "192.0.2.1" "x-proxy-ttl" "3")'
    with machines("", TRUSTING) as (strict, open_):
        strict.users(bob=None)
        open_.users(bob=None)
        for machine, believed in ((strict, False), (open_, True)):
            address = machine.address if not believed else "192.0.2.9"
            with Talk(machine.address) as talk:
                check(talk(claim).startswith("OK"), "ID")
                check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), "login")
                client = machine.wait_log(r"Login: user=<bob>, .*rip=(.*?),")[1]
                equal(client == "192.0.2.9", believed, f"the client was {client}, {address}")
            with Talk(machine.address, POP3) as talk:
                equal("[XCLIENT]" in talk.greeting, believed, talk.greeting)
                equal(talk("XCLIENT ADDR=192.0.2.8 PORT=9 TTL=2").startswith("+OK"), believed, "XCLIENT")
            with machine.lmtp() as session:
                equal("XCLIENT" in session("LHLO x"), believed, "offered")
                equal(session("XCLIENT ADDR=192.0.2.7 TTL=2")[:3], "220" if believed else "550", "XCLIENT")
                session("LHLO x")
                session("MAIL FROM:<a@b.test>")
                session("RCPT TO:<bob>")
                session("DATA")
                session("Subject: x\r\n\r\nx\r\n.")
            received = machine.messages("bob")[0]
            equal(b"([192.0.2.7])" in received, believed, received)
        # What is no address is not taken for one.
        for bad in ("", "x", "192.0.2.999", "1.2.3.4.5", "::g"):
            with Talk(open_.address) as talk:
                check(talk(f'ID ("x-originating-ip" "{bad}" "x-proxy-ttl" "999999999999")').startswith("OK"), bad)
                check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), bad)


# They count against whom the proxy connects for, and not against it.
def test_guesses_over_a_proxy():
    limits = "auth_client_failure_limit = 2\nauth_client_limit_exceptions =\nauth_failure_delay = 0\n"
    with machines(TRUSTING + limits) as (back,):
        back.users(bob=None)
        for _ in range(4):
            check("AUTHENTICATIONFAILED" in login(back, password="wrong"), "nobody is named")
        for limited in (False, False, True):
            with Talk(back.address) as talk:
                talk('ID ("x-originating-ip" "192.0.2.9")')
                equal("NO [LIMIT]" in talk("LOGIN bob wrong"), limited, "the client")
        check(login(back).startswith("OK"), "others of that proxy")


class Liar:
    """A server that says `script` and then nothing more; it listens at `port`."""

    def __init__(self, script, each=b""):
        self.script, self.each = script, each
        self.listener = socket.create_server((room().address(77), 0), backlog=20)
        self.address, self.port = self.listener.getsockname()
        self.held = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                self.held.append(client)
                with contextlib.suppress(OSError):
                    client.sendall(self.script)
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with contextlib.suppress(OSError):
            while client.recv(65536) and self.each:
                client.sendall(self.each)

    def close(self):
        self.listener.close()
        for client in self.held:
            client.close()


LIES = {
    "silent": (b"", b""), "bye": (b"* BYE go away\r\n", b""), "endless": (b"* OK " + b"x" * 100000, b""), "noise": (b"\0\xff\r\n" * 50, b""),
    "chatter": (b"* OK hi\r\n" + b"* x\r\n" * 100000, b""), "mute": (b"* OK [CAPABILITY IMAP4rev1 ID]\r\n", b""),
    "asks": (b"* OK [CAPABILITY IMAP4rev1]\r\n", b"+ \r\n"), "untagged": (b"* OK [CAPABILITY IMAP4rev1]\r\n", b"X OK yes\r\n"),
    "preauth": (b"* PREAUTH [CAPABILITY IMAP4rev1] in\r\n", b"L OK\r\n"),
}


def test_servers_that_lie():
    liars = {name: Liar(*lie) for name, lie in LIES.items()}
    with machines("") as (front,):
        front.users(**{name: f"proxy=y host={liar.address} port={liar.port} proxy_timeout=2" for name, liar in liars.items()},
                    gone=f"proxy=y host={room().address(78)} port=9", nowhere="proxy=y host=no-such-host.invalid",
                    nofields="proxy=y", badport=f"proxy=y host={front.address} port=x", carol=None)
        began = time.monotonic()
        talks = {}
        for name in (*liars, "gone", "nowhere", "nofields", "badport"):
            talk = talks[name] = Talk(front.address)
            talk.sock.sendall(f"t LOGIN {name} {PASSWORD}\r\n".encode())
        # Others do not wait for them.
        check(login(front, "carol").startswith("OK"), "carol")
        check(time.monotonic() - began < 2, "she waited")
        for name, talk in talks.items():
            equal(talk.file.readline().decode().rstrip(), f"t {AWAY}", name)
            equal(talk("NOOP"), "OK NOOP completed.", "the session goes on")
            talk.close()
        check(time.monotonic() - began < 8, "it took too long")
        check("warning: proxy(gone," in front.log() and "no-such-host" in front.log(), front.log())
    for liar in liars.values():
        liar.close()


def memory(machine, program):
    """Of the processes with this name, the largest, in MB."""
    import pathlib
    sizes = [0]
    for entry in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().split(b"\0")[0].decode().endswith(program):
                sizes.append(int(re.search(r"VmRSS:\s+(\d+)", (entry / "status").read_text())[1]) // 1024)
    return max(sizes)


def test_much_data_and_slow_clients():
    with machines("", TRUSTING) as (front, back):
        front.users(bob=f"proxy=y host={back.address} port=1430")
        back.users(bob=None)
        size = 40 << 20
        text = b"Subject: big\r\n\r\n" + b"0123456789abcde\r\n" * (size // 17)
        with Talk(front.address, timeout=60) as talk:
            check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), "login")
            check(talk(f"APPEND INBOX {{{len(text)}}}").startswith("+"), "go ahead")
            talk.sock.sendall(text + b"\r\n")
            check(re.match(r"t\d+ OK \[APPENDUID", talk.file.readline().decode()), "appended")
            check(talk("SELECT INBOX").startswith("OK"), "select")
            talk.sock.sendall(b"f FETCH 1 BODY.PEEK[]\r\n")
            time.sleep(2)  # nobody reads
            check(memory(front, "imap-login") < 60, f"imap-login holds {memory(front, 'imap-login')} MB")
            equal(talk.file.readline(), b"* 1 FETCH (BODY[] {%d}\r\n" % len(text), "the answer")
            check(talk.file.read(len(text)) == text, "what came back")
            equal([talk.file.readline()[:4] for _ in range(2)], [b")\r\n", b"f OK"], "its end")
        back.wait_log(r"imap\(bob\)<\d+>: Disconnected: ")


def test_machine_that_dies():
    with machines("", TRUSTING) as (front, back):
        front.users(bob=f"proxy=y host={back.address} port=1430", alice=None)
        back.users(bob=None)
        with Talk(front.address) as talk:
            check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), "login")
            back.stop()
            equal(talk.file.read(), b"* BYE Server shutting down.\r\n", "the client hears of it")
        front.wait_log("proxy\\(bob,.*Disconnected by server")
        equal(login(front), AWAY, "away")
        check(login(front, "alice").startswith("OK"), "alice")


# A burst of logins that were sent before the answer, and commands behind a login, reach the right place.
def test_pipelined_commands():
    with machines("", TRUSTING) as (front, back):
        front.users(bob=f"proxy=y host={back.address} port=1430", pop=f"proxy=y host={back.address} port=1100")
        back.users(bob=None, pop=None)
        with Talk(front.address) as talk:
            talk.sock.sendall(f"a LOGIN bob {PASSWORD}\r\nb SELECT INBOX\r\nc LOGOUT\r\n".encode())
            text = talk.file.read().decode()
            check(re.search(r"^a OK .*^b OK .*^\* BYE.*^c OK", text, re.M | re.S), text)
        with Talk(front.address, POP3) as talk:
            talk.sock.sendall(f"USER pop\r\nPASS {PASSWORD}\r\nSTAT\r\nQUIT\r\n".encode())
            equal(talk.file.read().decode().split("\r\n")[:3], ["+OK", "+OK Logged in.", "+OK 0 0"], "POP3")


def test_proxy_protocol():
    with machines("", "imap_upstream_proxy_protocol = haproxy\n") as (front, back):
        front.users(bob=f"proxy=y host={back.address} port=1430 proxy_haproxy=y")
        back.users(bob=None)
        with Talk(front.address, source=room().address(130)) as talk:
            check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), "login")
        equal(back.wait_log(r"Login: user=<bob>, .*rip=(.*?),")[1], room().address(130), "whose connection it was")


def test_mail_for_several_machines():
    proxy = "lmtpd_proxy = yes\nrecipient_delimiter = +\n"
    with machines(proxy, TRUSTING + "recipient_delimiter = +\n", TRUSTING) as (front, one, two):
        at = {name: f"proxy=y host={machine.address} port=2425" for name, machine in (("one", one), ("two", two))}
        front.users(here=None, bob=at["one"], alice=at["one"], carol=at["two"], lost=at["two"], dest=at["one"] + " destuser=alice",
                    gone=f"proxy=y host={room().address(78)} port=9", bad="proxy=y")
        one.users(bob=None, alice=None)
        two.users(carol=None)
        text = "Subject: p\r\n\r\n..x\r\n..\r\nend\r\n."
        with front.lmtp() as session:
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            replies = {to: session(f"RCPT TO:<{to}>")[:9] for to in ("here", "bob", "carol", "alice", "lost", "gone", "bad", "nobody", "dest+x")}
            equal(replies, {"here": "250 2.1.5", "bob": "250 2.1.5", "carol": "250 2.1.5", "alice": "250 2.1.5", "lost": "550 5.1.1",
                            "gone": "451 4.4.0", "bad": "451 4.3.0", "nobody": "550 5.1.1", "dest+x": "250 2.1.5"}, "RCPT")
            check(session("DATA").startswith("354"), "DATA")
            answers = session(text, replies=5)
            equal([re.sub(r"> \S+ Saved", "> ID Saved", line) for line in answers],
                  [f"250 2.0.0 <{to}> ID Saved" for to in ("here", "bob", "carol", "alice", "alice+x")], "replies")
            # And the next one, on the same connection.
            equal(session.deliver("carol")[0][:9], "250 2.0.0", "again")
        for machine, user, count in ((front, "here", 1), (one, "bob", 1), (one, "alice", 2), (two, "carol", 2)):
            messages = machine.messages(user)
            equal(len(messages), count, user)
            check(any(m.endswith(b"Subject: p\n\n.x\n.\nend\n") for m in messages), messages)
            equal([m.count(b"Return-Path:") for m in messages], [1] * count, "Return-Path")
        equal(front.messages("bob"), [], "nothing stays here")
        front.wait_log(r"proxy\(bob\): from=<a@b.test>, .*: 250 2.0.0")


def test_mail_when_a_machine_dies_or_loops():
    with machines("lmtpd_proxy = yes\n" + TRUSTING, "lmtpd_proxy = yes\n" + TRUSTING) as (front, back):
        front.users(here=None, bob=f"proxy=y host={back.address} port=2425", own=f"proxy=y host={front.address} port=2425",
                    loop=f"proxy=y host={back.address} port=2425")
        back.users(bob=None, loop=f"proxy=y host={front.address} port=2425")
        with front.lmtp() as session:
            session("LHLO c.test")
            session("MAIL FROM:<a@b.test>")
            equal(session("RCPT TO:<own>")[:9], "451 4.3.0", "itself")
            equal(session("RCPT TO:<loop>")[:9], "554 5.4.6", "round and round")
            for to in ("here", "bob"):
                equal(session(f"RCPT TO:<{to}>")[:9], "250 2.1.5", to)
            back.stop()
            check(session("DATA").startswith("354"), "DATA")
            replies = session("Subject: x\r\n\r\nx\r\n.", replies=2)
            equal([line[:9] for line in replies], ["250 2.0.0", "451 4.4.0"], "replies")
        equal(len(front.messages("here")), 1, "the other one's mail")


# A server that speaks no LMTP, or whose answers have gone out of step: nothing of that is a delivery.
def test_mail_to_a_machine_that_lies():
    def serve(listener, answers):
        connection, _ = listener.accept()
        file = connection.makefile("rb")
        connection.sendall(b"220 x\r\n")
        in_data = False
        for line in file:
            verb = b"." if line == b".\r\n" else b"" if in_data else line.split()[0].upper()
            answer = answers.get(verb, b"" if in_data and verb != b"." else b"250 2.0.0 fine\r\n")
            in_data = (in_data or answer.startswith(b"354")) and verb != b"."
            with contextlib.suppress(OSError):
                connection.sendall(answer)

    cases = (("honest", {b"DATA": b"354 go\r\n"}, "250", "250"), ("a success for DATA", {b"DATA": b"250 2.0.0 <u1> 1 Saved\r\n"}, "250", "451"),
             ("what is said on the way", {b"DATA": b"100 x\r\n"}, "250", "451"), ("a refusal of DATA", {b"DATA": b"554 5.1.1 no\r\n"}, "250", "554"),
             ("354 at the end", {b"DATA": b"354 go\r\n", b".": b"354 go on\r\n"}, "250", "451"), ("354 for RCPT", {b"RCPT": b"354 go\r\n"}, "451", None))
    with machines("lmtpd_proxy = yes\n" + TRUSTING) as (front,), contextlib.ExitStack() as stack:
        users = {}
        for number, (_, answers, *_) in enumerate(cases):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            users[f"u{number}"] = f"proxy=y host=127.0.0.1 port={listener.getsockname()[1]}"
            threading.Thread(target=serve, args=(listener, answers), daemon=True).start()
        front.users(**users)
        for number, (what, _, rcpt, final) in enumerate(cases):
            with front.lmtp() as session:
                session("LHLO c.test")
                session("MAIL FROM:<a@b.test>")
                equal(session(f"RCPT TO:<u{number}>")[:3], rcpt, what)
                if final:
                    check(session("DATA").startswith("354"), what)
                    equal(session("Subject: x\r\n\r\nx\r\n.")[:3], final, what)


# Without lmtpd_proxy, mail stays here, as with Dovecot; and doveadm and smtpd know such users as well.
def test_mail_without_proxying():
    with machines("", TRUSTING) as (front, back):
        front.users(bob=f"proxy=y host={back.address} port=2425")
        front.home("bob").mkdir(mode=0o777, exist_ok=True)
        with front.lmtp() as session:
            equal(session.deliver("bob")[0][:9], "250 2.0.0", "here")
        equal(len(front.messages("bob")), 1, "messages")
