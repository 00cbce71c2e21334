"""Debian's Dovecot as an LMTP server behind a socket in a queue's private/, as the howtos have it: users u1, u2 and full
(over quota from the first message) at virt.test."""
import subprocess
import time

from support import Skip, certificates, check, mailbox, oracle
from support.room import ACCOUNTS, room

CONF = """\
protocols = lmtp
base_dir = {root}/run
state_dir = {root}/run
log_path = {root}/dovecot.log
{tls}
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{root}/mail/%n
stats_writer_socket_path =
mail_plugins = quota
plugin {{
  quota = maildir:user
}}
service lmtp {{
  unix_listener {queue}/private/dovecot-lmtp {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
  unix_listener stats-reader {{
    mode = 0
  }}
}}
userdb {{
  driver = passwd-file
  args = {root}/users
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users
}}
"""
TLS = """\
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
service lmtp {{
  inet_listener lmtp {{
    address = {address}
    port = 2424
  }}
}}
"""
USERS = ("u1", "u2", "full")
_mounted = []  # in this room, once


class DovecotLmtp:
    """With `address` it listens at its port 2424 too, with STARTTLS and the tests' certificate `name`.  `more` is added to
    its configuration, `rules` are users' quotas."""

    def __init__(self, mta, address=None, name="mx", more="", rules=None):
        room().require_private("Dovecot")
        tree = oracle.tree("dovecot-lmtp")
        self.root = room().scratch / f"dovecot-{mta.root.name}-{name}"
        (self.root / "mail").mkdir(parents=True)
        for part in ("bin", "lib") if not _mounted else ():
            mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={tree}/usr/{part}:/usr/{part}", f"/usr/{part}"],
                                     capture_output=True, text=True)
            if mounted.returncode:
                raise Skip(f"Dovecot needs an overlay mount: {mounted.stderr.strip()}")
        _mounted.append(tree)
        uid = ACCOUNTS["vmail"]
        rules = {"full": "*:bytes=10"} if rules is None else rules
        lines = [f"{user}@virt.test:x:{uid}:{uid}::{self.root}/mail/{user}::" + (f"userdb_quota_rule={rules[user]}" if user in rules else "")
                 for user in USERS]
        (self.root / "users").write_text("\n".join(lines) + "\n")
        (self.root / "mail").chmod(0o777)
        place = certificates.directory()
        tls = TLS.format(address=address, certificate=place / f"{name}.pem", key=place / f"{name}.key") if address else "ssl = no"
        (self.root / "dovecot.conf").write_text(CONF.format(root=self.root, queue=mta.queue, tls=tls) + more)
        self.socket = mta.queue / "private/dovecot-lmtp"
        log = open(self.root / "out", "wb")
        self.process = subprocess.Popen([tree / "usr/sbin/dovecot", "-F", "-c", self.root / "dovecot.conf"], stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL)
        room().defer(self.stop)
        end = time.monotonic() + 15
        while not self.socket.exists():
            logs = lambda: "\n".join(path.read_text() for path in (self.root / "out", self.root / "dovecot.log") if path.exists())
            check(time.monotonic() < end and self.process.poll() is None, lambda: f"Dovecot does not start: {logs()}")
            time.sleep(0.05)

    def mail(self, user):
        return mailbox.read_maildir(self.root / "mail" / user)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=15)
