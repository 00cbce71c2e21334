"""Real clients fetch from ours and from Debian's Dovecot in turn, from one mailbox: nothing comes twice, nothing is missed."""
import contextlib
import poplib
import shutil
import subprocess

from support import Skip, check, equal, oracle
from support.certificates import directory as certificates
from support.fetchers import Server, fetchmail, getmail
from support.imap import PASSWORD
from support.pop3_pair import POP3, POP3S, pop3_pair
from support.room import room

with contextlib.suppress(Skip):
    oracle.tree("fetchers")  # before the room has a resolver of its own

MESSAGES = [b"From: a@b.test\nSubject: %d\n\n.\n..dots\nbody %d\n" % (i, i) + b"long " * 20 * i + b"\n" for i in range(6)]


def account(count=4):
    made = pop3_pair().account({f"cur/{1700000000 + i}.M{i}.h:2,": MESSAGES[i] for i in range(count)}, shared=True)
    made.maildir = made.homes["ours"] / "Maildir"
    return made


def port(whose):
    return POP3 if whose == "ours" else pop3_pair().dovecot.pop3_port


def run(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **more)


def server(user, whose):
    return Server(pop3_pair().address, port(whose), user, "POP3")


def test_fetchmail_keeps_mail_on_the_server():
    for first, second in (("ours", "theirs"), ("theirs", "ours")):
        box, place = account(), room().scratch / f"fetchmail-{first}"
        equal(fetchmail(server(box.user, first), place, "keep sslproto ''"), [0, 1, 2, 3], f"first from {first}")
        equal(fetchmail(server(box.user, second), place, "keep sslproto ''"), [], f"again from {second}")
        (box.maildir / "new/1800000000.M4.h").write_bytes(MESSAGES[4])
        equal(fetchmail(server(box.user, second), place, "keep sslproto ''"), [4], f"new from {second}")
        (box.maildir / "new/1800000001.M5.h").write_bytes(MESSAGES[5])
        equal(fetchmail(server(box.user, first), place, "keep sslproto ''"), [5], f"new from {first}")
        equal(fetchmail(server(box.user, second), place, "nokeep fetchall sslproto ''"), [0, 1, 2, 3, 4, 5], f"all from {second}, to be deleted")
        equal(box.files("ours"), [], "what is left")


def test_fetchmail_with_tls():
    box, place = account(), room().scratch / "fetchmail-tls"
    tls = f"sslproto 'TLS1.2+' sslcertck sslcertfile {certificates()}/ca.pem sslcommonname mx.example.test"
    equal(fetchmail(server(box.user, "ours"), place, f"keep {tls}"), [0, 1, 2, 3], "with STLS")
    pop3_pair().mail.mta.wait_log(rf"Login: user=<{box.user}>, method=\S+, rip=\S+, lip=\S+, TLS")


def test_getmail():
    owner = (pop3_pair().uid, pop3_pair().gid)
    for first, second in (("ours", "theirs"), ("theirs", "ours")):
        box, place = account(), room().scratch / f"getmail-{first}"
        place.mkdir()
        equal(getmail(server(box.user, first), place, owner), [0, 1, 2, 3], f"first from {first}")
        equal(getmail(server(box.user, second), place, owner), [], f"again from {second}")
        (box.maildir / "new/1800000000.M4.h").write_bytes(MESSAGES[4])
        equal(getmail(server(box.user, second), place, owner), [4], f"new from {second}")
        equal(getmail(server(box.user, first), place, owner), [], f"again from {first}")


def curl(user, whose, path, *options):
    if not shutil.which("curl") or b"pop3" not in run(["curl", "--version"]).stdout:
        raise Skip("no curl that speaks POP3")
    scheme = "pop3s" if whose == "tls" else "pop3"
    where = f"{scheme}://{pop3_pair().address}:{POP3S if whose == 'tls' else port(whose)}/{path}"
    done = run(["curl", "-s", "-k", "--user", f"{user}:{PASSWORD}", *options, where])
    return done.returncode, done.stdout


def test_curl():
    box = account()
    for path, options in (("", ()), ("1", ()), ("4", ()), ("9", ()), ("", ("-X", "UIDL")), ("2", ("-X", "TOP 2 1")), ("", ("-X", "STAT", "-I")),
                          ("3", ("--list-only",)), ("1", ("--login-options", "AUTH=PLAIN")), ("1", ("--login-options", "AUTH=LOGIN")),
                          ("", ("-X", "XYZ", "-I"))):
        equal(curl(box.user, "ours", path, *options), curl(box.user, "theirs", path, *options), f"{path} {options}")
        equal(curl(box.user, "tls", path, *options), curl(box.user, "theirs", path, *options), f"{path} {options}, with TLS")
    equal(curl(box.user, "ours", "1", "--ssl-reqd"), curl(box.user, "theirs", "1"), "STLS")
    equal(curl(box.user, "ours", "2", "-X", "DELE", "-I")[0], 0, "DELE")
    equal(len(box.files("ours")), 3, "what is left")


def test_poplib():
    box = account()
    seen = {}
    for whose in ("ours", "theirs", "ours"):
        client = poplib.POP3(pop3_pair().address, port(whose), timeout=20)
        client.user(box.user)
        client.pass_(PASSWORD)
        answers = [client.stat(), client.list(), client.uidl(), client.uidl(2), client.list(3), client.retr(1), client.top(4, 1), client.noop(),
                   client.rset()]
        client.quit()
        equal(answers[1:3] + answers[5:7], (seen.setdefault("answers", answers)[1:3] + seen["answers"][5:7]), whose)
        equal(answers[0], seen["answers"][0], whose)
