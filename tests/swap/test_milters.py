"""Filters that smtpd begins and cleanup goes on with: each of ours with the other of Postfix's, the state of the filters passed
on the wire between them."""
from support import check, equal
from support.instance import Instance
from support.milter import (LEADING_SPACE, MilterServer, add_header, add_recipient, change_from, delete_recipient, options, proceed,
                            quarantine, reject, replace_body, skip)
from support.room import room

MAIN = """\
smtpd_milters = inet:@NET@.33:8891, { unix:filter, default_action=accept, { command_timeout = 7s } }
milter_default_action = tempfail
milter_macro_defaults = x=y, z=1
milter_end_of_data_macros = i x z {client_addr}
"""
TEXT = "Subject: hello\nX-Two:  blanks\n\nbody\n"


def run(kind, swap):
    mta = Instance(kind, swap, main=MAIN).start()
    own = {"options": [options(events=LEADING_SPACE, macros=((5, "j x"),))]}
    edits = [add_header("X-First", "1"), change_from("<dave@remote.test>"), add_recipient("<u2@virt.test>"), delete_recipient("<bob@example.test>"),
             replace_body("another body\r\n"), proceed()]
    try:
        with MilterServer((room().address(33), 8891), {"eom": [edits, edits, [reject()], [quarantine("x"), proceed()]], "header": [[proceed()], [skip()], [proceed()]]}) as one, \
                MilterServer(mta.queue / "filter", own) as two:
            with mta.smtp() as s:
                for number in range(4):
                    s.talk("EHLO client.test", "MAIL FROM:<carol@remote.test>", "RCPT TO:<u1@virt.test>", "RCPT TO:<bob@example.test>")
                    answer = s.data(TEXT)
                    equal(answer.code, "550" if number == 2 else "250", f"the answer to message {number}: {answer}")
                s.talk("QUIT")
            mta.settle()
            check_events(mta, one.text(), two.text())
        mta.check_sane()
        wrong = [line.raw for line in mta.log() if "warning: milter" in line.text or "panic:" in line.text or "fatal:" in line.text]
        check(not wrong, lambda: "in the log:\n" + "\n".join(wrong))
    finally:
        mta.destroy()


def check_events(mta, one, two):
    equal(one.count("eom"), 8, "ends of messages, with macros, at the first filter")  # "macros for eom" beside each
    check("macros for eom: i=" in one and "x=y | z=1" in one, one)
    check("macros for eom: j=mx.example.test | x=y\n" in two, two)
    check("header X-Two   blanks" in two and "header X-Two  blanks" in one, two)
    check("header X-First  1" in two and "body 14 bytes b'another body\\r\\n'" in two, two)
    equal(two.count("\neom"), 2, "messages that came to the second filter")
    equal(len(mta.queue_files("hold")), 1, "held messages")
    messages = mta.virtual("u1")
    equal((len(messages), len(mta.virtual("u2")), len(mta.local_mail("bob"))), (2, 2, 0), "delivered")
    for text in messages:
        check(b"Return-Path: <dave@remote.test>" in text and b"\nX-First: 1\n" in text and text.endswith(b"\n\nanother body\n"), text.decode())


def test_our_smtpd_with_postfixs_cleanup():
    run("postfix", {"smtpd": "ours"})


def test_our_cleanup_with_postfixs_smtpd():
    run("postfix", {"cleanup": "ours"})


def test_both_ours_in_postfix():
    run("postfix", {"smtpd": "ours", "cleanup": "ours"})


def test_both_of_postfix_in_ours():
    run("ours", {"smtpd": "postfix", "cleanup": "postfix"})
