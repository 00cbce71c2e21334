"""mail_location with LAYOUT=fs and with lists and indexes apart, for everybody who comes to the mail: LMTP, POP3, doveadm, quotas, access
control lists, annotations; and what happens where they cannot be written."""
import contextlib
import imaplib
import poplib
import subprocess

from support import check, equal
from support.imap import PASSWORD, ImapInstance
from support.lmtp_pair import PORT, Session

TEXT = "Subject: x\r\n\r\nbody\r\n"
QUOTA = "quota_root_name = User quota\nquota_rules = *:storage=1M\n"


class Everything(ImapInstance):
    programs = ("lmtpd", "pop3", "pop3-login")
    services = "{address}:1100 inet n - n - 500 pop3-login\npop3 unix - - n - 1 pop3\n{address}:2425 inet n - n - 200 lmtpd\n"


@contextlib.contextmanager
def instance(location, main=""):
    mail = Everything(f"imap_mail_location = {location}\nimap_hierarchy_separator = /\nlmtpd_save_to_detail_mailbox = yes\n"
                      "recipient_delimiter = +\nlmtpd_mailbox_autocreate = yes\nlmtpd_mailbox_autosubscribe = yes\n" + main)
    try:
        yield mail
    finally:
        mail.stop()


def deliver(mail, recipient):
    with Session((mail.address, PORT)) as session:
        return session.deliver(recipient, TEXT)[0]


def doveadm(mail, *words):
    done = subprocess.run([mail.mta.commands / "doveadm", "-c", mail.mta.conf, *words], capture_output=True, text=True, timeout=30,
                          env=mail.mta.environment())
    equal((done.returncode, done.stderr), (0, ""), f"doveadm {words}")
    return done.stdout.splitlines()


def test_lmtp_pop3_and_doveadm():
    for location in ("maildir:~/Maildir:LAYOUT=fs", "maildir:~/Maildir:LAYOUT=fs:CONTROL=~/control:INDEX=~/index"):
        with instance(location, QUOTA) as mail:
            home = mail.home("bob")
            box = mail.login("bob")
            for recipient in ("bob", "bob", "bob+lists/a/b", "bob+lists/a/b", "bob+cur", "bob+../alice/x"):
                check(deliver(mail, recipient).startswith("250 2.0.0"), f"to {recipient}")
            equal(len(list((home / "Maildir/new").iterdir())), 4, "what cannot be a folder is for INBOX")
            equal(len(list((home / "Maildir/lists/a/b/new").iterdir())), 2, "messages in the folder")
            equal(box.lsub()[1], [b'() "/" lists/a/b'], "subscribed")
            equal(doveadm(mail, "mailbox", "list", "-u", "bob"), ["lists", "lists/a", "lists/a/b", "INBOX"], "doveadm's list")
            equal(doveadm(mail, "mailbox", "status", "-u", "bob", "messages", "lists/a/b"), ["lists/a/b messages=2"], "doveadm's status")
            doveadm(mail, "mailbox", "create", "-u", "bob", "x/y")
            doveadm(mail, "move", "-u", "bob", "x/y", "mailbox", "lists/a/b", "all")
            doveadm(mail, "mailbox", "delete", "-u", "bob", "lists/a/b")
            check(not (home / "Maildir/lists").exists(), "directories that hold nothing")
            client = poplib.POP3(mail.address, 1100, timeout=20)
            client.user("bob")
            client.pass_(PASSWORD)
            equal(client.stat()[0], 4, "messages")
            client.dele(1)
            client.quit()
            size_file = home / ("control" if "CONTROL" in location else "Maildir") / "maildirsize"
            before = doveadm(mail, "-f", "tab", "quota", "get", "-u", "bob")
            count = sum(int(line.split()[1]) for line in size_file.read_text().splitlines()[1:])
            equal(count, 5, f"messages by maildirsize: {size_file.read_text()}")
            doveadm(mail, "quota", "recalc", "-u", "bob")
            equal(doveadm(mail, "-f", "tab", "quota", "get", "-u", "bob"), before, "counted anew")
            equal(box.status("x/y", "(MESSAGES)")[1], [b"x/y (MESSAGES 2)"], "status")
            box.delete("x/y")
            equal(sum(int(line.split()[1]) for line in size_file.read_text().splitlines()[1:]), 3, "messages by maildirsize")


def test_lists_of_rights_and_annotations():
    """Where Dovecot has the former: with the mail."""
    with instance("maildir:~/Maildir:LAYOUT=fs:CONTROL=~/control", "imap_acl = vfile\nimap_metadata = yes\n") as mail:
        box = mail.login("bob")
        box.create("a/b")
        equal(box.setacl("a/b", "alice", "lr")[0], "OK", "SETACL")
        equal((mail.home("bob") / "Maildir/a/b/dovecot-acl").read_text(), "user=alice lr\n", "the list")
        imaplib.Commands.setdefault("SETMETADATA", ("AUTH", "SELECTED"))
        equal(box._simple_command("SETMETADATA", "a/b", '(/private/comment "words")')[0], "OK", "SETMETADATA")
        box.rename("a", "z")
        check(b"alice lr" in box.getacl("z/b")[1][0], "the list goes with its mailbox")


def test_an_index_that_cannot_be_written():
    with instance("maildir:~/Maildir:INDEX=/proc/nowhere/%u") as mail:
        check(deliver(mail, "bob").startswith("250"), "delivery")
        for _ in range(2):
            box = mail.login("bob", "INBOX")
            equal(box.fetch("1", "(UID)")[1], [b"1 (UID 1)"], "a message")
            box.logout()


def test_lists_that_cannot_be_written():
    """Without a list of UIDs nothing can be promised: the mailbox is read, and nothing beside it is made."""
    with instance("maildir:~/Maildir:CONTROL=/proc/nowhere/%u") as mail:
        client = mail.connect()
        try:
            answer = client.login("bob", PASSWORD)
            answer = client.select("INBOX")
            equal(answer[0], "NO", "SELECT")
        except client.error:
            pass
        check(not (mail.maildir("bob") / "dovecot-uidlist").exists(), "a list beside the mail")
