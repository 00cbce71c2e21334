"""LMTP servers that answer too little or too much: no recipient's mail is lost, and none comes twice."""
from support import check, equal, need_program
from support.instance import Instance
from support.lmtp_sink import lmtp_sink

TEXT = "Subject: x\n\nbody\n"
MAIN = "virtual_transport = lmtp:inet:[@NET@.31]:2525\nlmtp_data_done_timeout = 2s\nvirtual_mailbox_maps = static:any\n"


def started(main=""):
    need_program("smtp")
    return Instance("ours", main=MAIN + main).start()


def test_too_few_replies():
    """Postfix takes the reply to its QUIT for the next recipient's, and his mail is gone."""
    mta = started("queue_run_delay = 1000s\n")
    with lmtp_sink(mta, finals=["250 2.0.0 one"], note=False):
        queue_id = mta.mail("", ["u1@virt.test", "u2@virt.test", "u3@virt.test"], TEXT)
        mta.wait_log(r"to=<u1@virt.test>, .*status=sent \(250 2.0.0 one\)")
        for name in ("u2", "u3"):
            mta.wait_log(rf"to=<{name}@virt.test>, .*dsn=4.4.2, status=deferred \(conversation with .* timed out while sending end of data -- message may be sent more than once\)")
    with lmtp_sink(mta, note=False) as sink:
        mta.must_run("postqueue", "-i", queue_id)
        mta.wait_log(r"to=<u[23]@virt.test>, .*status=sent", 2)
    equal(sorted(sink.transactions[0].rcpts), ["RCPT TO:<u2@virt.test>", "RCPT TO:<u3@virt.test>"], "who is sent to again")
    mta.stop()


def test_replies_that_are_left_over():
    """The next message does not take them for its own."""
    mta = started("lmtp_connection_cache_destinations = static:all\n")
    for extra in ("250 2.0.0 extra", "550 5.0.0 extra"):
        with lmtp_sink(mta, finals=["250 2.0.0 ok"] + [extra] * 3, note=False) as sink:
            for number in range(1, 4):
                mta.mail("", "u1@virt.test", TEXT)
                sink.wait(number)
                mta.settle()
    equal(len([line for line in mta.log() if "status=sent (250 2.0.0 ok)" in line.text]), 6, "what became of the messages")
    check("extra" not in mta.log_text(), "left-over replies")
    mta.stop()


def test_destinations_that_make_no_sense():
    mta = started("transport_maps = inline:{{a.test=lmtp:unix:} {b.test=lmtp:inet:} {c.test=lmtp:inet:[@NET@.31]:nosuch} {d.test=lmtp:unix:a, inet:b} {e.test=lmtp:inet:,}"
                  " {f.test=lmtp:inet:unix:x}}\n")
    for name in "abcdef":
        mta.mail("", f"x@{name}.test", TEXT)
        mta.wait_log(rf"to=<x@{name}.test>, .*status=(deferred|bounced)")
    mta.check_sane()
    mta.stop()


def test_a_reply_of_a_megabyte():
    mta = started()
    with lmtp_sink(mta, finals=["250 2.0.0 " + "x" * 1_000_000], note=False):
        mta.mail("", "u1@virt.test", TEXT)
        mta.wait_log(r"response longer than 2048: 250 2.0.0 xxx")
        mta.wait_log(r"to=<u1@virt.test>, .*status=sent")
    mta.stop()
