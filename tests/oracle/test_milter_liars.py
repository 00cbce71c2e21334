"""Filters that do not keep to what they said or to what makes sense, as people report them: answers where none were to come, two for one
event, changes that were not negotiated, headers and addresses that hold anything, packets without measure."""
from support import check
from support.compare import scenario
from support.milter import (CLOSE, LEADING_SPACE, MilterServer, NR_BODY, NR_CONNECT, NR_DATA, NR_EOH, NR_HEADER, NR_HELO, NR_MAIL, NR_RCPT, NR_UNKNOWN,
                            SKIP, accept, add_header, add_recipient, add_recipient_with, change_from, change_header, delete_recipient, discard,
                            insert_header, options, packet, proceed, progress, quarantine, reject, replace_body, reply, skip, strings, tempfail)
from support.milter_session import FROM, HELLO, MILTER, TEXT, TO, TO2, note_queue, serve, session

SILENT = NR_CONNECT | NR_HELO | NR_MAIL | NR_RCPT | NR_DATA | NR_UNKNOWN | NR_HEADER | NR_EOH | NR_BODY
HELD = quarantine("x"), proceed()


def quiet(**script):
    """A filter that answers the end of a message alone, as rspamd does, or as the test says."""
    every = {event: [] for event in ("connect", "helo", "mail", "rcpt", "data", "unknown", "header", "eoh", "body")}
    return {**every, "options": [options(events=SILENT)], **script}


@scenario(main=MILTER)
def answers_that_nobody_waits_for(mta):
    session(mta, "silent to the end", quiet(eom=[add_header("X-A", "b"), proceed()]))
    session(mta, "silent, and refuses", quiet(eom=[reject()]))
    for event in ("connect", "mail", "rcpt", "body"):
        session(mta, f"two answers to {event}", {event: [proceed(), proceed()]}, HELLO, FROM, TO, with_macros=False)
    with serve(mta, {"header": [proceed(), proceed()]}, with_macros=False) as f, mta.smtp() as s:
        s.talk(HELLO, FROM, TO)
        s.data(TEXT)
        s.talk("QUIT")
    # Postfix hangs up with answers unread, and the filter may then hear of no more.
    check(mta.kind == "postfix" or "eom" in f.text().split("\n"), f.lines)
    session(mta, "a refusal behind the answer to RCPT", {"rcpt": [proceed(), reject()]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "an answer behind the last one", {"eom": [proceed(), add_header("X-Late", "x"), proceed()]}, HELLO, FROM, TO, HELLO, with_macros=False)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MILTER)
def what_was_not_negotiated(mta):
    everything = [add_header("X-A", "b"), insert_header(1, "X-I", "i"), change_header(1, "Subject", "c"), change_from("new@remote.test"),
                  add_recipient("u3@virt.test"), add_recipient_with("u3@virt.test", "NOTIFY=NEVER"), delete_recipient("u2@virt.test"),
                  replace_body("new\r\n"), *HELD]
    session(mta, "no actions", {"options": [options(actions=0)], "eom": everything})
    session(mta, "version 2", {"options": [options(version=2, actions=0x3f)], "eom": everything})
    for version in (0, 1, 3, 4, 5):
        session(mta, f"version {version}", {"options": [options(version=version, actions=0)], "eom": everything}, HELLO, FROM, TO)
    session(mta, "skip without having said so", {"header": [skip()], "body": [skip()], "rcpt": [skip()], "mail": [skip()]}, text=TEXT + "y" * 70000)
    session(mta, "skip", {"options": [options(events=SKIP)], "header": [skip()], "body": [skip()]}, text=TEXT + ("y" * 70 + "\n") * 2000, with_macros=False)
    session(mta, "blanks that stay", {"options": [options(events=LEADING_SPACE)], "eom": list(HELD)},
            text="Message-Id:\n <1@x.test>\nX-A:b\nX-B:  c\nX-C:\n\td\nX-D:\nX-E: \nx-f : g\n\nbody\n")
    session(mta, "blanks that go", {"eom": list(HELD)}, text="Message-Id:\n <1@x.test>\nX-A:b\nX-B:  c\nX-C:\n\td\nX-D:\nX-E: \nx-f : g\n\nbody\n")
    note_queue(mta, "hold")


@scenario(main=MILTER)
def commands_that_nobody_knows(mta):
    for title, script in (("refused", {"unknown": [tempfail()]}), ("behind a message to be thrown away", {"mail": [discard()]}), ("both", {"mail": [discard()], "unknown": [reject()]}),
                          ("behind an accepted one", {"rcpt": [accept()]})):
        session(mta, title, script, HELLO, "FOO", "MAIL FROM:<>", "FOO", TO, "FOO", TO2, "FOO", "RSET", "FOO", FROM, TO, "FOO", text="", with_macros=False)


