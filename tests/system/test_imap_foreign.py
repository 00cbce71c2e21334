"""What somebody else does to a user's mailboxes while the user's process lives: with a mailbox selected, and between
sessions.  Nothing crashes, no UID means another message, keywords keep their names."""
import shutil
import socket
import subprocess
import time

from support import check, equal
from support.imap import ImapInstance

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Site:
    """An instance with the mailbox Box: two messages, one with the keywords kwA and kwB."""

    def __init__(self):
        self.mail = ImapInstance()
        self.client = self.mail.login()
        self.client.create("Box")
        self.append(b"kwA kwB")
        self.append(b"")
        self.root = self.mail.maildir("bob")
        self.box = self.root / ".Box"
        equal(self.select(), {1: ["kwA", "kwB"], 2: []}, "before")
        self.validity = self.value("UIDVALIDITY")

    def append(self, flags=b"", box="Box"):
        return self.client.append(box, f"({flags.decode()})", None, MESSAGE)

    def value(self, name):
        return int(self.client.untagged_responses[name][-1])

    def keywords(self):
        """{uid: keywords} of what is selected."""
        found = {}
        for row in self.client.uid("FETCH", "1:*", "(FLAGS)")[1]:
            if row:
                flags = row.partition(b"FLAGS (")[2].partition(b")")[0].decode().split()
                found[int(row.partition(b"UID ")[2].split(b" ")[0].rstrip(b")"))] = \
                    [flag for flag in flags if not flag.startswith("\\")]
        return found

    def select(self, box="Box"):
        answer = self.client.select(box)
        check(answer[0] == "OK", f"SELECT {box}: {answer}")
        return self.keywords()

    def own(self):
        uid, gid = self.mail.mta.vmail_ids()
        subprocess.run(["chown", "-R", f"{uid}:{gid}", self.root], check=True)

    def write(self, name, text, directory=None):
        path = (directory or self.box) / name
        temporary = path.with_name(path.name + ".mine")
        temporary.write_text(text)
        temporary.rename(path)
        self.own()

    def done(self):
        died = [line for line in self.mail.mta.log_text().splitlines()
                if "panic" in line or "killed by" in line or "signal" in line]
        equal(died, [], "nothing died")
        self.mail.stop()


def both(change, look):
    """`change(site)` happens with the mailbox selected, then between two sessions; `look(site)` says what must be."""
    for selected in (True, False):
        site = Site()
        if not selected:
            site.client.logout()
            change(site)
            site.client = site.mail.login()
        else:
            change(site)
            try:
                site.client.noop()
            except (site.client.abort, OSError):
                pass  # "* BYE": the mailbox is another one
            site.client = site.mail.login()
        look(site)
        site.done()


def test_keywords_replaced():
    def change(site):
        site.write("dovecot-keywords", "0 kwX\n1 kwA\n")

    def look(site):
        site.append(b"kwA")
        equal(site.select(), {1: ["kwX", "kwA"], 2: [], 3: ["kwA"]}, "letters are what the file says")
    both(change, look)


def test_keywords_replaced_is_told():
    site = Site()
    site.write("dovecot-keywords", "0 kwX\n1 kwA\n")
    site.client.noop()
    told = b" ".join(site.client.response("FETCH")[1])
    check(b"kwX kwA" in told, f"the flags of the message are told anew: {told}")
    site.done()


def test_keywords_removed():
    site = Site()
    (site.box / "dovecot-keywords").unlink()
    site.append(b"kwC")
    equal(site.keywords(), {1: ["kwA", "kwB"], 2: [], 3: ["kwC"]}, "names in use are not lost")
    equal((site.box / "dovecot-keywords").read_text(), "0 kwA\n1 kwB\n2 kwC\n", "and stand in the file again")
    site.done()


def test_mailbox_moved_away_and_made_anew():
    def change(site):
        site.box.rename(site.root / ".Old")

    def look(site):
        check(site.client.select("Box")[0] == "NO", "it is gone")
        equal(site.select("Old"), {1: ["kwA", "kwB"], 2: []}, "where it went")
        equal(site.value("UIDVALIDITY"), site.validity, "UIDVALIDITY moved along")
        site.client.create("Box")
        site.append(b"kwB")
        equal(site.select(), {1: ["kwB"]}, "the new one")
        check(site.value("UIDVALIDITY") > site.validity, "has another UIDVALIDITY")
        equal((site.box / "dovecot-keywords").read_text(), "0 kwB\n", "and keywords of its own")
    both(change, look)


