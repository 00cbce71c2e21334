"""qshape: domains and ages of what is in the queue, against the original in Perl."""
import os
import shutil
import time

from support import check, equal
from support.compare import scenario
from support.queuefile import record, records


def message(recipients, sender="a@sender.test", age=0, done=(), extracted=()):
    listed = [("D" if address in done else "R", address) for address in recipients]
    middle = records(("T", f"{time.time() - age:.0f} 1"), ("A", "rewrite_context=local"), ("S", sender), *listed, ("M", ""))
    head = record("C", "%15d %15d %15d %15d %15d %15d" % (3, 97 + len(middle), len(recipients), 0, 3, 0))
    return head + middle + records(("N", "x"), ("X", ""), *[("R", address) for address in extracted], ("E", ""))


class Queue:
    """A queue that nobody delivers, and a configuration that has it."""

    def __init__(self, mta):
        self.folder, self.conf, self.number = mta.root / "q2", mta.root / "etc2", 0
        for path in (self.folder, self.conf):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        for name in ("incoming", "active", "corrupt"):
            (self.folder / name).mkdir(mode=0o700)
        main = (mta.conf / "main.cf").read_text().replace(str(mta.queue), str(self.folder))
        (self.conf / "main.cf").write_text(main)
        mta.environment = lambda: {**type(mta).environment(mta), "MAIL_CONFIG": str(self.conf)}

    def put(self, folder, recipients=("b@one.test",), name=None, mode=0o700, data=None, **options):
        self.number += 1
        path = self.folder / folder / (name or "%05X12345" % self.number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(message(recipients, **options) if data is None else data)
        path.chmod(mode)
        return path


def show(mta, *arguments, user=None):
    """Rows with equal counts and lengths come in any order there."""
    output = mta.run("qshape", *arguments, record=False, user=user)
    head, *rows = output.stdout.splitlines()[:2] + sorted(output.stdout.splitlines()[2:])
    mta.note("qshape " + " ".join(map(str, arguments)).replace(str(mta.root), "ROOT"),
             "\n".join([str(output.status), head, *rows]))
    return output


@scenario(log=False)
def ages_and_domains(mta):
    queue = Queue(mta)
    queue.put("active", ("a@one.test", "b@ONE.test", "c@two.test"), age=10)
    queue.put("active", ("a@a.sub.one.test", "a@b.sub.one.test"), age=402)
    queue.put("incoming", ("x@One.Test", "noat"), sender="", age=4000)
    queue.put("incoming", ("x@c.test",), sender="MAILER-DAEMON", age=400000)
    queue.put("incoming", ("x@" + "verylongdomainname" * 5 + ".test", "y@" + "longer" * 8 + ".test"), age=20)
    queue.put("incoming", ("x@done.test", "y@notdone.test"), done=("x@done.test",))
    queue.put("incoming", ("f@future.test",), age=-5000)
    queue.put("incoming", ('"a@b"@quoted.test', "u@[1.2.3.4]", "h@x@twoat.test", "@emptylocal.test", "p%q@", ""))
    # No age is within 40 seconds below a column's limit: a slow run must not move it into the next.
    for number, age in enumerate((20, 130, 200, 310, 400, 500)):
        queue.put(f"deferred/{number:X}", (f"x@h{number}.big.test",), age=age, sender=f"s@send{number % 2}.test")
        queue.put(f"hold/{number:X}/A", (f"x@h{number}.deep.test",), age=age)
    for arguments in ([], ["-s"], ["-p"], ["-p", "-m", "1"], ["-p", "-m", "2", "deferred"], ["deferred"], ["-s", "deferred"],
                      ["-l"], ["-b", "3"], ["-t", "1"], ["-b", "20"], ["-b", "1"], ["-b", "0"], ["-b", "x"], ["-t", "0"],
                      ["-n", "2"], ["-N", "1"], ["-w", "120"], ["-w", "40"], ["-w", "0"], ["-l", "-b", "5", "-t", "60"],
                      ["hold"], ["hold", "deferred"], [queue.folder / "deferred"], ["deferred/"], ["../q2/active"],
                      ["-c", queue.conf, "deferred"], ["-t", "1.5"], ["-spl"], ["-b5", "-t10"], ["-sb3"], ["--", "deferred"],
                      ["active", "active"], ["corrupt"], ["nosuchqueue"], ["-t", "-5"], ["-b", "-3"], ["-m", "x", "-p"]):
        show(mta, *arguments)


@scenario(log=False)
def parent_domains(mta):
    queue = Queue(mta)
    for domain in ("a.x.big.test", "b.x.big.test", "c.big.test", "big.test", "x.big.test", "q.other.test", "z.q.other.test",
                   "w.w.w.deep.test", "test", ".lead.dot.test", "trail.dot.test.", "a..b.test"):
        queue.put("active", (f"u@{domain}", f"v@{domain}"))
    for least in range(1, 7):
        show(mta, "-p", "-m", least)
    show(mta, "-p", "-s")


@scenario(log=False)
def wide_numbers(mta):
    queue = Queue(mta)
    for number in range(40):
        queue.put("deferred", [f"{n}@d{(number * 7 + n) % 60}.test" for n in range(300)], age=number * 300 + 5)
    queue.put("deferred", [f"{n}@e{n % 7}.test" for n in range(1300)], age=70)
    show(mta, "deferred")
    show(mta, "-b", "4", "deferred")


@scenario(log=False)
def what_is_no_message(mta):
    """Files that are not complete, names that are no queue ids, and what is damaged."""
    queue = Queue(mta)
    queue.put("hold", ("x@unfinished.test",), mode=0o600)
    queue.put("hold", ("x@corrupt.test",), mode=0o400)
    for name in ("abc", "abcde", "abcdef", "ABCDEFG", "3XyZbc1z2dzQrS", "a b c d e f", "abc.def.ghi"):
        queue.put("hold", (f"x@{name.replace(' ', '_')}.test",), name=name)
    whole = message(("t@torn.test",))
    at = whole.index(b"t@torn.test")
    queue.put("hold", data=whole[:at + 4])
    queue.put("hold", data=b"")
    os.symlink(queue.put("deferred", ("x@linked.test",)), queue.folder / "hold/AAAAAAAA1")
    os.mkfifo(queue.folder / "hold/AAAAAAAA2", 0o700)
    show(mta, "hold")


@scenario(log=False)
def ordinary_user(mta):
    Queue(mta).put("active", ("a@one.test",))
    show(mta, user="alice")


@scenario(log=False)
def usage(mta):
    for arguments in (["-z"], ["-h"], ["-c", "/nonexistent"]):
        output = mta.run("qshape", *arguments, record=False)
        mta.note(" ".join(arguments), f"{output.status} {output.stdout}")


@scenario(main="defer_transports = smtp relay local virtual", log=False)
def messages_of_the_mail_system(mta):
    """Recipients from headers stand behind the content, and postdrop's files have another first record."""
    mta.sendmail("-t", input="To: u1@virt.test, x@far.test\nBcc: y@hidden.test\n\nhello\n")
    mta.mail("a@b.test", ["u1@virt.test", "u2@virt.test", "alice@example.test"])
    mta.settle()
    check(len(mta.queue_files("deferred")) == 2, mta.queue_files())
    show(mta, "deferred")
    show(mta, "-s", "deferred")


@scenario(main="pickup_service_name = nobody", log=False)
def submitted_messages(mta):
    mta.sendmail("-f", "carol@example.test", "u1@virt.test", "u2@virt.test", input="Subject: x\n\nhello\n")
    show(mta, "maildrop")
    for path in mta.queue_files("maildrop"):
        path.unlink()
