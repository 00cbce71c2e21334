"""Command lines of cron jobs, panels, roles and guides, collected from public repositories, beside Debian's doveadm: outputs and
exit statuses.  One after the other on the same mail, which they change."""
import json
import os
import re

from support import check, equal
from support.doveadm_pair import DoveadmPair, plain, plain_error

OLD, NEW = 1700000000, 1796000000
FILES = {"cur/1700000001.M1P1.h:2,S": b"Subject: Bridge Extensionista\nFrom: a@x.test\nMessage-ID: <1@x>\n\nhello search term\n",
         "cur/1700000002.M2P1.h:2,": b"Subject: one\nFrom: sender@example.com\nTo: b@x.test\nMessage-ID: <2@x>\nDate: Tue, 14 Nov 2023 10:00:00 +0100\n\nbody\n",
         "cur/1700000003.M3P1.h:2,T": b"Subject: gone\n\nx\n", "cur/1700000004.M4P1.h:2,F": b"Subject: health-check 42\n\nlarge " + b"x" * 9000 + b"\n",
         "cur/1700000005.M5P1.h:2,S": b"Subject: twice\nMessage-ID: <5@x>\n\nx\n", "cur/1700000006.M6P1.h:2,S": b"Subject: twice\nMessage-ID: <5@x>\n\nx\n",
         ".Trash/cur/1700000007.M7P1.h:2,S": b"Subject: trash\n\nx\n", ".Junk/cur/1700000008.M8P1.h:2,S": b"Subject: spam\n\nx\n",
         ".Junk/cur/1700000009.M9P1.h:2,": b"Subject: spam two\n\nx\n", ".Sent/cur/1700000010.M10P1.h:2,S": b"Subject: sent\nMessage-ID: <10@x>\n\nx\n",
         ".Archive/cur/": b"", ".INBOX.autopurge/cur/": b"", "subscriptions": b"V\t2\n\nSent\nTrash\n"}

LOOKING = """\
mailbox status -u {user} messages INBOX
mailbox status -u {user} messages Trash
mailbox status -u {user} messages "*"
mailbox status -u {user} "messages" INBOX
mailbox status -u {user} uidvalidity Sent
mailbox status -u {user} all 'No such'
-f flow mailbox status -u {user} messages INBOX
mailbox list -u {user}
mailbox list -u {user} 'S*'
fetch -A "user mailbox uid hdr.subject" mailbox INBOX savedbefore 20d
fetch -A "user mailbox uid hdr.subject" mailbox * savedbefore 20d
fetch -A "user mailbox uid date.received hdr.from hdr.to hdr.subject hdr.message-id" FROM sender@example.com
fetch -u {user} "uid all"
fetch -u {user} uid mailbox INBOX
fetch -u {user} text mailbox INBOX
fetch -u {user} text all
fetch -u {user} date.received mailbox INBOX
fetch -u {user} 'date.received' mailbox INBOX SAVEDSINCE 1d
fetch -u {user} flags HEADER Subject one
fetch -u {user} hdr mailbox Trash uid 1
fetch -u {user} text mailbox Junk uid 2
fetch -u {user} 'uid flags' mailbox inbox
-f tab fetch -u {user} "uid hdr.message-id size.virtual date.received.unixtime" mailbox "INBOX"
-f json fetch -u {user} 'mailbox hdr.subject' MAILBOX '*'
-f flow fetch -u {user} 'uid hdr.subject' mailbox INBOX
search -u {user} mailbox Sent header message-id <10@x>
search -u {user} body "search term"
search -u {user} mailbox INBOX
search -u {user} mailbox INBOX ALL
search -u {user} ALL
search -u {user} mailbox INBOX before 20days
search -u {user} subject "health-check" subject "42"
search -u {user} mailbox INBOX SUBJECT "Bridge"
search -u {user} BEFORE 7d LARGER 8K
search -u {user} mailbox INBOX DELETED
search -u nobody1 mailbox INBOX ALL
user -u {user}
user -f uid {user}
user -x service=imap -f uid {user}
user nobody1
user '*'
-f pager mailbox status -u {user} messages INBOX
auth test {user} wrong
auth cache flush -u {user}
""".splitlines()

