"""LMTP to Debian's Dovecot as the howtos have it, with our lmtp in a real Postfix, Postfix's in ours, and ours alone."""
from support import check, equal
from support.dovecot_lmtp import DovecotLmtp
from support.instance import Instance

TEXT = "Subject: by lmtp\n\n.\n..dots\nbody\n"
MAIN = """\
virtual_transport = lmtp:unix:private/dovecot-lmtp
virtual_mailbox_maps = static:any
lmtp_connection_cache_on_demand = yes
"""


def carry(kind, swap):
    mta = Instance(kind, swap, main=MAIN).start()
    store = DovecotLmtp(mta)
    mta.mail("carol@example.test", ["u1@virt.test", "u2@virt.test", "full@virt.test", "nosuch@virt.test"], TEXT)
    mta.wait_log(r"to=<u1@virt.test>, relay=mx.example.test\[private/dovecot-lmtp\], .*dsn=2.0.0, status=sent \(250 2.0.0 <u1@virt.test> \S+ Saved\)")
    mta.wait_log(r"to=<u2@virt.test>, .*status=sent")
    mta.wait_log(r"to=<full@virt.test>, .*dsn=[45]\.2\.2, status=(bounced|deferred) \(host mx.example.test\[private/dovecot-lmtp\] said: .*\(in reply to end of DATA command\)\)")
    mta.wait_log(r"to=<nosuch@virt.test>, .*dsn=5\.1\.1, status=bounced \(.*\(in reply to RCPT TO command\)\)")
    for _ in range(10):
        mta.mail("carol@example.test", ["u1@virt.test"], TEXT)
    mta.wait_log(r"to=<u1@virt.test>.*status=sent", 11)
    mta.settle()
    equal([len(store.mail(user)) for user in ("u1", "u2")], [11, 1], "messages")
    check(store.mail("u2")[0].endswith(b"\n.\n..dots\nbody\n"), "the message as it was sent")
    store.stop()
    mta.mail("carol@example.test", ["u2@virt.test"], TEXT)
    mta.wait_log(r"to=<u2@virt.test>, relay=none, .*dsn=4.4.1, status=deferred \(connect to mx.example.test\[private/dovecot-lmtp\]: ")
    mta.check_sane()
    mta.stop()


def test_our_lmtp_in_a_real_postfix():
    carry("postfix", {"lmtp": "ours"})


def test_the_lmtp_of_postfix_in_ours():
    carry("ours", {"lmtp": "postfix"})


def test_ours_alone():
    carry("ours", {})
