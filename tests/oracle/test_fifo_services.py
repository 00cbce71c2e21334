"""pickup and qmgr as FIFOs (as every master.cf before 2.11 has them), as sockets, and from one to the other."""
import os
import re
import stat

from support.compare import scenario

MAIL = "Subject: test\n\nbody\n"


def restart(mta, kind):
    """With both services of that kind, and without wake-ups that would hide a lost trigger."""
    mta.stop()
    path = mta.conf / "master.cf"
    path.write_text(re.sub(r"(?m)^(pickup|qmgr) \w+ n - n \d+", rf"\1 {kind} n - n 0", path.read_text()))
    mta.start()
    for name in ("pickup", "qmgr"):
        info = os.stat(mta.queue / "public" / name)
        mta.note(f"{kind}: {name}", f"{stat.filemode(info.st_mode)} {info.st_uid}")


def wake_everybody(mta):
    """Every program that wakes another one: what is lost here would wait for minutes."""
    def sent(pattern, more):
        before[pattern] = before.get(pattern, 0) + more
        mta.wait_log(pattern, before[pattern], seconds=15)

    before = {p: len(re.findall(p, mta.log_text())) for p in ("status=sent", "status=deferred", "to=<gone")}
    mta.sendmail("-f", "a@remote.test", "u1@virt.test", input=MAIL)               # postdrop, cleanup
    sent("status=sent", 1)
    mta.mail("b@remote.test", "u1@virt.test", MAIL)                               # cleanup, for smtpd
    sent("status=sent", 1)
    mta.sendmail("-f", "u2@virt.test", "gone@virt.test", input=MAIL)              # cleanup, for bounce
    sent("status=sent", 1)
    mta.sendmail("-f", "a@remote.test", "x@later.test", input=MAIL)
    sent("status=deferred", 1)
    mta.run("postqueue", "-f")
    sent("status=deferred", 1)


@scenario(main="default_transport = retry:4.0.0 later", log=False)
def fifo_services(mta):
    for kind in ("fifo", "unix", "fifo", "unix"):
        restart(mta, kind)
        wake_everybody(mta)
        mta.note("u1, u2", (len(mta.virtual("u1")), len(mta.virtual("u2"))))


fifo_services.seconds = 120


@scenario(log=False)
def nobody_to_wake(mta):
    """What stands where the services should be, and what commands say of it."""
    mta.stop()
    for name in ("pickup", "qmgr"):
        (mta.queue / "public" / name).unlink()
    mta.run("sendmail", "-f", "a@remote.test", "u1@virt.test", input=MAIL)
    mta.run("postqueue", "-f")
    for make in (lambda path: path.write_text("x"), os.mkfifo):
        for name in ("pickup", "qmgr"):
            path = mta.queue / "public" / name
            path.unlink(missing_ok=True)
            make(path)
        mta.run("sendmail", "-f", "a@remote.test", "u1@virt.test", input=MAIL)
        mta.run("postqueue", "-f")
    mta.start()
