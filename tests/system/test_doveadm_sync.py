"""doveadm backup and sync: the same mail in two places, whatever has changed on either side, and whatever ends a run in the middle."""
import os
import random
import re
import signal
import subprocess
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_pair import fill_maildir

_mail = []
FILES = {"cur/1700000001.M1P1.h,S=23:2,S": b"Subject: one\n\nhello w.\n", "cur/1700000002.M2P1.h:2,Fab": b"Subject: two\n\nbody\n",
         "new/1700000003.M3P1.h": b"Subject: three\n\nnew\n", "dovecot-keywords": b"0 $Junk\n1 Later\n",
         ".Sent/cur/1700000004.M4P1.h:2,S": b"Subject: four\n\nx\n", ".A.B/cur/1700000005.M5P1.h:2,T": b"Subject: five\n\ny\n",
         ".&APw-ber/cur/": b"", "subscriptions": b"V\t2\n\nSent\nA\tB\nGone\n"}


def mail():
    if not _mail:
        _mail.append(ImapInstance())
    return _mail[0]


def run(*words, timeout=60, kill_after=None):
    mta = mail().mta
    process = subprocess.Popen([mta.commands / "doveadm", "-c", mta.conf, *words], env=mta.environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    if kill_after is not None:
        time.sleep(kill_after)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    out, err = process.communicate(timeout=timeout)
    if kill_after is not None:
        reap(process.pid)
    return process.returncode, out.decode(), err.decode()


def reap(group):
    """Takes note of orphans that were killed, where they have become ours: else they are there, for who looks at a lock of theirs."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.waitpid(-group, 0)
        except ChildProcessError:
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return
        time.sleep(0.01)


def good(*words):
    equal(run(*words), (0, "", ""), " ".join(words))


def fresh(user, files):
    """The user's home, with nothing but these files in his Maildir."""
    home = mail().home(user)
    subprocess.run(["rm", "-rf", *home.iterdir()], check=True)
    uid, gid = mail().mta.vmail_ids()
    fill_maildir(home / "Maildir", files, uid, gid)
    return home


def folders(root):
    return {"INBOX": root, **{path.name[1:]: path for path in root.iterdir() if path.name.startswith(".") and (path / "cur").is_dir()}}


def state(root, ids=True):
    """What a client would see: {folder: (UIDVALIDITY, next UID, {UID: (date, flags, keywords, text)})}, and the subscriptions."""
    seen = {}
    for name, path in folders(root).items():
        lines = (path / "dovecot-uidlist").read_text().splitlines() if (path / "dovecot-uidlist").exists() else ["3 V0 N1"]
        head = dict((word[0], word[1:]) for word in lines[0].split()[1:])
        uids = {line.split(" :", 1)[-1] if " :" in line else line.split(":", 1)[1]: int(line.split()[0]) for line in lines[1:]}
        names = dict(line.split(" ", 1) for line in (path / "dovecot-keywords").read_text().splitlines()) if (path / "dovecot-keywords").exists() else {}
        file = path / "relais.keywords"
        more = dict(line.split("\t") for line in file.read_text().splitlines()) if file.exists() else {}
        messages = {}
        for part in ("cur", "new"):
            for file in (path / part).iterdir():
                base, _, flags = file.name.partition(":2,")
                words = sorted([names[str(ord(c) - 97)] for c in flags if c.islower()] + more.get(base, "").split())
                check(base in uids, f"{file} has no UID")
                check(uids[base] not in messages, f"{uids[base]} is there twice in {name}")
                messages[uids[base]] = (int(file.stat().st_mtime), "".join(c for c in flags if c.isupper()), words, file.read_bytes())
        seen[name] = (int(head["V"]) if ids else 0, max([int(head["N"]), *(uid + 1 for uid in uids.values())]), messages)
    lines = (root / "subscriptions").read_text().splitlines() if (root / "subscriptions").exists() else []
    return seen, sorted(line.replace("\t", ".") for line in lines if line and line != "V\t2")


def look(user):
    """Gives everything a UID."""
    good("mailbox", "status", "-u", user, "messages", "nothing*")
    for name in folders(mail().maildir(user)):
        good("index", "-u", user, name)


def test_backup_to_a_maildir_and_back():
    home = fresh("bob", FILES)
    good("backup", "-u", "bob", "maildir:~/copy")
    equal(state(home / "copy"), state(home / "Maildir"), "the copy")
    check(len(state(home / "copy")[0]) == 4, "folders")
    good("backup", "-u", "bob", "maildir:~/copy")
    equal(state(home / "copy"), state(home / "Maildir"), "the copy, once more")
    # And what has changed.
    good("flags", "add", "-u", "bob", "\\Answered $New", "mailbox", "INBOX", "uid", "1")
    good("flags", "remove", "-u", "bob", "Later", "mailbox", "INBOX", "uid", "2")
    good("expunge", "-u", "bob", "mailbox", "Sent", "uid", "1")
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "uid", "3")
    good("mailbox", "rename", "-u", "bob", "A.B", "A.C")
    good("mailbox", "create", "-s", "-u", "bob", "Fresh")
    good("mailbox", "delete", "-u", "bob", "über")
    good("mailbox", "unsubscribe", "-u", "bob", "Sent")
    good("backup", "-u", "bob", "maildir:~/copy")
    equal(state(home / "copy"), state(home / "Maildir"), "the copy, after changes")
    # The other way round, what was done here goes.
    before = {name: (validity, messages) for name, (validity, _, messages) in state(home / "copy")[0].items()}
    good("expunge", "-u", "bob", "mailbox", "*", "all")
    good("mailbox", "delete", "-u", "bob", "Fresh")
    good("mailbox", "rename", "-u", "bob", "A.C", "X")
    good("save", "-u", "bob", "-m", "Sent", "/etc/hostname")
    good("backup", "-R", "-u", "bob", "maildir:~/copy")
    now = {name: (validity, messages) for name, (validity, _, messages) in state(home / "Maildir")[0].items()}
    equal(now, before, "what was brought back")


