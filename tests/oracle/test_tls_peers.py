"""Other makes of TLS: Debian's Exim, which has GnuTLS, as the server of the SMTP client and as the client of smtpd; and servers
that send very long chains of certificates."""
import contextlib
import functools
import os
import pathlib
import socket
import subprocess
import time

from support import Skip, certificates, check, oracle
from support.compare import scenario
from support.room import ACCOUNTS, room
from support.tls_servers import listening, safe

with contextlib.suppress(Skip):
    oracle.tree("gnutls")  # before the room has a resolver of its own

CONF = """\
primary_hostname = {name}.exim.test
exim_path = {program}
exim_user = alice
exim_group = alice
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
local_interfaces = {address}
daemon_smtp_ports = 2525
tls_advertise_hosts = *
tls_certificate = {folder}/cert.pem
tls_privatekey = {folder}/key.pem
tls_require_ciphers = {priority}
host_lookup =
acl_smtp_rcpt = all
acl_smtp_data = data
begin acl
all:
  accept
data:
  accept
    message = taken
begin routers
away:
  driver = manualroute
  condition = ${{if eq{{$domain}}{{virt.test}}}}
  route_list = * {server}
  self = send
  transport = out
hole:
  driver = redirect
  data = :blackhole:
begin transports
out:
  driver = smtp
  port = 2525
  hosts_require_tls = *
  tls_verify_certificates =
  tls_require_ciphers = {priority}
  interface = {address}
"""
PRIORITY = {"new": "NORMAL", "old": "NORMAL:-VERS-TLS1.3", "suites": "SECURE128:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA"}


class Exim:
    def __init__(self, name, address, priority, certificate, server="127.0.0.1"):
        room().require_private("Exim")
        for path, line in (("/etc/passwd", "Debian-exim:x:60907:60907::/:/bin/sh\n"), ("/etc/group", "Debian-exim:x:60907:\n")):
            if line not in pathlib.Path(path).read_text():  # the room's own; the program is built to want it
                with open(path, "a") as out:
                    out.write(line)
        tree = oracle.tree("gnutls")
        self.folder = room().scratch / f"exim-{name}-{server}"
        self.program, self.process = tree / "usr/sbin/exim4", None
        self.environment = {**os.environ, "LD_LIBRARY_PATH": oracle.library_path(tree)}
        if not self.folder.exists():
            self.folder.mkdir()
            (self.folder / "spool").mkdir()
            for source, target in ((f"{certificate}.pem", "cert.pem"), (f"{certificate}.key", "key.pem")):
                (self.folder / target).write_bytes((certificates.directory() / source).read_bytes())
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, ACCOUNTS["alice"], ACCOUNTS["alice"])
        self.conf = self.folder / "conf"
        self.conf.write_text(CONF.format(name=name, program=self.program, folder=self.folder, address=address, priority=priority, server=server))

    def _run(self, *arguments, **options):
        return subprocess.Popen([self.program, "-C", self.conf, *arguments], env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, **options)

    @contextlib.contextmanager
    def serving(self, address):
        """With a daemon in the foreground."""
        process = self._run("-bdf")
        room().defer(process.kill)
        end = time.monotonic() + 15
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection((address, 2525), timeout=5).close()
                break
            check(time.monotonic() < end and process.poll() is None, lambda: f"Exim does not start: {self.logs()}")
            time.sleep(0.05)
        try:
            yield
        finally:
            process.kill()
            process.communicate(timeout=10)

    def send(self, sender, recipient, text):
        """A message, tried once."""
        process = self._run("-odf", "-f", sender, recipient)
        _, said = process.communicate(text.encode(), timeout=40)
        check(process.returncode == 0, lambda: f"Exim: {said.decode()} {self.logs()}")

    def logs(self):
        return "\n".join(path.read_text() for path in pathlib.Path(self.folder).glob("*log"))


LEVELS = ("may", "encrypt", "fingerprint", "verify", "secure")
KINDS = {"rsa": ("new", "rsa:2048"), "ecdsa": ("new", "P-256"), "rsaold": ("old", "rsa:2048"), "suites": ("suites", "P-384")}
MAIN = """\
smtp_tcp_port = 2525
smtp_tls_loglevel = 1
smtp_tls_fingerprint_digest = sha256
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_policy_maps = regexp:@CONF@/policies
smtp_tls_session_cache_database = btree:@ROOT@/data/sessions
smtpd_tls_security_level = may
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_loglevel = 1
notify_classes =
"""


def policies():
    lines = [f"/^{level}-/ {level}\n" for level in LEVELS if level != "fingerprint"]
    for kind, (_, key) in KINDS.items():
        certificates.make(f"x{kind}", [f"mx.{kind}.exim.test", "*.exim.test"], key=key)
        lines.append(f"/^fingerprint-{kind}\\./ fingerprint match={certificates.fingerprint(certificates.public_key(f'x{kind}'))}\n")
    return "".join(lines)


@scenario(main=MAIN, files={**certificates.files(), "policies": policies()}, transcripts=False)
def gnutls_is_the_server(mta):
    with contextlib.ExitStack() as stack:
        for n, (kind, (priority, _)) in enumerate(KINDS.items(), 80):
            address = room().address(n)
            for level in LEVELS:
                room().dns.replace(f"{level}-{kind}.exim.test", "MX", (10, f"mx.{kind}.exim.test"))
            room().dns.replace(f"mx.{kind}.exim.test", "A", address)
            stack.enter_context(Exim(kind, address, PRIORITY[priority], f"x{kind}").serving(address))
        for turn in range(2):  # the second finds sessions in the cache
            mta.mail("", [f"x@{level}-{kind}.exim.test" for level in LEVELS for kind in KINDS])
            mta.settle()


@scenario(main=MAIN, files={**certificates.files(), "policies": policies()}, transcripts=False, ignore="message-id=|size=")
def gnutls_is_the_client(mta):
    for n, priority in enumerate(("new", "old"), 140):
        exim = Exim(f"c{priority}", room().address(n), PRIORITY[priority], "xrsa", server=mta.address)
        for text in ("Subject: small\n\nx\n", "Subject: large\n\n" + ("x" * 70 + "\n") * 20000):
            exim.send("carol@remote.test", "u1@virt.test", text)
    mta.settle()
    mta.note("what arrived", "\n".join(sorted(str(len(text.split(b"\n\n", 1)[1])) for text in mta.virtual("u1"))))


@functools.cache
def chains():
    """Servers whose certificates have so many above them."""
    above = ["ca"]
    for n in range(1, 101):
        certificates.make(f"link{n}", ["none.test"], subject=f"Link {n}", issuer=above[-1], key="P-256")
        above.append(f"link{n}")
    return {f"links{n}": safe(f"links{n}", ["*.chain.test"], *reversed(above[1:n + 1]), issuer=above[n], key="P-256") for n in (5, 8, 9, 10, 100)}


@scenario(main=MAIN, files={**certificates.files(), "policies": policies()}, transcripts=False, ignore="smtpd")
def long_chains(mta):
    for n, name in enumerate(chains(), 80):
        room().dns.replace(f"mx.{name}.chain.test", "A", room().address(n))
        for level in ("may", "encrypt", "secure"):
            room().dns.replace(f"{level}-{name}.chain.test", "MX", (10, f"mx.{name}.chain.test"))
    with listening(mta, 80, chains()):
        mta.mail("", [f"x@{level}-{name}.chain.test" for level in ("may", "encrypt", "secure") for name in chains()])
        mta.settle()
