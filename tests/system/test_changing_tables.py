"""Tables that change while others read them: daemons follow, readers see the old or the new table, whole, and
a build that is killed leaves the old one.  Debian's postmap takes part, which rewrites files in place."""
import os
import random
import signal
import subprocess
import threading
import time

from support import Skip, bound, check, equal, need_program, oracle, table_types
from support.instance import Instance

TYPES = table_types.BUILT
SUFFIX = {"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb"}


class Place:
    """A directory with a table, and both postmaps."""

    def __init__(self, mta, name):
        self.mta, self.folder = mta, mta.root / name
        self.folder.mkdir()

    def write(self, entries):
        (self.folder / "m.new").write_text(entries)
        past = time.time() - 10
        os.utime(self.folder / "m.new", (past, past))
        os.rename(self.folder / "m.new", self.folder / "m")

    def command(self, program, *arguments):
        return {"args": ["postmap", *arguments], "executable": program, "cwd": self.folder, "env": self.mta.environment()}

    def run(self, program, *arguments, input=""):
        done = subprocess.run(**self.command(program, *arguments), input=input, capture_output=True, text=True, timeout=50)
        return done.returncode, done.stdout, done.stderr


def instance(main="", master=""):
    need_program("postmap")
    mta = Instance("ours", main=main, master=master)
    table_types.offer(mta, {})
    return mta


def postmaps(mta):
    """Ours, and Debian's where it can be had and finds its libraries and plug-ins."""
    if not mta.room.private:
        return [mta.commands / "postmap"]
    try:
        return [mta.commands / "postmap", oracle.command("postmap")]
    except Skip:
        return [mta.commands / "postmap"]


KEYS = [f"key{number}" for number in range(3000)]
ASKED = "\n".join(KEYS[::50]) + "\n"


def table_of(value):
    return "".join(f"{key} {value}\n" for key in KEYS)


def build_until(stop, place, kind, writer):
    """Rebuilds the table over and over, with all values other than before."""
    for number in range(1_000_000):
        if stop.is_set():
            break
        place.write(table_of(f"value{number % 7}"))
        place.run(writer, f"{kind}:m")