def test_mailbox_replaced():
    """A Maildir of another origin comes in the place of Box."""
    def change(site):
        site.box.rename(site.root / ".Old")
        for part in ("cur", "new", "tmp"):
            (site.box / part).mkdir(parents=True)
        site.write("1.M1.other:2,Sa", "Subject: other\n\n\n", site.box / "cur")
        site.write("dovecot-keywords", "0 kwZ\n")

    def look(site):
        equal(site.select(), {1: ["kwZ"]}, "the other one")
        check(site.value("UIDVALIDITY") > site.validity, "UIDVALIDITY")
        body = site.client.fetch("1", "(BODY.PEEK[])")[1][0][1]
        equal(body, b"Subject: other\r\n\r\n\r\n", "its message")
    both(change, look)


def test_copy_put_back():
    def change(site):
        shutil.copytree(site.box, site.root / ".Old", copy_function=shutil.copy2)
        shutil.rmtree(site.box)
        (site.root / ".Old").rename(site.box)
        site.own()

    def look(site):
        equal(site.select(), {1: ["kwA", "kwB"], 2: []}, "the same")
        equal(site.value("UIDVALIDITY"), site.validity, "UIDVALIDITY")
        equal(len(site.client.fetch("1:2", "(BODY.PEEK[])")[1]), 4, "and can be read")
    both(change, look)


def test_uidlist_removed():
    def look(site):
        equal(sorted(site.select()), [1, 2], "messages")
        check(site.value("UIDVALIDITY") > site.validity, "UIDVALIDITY")
    both(lambda site: (site.box / "dovecot-uidlist").unlink(), look)


def test_uidlist_put_back():
    early = {}

    def change(site):
        text = (site.box / "dovecot-uidlist").read_text()
        site.append()
        site.keywords()
        early["uids"] = sorted(site.keywords()) if site.client.state == "SELECTED" else [1, 2, 3]
        site.write("dovecot-uidlist", text)

    site = Site()
    change(site)
    site.client.noop()
    site.append()
    equal(sorted(site.keywords()), [1, 2, 4, 5], "a UID that was known is not given again")
    equal(site.value("UIDVALIDITY"), site.validity, "UIDVALIDITY")
    site.done()


FACTS = "(UID ENVELOPE BODYSTRUCTURE RFC822.SIZE)"


