"""doveadm sync, backup and import with all their options, and the command lines of guides for moving mail, beside Debian's."""
import base64
import binascii
import fcntl
import os
import re
import struct
import subprocess

from support import check, equal
from support.doveadm_pair import DoveadmPair, plain_error
from support.imap import IMAP, PASSWORD

FILES = {"cur/1700000001.M1P1.h:2,S": b"Subject: one\n\nhello\n", "cur/1700000002.M2P1.h:2,Fa": b"Subject: two\n\nhello\n",
         "cur/1700000003.M3P1.h:2,": b"Subject: three\n\nhello\n", "dovecot-keywords": b"0 $Junk\n", "subscriptions": b"V\t2\n\nSent\n",
         ".Sent/cur/1700000004.M4P1.h:2,RS": b"Subject: four\n\nx\n", ".Sent.Sub/cur/1700000005.M5P1.h:2,": b"Subject: five\n\nx\n",
         ".Trash/cur/1700000006.M6P1.h:2,ST": b"Subject: six\n\nx\n"}

_pairs = []


def pair():
    if not _pairs:
        _pairs.append(DoveadmPair(accounts=40))
        for path in (_pairs[0].mail.mta.conf / "users", _pairs[0].pair.dovecot.root / "users"):
            lines = path.read_text().split("\n")
            path.write_text("\n".join(line + "userdb_mail_replica=maildir:~/replica" if line.startswith("u39:") else line for line in lines))
    return _pairs[0]


def errors_of(err):
    """What each side says, whatever it calls itself and its processes."""
    lines = [re.sub(rb"^dsync\((\S+?)\): ", rb"doveadm(\1): ", line) for line in plain_error(err)]
    lines = [re.sub(rb"-(ours|theirs)/|pid \d+|^.* Info: .*$", b"", line) for line in lines]
    return [line.replace(b": Fatal: ", b": Error: ") for line in lines if line]


def same(account, *lines):
    differences = []
    for line in lines:
        ours, theirs = ((side.status, side.out, errors_of(side.err)) for side in (account.ours(line), account.theirs(line)))
        if ours != theirs:
            differences.append(f"doveadm {line}\n   ours:   {ours}\n   theirs: {theirs}")
    assert not differences, "\n".join(differences)


def subjects(maildir):
    """{mailbox: {(subject, flags)}}"""
    found = {}
    for path in sorted([*maildir.glob("cur/*"), *maildir.glob("new/*"), *maildir.glob(".*/cur/*"), *maildir.glob(".*/new/*")]):
        mailbox = os.path.relpath(path.parent.parent, maildir)
        subject = re.search(rb"Subject: (\w+)", path.read_bytes())[1].decode()
        found.setdefault(mailbox, set()).add((subject, path.name.partition(":2,")[2]))
    return found


def copies(account, place):
    return [subjects(account.homes[whose] / place) for whose in ("ours", "theirs")]


def test_options_that_make_no_sense():
    account = pair().account(FILES)
    same(account, "sync -u {user} -O '\\Foo' maildir:~/x", "backup -u {user} -g 123 maildir:~/x", "backup -u {user} -g x -g y maildir:~/x",
         f"backup -u {{user}} -g {'0' * 32} maildir:~/x",
         "sync -u {user} -O '\\Seen $Junk' maildir:~/x", "sync -u {user} -d", "sync -u {user} -d -N -l 30 -U", "sync -u {user} -t never maildir:~/x", "backup -u {user} -e never maildir:~/x",
         "backup -u {user} -I foo maildir:~/x", "backup -u {user} -I 16777216T maildir:~/x", "backup -u {user} -N maildir:~/x", "-o nosuch sync -u {user} maildir:~/x", "sync -u {user} -Z x")
    equal([list(home.glob("x")) for home in account.homes.values()], [[], []], "nothing was made")


def test_options_that_change_nothing_here():
    account = pair().account(FILES)
    for number, line in enumerate(("-a Trash", "-U", "-n nope", "-n ''", "-n inbox -f", "-l 0", "-l x", "-P",
                                   "-r /nonexistent/raw", "-l 10")):
        same(account, f"backup -u {{user}} {line} maildir:~/c{number}", f"sync -u {{user}} {line} maildir:~/c{number}")
        equal(*copies(account, f"c{number}"), line)
    same(account, "-o plugin/quota= sync -1 -R -u {user} maildir:~/c1", "-o nosuch=x sync -1 -R -u {user} maildir:~/c1",
         "-o mail_fsync=never -o mail_prefetch_count=20 backup -u {user} maildir:~/c1", "-o plugin/mail_crypt_save_version=0 backup -u {user} maildir:~/c1")


