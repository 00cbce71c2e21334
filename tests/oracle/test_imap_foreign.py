"""A mailbox that somebody else changes between two looks, while the user's process lives: what ours makes of it and what
Dovecot does."""
import os
import re
import shutil
import subprocess
import time

from support import check, equal
from support.imap_pair import imap_pair

FILES = {".Box/cur/1700000001.M1P1.h:2,Sab": b"Subject: one\n\n1\n", ".Box/cur/1700000002.M2P1.h:2,": b"Subject: two\n\n2\n",
         ".Box/dovecot-keywords": b"0 kwA\n1 kwB\n"}
APPEND = b"APPEND Box (kwA) {17+}\r\nSubject: n\r\n\r\nx\r\n"


def look(account, whose):
    """The mailbox as a new session sees it: UIDVALIDITY, {uid: flags and text}."""
    account.close()
    session = account.session(whose)
    answer = session.command("SELECT Box")
    if b" OK" not in answer[-1]:
        return None
    validity = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(answer))[1])
    found = {}
    for line in session.command("UID FETCH 1:* (FLAGS BODY.PEEK[TEXT])")[:-1]:
        text = re.search(rb"(\S+)\r\n\)", line)
        if text:  # else a flag that is told by the way
            flags = re.search(rb"FLAGS \(([^)]*)\)", line)[1].split()
            uid = int(re.search(rb"UID (\d+)", line)[1])
            found[uid] = (sorted(f for f in flags if f != rb"\Recent"), text[1])
    return validity, found


def outcome(account, whose, change):
    """What is there before the change, after it, and after an APPEND."""
    first = look(account, whose)
    box = account.homes[whose] / "Maildir/.Box"
    change(box)
    subprocess.run(["chown", "-R", "--reference", account.homes[whose], account.homes[whose] / "Maildir"], check=True)
    time.sleep(1.1)  # what Dovecot looks at has seconds
    account.session(whose).command("NOOP")
    after = look(account, whose)
    appended = account.session(whose).command(APPEND)[-1]
    last = look(account, whose)
    return {"before": first and first[1], "after": after and after[1], "append": b" OK" in appended,
            "last": last and last[1], "same validity": bool(after) and after[0] == first[0]}


def replace(name, text):
    def change(box):
        (box / "mine").write_text(text)
        (box / "mine").rename(box / name)
    return change


def move_away_and_make_anew(box):
    box.rename(box.parent / ".Old")
    for part in ("cur", "new", "tmp"):
        os.makedirs(box / part)


def copy_back(box):
    shutil.copytree(box, box.parent / ".Old", copy_function=shutil.copy2)
    shutil.rmtree(box)
    (box.parent / ".Old").rename(box)


def empty_messages(box):
    shutil.rmtree(box / "cur")
    os.makedirs(box / "cur")


CHANGES = {
    "keywords replaced": replace("dovecot-keywords", "0 kwX\n1 kwA\n"),
    "keywords removed": lambda box: (box / "dovecot-keywords").unlink(),
    "uidlist removed": lambda box: (box / "dovecot-uidlist").unlink(),
    "moved away": lambda box: box.rename(box.parent / ".Old"),
    "moved away and made anew": move_away_and_make_anew,
    "copy put back": copy_back,
    "cur/ emptied": empty_messages,
    "new/ removed": lambda box: shutil.rmtree(box / "new"),
    "tmp/ removed": lambda box: shutil.rmtree(box / "tmp"),
    "all removed": shutil.rmtree,
}


# Where ours does otherwise, on purpose: names of keywords in use are kept; a lost uidlist means a new UIDVALIDITY
# (Dovecot keeps it, and gives all messages new UIDs).
DIFFERENT = ("keywords removed", "uidlist removed")


def compare(pair, what):
    account = pair.account(FILES)
    ours, theirs = (outcome(account, whose, CHANGES[what]) for whose in ("ours", "theirs"))
    check(theirs["before"] and theirs["before"][1][0] == [rb"\Seen", b"kwA", b"kwB"], f"{what}: {theirs}")
    if what not in DIFFERENT:
        equal(ours, theirs, what)
        return
    equal(texts(ours), texts(theirs), what)
    equal(ours["last"][1][0], [rb"\Seen", b"kwA", b"kwB"], f"{what}: keywords keep their names")
    check(not ours["same validity"] or ours["before"].keys() == ours["after"].keys(), f"{what}: {ours}")


def texts(result):
    return {when: sorted(text for _, text in (result[when] or {}).values()) for when in ("before", "last")}


def test_changes_by_somebody_else():
    pair = imap_pair()
    for what in CHANGES:
        compare(pair, what)


test_changes_by_somebody_else.seconds = 150


