"""Users whose mail is on another machine of ours send it there (smtpd_sasl_proxy): who the client is, TLS, loops, machines that lie, guesses."""
import contextlib
import re
import time

from support import check, equal
from support.certificates import directory as certificates
from support.machines import Machine, plain_response
from support.room import room
from support.smtp_client import SmtpClient
from support.submission import PROXY, SERVICE, SUBMISSION, Behind

AWAY = "454 4.7.0 Account is temporarily unavailable."
QUICK = "smtpd_error_sleep_time = 0\n"
TRUSTING = QUICK + "smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_client_restrictions = permit_sasl_authenticated, reject\n"
TAKING = "cleanup unix n - n - 0 cleanup\nrewrite unix - - n - - trivial-rewrite\ntlsmgr unix - - n 1000? 1 tlsmgr\n"
CERTIFICATE = f"smtpd_tls_cert_file = {certificates()}/mx.pem\nsmtpd_tls_key_file = {certificates()}/mx.key\n"


@contextlib.contextmanager
def machines(*kinds):
    """Of (main.cf, services)."""
    made = []
    try:
        for main, services in kinds:
            made.append(Machine(main, services))
        yield made
    finally:
        for machine in made:
            machine.stop()


def connect(machine, client=130, **options):
    session = SmtpClient(machine.address, SUBMISSION, room().address(client), **options)
    session.command("EHLO client.test")
    return session


def login(machine, user="bob", password="secret", client=130):
    with connect(machine, client) as session:
        return str(session.command(f"AUTH PLAIN {plain_response(user, password)}"))


def at(machine, more=""):
    return f"proxy=y host={machine.address} port={SUBMISSION} {more}".strip()


def test_mail_goes_to_the_other_machine():
    """Over TLS to the one in front; the other one knows the client, and takes the mail."""
    with machines((QUICK + CERTIFICATE + "smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\n", PROXY + TAKING),
                  (TRUSTING, SERVICE + TAKING)) as (front, back):
        front.users(bob=at(back))
        back.users(bob=None)
        with connect(front) as session:
            session.command("STARTTLS")
            session.wrap()
            session.command("EHLO client.test")
            # All at once: what comes behind AUTH goes there as well.
            session.send("".join(f"{line}\r\n" for line in (f"AUTH PLAIN {plain_response('bob')}", "MAIL FROM:<bob@example.test>",
                                                           "RCPT TO:<someone@other.test>", "DATA")))
            replies = [session.read().code for _ in range(4)]
            equal(replies, ["235", "250", "250", "354"], "replies")
            session.send("Subject: x\r\n\r\n" + "much text\r\n" * 100000 + ".\r\n")
            equal(session.read().code, "250", "the end")
            equal(session.command("QUIT").code, "221", "QUIT")
            equal(session.read().code, "EOF", "the server ends it")
        line = back.wait_log(r"client=(\S+), sasl_method=(\S+), sasl_username=(\S+)")
        equal(line.groups(), (f"unknown[{room().address(130)}]", "PLAIN", "bob"), "who it was")
        equal(len(back.mta.queue_files("incoming")), 1, "its queue")
        equal(front.mta.queue_files("incoming"), [], "the queue of the one in front")
        message = back.mta.queue_files("incoming")[0].read_bytes()
        check(b"from client.test (unknown [" + room().address(130).encode() in message, message[:2000])
        front.wait_log(rf"proxy\(bob,{back.address}:{SUBMISSION}\): Started proxying to <{back.address}> .*user=<bob>, method=PLAIN, "
                       rf"rip={room().address(130)}, lip={front.address}, TLS\n")
        front.wait_log(r"proxy\(bob,.*: Disconnected by server \(\ds idle, in=1\d{6}, out=\d+\): user=<bob>")
        front.wait_log(r"disconnect from .* ehlo=2 starttls=1 auth=1 commands=4")


def test_who_is_not_trusted_is_his_own_client():
    """Without XCLIENT, the machine in front is the client."""
    with machines((QUICK, PROXY), (QUICK, SERVICE + TAKING)) as (front, back):
        front.users(bob=at(back))
        back.users(bob=None)
        check(login(front).startswith("235"), "login")
        back.wait_log(r"connect from .*\[127\.0\.0\.1\]")