def test_flags_and_a_mailbox():
    account = pair().account(FILES)
    for number, flag in enumerate(("\\Seen", "-\\Seen", "\\Flagged", "$Junk", "-$Junk", "\\Answered", "\\Deleted", "\\Draft", "nosuch")):
        same(account, f"sync -u {{user}} -O '{flag}' maildir:~/f{number}")
        equal(*copies(account, f"f{number}"), flag)
    check(subjects(account.homes["ours"] / "f1") == {".": {("two", "Fa"), ("three", "")}, ".Sent.Sub": {("five", "")}}, "without those that were seen")
    for whose, run in (("ours", account.ours), ("theirs", account.theirs)):
        guid = re.search(rb"guid=(\w{32})", run("mailbox status -u {user} guid Sent").out)[1].decode()
        equal(tuple(run(f"backup -u {{user}} -g {guid} maildir:~/g")), (0, b"", b""), whose)
        equal(tuple(run(f"backup -u {{user}} -g {'1' * 32} maildir:~/none")), (0, b"", b""), whose)
    equal(copies(account, "g"), [{".Sent": {("four", "RS")}}] * 2, "one mailbox")
    equal(copies(account, "none"), [{}] * 2, "a GUID that no mailbox has")


def state_of(text):
    data = base64.b64decode(text.strip(), validate=True)
    equal(struct.unpack("<I", data[-4:])[0], binascii.crc32(data[:-4]), "its checksum")
    equal(data[:4], b"\1\0\0\0", "its version")
    parts = [struct.unpack("<16sIIQQI", data[at:at + 44]) for at in range(4, len(data) - 4, 44)]
    return sorted((uid > 0, uid, messages) for _, validity, uid, _, _, messages in parts if validity)


def test_states():
    account = pair().account({path: text for path, text in FILES.items() if "Sub" not in path})
    for line in ("backup -u {user} -s '' maildir:~/copy", "sync -u {user} -s '' maildir:~/both", "sync -1 -u {user} -s '' maildir:~/one",
                 "sync -u {user} -s foo maildir:~/both", "sync -u {user} -s AAAA maildir:~/both"):
        ours, theirs = account.ours(line), account.theirs(line)
        equal((ours.status, errors_of(ours.err)), (theirs.status, errors_of(theirs.err)), line)
        equal(state_of(ours.out), state_of(theirs.out), line)
        same_again = account.theirs(line.replace("''", ours.out.decode().strip()).replace("~/", "~/again-"))
        equal((same_again.status, same_again.err if "''" in line else b""), (0, b""), "Debian's takes our state")
    state = account.theirs("sync -u {user} -s '' maildir:~/both").out.decode().strip()
    equal(account.ours(f"sync -u {{user}} -s '{state}' maildir:~/both").err, b"", "we take Debian's state")


def test_a_run_waits_for_another():
    account = pair().account(FILES)
    locks = []
    for home in account.homes.values():
        lock = open(home / ".dovecot-sync.lock", "w")
        os.chown(lock.fileno(), pair().pair.uid, pair().pair.gid)
        fcntl.lockf(lock, fcntl.LOCK_EX)
        locks.append(lock)
    same(account, "sync -u {user} -l 1 maildir:~/copy", "backup -u {user} -l 1 maildir:~/copy")
    check(b"Timed out after 1 seconds (WRITE lock held by pid " in account.ours("sync -u {user} -l 1 maildir:~/copy").err, "who has it")
    same(account, "sync -u {user} maildir:~/copy")
    for lock in locks:
        lock.close()
    same(account, "sync -u {user} -l 1 maildir:~/copy")
    equal([(home / ".dovecot-sync.lock").exists() for home in account.homes.values()], [False, False], "the lock goes")


def test_the_replica_of_the_database():
    pair()
    user = "u39"
    for whose in ("ours", "theirs"):
        root = pair().pair.root / f"{user}-{whose}"
        subprocess.run(["cp", "-a", pair().account(FILES).homes[whose], root], check=True)
    for line in (f"sync -u {user} -d", f"backup -u {user} -d", f"sync -u {user} -d maildir:~/foo"):
        ours, theirs = pair().ours(line), pair().theirs(line)
        equal((ours.status, ours.out, errors_of(ours.err)), (theirs.status, theirs.out, errors_of(theirs.err)), line)
    made = [subjects(pair().pair.root / f"{user}-{whose}/replica") for whose in ("ours", "theirs")]
    equal(made[0], made[1], "what the replica has")
    equal(sorted(made[0]), [".", ".Sent", ".Sent.Sub", ".Trash"], "its mailboxes")


