"""spawn(8) of ours in a real Postfix, and Postfix's in ours: a policy server on standard input and output, asked by smtpd."""
from support import check, equal, need_suite
from support.instance import Instance
from support.room import room

SERVER = """import sys
request = {}
for line in sys.stdin:
    if line.strip():
        name, _, value = line.rstrip("\\n").partition("=")
        request[name] = value
        continue
    action = "REJECT not you" if request["sender"].startswith("bad") else "PREPEND X-Asked: " + request["client_address"]
    sys.stdout.write("action=%s\\n\\n" % action)
    sys.stdout.flush()
    request = {}
"""
MAIN = "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/policy\npolicy_time_limit = 3600\n"
MASTER = "policy unix - n n - 0 spawn\n  user=nobody argv=/usr/bin/python3 @CONF@/server.py\n"


def run(kind, swap):
    room().require_private("accounts")
    mta = Instance(kind, swap, main=MAIN, master=MASTER, files={"server.py": SERVER}).start()
    try:
        with mta.smtp() as s:
            equal(s.mail("good@remote.test", "u1@virt.test", "Subject: x\n\nx\n").code, "250", "a message")
            s.command("MAIL FROM:<bad@remote.test>")
            equal(str(s.command("RCPT TO:<u1@virt.test>")), "554 5.7.1 <u1@virt.test>: Recipient address rejected: not you", "refusal")
        mta.settle()
        (message,) = mta.virtual("u1")
        check(b"\nX-Asked: " + mta.room.address(128).encode() in message, message)
        check(mta.processes("spawn"), "spawn runs")
        mta.check_sane()
    finally:
        mta.destroy()


def test_our_spawn_in_postfix():
    need_suite()
    run("postfix", {"spawn": "ours"})


def test_postfixs_spawn_in_ours():
    need_suite()
    run("ours", {"spawn": "postfix"})


def test_our_smtpd_asks_a_server_of_postfixs_spawn():
    need_suite()
    run("postfix", {"smtpd": "ours"})


def test_ours_alone():
    need_suite()
    run("ours", {})
