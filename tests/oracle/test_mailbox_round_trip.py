"""A mailbox moves from Dovecot to ours and back, and no client notices: mbsync, which knows messages by UID
and UIDVALIDITY, finds nothing to transfer after each move."""
import os
import re
import shutil
import subprocess

from support import Skip, check, equal
from support.dovecot import Dovecot
from support.imap import IMAP, PASSWORD, ImapInstance, deliver_into
from support.mail_clients import MBSYNCRC
from support.room import room


class Client:
    """mbsync with a state of its own."""

    def __init__(self, mail):
        if not shutil.which("mbsync"):
            raise Skip("mbsync is not installed")
        self.mail, self.root = mail, room().scratch / f"mbsync{room().next_instance()}"
        self.root.mkdir()
        (self.root / "mail").mkdir()
        (self.root / "state").mkdir()

    def sync(self, port):
        """Runs mbsync; (what was transferred, the output)."""
        config = self.root / "mbsyncrc"
        config.write_text(MBSYNCRC.format(host=self.mail.address, port=port, user="bob", password=PASSWORD, tls="SSLType None",
                                          mechanism="LOGIN", root=self.root))
        done = subprocess.run(["mbsync", "-c", config, "-V", "-a"], capture_output=True, text=True, timeout=60,
                              env={"HOME": str(self.root), "PATH": os.environ["PATH"]})
        text = done.stdout + done.stderr
        check(done.returncode == 0, f"mbsync failed:\n{text}")
        check("UIDVALIDITY" not in text.replace("no UIDVALIDITY", ""), f"UIDVALIDITY has changed:\n{text}")
        return text

    def files(self):
        """{folder: {message id: flags}} of the client's copy."""
        found = {}
        for folder in sorted(p for p in (self.root / "mail").iterdir() if p.is_dir()):
            for path in [*folder.glob("cur/*"), *folder.glob("new/*")]:
                name = re.search(rb"(?mi)^Message-ID: (\S+)", path.read_bytes())
                flags = path.name.partition(":2,")[2]
                found.setdefault(folder.name, {})[name[1].decode() if name else path.name] = \
                    "".join(sorted(flags))
        return found

    def stamps(self):
        """Every file of the client with its inode: the same afterwards means that nothing was transferred."""
        return {str(p.relative_to(self.root)): p.stat().st_ino for p in (self.root / "mail").rglob("*") if p.is_file()
                and p.parent.name in ("cur", "new") }


def message(number, text="text"):
    return (f"From: a@b.test\nTo: c@d.test\nSubject: message {number}\nMessage-ID: <{number}@test>\n"
            f"Date: Mon, 1 Jan 2024 00:00:00 +0000\n\n{text} {number}\n").encode()


def server_picture(mail, port):
    """What a client sees of all mailboxes: UIDVALIDITY, UIDNEXT, UIDs, flags, sizes, dates, subjects."""
    import imaplib
    client = imaplib.IMAP4(mail.address, port, timeout=20)
    client.login("bob", PASSWORD)
    names = sorted(re.match(rb'\((.*?)\) "(.)" "?(.*?)"?$', line)[3].decode() for line in client.list()[1])
    picture = {}
    for name in names:
        answer = client.select(f'"{name}"', readonly=True)
        if answer[0] != "OK":
            picture[name] = answer[0]
            continue
        validity = client.untagged_responses["UIDVALIDITY"][0]
        following = client.untagged_responses["UIDNEXT"][0]
        messages = []
        if int(answer[1][0]):
            rows = client.fetch("1:*", "(UID FLAGS RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE)")[1]
            for row in rows:
                row = row if isinstance(row, bytes) else row[0]
                flags = re.search(rb"FLAGS \(([^)]*)\)", row)[1].split()
                row = re.sub(rb"FLAGS \([^)]*\)", b"FLAGS", row)
                messages.append((row, tuple(sorted(f for f in flags if f != b"\\Recent"))))
        picture[name] = (validity, following, messages)
    picture["subscribed"] = sorted(client.lsub()[1], key=lambda line: line or b"")
    client.logout()
    return picture


