#!/usr/bin/env python3
"""`./dev run`: a private mail system, one message through it, and then it is yours to play with.

The message goes in with swaks through STARTTLS and AUTH on the submission port, and is read back with curl.
A client that is missing, or was built without what this takes, is replaced by Python's smtplib or imaplib;
without openssl there is no certificate, and all goes without TLS.  `--proof` stops after that; the exit status
is 0 only if the message arrived unchanged.
"""
import argparse
import email.utils
import grp
import imaplib
import os
import pathlib
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build" / "bin"
USER, PASSWORD = "demo@example.test", "relais"
BODY = ["Hello from Relais,", "", ".a line that begins with a dot", "From a line that mbox would quote",
        "and a last one with three trailing dots..."]

MAIN_CF = """\
# A private instance for trying Relais: what is not here has its default (postconf -d).
compatibility_level = 3.11
queue_directory = {root}/queue
data_directory = {root}/data
daemon_directory = {root}/daemons
command_directory = {root}/bin
meta_directory = {root}/etc
sendmail_path = {root}/bin/sendmail
mailq_path = {root}/bin/mailq
newaliases_path = {root}/bin/newaliases
mail_owner = {owner}
setgid_group = {group}
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
myhostname = mail.example.test
mydomain = example.test
mydestination = localhost
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps = texthash:{root}/etc/aliases
alias_database =
virtual_mailbox_domains = example.test
virtual_mailbox_maps = texthash:{root}/etc/mailboxes
virtual_mailbox_base = {root}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
auth_users_file = {root}/etc/users
imap_minimum_uid = 1
imap_minimum_gid = 1
"""
CERTIFICATE = "smtpd_tls_chain_files = {root}/etc/key-and-certificate.pem\n"

# Exit statuses with which a client says that a part of it is missing, before it has sent anything.
SWAKS_LACKS = (10,)
CURL_LACKS = (1, 2, 4)

# Services, with the program that each needs: what is not built is left out.
MASTER_CF = """\
127.0.0.1:{smtp} inet n - n - - smtpd -o smtpd_tls_security_level=may
127.0.0.1:{submission} inet n - n - - smtpd -o syslog_name=postfix/submission
    -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{imap} inet n - n - - imap-login
127.0.0.1:{imaps} inet n - n - - imap-login -o imap_tls_wrappermode=yes
imap unix - n n - - imap
auth unix - - n - 1 auth
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev run", description="Runs a private mail system.")
    parser.add_argument("--proof", action="store_true", help="stop after the message has arrived")
    parser.add_argument("--directory", help="where to make it (default: a new one in /tmp)")
    return parser.parse_args()


def say(text):
    print(text, flush=True)


def headline(text):
    say(f"\n== {text} ==")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def run_client(lacks, name, *arguments, text=""):
    """What became of it; None, and said why, where it is not here or says by its status that it can't do this."""
    if not shutil.which(name):
        say(f"{name} is not here; Python does its part.")
        return None
    done = subprocess.run([name, *map(str, arguments)], input=text.encode(), capture_output=True, timeout=60)
    if done.returncode not in lacks:
        return done
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    say(f"{name} can't do this here ({said.splitlines()[0] if said else done.returncode}); Python does its part.")
    return None