def test_without_the_parameter():
    """As with Postfix: he sends his mail here.  But where only the other machine knows the password, nobody gets in."""
    with machines((QUICK, SERVICE + TAKING)) as (front,):
        behind = Behind()
        front.users(bob=behind.fields(), only=behind.fields("nopassword=y"))
        equal(login(front), "235 2.7.0 Authentication successful", "bob")
        equal(login(front, "only")[:9], "535 5.7.8", "only")
        equal(behind.heard, [], "the other machine")
        with connect(front) as session:
            equal(session.command("XCLIENT TTL=3").code, "550", "XCLIENT")


def test_users_without_fields():
    with machines((QUICK, PROXY + TAKING)) as (front,):
        front.users(bob=None, maybe=f"proxy_maybe=y host={front.address} port={SUBMISSION}")
        for user in ("bob", "maybe"):
            with connect(front) as session:
                equal(str(session.command(f"AUTH PLAIN {plain_response(user)}")), "235 2.7.0 Authentication successful", user)
                equal(session.command("MAIL FROM:<bob@example.test>").code, "250", user)
        # auth keeps nothing of them that somebody would have to ask for.
        check("proxy(" not in front.log(), front.log())


def test_tls():
    secure = CERTIFICATE + "smtpd_tls_security_level = encrypt\n"
    with machines((QUICK + f"login_proxy_tls_CAfile = {certificates()}/ca.pem\n", PROXY), (TRUSTING + secure, SERVICE + TAKING)) as (front, back):
        place = f"proxy=y hostip={back.address} port={SUBMISSION}"
        front.users(good=f"{place} host=mx.example.test starttls=yes", other=f"{place} host=other.test starttls=yes",
                    any=f"{place} host=other.test starttls=any-cert", plain=f"{place} host=mx.example.test")
        back.users(**dict.fromkeys(("good", "other", "any", "plain")))
        for user in ("good", "any"):
            check(login(front, user).startswith("235"), user)
        for user in ("other", "plain"):
            equal(login(front, user), AWAY, user)
        front.wait_log(r"proxy\(other,.*the certificate is not that of other.test")
        front.wait_log(r"proxy\(plain,.*: XCLIENT: 530 ")


def test_loops():
    with machines((TRUSTING, PROXY), (TRUSTING, PROXY)) as (one, two):
        one.users(bob=at(two), own=at(one))
        two.users(bob=at(one))
        equal(login(one), AWAY, "round and round")
        two.wait_log(r"proxy\(bob\): the proxied connection would come back here")
        equal(login(one, "own"), AWAY, "itself")
        one.wait_log(r"proxy\(own\): the proxied connection would come back here")
        with connect(two, client=1) as session:
            equal(session.command("XCLIENT TTL=x").code, "550", "a stranger")
        with SmtpClient(two.address, SUBMISSION) as session:
            offered = str(session.command("EHLO proxy.test"))
            check(re.search(r"XCLIENT .*\bTTL\b", offered), offered)
            equal(session.command("XCLIENT TTL=0").code, "501", "none")
            equal(session.command("XCLIENT ADDR=192.0.2.7 TTL=1").code, "220", "the last one")
            session.command("EHLO client.test")
            equal(str(session.command(f"AUTH PLAIN {plain_response('bob')}")), AWAY, "the last one of a chain")
        two.wait_log(r"proxy\(bob\): TTL reached zero")


LIES = {
    "silent": {"greeting": b""}, "endless": {"greeting": b"220 " + b"x" * 100000}, "noise": {"greeting": b"\0\xff\r\n" * 50},
    "many": {"EHLO": b"250-x\r\n" * 100000}, "mute": {"EHLO": b""}, "asks": {"AUTH": b"334 \r\n"}, "odd": {"AUTH": b"150 well\r\n"},
    "words": {"AUTH": b"yes\r\n"}, "three": {"AUTH": b"354 go\r\n"},
}


