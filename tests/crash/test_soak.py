"""Hours of mixed traffic with reloads, renewed certificates, tables built anew, restarts and kills: memory, descriptors, processes and the age of
what is in the queue stay flat, and nothing is lost.  Every day less than a minute of it; RELAIS_TEST_HOURS=2 (make soak HOURS=2) more."""
import collections
import os
import pathlib
import random
import statistics
import subprocess
import threading
import time

from support import bound, check, count_cases, need_suite
from support.families import kill
from support.figures import table, total, use_of
from support.instance import SMTP
from support.load import Load
from support.mail_user import MailUser
from support.pop3_pair import POP3
from support.pop3_pair import Session as Pop3Session
from support.room import room
from support.smtp_client import SmtpClient
from support.whole_server import DELIVERED, MARKER, OWNERS, RECIPIENTS, Owner, WholeServer

SECONDS = float(os.environ.get("RELAIS_TEST_HOURS", "0.0125")) * 3600
CHANCE = random.Random(int(os.environ.get("RELAIS_TEST_SEED", "1")))
SAMPLE = max(3, min(60, SECONDS / 20))
OLDEST = 120  # seconds that a message may wait in the queue
MAIN = """\
smtpd_tls_security_level = may
smtpd_tls_cert_file = @CONF@/smtpd.pem
smtpd_tls_key_file = @CONF@/smtpd.pem
transport_maps = inline:{far.test=smtp:[@NET@.31]:2525}, hash:@CONF@/transport
"""
Sample = collections.namedtuple("Sample", "seconds uses oldest queued")


class Soaked(WholeServer):
    def __init__(self):
        super().__init__(MAIN)
        self.counted, self.build = collections.Counter(), 0

    def start(self):
        if not (self.mta.conf / "smtpd.pem").exists():
            self.renew()
            self.rebuild()
        super().start()

    def renew(self):
        """A new certificate, in the place of the old one."""
        key, cert, new = (self.mta.conf / name for name in ("new.key", "new.pem", "smtpd.pem.new"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=mx.example.test", "-keyout", key, "-out", cert], check=True, capture_output=True)
        new.write_bytes(key.read_bytes() + cert.read_bytes())
        new.chmod(0o600)
        new.rename(self.mta.conf / "smtpd.pem")

    def rebuild(self):
        self.build = getattr(self, "build", 0) + 1
        self.mta.table("transport", "".join(f"n{n}-{self.build}.test smtp:\n" for n in range(200)))

    def reload(self):
        self.mta.reload()

    def stop_and_start(self):
        self.mta.stop()
        self.restart()

    def kill_some(self):
        kill([CHANCE.choice(self.family()[1:])])

    def kill_master(self):
        kill(self.family()[:1])
        self.restart()

    def take_mail(self):
        """Counts what has come and removes it: mailboxes that grow would be no flat line."""
        for folder in [self.mail / user for user in DELIVERED] + [self.mta.spool / user for user in ("alice", "bob")]:
            for path in [p for part in ("new", "cur") if (folder / part).is_dir() for p in (folder / part).iterdir()]:
                self.counted.update(marker.decode() for marker in set(MARKER.findall(path.read_bytes())))
                path.unlink()
        taken, self.sink.transactions[:] = self.sink.transactions[:], self.sink.transactions[len(self.sink.transactions):]
        self.counted.update(marker.decode() for each in taken for marker in set(MARKER.findall(each.data)))

    def sample(self, begun):
        ages = [time.time() - status.st_ctime for status in self.messages().values()]
        return Sample(time.monotonic() - begun, use_of(self.family()), max(ages, default=0), len(ages))


# What happens, and how often: seconds, of which the daily form has few.
EVENTS = (("rebuild", 5), ("kill_some", 4), ("reload", 9), ("renew", 11), ("take_mail", 3), ("kill_master", 19), ("stop_and_start", 23))


class Others(threading.Thread):
    """Mail by TLS, and sessions by POP3."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.stopping, self.done, self.failed = server, threading.Event(), 0, 0
        self.start()

    def run(self):
        while not self.stopping.wait(0.1):
            try:
                with SmtpClient(self.server.mta.address, SMTP, room().address(101)) as session:
                    session.starttls()
                    session.mail("carol@remote.test", "alice@example.test", "Subject: tls\n\ntext\n")
                session = Pop3Session(self.server.address, POP3, "m1@virt.test", 10)
                session.command("UIDL")
                session.command("QUIT")
                session.close()
                self.done += 1
            except (OSError, AssertionError, IndexError, ValueError):
                self.failed += 1


def flat(samples, what, of, allowance):
    """The last third is not above the first one after the start, but for this factor and allowance."""
    third = max(1, len(samples) // 3)
    first, last = (statistics.median(of(s) for s in part) for part in (samples[1:1 + third], samples[-third:]))
    check(last <= 1.3 * first + allowance, f"{what} grew from {first} to {last}")
    return f"{what} {first:.0f} -> {last:.0f}"


def happen(server, begun, samples):
    """The events, each when it is due."""
    due, count = {name: seconds for name, seconds in EVENTS}, collections.Counter()
    every, next_sample = dict(EVENTS), SAMPLE
    while (now := time.monotonic() - begun) < SECONDS:
        for name in [name for name, when in due.items() if when <= now]:
            getattr(server, name)()
            count[name] += 1
            due[name] = now + every[name]
        if now >= next_sample:
            samples.append(server.sample(begun))
            next_sample = now + SAMPLE
            note(f"{now:6.0f} s  {total(samples[-1].uses)}  oldest {samples[-1].oldest:.0f} s, {samples[-1].queued} in the queue")
        time.sleep(0.1)
    return count


def note(text):
    print(text, flush=True)
    if report := os.environ.get("RELAIS_TEST_REPORT"):
        with pathlib.Path(report).open("a") as out:
            out.write(text + "\n")


@bound(int(180 + 1.2 * SECONDS))
def test_all_stays_flat():
    need_suite()
    server = Soaked()
    load, others = Load(server.mta, RECIPIENTS, clients=3, pause=0.05), Others(server)
    owners = [Owner(MailUser(server, random.Random(n), f"{name}@virt.test")) for n, name in enumerate(OWNERS)]
    samples = []
    try:
        count = happen(server, time.monotonic(), samples)
    finally:
        load.stop()
        others.stopping.set()
        others.join(40)
    for owner in owners:
        owner.end()
    server.settle(60)
    server.take_mail()
    for owner in owners:
        owner.user.verify()
    lost = [marker for marker in load.acknowledged if server.counted[marker] < load.copies(marker)]
    check(not lost, lambda: f"{len(lost)} of {len(load.acknowledged)} acknowledged messages are lost: {lost[:20]}")
    lines = [flat(samples, "KB", lambda s: total(s.uses).kilobytes, 16000), flat(samples, "descriptors", lambda s: total(s.uses).descriptors, 100),
             flat(samples, "processes", lambda s: total(s.uses).processes, 10)]
    check(max(s.oldest for s in samples) < OLDEST, f"a message waited for {max(s.oldest for s in samples):.0f} s")
    note(f"{SECONDS:.0f} s, {dict(count)}: {len(load.acknowledged)} messages acknowledged, {load.refused} refused, {others.done} others, "
         f"{sum(owner.done for owner in owners)} IMAP changes; {'; '.join(lines)}\n{table(samples[-1].uses)}")
    count_cases(sum(count.values()))
    server.stop()
