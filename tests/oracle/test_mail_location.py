"""No mail_location: what is there in a user's home is found, as by Dovecot; LMTP into mbox files."""
import os

from support import check, equal
from support.imap import IMAP
from support.imap_pair import ImapPair, Session
from support.lmtp_pair import LmtpPair

MESSAGE = (b"From a@b.test Mon Nov  6 10:00:01 2023\nFrom: a@b.test\nSubject: one\nMessage-ID: <1@test>\n\ntext\n\n")
HOMES = ({"Maildir/new/1.M1.h": b"Subject: x\n\ny\n", "Maildir/cur/": b"", "Maildir/tmp/": b""},
         {"mail/inbox": MESSAGE, "mail/sent": MESSAGE * 2}, {"Mail/inbox": MESSAGE, "Mail/a/b": b""}, {"mail/mbox": MESSAGE},
         {"mail/.imap/": b"", "mail/other": MESSAGE}, {"Maildir/cur/": b"", "Maildir/new/": b"", "Maildir/tmp/": b"", "mail/inbox": MESSAGE})


def fill(home, files, uid, gid):
    home.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = home / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1700000000, 1700000000))
    for folder, subfolders, names in os.walk(home):
        for each in [folder] + [os.path.join(folder, n) for n in names]:
            os.chown(each, uid, gid)


_pair = []


def pair():
    if not _pair:
        _pair.append(ImapPair(accounts=len(HOMES) + 1, main="imap_mail_location =\n", theirs="mail_location =\n"))
    return _pair[0]


def test_what_is_there_is_found():
    for files in HOMES:
        box = pair().account(files, fill)
        box.same('LIST "" *', "SELECT INBOX", "FETCH 1:* (UID FLAGS RFC822.SIZE)", "STATUS sent (MESSAGES)", "CREATE new", "SUBSCRIBE new",
                 'LIST "" *', "APPEND new {4+}\r\nmail", "STATUS new (MESSAGES UIDNEXT)")
        box.close()
        trees = [sorted(str(path.relative_to(home)) for path in home.rglob("*") if ".imap" not in str(path) and "dovecot" not in path.name
                        and "relais" not in path.name and path.parent.name not in ("cur", "new")) for home in box.homes.values()]
        equal(trees[0], trees[1], f"{list(files)}")


def test_nothing_is_there():
    box = pair().account({"other": b""}, fill)
    for port in (IMAP, pair().their_port):
        session = Session(pair().address, port, box.user, login=False)
        answer = session.command(f"LOGIN {box.user} secret") + session.command("SELECT INBOX")
        check(not any(b"EXISTS" in line for line in answer), f"{answer}")
    equal(sorted(os.listdir(box.homes["ours"])), ["other"], "what was made")


def test_lmtp_into_mbox():
    for dovecot in _pair:
        dovecot.dovecot.stop()
    where = "mbox:~/mail:INBOX=~/inbox"
    p = LmtpPair(f"imap_mail_location = {where}\nimap_hierarchy_separator = /\nrecipient_delimiter = +\nlmtpd_save_to_detail_mailbox = yes\nlmtpd_mailbox_autocreate = yes\n",
                 f"mail_location = {where}\nrecipient_delimiter = +\nlmtp_save_to_detail_mailbox = yes\nlda_mailbox_autocreate = yes\n", rules={})
    for to in ("u1@virt.test", "u1+box@virt.test", "u1+a/b@virt.test", "u1+../x@virt.test"):
        p.deliver(to, text="Subject: one\n\nFrom the start\n>From quoted\n\nFrom a@b.test Mon Nov  6 10:00:01 2023\nno new one\n")
    p.deliver("u1@virt.test", "u2@virt.test", text="Subject: two\n\nthe end\n")
    both = []
    for root in (p.ours.mail, p.dovecot.root / "mail"):
        found = {}
        for path in sorted(root.rglob("*")):
            if path.is_file() and ".imap" not in str(path) and ".lock" not in path.name and "dovecot" not in path.name:
                text = path.read_bytes()
                found[str(path.relative_to(root))] = text.count(b"\nSubject: ")
        both.append(found)
    equal(both[0], both[1], "messages")
    p.stop()