HEAD_3 = b"3 V1700000000 N10 G0123456789abcdef0123456789abcdef\n"
LISTS = {"Courier's": b"1 1700000000 10\n3 1700000001.M1.h:2,\n7 1700000002.M1.h\n", "with sizes": HEAD_3 + b"3 W100 :1700000001.M1.h\n7 S50 W60 Pabc G01 :1700000002.M1.h\n",
         "with flags": HEAD_3 + b"3 :1700000001.M1.h:2,S\n7 :1700000002.M1.h:2,\n", "without a GUID": b"3 V1700000000 N10\n3 :1700000001.M1.h\n7 :1700000002.M1.h\n",
         "with other line ends": HEAD_3.replace(b"\n", b"\r\n") + b"3 :1700000001.M1.h\r\n7 :1700000002.M1.h\r\n", "a low next": HEAD_3.replace(b"N10", b"N2") + b"3 :1700000001.M1.h\n7 :1700000002.M1.h\n",
         "what is gone": HEAD_3 + b"2 :1600000000.M1.h\n3 :1700000001.M1.h\n7 :1700000002.M1.h\n"}
MESSAGE = b"Subject: x\n\ny\n"


def test_lists_of_uids_that_others_wrote():
    pair = imap_pair()
    for what, text in LISTS.items():
        account = pair.account({"cur/1700000001.M1.h:2,S": MESSAGE, "cur/1700000002.M1.h:2,": MESSAGE, "new/1700000003.M1.h": MESSAGE, "dovecot-uidlist": text})
        for command in ("SELECT INBOX", "UID FETCH 1:* FLAGS"):
            equal(account.ours(command), account.theirs(command), f"{what}: {command}")
        account.close()


# As mutt, qmail, Courier, offlineimap, isync and Windows name messages; leftovers; folders with odd names.
LEFT = {"cur/1700000001.M1.h": b"noinfo", "cur/1700000002.M1.h:2": b"half", "cur/1700000003.M1.h:1,x": b"experimental", "cur/1700000004.M1.h:2,SFRX": b"unknown", "cur/1700000006.M1.h:2,S:2,F": b"twice",
        "cur/1700000009.M1.h,S=abc:2,S": b"badsize", "cur/1700000010.M1.h,W=30:2,S": b"onlyW", "cur/1700000011.M1.h:2,SS": b"double", "cur/1700000012.M1.h:2,SFa": b"keyword", "new/1700000014.M1.h:2,S": b"innew",
        "new/1700000015.M1.h": b"new", "new/.hidden": b"hidden", "cur/.hidden": b"hidden", "cur/noname": b"noname", "cur/1700000016.1_1.host,U=5,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,S": b"offlineimap",
        "cur/1700000017.R1.host!2,S": b"isync", "cur/1700000018.H1P4.host": b"courier", "cur/1700000019.1_0.host;2,S": b"windows", "cur/1700000021.Q5.host": b"qmail", "tmp/1700000022.left": b"left",
        "cur/1700000023.\u00e9.h:2,S": b"letters", "cur/1700000024.x y.h:2,S": b"blank", "cur/1700000025.M1.h:2,S~": b"backup", "cur/1700000026.M1.h:2,PS": b"passed", "cur/1700000029": b"bare", "cur/core": b"core"}
BESIDE = {"stray": b"x", ".Nocur/": b"", ".Sub/cur/1700000001.M1.h:2,S": b"x\n", ".Sub.Deep/": b"", ".Trailing./": b"", ".a..b/": b"", ".INBOX/": b"", ".with space/": b"", "courierimapsubscribed": b"INBOX.Sub\n",
          "courierimapuiddb": b"1 1700000000 10\n", "maildirfolder": b"", ".Sub/maildirfolder": b"", "dovecot.index.log": b"garbage", "dovecot.index": b"garbage" * 100,
          "dovecot-keywords": b"0 first\n2 third\n\nx bad\n3\n", "subscriptions": b"V\t2\n\nSub\tDeep\nSub\nOld%Name\n"}


def test_maildirs_that_others_left():
    account = imap_pair().account({name: b"Subject: " + text + b"\n\nb\n" for name, text in LEFT.items()} | BESIDE)
    account.same('LIST "" "*"', 'LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"', *(f'STATUS "{name}" (MESSAGES UIDNEXT UNSEEN)' for name in ("Sub", "Sub/Deep", "Nocur", "with space", "a", "a/b", "Trailing")))
    found = {}
    for whose in ("ours", "theirs"):
        getattr(account, whose)("SELECT INBOX")
        rows = getattr(account, whose)("FETCH 1:* (FLAGS RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found[whose] = {re.search(rb"Subject: (\S+)", row)[1]: re.sub(rb"^\* \d+ |\( ?\\Recent ?|(?<=\() | ?\\Recent", lambda m: b"(" if m[0].startswith(b"(") else b"", row) for row in rows if b"Subject" in row}
    equal(found["ours"], found["theirs"], "messages")
    account.close()
