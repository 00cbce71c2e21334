"""doveadm who, kick and quota beside Debian's: users who are logged in, and what their mail weighs."""
import re
import socket

from support import check, equal
from support.doveadm_pair import DoveadmPair

FORMS = ("tab", "flow", "json", "pager", "table")
RULES = ("*:storage=20K", "Trash:storage=+10K", "*:messages=20")
OURS = "quota_root_name = User quota\nquota_rules = " + ", ".join(RULES) + "\n"
THEIRS = "mail_plugins = quota\nplugin {\n  quota = maildir:User quota\n" + "".join(
    f"  quota_rule{i + 1 if i else ''} = {rule}\n" for i, rule in enumerate(RULES)) + "}\n"
LARGE, SMALL = b"Subject: large\n\n" + b"x" * 3000 + b"\n", b"Subject: small\n\nx\n"
FILES = {"cur/1700000001.M1P1.h:2,S": LARGE, ".Trash/cur/1700000002.M2P1.h:2,": SMALL}

_pairs = []


def pair():
    if not _pairs:
        _pairs.append(DoveadmPair(accounts=8, main=OURS, more=THEIRS))
    return _pairs[0]


def without_pids(out):
    """Theirs has a process for each session, ours for each user."""
    out = re.sub(rb"\([\d ]+\)", b"(P)", out)
    if b"kicked connections" in out:  # in a pipe, their line of names comes before its title
        return sorted(out.split())
    out = re.sub(rb"(proto=imap pid=|\timap\t|imap +|pid: |\"pid\":\")\d+", rb"\1P", out)
    return sorted(re.sub(rb" +", b" ", line).rstrip() for line in out.split(b"\n"))


def same_sessions(*lines, forms=("",)):
    for line in [f"-f {form} {line}" if form else line for line in lines for form in forms]:
        ours, theirs = pair().ours(line), pair().theirs(line)
        equal((without_pids(ours.out), ours.err, ours.status), (without_pids(theirs.out), theirs.err, theirs.status), line)


def is_open(session):
    session.sock.settimeout(10)
    try:
        session.sock.sendall(b"z NOOP\r\n")
        while True:
            line = session.file.readline()
            if not line or line.startswith(b"* BYE"):
                return False
            if line.startswith(b"z "):
                return True
    except ConnectionError:
        return False
    except socket.timeout:
        raise AssertionError("no answer to NOOP")


def test_who_and_kick():
    one, two = pair().account(FILES), pair().account({})
    same_sessions("who", "who -1", "kick '*'", "kick nobody1")
    sessions = {whose: [account.account.connect(whose) for account in (one, one, two)] for whose in ("ours", "theirs")}
    u, v = one.user, two.user
    same_sessions("who", "who -1", forms=("", "tab", "flow", "pager", "table"))
    same_sessions(f"who {u}", f"who -1 {v}", f"-f json who {u}", "who nobody1", "who 'u?'", "who 127.0.0.0/8", "who 127.0.0.1", "who ::1",
                  "who 10.0.0.0/8", "who 127.0.0.1/8", "who 127.255.1.2/1", "who 127.0.0.1/33", "who ::1/64", "who 0.0.0.0/0", f"who {u} 127.0.0.0/8", f"who 127.0.0.0/8 {u}", f"who {u} 10.0.0.1", f"who {u} {v}", "who -x", "kick",
                  "kick -x", f"kick {u} {v}", "kick nobody1", "kick 10.0.0.1", f"kick {u} 10.0.0.1")
    check(all(is_open(session) for each in sessions.values() for session in each), "everybody is still there")
    same_sessions(f"kick {u}", "who")
    for whose, each in sessions.items():
        equal([is_open(session) for session in each], [False, False, True], f"sessions of {whose}")
    same_sessions("kick 127.0.0.0/8", "who", "kick '*'")
    for whose, each in sessions.items():
        equal([is_open(session) for session in each], [False] * 3, f"sessions of {whose}")


def test_quota():
    account, other = pair().account(FILES), pair().account({"cur/1700000001.M1P1.h:2,S": SMALL})
    account.same("quota get -u {user}", "quota", "quota foo", "quota get", "quota get -u {user} x", "quota get -u {user} -x",
                 "quota recalc -u {user} x", "quota recalc", "quota get -u nobody1", "quota recalc -u nobody1", "quota recalc -u {user}")
    account.same("quota get -u {user}", "quota get -u 'u*'", "quota get -A", forms=FORMS)
    equal(*((home / "Maildir/maildirsize").read_text() for home in account.homes.values()), "maildirsize")
    for home in account.homes.values():
        (home / "Maildir/maildirsize").write_text("20480S,20C\n100000 50\n")
    account.same("quota get -u {user}", "quota recalc -u {user}", "quota get -u {user}", "quota recalc -A", "quota get -u {user}")
    equal(*((home / "Maildir/maildirsize").read_text() for home in other.homes.values()), "maildirsize after recalc -A")