@scenario(main=MILTER.replace("tempfail", "quarantine") + "milter_header_checks = regexp:@CONF@/checks\n", files={"checks": "/^X-A: a$$/ WARN a line\n/^X-A: a\\nb$$/ REPLACE X-C: c\n"})
def what_is_logged_in_a_message(mta):
    """A greeting in its middle with its recipient; header checks see what the filter gave, before it is folded."""
    session(mta, "a greeting", {"helo": [[proceed()], [CLOSE]]}, HELLO, FROM, TO, TO2, HELLO, FROM, TO, with_macros=False)
    session(mta, "checks", {"eom": [add_header("X-A", "a"), add_header("X-A", "a\nb"), add_header("X-B", "a\nb"), *HELD]}, HELLO, FROM, TO, with_macros=False)
    note_queue(mta, "hold")


FIRST = MILTER.replace("smtpd_milters =", "smtpd_milters = inet:@NET@.33:8892,")


@scenario(main=FIRST)
def what_the_second_filter_sees_of_the_first(mta):
    """The Received: header of this system's own is hidden from all of them."""
    for title, changes in (("one on top", [insert_header(0, "X-I", "i")]), ("two on top", [insert_header(0, "X-I", "i"), insert_header(0, "X-J", "j")]),
                           ("Received on top", [insert_header(0, "Received", "from nowhere")]), ("behind ours", [insert_header(1, "X-I", "i")]),
                           ("two of them", [insert_header(0, "X-I", "i"), insert_header(0, "Received", "from nowhere"), insert_header(1, "X-J", "j")]),
                           ("no Received", [change_header(0, "Received", "")]), ("Received changed", [change_header(0, "Received", "by me")]),
                           ("Received at the end", [add_header("Received", "from below")])):
        with MilterServer((mta.room.address(33), 8892), {"eom": [*changes, proceed()]}):
            session(mta, title, {"eom": [change_header(1, "Received", "changed by the second"), insert_header(1, "X-Two", "one"), insert_header(0, "X-Two", "null"), *HELD]},
                    HELLO, FROM, TO, with_macros=False)
            session(mta, f"{title}, and another below", {"eom": [change_header(1, "Received", ""), *HELD]}, HELLO, FROM, TO,
                    text="Received: from elsewhere\n" + TEXT, with_macros=False)
    note_queue(mta, "hold")


# Not with CRLF, of which Postfix keeps the CR.
VALUES = ("a\n\nb", "a\nX-Smuggled: yes", "a\n", "\n", "\t", "  two", "a\rb", "\xe4\xf6\xfc", "b" * 3000, "c " * 3000,
          "a\n" + "d" * 1500, ".", "a\n.\nb", "e" * 70000, "f" * 70000 + "\n g", "\n ".join(["h" * 900] * 100))
NAMES = ("X A", "X-A:", ":", " X", "X\n", "\xe4", "N" * 300, "", "From", "Received", "Subject\nX-B: c")


@scenario(main=MILTER)
def headers_that_hold_anything(mta):
    for value in VALUES:
        session(mta, f"the value {value[:20]!r}", {"eom": [add_header("X-A", value), insert_header(0, "X-I", value), change_header(1, "X-Tab", value), *HELD]},
                HELLO, FROM, TO, with_macros=False)
    for name in NAMES:
        session(mta, f"the name {name[:20]!r}", {"eom": [add_header(name, "a"), insert_header(1, name, "i"), change_header(1, name, "c"), *HELD]},
                HELLO, FROM, TO, with_macros=False)
    for index in (2, 50, 0x7fffffff):
        session(mta, f"the index {index}", {"eom": [change_header(index, "X-Long", "c"), insert_header(index, "X-I", "i"), change_header(index, "X-Long", ""), *HELD]},
                HELLO, FROM, TO, with_macros=False)
    note_queue(mta, "hold")


ADDRESSES = ("", "<>", "u2", "u2@", "@virt.test", "<u2@virt.test", "u2@virt.test>", "<<u2@virt.test>>", "u2@VIRT.test", "u 2@virt.test", '"u 2"@virt.test',
             "U2 <u2@virt.test>", "<u2@virt.test> NOTIFY=NEVER", "u2@virt.test\r\nRCPT TO:<x@y.test>", "@a.test:u2@virt.test", "a" * 400 + "@virt.test",
             "\xe4@virt.test", "u2@virt.test, u3@virt.test", "u2+box@virt.test", "(u2)", "nobody@virt.test")
ARGUMENTS = ("NOTIFY=NEVER,SUCCESS", "NOTIFY=", "ORCPT=nonsense", "ORCPT=rfc822;u+40x", "NOTIFY=NEVER NOTIFY=DELAY", "ORCPT=rfc822;a@b ORCPT=rfc822;c@d", "RET=HDRS", "", " ", "=", "SIZE=1 BODY=8BITMIME")


