"""Milters, where ours does more than Postfix 3.7 or does it another way: the default action of 3.11, filters that flood, filters that do
not read, and many sessions that wait for one filter."""
import concurrent.futures
import os
import pathlib
import re
import time

from support import check, equal, need_program
from support.instance import Instance
from support.milter import (CLOSE, HANG, NO_DATA, MilterServer, add_header, add_recipient, delete_recipient, options, packet, proceed, progress,
                             replace_body, reply, shutdown)
from support.room import room

MAIN = "smtpd_milters = inet:@NET@.33:8891\nmilter_connect_timeout = 2s\n"
FROM, TO = "MAIL FROM:<carol@remote.test>", "RCPT TO:<u1@virt.test>"
TEXT = "Subject: x\n\nbody\n"


def started(main="", **options):
    for program in ("smtpd", "cleanup"):
        need_program(program)
    return Instance("ours", main=MAIN + main, **options).start()


def filter_of(script=None):
    return MilterServer((room().address(33), 8891), script, with_macros=False)


def answer_to(mta, text=TEXT):
    with mta.smtp() as s:
        s.talk("EHLO c.test", FROM, TO)
        return str(s.data(text))


def test_the_default_action_ends_the_session_and_loses_nothing():
    mta = started("non_smtpd_milters = $smtpd_milters\n")
    with mta.smtp() as s:
        check(str(s.greeting).startswith("421 "), f"without the filter: {s.greeting}")
    mta.sendmail("-f", "alice", "u1@virt.test", input=TEXT)
    mta.wait_log("cleanup.*milter-reject: CONNECT from localhost.127.0.0.1.: 4.7.0 Server closing connection")
    for script in ({"eom": [CLOSE]}, {"eom": [shutdown()]}, {"header": [shutdown()]}):
        with filter_of(script):
            check(answer_to(mta).startswith("421 4.7.0 "), f"the answer to a message when the filter says {script}")
    with filter_of({"rcpt": [CLOSE]}):
        with mta.smtp() as s:
            answers = s.talk("EHLO c.test", FROM, TO)
            check(str(answers[2]).startswith("421 4.7.0 "), f"the answer to RCPT: {answers[2]}")
    equal(len(mta.virtual("u1")), 0, "messages delivered without the filter")
    with filter_of():
        answer_to(mta)
        mta.run("postqueue", "-f", record=False)
        mta.wait_log("status=sent", 2)
    mta.check_sane()