def test_sync_both_ways():
    home = fresh("bob", FILES)
    there = "maildir:~/other"
    good("sync", "-u", "bob", there)
    equal(state(home / "other"), state(home / "Maildir"), "the first time")
    # On this side: a flag, a message that goes, one that comes, a mailbox that goes.
    good("flags", "add", "-u", "bob", "\\Answered", "mailbox", "INBOX", "uid", "1")
    good("expunge", "-u", "bob", "mailbox", "INBOX", "uid", "2")
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "uid", "1")
    good("mailbox", "delete", "-u", "bob", "über")
    # On that side, with the same program: another flag on the same message, a message in each folder, a new name.
    swap(home)
    good("flags", "add", "-u", "bob", "\\Flagged $That", "mailbox", "INBOX", "uid", "1")
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "uid", "3")
    good("expunge", "-u", "bob", "mailbox", "Sent", "uid", "1")
    good("mailbox", "rename", "-u", "bob", "A.B", "A.New")
    good("mailbox", "create", "-s", "-u", "bob", "There")
    swap(home)
    good("sync", "-u", "bob", there)
    seen, subscribed = state(home / "Maildir")
    equal(state(home / "other"), (seen, subscribed), "the second time")
    equal(sorted(seen), ["A.New", "INBOX", "Sent", "There"], "mailboxes")
    equal(seen["INBOX"][2][1][1:3], ("FRS", ["$That"]), "flags of both")
    equal(sorted(seen["INBOX"][2]), [1, 3], "INBOX")
    equal(sorted(text for *_, text in seen["Sent"][2].values()), [b"Subject: one\n\nhello w.\n", b"Subject: three\n\nnew\n"], "Sent")
    check(min(seen["Sent"][2]) > 1, f"UIDs that were taken on one side are nobody's: {sorted(seen['Sent'][2])}")
    good("sync", "-u", "bob", there)
    equal(state(home / "Maildir"), (seen, subscribed), "nothing to do")
    # A flag that is taken away stays away; what is new in a mailbox that goes elsewhere comes back with it.
    good("flags", "remove", "-u", "bob", "\\Flagged $That", "mailbox", "INBOX", "uid", "1")
    good("mailbox", "delete", "-u", "bob", "A.New")
    swap(home)
    good("copy", "-u", "bob", "A.New", "mailbox", "INBOX", "uid", "1")
    swap(home)
    good("sync", "-u", "bob", there)
    seen, _ = state(home / "Maildir")
    equal(state(home / "other")[0], seen, "the third time")
    equal(seen["INBOX"][2][1][1:3], ("RS", []), "flags that were taken away")
    equal(len(seen["A.New"][2]), 2, "what came back")


