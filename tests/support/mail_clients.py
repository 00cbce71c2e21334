"""Mail programs of people, run against ours and against Debian's Dovecot: what each is told to do, and what the mailbox is afterwards.

    box = Mailbox()                    # one account of imap_pair(), filled the same on both sides
    Mbsync(box, "ours").sync()
    box.picture("ours")                # {folder: [(subject, flags), ...]}
"""
import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from support import Skip, check, oracle
from support.certificates import directory as certificates
from support.imap import IMAP, PASSWORD, deliver_into
from support.imap_pair import imap_pair
from support.room import room

HOST = "mx.example.test"  # as the certificate has it
ACCENTED = "&AMk-t&AOk-"   # a folder with accents, as IMAP and the Maildir name it
SUBSCRIPTIONS = b"V\t2\n\nArchive\n" + ACCENTED.encode() + b"\n"


def message(number, text="text"):
    return (f"From: a@b.test\nTo: c@d.test\nSubject: message {number}\nMessage-ID: <{number}@test>\n"
            f"Date: Mon, 1 Jan 2024 00:00:{number:02} +0000\n\n{text} {number}\n").encode()


def first_mail():
    files = {f"cur/{1700000000 + i}.M{i}.h:2,{'S' if i == 0 else ''}": message(i) for i in range(5)}
    files |= {"new/1700000005.M5.h": message(5), ".Archive/cur/1700000010.M10.h:2,FS": message(10),
              f".{ACCENTED}/cur/1700000020.M20.h:2,RS": message(20), "subscriptions": SUBSCRIPTIONS}
    return files


class Mailbox:
    """An account with the same messages on both servers."""

    def __init__(self, files=None):
        self.account = imap_pair().account(first_mail() if files is None else files)
        self.user = self.account.user

    def maildir(self, whose):
        return self.account.homes[whose] / "Maildir"

    def picture(self, whose):
        return picture(self.maildir(whose), "")

    def deliver(self, whose, number):
        """As a delivery agent does."""
        deliver_into(self.maildir(whose), message(number), (imap_pair().uid, imap_pair().gid))

    def scratch(self, name):
        path = room().scratch / f"{name}-{self.user}-{room().next_instance()}"
        path.mkdir(mode=0o755)
        return path


def port(whose):
    return IMAP if whose == "ours" else imap_pair().their_port


def folders(root, inbox="INBOX", prefix="."):
    """{name: path} of a Maildir with folders beside its messages, or below its root."""
    found = {"INBOX": root / inbox} if inbox else {"INBOX": root}
    found |= {path.name.removeprefix(prefix): path for path in root.iterdir() if (path / "cur").is_dir() and path.name.startswith(prefix)}
    return found


def picture(root, inbox, prefix="."):
    """{folder: [(subject, flags), ...]}, the flags as letters of Maildir; keywords are not among them."""
    found = {}
    for name, path in folders(root, inbox, prefix).items():
        found[name] = sorted((subject(each.read_bytes()), re.sub("[a-z]", "", each.name.partition(":2,")[2]))
                             for part in ("cur", "new") for each in (path / part).iterdir())
    return found


def subject(text):
    found = re.search(rb"(?mi)^Subject: (.*?)\r?$", text)
    return found[1].decode() if found else ""


class LocalCopy:
    """A Maildir of a synchronising client, changed as a mail program does."""

    def __init__(self, root):
        self.root = root

    def find(self, folder, number):
        for part in ("cur", "new"):
            for path in (self.root / folder / part).iterdir():
                if subject(path.read_bytes()) == f"message {number}":
                    return path
        raise AssertionError(f"message {number} is not in {folder}")

    def flag(self, folder, number, flags):
        path = self.find(folder, number)
        path.rename(self.root / folder / "cur" / f"{path.name.partition(':')[0]}:2,{flags}")

    def move(self, number, source, target):
        """As a program does that gives it a new name: who numbers messages in their names must not take it for the old one."""
        path = self.find(source, number)
        flags = path.name.partition(":2,")[2]
        path.rename(self.root / target / "cur" / f"1800000000.moved{number}.client:2,{flags}")

    def delete(self, folder, number):
        self.find(folder, number).unlink()

    def add(self, folder, number, flags="S"):
        (self.root / folder / "cur" / f"1800000000.added{number}.client:2,{flags}").write_bytes(message(number))

    def make_folder(self, name):
        for part in ("cur", "new", "tmp"):
            (self.root / name / part).mkdir(parents=True)