def fill(mail, port):
    """Mail of every kind, put there through the server at `port` and by delivery."""
    import imaplib
    client = imaplib.IMAP4(mail.address, port, timeout=20)
    client.login("bob", PASSWORD)
    for name in ("Sent", "Work.Projects", "Entw&APw-rfe"):
        client.create(name)
        client.subscribe(name)
    for number in range(1, 9):
        client.append("INBOX", r"(\Seen $Label%d)" % (number % 3) if number % 2 else None,
                      f'"{number:2}-Mar-2024 10:00:00 +0000"', message(number).replace(b"\n", b"\r\n"))
    for number in range(20, 23):
        client.append("Sent", r"(\Seen)", None, message(number).replace(b"\n", b"\r\n"))
    client.select("INBOX")
    client.copy("1:3", "Work.Projects")
    client.store("2", "+FLAGS", r"(\Flagged \Answered)")
    client.store("4", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()
    uid, gid = mail.mta.vmail_ids()
    for number in range(30, 33):
        deliver_into(mail.maildir("bob"), message(number), (uid, gid))


def change(mail, port, first):
    """Some traffic: new mail, flags, a move, an expunge."""
    import imaplib
    client = imaplib.IMAP4(mail.address, port, timeout=20)
    client.login("bob", PASSWORD)
    client.append("INBOX", r"($New%d)" % first, None, message(first).replace(b"\n", b"\r\n"))
    uid, gid = mail.mta.vmail_ids()
    deliver_into(mail.maildir("bob"), message(first + 1), (uid, gid))
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Flagged)")
    client.store("2", "-FLAGS", r"(\Seen)")
    client.uid("MOVE", client.uid("SEARCH", "SUBJECT", '"message 5"')[1][0].decode() or "999", "Work.Projects")
    client.select("Sent")
    client.store("1", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()


def check_move(mail, client, start_other, what):
    """`start_other()` starts the other server and gives its port and a way to stop it."""
    before = client.stamps()
    flags = client.files()
    port, stop = start_other()
    text = client.sync(port)
    equal(client.stamps(), before, f"{what}: mbsync transferred something:\n{text}\n")
    equal(client.files(), flags, f"{what}: flags")
    return port, stop


def ours(mail):
    return lambda: (IMAP, lambda: None)


def dovecot(mail):
    def start():
        server = Dovecot(mail)
        return server.port, server.stop
    return start


def test_dovecot_to_ours_and_back():
    mail = ImapInstance()
    theirs = Dovecot(mail)
    fill(mail, theirs.port)
    client = Client(mail)
    client.sync(theirs.port)
    check(len(client.stamps()) >= 16, f"mbsync has copied: {client.files()}")
    picture = server_picture(mail, theirs.port)
    theirs.stop()

    _, stop = check_move(mail, client, ours(mail), "Dovecot to ours")
    same_picture(server_picture(mail, IMAP), picture, "Dovecot to ours")
    change(mail, IMAP, 40)
    client.sync(IMAP)
    picture = server_picture(mail, IMAP)

    port, stop = check_move(mail, client, dovecot(mail), "ours to Dovecot")
    same_picture(server_picture(mail, port), picture, "ours to Dovecot")
    change(mail, port, 50)
    client.sync(port)
    picture = server_picture(mail, port)
    stop()

    check_move(mail, client, ours(mail), "Dovecot to ours again")
    same_picture(server_picture(mail, IMAP), picture, "Dovecot to ours again")
    mail.stop()


test_dovecot_to_ours_and_back.seconds = 120


def test_a_mailbox_that_ours_has_made():
    mail = ImapInstance()
    fill(mail, IMAP)
    client = Client(mail)
    client.sync(IMAP)
    picture = server_picture(mail, IMAP)
    port, stop = check_move(mail, client, dovecot(mail), "ours to Dovecot")
    same_picture(server_picture(mail, port), picture, "ours to Dovecot")
    stop()
    mail.stop()


test_a_mailbox_that_ours_has_made.seconds = 120


def same_picture(got, wanted, what):
    equal(sorted(got), sorted(wanted), f"{what}: mailboxes")
    for name, value in wanted.items():
        if name == "subscribed" or isinstance(value, str):
            equal(got[name], value, f"{what}: {name}")
            continue
        equal(got[name][:2], value[:2], f"{what}: UIDVALIDITY and UIDNEXT of {name}")
        for ours_row, wanted_row in zip(got[name][2], value[2]):
            equal(ours_row, wanted_row, f"{what}: a message in {name}")
        equal(len(got[name][2]), len(value[2]), f"{what}: messages in {name}")
