"""Where UIDs end: no message gets one that there is not, or that another has had; the mailbox begins anew, with all its mail."""
import contextlib
import os
import re
import shutil
import subprocess

from support import check, equal, need_strace
from support.imap import ImapInstance
from support.imap_client import Client

LAST = 0xfffffffd
MESSAGE = b"Subject: %s\r\n\r\nbody\r\n"


class Site:
    """Box with one message, whose list of UIDs says that `left` more can be given."""

    def __init__(self, left):
        self.mail = ImapInstance()
        self.client = Client(self.mail)
        self.client.ok("CREATE Box")
        self.append("first")
        self.client.ok("LOGOUT")
        path = self.mail.maildir("bob") / ".Box/dovecot-uidlist"
        text = path.read_text()
        self.validity = int(re.match(r"3 V(\d+)", text)[1])
        path.write_text(re.sub(r"N\d+", f"N{LAST + 1 - left}", text, count=1))
        for cache in path.parent.glob("relais.*"):
            cache.unlink()
        self.client = Client(self.mail)

    def append(self, subject):
        message = MESSAGE % subject.encode()
        answer = self.client.command(b"APPEND Box {%d+}\r\n%s" % (len(message), message))
        return [int(number) for number in re.search(rb"APPENDUID (\d+) (\d+)", answer[-1]).groups()]

    def messages(self):
        """By UID: the subjects; and the validity."""
        opened = self.client.ok("SELECT Box")
        lines = self.client.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        text = b"\n".join(lines)
        found = re.findall(rb"UID (\d+).*?Subject: (\w+)", text, re.S)
        validity = int(re.search(rb"UIDVALIDITY (\d+)", b"\n".join(opened))[1])
        return validity, {int(uid): subject.decode() for uid, subject in found}


def test_appended():
    site = Site(left=2)
    equal([site.append("second"), site.append("third")], [[site.validity, LAST - 1], [site.validity, LAST]], "the last ones")
    validity, uid = site.append("fourth")
    check(validity > site.validity, f"{validity} after {site.validity}")
    equal(site.messages(), (validity, {1: "first", 2: "second", 3: "third", 4: "fourth"}), "all are there")
    equal(uid, 4, "its UID")
    equal(site.append("fifth"), [validity, 5], "and so on")
    site.mail.stop()


def test_delivered():
    """Two messages at once where one UID is left, while the mailbox is selected and while it is not."""
    for selected in (False, True):
        site = Site(left=1)
        if selected:
            equal(list(site.messages()[1].values()), ["first"], "before")
        for subject in (b"second", b"third"):
            site.mail.deliver("bob", MESSAGE % subject, ".Box")
        if selected:
            with contextlib.suppress(AssertionError):  # it is another mailbox now: the session may end
                site.client.command("NOOP")
            site.client = Client(site.mail)
        validity, messages = site.messages()
        check(validity > site.validity, f"{validity} after {site.validity}")
        equal(list(messages), [1, 2, 3], "UIDs")
        equal(sorted(messages.values()), ["first", "second", "third"], "all are there")
        site.mail.stop()


def test_a_list_beyond_the_last():
    """Of somebody else's making: a UID that leaves no room for a next one."""
    site = Site(left=5)
    path = site.mail.maildir("bob") / ".Box/dovecot-uidlist"
    header, entry = path.read_text().splitlines()
    path.write_text(f"{re.sub('N[0-9]+', 'N4294967295', header)}\n4294967295 {entry.split(' ', 1)[1]}\n")
    validity, uid = site.append("second")
    check(validity > site.validity and uid == 2, f"{validity} {uid}")
    equal(site.messages(), (validity, {1: "first", 2: "second"}), "all are there")
    site.mail.stop()


# In an mbox a later UID is not believed: a sender may have written it.
LAST_MBOX = 0x3fffffff


def letter(subject, fields=""):
    return f"From a@b.test  Mon Nov  6 10:00:00 2023\nSubject: {subject}\n{fields}\nbody\n\n"


