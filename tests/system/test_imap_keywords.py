"""More keywords than a Maildir has letters: the others are in our own file, and nobody sees a difference."""
import os
import re
import subprocess

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
LETTERS = [f"letter{i}" for i in range(26)]
OTHERS = [f"other{i}" for i in range(9)]


class Site:
    """Box with three messages; the first one has the keywords of all letters."""

    def __init__(self, main=""):
        self.mail = ImapInstance(main)
        self.client = Client(self.mail)
        self.client.ok("CREATE Box")
        for _ in range(3):
            self.append("")
        self.client.ok("SELECT Box (CONDSTORE)")
        self.client.ok(f"STORE 1 +FLAGS ({' '.join(LETTERS)})")
        self.box = self.mail.maildir("bob") / ".Box"

    def append(self, flags, box="Box"):
        self.client.ok(b"APPEND %s (%s) {%d+}\r\n%s" % (box.encode(), flags.encode(), len(MESSAGE), MESSAGE))

    def keywords(self, client=None):
        """Of each message, in order."""
        lines = (client or self.client).ok("FETCH 1:* (FLAGS)")
        found = [re.search(rb"FLAGS \(([^)]*)\)", line)[1].decode().split() for line in lines if b"FETCH (" in line]
        return [sorted(word for word in flags if word[0] != "\\") for flags in found]

    def doveadm(self, *words):
        mta = self.mail.mta
        done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *words], env=mta.environment(), capture_output=True, text=True, timeout=60)
        equal(done.returncode, 0, f"{words}: {done.stderr}")
        return done.stdout


def found(client, query):
    return next(line for line in client.ok(f"SEARCH {query}") if line.startswith(b"* SEARCH")).split()[2:]


def test_set_and_removed_and_found():
    site = Site()
    bob = site.client
    bob.ok(f"STORE 1:2 +FLAGS ({' '.join(OTHERS)})")
    equal(site.keywords(), [sorted(LETTERS + OTHERS), OTHERS, []], "added")
    equal(found(bob, "KEYWORD other3"), [b"1", b"2"], "found")
    equal(found(bob, "KEYWORD OTHER3"), [b"1", b"2"], "whatever the case")
    equal(found(bob, "UNKEYWORD other3"), [b"3"], "not found")
    equal(found(bob, "KEYWORD letter3"), [b"1"], "one with a letter")
    bob.ok("STORE 1 -FLAGS (other0 letter0 Other1)")
    bob.ok("STORE 2 FLAGS (letter1 other5 new1)")
    equal(site.keywords(), [sorted(LETTERS[1:] + OTHERS[2:]), ["letter1", "new1", "other5"], []], "changed")
    site.append("other2 letter2 appended")
    bob.ok("NOOP")
    equal(site.keywords()[3], ["appended", "letter2", "other2"], "APPEND")
    bob.ok("CREATE Copy")
    bob.ok("COPY 2,4 Copy")
    lines = bob.ok("SELECT Copy")
    check(any(b"PERMANENTFLAGS" in line and b"\\*" in line and b"other5" in line for line in lines), f"{lines}")
    equal(site.keywords(), [["letter1", "new1", "other5"], ["appended", "letter2", "other2"]], "COPY")
    lines = bob.ok("SELECT Box")
    check(any(b"PERMANENTFLAGS" in line and b"\\*" in line and b"other5" in line for line in lines), f"{lines}")
    bob.ok("MOVE 2 Copy")
    equal(site.keywords(), [sorted(LETTERS[1:] + OTHERS[2:]), [], ["appended", "letter2", "other2"]], "after MOVE")
    bob.ok("STORE 1 FLAGS ()")
    equal(site.keywords()[0], [], "none is left")
    site.mail.stop()


def test_another_process_and_another_session():
    site = Site()
    bob, other = site.client, Client(site.mail)
    other.ok("SELECT Box")
    bob.ok("STORE 2 +FLAGS (other1)")
    lines = other.ok("NOOP")
    check(any(b"* 2 FETCH" in line and b"other1" in line for line in lines), f"another session: {lines}")
    check(any(b"* FLAGS" in line and b"other1" in line for line in lines), f"its FLAGS: {lines}")
    site.doveadm("flags", "add", "-u", "bob", "other2", "mailbox", "Box", "uid", "3")
    lines = bob.ok("NOOP")
    check(any(b"* 3 FETCH" in line and b"other2" in line for line in lines), f"another process: {lines}")
    equal(site.keywords(), [sorted(LETTERS), ["other1"], ["other2"]], "of both")
    site.doveadm("flags", "remove", "-u", "bob", "other2", "mailbox", "Box", "all")
    equal(site.keywords() if bob.ok("NOOP") else 0, [sorted(LETTERS), ["other1"], []], "removed")
    equal(site.doveadm("search", "-u", "bob", "mailbox", "Box", "keyword", "other1").split()[1:], ["2"], "doveadm finds it")
    site.mail.stop()