def tree():
    return oracle.tree("imap-clients")


def share():
    """The programs' own files stand in /usr/share, in this room alone."""
    room().require_private("clients that are not installed")
    place = tree() / "usr/share"
    if not os.path.exists("/usr/share/imapfilter/common.lua"):
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={place}:/usr/share", "/usr/share"], capture_output=True, text=True)
        if done.returncode:
            raise Skip(f"clients that are not installed need an overlay mount: {done.stderr.strip()}")
    return tree()


def environment(home, **more):
    return {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LOGNAME": "tester", "USER": "tester",
            "LD_LIBRARY_PATH": oracle.library_path(tree()), "PYTHONPATH": str(tree() / "usr/lib/python3/dist-packages"), **more}


def run(command, home, accept=(0,), seconds=60, **more):
    """What it prints; it must end with one of these."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                          env=environment(home), text=True, errors="replace", **more)
    check(done.returncode in accept, f"{command}: exit {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


MBSYNCRC = """\
IMAPAccount server
Host {host}
Port {port}
User {user}
Pass {password}
{tls}
AuthMechs {mechanism}

IMAPStore remote
Account server

MaildirStore local
Path {root}/mail/
Inbox {root}/mail/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState {root}/state/
"""


class Mbsync:
    def __init__(self, box, whose, tls=False, mechanism="LOGIN"):
        if not shutil.which("mbsync"):
            raise Skip("mbsync is not installed")
        self.place = box.scratch("mbsync")
        (self.place / "state").mkdir()
        (self.place / "mail").mkdir()
        self.copy = LocalCopy(self.place / "mail")
        security = f"SSLType STARTTLS\nCertificateFile {certificates()}/ca.pem" if tls else "SSLType None"
        (self.place / "rc").write_text(MBSYNCRC.format(host=host(tls), port=port(whose), user=box.user, password=PASSWORD, tls=security,
                                                       mechanism=mechanism, root=self.place))

    def sync(self):
        return run(["mbsync", "-c", self.place / "rc", "-V", "-a"], self.place)

    def picture(self):
        return picture(self.copy.root, "INBOX", "")


def host(tls):
    """The server's name, where its certificate is looked at."""
    if tls:
        room().dns.replace(HOST, "A", imap_pair().address)
    return HOST if tls else imap_pair().address


OFFLINEIMAPRC = """\
[general]
accounts = test
metadata = {root}/state
ui = basic

[Account test]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {root}/mail
sync_deletes = yes

[Repository there]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
auth_mechanisms = {mechanism}
usecompress = yes
{tls}
"""


class OfflineImap:
    def __init__(self, box, whose, tls=False, mechanism="PLAIN"):
        if not os.path.exists("/usr/bin/python3"):
            raise Skip("offlineimap needs the system's Python")
        share()
        self.place = box.scratch("offlineimap")
        self.copy = LocalCopy(self.place / "mail")
        security = f"ssl = no\nstarttls = yes\nsslcacertfile = {certificates()}/ca.pem" if tls else "ssl = no\nstarttls = no"
        (self.place / "rc").write_text(OFFLINEIMAPRC.format(host=host(tls), port=port(whose), user=box.user, password=PASSWORD, tls=security,
                                                            mechanism=mechanism, root=self.place))

    def sync(self):
        return run(["/usr/bin/python3", "/usr/share/offlineimap3/run", "-o", "-c", self.place / "rc"], self.place)

    def picture(self):
        return picture(self.copy.root, "INBOX", "")