def test_a_filter_that_floods_is_given_up():
    mta = started("milter_default_action = tempfail\nmessage_size_limit = 2000000\n")
    flood = {"endless progress": progress() * 300000, "endless headers": add_header("X-A", "b" * 60000) * 1500 + proceed(),
             "an endless body": replace_body(b"x" * 65000 + b"\r\n") * 100 + proceed()}
    for name, bytes_ in flood.items():
        with filter_of({"eom": [bytes_]}):
            check(answer_to(mta)[:3] in ("451", "552"), f"the answer to {name}")
    with filter_of({"eom": [packet("h", b"A\0" + b"b" * 20_000_000 + b"\0"), proceed()]}):
        check(answer_to(mta).startswith("451 "), "the answer to a packet without bounds")
    with filter_of():
        check(answer_to(mta).startswith("250 "), "and to a message afterwards")
    memory = sum(int(line.split()[1]) for pid in mta.processes("cleanup") for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS:"))
    check(memory < 200_000, f"cleanup needs {memory} KB")
    mta.check_sane()


def test_what_a_filter_wants_to_know_has_bounds():
    mta = started("milter_default_action = tempfail\n")
    for macros in ([(2, "i " * 40_000)], [(stage, "{" + "x" * 20_000 + "}") for stage in range(7)]):
        with filter_of({"options": [options(macros=macros)]}):
            check(not answer_to(mta).startswith("250 "), "the answer where macros are without end")
    mta.wait_log(r"warning: milter inet:.*: 1?[0-9]{5} bytes in initial handshake", 2)
    with filter_of({"options": [options(macros=[(stage, "{" + "x" * 9000 + "}") for stage in range(7)])]}):
        check(answer_to(mta).startswith("250 "), "the answer where there are many of them")
    with filter_of({"eom": [add_header("X-A", "a" * 70000), add_header("X-B", "b\n " * 30000), proceed()]}):
        check(answer_to(mta).startswith("250 "), "the answer to headers that are cut")
    mta.check_sane()


def test_a_filter_that_does_not_read():
    mta = started("milter_default_action = accept\nmilter_content_timeout = 2s\n")

    def stop_reading(_):
        time.sleep(8)
        return [CLOSE]
    with filter_of({"header": stop_reading}):
        begun = time.monotonic()
        check(answer_to(mta, "Subject: x\n\n" + ("y" * 1000 + "\n") * 5000).startswith("250 "), "the message is taken")
        check(time.monotonic() - begun < 7, "the filter is not waited for any longer")
    mta.wait_log("warning: milter inet:.*: can't read SMFIC_HEADER reply packet header: Connection timed out")


def test_sessions_wait_for_a_filter_beside_each_other():
    mta = started("milter_default_action = tempfail\n")

    def slowly(_):
        time.sleep(1)
        return [proceed()]
    with filter_of({"eom": slowly}), concurrent.futures.ThreadPoolExecutor(40) as pool:
        begun = time.monotonic()
        answers = list(pool.map(lambda _: answer_to(mta), range(40)))
        check(all(a.startswith("250 ") for a in answers), f"all are taken: {answers}")
        check(time.monotonic() - begun < 20, f"40 messages took {time.monotonic() - begun:.0f} s")
    check(len(mta.processes("cleanup")) < 10, f"a process carries many: {mta.processes('cleanup')}")


def test_a_hanging_filter_holds_up_nobody_else():
    mta = started("milter_default_action = tempfail\nmilter_command_timeout = 3s\nsmtpd_milter_maps = inline:{@NET@.128=DISABLE}\n")
    with filter_of({"mail": [HANG]}), mta.smtp(client=129) as s:
        s.talk("EHLO c.test")
        s.send(FROM + "\r\n")
        check(answer_to(mta).startswith("250 "), "another client's message is taken meanwhile")
        check(str(s.read()).startswith("451 4.7.1 "), "the one who waited is told to come again")


def sockets_of(pid):
    """What a process has open, by what the link says ("socket:[inode]")."""
    folder = pathlib.Path(f"/proc/{pid}/fd")
    return {os.readlink(entry): entry.name for entry in folder.iterdir() if os.readlink(entry).startswith("socket:")}


def watched(pid):
    """The descriptors that a process waits for with epoll."""
    folder = pathlib.Path(f"/proc/{pid}/fdinfo")
    return {number for entry in folder.iterdir() for number in re.findall(r"(?m)^tfd: +(\d+)", entry.read_text())}


def test_smtpd_does_not_wake_up_while_cleanup_talks_with_the_filter():
    """Both hold the connection; each answer about the content would wake both."""
    mta = started("milter_default_action = tempfail\n")
    with filter_of({"eom": [HANG]}) as filter, mta.smtp() as s:
        s.talk("EHLO c.test", FROM, TO, "DATA")
        s.send("Subject: x\r\n\r\nbody\r\n.\r\n")
        end = time.monotonic() + 10
        while not filter.seen.get("eom") and time.monotonic() < end:
            time.sleep(0.02)
        (smtpd,), (cleanup,) = mta.processes("smtpd"), mta.processes("cleanup")
        both = sockets_of(smtpd).keys() & sockets_of(cleanup).keys()
        lent = {number for link, number in sockets_of(smtpd).items() if link in both}
        check(lent and not lent & watched(smtpd), f"{lent} of {watched(smtpd)} in smtpd")
        check({number for link, number in sockets_of(cleanup).items() if link in both} & watched(cleanup), "cleanup waits for it")
    with filter_of(), mta.smtp() as s:  # and has it back for the next message
        for _ in range(3):
            s.talk(FROM, TO)
            check(str(s.data(TEXT)).startswith("250 "), "a message")


def test_a_filter_that_goes_while_it_replaces_the_body():
    """The body that the client sent is delivered, once; a filter behind it sees that one too."""
    for action in ("accept", "quarantine"):
        mta = started(f"milter_default_action = {action}\n")
        for script in ({"eom": [replace_body(b"half of a new "), CLOSE]}, {"eom": [replace_body(b"x" * 65535), replace_body(b"y\r\n"), CLOSE]},
                       {"eom": [add_header("X-New", "lost?"), replace_body(b"new\r\n"), CLOSE]}):
            with filter_of(script):
                check(answer_to(mta, "Subject: x\n\nfirst\nsecond\n").startswith("250 "), "the answer")
        mta.run("postsuper", "-H", "ALL", record=False)
        mta.run("postqueue", "-f", record=False)
        mta.wait_log("status=sent", 3)
        for message in mta.virtual("u1"):
            equal(message.split(b"\n\n", 1)[1], b"first\nsecond\n", f"the body ({action})")
        mta.check_sane()
        mta.stop()


def test_a_filter_that_breaks_between_rcpt_and_data():
    """It wants no word of DATA, so that only the hand-over to cleanup notices."""
    mta = started("smtpd_milters = unix:public/milter\nmilter_default_action = tempfail\n")
    with MilterServer(mta.queue / "public/milter", {"options": [options(events=NO_DATA)], "rcpt": [proceed(), CLOSE]}, with_macros=False):
        with mta.smtp() as s:
            s.talk("EHLO c.test", FROM, TO)
            time.sleep(0.2)
            check(str(s.data(TEXT)).startswith("451 4.7.1 "), "the answer to DATA or to the message")
    equal(len(mta.virtual("u1")), 0, "messages")
    mta.check_sane()


def test_replies_that_would_break_the_conversation():
    """Postfix passes these on as they are: what is behind the first line answers the client's next command."""
    mta = started("milter_default_action = tempfail\n")
    problem = "451 4.3.5 Server configuration problem - try again later"
    for text, told in (("550 5.7.1 a\nb", problem), ("550 5.7.1 a\rb", problem), ("550-5.7.1 a\r\n451 4.7.1 b", problem),
                       ("550 5.7.1 a\r\n\r\n250 ok", problem), ("550-5.7.1 a", problem), ("550-5.7.1 a\r\n", problem)):
        for event in ("rcpt", "eom"):
            with filter_of({event: [reply(text)]}), mta.smtp() as s:
                answers = s.talk("EHLO c.test", FROM, TO)
                answer = s.data(TEXT) if event == "eom" else answers[2]
                equal(str(answer), told, f"{text!r} at {event}")
                check(str(s.command("NOOP")).startswith("250 "), f"the next answer after {text!r} at {event}")
    with filter_of({"rcpt": [packet("y", b"550 5.7.1 no end")]}), mta.smtp() as s:
        equal(str(s.talk("EHLO c.test", FROM, TO)[2]), "550 5.7.1 no end", "a text without its end")
    mta.check_sane()


def test_headers_with_the_line_ends_of_the_network():
    """The CR is none of the header's, no line of a header is empty, and none is another header."""
    mta = started()
    with filter_of({"eom": [add_header("X-A", "a\r\n\tb"), add_header("X-B", "a\r\n\r\nb\r\n"), add_header("X-C", "c\r\nX-D: d"),
                            add_header("X-E\nX-F: f\n\n", "e"), proceed()]}):
        check(answer_to(mta).startswith("250 "), "the answer")
    mta.wait_log("status=sent")
    (message,) = mta.virtual("u1")
    head, body = message.split(b"\n\n")
    equal(body, b"body\n", "the body")
    equal(head[head.index(b"X-A:"):], b"X-A: a\n\tb\nX-B: a\n\t\n\tb\n\t\nX-C: c\n\tX-D: d\nX-E\n\tX-F: f\n\t\n\t: e", "the headers")


def test_a_recipient_that_goes_and_comes_again():
    for keeps in ("yes", "no"):
        mta = started(f"enable_original_recipient = {keeps}\nvirtual_alias_maps = inline:{{list@virt.test=u2@virt.test}}\n")
        with filter_of({"eom": [delete_recipient("<u1@virt.test>"), add_recipient("<u1@virt.test>"), delete_recipient("<u1@virt.test>"),
                                add_recipient("<u1@virt.test>"), proceed()]}):
            answer_to(mta)
        with filter_of({"eom": [delete_recipient("<list@virt.test>"), add_recipient("<u2@virt.test>"), proceed()]}):
            with mta.smtp() as s:
                s.talk("EHLO c.test", FROM, "RCPT TO:<list@virt.test>")
                s.data(TEXT)
        mta.settle()
        equal((len(mta.virtual("u1")), len(mta.virtual("u2"))), (1, 1), f"messages where enable_original_recipient = {keeps}")
        mta.check_sane()
        mta.stop()