class MboxSite(Site):
    """The same in an mbox, with `waiting` behind the first message."""

    def __init__(self, mail, left, waiting=()):
        self.mail, self.validity = mail, 77
        self.path = mail.home("bob") / "mail/Box"
        shutil.rmtree(self.path.parent, ignore_errors=True)
        self.path.parent.mkdir()
        fields = f"X-IMAPbase: 77 {LAST_MBOX - left:010}\nX-UID: 5\nStatus: RO\n"
        self.path.write_text(letter("first", fields) + "".join(map(letter, waiting)))
        for path in (self.path.parent, self.path):
            os.chown(path, *mail.mta.vmail_ids())
        self.client = Client(mail)

    def again(self):
        self.client.ok("LOGOUT")
        self.client = Client(self.mail)
        return self.messages()


def test_mbox():
    mail = ImapInstance("imap_mail_location = mbox:~/mail\n")
    site = MboxSite(mail, left=2, waiting=("second", "third"))
    equal(site.messages(), (77, {5: "first", LAST_MBOX - 1: "second", LAST_MBOX: "third"}), "as many as are left")
    equal(site.again(), (77, {5: "first", LAST_MBOX - 1: "second", LAST_MBOX: "third"}), "for another process, too")
    with open(site.path, "a", encoding="ascii") as out:
        out.write(letter("fourth"))
    validity, messages = site.again()
    check(validity > 77, f"{validity} after 77")
    equal(messages, {1: "first", 2: "second", 3: "third", 4: "fourth"}, "one more")
    equal(site.again(), (validity, messages), "it stays so")
    site.client.ok("LOGOUT")
    site = MboxSite(mail, left=1, waiting=("second", "third"))
    validity, messages = site.messages()
    check(validity > 77 and list(messages) == [1, 2, 3], f"more than are left: {validity} {messages}")
    site.client.ok("LOGOUT")
    site = MboxSite(mail, left=1)
    equal(site.append("second"), [77, LAST_MBOX], "the last one")
    validity, uid = site.append("third")
    check(validity > 77 and uid == 3, f"added: {validity} {uid}")
    equal(site.again(), (validity, {1: "first", 2: "second", 3: "third"}), "all are there")
    mail.stop()


NUMBERS = "From MAILER_DAEMON Mon Nov  6 10:00:00 2023\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 77 {last:010}\nStatus: RO\n\nx\n\n"


def test_mbox_killed():
    """Whenever the process is killed: a number that a message has had, with its UIDVALIDITY, is no other message's."""
    need_strace()
    mail = ImapInstance("imap_mail_location = mbox:~/mail\n")
    path, calls = mail.home("bob") / "mail/Box", "fsync,fdatasync,pwrite64"
    command = [mail.mta.commands / "doveadm", "-c", mail.mta.conf, "-f", "tab", "fetch", "-u", "bob", "uid hdr.subject", "mailbox", "Box"]
    status, seen = 1, set()
    for step in range(1, 30):
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        path.write_text(NUMBERS.format(last=LAST_MBOX) + letter("first", "X-UID: 5\nStatus: RO\n") + letter("second", "X-UID: 9\nStatus: RO\n") + letter("third"))
        for each in (path.parent, path):
            os.chown(each, *mail.mta.vmail_ids())
        status = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={step}", *command],
                                env=mail.mta.environment(), capture_output=True, timeout=60).returncode
        client = Client(mail)
        lines = client.ok("SELECT Box")
        validity = int(re.search(rb"UIDVALIDITY (\d+)", b"".join(lines))[1])
        uids = [int(uid) for uid in re.findall(rb"UID (\d+)", b"".join(client.ok("UID FETCH 1:* (UID)")))]
        client.ok("LOGOUT")
        check(validity > 77 or uids[:2] == [5, 9], f"step {step}: {validity} {uids}")
        seen.add(status == 0)
        if status == 0:
            break
    equal(seen, {False, True}, "killed, and not killed in the end")
    mail.stop()