def swap(home):
    os.rename(home / "Maildir", home / "x")
    os.rename(home / "other", home / "Maildir")
    os.rename(home / "x", home / "other")


def test_sync_one_way_leaves_the_source():
    home = fresh("bob", FILES)
    good("sync", "-1", "-u", "bob", "maildir:~/other")
    before = state(home / "Maildir")
    swap(home)
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "uid", "1")  # on the other side alone
    good("expunge", "-u", "bob", "mailbox", "INBOX", "uid", "2")
    swap(home)
    good("expunge", "-u", "bob", "mailbox", "INBOX", "uid", "1")
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "uid", "3")
    source = state(home / "Maildir")
    good("sync", "-1", "-u", "bob", "maildir:~/other")
    equal(state(home / "Maildir"), source, "the source")
    other, _ = state(home / "other")
    equal(sorted(other["INBOX"][2]), [3], "INBOX there: what was deleted on either side is")
    equal(len(other["Sent"][2]), 3, "Sent there: what both have added")
    check(before != source, "something has changed")


def test_two_accounts_over_a_pipe():
    """Each end is a doveadm of its own user."""
    bob, alice = fresh("bob", FILES), fresh("alice", {})
    program = [str(mail().mta.commands / "doveadm"), "-c", str(mail().mta.conf), "dsync-server", "-u", "alice"]
    good("backup", "-u", "bob", *program)
    equal(state(alice / "Maildir"), state(bob / "Maildir"), "backup over a pipe")
    good("save", "-u", "alice", "-m", "Sent", "/etc/hostname")
    good("flags", "add", "-u", "alice", "\\Flagged Pipe", "mailbox", "INBOX", "uid", "2")
    good("mailbox", "delete", "-u", "alice", "A.B")
    good("backup", "-R", "-u", "bob", *program)
    equal(state(bob / "Maildir"), state(alice / "Maildir"), "and back")
    good("sync", "-u", "bob", *program)
    good("save", "-u", "alice", "/etc/hostname")
    good("save", "-u", "bob", "-m", "Sent", "/etc/hostname")
    good("expunge", "-u", "bob", "mailbox", "INBOX", "uid", "1")
    good("sync", "-u", "bob", *program)
    equal(state(bob / "Maildir"), state(alice / "Maildir"), "both ways")
    equal(sorted(state(bob / "Maildir")[0]["INBOX"][2]), [2, 3, 4], "INBOX")


def test_ways_to_another_machine():
    """What dsync_remote_cmd and remoteprefix: lead to, and what -r writes down of the talk."""
    bob, alice = fresh("bob", FILES), fresh("alice", {})
    program = f"{mail().mta.commands}/doveadm -c {mail().mta.conf} dsync-server -U -T 30 -u"
    for place, command in (("remote:alice@there", f"{program} %{{login}}"), ("there", f"/usr/bin/env HOST=%{{host}} {program} alice")):
        fresh("alice", {})
        good("-o", f"dsync_remote_cmd={command}", "backup", "-u", "bob", "-N", "-r", str(bob / "raw"), place)
        equal(state(alice / "Maildir"), state(bob / "Maildir"), place)
        log = (bob / "raw").read_bytes()
        check(log.startswith(b"I ") and b"\nO " in log and b"relais-sync" in log and b"Subject: one" in log, f"{log[:200]}")
    fresh("alice", {})
    script = bob / "script"
    script.write_text(f"#!/bin/sh\nread user\n[ $user = bob ] && exec {program} alice\n")
    script.chmod(0o755)
    good("-o", f"dsync_remote_cmd={script}", "backup", "-u", "bob", "remoteprefix:there")
    equal(state(alice / "Maildir"), state(bob / "Maildir"), "remoteprefix")


