"""Two machines on one mailbox of a file system on which the kernel's locks hold in one machine only: here both are instances of
one machine, and flock(2) is made to say yes to everybody."""
import os
import pathlib
import re
import struct
import threading

from support import check, equal
from support.c_programs import compiled
from support.imap import PASSWORD
from support.machines import Machine, Talk

HEADER, RECORD = 72, struct.Struct("=QIIII")


def without_locks(main):
    library = compiled("no_locks", "-shared", "-fPIC")
    return Machine(f"import_environment = MAIL_CONFIG TZ LANG=C LD_PRELOAD={library}\n" + main)


def pair(main):
    one, two = without_locks(main), without_locks(main)
    one.users(bob=None)
    uid, gid = two.mta.vmail_ids()
    (two.mta.conf / "users").write_text(f"bob:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{one.home('bob')}::\n")
    return one, two


def store(machine, messages, rounds, failed, given):
    """`given`: the numbers that this machine has given to changes of its own."""
    try:
        with Talk(machine.address) as talk:
            check(talk(f"LOGIN bob {PASSWORD}").startswith("OK"), "login")
            check(talk("SELECT INBOX (CONDSTORE)").startswith("OK"), "select")
            for i in range(rounds):
                for message in messages:
                    check(talk(f"STORE {message} {'+-'[i % 2]}FLAGS (\\Flagged)").startswith("OK"), "store")
                    own = [line for line in talk.lines if line.startswith(f"* {message} FETCH")]
                    given.append(int(re.search(r"MODSEQ \((\d+)\)", own[-1])[1]))
    except BaseException as error:
        failed.append(error)


def journal(machine):
    """The modification sequences in the journal."""
    data = pathlib.Path(machine.maildir("bob") / "relais.changes").read_bytes()[HEADER:]
    check(len(data) % RECORD.size == 0, "a torn record")
    return [RECORD.unpack_from(data, at)[0] for at in range(0, len(data), RECORD.size)]


def test_numbers_of_changes_from_two_machines():
    one, two = pair("mail_nfs_storage = yes\n")
    for i in range(20):
        one.deliver("bob", b"Subject: x\n\nx\n", name=f"{1000 + i}.M{i}.h")
    failed, given = [], ([], [])
    store(one, [1], 1, failed, [])
    threads = [threading.Thread(target=store, args=(machine, messages, 30, failed, numbers))
               for machine, messages, numbers in ((one, range(1, 11), given[0]), (two, range(11, 21), given[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failed, [], "sessions")
    equal(len(given[0]) + len(given[1]), 600, "changes")
    equal(sorted(set(given[0]) & set(given[1])), [], "numbers that both have given")
    found = journal(one)
    check(set(given[0]) | set(given[1]) <= set(found), "all are in the journal")
    equal(found, sorted(found), "in order")
    check(not (one.maildir("bob") / "relais.changes.lock").exists(), "the lock is gone")
    one.stop()
    two.stop()


# Who holds the lock on another machine is waited for, and not for ever.
def test_lock_of_another_machine():
    one = without_locks("mail_nfs_storage = yes\n")
    one.users(bob=None)
    one.deliver("bob", b"Subject: x\n\nx\n")
    with Talk(one.address) as talk:
        talk(f"LOGIN bob {PASSWORD}")
        talk("SELECT INBOX (CONDSTORE)")
        lock = one.maildir("bob") / "relais.changes.lock"
        lock.write_text("1:elsewhere.test")
        os.chown(lock, *one.mta.vmail_ids())
        timer = threading.Timer(0.5, lock.unlink)
        timer.start()
        check(talk("STORE 1 +FLAGS (\\Flagged)").startswith("OK"), "store")
        check(not timer.is_alive(), "it did not wait")
        lock.write_text("1:elsewhere.test")
        check(talk("STORE 1 -FLAGS (\\Flagged)").startswith("OK"), "store")
        check(lock.exists(), "somebody else's lock is not removed")
        one.wait_log("relais.changes.lock is held by another process")
    one.stop()
