"""What somebody could do who has taken over a daemon or a command: support/intruder.c tries it, in the real one with its own table."""
import ctypes
import os
import platform
import re
import smtplib
import socket
import subprocess
import time

from support import Skip, check, equal
from support.c_programs import compiled
from support.imap import ImapInstance
from support.instance import SET_GID, Instance
from support.postscreen import HELPERS, service
from support.queuefile import records
from support.room import room
from support.sanitizer import ON as SANITIZED

LANDLOCK_VERSION = 444
SECCOMP = {"x86_64": 317, "aarch64": 277}  # the system call, on processors whose calls we filter
ACTION_AVAILABLE, TRAP = 2, 0x00030000
SERVERS, FILES = {"connects out", "connects by sending"}, ("reads another's mail", "writes elsewhere", "makes a program")
# What a daemon may do after all, and why is said beside its table and in SECURITY.md.
MAY = {
    "smtpd": SERVERS, "smtp": SERVERS, "lmtp": SERVERS, "imap-login": SERVERS, "pop3-login": SERVERS, "lmtpd": SERVERS,
    "proxymap": {*SERVERS, "reads another's mail"}, "auth": {*SERVERS, "reads another's mail"},
    "virtual": {"becomes another", *FILES}, "who": set(),
}
# Its ids bound what a user's process does to files.
USERS = set(FILES)
MORE = """\
qmqp unix - - n - - qmqpd
flush unix n - n 1000? 0 flush
"""


def landlock_version():
    found = ctypes.CDLL(None, use_errno=True).syscall(LANDLOCK_VERSION, None, ctypes.c_size_t(0), 1)
    return max(found, 0)


def need_filters():
    if SANITIZED:
        raise Skip("in a sanitized build there is no sandbox")
    number = SECCOMP.get(platform.machine())
    if not number or ctypes.CDLL(None).syscall(number, ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(TRAP))):
        raise Skip("system calls are not filtered here")


