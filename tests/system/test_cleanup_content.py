"""What cleanup does to content and Postfix 3.7 does not yet: conversion to 7 bits, headers without an end."""
from support import check, equal
from support.instance import Instance


def received(main, *messages, envelope=""):
    """The bodies that arrive, and the replies."""
    mta = Instance(main=main, files={"body": "/^gr=C3=BC=C3=9Fe$/ REPLACE seen\n"})
    mta.start()
    replies = []
    with mta.smtp() as s:
        s.command("EHLO client.test")
        for message in messages:
            s.talk("MAIL FROM:<carol@remote.test>" + envelope, "RCPT TO:<u1@virt.test>")
            replies.append(str(s.data(message)))
        s.command("QUIT")
    mta.settle()
    mta.check_sane()
    got = mta.virtual("u1")
    mta.stop()
    return sorted(got), replies


def test_8bit_bodies_become_quoted_printable():
    text = "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngrüße\n"
    (got,), _ = received("force_mime_input_conversion = yes", text, envelope=" BODY=8BITMIME")
    check(b"Content-Transfer-Encoding: quoted-printable\n" in got and b"gr=C3=BC=C3=9Fe\n" in got, got)
    (got,), _ = received("force_mime_input_conversion = yes", text.replace("8bit", "7bit"))
    check("grüße\n".encode() in got, "what does not say that it is 8-bit stays")
    (got,), _ = received("force_mime_input_conversion = yes\nbody_checks = regexp:@CONF@/body", text)
    check(b"\nseen\n" in got, "checks see the converted text")


ODD = "Subject: x\nnot a header line\nSubject: y\n\nbody\n"


def test_a_header_without_an_end():
    (got,), _ = received("", ODD)
    check(b"Subject: x\n\nnot a header line\nSubject: y\n" in got and b"MIME-Error" not in got, got)
    (got,), _ = received("non_empty_end_of_header_action = add_header", ODD)
    check(b"Subject: x\nMIME-Error: message header was not terminated by empty line\n\nnot a header line\n" in got, got)
    got, replies = received("non_empty_end_of_header_action = reject", ODD, "Subject: x\n\nnot a header line\n", "Subject: x\n")
    equal([reply[:3] for reply in replies], ["550", "250", "250"], "replies")
    equal(len(got), 2, "messages")