def test_machines_that_lie():
    behind = {name: Behind(answers) for name, answers in LIES.items()}
    with machines((QUICK + "login_proxy_max_reconnects = 0\nsmtpd_client_connection_count_limit = 0\n", PROXY + TAKING)) as (front,):
        front.users(**{name: server.fields("proxy_timeout=2") for name, server in behind.items()}, gone=f"proxy=y host={room().address(75)} port=9",
                    nowhere="proxy=y host=no-such-host.invalid", nohost="proxy=y", badport="proxy=y host=127.0.0.1 port=x", carol=None)
        began = time.monotonic()
        sessions = {name: connect(front) for name in (*behind, "gone", "nowhere", "nohost", "badport")}
        for name, session in sessions.items():
            session.send(f"AUTH PLAIN {plain_response(name)}\r\n")
        check(login(front, "carol").startswith("235"), "carol")
        check(time.monotonic() - began < 2, "she waited")
        for name, session in sessions.items():
            equal(str(session.read()), AWAY, name)
            equal(session.command("NOOP").code, "250", f"{name}: the session goes on")
            session.close()
        check(time.monotonic() - began < 8, "it took too long")
    for server in behind.values():
        server.close()


def test_replies_of_several_lines():
    """They are handed on whole; what stands there for people cannot be more than text."""
    replies = {"good": b"235-2.7.0 two\r\n235 2.7.0 lines\r\n", "bad": b"535-5.7.8 no\r\n535-\0\x1b[1m\r\n535 5.7.8 really\r\n",
               "closing": b"421 4.3.2 going\r\n"}
    behind = {name: Behind({"AUTH": reply}) for name, reply in replies.items()}
    with machines((QUICK, PROXY)) as (front,):
        front.users(**{name: server.fields() for name, server in behind.items()})
        equal(login(front, "good"), "235-2.7.0 two\n235 2.7.0 lines", "good")
        equal(login(front, "bad"), "535-5.7.8 no\n535-??[1m\n535 5.7.8 really", "bad")
        with connect(front) as session:
            equal(str(session.command(f"AUTH PLAIN {plain_response('closing')}")), "421 4.3.2 going", "closing")
            equal(session.command("NOOP").code, "EOF", "closing")


def test_guesses():
    """Where only the other machine knows the password, what it refuses counts here; what it puts off does not."""
    limits = "auth_client_failure_limit = 2\nauth_client_limit_exceptions =\n"
    behind = {"wrong": Behind({"AUTH": b"535 5.7.8 no\r\n"}), "later": Behind({"AUTH": b"454 4.7.0 later\r\n"})}
    with machines((QUICK + limits, PROXY)) as (front,):
        front.users(**{name: server.fields("nopassword=y") for name, server in behind.items()})
        for user, answers in (("later", ["454"] * 4), ("wrong", ["535", "535", "450"])):
            equal([login(front, user)[:3] for _ in answers], answers, user)
        check(re.search(r"warning: unknown\[.*\]: SASL PLAIN authentication failed: .*sasl_username=wrong", front.log()), front.log())


def test_either_side_can_end_it():
    with machines((QUICK, PROXY)) as (front,):
        behind = Behind()
        front.users(bob=behind.fields())
        with connect(front) as session:
            session.command(f"AUTH PLAIN {plain_response('bob')}")
            equal(session.command("QUIT").code, "221", "QUIT")
            equal(session.read().code, "EOF", "and then")
        front.wait_log(r"Disconnected by server")
        with connect(front) as session:
            session.command(f"AUTH PLAIN {plain_response('bob')}")
        front.wait_log(r"Disconnected by client")
        front.mta.wait_log(r"disconnect from .*auth=1 commands=2", count=2)


def test_behind_stops():
    """A machine that goes away in the middle, and processes of ours that are told to end meanwhile."""
    with machines((QUICK, PROXY), (TRUSTING, SERVICE + TAKING)) as (front, back):
        front.users(bob=at(back))
        back.users(bob=None)
        with connect(front) as session:
            check(str(session.command(f"AUTH PLAIN {plain_response('bob')}")).startswith("235"), "login")
            front.mta.reload()
            equal(session.command("NOOP").code, "250", "after a reload")
            back.mta.stop()
            equal(session.command("NOOP").code, "EOF", "after its end")