CHANGING = """\
index -u {user} '*'
index -u {user} -q '*'
index -u {user} INBOX
force-resync -u {user} '*'
force-resync -u {user} INBOX
force-resync -u {user}
flags add -u {user} '\\Seen' mailbox INBOX ALL
flags add -u {user} '\\Seen' mailbox inbox unseen subject one
flags add -u {user} 'NonJunk' mailbox Junk uid 1
flags remove -u {user} '\\Flagged' mailbox INBOX all
expunge -u {user} mailbox INBOX SUBJECT "Bridge Extensionista"
expunge -u {user} mailbox INBOX DELETED
expunge -A mailbox Junk SEEN NOT SINCE 7d
expunge -u {user} mailbox 'INBOX/autopurge' not FLAGGED savedbefore 30d
expunge -u {user} mailbox inbox savedbefore 2d
expunge -A mailbox Trash savedbefore 7d
expunge -A mailbox Spam savedbefore 7d
expunge -A mailbox Junk savedbefore 2w
expunge -u {user} -A mailbox TRASH savedbefore 20d
expunge -u {user} all
deduplicate -u {user} -m mailbox INBOX all
deduplicate -u {user} mailbox INBOX
deduplicate -u {user} Archive
mailbox create -u {user} idle1
mailbox create -u {user} Archives2023
mailbox create -u {user} -s learn_notspam
mailbox create -u {user} INBOX
mailbox create public.incoming.2012 -u {user}
mailbox subscribe -u {user} idle1
mailbox list -u {user} -s
move -u {user} idle1 mailbox INBOX all
move -u {user} Trash mailbox idle1 seen subject twice
move -u {user} Archive mailbox INBOX savedbefore 30d
move -u {user} Archive mailbox INBOX BEFORE 2011-10-01 SINCE 01-Sep-2011
move -u {user} Nowhere mailbox INBOX all
move -u {user} Trash mailbox INBOX 1
copy -u {user} Archive mailbox Sent
copy -u {user} destmailbox Archive mailbox INBOX
mailbox delete -u {user} -s idle1
mailbox rename -u {user} Archives2023 Old/2023
purge -u {user}
purge -A
altmove -u {user} savedbefore 10w
altmove -u {user} mailbox INBOX seen savedbefore 30d
altmove -r -u {user} all
altmove -A savedbefore 1d
altmove -u nobody1 all
altmove -u {user} nosuchkey
import -u {user} maildir:HOME/Maildir "" all
import -u {user} maildir:HOME/Maildir INBOX ALL
import -s -u {user} maildir:HOME/Maildir backup-2026 all
mailbox list -u {user} 'backup-2026*'
fetch -u {user} 'mailbox hdr.subject flags' all
backup -u {user} -x "Archive*" maildir:HOME/backup
backup -n inbox -f -u {user} maildir:HOME/backup2
sync -1 -R -u {user} maildir:HOME/backup2
mailbox status -u {user} 'messages unseen' '*'
""".splitlines()

_pairs = []


def pair():
    if not _pairs:
        _pairs.append(DoveadmPair(accounts=2))
    return _pairs[0]


def usual(out):
    """Rows in one order, and without what each side chooses: GUIDs, numbers of mailboxes, and in which order it lists those."""
    out = re.sub(rb"(?m)^(\w+:) +$", rb"\1", re.sub(rb" ?\\Recent\b", b"", out))
    if out.startswith(b"[{"):
        return sorted(map(str, json.loads(out)))
    out = re.sub(rb"(?m)^flags: +", b"flags: ", out)
    return plain(b"\n".join(sorted(row.strip() for row in out.split(b"\x0c"))), sort=True)


def compare(account, lines):
    differences = []
    for line in lines:
        both = []
        for whose, run in (("ours", account.ours), ("theirs", account.theirs)):
            home = str(account.homes[whose])
            outcome = run(line.replace("HOME", home))
            err = [re.sub(rb"^dsync\(", b"doveadm(", row) for row in plain_error(outcome.err.replace(home.encode(), b"HOME"))]
            both.append((usual(outcome.out.replace(home.encode(), b"HOME")), err, outcome.status))
        pair().compared += 1
        if both[0] != both[1]:
            differences.append(f"doveadm {line}\n   ours:   {both[0]}\n   theirs: {both[1]}")
    assert not differences, "\n".join(differences)


def test_command_lines_of_guides():
    account = pair().account(FILES)
    for home in account.homes.values():
        for path in (home / "Maildir").rglob("1700000*"):
            os.utime(path, (OLD, OLD))
    compare(account, LOOKING)
    compare(account, CHANGING)
    check(pair().compared >= 100, f"{pair().compared} lines")
