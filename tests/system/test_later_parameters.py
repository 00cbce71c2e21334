"""Parameters that Postfix has only since 3.10 or 3.11, so that the oracle cannot tell."""
import email
import email.header

from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance
from support.tables import socketmap

STRANGE = "MAIL FROM:<carol@remote.test>"


def test_relocated_maps_with_their_own_codes():
    need_program("trivial-rewrite")
    kind, swap = mix_of(ours())
    tables = "relocated_maps = inline:{{bob@example.test=5.2.1 this account is closed}}\n"
    for setting, wanted in (("no", "550 5.2.1 <bob@example.test>: Recipient address rejected: this account is closed"),
                            ("yes", "550 5.1.6 <bob@example.test>: Recipient address rejected: User has moved to 5.2.1 this account is closed")):
        mta = Instance(kind, swap, main=tables + f"relocated_prefix_enable = {setting}\n").start()
        try:
            with mta.smtp() as session:
                replies = session.talk("EHLO a.test", STRANGE, "RCPT TO:<bob@example.test>", "QUIT")
            equal(str(replies[2]), wanted, f"relocated_prefix_enable = {setting}")
        finally:
            mta.destroy()


def test_how_long_a_socketmap_answer_may_be():
    need_program("postmap")
    kind, swap = mix_of(ours())
    mta = Instance(kind, swap, main="socketmap_max_reply_size = 1000\n").start()
    try:
        for length, wanted in ((1000, 0), (1001, 1)):
            with socketmap(b"OK " + b"v" * (length - 3)) as port:
                output = mta.run("postmap", "-q", "x", f"socketmap:inet:127.0.0.1:{port}:m")
            equal(output.status, wanted, f"{length} bytes: {str(output)[:300]}")
    finally:
        mta.destroy()


def test_full_names_beyond_ascii():
    """The From header that has to be added is in ASCII, and mail readers get the name back."""
    need_program("cleanup")
    kind, swap = mix_of(ours())
    mta = Instance(kind, swap, main="").start()
    try:
        for name in ("Käthe Müller", "Ж" * 60, "Plain Name"):
            mta.sendmail("-F", name, "-f", "carol@remote.test", "bob@example.test", input="Subject: x\n\nx\n")
            mta.settle()
            (got,) = mta.local_mail("bob")
            header = email.message_from_bytes(got)["From"]
            check(header.isascii(), f"ASCII: {header}")
            equal(str(email.header.make_header(email.header.decode_header(header))), f"{name} <carol@remote.test>", "the name")
            mta.empty_mailboxes()
    finally:
        mta.destroy()