@scenario(main=MILTER)
def addresses_that_hold_anything(mta):
    for address in ADDRESSES:
        session(mta, f"recipient {address[:30]!r}", {"eom": [add_recipient(address), delete_recipient(address), add_recipient(address), *HELD]},
                HELLO, FROM, TO, TO2, with_macros=False)
        session(mta, f"sender {address[:30]!r}", {"eom": [change_from(address), *HELD]}, HELLO, FROM, TO, with_macros=False)
    for words in ARGUMENTS:
        session(mta, f"arguments {words!r}", {"eom": [add_recipient_with("u3@virt.test", words), change_from("new@remote.test", words), *HELD]},
                HELLO, FROM, TO, with_macros=False)
    session(mta, "many", {"eom": [*[add_recipient(f"r{n}@virt.test") for n in range(60)], *[delete_recipient(f"r{n}@virt.test") for n in range(0, 60, 2)], *HELD]},
            HELLO, FROM, TO, with_macros=False)
    session(mta, "all of them", {"eom": [delete_recipient("u1@virt.test"), delete_recipient("u1@virt.test"), *HELD]}, HELLO, FROM, TO, TO, with_macros=False)
    note_queue(mta, "hold")


BODIES = (b"no end", b"a\nb\n", b"a\rb\r", b"a\r", b"\r\n\r\n", b"a\0b\r\n", b"." + b"\r\n.\r\n..\r\n", b"x" * 5000, b"From x\r\nFrom y\r\n", b"\xff\xfe\r\n", b"\n\n")


@scenario(main=MILTER)
def bodies_that_hold_anything(mta):
    for body in BODIES:
        session(mta, f"the body {body[:20]!r}", {"eom": [replace_body(body), proceed()]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "in pieces of any size", {"eom": [*[replace_body(bytes([65 + n % 26]) + (b"\r\n" if n % 7 == 0 else b"\r" if n % 11 == 0 else b"")) for n in range(200)],
                                                   proceed()]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "empty pieces between", {"eom": [replace_body("a"), replace_body(""), replace_body("\r"), replace_body(""), replace_body("\nb\r\n"), proceed()]},
            HELLO, FROM, TO, with_macros=False)
    session(mta, "and then thrown away", {"eom": [replace_body("new\r\n"), discard()]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "and then refused", {"eom": [replace_body("new\r\n"), reject()]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "and then accepted", {"eom": [replace_body("new\r\n"), progress(), accept()]}, HELLO, FROM, TO, with_macros=False)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


REPLIES = ("550 5.7.1 " + "x" * 3000, "550-a\r\n" * 200 + "550 b", "550 5.7.1 \xe4\xf6", "550 5.7.1 \xc3\xa4", "550 5.7.1 a\x01b", "550\t5.7.1 a", "999 9.9.9 a", "400 4.0.0 a", "550 5.7.1", "550 5.7.1 ", "554 5.7.1 %%s %%n")


@scenario(main=MILTER)
def replies_that_hold_anything(mta):
    for text in REPLIES:
        for event in ("rcpt", "eom"):
            session(mta, f"{text[:30]!r} at {event}", {event: [reply(text)]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "no text", {"rcpt": [packet("y")]}, HELLO, FROM, TO, with_macros=False)
    session(mta, "two texts", {"rcpt": [packet("y", strings("550 5.7.1 a", "550 5.7.1 b"))]}, HELLO, FROM, TO, with_macros=False)


@scenario(main=MILTER, ignore=r"unreasonable packet length|left-over data|null term|EOF while reading|was followed by \d+ data bytes")
def packets_that_end_in_the_middle(mta):
    whole = add_header("X-A", "b")
    for cut in (1, 4, 5, len(whole) - 1):
        session(mta, f"{cut} bytes", {"eom": [whole[:cut], CLOSE]}, HELLO, FROM, TO, with_macros=False)
    for code, data in (("h", b""), ("h", b"X\0"), ("h", b"X\0b"), ("h", b"X\0b\0more"), ("i", b"\0\0"), ("i", b"\0\0\0\1X\0"), ("m", b"\0\0\0\1"), ("e", b""), ("e", b"a@b.test"),
                       ("2", b""), ("2", b"a@b.test\0"), ("+", b"a@b.test"), ("-", b""), ("q", b""), ("q", b"x"), ("l", b"\0\0\0\0i\0"), ("f", b""), ("s", b"x")):
        session(mta, f"packet {code} {data!r}", {"eom": [packet(code, data), proceed()]}, HELLO, FROM, TO, with_macros=False)
    for data in (b"", b"\0\0\0\6", b"\0\0\0\6\0\0\1\xff", b"\0\0\0\6\0\0\1\xff\0\0\0\0more", b"\0\0\0\6\0\0\1\xff\0\0\0\0\0\0\0\0"):
        session(mta, f"options {data!r}", {"options": [packet("O", data)]}, HELLO, FROM, TO, with_macros=False)
