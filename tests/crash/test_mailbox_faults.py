"""Each call with which a mailbox is read and changed fails once, or writes less, or all do from one on: what is answered with OK is so, what is not
is as it was or as it should be, and no other message changes.  RELAIS_TEST_FAULTS=all (make fault-test) tries all calls, RELAIS_TEST_SEED others."""
import os
import random
import re

from support import bound, check, count_cases
from support.faults import ERRORS, Faults
from support.imap_client import Client, literal
from support.lmtp_pair import LmtpInstance
from support.pop3_pair import MASTER as POP3_SERVICES
from support.pop3_pair import POP3
from support.pop3_pair import Session as Pop3Session

ALL = os.environ.get("RELAIS_TEST_FAULTS") == "all"
CHANCE = random.Random(int(os.environ.get("RELAIS_TEST_SEED", "1")))
DAILY = 30
OLD = {"INBOX": (b"one", b"two", b"three"), "other": (b"four",)}
NEW = b"fresh"


def text(name):
    return b"Subject: %s\r\n\r\n%s %s\r\n" % (name, name, b"x" * 500)


class Instance(LmtpInstance):
    programs = ("lmtpd", "pop3", "pop3-login")

    def __init__(self, faults):
        self.names = [f"f{n}" for n in range(4000 if ALL else 600)]
        super().__init__(faults.main + "auth_failure_delay = 0\n", services=POP3_SERVICES, users=self.names, rules={})
        self.faults, self.used = faults, 0

    def fresh_user(self):
        """One with the old messages; the Maildir's place."""
        name = self.names[self.used]
        self.used += 1
        home, ids = self.mail / name, self.mta.vmail_ids()
        for folder, names in OLD.items():
            place = home if folder == "INBOX" else home / f".{folder}"
            for part in ("tmp", "new", "cur"):
                (place / part).mkdir(parents=True)
            for n, each in enumerate(names):
                (place / "cur" / f"{1000 + n}.M{n}.h:2,").write_bytes(text(each).replace(b"\r\n", b"\n"))
            (place / "maildirfolder").touch()
        for path in (home, *home.rglob("*")):
            os.chown(path, *ids)
        home.chmod(0o700)
        return f"{name}@virt.test"

    def contents(self, user):
        """{folder: {UID: (name, flags)}}"""
        client, found = Client(self, user), {}
        for folder in OLD:
            client.ok(f"SELECT {folder}")
            lines = b"\n".join(client.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])"))
            found[folder] = {}
            for uid, flags, body in re.findall(rb"UID (\d+) FLAGS \((.*?)\) BODY\[\] \{\d+\}\r\n(.*?)\)(?:\n|$)", lines, re.S):
                name = re.match(rb"(?:Return-Path:.*?\n|Delivered-To:.*?\n|Received:.*?\n(?:\s.*?\n)*)*Subject: (\w+)", body)[1]
                check(body.endswith(text(name)), f"{name} of {folder} is whole: {body}")
                found[folder][int(uid)] = (name, flags)
        client.send(b"z LOGOUT\r\n")
        client.sock.close()
        return found


def attempt(action):
    """Its outcome; a connection that ends is a refusal."""
    try:
        return action()
    except (OSError, AssertionError) as ended:
        return f"ended: {ended}"


class Imap:
    """A command on the INBOX of a session that has selected it."""

    def __init__(self, command):
        self.command = command

    def prepare(self, mail, user):
        self.client = Client(mail, user)
        self.client.ok("SELECT INBOX")

    def run(self):
        answer = attempt(lambda: self.client.command(self.command)[-1].decode())
        self.client.sock.close()
        return answer.startswith("OK"), answer


class Pop3:
    def prepare(self, mail, user):
        self.session = Pop3Session(mail.address, POP3, user)

    def run(self):
        answers = attempt(lambda: [self.session.command(c)[0].decode() for c in ("DELE 1", "QUIT")])
        self.session.close()
        return answers[0].startswith("+OK") and answers[-1].startswith("+OK"), str(answers)


class Lmtp:
    def prepare(self, mail, user):
        self.session, self.user = mail.session(), user

    def run(self):
        answer = attempt(lambda: self.session.deliver(self.user, text(NEW).decode())[0])
        self.session.close()
        # A quota of the file system is full for who writes again as well.
        check(answer.startswith(("250", "4", "552 5.2.2", "ended")), f"a refusal that is not for ever: {answer}")
        return answer.startswith("250"), answer


