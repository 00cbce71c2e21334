"""doveadm backup and sync from IMAP servers (imapc:), beside Debian's: what they bring is what the server has."""
import os
import re
import subprocess

from support import check, equal
from support.doveadm_pair import DoveadmPair
from support.imap import IMAP, PASSWORD

MESSAGES = {"cur/1700000001.M1P1.h:2,S": b"Subject: one\n\nhello\n", "cur/1700000002.M2P1.h:2,Fab": b"Subject: two\n\nb\xf6dy \x01\n.\n",
            "cur/1700000003.M3P1.h:2,TD": b"\n", "new/1700000004.M4P1.h": b"Subject: {3}\n\n" + b"x" * 70000 + b"\n",
            "dovecot-keywords": b"0 $Junk\n1 Later\n", ".Sent/cur/1700000005.M5P1.h:2,RS": b"Subject: five\n\nx\n",
            ".Sent.Sub/cur/1700000006.M6P1.h:2,": b"Subject: six\n\nx", ".&APw-ber \"q\" \\x/cur/": b"", ".Empty/cur/": b"",
            "subscriptions": b"V\t2\n\nSent\nSent\tSub\nGone\n"}

_pairs = []


def pair():
    if not _pairs:
        _pairs.append(DoveadmPair(accounts=20))
    return _pairs[0]


def contents(session):
    """What an IMAP client sees there."""
    boxes = {}
    for line in session.command('LIST "" "*"')[:-1]:
        name = re.search(rb'"/" (.*)\r\n$', line)[1]
        if re.search(rb"NonExistent|Noselect", line):
            continue
        select = session.command(b"EXAMINE " + name)
        validity = re.search(rb"UIDVALIDITY (\d+)", b"".join(select))[1]
        messages = {}
        if b"* 0 EXISTS\r\n" not in select:
            for fetch in session.command("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")[:-1]:
                head, _, body = fetch.partition(b"BODY[] ")
                uid = int(re.search(rb"UID (\d+)", head)[1])
                flags = sorted(set(re.search(rb"FLAGS \((.*?)\)", head)[1].split()) - {rb"\Recent"})
                messages[uid] = (flags, re.search(rb'INTERNALDATE "(.*?)"', head)[1], re.sub(rb"^\{\d+\}\r\n", b"", body))
        boxes[name.strip(b'"')] = (int(validity), messages)
    session.command("UNSELECT")
    subscribed = sorted(re.search(rb'"/" (.*)\r\n$', line)[1] for line in session.command('LSUB "" "*"')[:-1])
    return boxes, subscribed


def pull(whose, account, source, port, *more, command="backup", expect=(0, b"", b"")):
    """One of the two commands brings the mail that `source` has at the server on that port."""
    words = ["-o", f"imapc_user={source}", "-o", f"imapc_password={PASSWORD}", "-o", f"imapc_host={pair().pair.address}", "-o", f"imapc_port={port}",
             command, *more, "-R", "-u", account.user, "imapc:"]
    outcome = tuple(getattr(pair(), whose)(words))
    if expect:
        equal(outcome, expect, f"{whose}: {words}")
    return outcome


def test_backup_from_dovecot_and_from_ours():
    for whose, port in (("theirs", 1431), ("ours", IMAP)):
        source, target = pair().account(MESSAGES), pair().account({"cur/1.M1.h:2,": b"Subject: goes\n\n"})
        there = source.account.session(whose)
        wanted = contents(there)
        check(len(wanted[0]) == 5 and len(wanted[0][b"INBOX"][1]) == 4, f"{wanted}")
        pull("ours", target, source.user, port)
        equal(contents(target.account.connect("ours")), wanted, f"from {whose}")
        pull("ours", target, source.user, port)
        equal(contents(target.account.connect("ours")), wanted, f"from {whose}, once more")
        if whose == "ours":  # Debian's doveadm finds the same there
            empty = pair().account({})
            subprocess.run(["rm", "-rf", empty.homes["theirs"] / "Maildir"], check=True)
            status, _, err = pull("theirs", empty, source.user, port, expect=None)
            check(status == 0, f"{err}")
            equal(contents(empty.account.connect("theirs")), wanted, "with Debian's doveadm")
        for command in ("SELECT INBOX", "UID STORE 1 -FLAGS (\\Seen)", "UID STORE 2 +FLAGS ($New)", "UID STORE 3 +FLAGS (\\Deleted)", "EXPUNGE",
                        "UID COPY 1 Sent", "RENAME Sent Posted", "DELETE Empty", "CREATE Fresh/Deep", "SUBSCRIBE Fresh/Deep", "UNSUBSCRIBE Gone"):
            check(b" OK" in there.command(command)[-1], command)
        wanted = contents(there)
        pull("ours", target, source.user, port)
        equal(contents(target.account.connect("ours")), wanted, f"from {whose}, what has changed")


