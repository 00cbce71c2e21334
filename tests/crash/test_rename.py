"""The process of a user is killed in the middle of a RENAME where lists of UIDs lie apart from the mail (CONTROL=): no message gets
another UID, or loses a keyword."""
import re
import subprocess
import time

from support import check, equal, need_strace
from support.imap import ImapInstance
from support.imap_client import Client

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"
CALLS = "rename,renameat,renameat2"
MOST = 30  # calls of one RENAME


def state(client, name):
    """UIDVALIDITY, and the flags and keywords by UID."""
    opened = b"\n".join(client.ok(f"SELECT {name}"))
    lines = [line for line in client.ok("UID FETCH 1:* (FLAGS)") if b"FETCH" in line]
    flags = {re.search(rb"UID (\d+)", line)[1]: sorted(re.search(rb"FLAGS \((.*?)\)", line)[1].replace(rb"\Recent", b"").split()) for line in lines}
    client.ok("UNSELECT")
    return re.search(rb"UIDVALIDITY (\d+)", opened)[1], flags


def names(client):
    lines = [line for line in client.ok('LIST "" "*"') if not re.search(rb"\\(Noselect|NonExistent)", line, re.I)]
    return {line.split()[-1].decode().replace("/", ".") for line in lines} - {"INBOX"}


def fill(client, separator):
    client.ok("CREATE A")
    client.ok(f"CREATE A{separator}B")
    for name in ("A", f"A{separator}B"):
        for flags in ("", "\\Seen word", "other word"):
            client.ok(b"APPEND %s (%s) {%d+}\r\n%s" % (name.encode(), flags.encode(), len(MESSAGE), MESSAGE))
        client.ok(f"SELECT {name}")
        client.ok("STORE 1 +FLAGS (\\Deleted)")
        client.ok("EXPUNGE")
        client.ok("UNSELECT")


def killed_at(step, main, separator):
    """Whether the process was killed at that call of RENAME; everything is there under one of its names."""
    mail = ImapInstance(main)
    client = Client(mail)
    fill(client, separator)
    before = {part: state(client, "A" + part) for part in ("", f"{separator}B")}
    pid = mail.mta.must_run("doveadm", "-f", "tab", "who", "-1", "bob").stdout.splitlines()[1].split("\t")[2]
    trace = mail.mta.root / "trace"
    killer = subprocess.Popen(["strace", "-f", "-p", pid, "-o", trace, "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=SIGKILL:when={step}"],
                              stderr=subprocess.PIPE)
    killer.stderr.readline()  # it is attached
    client.send(b"r RENAME A X\r\n")
    end = time.monotonic() + 20
    while killer.poll() is None and "r OK" not in client.buffer.decode("latin-1"):
        check(time.monotonic() < end, "no end")
        client.sock.settimeout(0.1)
        try:
            client.buffer += client.sock.recv(1000)
        except TimeoutError:
            pass
    killer.terminate()
    killer.wait()
    client.sock.close()
    client = Client(mail)
    there = names(client)
    for part, old in before.items():
        found = [name for name in ("A", "X") if name + part.replace("/", ".") in there]
        equal(len(found), 1, f"step {step}: {there}")
        equal(state(client, found[0] + part), old, f"step {step}: {found[0]}{part}")
    mail.stop()
    return "killed by SIGKILL" in trace.read_text()


def every_step(layout, separator):
    need_strace()
    main = f"imap_mail_location = maildir:~/Maildir:CONTROL=~/control{layout}\nimap_hierarchy_separator = {separator}\n"
    steps = next(step for step in range(1, MOST) if not killed_at(step, main, separator))
    check(steps > 4, f"{steps} steps: too few to mean anything")


def test_one_directory_for_each():
    every_step("", ".")


def test_directories_within_each_other():
    every_step(":LAYOUT=fs", "/")
