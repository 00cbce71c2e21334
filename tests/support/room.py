"""The room that a worker process lives in: a scratch directory, a loopback network of its own
and, as root, private mount and process namespaces with an /etc that nobody else sees.  There the
accounts `postfix`, `postdrop`, `alice`, `bob` exist, the resolver asks the tests' DNS server, and
the oracle's shared libraries are found.  The machine itself is never altered.

Without root (or where namespaces are refused) the room is plain: what needs more skips aloud.
"""
import atexit
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile

from support import Skip, sanitizer
from support.account import scratch_base

UNSHARE = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
           "--mount-proc"]
ACCOUNTS = {"postfix": 60901, "postdrop": 60902, "alice": 60903, "bob": 60904, "vmail": 60905}
CLAIM_PORT = 47111
# What a machine without netbase lacks, and Postfix asks for.
SERVICES = ("biff 512/udp comsat", "smtp 25/tcp mail", "domain 53/tcp", "domain 53/udp", "http 80/tcp", "imap2 143/tcp imap",
            "ldap 389/tcp", "submissions 465/tcp ssmtp smtps urd", "submission 587/tcp", "imaps 993/tcp")
PROTOCOLS = ("ip 0 IP", "icmp 1 ICMP", "tcp 6 TCP", "udp 17 UDP", "ipv6 41 IPv6")


class Room:
    def __init__(self):
        self.private = os.environ.get("RELAIS_TEST_PRIVATE") == "1"
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="rt.", dir=scratch_base()))
        self.scratch.chmod(0o755)
        self.keep = os.environ.get("RELAIS_TEST_KEEP") == "1"
        sanitizer.prepare(self.scratch, self.private)
        self.net = self._claim_network()
        self._closers = []
        self._dns = None
        self._instances = 0
        if self.private:
            self._furnish_etc()
            self.dns  # the resolver of every process in the room asks it
        atexit.register(self.close)

    def close(self):
        """Undoes, newest first, everything that was registered with `defer`."""
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except Exception as error:  # the other closers must still run
                print(f"clean-up: {closer}: {error}")
        if not self.keep and self.scratch.exists():
            shutil.rmtree(self.scratch, ignore_errors=True)

    def defer(self, closer):
        self._closers.append(closer)

    def require_private(self, what):
        if not self.private:
            raise Skip(f"{what} needs root and private namespaces")

    def address(self, host):
        """An address of this room's own loopback network: 127.x.y.host.  Up to 127 are in the
        instances' mynetworks, from 128 on are strangers."""
        return f"{self.net}.{host}"

    def next_instance(self):
        self._instances += 1
        return self._instances

    def home(self, user):
        return self.scratch / "home" / user

    @property
    def dns(self):
        """The DNS server of the room, started when first asked for."""
        self.require_private("an own DNS server")
        if self._dns is None:
            from support.dns import DnsServer
            self._dns = DnsServer(self.address(53))
            self.defer(self._dns.stop)
            self._dns.add_host("inside.example.test", self.address(100))
            self._dns.add_host("client.remote.test", self.address(128))
        return self._dns

    def _claim_network(self):
        """A 127.x.y that no other worker uses: whoever holds the claim port there owns it."""
        for _ in range(1000):
            net = f"127.{random.randint(20, 250)}.{random.randint(1, 250)}"
            claim = socket.socket()
            try:
                claim.bind((f"{net}.1", CLAIM_PORT))
                claim.listen(1)
            except OSError:
                claim.close()
                continue
            self._claim = claim
            return net
        raise RuntimeError("no free loopback network")

    def _furnish_etc(self):
        from support import oracle
        etc = self.scratch / "etc"
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        self._add_accounts(etc)
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text(f"nameserver {self.address(53)}\noptions timeout:4 attempts:2\n")
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n"
                                           "services: files\nprotocols: files\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        for name, lines in (("services", SERVICES), ("protocols", PROTOCOLS)):
            if not (etc / name).exists():
                (etc / name).write_text("\n".join(lines) + "\n")
        (etc / "postfix").mkdir(exist_ok=True)
        oracle.write_loader_cache(etc / "ld.so.cache", self.scratch)
        subprocess.run(["mount", "--bind", etc, "/etc"], check=True)
        self.scratch.joinpath("home").mkdir()
        for user in ("alice", "bob"):
            self.home(user).mkdir(mode=0o700)
            os.chown(self.home(user), ACCOUNTS[user], ACCOUNTS[user])

    def _add_accounts(self, etc):
        known = {line.split(":")[0] for line in (etc / "passwd").read_text().splitlines()}
        groups = {line.split(":")[0] for line in (etc / "group").read_text().splitlines()}
        with open(etc / "passwd", "a") as passwd, open(etc / "group", "a") as group:
            for name, number in ACCOUNTS.items():
                if name not in known and name != "postdrop":
                    shell = "/bin/sh" if name in ("alice", "bob") else "/usr/sbin/nologin"
                    passwd.write(f"{name}:x:{number}:{number}:{name}:{self.home(name)}:{shell}\n")
                if name not in groups:
                    group.write(f"{name}:x:{number}:\n")

    def allow_config(self, directory):
        """Lets set-gid commands started by ordinary users read this configuration directory."""
        if not self.private:
            return
        path = pathlib.Path("/etc/postfix/main.cf")
        listed = path.read_text().split("=", 1)[1].split() if path.exists() else []
        listed.append(str(directory))
        path.write_text(f"alternate_config_directories = {' '.join(listed)}\n")


_room = None


def room():
    global _room
    if _room is None:
        _room = Room()
    return _room


def can_unshare():
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run(UNSHARE + ["true"], capture_output=True).returncode == 0
