"""The power fails at some instant: whatever of the changes until then is on disk, each message that was acknowledged is there.  The changes of a
run are noted (faults.c) and then played again, instant by instant, under two models of file systems (power_loss.py)."""
import re
import subprocess

from support import bound, check, count_cases, equal, need_suite
from support.carry import MAIN
from support.faults import Faults
from support.imap_client import Client, literal
from support.instance import Instance
from support.lmtp_pair import LmtpInstance
from support.power_loss import check_run
from support.room import room

MESSAGES = 12
BOXES = ("u1@virt.test", "u2@virt.test", "box@virt.test", "alice@example.test", "bob@example.test", "nosuch@virt.test")
STRICT = "durability = strict\n"


def marker(number):
    return b"marker-%06d-end" % number


def queued(replay, note):
    """By "queued as ID": the file of that name holds it; or by its marker."""
    if note[5].startswith(b"submitted "):
        return [note[5].partition(b" ")[2]]
    found = re.search(rb"Ok: queued as (\w+)", note[5])
    name = "/" + found[1].decode() if found else None
    return [marker for marker, files in replay.holders.items() if name and any(
        change.new.endswith(name) for change in replay.changes if change.file in files)]


def mail_in_every_direction(main, prepare):
    """The notes of messages to mailboxes of each kind, one of them returned to its sender, one that waits."""
    need_suite()
    faults = Faults()
    mta = Instance("ours", main=MAIN + faults.main + "smtpd_reject_unlisted_recipient = no\nhash_queue_names = deferred, defer, incoming\n"
                   "virtual_mailbox_lock = fcntl\n" + main)
    prepare(mta)
    mta.table("transport", "later.test retry:4.0.9 later\n")
    mta.table("mailboxes", "u1@virt.test u1/\nu2@virt.test u2/\nbox@virt.test box\n")
    with faults.tracing([mta.queue, mta.vmail, mta.spool]) as trace:
        mta.start()
        for number in range(MESSAGES):
            mta.mail("alice@example.test", [BOXES[number % len(BOXES)]], f"Subject: power\n\n{marker(number).decode()}\n")
        mta.mail("alice@example.test", ["x@later.test"], f"Subject: power\n\n{marker(MESSAGES).decode()}\n")
        for number in (MESSAGES + 1, MESSAGES + 2):
            submit(mta, faults, marker(number))
        mta.settle()
        mta.stop()
    return mta, trace


def submit(mta, faults, name):
    """By sendmail, as somebody who may write into maildrop, but not read it; a postdrop with rights of its own would run without the library."""
    (mta.commands / "postdrop").chmod(0o755)
    who = {"user": "alice", "group": "postdrop", "extra_groups": []} if room().private else {}
    done = subprocess.run([mta.commands / "sendmail", "-f", "alice@example.test", "u2@virt.test"], input=b"Subject: power\n\n" + name + b"\n",
                          env={**mta.environment(), **faults.environment}, capture_output=True, **who)
    equal((done.returncode, done.stderr), (0, b""), "sendmail")
    faults.say(b"submitted " + name)


def check_mail(model, main="", prepare=lambda mta: None, roots=lambda mta: ()):
    mta, trace = mail_in_every_direction(main, prepare)
    replay = check_run(trace, model, queued, roots(mta))
    check(replay.states > 20 * MESSAGES, f"{replay.states} states")
    count_cases(replay.states)
    mta.destroy()
    return replay


@bound(120)
def test_mail_under_the_journalling_model():
    check_mail("journal")


@bound(120)
def test_mail_where_mailboxes_have_a_file_system_of_their_own():
    room().require_private("a file system of its own")

    def mount(mta):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=777", "none", mta.vmail], check=True)
        mta.room.defer(lambda: subprocess.run(["umount", "-l", mta.vmail]))

    check_mail("journal", prepare=mount, roots=lambda mta: [mta.vmail])


@bound(120)
def test_mail_under_the_strict_model():
    """And what that costs: so many syncs more."""
    strict, usual = check_mail("strict", STRICT), check_mail("journal")
    print(f"{usual.syncs} syncs, {strict.syncs} where directories are synced as well")
    check(usual.syncs < strict.syncs <= 4 * usual.syncs, f"{usual.syncs} syncs, {strict.syncs} when strict")


@bound(120)
def test_mail_may_be_lost_where_only_the_journal_is_relied_on():
    """Proves the test, and that the parameter does something."""
    try:
        check_mail("strict")
    except AssertionError as lost:
        check("may be lost" in str(lost), str(lost))
        return
    check(False, "nothing is lost under the strict model without durability = strict")


def mailboxes(main):
    """The notes of deliveries by LMTP, and of APPEND, COPY and MOVE."""
    faults = Faults()
    mail = LmtpInstance(faults.main + main)
    with faults.tracing([mail.mta.vmail]) as trace:
        for number in range(0, MESSAGES, 2):
            with mail.session(inet=True) as session:
                (reply,) = session.deliver("u1@virt.test", f"Subject: power\r\n\r\n{marker(number).decode()}\r\n")
                check(reply.startswith("250"), reply)
            client = Client(mail, "u1@virt.test")
            client.ok(b"APPEND INBOX " + literal(b"Subject: power\r\n\r\n" + marker(number + 1) + b"\r\n"))
            if number == 0:
                client.ok("CREATE other")
            client.ok("SELECT INBOX")
            client.ok(r"STORE 1 +FLAGS (\Seen)")
            client.ok("COPY 1 other")
            client.ok("MOVE 1 other")
    mail.stop()
    return trace


def stored(replay, note):
    """The messages come one after the other, from 0 on."""
    if b" OK [APPENDUID " in note[5] or b" Saved" in note[5]:
        replay.stored = getattr(replay, "stored", -1) + 1
        return [marker(replay.stored)]
    return []


@bound(120)
def test_mailboxes():
    for model, main in (("journal", ""), ("strict", STRICT)):
        replay = check_run(mailboxes(main), model, stored)
        equal(replay.stored, MESSAGES - 1, "the last message that was answered for")
        print(f"{model}: {replay.states} states, {replay.syncs} syncs")
