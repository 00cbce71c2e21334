"""Instances with the IMAP services, and clients for them.

    mail = ImapInstance()              # users bob, alice, carol, all with the password "secret"
    box = mail.login("bob")            # imaplib, logged in
    mail.deliver("bob", b"Subject: x\n\ny\n")
"""
import imaplib
import os
import pathlib
import ssl
import subprocess
import time

from support import need_program
from support.certificates import directory as certificates
from support.instance import Instance
from support.room import ACCOUNTS, room

IMAP, IMAPS = 1430, 9930
PASSWORD = "secret"
USERS = ("bob", "alice", "carol")

MASTER = """\
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
{address}:1430 inet n - n - 500 imap-login
{address}:9930 inet n - n - 500 imap-login -o imap_tls_wrappermode=yes
auth unix - - n - 1 auth
imap unix - - n - 1 imap
"""


class ImapInstance:
    programs, services = (), ""  # more of them, for who derives from this
    within = ()                  # words before master's command line: another network

    def __init__(self, main="", address=None):
        for name in ("master", "postlogd", "anvil", "auth", "imap", "imap-login", *self.programs):
            need_program(name)
        lowest = "" if room().private else "imap_minimum_uid = 1\nimap_minimum_gid = 1\n"  # an account of the system may run the tests
        self.mta = Instance("ours", main=lowest + f"auth_users_file = $config_directory/users\nauth_failure_delay = 1s\n"
                            f"imap_tls_cert_file = {certificates()}/mx.pem\n"
                            f"imap_tls_key_file = {certificates()}/mx.key\n" + main)
        self.address = address or self.mta.address
        uid, gid = self.mta.vmail_ids()
        (self.mta.conf / "users").write_text("".join(
            f"{user}:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{self.home(user)}::\n" for user in USERS))
        for user in USERS:
            self.home(user).mkdir(mode=0o700)
            os.chown(self.home(user), uid, gid)
        (self.mta.conf / "master.cf").write_text(self.mta.expand(MASTER + self.services).replace("{address}", self.address))
        self.start()

    def start(self):
        done = subprocess.run([*self.within, self.mta.daemons / "master", "-c", self.mta.conf, "-w"], env=self.mta.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=15)
        if done.returncode:
            raise AssertionError(f"master: {done.stderr.decode()}{self.mta.log_text()}")

    def stop(self):
        self.mta.stop()

    def home(self, user):
        return self.mta.vmail / user

    def maildir(self, user):
        return self.home(user) / "Maildir"

    def connect(self, timeout=20):
        imaplib.Debug = 0
        return imaplib.IMAP4(self.address, IMAP, timeout=timeout)

    def connect_tls(self, timeout=20):
        context = ssl.create_default_context(cafile=str(certificates() / "ca.pem"))
        context.check_hostname = False
        return imaplib.IMAP4_SSL(self.address, IMAPS, ssl_context=context, timeout=timeout)

    def login(self, user="bob", mailbox=None):
        client = self.connect()
        client.login(user, PASSWORD)
        if mailbox:
            client.select(mailbox)
        return client

    def deliver(self, user, message, folder="", name=None):
        """Puts a message into new/ as a delivery agent does."""
        uid, gid = self.mta.vmail_ids()
        base = self.maildir(user) / folder
        for part in ("", "tmp", "new", "cur"):
            if not (base / part).exists():
                (base / part).mkdir(parents=True, mode=0o700)
                os.chown(base / part, uid, gid)
        deliver_into(base, message, (uid, gid), name)


_count = 0


def deliver_into(base, message, owner=None, name=None):
    global _count
    _count += 1
    name = name or f"{int(time.time())}.V1I{_count}M{_count}.test"
    path = pathlib.Path(base) / "tmp" / name
    path.write_bytes(message)
    if owner:
        os.chown(path, *owner)
    path.rename(pathlib.Path(base) / "new" / name)


def vmail():
    return ACCOUNTS["vmail"]
