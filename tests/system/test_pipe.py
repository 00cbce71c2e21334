"""pipe(8) where it differs from Postfix's, and as an ordinary user's: many commands in one process, output without end, macros of later versions."""
import os
import pwd
import time

from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance
from support.room import room

ENTRIES = {
    "chatty": "argv=/usr/bin/yes", "chattyshell": "argv=/bin/sh -c {cat > /dev/null; yes no; exit 0}", "much": "argv=/bin/sh -c {cat > /dev/null; head -c 200000 /dev/zero; exit 0}",
    "hangs": "argv=/bin/sleep 60", "quick": "argv=/bin/true", "envid": "argv=/bin/sh -c {echo $$1 > @ROOT@/envid} - [${envid}]", "whoami": "argv=/bin/sh -c {id -un > @ROOT@/whoami}",
    "chrooted": "chroot=/ argv=/bin/true",
}


def started(main=""):
    need_program("pipe")
    kind, swap = mix_of(ours())
    need_program("smtpd")
    user = "nobody" if room().private else pwd.getpwuid(os.geteuid()).pw_name
    services = "".join(f"{name} unix - n n - - pipe user={user} {how}\n" for name, how in ENTRIES.items())
    routes = " ".join(f"{name}.test={name}:" for name in ENTRIES)
    mta = Instance(kind, swap, main=f"transport_maps = inline:{{{routes}}}\n" + main, master=services)
    mta.root.chmod(0o777)
    return mta.start(), user


def test_output_without_end():
    mta, _ = started("chatty_time_limit = 60s\nchattyshell_time_limit = 60s\n")
    began = time.monotonic()
    mta.mail("", "x@chatty.test", "Subject: big\n\n" + ("x" * 76 + "\n") * 4000)
    mta.mail("", "x@chattyshell.test")
    mta.mail("", "x@much.test")
    mta.wait_log(r"to=<x@chatty\.test>, .*dsn=5\.3\.0, status=bounced \(Command died with signal 13: \"/usr/bin/yes\"\. Command output: y y ")
    # The shell outlives its child, and says that all is well.
    mta.wait_log(r"to=<x@chattyshell\.test>, .*status=sent")
    mta.wait_log(r"to=<x@much\.test>, .*status=sent")
    mta.wait_log(r"pipe\[\d+\]: warning: command /usr/bin/yes: more than 1048576 bytes of output, which are not read")
    check(time.monotonic() - began < 30, "long before the time limit")
    mta.check_sane()


def test_one_that_hangs_holds_up_nobody():
    mta, _ = started("quick_destination_concurrency_limit = 50\nhangs_destination_concurrency_limit = 50\nhangs_time_limit = 3s\n")
    for number in range(6):
        mta.mail("", f"x{number}@hangs.test")
    for number in range(20):
        mta.mail("", f"x{number}@quick.test")
    mta.wait_log(r"@quick\.test>, .*status=sent", 20)
    check("hangs.test" not in "".join(line.text for line in mta.log() if "status=" in line.text), "the others go first")
    check(len(mta.processes("pipe")) <= 3, lambda: f"processes: {mta.processes('pipe')}")
    mta.wait_log(r"@hangs\.test>, .*dsn=5\.3\.0, status=bounced \(Command time limit exceeded: \"/bin/sleep\"\)", 6)
    mta.check_sane()


def test_who_runs_it_and_what_it_is_told():
    mta, user = started()
    with mta.smtp(client=100) as s:
        codes = [r.code for r in s.talk("EHLO c", "MAIL FROM:<a@b.test> ENVID=QQ+2B314", "RCPT TO:<x@envid.test>", "RCPT TO:<x@whoami.test>", "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT")]
    equal(codes, ["250", "250", "250", "250", "354", "250", "221"], "codes")
    mta.mail("", "x@chrooted.test")
    mta.wait_log(r"status=(sent|deferred)", 3)
    equal((mta.root / "envid").read_text(), "[QQ+314]\n", "ENVID")
    equal((mta.root / "whoami").read_text(), f"{user}\n", "user")
    if room().private:
        mta.wait_log(r"to=<x@chrooted\.test>, .*status=sent")
    else:  # only root may change the root
        mta.wait_log(r"to=<x@chrooted\.test>, .*dsn=4\.3\.0, status=deferred \(temporary failure\)")
        mta.wait_log(r"fatal: chroot\(/\): Operation not permitted")