def test_scope():
    home = fresh("bob", FILES)
    good("backup", "-u", "bob", "-x", "A*", "-x", "\\Sent", "maildir:~/copy")
    equal(sorted(state(home / "copy")[0]), ["&APw-ber", "INBOX"], "without what -x names")
    good("backup", "-u", "bob", "-m", "Sent", "maildir:~/copy")
    equal(sorted(state(home / "copy")[0]), ["&APw-ber", "INBOX", "Sent"], "what -m names comes, the rest stays")
    os.utime(next((home / "Maildir/cur").glob("*M1P1*")), (1800000000, 1800000000))
    good("backup", "-u", "bob", "-t", "1790000000", "-m", "INBOX", "maildir:~/since")
    equal([text for *_, text in state(home / "since")[0]["INBOX"][2].values()], [b"Subject: one\n\nhello w.\n"], "since")
    good("backup", "-u", "bob", "-e", "2020-01-01", "maildir:~/until")
    equal(state(home / "until")[0]["INBOX"][2], {}, "until")


def test_words_that_are_wrong():
    home = fresh("bob", FILES)
    look("bob")
    before = state(home / "Maildir")
    for words, status, text in ((("backup", "-u", "bob"), 64, "doveadm backup"), (("sync", "-u", "bob", "foo:x"), 65, "Unknown mail storage driver foo"),
                                (("backup", "-u", "nobody1", "maildir:~/x"), 67, "User doesn't exist"),
                                (("backup", "-R", "-u", "bob", "maildir:~/missing"), 65, "is no Maildir"),
                                (("backup", "-R", "-u", "bob", "imapc:"), 75, "imapc_host"),
                                (("-o", "nonsense", "backup", "-u", "bob", "imapc:"), 75, "Missing '='"),
                                (("-o", "imapc_host=127.0.0.1", "-o", "imapc_ssl=tls", "backup", "-R", "-u", "bob", "imapc:"), 75, "imapc_ssl=tls"),
                                (("-o", "imapc_host=x", "-o", "imapc_sasl_mechanisms=foo", "backup", "-R", "-u", "bob", "imapc:"), 75, "mechanisms=foo"),
                                (("backup", "-R", "-u", "bob", "tcp:127.0.0.1"), 75, "doveadm_port"), (("backup", "-u", "bob", ""), 65, "No host"),
                                (("backup", "-R", "-u", "bob", "-r", "/nonexistent/raw", "true", "x"), 75, "/nonexistent/raw"),
                                (("backup", "-R", "-u", "bob", "true", "x"), 75, "the other side"),
                                (("backup", "-R", "-u", "bob", "echo", "VERSION"), 75, "speaks not as we do"),
                                (("backup", "-R", "-u", "bob", "/no/such/program", "x"), 75, ""),
                                (("backup", "-u", "bob", "remote:-oProxyCommand=x"), 65, ""),
                                (("backup", "-u", "bob", "-t", "never", "maildir:~/x"), 75, "-t")):
        got, out, err = run(*words)
        check(got == status and text in err, f"{words}: {got} {out} {err}")
    equal(state(home / "Maildir"), before, "nothing has happened")


def many(count, seed):
    random.seed(seed)
    return {f"{'' if i % 3 else '.Box%d/' % (i % 7)}cur/17000{i:05}.M{i}P1.h:2,{'S' * (i % 2)}": b"Subject: %d\n\n%s\n" % (i, b"x" * random.randrange(3000))
            for i in range(count)}


def test_killed_at_any_moment():
    """With what is left the next run makes it right: nothing is lost, nothing is there twice."""
    home = fresh("bob", many(600, 1))
    look("bob")
    wanted = state(home / "Maildir")
    longest = 0.6
    for i in range(25):
        run("backup", "-u", "bob", "maildir:~/copy", kill_after=longest * (i + 1) / 25)
        equal(state(home / "Maildir"), wanted, "the source")
        for path in (folders(home / "copy") if (home / "copy").exists() else {}).values():
            lines = (path / "dovecot-uidlist").read_text().splitlines()[1:] if (path / "dovecot-uidlist").exists() else []
            listed = {line.split(":", 1)[1] for line in lines}
            for file in (path / "cur").iterdir() if (path / "cur").exists() else ():
                check(file.name.split(":2,")[0] in listed, f"{file} has no UID after a kill")
        if i % 5 == 4:
            subprocess.run(["rm", "-rf", home / "copy"], check=True)
    run("backup", "-u", "bob", "maildir:~/copy", kill_after=0.15)
    good("backup", "-u", "bob", "maildir:~/copy")
    equal(state(home / "copy"), wanted, "in the end")


