"""mail_location with LAYOUT=fs, CONTROL=, INDEX= and UTF-8: the same answers as Dovecot's, the same files, and each goes on with what the
other has left."""
import os
import re
import shutil

from support import check, equal
from support.imap import IMAP
from support.imap_pair import ImapPair, Session

MAIL = b"From: a@b.test\nSubject: x\nMessage-ID: <%d@test>\n\ntext\n"
PARTS = ("cur", "new", "tmp")


def fill(home, files, uid, gid):
    """{"Maildir/a/b": 2}: a mailbox with so many messages, or None: a plain directory."""
    for name, count in files.items():
        path = home / name
        path.mkdir(parents=True, exist_ok=True)
        if count is None:
            continue
        for part in PARTS:
            (path / part).mkdir(exist_ok=True)
        for number in range(1, count + 1):
            message = path / f"new/170000000{number}.M1P1.h"
            message.write_bytes(MAIL % number)
            os.utime(message, (1700000000, 1700000000))
    for folder, subfolders, names in os.walk(home):
        for each in [folder] + [os.path.join(folder, n) for n in names]:
            os.chown(each, uid, gid, follow_symlinks=False)


FS = "maildir:~/Maildir:LAYOUT=fs"
APART = "maildir:~/Maildir:CONTROL=~/control:INDEX=~/index"
_pairs = {}


def account(location, files, separator="/"):
    """A user of a pair that serves this location."""
    key = (location, separator)
    if key not in _pairs:
        for other in _pairs.values():
            other.dovecot.stop()
            other.mail.mta.stop()
        _pairs.clear()
        _pairs[key] = ImapPair(accounts=8, separator=separator, main=f"imap_mail_location = {location}\n",
                               theirs=f"mail_location = {location}\n")
    return _pairs[key].account(files, fill)


def pair():
    return next(iter(_pairs.values()))


def tree_of(home):
    """Directories, and which lists are where."""
    found = set()
    for folder, subfolders, names in os.walk(home):
        below = os.path.relpath(folder, home)
        found.add(below)
        for name in names:
            if name in ("dovecot-uidlist", "dovecot-keywords", "subscriptions", "maildirfolder", "dovecot-uidvalidity", "maildirsize"):
                found.add(f"{below}/{name}")
    return found


def same_files(box):
    equal(sorted(tree_of(box.homes["ours"])), sorted(tree_of(box.homes["theirs"])), "directories and lists")


TREE = {"Maildir": 2, "Maildir/box": 1, "Maildir/deep/a/b": 0, "Maildir/.hidden": 0, "Maildir/x.y": 0, "Maildir/INBOX/sub": 0,
        "Maildir/&AOQ-x": 0, "Maildir/box/.in": 0}


def test_nested_folders():
    box = account(FS, TREE)
    box.same('LIST "" *', 'LIST "" %', 'LIST "" deep/%', 'LIST "" box*', "SELECT box", "FETCH 1 (UID BODY.PEEK[TEXT])", "SELECT deep", "SELECT .hidden",
             "SELECT &AOQ-x", "STATUS INBOX (MESSAGES UIDNEXT)", "SELECT INBOX", "COPY 1 deep/a/b", "STATUS deep/a/b (MESSAGES)",
             "STORE 1 +FLAGS (\\Seen kw)",
             "CREATE p/q/r", "CREATE w", "CREATE p", "CREATE p", 'CREATE "a/~b"', 'CREATE "sp ace/st*r"', "CREATE &AOQ-", "CREATE INBOX/z",
             "SUBSCRIBE p/q/r", "SUBSCRIBE x.y", "SUBSCRIBE INBOX/sub", "SUBSCRIBE &AOQ-", "SUBSCRIBE nosuch", 'LSUB "" *', 'LSUB "" %',
             'LIST (SUBSCRIBED) "" *', "RENAME w p", "RENAME w p/q", "RENAME w n/e/w", "RENAME deep moved", "RENAME p/q p/r", "RENAME nosuch y",
             "RENAME x.y INBOX", "RENAME x.y x.y/z", "DELETE p", "LIST \"\" p*", "SELECT p/r/r", "CLOSE", "DELETE p/r/r", "DELETE nosuch",
             "DELETE INBOX", "STATUS moved/a/b (MESSAGES)", "APPEND moved/a/b {4+}\r\nmail", "STATUS moved/a/b (MESSAGES UIDNEXT)")
    equal((box.homes["ours"] / "Maildir/subscriptions").read_bytes(), (box.homes["theirs"] / "Maildir/subscriptions").read_bytes(),
          "subscriptions")
    box.close()