def fetched(side, line):
    out = re.sub(rb" ?\\Recent\b", b"", side(line).out)
    rows = re.sub(rb"(?m)^flags: +", b"flags: ", out).replace(b"flags: \n", b"flags:\n").split(b"\x0c")
    return sorted(row.strip() for row in rows if row.strip())


def test_places_in_other_formats():
    """Written by Debian's Dovecot; each side makes its mail the same."""
    writer = pair().account({path: text for path, text in FILES.items() if not path.startswith(".Sent.Sub")})
    fields = "fetch -u {user} 'mailbox uid flags date.received hdr.subject text' all"
    wanted = fetched(writer.theirs, fields)
    for place in ("sdbox:~/place", "mdbox:~/place2", "mbox:~/place3", "mbox:~/place4:INBOX=~/inbox4"):
        equal(tuple(writer.theirs(f"backup -u {{user}} {place}")), (0, b"", b""), place)
        target = pair().account({"cur/1700000009.M9P1.h:2,S": b"Subject: goes\n\nx\n"})
        for name in re.findall(r"~/(\w+)", place):
            subprocess.run(["cp", "-a", writer.homes["theirs"] / name, target.homes["ours"] / name], check=True)
        equal(tuple(target.ours(f"backup -R -u {{user}} {place}")), (0, b"", b""), f"ours from {place}")
        equal(fetched(target.ours, fields), wanted, f"from {place}")
        equal(tuple(target.ours(f"sync -1 -R -u {{user}} {place}")), (0, b"", b""), f"ours from {place}, once more")
        equal(fetched(target.ours, fields), wanted, f"from {place}, once more")
        for line in (f"backup -u {{user}} {place}", f"sync -u {{user}} {place}"):
            equal((target.ours(line).status, b"can only be read" in target.ours(line).err), (65, True), line)
        # "-o mail_location": the old mail is that of the user, and the new place a Maildir.
        equal(tuple(target.ours(f"-o mail_location={place} sync -u {{user}} -1 maildir:~/new")), (0, b"", b""), f"from the user's own {place}")
        equal(fetched(target.ours, "-o mail_location=maildir:~/new " + fields), wanted, f"a Maildir made from {place}")
    target = pair().account(FILES)
    for place in ("sdbox", "mdbox", "mbox", "maildir"):
        outcome = target.ours(f"backup -R -u {{user}} {place}:~/missing")
        check(outcome.status == 65 and b"/missing" in outcome.err, f"{place}: {outcome.err}")
    equal(subjects(target.homes["ours"] / "Maildir")["."], {("one", "S"), ("two", "Fa"), ("three", "")}, "what was there")


def test_folders_with_dots():
    """mbox files may have dots in their names, where a Maildir has levels."""
    target = pair().account({})
    home = target.homes["ours"]
    (home / "mbox/sub").mkdir(parents=True)
    for number, name in enumerate(("inbox", "a.b", "a_b", "sub/c.d", "plain")):
        (home / "mbox" / name).write_bytes(b"From x@x Mon Jan  1 00:00:00 2024\nSubject: m%d\n\nx\n\n" % number)
    subprocess.run(["chown", "-R", f"{pair().pair.uid}:{pair().pair.gid}", home / "mbox"], check=True)
    for _ in range(2):
        equal(tuple(target.ours("backup -R -u {user} mbox:~/mbox")), (0, b"", b""), "backup")
        found = {name: sorted(subject for subject, _ in messages) for name, messages in subjects(home / "Maildir").items()}
        equal(found, {".": ["m0"], ".a_b_": ["m1"], ".a_b": ["m2"], ".sub.c_d": ["m3"], ".plain": ["m4"]}, "folders")


def imap_options(source, port):
    return (f"-o imapc_host={pair().pair.address} -o imapc_port={port} -o imapc_user={source.user} -o imapc_password={PASSWORD} "
            "-o imapc_features='rfc822.size fetch-headers' ")