def test_random_changes_and_kills():
    """Both sides change by chance, runs are killed by chance; in the end both have the same, and every message that nobody has deleted."""
    seed = int(os.environ.get("RELAIS_TEST_SEED", "5"))
    random.seed(seed)
    home = fresh("bob", many(60, seed))
    good("sync", "-u", "bob", "maildir:~/other")
    expected = {text for box, _, messages in [(n, v, m) for n, (v, _, m) in state(home / "Maildir")[0].items()] for *_, text in messages.values()}
    for round_number in range(8):
        for _ in range(2):
            for _ in range(3):
                box = random.choice(sorted(folders(home / "Maildir")))
                messages = state(home / "Maildir")[0][box][2]
                what = random.randrange(3)
                if what == 0:
                    text = b"Subject: new %d\n\n%d\n" % (random.randrange(10**9), round_number)
                    expected.add(text)
                    path = home / "text"
                    path.write_bytes(text)
                    good("save", "-u", "bob", "-m", box, str(path))
                    path.unlink()
                elif messages:
                    uid = random.choice(sorted(messages))
                    if what == 1:
                        good("flags", random.choice(("add", "remove")), "-u", "bob", random.choice(("\\Seen", "\\Flagged", "Kw1", "Kw2")),
                             "mailbox", box, "uid", str(uid))
                    else:
                        expected.discard(messages[uid][3])
                        good("expunge", "-u", "bob", "mailbox", box, "uid", str(uid))
            swap(home)
        if random.randrange(2):
            run("sync", "-u", "bob", "maildir:~/other", kill_after=random.random() * 0.3)
        good("sync", "-u", "bob", "maildir:~/other")
        here, there = state(home / "Maildir"), state(home / "other")
        equal(there, here, f"both sides after round {round_number} of seed {seed}")
        texts = [text for _, _, messages in here[0].values() for *_, text in messages.values()]
        equal(len(texts), len(set(texts)), "messages that are there twice")
        equal(set(texts), expected, f"messages after round {round_number} of seed {seed}")


def test_a_side_that_was_set_up_anew():
    """A disk that is not mounted, a machine without its mail: nothing of that has been deleted."""
    home = fresh("bob", FILES)
    good("sync", "-u", "bob", "maildir:~/other")
    whole = state(home / "Maildir")
    subprocess.run(["rm", "-rf", home / "other"], check=True)
    status, _, said = run("sync", "-u", "bob", "maildir:~/other")
    check(status != 0 and "not the one of the last time" in said, (status, said))
    equal(state(home / "Maildir", ids=False), state(home / "other", ids=False), "both have all")
    equal({name: sorted(text for *_, text in seen[2].values()) for name, seen in state(home / "Maildir")[0].items()},
          {name: sorted(text for *_, text in seen[2].values()) for name, seen in whole[0].items()}, "nothing has gone")
    good("sync", "-u", "bob", "maildir:~/other")
    good("expunge", "-u", "bob", "mailbox", "Sent", "all")
    good("sync", "-u", "bob", "maildir:~/other")
    equal(state(home / "other")[0]["Sent"][2], {}, "from then on what is deleted counts again")


def test_large_messages_are_left_alone_on_both_sides():
    """What -I leaves out is not taken for deleted, whether the name of the file tells the size or not."""
    large = b"Subject: large\n\n" + b"x" * 3000 + b"\n"
    home = fresh("bob", {**FILES, "cur/1700000009.M9P1.h:2,S": large})
    good("sync", "-u", "bob", "maildir:~/other")
    for _ in range(2):
        good("sync", "-u", "bob", "-I", "1000", "maildir:~/other")
        for side in ("Maildir", "other"):
            check(large in [text for *_, text in state(home / side)[0]["INBOX"][2].values()], f"{side}: the large message")
    uid = next(uid for uid, (*_, text) in state(home / "Maildir")[0]["INBOX"][2].items() if text == large)
    good("expunge", "-u", "bob", "mailbox", "INBOX", "uid", str(uid))
    good("sync", "-u", "bob", "maildir:~/other")
    check(large not in [text for *_, text in state(home / "other")[0]["INBOX"][2].values()], "what is remembered of it stays")


