"""Each call with which the queue and the mailboxes are read and changed fails once, or writes less: what is refused then is refused for the
time being, and what was acknowledged arrives, once.  Every day a few of the calls are tried; RELAIS_TEST_FAULTS=all (make fault-test) tries
all of them, RELAIS_TEST_SEED others."""
import collections
import errno
import os
import random
import time

from support import bound, check, count_cases, equal, need_suite
from support.carry import MAIN, QUICK_RETRIES
from support.faults import ERRORS, POSSIBLE, Faults
from support.instance import SMTP, Instance
from support.room import room
from support.sink import SmtpSink
from support.smtp_client import SmtpClient

ALL = os.environ.get("RELAIS_TEST_FAULTS") == "all"
SEED = int(os.environ.get("RELAIS_TEST_SEED", "1"))
HOURS, DAILY = 3600, 30
QUICK = QUICK_RETRIES.replace("= 2s", "= 1s") + """\
smtpd_reject_unlisted_recipient = no
notify_classes =
virtual_mailbox_lock = fcntl
"""
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "bounce", "defer", "trace")
SENDER, GOOD, BAD = "bob@example.test", ("u1@virt.test", "box@virt.test", "alice@example.test", "x@far.test"), "nosuch@virt.test"


def chosen(calls, daily):
    """(Nth call, error, whether all later ones fail too) to try, of as many as an undisturbed run makes of those that can fail so."""
    every = [(nth, error, lasting) for error, count in calls.items() for nth in range(1, count + 1) for lasting in (False, True)]
    return every if ALL else random.Random(SEED).sample(every, min(daily, len(every)))


