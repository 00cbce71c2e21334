"""doveadm sync of ours and of Dovecot's in turn, over the same two Maildirs, which both change by chance: flags, keywords, expunges, new names.  No
message is lost, and none is there twice.  RELAIS_TEST_SEED and RELAIS_TEST_RUNS: other chances, and more."""
import os
import random
import re
import subprocess

from support import check, equal
from support.dovecot import Dovecot
from support.imap import ImapInstance
from support.imap_pair import fill_maildir

KEYWORDS = ("Kw1", "Kw2", "$Junk", "kw-long-name")
SYNC = ("sync", "-u", "bob", "maildir:~/other")


def subject_of(text):
    return re.search(rb"Subject: (\d+)\n", text)[1].decode()


class Site:
    """Two Maildirs of bob's, and both programs."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.mail = ImapInstance()
        self.dovecot = Dovecot(self.mail, separator=".", complaints=False, more="mail_location = maildir:~/Maildir\n")
        self.home = self.mail.home("bob")
        subprocess.run(["rm", "-rf", *self.home.iterdir()], check=True)
        fill_maildir(self.home / "Maildir", {f"{box}cur/17000000{i:02}.M{i}P1.h:2,": b"Subject: %d\n\nfirst\n" % (10**8 + i)
                                             for i, box in enumerate(("", "", ".Box/", ".Box/", ".Other/"))}, *self.mail.mta.vmail_ids())
        self.told = []
        self.wanted = {text for _, text in self.messages("Maildir")}
        self.gone = set()
        self.copies = set()  # texts of which Dovecot's sync has made a second message
        self.unnoted = set()  # subjects of what Dovecot's sync has brought somewhere, of which ours does not know that both sides have had it
        self.touched = set()  # since the last sync: what one side moves and the other removes is there or not, as one likes

    def stop(self):
        self.dovecot.stop()
        self.mail.stop()

    def run(self, whose, *words):
        self.told.append(f"{whose}: {' '.join(words)}")
        if whose == "theirs":
            return self.dovecot.run("doveadm", *words)
        mta = self.mail.mta
        return subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *words], env=mta.environment(), capture_output=True, text=True, timeout=60)

    def good(self, whose, *words):
        done = self.run(whose, *words)
        check(done.returncode == 0, f"{done.returncode} {done.stdout} {done.stderr}\n" + "\n".join(self.told[-30:]))
        return done.stdout

    def boxes(self, side):
        root = self.home / side
        return {"INBOX": root, **{path.name[1:]: path for path in root.iterdir() if path.name.startswith(".") and (path / "cur").is_dir()}}

    def messages(self, side):
        """[(mailbox, text)]"""
        return [(name, file.read_bytes()) for name, path in self.boxes(side).items() for part in ("cur", "new") for file in (path / part).iterdir()]

    def picture(self, side):
        """{(mailbox, text): flags and keywords}"""
        seen = {}
        for name, path in self.boxes(side).items():
            file = path / "dovecot-keywords"
            names = dict(line.split(" ", 1) for line in file.read_text().splitlines()) if file.exists() else {}
            for part in ("cur", "new"):
                for message in (path / part).iterdir():
                    flags = message.name.partition(":2,")[2]
                    seen[name, message.read_bytes()] = sorted(names.get(str(ord(c) - 97), c) if c.islower() else c for c in flags)
        return seen

    def swap(self):
        os.rename(self.home / "Maildir", self.home / "x")
        os.rename(self.home / "other", self.home / "Maildir")
        os.rename(self.home / "x", self.home / "other")
        self.told.append("(the other side)")

    def change(self):
        """Something, by one of the two programs."""
        chance, whose = self.random, self.random.choice(("ours", "theirs"))
        box = chance.choice(sorted(self.boxes("Maildir")))
        what = chance.choice(("save", "save", "flags", "flags", "flags", "expunge", "rename", "move"))
        texts = sorted(text for name, text in self.messages("Maildir") if name == box)
        subject = subject_of(chance.choice(texts)) if texts else None
        if what in ("expunge", "move"):
            what = what if subject not in self.touched else "nothing"
            self.touched.add(subject)
        query = ("mailbox", box, "subject", subject)
        if what == "save":
            text = b"Subject: %d\n\nnew\n" % chance.randrange(2 * 10**8, 10**9)
            path = self.home / "text"
            path.write_bytes(text)
            self.good(whose, "save", "-u", "bob", "-m", box, str(path))
            path.unlink()
            self.wanted.add(text)
            self.touched.add(subject_of(text))
        elif what == "rename" and box != "INBOX":
            self.good(whose, "mailbox", "rename", "-u", "bob", box, f"N{chance.randrange(10**6)}")
        elif subject and what == "flags":
            self.good(whose, "flags", chance.choice(("add", "add", "remove")), "-u", "bob", chance.choice(("\\Seen", "\\Flagged", *KEYWORDS)), *query)
        elif subject and what == "expunge":
            self.good(whose, "expunge", "-u", "bob", *query)
            for text in texts:
                if b"Subject: %s\n" % subject.encode() in text:
                    self.wanted.discard(text)
                    self.gone |= {text} - self.copies
        elif subject and what == "move":
            self.good(whose, "move", "-u", "bob", chance.choice(sorted(self.boxes("Maildir"))), *query)

    def sync(self, whose, when):
        self.good(whose, *SYNC)
        texts = [text for side in ("Maildir", "other") for _, text in self.messages(side)]
        # Dovecot, with nothing noted down, takes some of what was moved or expunged for new; and so do we where it has been at work.
        excused = {text for text in texts if whose == "theirs" or subject_of(text) in self.unnoted}
        self.copies |= {text for text in excused if texts.count(text) > 2}
        self.gone -= excused
        self.unnoted = self.unnoted | self.touched if whose == "theirs" else set()
        self.touched.clear()
        if whose == "theirs":
            self.wanted &= set(texts)  # what it has not brought over yet is still on the other side
        else:
            self.held_against(when)

    def held_against(self, when):
        history = "\n".join(self.told)
        for side in ("Maildir", "other"):
            texts = [text for _, text in self.messages(side)]
            missing = self.wanted - set(texts)
            check(not missing, f"{when}: {side} has lost {missing}\n{history}")
            twice = sorted(text for text in set(texts) if texts.count(text) > 1 and text not in self.copies)
            check(not twice, f"{when}: {side} has twice {twice}\n{history}")
            back = set(texts) & self.gone
            check(not back, f"{when}: {side} has back {back}\n{history}")


def by_chance(seed, programs):
    site = Site(seed)
    try:
        site.sync("ours", f"seed {seed}")
        for number in range(8):
            for _ in range(2):
                for _ in range(site.random.randrange(4)):
                    site.change()
                site.swap()
            site.sync(site.random.choice(programs), f"seed {seed}, round {number}")
        site.sync("ours", f"seed {seed}, in the end")
        one, other = site.picture("Maildir"), site.picture("other")
        differing = {key: (one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)}
        check(not differing, f"seed {seed}: {differing}\n" + "\n".join(site.told))
    finally:
        site.stop()


def seeds(first):
    first = int(os.environ.get("RELAIS_TEST_SEED", str(first)))
    return range(first, first + int(os.environ.get("RELAIS_TEST_RUNS", "2")))


def test_synced_by_ours():
    """Both programs change the mail, ours makes it the same."""
    for seed in seeds(100):
        by_chance(seed, ("ours",))


def test_synced_by_both():
    """Dovecot's sync of two Maildirs makes some messages twice, and brings some back; what ours makes of that is nothing more."""
    for seed in seeds(200):
        by_chance(seed, ("ours", "theirs"))
