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
