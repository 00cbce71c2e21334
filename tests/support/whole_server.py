"""Everything at once: SMTP with a milter and a policy service, LMTP into mailboxes, IMAP and POP3, mail to a far server; the load on it, and
what came of it.

    server = WholeServer()
    load = Load(server.mta, RECIPIENTS, clients=3); ...; load.stop()     (load.py)
    server.settle(60); server.arrived()
"""
import collections
import re
import threading
import time

from support import check
from support.carry import QUICK_RETRIES
from support.families import processes
from support.instance import MASTER_CF
from support.lmtp_pair import LmtpInstance
from support.milter import MilterServer, add_header, accept
from support.policy import PolicyServer
from support.pop3_pair import MASTER as POP3_SERVICES
from support.room import room
from support.sink import SmtpSink

MILTER_PORT, POLICY_PORT = 9997, 9998
MAIN = QUICK_RETRIES + """\
virtual_transport = lmtp:unix:public/lmtpd
virtual_mailbox_maps =
virtual_alias_maps = inline:{{two@example.test=u1@virt.test, alice@example.test}}
relay_domains = far.test
transport_maps = inline:{far.test=smtp:[@NET@.31]:2525}
smtpd_milters = inet:@NET@.33:9997
milter_default_action = tempfail
smtpd_recipient_restrictions = check_policy_service inet:@NET@.33:9998, permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
auth_failure_delay = 0
auth_client_failure_limit = 0
notify_classes =
"""
DELIVERED, OWNERS = ("u1", "u2"), ("m1", "m2", "m3")
RECIPIENTS = ("u1@virt.test", "u2@virt.test", "alice@example.test", "bob@example.test", "x@far.test", "two@example.test")
MANY = 60  # messages of an owner
MARKER = re.compile(rb"marker-\d{6}-end")


class WholeServer(LmtpInstance):
    programs = ("lmtpd", "pop3", "pop3-login", "smtpd", "cleanup", "qmgr", "virtual", "smtp", "local", "bounce")

    def __init__(self, main="", more_users=(), sessions=500):
        there = ("anvil ", "postlog ")
        mail = "".join(line + "\n" for line in MASTER_CF.splitlines() if not line.startswith(there))
        self.milter = MilterServer((room().address(33), MILTER_PORT), {"eom": [add_header("X-Milter", "seen"), accept()]}, with_macros=False)
        self.policy = PolicyServer((room().address(33), POLICY_PORT), "DUNNO")
        self.sink = SmtpSink(room().address(31))
        own = {line.partition(" =")[0] for line in main.splitlines()}
        kept = "".join(line + "\n" for line in MAIN.splitlines() if line.partition(" =")[0] not in own)
        self.sessions, self._known = sessions, set()
        super().__init__(kept + main, services=mail + POP3_SERVICES, users=[*DELIVERED, *OWNERS, *more_users], rules={})
        self.mta.run("postalias", f"hash:{self.mta.conf}/aliases", record=False)

    def start(self):
        """With as many logins at once as the test wants."""
        services = self.mta.conf / "master.cf"
        services.write_text(services.read_text().replace(" 500 ", f" {self.sessions} "))
        super().start()

    def stop(self):
        super().stop()
        self.sink.stop()
        self.policy.stop()
        self.milter.stop()

    def family(self):
        """Every process, whoever it runs as and wherever; master first.  A user's session outlives a master that was killed: what belonged to
        the family still does."""
        running = processes()
        here = str(self.mta.root) + "/"
        mine = {each for each in running.values() if each.folder.startswith(here) or each.key() in self._known}
        while more := {each for each in running.values() if each.parent in {m.pid for m in mine} and each not in mine}:
            mine |= more
        self._known = {each.key() for each in mine}
        master = self.mta.master_pid()
        return sorted((each.pid for each in mine), key=lambda pid: pid != master)

    def restart(self, seconds=15):
        """After the master was killed: its children end when they see it gone.  On a busy machine it may start so late that who started it
        has given up waiting."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.start()
            except AssertionError:
                if self.mta.running():
                    return None
                check(time.monotonic() < end, lambda: f"it does not start again: {self.mta.log_text()[-3000:]}")
                time.sleep(0.2)

    def messages(self):
        """{path: status} of what is in the queue.  What a killed cleanup has left, and never acknowledged, is not executable."""
        found = {}
        for path in self.mta.queue_files():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if status.st_mode & 0o100:
                found[path] = status
        return found

    def settle(self, seconds):
        """Waits for an empty queue."""
        end = time.monotonic() + seconds
        while left := list(self.messages()):
            check(time.monotonic() < end, lambda: f"stuck in the queue after {seconds} s: {left}\n{self.mta.log_text()[-3000:]}")
            self.mta.run("postqueue", "-f", record=False)
            time.sleep(0.5)

    def arrived(self):
        """{marker: how often}, for all recipients together."""
        texts = [t.data for t in self.sink.transactions]
        for user in DELIVERED:
            texts += self.mta.virtual(user)
        for user in ("alice", "bob"):
            texts += self.mta.local_mail(user)
        return collections.Counter(marker.decode() for text in texts for marker in set(MARKER.findall(text)))


class Owner(threading.Thread):
    """A user who changes his mailboxes all the time (mail_user.py); they do not grow for ever."""

    def __init__(self, user):
        super().__init__(daemon=True)
        self.user, self.stopping, self.error, self.done = user, threading.Event(), None, 0
        self.start()

    def run(self):
        user = self.user
        try:
            for folder in ("a", "b"):
                user.run(f"CREATE {folder}")
            while not self.stopping.is_set():
                more = user.append if len(user.stored) - len(user.removed) < MANY else user.expunge
                user.chance.choice((more, more, user.copy_or_move, user.copy_or_move, user.expunge))()
                self.done += 1
                self.stopping.wait(0.02)
        except BaseException as error:
            self.error = error

    def end(self):
        self.stopping.set()
        self.join(60)
        if self.error:
            raise self.error
        check(not self.is_alive(), "a client hangs")