def test_import_from_an_imap_server():
    source = pair().account(FILES)
    fields = "fetch -u {user} 'mailbox flags date.received text' all"
    for port in (1431, IMAP):
        target = pair().account({})
        options = imap_options(source, port)
        for line in (options + "import -u {user} imapc: Old all", options + "import -s -u {user} imapc: '' mailbox Sent answered",
                     options + "import -u {user} imapc: Nothing subject nosuch"):
            for side in (target.ours, target.theirs):
                outcome = side(line)
                equal((outcome.status, outcome.out), (0, b""), f"{line}: {outcome.err}")
        equal(fetched(target.ours, fields), fetched(target.theirs, fields), "what has come")
        for line in ("mailbox list -u {user}", "mailbox list -s -u {user}"):
            equal(sorted(target.ours(line).out.split()), sorted(target.theirs(line).out.split()), line)
        equal(list((target.homes["ours"] / "Maildir").glob("*import.*")), [], "what was brought for the time being")
    outcome = target.ours(imap_options(source, 1) + "import -u {user} imapc: Old all")
    check(outcome.status == 75 and b"Error: " in outcome.err, f"nobody there: {outcome.err}")
    check(b"imapc_host is not set" in target.ours("import -u {user} imapc: Old all").err, "no host")


GUIDES = ("-o mail_fsync=never backup -R -u {user} imapc:", "-o mail_fsync=never sync -1 -R -u {user} imapc:",
          "-o ssl_client_ca_dir=/etc/ssl/certs -o mail_prefetch_count=20 backup -R -x '\\All' -x '\\Flagged' -x '\\Important' -u {user} imapc:",
          "-o imapc_ssl_verify=no -o ssl_client_ca_dir=/etc/ssl/certs -o mail_prefetch_count=20 sync -1 -x 'Shared*' -x 'Public*' -R -U -u {user} imapc:",
          "backup -a virtual/All -O '-$GmailHaveLabels' -R -u {user} imapc:", "-o imapc_sasl_mechanisms=plain backup -Ru {user} imapc:",
          "-D backup -Ru {user} -x Trash imapc:")


def test_guides_for_moving_from_an_imap_server():
    """Command lines of guides and panels, as they are typed there."""
    source = pair().account(FILES)
    for line in GUIDES:
        target = pair().account({})
        subprocess.run(["rm", "-rf", target.homes["theirs"] / "Maildir"], check=True)
        for side in (target.ours, target.theirs):
            outcome = side(imap_options(source, 1431) + line)
            equal((outcome.status, outcome.out), (0, b""), f"{line}: {outcome.err}")
        fields = "fetch -u {user} 'mailbox uid flags date.received text' all"
        equal(fetched(target.ours, fields), fetched(target.theirs, fields), line)
        check(b"Subject: one" in target.ours(fields).out, line)


def test_settings_in_a_file_and_a_prefix():
    source, target = pair().account(FILES), pair().account({})
    conf = pair().pair.root / "migration.conf"
    conf.write_text(f"imapc_host = {pair().pair.address}\nimapc_port = 1431\nimapc_user = {source.user}\nimapc_password = wrong\n"
                    "imapc_features = rfc822.size\nnamespace inbox {\n  inbox = yes\n}\n")
    words = ["-c", pair().mail.mta.conf, "-c", conf, "-o", f"imapc_password={PASSWORD}", "backup", "-R", "-u", target.user, "imapc:"]
    equal(tuple(pair().ours([str(word) for word in words])), (0, b"", b""), "the file, and what -o says in its place")
    equal(subjects(target.homes["ours"] / "Maildir").keys(), {".", ".Sent", ".Sent.Sub", ".Trash"}, "what it has brought")
    below = pair().account({})
    line = imap_options(source, 1431) + "-o imapc_list_prefix=Sent backup -R -u {user} imapc:"
    equal(below.ours(line).status, 0, line)
    equal(subjects(below.homes["ours"] / "Maildir"), {".": {("one", "S"), ("two", "Fa"), ("three", "")}, ".Sub": {("five", "")}}, "below a prefix")


def test_several_users():
    """The last one: it makes homes for all who have not been used."""
    accounts = [pair().account(FILES), pair().account({"cur/1.M1.h:2,S": b"Subject: other\n\nx\n"})]
    names = pair().pair.root / "names"
    names.write_text("".join(f"{account.user}\n" for account in accounts))
    for line in (f"sync -F {names} maildir:~/several", "backup -A maildir:~/every", f"backup -u '{accounts[0].user}*' maildir:~/pattern",
                 f"sync -F {names}.missing maildir:~/none", "sync -u nobody1 maildir:~/none"):
        same(accounts[0], line)
    for account in accounts:
        for place in ("several", "every"):
            ours, theirs = copies(account, place)
            equal(ours, theirs, f"{account.user}: {place}")
            check(ours, f"{account.user}: {place} has mail")
