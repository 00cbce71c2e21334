"""What arrives in mailboxes: Maildir and mbox, local and virtual, aliases and .forward."""
import socket

from support import check, equal
from support.compare import scenario

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: hello\n\nHello,\nworld\n"
MBOX = "mail_spool_directory = @ROOT@/mail"


def send(mta, recipient, text=TEXT, sender="carol@remote.test", count=1):
    mta.mail(sender, recipient, text)
    mta.settle()


@scenario
def virtual_maildir(mta):
    send(mta, "u1@virt.test")
    mta.note_mail("u1", mta.virtual("u1"))
    check(len(mta.virtual("u1")) == 1, "one message")
    mta.note("layout", sorted(p.name for p in (mta.vmail / "u1").iterdir()))


@scenario
def virtual_mbox(mta):
    text = TEXT + "From here\n>From there\n>>From both\nfrom small\n\nFrom\n"
    send(mta, "box@virt.test", text)
    send(mta, "box@virt.test", TEXT.rstrip("\n"))
    mta.note_mail("box", mta.virtual("box"))
    check(len(mta.virtual("box")) == 2, "two messages")


@scenario
def virtual_address_extension(mta):
    send(mta, "u1+ext@virt.test")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def local_maildir(mta):
    send(mta, "alice@example.test")
    mta.note_mail("alice", mta.local_mail("alice"))
    mta.note("layout", sorted(p.name for p in (mta.spool / "alice").iterdir()))


@scenario
def local_several_recipients(mta):
    send(mta, ["alice@example.test", "bob@example.test", "alice+x@mx.example.test"])
    mta.note_mail("alice", mta.local_mail("alice"))
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario
def same_recipient_twice(mta):
    send(mta, ["alice@example.test", "alice@example.test", "ALICE@example.test"])
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main=MBOX)
def local_mbox(mta):
    send(mta, "bob@example.test", TEXT + "From here\n>From there\n\n\n")
    send(mta, "bob@example.test", "\nno header\n")
    mta.note_mail("bob", mta.local_mail("bob"))
    check(len(mta.local_mail("bob")) == 2, "two messages")


@scenario(main=MBOX + "\nbiff = yes\n")
def biff_tells_where_the_mail_begins(mta):
    mta.room.require_private("the port of comsat")
    mailbox = mta.spool / "bob"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as comsat:
        comsat.bind(("127.0.0.1", 512))
        comsat.settimeout(10)
        for _ in range(2):
            size = mailbox.stat().st_size if mailbox.exists() else 0
            send(mta, "bob+tag@example.test")
            equal(comsat.recv(100), b"bob@%d\0" % size, "the datagram")


@scenario(main=MBOX)
def local_mbox_null_sender(mta):
    send(mta, "bob@example.test", sender="")
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main="home_mailbox = Maildir/")
def home_maildir(mta):
    send(mta, "alice@example.test")
    mta.note("layout", sorted(p.name for p in (mta.room.home("alice") / "Maildir").iterdir()))


@scenario(aliases="staff: alice, bob\nlist: staff, u1@virt.test\nowner-list: bob\nold: alice+new\n"
          "loop1: loop2\nloop2: loop1\nnothing:\nnull: /dev/null\n")
def aliases(mta):
    for name in ("staff", "list", "old", "loop1", "null", "Staff", "staff+x"):
        send(mta, f"{name}@example.test")
    mta.note_mail("alice", mta.local_mail("alice"))
    mta.note_mail("bob", mta.local_mail("bob"))
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(aliases="file: @nowhere\nbroken: :include:/nonexistent/list\nselfref: selfref\nspecial: \\alice\n")
def odd_aliases(mta):
    for name in ("broken", "selfref", "special"):
        send(mta, f"{name}@example.test")
    mta.note_mail("alice", mta.local_mail("alice"))


