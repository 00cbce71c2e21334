"""Our qmqpd in a real Postfix, and Postfix's in ours: a message arrives all the same."""
from support import BUILD, Skip, check, equal, need_suite, qmqp
from support.instance import Instance

MAIN = "qmqpd_authorized_clients = @NET@.0/24\n"
MASTER = "@ADDRESS@:2628 inet n - n - - qmqpd\n"


def run_mixture(kind, swap):
    mta = Instance(kind, swap, main=MAIN, master=MASTER).start()
    try:
        answer = qmqp.talk(mta.address, 2628, qmqp.request("Subject: x\n\nby QMQP\n", "carol@remote.test", "bob@example.test"),
                           source=mta.room.address(100))
        check(b":KOk: queued as " in answer, f"taken: {answer}")
        mta.settle()
        (got,) = mta.local_mail("bob")
        check(b" with QMQP id " in got and b"\nby QMQP\n" in got, f"the message: {got}")
        equal(len(mta.processes("qmqpd")), 1, "qmqpd runs")
    finally:
        mta.destroy()


def test_our_qmqpd_in_postfix():
    if not (BUILD / "bin/qmqpd").exists():
        raise Skip("qmqpd is not built")
    run_mixture("postfix", {"qmqpd": "ours"})


def test_postfixs_qmqpd_in_ours():
    need_suite()
    run_mixture("ours", {"qmqpd": "postfix"})