def test_they_outlive_what_may_be_removed():
    site = Site()
    site.client.ok("STORE 1:2 +FLAGS (other1 other2)")
    site.client.ok("UNSELECT")
    site.client.ok("RENAME Box Elsewhere")
    wanted = [sorted(LETTERS + ["other1", "other2"]), ["other1", "other2"], []]
    box = site.box.with_name(".Elsewhere")
    for name in ("relais.index", "relais.cache", "dovecot-uidlist"):
        site.client.ok("LOGOUT")
        site.mail.mta.reload()
        (box / name).unlink(missing_ok=True)
        site.mail.login("bob").logout()
        site.client = Client(site.mail)
        site.client.ok("SELECT Elsewhere")
        equal(site.keywords(), wanted, f"without {name}")
    path = box / "relais.keywords"
    good = path.read_bytes()
    for damaged in (b"\x00" * 100, good[:-5], b"x" * 300000, good.replace(b"\t", b" "), os.urandom(2000), b""):
        path.write_bytes(damaged)
        site.client.ok("NOOP")
        equal(site.keywords()[2], [], f"the third, with {damaged[:20]}")
        equal([word for word in site.keywords()[0] if word.startswith("letter")], sorted(LETTERS), "those with letters")
    site.client.ok("STORE 2 +FLAGS (other7)")
    equal(site.keywords()[1], ["other7"], "a new one")
    site.mail.stop()


def test_limits():
    """Not any number of names, and not names of any length."""
    site = Site()
    bob = site.client
    for begin in range(0, 300, 50):
        bob.ok(f"STORE 2 +FLAGS ({' '.join(f'many{i}' for i in range(begin, begin + 50))})")
    equal(len(site.keywords()[1]), 200, "as many as there is room for")
    bob.ok("STORE 3 +FLAGS (many1 new1)")
    equal(site.keywords()[2], ["many1"], "those that are known")
    bob.ok("STORE 2 -FLAGS (many7)")
    bob.ok("STORE 3 +FLAGS (new1)")
    equal(site.keywords()[2], ["many1", "new1"], "where one has gone")
    bob.command(f"STORE 3 +FLAGS ({'l' * 1000})")
    equal(site.keywords()[2], ["many1", "new1"], "a long one")
    check((site.box / "relais.keywords").stat().st_size < 5000, "the file")
    bob.ok("STORE 2 +FLAGS (many7)")
    bob.ok("STORE 3 +FLAGS (new2)")
    equal(site.keywords()[2], ["many1", "new1"], "full again")
    names = [line.split(":", 1)[1] for line in (site.box / "dovecot-uidlist").read_text().splitlines() if line.startswith("2 ")]
    next(path for path in (site.box / "cur").iterdir() if path.name.startswith(names[0].split(":")[0])).unlink()
    bob.ok("NOOP")
    bob.ok("STORE 2 +FLAGS (new2)")
    equal(site.keywords()[1], ["many1", "new1", "new2"], "the message with the others was removed by hand")
    many = [[f"{word}{i}" for i in range(150)] for word in ("first", "second")]
    site.client.ok(b"APPEND Box " + b" ".join(b"(%s) {%d+}\r\n%s" % (" ".join(names).encode(), len(MESSAGE), MESSAGE) for names in many))
    bob.ok("NOOP")
    equal([len(names) for names in site.keywords()[2:]], [150, 47], "MULTIAPPEND")
    bob.ok("STORE 2 -FLAGS (new2)")
    equal([len(names) for names in site.keywords()[2:]], [150, 47], "and nothing is lost later")
    site.mail.stop()


def test_indexes_in_memory():
    """Then there is no place for them, and clients are told so; the others work."""
    site = Site("imap_mail_location = maildir:~/Maildir:INDEX=MEMORY\n")
    bob = site.client
    bob.ok("STORE 2 +FLAGS (letter3 other1)")
    equal(site.keywords(), [sorted(LETTERS), ["letter3"], []], "those with letters")
    lines = bob.ok("SELECT Box")
    check(any(b"PERMANENTFLAGS" in line and b"\\*" not in line for line in lines), f"{lines}")
    site.append("letter2 other2")
    bob.ok("NOOP")
    equal(site.keywords()[3], ["letter2"], "APPEND")
    site.mail.stop()