class Intruder:
    """Settings that bring it into an instance's daemons, and what came of it."""

    def __init__(self):
        need_filters()
        self.library = compiled("intruder", "-shared", "-fPIC", "-ldl")
        self.listener = socket.create_server(("127.0.0.1", 0))

    def environment(self, root="@ROOT@"):
        return {"LD_PRELOAD": str(self.library), "RELAIS_INTRUDER": f"{root}/place",
                "RELAIS_INTRUDER_PORT": str(self.listener.getsockname()[1])}

    def settings(self, mode="strict"):
        words = " ".join(f"{name}={value}" for name, value in self.environment().items())
        return f"import_environment = MAIL_CONFIG TZ LANG=C {words}\nsandbox = {mode}\n"

    def enter(self, mta):
        place = mta.root / "place"
        place.mkdir()
        place.chmod(0o1777)
        (place / "secret").write_text("mail")
        (place / "report").touch()
        (place / "report").chmod(0o666)
        self.report = place / "report"

    def outcomes(self):
        """{daemon: {what: outcome}}, of all processes of that name the worst."""
        found = {}
        for line in self.report.read_text().splitlines():
            who, rest = line.split(" ", 1)
            what, outcome = rest.split(": ", 1)
            before = found.setdefault(who, {}).get(what)
            found[who][what] = "done" if before == "done" else outcome
        return found

    def wait_for(self, *daemons, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not set(daemons) <= set(self.outcomes()):
            time.sleep(0.05)
        found = self.outcomes()
        equal(sorted(set(daemons) - set(found)), [], "daemons that did not come so far")
        return found


def check_refused(found, allowed):
    version = landlock_version()
    for daemon, outcomes in found.items():
        done = {what for what, outcome in outcomes.items() if outcome == "done"}
        done -= set(FILES) if version < 2 else set()
        done -= SERVERS if version < 4 else set()
        done -= {"ends its parent"} if version < 6 else set()
        equal(sorted(done - allowed(daemon)), [], f"what {daemon} could do")


def call_all(mta, folders=("public", "private")):
    """A connection to each service starts its process."""
    for folder in folders:
        for path in sorted((mta.queue / folder).iterdir()):
            with socket.socket(socket.AF_UNIX) as one:
                try:
                    one.connect(str(path))
                except OSError:
                    continue
                time.sleep(0.05)


def mail_daemons_can_do_nothing_else():
    intruder = Intruder()
    mta = Instance(main=intruder.settings(), master=HELPERS + service(2670) + MORE)
    intruder.enter(mta)
    mta.start()
    try:
        with mta.smtp() as session:
            session.talk("EHLO c.test")
        with mta.smtp(port=2670) as session:
            session.talk("EHLO c.test")
        mta.mail("a@b.test", ["u1@virt.test"])
        call_all(mta)
        found = intruder.wait_for("smtpd", "postscreen", "dnsblog", "tlsproxy", "qmqpd", "verify", "anvil", "tlsmgr", "scache",
                                  "trivial-rewrite", "flush", "showq", "discard", "error", "bounce", "proxymap", "cleanup", "pickup",
                                  "qmgr", "smtp", "lmtp", "virtual", "postlogd")
        check_refused(found, lambda daemon: MAY.get(daemon, set()))
        equal({"local", "pipe", "spawn"} & set(found), set(), "those that run commands are not confined")
        # Each goes on: virtual is another by now, where it could become one.
        for daemon in ("smtpd", "cleanup", "qmgr", "anvil"):
            mta.wait_log(rf'{daemon}\[\d+\]: warning: sandbox: refused execve\("/bin/sh"\)')
        mta.mail("a@b.test", ["bob@example.test"])
        mta.wait_log("to=<bob@example.test>.*status=sent")
        equal(re.findall(r"killed by signal \d+", mta.log_text()), [], "processes that were killed")
        mta.settle()
        commands_neither(mta, intruder)
        found = intruder.wait_for("sendmail", "postdrop", "postlog", "postqueue", "qshape", "postsuper", "postcat")
        check_refused(found, lambda program: MAY.get(program, set()))
    finally:
        mta.stop()


def commands_neither(mta, intruder):
    """sendmail starts postdrop, which has the intruder in it too; what is said of refused calls stands on standard error, too."""
    for path in [mta.commands / name for name in SET_GID]:
        if not path.is_symlink():  # a copy that is set-gid: the loader takes no library from its caller
            path.chmod(0o755)
    with_it = {"env": intruder.environment(mta.root)}

    refused = 'warning: sandbox: refused execve("/bin/sh")'

    def said(command, *arguments, **options):
        done = mta.must_run(command, *arguments, record=False, **with_it, **options)
        check(f"{command}: {refused}" in done.stderr, lambda: f"{command}: {done}")
        return done.stdout

    said("sendmail", "bob@example.test", input="Subject: x\n\nhello\n")
    mta.must_run("postlog", "-t", "test/postlog", input="a line\n", record=False, **with_it)
    mta.wait_log(r"test/postlog\[\d+\]: " + re.escape(refused))
    check("ueue" in said("postqueue", "-p"), "what postqueue lists")
    check("T " in said("qshape"), "what qshape shows")
    said("postsuper", "-s")
    file = mta.root / "place/file"
    file.write_bytes(records(("S", "a@b.t"), ("M", ""), ("X", ""), ("E", "")))
    check("sender: a@b.t" in said("postcat", file), "what postcat shows")


mail_daemons_can_do_nothing_else.is_test = True
mail_daemons_can_do_nothing_else.seconds = 90


class Intruded(ImapInstance):
    programs = ("pop3", "pop3-login", "lmtpd")
    services = ("{address}:1100 inet n - n - 500 pop3-login\npop3 unix - - n - 1 pop3\n"
                "{address}:2425 inet n - n - 200 lmtpd\nquota-status unix n - n - - quota-status\n")

    def __init__(self, intruder, mode="strict"):
        self.intruder = intruder
        super().__init__(intruder.settings(mode))

    def start(self):
        self.intruder.enter(self.mta)
        super().start()


def the_mailbox_server_neither():
    intruder = Intruder()
    mail = Intruded(intruder)
    try:
        with socket.create_connection((mail.address, 1100), timeout=20) as client:
            client.recv(100)
            client.sendall(b"USER bob\r\nPASS secret\r\n")
            box = mail.login("bob", "INBOX")
            found = intruder.wait_for("imap-login", "pop3-login", "auth", "imap", "pop3")
        with socket.create_connection((mail.address, 2425), timeout=20) as client:
            client.recv(100)
            client.sendall(b"LHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob>\r\n")
            client.recv(1000)
            call_all(mail.mta)
            mail.mta.must_run("doveadm", "fetch", "-u", "bob", "hdr", "all", record=False, env=intruder.environment(mail.mta.root))
            (mail.mta.commands / "who").symlink_to("doveadm")  # the same, under a name of its own
            who = mail.mta.must_run("who", "who", record=False, env=intruder.environment(mail.mta.root))
            check("bob" in who.stdout, f"who is there: {who}")
            found = intruder.wait_for("lmtpd", "quota-status", "doveadm", "who")
        check_refused(found, lambda daemon: MAY.get(daemon, USERS))
        equal(box.noop()[0], "OK", "a session afterwards")
        box.logout()
    finally:
        mail.stop()


the_mailbox_server_neither.is_test = True
the_mailbox_server_neither.seconds = 60


def log_mode_says_what_would_be_refused():
    intruder = Intruder()
    mta = Instance(main=intruder.settings("log"))
    intruder.enter(mta)
    mta.start()
    try:
        call_all(mta, ["private"])
        found = intruder.wait_for("anvil", "discard")["anvil"]
        equal([found[what] for what in ("runs a shell", "reads another's mail", "writes elsewhere", "connects out")], ["done"] * 4,
              "what happens in spite of it")
        for what in ('execve("/bin/sh")', "socket of family 2", f'openat("{mta.root}/place/secret") to read',
                     f'openat("{mta.root}/place/written") to write'):
            mta.wait_log(r"anvil\[\d+\]: warning: sandbox: would refuse " + re.escape(what))
    finally:
        mta.stop()


log_mode_says_what_would_be_refused.is_test = True


def a_service_can_do_without():
    """sandbox = off in master.cf: the intruder waits for what never comes."""
    intruder = Intruder()
    mta = Instance(main=intruder.settings(), master="anvil unix - - n - 1 anvil\n    -o sandbox=off\n", drop=())
    intruder.enter(mta)
    mta.start()
    try:
        call_all(mta, ["private"])
        found = intruder.wait_for("discard", "error")
        check("anvil" not in found, f"anvil is confined: {found}")
    finally:
        mta.stop()


a_service_can_do_without.is_test = True


def sinks_neither():
    """smtp-sink and qmqp-sink read no configuration, and are strict always."""
    intruder = Intruder()
    mta = Instance()
    intruder.enter(mta)
    for port, (name, options) in enumerate({"smtp-sink": ["-d", f"{mta.root}/dumps/%H."], "qmqp-sink": []}.items(), 2700):
        (mta.root / "dumps").mkdir(exist_ok=True)
        (mta.root / "dumps").chmod(0o777)
        user = ["-u", "nobody"] if room().private and name == "smtp-sink" else []
        sink = subprocess.Popen([mta.commands / name, *options, *user, f"{mta.address}:{port}", "10"], stderr=subprocess.PIPE,
                                env={**mta.environment(), **intruder.environment(mta.root)})
        try:
            check_refused(intruder.wait_for(name), lambda _: set())
            if options:
                with smtplib.SMTP(mta.address, port, timeout=10) as client:
                    client.sendmail("a@b.test", ["c@d.test"], "Subject: kept\n\nx\n")
                equal(len(list((mta.root / "dumps").iterdir())), 1, "files with messages")
        finally:
            sink.terminate()
        check(b'sandbox: refused execve("/bin/sh")' in sink.communicate(timeout=10)[1], f"{name} says nothing of it")


sinks_neither.is_test = True


def a_bad_value_is_told():
    mta = Instance(main="sandbox = maybe\n")
    try:
        mta.start()
    except AssertionError:
        mta.wait_log('fatal: bad value for sandbox: "maybe": must be strict, log or off')
    else:
        mta.stop()
        raise AssertionError("it starts")


a_bad_value_is_told.is_test = True


def what_is_missing_is_told_once(which, how, told):
    need_filters()
    mta = Instance(main="sandbox = strict\n")
    mta.must_run("postalias", f"hash:{mta.conf}/aliases", record=False)
    without = [compiled("without_calls"), which, how]
    done = subprocess.run([*without, mta.daemons / "master", "-c", mta.conf, "-w"], env=mta.environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=15)
    equal(done.returncode, 0, f"master: {done.stderr}")
    try:
        sent = subprocess.run([*without, mta.commands / "sendmail", "u1@virt.test"], env=mta.environment(), input=b"\nhello\n",
                              capture_output=True, timeout=30)
        equal((sent.returncode, sent.stderr), (0, b""), "sendmail")
        mta.wait_log("to=<u1@virt.test>.*status=sent")
        equal(re.findall(r"postfix/(\S+)\[\d+\]: (.*sandbox.*)", mta.log_text()), [("master", f"sandbox: less than there could be: {told}")],
              "what is said of it")
    finally:
        mta.stop()


def a_kernel_without_landlock_is_told_once():
    what_is_missing_is_told_once("landlock", "missing", "files and ports are not restricted (Landlock)")


def a_filter_of_somebody_else_that_kills_is_told_once():
    what_is_missing_is_told_once("all", "deadly",
                                 "system calls are not filtered (seccomp), files and ports are not restricted (Landlock)")


a_kernel_without_landlock_is_told_once.is_test = a_filter_of_somebody_else_that_kills_is_told_once.is_test = True