def imapfilter(box, whose, script, tls=False):
    """What it prints of what a script does with `account`."""
    program = share() / "usr/bin/imapfilter"
    place = box.scratch("imapfilter")
    options = f"options.starttls = {'true' if tls else 'false'}\noptions.timeout = 20\noptions.create = true\noptions.subscribe = true\n"
    account = f'account = IMAP {{ server = "{host(tls)}", port = {port(whose)}, username = "{box.user}", password = "{PASSWORD}" }}\n'
    (place / "config.lua").write_text(options + account + script)
    trust = ["-t", f"{certificates()}/ca.pem"] if tls else []
    return run([program, "-c", place / "config.lua", "-v", *trust], place)


class Terminal:
    """A program in a terminal of 80 columns: keys in, screen out."""

    def __init__(self, command, home, **more):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            with contextlib.suppress(OSError):
                os.execve(command[0], [str(word) for word in command], environment(home, TERM="vt100", COLUMNS="80", LINES="24", **more))
            os._exit(127)
        self.screen, self.status = b"", None

    def keys(self, text, expect=None, seconds=20):
        """Types; waits until the screen has shown what matches since."""
        self.screen = b""
        os.write(self.fd, text.encode())
        return self.wait(expect, seconds) if expect else ""

    def wait(self, expect, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(expect, self.shown(), re.S):
            check(time.monotonic() < end and self._more(), f"{expect!r} is not on the screen:\n{self.shown()[-3000:]}")
        return self.shown()

    def _more(self):
        """Reads on; false when the program has ended."""
        ready, _, _ = select.select([self.fd], [], [], 0.5)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.screen += data
        return bool(data)

    def shown(self):
        return re.sub(rb"\x1b[\[(][0-9;?]*[A-Za-z]|\x1b[=>78DMEH]|\x0f|\x0e", b" ", self.screen).decode(errors="replace")

    def end(self, seconds=20):
        """Its exit status, once it ends by itself."""
        end = time.monotonic() + seconds
        while self.status is None:
            check(time.monotonic() < end, f"it does not end:\n{self.shown()[-3000:]}")
            self._more()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        os.close(self.fd)
        return self.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.fd)


MUTTRC = """\
set folder="imap://{user}@{host}:{port}/"
set spoolfile="imap://{user}@{host}:{port}/INBOX"
set imap_user="{user}"
set imap_pass="{password}"
set imap_authenticators="{mechanism}"
set ssl_force_tls={tls}
set ssl_starttls={tls}
set certificate_file="{root}/trusted"
set postponed="+Drafts"
set record=""
set editor="{root}/editor"
set realname="Tester"
set from="tester@d.test"
set timeout=2
set mail_check=1
set imap_idle=yes
set imap_condstore=yes
set imap_qresync=yes
set header_cache="{root}/headers"
unset confirmcreate confirmappend move mark_old collapse_unread
set delete=yes
set quit=yes
set postpone=yes
set wait_key=no
set sort=date
set index_format="%4C %Z %s"
"""


class Mutt:
    """mutt or neomutt in a terminal, with the INBOX open."""

    def __init__(self, box, whose, program="mutt", tls=False, mechanism="login"):
        self.place = box.scratch(program)
        shutil.copy(certificates() / "ca.pem", self.place / "trusted")
        (self.place / "editor").write_text("#!/bin/sh\necho 'written by hand' >> \"$1\"\nsleep 1\ntouch \"$1\"\n")
        (self.place / "editor").chmod(0o755)
        (self.place / "rc").write_text(MUTTRC.format(user=box.user, host=host(tls), port=port(whose), password=PASSWORD, root=self.place,
                                                     tls="yes" if tls else "no", mechanism=mechanism))
        log = ["-d", "2"] + (["-l", self.place / "log"] if program == "neomutt" else [])
        self.command = [tree() / "usr/bin" / program, "-n", "-F", self.place / "rc", *log]

    def said(self):
        """What it has sent and heard, with more."""
        return "".join(path.read_text(errors="replace") for path in [*self.place.glob("log*"), *self.place.glob(".muttdebug*")])

    def open(self):
        return Terminal(self.command, self.place)