def ruin(path, how):
    if how == "removed":
        path.unlink()
        return
    with open(path, "r+b") as file:
        if how == "rubbish":
            file.write(b"\xa5" * path.stat().st_size)
        else:
            file.truncate(0 if how == "emptied" else path.stat().st_size // 2)


def await_file(path):
    end = time.monotonic() + 25
    while not path.exists():
        check(time.monotonic() < end, f"{path.name} is not written")
        time.sleep(0.1)


def test_cache_broken_while_a_session_uses_it():
    for how in ("removed", "emptied", "cut", "rubbish"):
        site = Site()
        site.client.append("Box", None, None, b"Subject: " + b"long " * 4000 + b"\r\n\r\nbody\r\n")
        wanted = site.client.fetch("1:3", FACTS)[1]
        await_file(site.box / "relais.cache")
        equal(site.client.fetch("1:3", FACTS)[1], wanted, "from the cache")
        ruin(site.box / "relais.cache", how)
        for _ in range(2):
            equal(site.client.fetch("1:3", FACTS)[1], wanted, f"cache {how}")
        site.append()
        equal(site.client.fetch("1:3", FACTS)[1], wanted, f"cache {how}, later")
        site.done()


def test_index_and_cache_broken_between_sessions():
    site = Site()
    wanted, places = {}, []
    for name in ("relais.index", "relais.cache"):
        for how in ("removed", "emptied", "cut", "rubbish"):
            box = f"{name[7:]}-{how}"
            places.append((box, site.root / f".{box}" / name, how))
            site.client.create(box)
            site.append(b"kwA", box)
            site.append(b"", box)
            site.client.select(box)
            wanted[box] = site.client.fetch("1:2", FACTS)[1], site.keywords()
    site.client.unselect()
    for box, path, how in places:
        await_file(path)
    time.sleep(1)
    for box, path, how in places:
        ruin(path, how)
        site.client.select(box)
        equal((site.client.fetch("1:2", FACTS)[1], site.keywords()), wanted[box], f"{path.name} {how}")
    site.done()


def test_new_messages_that_others_remove():
    """Who looks without claiming them knows messages that lie in new/: they go when they go there, whether a session lives or not."""
    site = Site()
    for number in range(4):
        path = site.box / f"new/180000000{number}.M{number}P1.h"
        path.write_bytes(b"Subject: %d\n\nx\n" % number)
    site.own()
    equal(site.client.select("Box", readonly=True), ("OK", [b"6"]), "with those in new/")
    (site.box / "new/1800000001.M1P1.h").unlink()
    site.client.noop()
    equal(site.client.untagged_responses.pop("EXPUNGE", None), [b"4"], "while it is open")
    path = site.box / "new/1800000003.M3P1.h"
    path.rename(f"{path}:2,F")  # Dovecot marks those that it does not claim so
    site.client.noop()
    check(b"\\Flagged" in site.client.fetch("5", "(FLAGS)")[1][0], "a flag on one")
    site.client.logout()
    site.mail.mta.reload()
    (site.box / "new/1800000002.M2P1.h").unlink()
    (site.box / "new/1800000005.M5P1.h").write_bytes(b"Subject: 5\n\nx\n")
    site.own()
    site.client = site.mail.login()
    equal(site.client.select("Box", readonly=True), ("OK", [b"5"]), "between sessions")
    texts = [part[1] for part in site.client.fetch("3:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1] if isinstance(part, tuple)]
    equal(texts, [b"Subject: %d\r\n\r\n" % number for number in (0, 3, 5)], "which they are")
    site.done()


def test_subscriptions_changed():
    site = Site()
    site.client.subscribe("Box")
    site.write("subscriptions", "V\t2\n\nOther\n", site.root)
    check(b"Other" in site.client.lsub()[1][0], "replaced")
    site.client.subscribe("Box")
    equal((site.root / "subscriptions").read_text(), "V\t2\n\nOther\nBox\n", "what was there stays")
    (site.root / "subscriptions").unlink()
    equal(site.client.lsub()[1], [None], "removed")
    site.client.subscribe("Box")
    check(b"Box" in site.client.lsub()[1][0], "and made again")
    site.done()


def test_parts_of_a_mailbox_removed():
    for part in ("new", "tmp"):
        def look(site):
            equal(site.append()[0], "OK", f"APPEND after {part} was removed")
            equal(sorted(site.select()), [1, 2, 3], "messages")
        both(lambda site: shutil.rmtree(site.box / part), look)


def test_messages_directory_replaced():
    def change(site):
        shutil.rmtree(site.box / "cur")
        (site.box / "cur").mkdir()
        site.own()

    def look(site):
        equal(site.select(), {}, "empty")
        site.append()
        equal(sorted(site.keywords()), [3], "no UID is given twice")
        equal(site.value("UIDVALIDITY"), site.validity, "UIDVALIDITY")
    both(change, look)


def test_the_whole_maildir_removed():
    def look(site):
        equal(site.select("INBOX"), {}, "INBOX is there again")
        equal(site.append(b"kwB", "INBOX")[0], "OK", "and takes mail")
        check(site.client.select("Box")[0] == "NO", "Box is gone")
        site.client.create("Box")
        site.append(b"kwB")
        equal(site.select(), {1: ["kwB"]}, "made anew")
        check(site.value("UIDVALIDITY") > site.validity, "UIDVALIDITY")
    both(lambda site: shutil.rmtree(site.root), look)


def test_a_session_whose_mailbox_is_gone_ends():
    site = Site()
    shutil.rmtree(site.box)
    try:
        answer = site.client.noop()
        check(False, f"not told: {answer}")
    except (site.client.abort, OSError):
        pass
    site.client = site.mail.login()
    equal(site.append(box="INBOX")[0], "OK", "others go on")
    site.done()


def test_idle_in_a_mailbox_that_is_moved_away():
    for change in (lambda site: site.box.rename(site.root / ".Old"), lambda site: shutil.rmtree(site.box)):
        site = Site()
        site.client.send(b"i IDLE\r\n")
        check(site.client.readline().startswith(b"+"), "idling")
        time.sleep(0.3)
        start = time.monotonic()
        change(site)
        while (line := site.client.readline()) and not line.startswith(b"* BYE"):
            pass
        check(line.startswith(b"* BYE") and time.monotonic() - start < 5, f"told at once: {line}")
        site.client = site.mail.login()
        site.done()


def test_locks_left_by_killed_processes():
    site = Site()
    process = subprocess.Popen(["true"])
    process.wait()
    for name, act in (("dovecot-uidlist", site.append), ("../subscriptions", lambda: site.client.subscribe("Box"))):
        site.write(name + ".lock", f"{process.pid}:{socket.gethostname()}")
        start = time.monotonic()
        equal(act()[0], "OK", f"with a {name}.lock that a killed process has left")
        check(time.monotonic() - start < 3, f"{time.monotonic() - start} s")
        check(not (site.box / (name + ".lock")).exists(), "the lock is gone")
    site.done()
