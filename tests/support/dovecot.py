"""Debian's Dovecot as the oracle of the IMAP server."""
import os
import re
import signal
import socket
import subprocess
import time

from support import Skip, equal, oracle
from support.imap import PASSWORD
from support.room import room

DOVECOT_CONF = """\
protocols = {protocols}
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/dovecot.log
listen = {address}
ssl = no
disable_plaintext_auth = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
stats_writer_socket_path =
auth_mechanisms = plain login
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 1431
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
{pop3}service anvil {{
  chroot =
}}
service stats {{
  chroot =
  unix_listener stats-reader {{
    mode = 0
  }}
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
"""

USERS_CONF = """\
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users
}}
userdb {{
  driver = passwd-file
  args = {root}/users
}}
"""

POP3_CONF = """\
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = 1101
  }
  inet_listener pop3s {
    port = 0
  }
}
"""

SUBMISSION_CONF = """\
service submission-login {
  chroot =
  inet_listener submission {
    port = 5871
  }
}
submission_relay_host = 127.0.0.1
submission_relay_port = 9
"""


class Dovecot:
    """Debian's Dovecot, in its own places in this room's mount namespace.  Its user bob has the same home as ours.
    With `complaints`, it must log no warning.  `more` is added to its configuration, and `users` stands in place of its databases
    of them.  With `pop3`, it serves that, too, and with `ldap` both; with `submission`, mail that is sent; all of a room are such or none."""

    def __init__(self, mail, separator=".", complaints=True, more="", pop3=False, ldap=False, submission=False,
                 users=USERS_CONF):
        room().require_private("Dovecot")
        tree = oracle.tree("dovecot-ldap" if ldap else "dovecot-pop3" if pop3 else
                           "dovecot-submission" if submission else "dovecot")
        pop3 = pop3 or ldap
        services = (POP3_CONF if pop3 else "") + (SUBMISSION_CONF if submission else "")
        protocols = "imap" + (" pop3" if pop3 else "") + (" submission" if submission else "")
        self.tree = tree
        self.complaints = complaints
        self.mail, self.root = mail, room().scratch / "dovecot"
        self.port, self.pop3_port, self.submission_port = 1431, 1101, 5871
        if not self.root.exists():
            self.root.mkdir()
            for part in ("bin", "lib"):
                lower = f"{tree}/usr/{part}:/usr/{part}"
                mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={lower}", f"/usr/{part}"],
                                         capture_output=True, text=True)
                if mounted.returncode:
                    raise Skip(f"Dovecot needs an overlay mount: {mounted.stderr.strip()}")
        uid, gid = mail.mta.vmail_ids()
        (self.root / "users").write_text(f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{mail.home('bob')}::\n")
        (self.root / "dovecot.conf").write_text(
            DOVECOT_CONF.format(root=self.root, address=mail.address, separator=separator, pop3=services,
                                protocols=protocols) + users.format(root=self.root) + more)
        log = open(self.root / "out", "wb")
        self.process = subprocess.Popen([tree / "usr/sbin/dovecot", "-F", "-c", self.root / "dovecot.conf"], stdout=log,
                                        stderr=log, stdin=subprocess.DEVNULL)
        room().defer(self.stop)
        self._wait()

    def _wait(self):
        end = time.monotonic() + 15
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection((self.mail.address, self.port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        logs = [p.read_text() for p in (self.root / "out", self.root / "dovecot.log") if p.exists()]
        raise AssertionError("dovecot did not start:\n" + "\n".join(logs))

    def run(self, program, *arguments):
        """One of its commands, with its configuration."""
        return subprocess.run([self.tree / "usr/bin" / program, "-c", self.root / "dovecot.conf", *arguments], capture_output=True, text=True,
                              timeout=30)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=15)
        if not self.complaints:
            return
        log = self.root / "dovecot.log"
        complaints = [line for line in log.read_text().splitlines()
                      if re.search(r"(?:imap|pop3)\(.*(Error|Warning|Panic)", line)] if log.exists() else []
        equal(complaints, [], "what Dovecot complains about")