class Sync:
    """With a second place that has a message more; what a run did not do, the next one does."""

    def prepare(self, mail, user):
        self.mail, self.user = mail, user
        self.place = mail.mail / f"{user.partition('@')[0]}-second"
        self.place.mkdir()
        os.chown(self.place, *mail.mta.vmail_ids())
        self.sync()
        new = self.place / "cur/2000.M9.h:2,"
        new.write_bytes(text(NEW).replace(b"\r\n", b"\n"))
        os.chown(new, *mail.mta.vmail_ids())

    def sync(self):
        done = self.mail.mta.run("doveadm", "-c", self.mail.mta.conf, "sync", "-u", self.user, f"maildir:{self.place}", record=False,
                                 env=self.mail.faults.environment)
        return done.status == 0, f"{done.status} {done.stderr}"

    def run(self):
        return self.sync()

    def afterwards(self):
        done, said = self.sync()
        check(done, f"a run without faults: {said}")
        here, there = (sorted(path.read_bytes() for path in place.rglob("cur/*")) for place in (self.place, self.mail.mail / self.user.partition("@")[0]))
        check(here == there, "both places have the same messages")
        return True


def names(folder):
    return sorted(name for name, _ in folder.values())


def same_old(before, now, but=()):
    """No old message has another UID, or is gone, unless it was to."""
    return [f"{name} of {folder} is lost or has another UID" for folder, messages in before.items()
            for uid, (name, _) in messages.items() if name not in but and now[folder].get(uid, (None,))[0] != name]


def added(before, now, done, folder, name):
    count = names(now[folder]).count(name) - names(before[folder]).count(name)
    return same_old(before, now) + ([] if count == 1 or count == 0 and not done else [f"{name} is {count} times in {folder}, done: {done}"])


def stored(before, now, done):
    return added(before, now, done, "INBOX", NEW)


def copied(before, now, done):
    return [text for name in (b"one", b"two") for text in added(before, now, done, "other", name)]


def moved(before, now, done):
    wrong = same_old(before, now, (b"one", b"two"))
    for name in (b"one", b"two"):
        here, there = names(now["INBOX"]).count(name), names(now["other"]).count(name)
        if (here, there) != (0, 1) and (done or here + there == 0 or there > 1 or here > 1):
            wrong.append(f"{name} is {here} times in INBOX, {there} times in other, done: {done}")
    return wrong


def flagged(before, now, done):
    flags = {name: flags for name, flags in now["INBOX"].values()}
    return same_old(before, now) + [f"{name} has {flags[name]}" for name in (b"one", b"two") if done and rb"\Seen" not in flags[name]]


def removed(before, now, done):
    return same_old(before, now, (b"one",)) + (["one is still there"] if done and b"one" in names(now["INBOX"]) else [])


def append(folder=b"INBOX"):
    return b"APPEND " + folder + b" (\\Seen own) " + literal(text(NEW))


OPERATIONS = {
    "lmtp": (Lmtp(), stored), "append": (Imap(append()), stored),
    "copy": (Imap("COPY 1:2 other"), copied), "move": (Imap("MOVE 1:2 other"), moved),
    "store": (Imap(r"STORE 1:2 +FLAGS (\Seen own)"), flagged), "expunge": (Imap("UID EXPUNGE 1"), removed), "pop3": (Pop3(), removed),
    "sync": (Sync(), stored),
}


def tries(counts, daily):
    every = [(nth, error, lasting) for error, count in counts.items() for nth in range(1, count + 1) for lasting in (False, True)]
    return every if ALL else CHANCE.sample(every, min(daily, len(every)))


def one(mail, name, nth, error, lasting):
    """A try: what is wrong, and how many calls there were."""
    operation, judge = OPERATIONS[name]
    user = mail.fresh_user()
    if name == "expunge":
        first = mail.mail / user.partition("@")[0] / "cur/1000.M0.h:2,"
        first.rename(f"{first}T")
    before = mail.contents(user)
    operation.prepare(mail, user)
    with mail.faults.failing(nth, error, [mail.mail], lasting=lasting) as faults:
        done, answer = operation.run()
    what, hits, count = faults.what, faults.hits, faults.count
    if hasattr(operation, "afterwards"):
        done = operation.afterwards()
    wrong = judge(before, mail.contents(user), done)
    told = f"{name}: {os.strerror(error) if error else 'short'} {'from' if lasting else 'at'} call {nth}, {what} ({hits}): {answer}"
    return ([f"{told}: {wrong}"] if wrong else []), count


def walk(name):
    mail = Instance(Faults())
    one(mail, name, None, ERRORS["EIO"], False)
    counts = {error: one(mail, name, None, error, False)[1] for error in ERRORS.values()}
    chosen = tries(counts, 8 if name == "sync" else DAILY)
    count_cases(len(chosen))
    wrong = [text for each in chosen for text in one(mail, name, *each)[0]]
    check(not wrong, lambda: f"{len(wrong)} of {len(chosen)}, {counts}:\n" + "\n".join(wrong))
    mail.mta.check_sane()
    mail.stop()


def a_test(name):
    @bound(3600 if ALL else 120)
    def test():
        walk(name)
    return test


for operation_name in OPERATIONS:
    globals()[f"test_{operation_name}"] = a_test(operation_name)
