"""Zones that are really signed, with the tools of BIND, behind a resolver that validates, Debian's unbound.

    SignedZones([Zone("sec.test", "@ A 192.0.2.1"), Zone("off.sec.test", "", sign=None)], room().address(54))
    with asking(room().address(54)): ...

A zone has its DS record in the one above it (`ds`: "own", "wrong" or None); the topmost is below a signed root, which is all
that the resolver trusts.  There is nothing else than these zones."""
import contextlib
import dataclasses
import os
import pathlib
import subprocess
import time
import typing

from support import Skip, check, oracle
from support.room import room

with contextlib.suppress(Skip):
    oracle.tree("dnssec")  # before the room has a resolver of its own

HEAD = "$TTL 60\n@ SOA ns.test. root.test. 1 3600 600 86400 60\n@ NS ns.test.\n"
CONF = """\
server:
  interface: {address}
  port: 53
  access-control: 127.0.0.0/8 allow
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/log"
  do-ip6: no
  local-zone: "test." nodefault
  module-config: "validator iterator"
  auto-trust-anchor-file: ""
  trust-anchor-file: "{folder}/anchors"
remote-control:
  control-enable: no
"""
ZONE = """\
auth-zone:
  name: "{name}."
  zonefile: "{folder}/{name}.signed"
  for-upstream: yes
  for-downstream: no
  fallback-enabled: no
"""


@dataclasses.dataclass
class Zone:
    name: str
    records: str
    sign: tuple | None = ()  # more options of dnssec-signzone; None: no signatures
    ds: str | None = "own"
    spoil: typing.Callable | None = None  # changes the lines of the signed zone, each a record


class SignedZones:
    def __init__(self, zones, address):
        room().require_private("a resolver that validates")
        self.tree = oracle.tree("dnssec")
        self.environment = {**os.environ, "LD_LIBRARY_PATH": oracle.library_path(self.tree)}
        self.folder = pathlib.Path(room().scratch / "dnssec")
        self.folder.mkdir()
        self.folder.chmod(0o777)
        self.zones = [Zone("", ""), *zones]
        self._sign_all()
        (self.folder / "anchors").write_text(self._ds(self.zones[0]))
        facts = {"folder": self.folder, "address": address}
        (self.folder / "conf").write_text(CONF.format(**facts) + "".join(ZONE.format(name=zone.name, **facts) for zone in self.zones))
        self.process = subprocess.Popen([self.tree / "usr/sbin/unbound", "-d", "-c", self.folder / "conf"], env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.folder / "errors", "w"))
        room().defer(self.stop)
        self._wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _wait(self):
        end = time.monotonic() + 15
        log = self.folder / "log"
        while not log.exists() or "start of service" not in log.read_text():
            check(time.monotonic() < end and self.process.poll() is None, lambda: f"unbound does not start: {(self.folder / 'errors').read_text()}")
            time.sleep(0.05)

    def _above(self, zone):
        others = [other for other in self.zones if other is not zone and (not other.name or zone.name.endswith("." + other.name))]
        return max(others, key=lambda other: len(other.name), default=None)

    def _sign_all(self):
        """From the bottom up: parents list their children."""
        for zone in sorted(self.zones, key=lambda zone: -len(zone.name)):
            children = [child for child in self.zones if self._above(child) is zone]
            text = HEAD + zone.records.strip() + "\n" + "".join(f"{child.name}. NS ns.test.\n{self._ds(child) if child.ds else ''}" for child in children)
            self._sign(zone, text)

    def _sign(self, zone, text):
        path = self.folder / f"{zone.name}.zone"
        path.write_text(text)
        signed = self.folder / f"{zone.name}.signed"
        if zone.sign is None:
            signed.write_text(f"$ORIGIN {zone.name}.\n{text}")
            return
        for options in (("-f", "KSK"), ()):
            self.run("dnssec-keygen", "-q", "-K", self.folder, "-a", "ECDSAP256SHA256", *options, zone.name + ".")
        self.run("dnssec-signzone", "-q", "-S", "-z", "-P", "-O", "full", "-K", self.folder, "-d", self.folder, "-o", zone.name + ".", "-f", signed, *zone.sign, path)
        if zone.spoil:
            signed.write_text("\n".join(zone.spoil(signed.read_text().splitlines())) + "\n")

    def _ds(self, zone):
        path = self.folder / f"dsset-{zone.name}."
        if not path.exists():
            return ""
        text = path.read_text()
        if zone.ds == "wrong":
            text = text.rstrip()[:-8] + "00000000\n"
        return text

    def run(self, program, *arguments):
        done = subprocess.run([self.tree / "usr/bin" / program, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=30)
        check(done.returncode == 0, lambda: f"{program} {arguments}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def asking(resolver):
    """Who starts meanwhile in this room asks this address."""
    path = pathlib.Path("/etc/resolv.conf")
    before = path.read_text()
    path.write_text(before.replace(f"nameserver {room().address(53)}\n", f"nameserver {resolver}\n"))
    try:
        yield
    finally:
        path.write_text(before)