def with_forward(text):
    """Gives bob a ~/.forward for the length of a scenario."""
    def wrap(function):
        def run(mta):
            import os
            path = mta.room.home("bob") / ".forward"
            path.write_text(text)
            os.chown(path, 60904, 60904)
            try:
                function(mta)
                mta.settle()
            finally:
                path.unlink()
        run.__name__ = function.__name__
        run.__module__ = function.__module__
        return run
    return wrap


@scenario
@with_forward("alice\n")
def forward_to_a_user(mta):
    send(mta, "bob@example.test")
    mta.note_mail("alice", mta.local_mail("alice"))
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario
@with_forward("\\bob, alice@example.test\n# comment\nu1@virt.test\n")
def forward_with_a_copy(mta):
    send(mta, "bob@example.test")
    for user in ("alice", "bob"):
        mta.note_mail(user, mta.local_mail(user))
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
@with_forward("bob\n")
def forward_to_oneself(mta):
    send(mta, "bob@example.test")
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario
@with_forward("")
def empty_forward(mta):
    send(mta, "bob@example.test")
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario
def headers_of_earlier_hops_stay(mta):
    send(mta, "u1@virt.test", "Return-Path: <old@x.test>\nReceived: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\n"
         "Delivered-To: someone@x.test\nX-Original-To: y@x.test\nSubject: kept\n\nx\n")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def mail_loop_is_seen(mta):
    send(mta, "alice@example.test", "Delivered-To: alice@example.test\nSubject: loop\n\nx\n")
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario
def too_many_hops(mta):
    received = "".join(f"Received: from a{n} by b{n}; Mon, 1 Jan 2024 00:00:00 +0000\n" for n in range(51))
    with mta.smtp() as s:
        s.mail("carol@remote.test", "u1@virt.test", received + "Subject: x\n\nx\n")
        s.command("QUIT")


@scenario
def eight_bit_and_nul_bytes(mta):
    send(mta, "u1@virt.test", b"Subject: bytes \xe4\n\n\x00nul \xff\xfe and \xc3\xa4\n")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def long_lines(mta):
    send(mta, "u1@virt.test", "Subject: long\nX-Long: " + "y" * 3000 + "\n\n" + "x" * 5000 + "\nend\n")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main="mailbox_size_limit = 1800\nvirtual_mailbox_limit = 1800\nmessage_size_limit = 1800")
def mailbox_over_its_limit(mta):
    text = "Subject: x\n\n" + ("y" * 60 + "\n") * 9
    for _ in range(2):
        send(mta, "box@virt.test", text)
    mta.note_mail("box", mta.virtual("box"))


@scenario(main="virtual_uid_maps = static:5")
def virtual_uid_below_the_minimum(mta):
    send(mta, "u1@virt.test")


@scenario(main="virtual_uid_maps = inline:{other=1000}")
def virtual_without_uid(mta):
    send(mta, "u1@virt.test")


@scenario(main="virtual_mailbox_base = @ROOT@/nowhere")
def virtual_maildir_cannot_be_made(mta):
    send(mta, "u1@virt.test")
    send(mta, "box@virt.test")


@scenario(main="virtual_transport = discard:silently\nlocal_transport = error:5.7.9 no local mail\n"
          "relay_domains = later.test\nrelay_transport = retry:4.3.9 come back later")
def discard_error_and_retry(mta):
    send(mta, "u1@virt.test")
    for to in ("alice@example.test", "x@later.test"):
        with mta.smtp(client=100) as s:
            s.mail("carol@remote.test", to, TEXT)
            s.command("QUIT")
        mta.sendmail("-f", "carol@remote.test", to, input=TEXT)
        mta.settle()


@scenario(main="luser_relay = bob\nlocal_recipient_maps =")
def luser_relay(mta):
    send(mta, "nosuchuser@example.test")
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main="fallback_transport = virtual\nlocal_recipient_maps =")
def unknown_local_user_goes_to_the_fallback(mta):
    send(mta, "nosuchuser@example.test")
    mta.note("mailboxes", sorted(p.name for p in mta.vmail.iterdir()))