def test_names_that_lead_out():
    box = account(FS, {"Maildir": 1, "Maildir/box": 1, "elsewhere": 1})
    names = ["..", "../elsewhere", "box/../../elsewhere", "box/..", "./box", "box/./x", "cur", "new", "tmp", "box/cur", "cur/box", "/etc", "/",
             "~", "~/x", "~root", "box//x", "a&AAA-b", "&AC8-", "x" * 256, "/".join("y" * 60)]
    for name in names:
        for command in ("SELECT", "CREATE", "DELETE", "SUBSCRIBE", "EXAMINE", "RENAME box"):
            answers = box.ours(f'{command} "{name}"'), box.theirs(f'{command} "{name}"')
            refused = [answer[-1].split(b" ")[0] for answer in answers]
            deep = name.startswith("y/") or name == "x" * 256  # each has its limit
            check(deep or refused == [b"NO", b"NO"], f"{command} {name}: {answers}")
    equal(sorted(os.listdir(box.homes["ours"])), ["Maildir", "elsewhere"], "beside the mailboxes")
    equal(sorted(os.listdir(box.homes["ours"] / "elsewhere/cur")), sorted(os.listdir(box.homes["theirs"] / "elsewhere/cur")), "there")
    box.close()


def test_a_dot_separates_and_inbox_is_elsewhere():
    box = account("maildir:~/Maildir:LAYOUT=fs:INBOX=~/Maildir/INBOX", {"Maildir/INBOX": 2, "Maildir/INBOX/sub": 0, "Maildir/a/b": 1}, ".")
    box.same('LIST "" *', 'LIST "" %', "SELECT INBOX", "SELECT a.b", "CREATE a.c", "CREATE a/d", "CREATE .x", "CREATE a..b", "CREATE a.cur",
             "CLOSE", "RENAME a.b z.b", "SUBSCRIBE z.b", 'LSUB "" *', 'LIST "" *', "CREATE INBOX.more", "DELETE INBOX.sub", "STATUS INBOX (MESSAGES)")
    same_files(box)
    box.close()


def test_utf8_on_disk():
    for layout in ("", ":LAYOUT=fs"):
        dot = "" if layout else "."
        box = account(f"maildir:~/Maildir{layout}:UTF-8", {"Maildir": 0, f"Maildir/{dot}\u00e4": 1})
        box.same("SELECT INBOX", 'LIST "" *', "SELECT &AOQ-", "CREATE &AOQ-new", "SUBSCRIBE &AOQ-new", 'LSUB "" *', "CREATE b&-c", "CLOSE", "RENAME &AOQ- &AOQ-2",
                 'LIST "" *', "DELETE &AOQ-new", 'LIST "" *')
        equal((box.homes["ours"] / "Maildir/subscriptions").read_bytes(), (box.homes["theirs"] / "Maildir/subscriptions").read_bytes(),
              "subscriptions")
        same_files(box)
        box.close()


APPENDS = "APPEND {} {{4+}}\r\nmail"


def without_indexes(found):
    """What Dovecot's index directories are for, ours are too; but it makes them late."""
    return sorted(path for path in found if not path.startswith("index"))