class Demo:
    def __init__(self, directory):
        if directory:
            self.root = pathlib.Path(directory).resolve()
            self.root.mkdir(parents=True)
        else:
            self.root = pathlib.Path(tempfile.mkdtemp(prefix="relais-", dir="/tmp"))
        self.root.chmod(0o755)
        self.temporary = not directory
        self.tls = bool(shutil.which("openssl"))
        self.ports = dict(zip(("smtp", "submission", "imap", "imaps"), free_ports(4)))
        self.choose_accounts()

    def choose_accounts(self):
        """As root the daemons run as accounts that are there anyway; else all as who started it."""
        if os.geteuid() == 0:
            self.owner, self.group, self.mailbox_user = "daemon", "mail", pwd.getpwnam("nobody")
            if any(p.pw_name == "postfix" for p in pwd.getpwall()):
                self.owner, self.group = "postfix", "postdrop"
        else:
            self.mailbox_user = pwd.getpwuid(os.geteuid())
            self.owner, self.group = self.mailbox_user.pw_name, grp.getgrgid(os.getegid()).gr_name

    def environment(self):
        return {**os.environ, "MAIL_CONFIG": str(self.root / "etc"), "PATH": f"{self.root}/bin:{os.environ['PATH']}"}

    # -- making it ------------------------------------------------------------------------------

    def build(self):
        for folder in ("etc", "queue", "data", "daemons", "bin", "mail"):
            (self.root / folder).mkdir(mode=0o755)
        home = self.root / "mail" / "demo"
        home.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(home, self.mailbox_user.pw_uid, self.mailbox_user.pw_gid)
            shutil.chown(self.root / "data", self.owner)
        self.link_programs()
        self.write_configuration()
        self.make_certificate()

    def link_programs(self):
        tools = {p.parent.name for p in ROOT.glob("tools/*/*.cc")}
        for program in BIN.iterdir():
            (self.root / ("bin" if program.name in tools else "daemons") / program.name).symlink_to(program)
        if os.geteuid() == 0:
            self.make_set_gid("postdrop", "postqueue", "postlog")
        for alias in ("mailq", "newaliases"):
            (self.root / "bin" / alias).symlink_to(BIN / "sendmail")

    def make_set_gid(self, *names):
        for name in names:
            path = self.root / "bin" / name
            path.unlink()
            shutil.copyfile(BIN / name, path)
            shutil.chown(path, "root", self.group)
            path.chmod(0o2755)

    def write_configuration(self):
        etc, user = self.root / "etc", self.mailbox_user
        values = {"root": self.root, "owner": self.owner, "group": self.group, "uid": user.pw_uid, "gid": user.pw_gid}
        (etc / "main.cf").write_text((MAIN_CF + (CERTIFICATE if self.tls else "")).format(**values))
        (etc / "master.cf").write_text(self.services())
        (etc / "mailboxes").write_text(f"{USER} demo/Maildir/\npostmaster@example.test demo/Maildir/\n")
        (etc / "aliases").write_text("")
        users = etc / "users"
        users.write_text(f"{USER}:{{PLAIN}}{PASSWORD}:{user.pw_uid}:{user.pw_gid}::{self.root}/mail/demo::\n")
        users.chmod(0o640)
        if os.geteuid() == 0:
            shutil.chown(users, "root", self.owner)

    def services(self):
        kept, built = [], {p.name for p in BIN.iterdir()}
        text = MASTER_CF if self.tls else re.sub("(?m)^.*imaps.*\n", "", MASTER_CF.replace("=encrypt", "=none"))
        for line in text.format(**self.ports).splitlines():
            if line.startswith(" "):
                kept.append(line)
            elif line.split()[7] in built:
                kept.append(line)
        return "\n".join(kept) + "\n"

    def make_certificate(self):
        if not self.tls:
            say("openssl is not here to make a certificate: everything goes without TLS.")
            return
        key, certificate = self.root / "etc/key.pem", self.root / "etc/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "30", "-subj", "/CN=mail.example.test", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        both = self.root / "etc/key-and-certificate.pem"
        both.touch(mode=0o600)
        both.write_text(key.read_text() + certificate.read_text())
        key.unlink()

    # -- running it -----------------------------------------------------------------------------

    def start(self):
        done = subprocess.run([self.root / "bin/postfix", "-c", self.root / "etc", "start"], env=self.environment(),
                              capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise SystemExit(f"it did not start ({self.root}):\n{done.stdout}{done.stderr}{self.log()}")

    def stop(self):
        subprocess.run([self.root / "bin/postfix", "-c", self.root / "etc", "stop"], env=self.environment(),
                       capture_output=True, timeout=30)
        if self.temporary:
            shutil.rmtree(self.root, ignore_errors=True)

    def log(self):
        path = self.root / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # -- the proof ------------------------------------------------------------------------------

    def message(self):
        return "\n".join(["From: Demo <demo@example.test>", "To: demo@example.test", "Subject: the first message",
                          f"Date: {email.utils.formatdate()}",
                          f"Message-ID: <{os.getpid()}.{time.time_ns()}@example.test>", "", *BODY, ""])

    def send(self, text):
        headline(f"The message goes in: submission, {'STARTTLS, ' if self.tls else ''}AUTH")
        done = run_client(SWAKS_LACKS, "swaks", "--server", "127.0.0.1", "--port", self.ports["submission"],
                          *(["-tls"] if self.tls else []), "--auth", "PLAIN", "--auth-user", USER, "--auth-password", PASSWORD,
                          "--from", USER, "--to", USER, "--ehlo", "client.example.test", "--data", "-", text=text.rstrip("\n"))
        if not done:
            return self.send_with_smtplib(text)
        say((done.stdout + done.stderr).decode(errors="replace"))
        return done.returncode == 0

    def send_with_smtplib(self, text):
        with smtplib.SMTP("127.0.0.1", self.ports["submission"], timeout=60) as client:
            client.set_debuglevel(1)
            if self.tls:
                client.starttls(context=ssl._create_unverified_context())
            client.login(USER, PASSWORD)
            client.sendmail(USER, [USER], text)
        return True

    def wait_delivered(self, seconds=20):
        new, end = self.root / "mail/demo/Maildir/new", time.monotonic() + seconds
        while not (new.is_dir() and any(new.iterdir())):
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def read_back(self):
        headline(f"It is read back: IMAP{', STARTTLS' if self.tls else ''}")
        done = run_client(CURL_LACKS, "curl", "--silent", "--verbose", "--insecure", *(["--ssl-reqd"] if self.tls else []),
                          "--max-time", "30", "--user", f"{USER}:{PASSWORD}",
                          f"imap://127.0.0.1:{self.ports['imap']}/INBOX;MAILINDEX=1")
        if not done:
            return self.read_with_imaplib()
        say("\n".join(line for line in done.stderr.decode(errors="replace").splitlines() if line[:1] in "<>*"))
        say(done.stdout.decode(errors="replace"))
        return done.stdout

    def read_with_imaplib(self):
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"])
        client.debug = 4
        if self.tls:
            client.starttls(ssl._create_unverified_context())
        client.login(USER, PASSWORD)
        client.select("INBOX")
        _, answer = client.fetch("1", "(BODY[])")
        client.logout()
        return answer[0][1]

    def proof(self):
        problem = self.send_and_read_back()
        headline("The log between them")
        say(self.log())
        return problem

    def send_and_read_back(self):
        text = self.message()
        if not self.send(text):
            return "the message was not accepted"
        if not self.wait_delivered():
            return "the message did not arrive in the mailbox"
        got = self.read_back().decode(errors="replace").replace("\r\n", "\n")
        # On the way headers were put before the message; the rest must be what was sent.
        return "" if got.endswith(text) and got.count("\nReceived: ") == 1 else f"what arrived is not what was sent:\n{got}"

    def show_commands(self):
        headline("To go on playing (Ctrl-C ends everything)")
        etc, ports = self.root / "etc", self.ports
        curl = f"curl --user {USER}:{PASSWORD}" + (" -k --ssl-reqd" if self.tls else "")
        imaps = f"\n    curl --user {USER}:{PASSWORD} -k 'imaps://127.0.0.1:{ports['imaps']}/'" if self.tls else ""
        say(f"""    swaks --server 127.0.0.1 --port {ports['smtp']} --to {USER}
    swaks --server 127.0.0.1 --port {ports['submission']} {'-tls ' if self.tls else ''}\
          --auth PLAIN --auth-user {USER} --auth-password {PASSWORD} --to {USER}
    {curl} 'imap://127.0.0.1:{ports['imap']}/INBOX;MAILINDEX=1'{imaps}
    export MAIL_CONFIG={etc} PATH={self.root}/bin:$PATH
    echo hello | sendmail {USER}
    mailq
    postconf -n
    tail -f {self.root}/mail.log
SMTP {ports['smtp']}, submission {ports['submission']}, IMAP {ports['imap']}{f", IMAPS {ports['imaps']}" if self.tls else ""}; user {USER}, password {PASSWORD}""")


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    demo = Demo(options.directory)
    try:
        return run(demo, options)
    except KeyboardInterrupt:
        return 0
    finally:
        say("\nstopping")
        demo.stop()


def run(demo, options):
    if os.geteuid() != 0:
        say(f"Started by an ordinary user: everything runs as {demo.owner}, without chroot and changes of user.")
    demo.build()
    demo.start()
    problem = demo.proof()
    if problem:
        say(f"\nNOT PROVED: {problem}")
        return 1
    headline("Proved: the message arrived unchanged")
    if not options.proof:
        demo.show_commands()
        while True:
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
