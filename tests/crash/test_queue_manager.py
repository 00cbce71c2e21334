"""The queue manager, the bounce service, the resolver and the agents killed while messages with many recipients are under
way, some of whom are refused: each recipient is settled, and what comes twice stays within what was in flight."""
import collections
import os
import random
import re
import signal
import threading
import time

from support import bound, check, need_suite
from support.carry import QUICK_RETRIES
from support.instance import SMTP, Instance
from support.room import room
from support.sink import SmtpSink
from support.smtp_client import SmtpClient

VICTIMS = ("qmgr", "bounce", "trivial-rewrite", "smtp", "virtual", "error")
KILLS = 24
FAR, BAD = 30, 3
AT_ONCE = 4  # deliveries to the far end
MAIN = QUICK_RETRIES + f"""\
local_recipient_maps =
relay_domains = far.test
transport_maps = inline:{{far.test=smtp:[@NET@.31]:2525}}
smtp_destination_recipient_limit = 5
smtp_destination_concurrency_limit = {AT_ONCE}
qmgr_message_recipient_minimum = 2
qmgr_message_recipient_limit = 40
default_recipient_limit = 40
bounce_size_limit = 100000
"""


class Sender(threading.Thread):
    """Messages to recipients far away, here, and unknown ones, from a sender who gets the notifications."""

    def __init__(self, mta):
        super().__init__()
        self.mta, self.acknowledged, self.stopping = mta, [], threading.Event()
        self.start()

    def run(self):
        number = 0
        while not self.stopping.is_set():
            number += 1
            to = [f"m{number}-{n}@far.test" for n in range(FAR)] + ["u1@virt.test"] + [f"no{n}@virt.test" for n in range(BAD)]
            try:
                with SmtpClient(self.mta.address, SMTP, self.mta.room.address(100), timeout=15) as session:
                    reply = session.mail("alice@example.test", to, f"Subject: load\n\nmarker-{number:06}-end\n")
                if reply.code == "250":
                    self.acknowledged.append(number)
            except (OSError, AssertionError):
                pass
            self.stopping.wait(0.1)


def kill_one(mta, name):
    pids = [pid for pid, daemon in mta.processes().items() if daemon == name]
    if not pids:
        return False
    try:
        os.kill(random.choice(pids), signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def wait_empty(mta, seconds=90):
    end = time.monotonic() + seconds
    while mta.queue_files("incoming", "active", "deferred"):
        check(time.monotonic() < end, lambda: f"stuck: {mta.queue_files()}\n{mta.log_text()[-3000:]}")
        mta.run("postqueue", "-f", record=False)
        time.sleep(1)


def markers(messages):
    return collections.Counter(int(found) for text in messages for found in set(re.findall(rb"marker-(\d{6})-end", text)))


def bounced_recipients(messages):
    """How often a notification for a message names an unknown recipient."""
    out = collections.Counter()
    for text in messages:
        number = re.search(rb"marker-(\d{6})-end", text)
        for name in set(re.findall(rb"(?m)^Final-Recipient: rfc822; (no\d)@", text)):
            out[int(number[1]), name.decode()] += 1
    return out


def killed_while_delivering(kind):
    # Recipients at virt.test are judged by virtual(8), not at the door.
    mta = Instance(kind, main=MAIN + "smtpd_reject_unlisted_recipient = no\n").start()
    sink = SmtpSink(room().address(31), script={".": lambda _: time.sleep(0.02) or "250 2.0.0 Ok"})
    sender, killed = Sender(mta), 0
    try:
        time.sleep(1)
        for number in range(KILLS):
            killed += kill_one(mta, VICTIMS[number % len(VICTIMS)])
            time.sleep(random.uniform(0.1, 0.4))
    finally:
        sender.stopping.set()
        sender.join()
    check(killed > KILLS / 2, f"only {killed} kills")
    wait_empty(mta)
    far = collections.Counter(re.search(r"<(m[^@]*)@", rcpt)[1] for got in sink.transactions for rcpt in got.rcpts)
    here, returned = markers(mta.virtual("u1")), bounced_recipients(mta.local_mail("alice"))
    lost = [f"m{m}-{n}" for m in sender.acknowledged for n in range(FAR) if not far[f"m{m}-{n}"]]
    lost += [f"{m} in the mailbox" for m in sender.acknowledged if not here[m]]
    lost += [f"{m} notification for no{n}" for m in sender.acknowledged for n in range(BAD) if not returned[m, f"no{n}"]]
    check(not lost, lambda: f"lost of {len(sender.acknowledged)} messages: {lost}")
    doubled = [name for name, times in far.items() if times > 1]
    # A killed client was in so many transactions, of five recipients each.
    most = (KILLS // len(VICTIMS)) * AT_ONCE * 5
    check(len(doubled) <= most, lambda: f"{len(doubled)} recipients got it twice, {most} were in flight: {doubled}")
    print(f"{kind}: {killed} kills, {len(sender.acknowledged)} messages, {len(doubled)} of {len(far)} doubled")
    mta.destroy()
    sink.stop()


@bound(200)
def test_each_recipient_is_settled():
    need_suite()
    killed_while_delivering("ours")


@bound(200)
def test_postfix_does_the_same():
    """Proves the test."""
    killed_while_delivering("postfix")