def test_more_keywords_than_letters():
    """A Maildir has 26 letters for keywords; all others come along as well, stay, and go when they are taken away, on either side."""
    sides = {side: {f"cur/17000000{i:02}.M{i}P{n}.h:2,{chr(97 + i)}": b"Subject: %s %d\n\nx\n" % (side.encode(), i) for i in range(26)}
             | {"dovecot-keywords": b"".join(b"%d %s%d\n" % (i, side.encode(), i) for i in range(26))} for n, side in enumerate(("Mine", "Theirs"))}
    home = fresh("bob", sides["Mine"])
    uid, gid = mail().mta.vmail_ids()
    fill_maildir(home / "other", sides["Theirs"], uid, gid)
    wanted = {b"Subject: %s %d\n\nx\n" % (side.encode(), i): [f"{side}{i}"] for side in sides for i in range(26)}

    def held():
        for place in ("Maildir", "other"):
            seen = state(home / place)[0]["INBOX"][2].values()
            differing = {text: (words, wanted.get(text)) for _, _, words, text in seen if words != wanted.get(text)}
            equal(differing, {}, f"keywords of {place}")
            equal(len(seen), 52, f"messages of {place}")
    for _ in range(3):
        good("sync", "-u", "bob", "maildir:~/other")
        held()
    for side, query in (("Mine", "Mine 3"), ("Theirs", "Theirs 4")):
        if side == "Theirs":
            swap(home)
        good("flags", "remove", "-u", "bob", side + query[-1], "mailbox", "INBOX", "subject", query)
        wanted[b"Subject: %s\n\nx\n" % query.encode()] = []
        good("flags", "add", "-u", "bob", "One.More", "mailbox", "INBOX", "subject", query)
        wanted[b"Subject: %s\n\nx\n" % query.encode()] = ["One.More"]
        if side == "Theirs":
            swap(home)
        good("sync", "-u", "bob", "maildir:~/other")
        held()
    (home / "Maildir/dovecot-uidlist").unlink()  # new UIDs, the same keywords
    good("backup", "-u", "bob", "maildir:~/other")
    held()
    good("backup", "-u", "bob", "maildir:~/third")
    equal(state(home / "third")[0]["INBOX"][2], state(home / "Maildir")[0]["INBOX"][2], "a copy")
    good("mailbox", "create", "-u", "bob", "Sent")
    good("copy", "-u", "bob", "Sent", "mailbox", "INBOX", "all")
    equal(sorted((text, words) for _, _, words, text in state(home / "Maildir")[0]["Sent"][2].values()), sorted(wanted.items()), "in another mailbox")
    good("expunge", "-u", "bob", "mailbox", "INBOX", "all")
    equal((home / "Maildir/relais.keywords").read_text(), "", "nothing is left of those that are gone")


def test_a_mailbox_that_is_locked():
    """The others are made the same all the same, and the next run does the rest.  (Dovecot 2.3 waits for two minutes, leaves it out without a word, and
    exits with 0.)"""
    home = fresh("bob", FILES)
    good("sync", "-u", "bob", "maildir:~/other")
    for place in ("Maildir", "other"):
        for box in ("", ".A.B", ".Sent"):
            path = home / place / box / f"new/1700000020.M20{place}.h"
            path.write_bytes(b"Subject: new in %s\n\nx\n" % place.encode())
            os.chown(path, *mail().mta.vmail_ids())
        lock = home / place / ".A.B/dovecot-uidlist.lock"
        lock.write_text(f"{os.getpid()}:{os.uname().nodename}")
        begun = time.monotonic()
        status, _, said = run("sync", "-u", "bob", "maildir:~/other", timeout=50)
        check(status == 75 and "Mailbox A.B: " in said and "locked by another process" in said, f"{place}: {status} {said}")
        here, there = state_of(home / "Maildir", "INBOX", "Sent"), state_of(home / "other", "INBOX", "Sent")
        equal(here, there, f"the mailboxes that are not locked, {place}")
        check(all(any(place.encode() in text for *_, text in box[2].values()) for box in here), f"what is new in {place}")
        check(time.monotonic() - begun < 25, "it is waited for once")
        lock.unlink()
        good("sync", "-u", "bob", "maildir:~/other")
        equal(state(home / "Maildir"), state(home / "other"), f"all of them, {place}")
        equal(len(state(home / "other")[0]["A.B"][2]), 2 if place == "Maildir" else 3, "the one that was locked")


