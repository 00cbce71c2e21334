"""qmgr under bad conditions: whatever happens, a message that was accepted is tried again."""
import os
import shutil
import signal
import time

from support import BUILD, Skip, bound, check, equal, need_suite
from support.instance import Instance
from support.queuefile import Cleanup

HOLD, MAP = 4, 32
AT_ONCE = 4  # messages that a queue manager with few files is given
TEXT = "Subject: queue\n\nhello\n"


def wait_until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not in {seconds} s: {what}")
        time.sleep(0.05)


def test_all_recipients_of_a_transport_that_is_not_there_are_deferred():
    """The first connection that fails stops the transport while the other recipients are still on their way to it."""
    need_suite()
    mta = Instance("ours", main="transport_maps = inline:{one.test=gone: two.test=gone:}\ngone_destination_recipient_limit = 2\n"
                              "relay_domains = one.test, two.test\nminimal_backoff_time = 1s\n").start()
    to = [f"user{n}@{domain}" for domain in ("one.test", "two.test") for n in range(5)]
    mta.mail("carol@remote.test", to, TEXT)
    mta.settle()
    deferred = [line for line in mta.log() if "status=deferred (mail transport unavailable)" in line.text]
    equal(len(deferred), len(to), "recipients deferred")
    equal(len(mta.queue_files("deferred")), 1, "messages deferred")
    mta.destroy()


@bound(90)
def test_messages_that_cannot_be_opened_for_now_are_tried_again():
    need_suite()
    mta = Instance("ours")
    path = mta.conf / "master.cf"  # files stay open while trivial-rewrite is asked, which has settings of its own here
    path.write_text(path.read_text().replace("trivial-rewrite", "trivial-rewrite -o swap_bangpath=no"))
    (mta.daemons / "qmgr").unlink()
    (mta.daemons / "qmgr").write_text(f'#!/bin/sh\nulimit -n 20\nexec {BUILD}/bin/qmgr "$@"\n')
    (mta.daemons / "qmgr").chmod(0o755)
    mta.start()
    mta.mail("carol@remote.test", "u1@virt.test", TEXT)
    mta.settle()
    (pid,) = mta.processes("qmgr")
    os.kill(pid, signal.SIGSTOP)
    with mta.smtp(client=100) as session:
        for number in range(25):
            equal(session.mail("carol@remote.test", [f"u1+{number}@virt.test"], TEXT).code, "250", "mail")
    os.kill(pid, signal.SIGCONT)
    mta.wait_log(r"open active/\S+: Too many open files")
    wait_until(lambda: not mta.queue_files("incoming", "active"), "no message is left behind")
    while mta.queue_files():  # one round after another: all at once, they want more files than there are, again and again
        for name in sorted(path.name for path in mta.queue_files("deferred"))[:AT_ONCE]:
            mta.must_run("postqueue", "-i", name, record=False)
        wait_until(lambda: not mta.queue_files("incoming", "active"), "a round is done")
    equal(len(mta.virtual("u1")), 26, "messages delivered")
    mta.destroy()


@bound(90)
def test_messages_that_cannot_be_moved_are_moved_later():
    need_suite()
    mta = Instance("ours", main="transport_maps = inline:{one.test=gone:}\nrelay_domains = one.test\n").start()
    if not mta.room.private:
        raise Skip("needs accounts")
    os.chown(mta.queue / "deferred", 0, 0)
    mta.mail("carol@remote.test", "x@one.test", TEXT)
    mta.wait_log("rename active/")
    os.chown(mta.queue / "deferred", mta.queue.joinpath("active").stat().st_uid, -1)
    wait_until(lambda: mta.queue_files("deferred"), "the message is deferred")
    mta.check_sane()
    mta.destroy()


@bound(60)
def test_a_success_notification_that_fails_is_sent_later():
    need_suite()
    mta = Instance("ours").start()
    with mta.smtp(client=100) as session:
        equal(session.mail("alice@example.test", ["u1@virt.test"], TEXT).code, "250", "mail")
        mta.settle()
        (pid,) = mta.processes("qmgr")
        os.kill(pid, signal.SIGSTOP)
        session.talk("MAIL FROM:<alice@example.test>", "RCPT TO:<u1@virt.test> NOTIFY=SUCCESS")
        equal(session.data(TEXT).code, "250", "mail")
    (mta.queue / "public/cleanup").rename(mta.queue / "public/away")
    os.kill(pid, signal.SIGCONT)
    mta.wait_log("status=sent", count=2)
    wait_until(lambda: not mta.queue_files("incoming", "active"), "it is looked after")
    (mta.queue / "public/away").rename(mta.queue / "public/cleanup")
    mta.must_run("postqueue", "-f")
    mta.wait_log(r"sender delivery status notification: \w+$")
    mta.settle()
    equal(len(mta.virtual("u1")), 2, "messages delivered")
    equal(len(mta.local_mail("alice")), 1, "notifications")
    mta.destroy()


@bound(60)
def test_a_bounce_log_that_cannot_be_read_is_not_the_end_of_the_bounce():
    need_suite()
    mta = Instance("ours").start()
    if not mta.room.private:
        raise Skip("needs accounts")
    session = Cleanup(mta, HOLD | MAP)
    session.send(("T", str(int(time.time()))), ("S", "alice@example.test"), ("R", "u1@virt.test"), ("M", ""),
                 *(("N", line) for line in ("Received: x", "", "body")), ("X", ""), ("E", ""))
    equal(session.finish()[0], 0, "cleanup's answer")
    log = mta.queue / "bounce" / session.id
    log.mkdir()  # it can be opened, but not be read
    shutil.chown(log, mta.owner)
    mta.must_run("postsuper", "-H", session.id)
    mta.must_run("postqueue", "-f")
    mta.wait_log(f"{session.id}: sender non-delivery notification: .*Is a directory")
    wait_until(lambda: not mta.queue_files("incoming", "active"), "it is looked after")
    log.rmdir()
    log.write_text("\nrecipient=gone@far.test\nstatus=5.1.1\naction=failed\nreason=nobody of that name\n\n")
    log.chmod(0o600)
    mta.must_run("postqueue", "-f")
    mta.wait_log(f"open bounce {session.id}: ")
    wait_until(lambda: not mta.queue_files("incoming", "active"), "it is looked after")
    shutil.chown(log, mta.owner)
    mta.must_run("postqueue", "-f")
    mta.wait_log(r"sender non-delivery notification: \w+$")
    mta.settle()
    (bounce,) = mta.local_mail("alice")
    check(b"<gone@far.test>: nobody of that name" in bounce, "the notification says what happened")
    equal(len(mta.virtual("u1")), 1, "messages delivered")
    mta.destroy()
