"""Parameters for those who look for trouble, and an old one: fault_injection_code, dont_remove, sun_mailtool_compatibility."""
import fcntl
import re
import shutil
import socket

from support import check
from support.compare import scenario

ALICE = "alice@example.test"
TEXT = "Subject: x\n\nHello\n"
OLD = "sun_mailtool_compatibility = yes\nhome_mailbox =\nmail_spool_directory = @ROOT@/mail\n"


def note_queue(mta):
    for name in ("incoming", "active", "deferred", "corrupt", "saved"):
        mta.note(name, len(mta.queue_files(name)))


@scenario(main="fault_injection_code = 1\n")
def content_that_is_called_damaged(mta):
    with mta.smtp() as session:
        session.mail("carol@remote.test", ALICE, TEXT)
    mta.settle()
    note_queue(mta)


@scenario(main="dont_remove = 1\n")
def finished_files_are_kept(mta):
    with mta.smtp() as session:
        session.mail("carol@remote.test", ALICE, TEXT)
        session.mail("carol@remote.test", ["nobody@example.test"], TEXT)
    mta.settle()
    note_queue(mta)
    for path in mta.queue_files("saved"):
        mta.note("content", mta.run("postcat", "-b", path, record=False))
        path.unlink()


@scenario(main=OLD + "mailbox_delivery_lock = fcntl, dotlock\ndeliver_lock_attempts = 1\ndeliver_lock_delay = 1s\n")
def mailboxes_are_locked_by_lock_files_only(mta):
    with open(mta.spool / "alice", "a+") as mailbox:
        shutil.chown(mta.spool / "alice", "alice")
        fcntl.lockf(mailbox, fcntl.LOCK_EX)  # would keep fcntl waiting
        with mta.smtp() as session:
            session.mail("carol@remote.test", ALICE, TEXT)
        mta.wait_log("status=sent")
    (mta.spool / "alice.lock").touch()
    with mta.smtp() as session:
        session.mail("carol@remote.test", ALICE, TEXT)
    mta.wait_log("status=deferred")
    (mta.spool / "alice.lock").unlink()


@scenario(main=OLD + "mailbox_delivery_lock = fcntl\n")
def nothing_is_left_to_lock_with(mta):
    with mta.smtp() as session:
        session.mail("carol@remote.test", ALICE, TEXT)
    mta.wait_log("no applicable")
    said = [line.text for line in mta.log() if line.text.startswith("fatal")]
    mta.must_run("postsuper", "-d", "ALL", record=False)
    mta.settle()
    mta.mark()  # a daemon that ends in this way is what is wanted
    mta.note("said", said)


SEEN = re.compile(r"[<>] |generic_checks: |>>> ")


def note_words(mta, order=list):
    """What is said of conversations; the rest of Postfix's words is about Postfix."""
    mta.settle()
    mta.note("words", "\n".join(order(line.text for line in mta.log() if SEEN.match(line.text))))


def conversation(mta, client):
    with mta.smtp(client=client) as session:
        session.talk("EHLO a.test", "MAIL FROM:<carol@remote.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<alice@example.test>", "foo\x01bar")
        session.data(TEXT)
        session.talk("QUIT")


@scenario(main="debug_peer_list = @NET@.100, 10.0.0.0/8\nsmtpd_client_restrictions = permit_mynetworks, check_client_access inline:{{@NET@.100=OK}}\n"
               "smtpd_recipient_restrictions = check_recipient_access inline:{{example.test=DUNNO}}, warn_if_reject reject_unknown_sender_domain\n",
          log=False)
def conversations_with_some_are_logged(mta):
    conversation(mta, 101)
    conversation(mta, 100)
    note_words(mta)


@scenario(main="debug_peer_list = kept.test\nsmtp_tcp_port = 2525\n", log=False, transcripts=False)
def conversations_with_servers_are_logged(mta):
    for name, host in (("kept", 31), ("other", 32)):
        mta.room.dns.add_host(f"mx.{name}.test", mta.room.address(host))
        mta.room.dns.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
    for name, host in (("kept", 31), ("other", 32)):
        with mta.sink(host):
            mta.mail("alice@example.test", f"x@{name}.test", TEXT)
            mta.settle()
    note_words(mta, sorted)  # Postfix says QUIT with the end of the content


@scenario(main="process_id_directory = pids\ndns_ncache_ttl_fix_enable = yes\n", master="dnsblog unix - - n - 0 dnsblog\n", log=False)
def settings_that_make_no_difference(mta):
    mta.note("pid", (mta.queue / "pid/master.pid").exists())
    mta.note("pids", (mta.queue / "pids").exists())
    mta.room.dns.add_soa("without.test", 900, 1200)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(mta.queue / "private/dnsblog"))
        asking.sendall(b"\0".join([b"rbl_domain", b"without.test", b"client_address", b"127.9.9.9", b"label", b"1", b"", b""]))
        reply = b""
        while not reply.endswith(b"\0\0"):
            reply += asking.recv(1000) or b"\0\0"
    check(reply.endswith(b"ttl\x00900\0\0"), f"how long nothing is listed is told: {reply}")
    mta.note("answer", reply)