@bound(120)
def test_readers_during_rebuilds():
    """Each key is there in every lookup, with ours on either side.  One process may meet two tables: a file
    is opened anew between lookups."""
    mta = instance()
    programs = postmaps(mta)
    wrong = []

    def watch(kind, writer, reader):
        place = Place(mta, f"{kind}-{programs.index(writer)}-{programs.index(reader)}")
        place.write(table_of("value0"))
        place.run(writer, f"{kind}:m")
        stop = threading.Event()
        builder = threading.Thread(target=build_until, args=(stop, place, kind, writer))
        builder.start()
        end, rounds = time.monotonic() + 4, 0
        while time.monotonic() < end:
            status, out, err = place.run(reader, "-q", "-", f"{kind}:m", input=ASKED)
            err = "".join(line for line in err.splitlines() if "is older than" not in line)
            rounds += 1
            if status or err or out.count("\n") != len(KEYS[::50]):
                wrong.append(f"{kind}, {writer} writes, {reader} reads: status {status}, {out.count(chr(10))} lines, {err[:300]}")
                break
        stop.set()
        builder.join()
        if not rounds:
            wrong.append(f"{kind}, {writer} writes, {reader} reads: no round in time")

    jobs = [(kind, writer, reader) for kind in TYPES for writer in programs for reader in programs if programs[0] in (writer, reader)]
    threads = [threading.Thread(target=watch, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not wrong, "\n".join(wrong))


@bound(120)
def test_a_killed_build_leaves_the_old_table():
    mta = instance()
    chance = random.Random(4)
    large = "".join(f"new{number} value\n" for number in range(150000))
    for kind in TYPES:
        place, killed = Place(mta, kind), 0
        for attempt in range(12):
            place.write("old yes\n")
            if not attempt or not builder.returncode:
                equal(place.run(mta.commands / "postmap", f"{kind}:m")[0], 0, "a build")
            place.write(large)
            builder = subprocess.Popen(**place.command(mta.commands / "postmap", f"{kind}:m"))
            time.sleep(chance.random() * 0.05)
            builder.send_signal(signal.SIGKILL)
            if builder.wait():  # else it was faster
                killed += 1
                old, new = (place.run(mta.commands / "postmap", "-q", key, f"{kind}:m")[1] for key in ("old", "new149999"))
                # The kill may come when the new table is in place and the program about to end.
                check((old, new) in (("yes\n", ""), ("", "value\n")), f"{kind} after {killed} kills: {old!r}, {new!r}")
        check(killed, f"{kind}: no build was killed")
        equal(place.run(mta.commands / "postmap", f"{kind}:m")[0], 0, "a whole build")
        equal(place.run(mta.commands / "postmap", "-q", "-", f"{kind}:m", input="old\nnew149999\n")[1], "new149999\tvalue\n", kind)
        left = sorted(path.name for path in place.folder.iterdir())
        equal(left, ["m", f"m{SUFFIX[kind]}"], "files in the end")


MAPS = "virtual_alias_domains = alias.test\nvirtual_alias_maps = " + " ".join(f"{kind}:@CONF@/{kind}" for kind in TYPES) + """
relay_domains = texthash:@CONF@/relayed
relay_transport = discard
notify_classes =
"""


def rcpt(mta, *recipients):
    """The codes of the replies in a session of its own."""
    with mta.smtp(client=130) as s:
        replies = s.talk("EHLO c.test", "MAIL FROM:<a@b.test>", *(f"RCPT TO:<{recipient}>" for recipient in recipients))
        s.command("QUIT")
    return [reply.code for reply in replies[2:]]


def build(mta, program, kind, entries):
    mta._write_old(kind, entries)
    done = subprocess.run(["postmap", f"{kind}:{kind}"], executable=program, cwd=mta.conf, env=mta.environment(), capture_output=True,
                          text=True, timeout=30)
    equal(done.returncode, 0, done.stderr)


def follow_changes(mta):
    for kind in TYPES:
        build(mta, mta.commands / "postmap", kind, f"{kind}@alias.test u1@virt.test\n")
    mta._write_old("relayed", "one.test yes\n")
    mta.start()
    equal(rcpt(mta, *(f"{kind}@alias.test" for kind in TYPES), "none@alias.test"), ["250"] * len(TYPES) + ["550"], "at first")
    for number, program in enumerate(postmaps(mta)):
        for kind in TYPES:
            build(mta, program, kind, f"{kind}{number}@alias.test u2@virt.test\n")
            equal(rcpt(mta, f"{kind}{number}@alias.test", f"{kind}@alias.test"), ["250", "550"], f"{kind} built anew by {program}")
            mta.mail("a@b.test", [f"{kind}{number}@alias.test"])
    mta.settle()
    equal(len(mta.virtual("u2")), len(TYPES) * len(postmaps(mta)), "messages by the new tables")
    for kind in ("hash", "btree", "lmdb"):
        subprocess.run(["postmap", "-i", f"{kind}:{kind}"], executable=mta.commands / "postmap", cwd=mta.conf, env=mta.environment(),
                       input=f"{kind}-more@alias.test u1@virt.test\n", text=True, check=True, timeout=30)
        equal(rcpt(mta, f"{kind}-more@alias.test"), ["250"], f"{kind} with an entry more")
    check("fatal" not in mta.log_text(), mta.log_text())


@bound(90)
def test_daemons_follow_changes():
    follow_changes(instance(MAPS))


@bound(90)
def test_daemons_in_a_jail_follow_changes():
    """Tables are opened before the jail; a process that cannot open a new one makes room for another."""
    mta = instance(MAPS)
    mta.room.require_private("a jail")
    path = mta.conf / "master.cf"
    lines = [line.replace(" - n - - smtpd", " - y - - smtpd").replace("n - n - 0 cleanup", "n - y - 0 cleanup")
             .replace("unix - - n - - trivial-rewrite", "unix - - y - - trivial-rewrite") for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    check(path.read_text().count(" y ") >= 3, path.read_text())
    follow_changes(mta)