def state_of(root, *names):
    """Without those whose messages may have no UIDs yet."""
    moved = root / ".A.B"
    moved.rename(root / "aside")
    try:
        return [state(root)[0][name] for name in names]
    finally:
        (root / "aside").rename(moved)


def listed(path):
    """The lines of a list of UIDs: {base: (UID, extensions)}"""
    lines = [line.partition(":") for line in (path / "dovecot-uidlist").read_text().splitlines()[1:]]
    return {base: (int(before.split()[0]), before.split()[1:]) for before, _, base in lines}


def test_what_is_left_out_keeps_what_is_known_of_it():
    """With -I a side gets another UIDVALIDITY: its large messages keep their GUIDs and what POP3 clients know them by, and stand behind the others."""
    large = b"x" * 3000
    small = {f"cur/170000000{i}.M{i}P1.h:2,": b"Subject: %d\n\n" % i for i in range(1, 5)}
    home = fresh("bob", small | {"dovecot-uidlist": b"3 V2000 N50 G" + b"1" * 32 + b"\n" + b"".join(b"%d :170000000%d.M%dP1.h\n" % (i + 20, i, i) for i in range(1, 5))})
    fill_maildir(home / "other", {"cur/1700000009.M9P1.h:2,S": large, "cur/1700000001.M1P1.h:2,": small["cur/1700000001.M1P1.h:2,"],
                                  "dovecot-uidlist": b"3 V1000 N24 G" + b"2" * 32 + b"\n1 :1700000001.M1P1.h\n23 Gsomething Ppop :1700000009.M9P1.h\n"},
                 *mail().mta.vmail_ids())
    for command in ("backup", "sync"):
        good(command, "-u", "bob", "-I", "1000", "maildir:~/other")
        uid, known = listed(home / "other")["1700000009.M9P1.h"]
        equal(known, ["Gsomething", "Ppop"], f"what is known of the large message after {command}")
        check(uid >= 50, f"its UID {uid}")
        equal(sorted(uid for uid, _ in listed(home / "other").values() if uid < 50), [21, 22, 23, 24], f"the others after {command}")
    good("sync", "-u", "bob", "maildir:~/other")
    equal(state(home / "Maildir"), state(home / "other"), "once all take part")
    equal(len(state(home / "Maildir")[0]["INBOX"][2]), 5, "messages")


def test_a_uid_that_is_that_of_a_message_left_out():
    """The same UIDVALIDITY, and a UID that is that of a large message there: the message comes under another one, once."""
    home = fresh("bob", {"cur/1700000001.M1P1.h:2,": b"Subject: 1\n\n", "dovecot-uidlist": b"3 V1000 N9 G" + b"1" * 32 + b"\n7 :1700000001.M1P1.h\n"})
    fill_maildir(home / "other", {"cur/1700000009.M9P1.h:2,S": b"x" * 3000,
                                  "dovecot-uidlist": b"3 V1000 N8 G" + b"1" * 32 + b"\n7 :1700000009.M9P1.h\n"}, *mail().mta.vmail_ids())
    for _ in range(3):
        good("backup", "-u", "bob", "-I", "1000", "maildir:~/other")
        seen = state(home / "other")[0]["INBOX"][2]
        equal({uid: text for uid, (*_, text) in seen.items()}, {7: b"x" * 3000, 9: b"Subject: 1\n\n"}, "what is there")
    good("flags", "add", "-u", "bob", "\\Flagged", "mailbox", "INBOX", "all")
    good("backup", "-u", "bob", "-I", "1000", "maildir:~/other")
    equal({uid: flags for uid, (_, flags, *_) in state(home / "other")[0]["INBOX"][2].items()}, {7: "S", 9: "F"}, "flags go to the right one")