class Mail:
    """An instance whose calls can fail, and what came of each message."""

    def __init__(self, main=""):
        need_suite()
        self.faults = Faults()
        self.mta = Instance("ours", main=MAIN + QUICK + self.faults.main + main, aliases="staff: alice, bob\n")
        self.mta.table("transport", "later.test retry:4.0.9 later\n")
        self.mta.table("mailboxes", "u1@virt.test u1/\nu2@virt.test u2/\nbox@virt.test box\n")
        self.mta.start()
        self.sink = SmtpSink(room().address(31))
        self.queues, self.boxes = [self.mta.queue / name for name in QUEUES], [self.mta.vmail, self.mta.spool]
        self.number = 0

    def marker(self):
        self.number += 1
        return f"marker-{self.number:06}-end"

    def submit_smtp(self, marker):
        """The reply's code; 4xx too where the connection was ended."""
        try:
            with SmtpClient(self.mta.address, SMTP, self.mta.room.address(100), timeout=20) as session:
                codes = [session.command("EHLO c.test").code, session.command(f"MAIL FROM:<{SENDER}>").code]
                codes += [session.command(f"RCPT TO:<{to}>").code for to in (*GOOD, BAD)]
                if not all(code == "250" for code in codes):
                    return max(codes)
                return session.data(f"Subject: fault\n\n{marker}\n{'x' * 3000}\n").code
        except (OSError, AssertionError):
            return "421"

    def submit_sendmail(self, marker):
        """The same by the command; "250" stands for its success."""
        done = self.mta.run("sendmail", "-f", SENDER, *GOOD, BAD, input=f"Subject: fault\n\n{marker}\n", record=False,
                            env=self.faults.environment)
        return f"450 {done.stderr}" if done.status else "250"

    def submit_and_requeue(self, marker):
        """A message that waits on hold, and that postsuper puts through cleanup again."""
        code = self.submit_smtp(marker)
        self.mta.run("postsuper", "-r", "ALL", "hold", record=False, env=self.faults.environment)
        self.mta.run("postkick", "public", "pickup", "W", record=False)
        return code

    def left(self):
        """Complete queue files: one that was never acknowledged is not executable."""
        found = []
        for path in self.mta.queue_files():
            try:
                if path.stat().st_mode & 0o100 and (path.stat().st_size or path.parent.name != "maildrop"):
                    found.append(path)
            except FileNotFoundError:
                pass
        return found

    def settled(self):
        end = time.monotonic() + 40
        while self.left():
            check(time.monotonic() < end, lambda: f"stuck: {self.left()}\n{self.mta.log_text()[-3000:]}")
            if self.mta.queue_files("hold"):
                self.mta.run("postsuper", "-H", "ALL", record=False)
            self.mta.run("postqueue", "-f", record=False)
            time.sleep(0.1)

    def arrived(self, marker):
        """How often, and for whom."""
        marker = marker.encode()
        count = collections.Counter()
        for name, texts in (("u1@virt.test", self.mta.virtual("u1")), ("alice@example.test", self.mta.local_mail("alice")),
                            (BAD, self.mta.local_mail("bob")), ("x@far.test", [t.data for t in self.sink.transactions])):
            count[name] = sum(marker in text for text in texts)
        count["box@virt.test"] = sum(text.count(marker) for text in self.mta.virtual("box"))
        return count

    def try_one(self, submit, nth, error, lasting):
        """One message while the Nth call fails; a text of what is wrong, or nothing."""
        marker = self.marker()
        self.mta.mark()
        with self.faults.failing(nth, error, self.places(error), lasting=lasting) as faults:
            code = submit(marker)
            end = time.monotonic() + 10
            while self.left() and not faults.hits and time.monotonic() < end:
                time.sleep(0.01)
            if lasting and faults.hits:
                time.sleep(0.5)
        what, hits = faults.what, faults.hits
        self.settled()
        self.wait_quiet(marker, code)
        count = self.arrived(marker)
        wrong = self.judge(code, count, error, lasting)
        how = f"{os.strerror(error) if error else 'short'} {'from' if lasting else 'at'} call {nth}, {what}"
        return f"{how}, hits {hits}: {code} {dict(count)}: {wrong}" if wrong else ""

    def wait_quiet(self, marker, code):
        """What is not in the queue is delivered; the far end notes it a moment later."""
        end = time.monotonic() + 3
        while code == "250" and not self.arrived(marker)["x@far.test"] and time.monotonic() < end:
            time.sleep(0.02)

    @staticmethod
    def judge(code, count, error, lasting):
        """What is wrong with this outcome.  As long as nothing can be written, nobody can note what he has delivered; and who can remove nothing
        cannot take back what he has refused."""
        if code[:3] != "250":
            most = int(lasting and "unlink" in POSSIBLE[error])
            return [to for to in count if count[to] > most] + ([] if code.startswith("4") else ["the code"])
        wrong = [to for to in (*GOOD, BAD) if not 1 <= count[to] <= 2]
        twice = [to for to in count if count[to] == 2]
        return wrong + (["twice:", *twice] if len(twice) > 1 and not lasting else [])

    def places(self, error):
        """A full mailbox returns the mail: a full queue must not."""
        return self.queues + (self.boxes if error != errno.EDQUOT else [])

    def calls(self, submit, error):
        marker = self.marker()
        with self.faults.failing(None, error, self.places(error)) as faults:
            equal(submit(marker), "250", "without a fault")
            self.settled()
            self.wait_quiet(marker, "250")
        return faults.count

    def walk(self, submit, daily):
        submit(self.marker())  # what is made once is made
        self.settled()
        calls = {error: self.calls(submit, error) for error in ERRORS.values()}
        tries = chosen(calls, daily)
        count_cases(len(tries))
        wrong = [text for nth, error, lasting in tries if (text := self.try_one(submit, nth, error, lasting))]
        check(not wrong, lambda: f"{len(wrong)} of {len(tries)}, {calls}:\n" + "\n".join(wrong))
        self.mta.check_sane()
        self.mta.destroy()
        self.sink.stop()


@bound(HOURS if ALL else 150)
def test_the_queue():
    mail = Mail()
    mail.walk(mail.submit_smtp, DAILY)


@bound(HOURS if ALL else 150)
def test_the_command():
    mail = Mail()
    # A program with rights of its own would run without the library.
    (mail.mta.commands / "postdrop").chmod(0o755)
    mail.walk(mail.submit_sendmail, DAILY)


@bound(HOURS if ALL else 150)
def test_postsuper():
    mail = Mail("smtpd_end_of_data_restrictions = check_client_access static:HOLD\n")
    mail.walk(mail.submit_and_requeue, DAILY)