def test_sync_from_a_server_keeps_what_is_here():
    source = pair().account({"cur/1700000001.M1P1.h:2,S": b"Subject: one\n\nhello\n", "cur/1700000002.M2P1.h:2,S": b"Subject: two\n\nhello\n"})
    target = pair().account({"cur/1700000009.M9P1.h:2,S": b"Subject: here\n\nhello\n"})
    there = source.account.session("theirs")
    pull("ours", target, source.user, 1431, "-1", command="sync")
    here = target.account.connect("ours")
    subjects = lambda: sorted(re.search(rb"Subject: (\w+)", m[2])[1] for m in contents(here)[0][b"INBOX"][1].values())
    equal(subjects(), [b"here", b"one", b"two"], "all of them")
    for command in ("SELECT INBOX", "UID STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "APPEND INBOX {16+}\r\nSubject: x\r\n\r\nx\r\n"):
        check(b" OK" in there.command(command)[-1], command)
    here.command("SELECT INBOX")
    uid = re.search(rb"SEARCH (\d+)", here.command("UID SEARCH SUBJECT two")[0])[1]
    here.command(b"UID STORE " + uid + rb" +FLAGS (\Flagged)")
    pull("ours", target, source.user, 1431, "-1", command="sync")
    here = target.account.connect("ours")
    equal(subjects(), [b"here", b"two", b"x"], "what has changed at the server")
    pull("ours", target, source.user, 1431, "-1", command="sync")
    equal(subjects(), [b"here", b"two", b"x"], "nothing has changed")
    pull("ours", target, source.user, 1431, command="sync",
         expect=(65, b"", f"doveadm({target.user}): Error: IMAP servers, doveadm servers and formats other than Maildir can only be read from: with backup, or -1 for sync; a place, with -R\n".encode()))


def test_wrong_logins_and_places():
    source, target = pair().account(MESSAGES), pair().account({"cur/1.M1.h:2,": b"Subject: stays\n\n"})
    here = target.account.session("ours")
    before = contents(here)
    for words in (["-o", "imapc_password=wrong", "-o", "imapc_port=1431"], ["-o", f"imapc_password={PASSWORD}", "-o", "imapc_port=1"],
                  ["-o", f"imapc_password={PASSWORD}", "-o", "imapc_port=1431", "-o", "imapc_ssl=imaps"],
                  ["-o", f"imapc_password={PASSWORD}", "-o", "imapc_port=1431", "-o", "imapc_ssl=starttls"]):
        status, out, err = pair().ours(["-o", f"imapc_user={source.user}", "-o", f"imapc_host={pair().pair.address}", *words, "backup", "-R", "-u",
                                        target.user, "imapc:"])
        check(status == 75 and b"Error: " in err, f"{words}: {status} {out} {err}")
    equal(contents(here), before, "what is here")


def test_a_maildir_that_either_has_made():
    """Theirs goes on where ours has begun, and the reverse: nothing is brought twice."""
    account = pair().account(MESSAGES)
    for whose in ("ours", "theirs"):
        equal(tuple(getattr(account, whose)("backup -u {user} maildir:~/copy")), (0, b"", b""), whose)
    made = {}
    for whose, other in (("ours", "theirs"), ("theirs", "ours")):
        home = account.homes[whose]
        user = pair().account({})
        subprocess.run(["rm", "-rf", user.homes[other] / "Maildir"], check=True)
        subprocess.run(["cp", "-a", home / "copy", user.homes[other] / "Maildir"], check=True)
        made[whose] = contents(user.account.connect(other))
        equal(made[whose][0].keys(), contents(account.account.session(whose))[0].keys(), f"mailboxes of a copy that {whose} has made")
        equal(made[whose], contents(account.account.session(whose)), f"a copy that {whose} has made")
