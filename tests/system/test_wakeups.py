"""How the kernel schedules the daemons of the mail path: they let the one that woke them go on (SCHED_BATCH).  The commands that they
start, master, and what an administrator has arranged otherwise are left alone."""
import os
import pwd

from support import equal, need_suite
from support.instance import Instance
from support.room import room

COMMAND = "noted unix - n n - - pipe user={} argv=/bin/sh -c {{cut -d' ' -f41 /proc/$$$$/stat > @ROOT@/policy}}\n"


def policies(mta):
    return {name: os.sched_getscheduler(pid) for pid, name in mta.processes().items()}


def instance():
    need_suite()
    user = "nobody" if room().private else pwd.getpwuid(os.geteuid()).pw_name
    mta = Instance("ours", main="transport_maps = inline:{noted.test=noted:}\nrelay_domains = noted.test\n", master=COMMAND.format(user))
    mta.root.chmod(0o777)
    return mta


def policy_of_command(mta):
    mta.mail("carol@remote.test", ["u1@virt.test", "x@noted.test"], "Subject: x\n\nbody\n")
    mta.settle()
    return int((mta.root / "policy").read_text())


def test_daemons_let_each_other_finish():
    mta = instance().start()
    equal(policy_of_command(mta), os.SCHED_OTHER, "a command's")
    found = policies(mta)
    for name in ("smtpd", "cleanup", "qmgr", "virtual", "pipe", "postlogd"):
        equal(found.get(name), os.SCHED_BATCH, name)
    equal(found["master"], os.SCHED_OTHER, "master")
    mta.destroy()


def test_what_the_administrator_arranged_stays():
    """Who starts the mail system with a policy of its own has its commands inherit it."""
    mta = instance()
    before = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        mta.start()
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))
    equal(policy_of_command(mta), os.SCHED_BATCH, "a command's")
    mta.destroy()
