"""qmqpd: what it answers, logs and queues, for good requests and for nonsense."""
from support import qmqp
from support.compare import scenario

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: by QMQP\n\nHello\n.\n..dots\n"
PORT, STRANGER, PORTS, SHORT, SMALL = 2628, 2629, 2630, 2631, 2632
SERVICES = f"""\
@ADDRESS@:{PORT} inet n - n - - qmqpd
@ADDRESS@:{STRANGER} inet n - n - - qmqpd -o qmqpd_authorized_clients=!@NET@.100,192.0.2.1,@NET@.99
@ADDRESS@:{PORTS} inet n - n - - qmqpd -o qmqpd_client_port_logging=yes
@ADDRESS@:{SHORT} inet n - n - - qmqpd -o qmqpd_timeout=1
@ADDRESS@:{SMALL} inet n - n - - qmqpd -o message_size_limit=2000 -o queue_minfree=0
"""
MAIN = "qmqpd_authorized_clients = @NET@.0/24\nqmqpd_error_delay = 0\nverp_delimiter_filter = -=+\n"


def say(mta, *pieces, port=PORT, **options):
    answer = qmqp.talk(mta.address, port, *pieces, source=mta.room.address(100), **options)
    mta.note("answer", answer)


@scenario(main=MAIN, master=SERVICES)
def messages(mta):
    say(mta, qmqp.request(TEXT, "carol@remote.test", "bob@example.test", "alice@example.test"))
    say(mta, *[bytes([byte]) for byte in qmqp.request("Subject: slowly\n\nx\n", "carol@remote.test", "bob@example.test")])
    say(mta, qmqp.request(TEXT, "", "bob@example.test"))
    say(mta, qmqp.request("no header at all, and no line end", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request("", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request("Subject: crlf\r\n\r\nx\r\ny\r\n", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request(" folded\nSubject: x\n\nx\n", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request("From carol Mon Jan  1\nSubject: mbox\n\nx\n", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request("Subject: long\n\n" + "x" * 5000 + "\n", "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request("Subject: nul\n\na\0b\nb\rc\n\xe4\n".encode("latin-1"), "carol@remote.test", "bob@example.test"))
    say(mta, qmqp.request(TEXT, "carol@remote.test", "nobody@example.test"))
    say(mta, qmqp.request(TEXT, "carol@remote.test", "Bob@Example.TEST"), port=PORTS)
    mta.settle()
    for user in ("bob", "alice"):
        mta.note_mail(user, mta.local_mail(user))


@scenario(main=MAIN, master=SERVICES, ignore="(dis)?connect from [^ ]*:")
def nonsense(mta):
    good = qmqp.request(TEXT, "carol@remote.test", "bob@example.test")
    inner = qmqp.netstring(TEXT) + qmqp.netstring("carol@remote.test") + qmqp.netstring("bob@example.test")
    say(mta, good, port=STRANGER)
    for bad in (b"", b"x", b"\0", b"5", b"12345678901:", b"99999999999999999999:x", b"-5:xxxxx,", b":,", b"0:,", b"3:abc,", b"3:abcd", b" 3:abc,",
                b"03:abc,", good[:-1] + b"x", good[:-40], good + b"trailing", qmqp.netstring(qmqp.netstring(TEXT)),
                qmqp.netstring(qmqp.netstring(TEXT) + qmqp.netstring("carol@remote.test")), qmqp.netstring(inner + b"x"),
                qmqp.netstring(inner + b"5:abc,"), qmqp.netstring(inner[:-1] + b"x"), qmqp.netstring(b"999:abc,"),
                qmqp.request(TEXT, "carol@remote.test", ""), qmqp.request(TEXT, "a b", "c d"),
                qmqp.request(TEXT, "list@remote.test-@[]", "bob@example.test"),
                qmqp.request(TEXT, "list-@remote.test-@[]", "bob@example.test"), qmqp.request(TEXT, "xx@[]", "bob@example.test"),
                qmqp.request(TEXT, "carol@remote.test", "\xe9@example.test")):
        mta.note("request", bad if len(bad) < 60 else bad[-60:])
        say(mta, bad, half_close=True)
    say(mta, qmqp.request("Subject: big\n\n" + "x\n" * 2000, "carol@remote.test", "bob@example.test"), port=SMALL)
    say(mta, good[:30], port=SHORT)
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=MAIN, master=SERVICES)
def nul_in_addresses(mta):
    """It ends an address: what is behind it is no address of its own."""
    for bad in (b"a\0b@remote.test", b"\0", b"carol@remote.test\0"):
        mta.note("address", bad)
        say(mta, qmqp.request("Subject: sender\n\nx\n", bad, "bob@example.test"))
        say(mta, qmqp.request("Subject: recipient\n\nx\n", "carol@remote.test", bad))
    mta.settle()
    mta.note_mail("bob", mta.local_mail("bob"))
