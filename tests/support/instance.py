"""A private mail system in a scratch directory: ours, Debian's Postfix, or a mixture of the two.

    mta = Instance("ours")                       # or "postfix"
    mta = Instance("postfix", {"smtpd": "ours"}) # a real Postfix with our smtpd
    mta.start(); mta.smtp().mail(...); mta.wait_log("status=sent"); mta.stop()

Both kinds get the same main.cf and master.cf and run under the same accounts.  Its addresses are
those of the room (room.py), its ports 2525 (smtp), 5870 (submission), 4650 (smtps).
"""
import grp
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import time

from support import BUILD, FILES, ROOT, Skip, mailbox, maillog, mix_of, oracle, ours
from support.room import ACCOUNTS, room
from support.smtp_client import SmtpClient

SMTP, SUBMISSION, SMTPS = 2525, 5870, 4650
SET_GID = ("postdrop", "postqueue", "postlog")
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved",
          "trace", "private")
SCRIPTS = ("postfix-script", "post-install", "postfix-tls-script", "postmulti-script")
DIED = re.compile(r"panic:|killed by signal (?:6|11|4|7|8|31)\b|bad command startup|sandbox: (?:refused|would refuse)")

MASTER_CF = """\
{address}:2525 inet n - n - - smtpd
{address}:5870 inet n - n - - smtpd -o syslog_name=postfix/submission
    -o smtpd_tls_security_level=may
{address}:4650 inet n - n - - smtpd -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes
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
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Output:
    """What a command printed and how it ended."""

    def __init__(self, argv, done):
        self.argv, self.status = argv, done.returncode
        self.stdout = done.stdout.decode("latin-1")
        self.stderr = done.stderr.decode("latin-1")

    def __str__(self):
        return f"status {self.status}\nstdout:\n{self.stdout}stderr:\n{self.stderr}"


class Instance:
    def __init__(self, kind="ours", swap=None, main="", master="", aliases="", files=None,
                 drop=()):
        if kind == "ours" and not swap:
            kind, swap = mix_of(ours())
        self.room, self.kind, self.swap = room(), kind, dict(swap or {})
        self.privileged = os.geteuid() == 0
        if self.privileged and not self.room.private:
            raise Skip("root can neither have namespaces of its own here nor become another user")
        if kind == "postfix" or "postfix" in self.swap.values():
            self.room.require_private("a real Postfix")
            if 0 <= FILES < 256:
                raise Skip(f"Postfix's daemons need more than {FILES} open files")
            oracle.tree("postfix")
        number = self.room.next_instance()
        self.address = self.room.address(150 + number)
        self.root = self.room.scratch / f"i{number:02}"
        self.conf, self.queue = self.root / "etc", self.root / "q"
        self.data, self.daemons = self.root / "data", self.root / "daemons"
        self.commands, self.vmail = self.root / "bin", self.root / "vmail"
        self.spool, self.maillog = self.root / "mail", self.root / "maillog"
        self.main_extra, self.master_extra, self.dropped = main, master, drop
        self.transcripts, self.outputs = [], []
        self._log_mark, self._children = 0, set()
        self._build(aliases, files or {})
        self.room.defer(self.destroy)

    # -- making it ------------------------------------------------------------------------------

    def _build(self, aliases, files):
        for folder in (self.root, self.conf, self.queue, self.data, self.daemons, self.commands,
                       self.vmail, self.spool):
            folder.mkdir(mode=0o755)
        self._link_programs()
        for name, text in files.items():
            (self.conf / name).parent.mkdir(exist_ok=True)
            (self.conf / name).write_text(self.expand(text))
        self._write_old("aliases", self.expand("postmaster: alice\n" + self._people() + aliases))
        self._write_main_cf()
        (self.conf / "master.cf").write_text(self._master_cf())
        self._make_queue()
        self.room.allow_config(self.conf)
        self.maillog.touch()

    def _people(self):
        """Where alice and bob have no accounts, aliases take their mail to the same place."""
        if self.room.private:
            return ""
        return f"alice: {self.spool}/alice/\nbob: {self.spool}/bob/\n"

    def _write_old(self, name, text):
        """A file from ten seconds ago: Postfix reads main.cf again until it is not brand-new, and
        postmap waits until a table is newer than its source."""
        (self.conf / name).write_text(text)
        past = time.time() - 10
        os.utime(self.conf / name, (past, past))

    def _source_of(self, name, is_command):
        """The binary for a program name, after the swaps; None if neither side has it."""
        kind = self.swap.get(name, self.kind)
        theirs = (oracle.command if is_command else oracle.daemon)
        if kind == "postfix":
            path = theirs(name)
        else:
            name = {"lmtp": "smtp", "oqmgr": "qmgr", "mailq": "sendmail", "newaliases": "sendmail"}.get(name, name)
            path = BUILD / "bin" / name
        return path if path.exists() else None

    def _names(self):
        ours = {p.name for p in (BUILD / "bin").glob("*")}
        tools = {p.name for p in (ROOT / "tools").glob("*/")} | {"mailq", "newaliases"}
        daemons, commands = (ours | {"lmtp", "oqmgr"}) - tools, ours & tools | {"mailq", "newaliases"}
        if self.kind == "postfix" or "postfix" in self.swap.values():
            daemons |= set(oracle.daemons()) - set(SCRIPTS)
            commands |= set(oracle.commands()) | {"mailq", "newaliases"}
        return sorted(daemons), sorted(commands)

    def _link_programs(self):
        daemons, commands = self._names()
        for name in daemons:
            source = self._source_of(name, False)
            if source:
                (self.daemons / name).symlink_to(source)
        for name in commands:
            plain = "sendmail" if name in ("mailq", "newaliases") else name
            source = self._source_of(plain, True)
            if source:
                self._link_command(name, source)
        self._link_scripts()

    def _link_command(self, name, source):
        target = self.commands / name
        if name in SET_GID and self.room.private:
            shutil.copyfile(source, target)
            os.chown(target, 0, ACCOUNTS["postdrop"])
            target.chmod(0o2755)
        else:
            target.symlink_to(source)

    def _link_scripts(self):
        theirs = self.kind == "postfix"
        for name in SCRIPTS:
            places = [oracle.daemon(name)] if theirs else [ROOT / "conf" / name]
            for place in places:
                if place.exists():
                    (self.daemons / name).symlink_to(place)
        meta = oracle.tree() / "etc/postfix" if theirs else ROOT / "conf"
        for name in ("postfix-files", "dynamicmaps.cf", "post-install", "postfix-script"):
            if (meta / name).exists():
                shutil.copy(meta / name, self.conf / name)

    @property
    def owner(self):
        return "postfix" if self.room.private else pwd.getpwuid(os.geteuid()).pw_name

    def settings(self):
        """main.cf as this harness writes it, before what the test adds."""
        group = "postdrop" if self.room.private else group_of_nobody()
        return {
            "compatibility_level": "3.6", "queue_directory": self.queue,
            "data_directory": self.data, "daemon_directory": self.daemons,
            "command_directory": self.commands, "meta_directory": self.conf,
            "shlib_directory": self.daemons, "mail_owner": self.owner, "setgid_group": group,
            "sendmail_path": self.commands / "sendmail", "mailq_path": self.commands / "mailq",
            "newaliases_path": self.commands / "newaliases", "default_privs": "nobody",
            "maillog_file": self.maillog, "maillog_file_prefixes": self.root,
            "myhostname": "mx.example.test", "mydomain": "example.test",
            "mydestination": "$myhostname, $mydomain, localhost",
            "inet_interfaces": "127.0.0.1", "proxy_interfaces": self.address,
            "inet_protocols": "ipv4",
            "mynetworks": f"{self.room.address(0)}/25", "alias_maps": f"hash:{self.conf}/aliases",
            "alias_database": f"hash:{self.conf}/aliases", "local_recipient_maps":
            "unix:passwd.byname $alias_maps", "mail_spool_directory": f"{self.spool}/",
            "virtual_mailbox_domains": "virt.test", "virtual_mailbox_base": self.vmail,
            "virtual_mailbox_maps": f"inline:{{u1@virt.test=u1/ u2@virt.test=u2/ box@virt.test=box}}",
            "virtual_uid_maps": f"static:{self.vmail_ids()[0]}",
            "virtual_gid_maps": f"static:{self.vmail_ids()[1]}",
            "virtual_minimum_uid": "100" if self.room.private else "1", "smtp_tls_security_level": "none",
            "biff": "no", "recipient_delimiter": "+", "relayhost": "",
            # What a later version announces is left out of the comparison.
            "smtputf8_enable": "no", "requiretls_enable": "no", "smtpd_discard_ehlo_keywords": "chunking, etrn, silent-discard",
            # Defaults that changed between the reference on the wire and the level that is ours.
            "smtpd_forbidden_commands": "CONNECT, GET, POST", "smtpd_forbid_unauth_pipelining": "no",
            "smtpd_forbid_bare_newline": "no",
        }

    def vmail_ids(self):
        if self.room.private:
            return ACCOUNTS["vmail"], ACCOUNTS["vmail"]
        return os.geteuid(), os.getegid()

    def _write_main_cf(self):
        own = {line.split("=")[0].strip() for line in self.main_extra.split("\n")} | set(self.dropped)
        lines = [f"{name} = {value}" for name, value in self.settings().items() if name not in own]
        text = "\n".join(lines) + "\n" + self.expand(self.main_extra) + "\n"
        self._write_old("main.cf", text)

    def expand(self, text):
        return (text.replace("@ADDRESS@", self.address).replace("@CONF@", str(self.conf))
                .replace("@ROOT@", str(self.root)).replace("@NET@", self.room.net))

    def _master_cf(self):
        """The services whose programs are there, and the test's own."""
        kept, built = [], {p.name for p in self.daemons.iterdir()}
        for line in MASTER_CF.format(address=self.address).splitlines():
            if line.startswith(" ") or line.split()[7] in built:
                kept.append(line)
        return "\n".join(kept) + "\n" + self.expand(self.master_extra)

    def _make_queue(self):
        (self.queue / "pid").mkdir(mode=0o755)
        for name in QUEUES + ("maildrop", "public"):
            (self.queue / name).mkdir(mode=0o700)
        self.vmail.chmod(0o777)
        self.spool.chmod(0o1777)
        if not self.room.private:
            return
        user, group = ACCOUNTS["postfix"], ACCOUNTS["postdrop"]
        for path in [self.data] + [self.queue / name for name in QUEUES]:
            os.chown(path, user, user)
        self.data.chmod(0o700)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(self.queue / name, user, group)
            (self.queue / name).chmod(mode)
        os.chown(self.vmail, ACCOUNTS["vmail"], ACCOUNTS["vmail"])

    # -- running it -----------------------------------------------------------------------------

    def start(self, seconds=15):
        """Builds the alias table and starts master directly; `postfix start` has own tests."""
        if not (self.conf / "aliases.db").exists() and "hash:" in str(self.settings()["alias_maps"]):
            self.must_run("postalias", f"hash:{self.conf}/aliases", record=False)
        master = self.daemons / "master"
        if not master.exists():
            raise Skip("master is not built")
        done = subprocess.run([master, "-c", self.conf, "-w"], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        if done.returncode:
            raise AssertionError(f"master did not start: {done.stderr.decode()}\n{self.log_text()}")
        return self

    def environment(self):
        return {"MAIL_CONFIG": str(self.conf), "PATH": f"{self.commands}:/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

    def master_pid(self):
        try:
            return int((self.queue / "pid/master.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    def running(self):
        pid = self.master_pid()
        return bool(pid) and b"master" in _command_of(pid)

    def processes(self, daemon=None):
        """{pid: daemon name} of everything that runs out of this instance's daemon directory."""
        prefix, found = str(self.daemons) + "/", {}
        own = {p.name for p in self.daemons.iterdir()}  # a link counts too: lmtp is smtp
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                argv0 = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
                mine = self._is_mine(entry)
            except (OSError, UnicodeDecodeError):
                continue
            name = argv0.rsplit("/", 1)[-1]
            if mine and (argv0.startswith(prefix) or name in own):
                found[int(entry.name)] = name
        return {p: n for p, n in found.items() if daemon in (None, n)}

    def _is_mine(self, entry):
        """Whether a process (its folder in /proc) works in this queue; where root may not see that (without
        CAP_SYS_PTRACE), whether it is or was a child of this master."""
        try:
            return os.readlink(entry / "cwd") == str(self.queue)
        except PermissionError:
            status = (entry / "status").read_text()
            if int(re.search(r"PPid:\s*(\d+)", status)[1]) == self.master_pid():
                self._children.add(entry.name)
            return entry.name in self._children

    def stop(self, seconds=10):
        """Ends master and waits for it and its children; kills what is still there then."""
        self.processes()  # so that children are known when their master is gone
        if self.running():
            os.kill(self.master_pid(), signal.SIGTERM)
        end = time.monotonic() + seconds
        while self.processes():
            if time.monotonic() > end:
                left = self.processes()
                for pid in left:
                    _kill(pid)
                raise AssertionError(f"still running {seconds} s after stop: {left}")
            time.sleep(0.02)

    def wait_ended(self, seconds=5):
        """Until no process is left; postlogd goes last, when nobody has said anything for a moment."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        if left:
            raise AssertionError(f"still there: {left}")

    def destroy(self):
        try:
            if self.running():
                self.stop()
        finally:
            for pid in self.processes():
                _kill(pid)

    def reload(self):
        os.kill(self.master_pid(), signal.SIGHUP)

    def set_main(self, text):
        """Adds to main.cf; takes effect for daemons that start after it."""
        self._write_old("main.cf", (self.conf / "main.cf").read_text() + self.expand(text) + "\n")

    # -- using it -------------------------------------------------------------------------------

    def smtp(self, port=SMTP, client=128, **options):
        """A raw client; its transcript is kept.  client is the last byte of its address: below
        128 it is in mynetworks."""
        record = []
        self.transcripts.append(record)
        return SmtpClient(self.address, port, self.room.address(client), record=record, **options)

    def mail(self, sender, recipients, text="Subject: test\n\nhello\n", client=100):
        """Sends one message from a client in mynetworks, which must be accepted; its queue id."""
        with self.smtp(client=client) as session:
            reply = session.mail(sender, recipients, text)
            if reply.code != "250":
                raise AssertionError("not accepted:\n" + "\n".join(session.transcript))
            session.command("QUIT")
        return str(reply).split()[-1]

    def run(self, command, *arguments, input=None, user=None, record=True, seconds=30, env=None):
        """Runs a command of this instance; output and status are kept.  user: run as alice, ..."""
        path = self.commands / command
        if not path.exists():
            raise Skip(f"{command} is not built")
        data = input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input
        options = {"user": user, "group": user, "extra_groups": []} if user else {}
        try:
            done = subprocess.run([command, *map(str, arguments)], executable=path, input=data if data is not None else b"",
                                  capture_output=True, timeout=seconds, cwd="/",
                                  env={**self.environment(), **(env or {})}, **options)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{command} {arguments} did not end in {seconds} s: {late.stderr}")
        output = Output((command, *map(str, arguments)), done)
        if record:
            self.outputs.append(output)
        return output

    def must_run(self, command, *arguments, **options):
        output = self.run(command, *arguments, **options)
        if output.status:
            raise AssertionError(f"{command} {arguments}: {output}")
        return output

    def sendmail(self, *arguments, input, **options):
        return self.run("sendmail", *arguments, input=input, **options)

    def table(self, name, text, kind="hash"):
        """Writes and builds a lookup table; its kind:path."""
        self._write_old(name, self.expand(text))
        if kind in ("hash", "btree", "cdb", "lmdb"):
            self.must_run("postmap", f"{kind}:{self.conf / name}", record=False)
        return f"{kind}:{self.conf / name}"

    # -- looking at it --------------------------------------------------------------------------

    def log_text(self):
        """The log since the last mark, with all that the daemons have said until now."""
        self._await_written()
        return self._text_so_far()

    def _await_written(self):
        if self.maillog.stat().st_size:  # else nobody writes to it
            maillog.await_written(self.queue / "public/postlog", self.maillog)

    def _text_so_far(self):
        return maillog.without_markers(self.maillog.read_bytes()[self._log_mark:].decode("utf-8", "replace"))

    def log(self):
        """The log lines since the last mark, parsed."""
        return maillog.parse(self.log_text())

    def mark(self):
        """Forgets log lines, transcripts and outputs so far."""
        self._await_written()
        self._log_mark = self.maillog.stat().st_size
        self.transcripts, self.outputs = [], []

    def wait_log(self, pattern, count=1, seconds=20):
        """Waits for a log line that matches; the last match."""
        end = time.monotonic() + seconds
        while True:
            found = list(re.finditer(pattern, self._text_so_far(), re.M))
            if len(found) >= count:
                return found[count - 1]
            if time.monotonic() > end:
                raise AssertionError(f"log: {len(found)} of {count} lines like {pattern!r} after "
                                     f"{seconds} s:\n{self.log_text()[-4000:]}")
            time.sleep(0.02)

    def queue_files(self, *names):
        names = names or ("maildrop", "incoming", "active", "deferred", "hold")
        return [p for name in names for p in (self.queue / name).rglob("*") if p.is_file()]

    def settle(self, seconds=20):
        """Waits until nothing is on its way: no file in maildrop, incoming and active, and a log
        that has stopped growing and in which every session has ended."""
        end, quiet, size = time.monotonic() + seconds, 0, -1
        while quiet < 4:
            now = self.maillog.stat().st_size
            busy = self.queue_files("maildrop", "incoming", "active")
            quiet = quiet + 1 if now == size and not busy else 0
            size = now
            waited = time.monotonic() - (end - seconds)
            if quiet == 4 and (waited < 2 and self._sessions_open() or waited < 0.6 and self._ends_unlogged()):
                quiet = 0
            if time.monotonic() > end:
                raise AssertionError(f"queue not quiet after {seconds} s: {busy}\n{self.log_text()[-4000:]}")
            time.sleep(0.04)

    def _sessions_open(self):
        """Whether the log since the mark has the beginning of a session without its end."""
        text = self._text_so_far()
        return len(re.findall(r"/smtpd\[\d+\]: connect from", text)) > len(
            re.findall(r"/smtpd\[\d+\]: disconnect from", text))

    def _ends_unlogged(self):
        """Whether a message is gone of which the log since the mark does not say so yet."""
        text = self._text_so_far()
        begun = set(re.findall(r"/qmgr\[\d+\]: (\w+): from=<[^\n]*\(queue active\)", text))
        gone = begun - set(re.findall(r"\]: (\w+): removed", text))
        return bool(gone) and not gone <= {path.name for path in self.queue_files("deferred", "hold", "corrupt")}

    def local_mail(self, user):
        """Mail of a system user: a Maildir, or an mbox where mail_spool_directory has no slash."""
        path = self.spool / user
        return mailbox.read_maildir(path) if path.is_dir() else mailbox.read_mbox(path)

    def virtual(self, name):
        """Mail of a virtual mailbox: u1, u2 are Maildirs, box is an mbox."""
        path = self.vmail / name
        return mailbox.read_maildir(path) if path.is_dir() else mailbox.read_mbox(path)

    def empty_mailboxes(self):
        for folder in (self.vmail, self.spool):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def check_sane(self):
        """No daemon crashed or panicked since the last mark."""
        bad = [line.raw for line in self.log() if DIED.search(line.text)]
        if bad:
            raise AssertionError("a daemon died:\n" + "\n".join(bad))


def group_of_nobody():
    """nogroup, which Arch calls nobody."""
    return grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name


def _command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