def test_lists_and_indexes_apart():
    for location in (APART, APART + ":LAYOUT=fs", APART.replace("~/index", "MEMORY")):
        box = account(location, {"Maildir": 2})
        box.same("CREATE a/b", "CREATE c", "SELECT INBOX", "STORE 1 +FLAGS (kw \\Seen)", "COPY 1 a/b", "COPY 1:2 c", "SELECT c", "CLOSE",
                 "SUBSCRIBE a/b", "RENAME a n", "STATUS n/b (MESSAGES UIDNEXT)", "DELETE c", "CREATE c", "STATUS c (MESSAGES UIDNEXT)",
                 "SELECT c", 'LIST "" *', 'LSUB "" *')
        ours, theirs = (without_indexes(tree_of(box.homes[whose])) for whose in ("ours", "theirs"))
        equal(ours, theirs, f"directories and lists of {location}")
        box.close()
        home = box.homes["ours"]
        strays = [path for path in home.rglob("relais.*") if path.relative_to(home).parts[0] == "Maildir" and path.parent.name != "Maildir"]
        equal(strays, [], "indexes beside the mail")
        equal((home / "index").exists(), "MEMORY" not in location, "the directory of indexes")


def picture(port, user, names):
    session = Session(pair().address, port, user)
    seen = {}
    for name in names:
        answer = session.command(f"SELECT {name}")
        validity = next(re.search(rb"UIDVALIDITY (\d+)", line)[1] for line in answer if b"UIDVALIDITY" in line)
        messages = session.command("FETCH 1:* (UID FLAGS)") if b"* 0 EXISTS\r\n" not in answer else []
        seen[name] = validity, sorted(re.sub(rb" ?\\Recent|^\* \d+ ", b"", line) for line in messages if b"FETCH" in line and b"UID" in line)
    subscribed = sorted(session.command('LSUB "" *')[:-1])
    session.close()
    return seen, subscribed


def hand_over(source, target):
    """The mail and Dovecot's lists, as somebody who changes servers leaves them."""
    shutil.rmtree(target)
    shutil.copytree(source, target, symlinks=True)
    for folder, subfolders, names in os.walk(target):
        for each in [folder] + [os.path.join(folder, n) for n in names]:
            os.chown(each, pair().uid, pair().gid)
            if re.match(r"(relais|dovecot\.(index|list|mailbox))", os.path.basename(each)):
                os.unlink(each)


def test_each_goes_on_with_what_the_other_has_left():
    for location in (FS, APART, APART + ":LAYOUT=fs"):
        box = account(location, {"Maildir": 3})
        ours, theirs = (box.homes[whose] for whose in ("ours", "theirs"))
        session = Session(pair().address, IMAP, box.user)
        for command in ("CREATE a", "CREATE a/b", "SELECT INBOX", "STORE 2 +FLAGS (\\Seen $Junk)", "COPY 1:3 a/b", "COPY 2 a", "SUBSCRIBE a/b", "SELECT a/b",
                        "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "STORE 1 +FLAGS (other)", "LOGOUT"):
            answer = session.command(command)
            check(command == "LOGOUT" or b" OK" in answer[-1], f"{command}: {answer}")
        session.close()
        names = ("INBOX", "a", "a/b")
        for number in range(2):
            before = picture(IMAP, box.user, names)
            equal(len(before[0]["a/b"][1]), 2, "messages")
            hand_over(ours, theirs)
            equal(picture(pair().their_port, box.user, names), before, f"what Dovecot makes of ours, {location}")
            session = Session(pair().address, pair().their_port, box.user)
            for command in ("SELECT a/b", f"STORE 1 +FLAGS (kw{number})", "CHECK", "LOGOUT"):
                session.command(command)
            session.close()
            before = picture(pair().their_port, box.user, names)
            hand_over(theirs, ours)
            equal(picture(IMAP, box.user, names), before, f"what we make of Dovecot's, {location}")
