"""What becomes of headers and addresses on the way into the queue."""
import pathlib

from support.compare import scenario

ADDRESSES = (pathlib.Path(__file__).parent / "addresses.txt").read_text(encoding="utf-8").splitlines()


def arrives(mta, text, sender="carol@remote.test", to="u1@virt.test", client=100):
    mta.mail(sender, to, text, client=client)
    mta.settle()
    for box in ("u1", "u2", "box"):
        mta.note_mail(box, mta.virtual(box))


@scenario
def missing_headers_from_own_network(mta):
    arrives(mta, "\nno header at all\n")


@scenario
def missing_headers_from_a_stranger(mta):
    arrives(mta, "\nno header at all\n", client=128)


@scenario
def missing_date_only(mta):
    arrives(mta, "From: a@b.test\nMessage-Id: <x@y.test>\n\nx\n")


@scenario(main="always_add_missing_headers = yes")
def missing_headers_always_added(mta):
    arrives(mta, "Subject: x\n\nx\n", client=128)


@scenario
def bare_addresses_are_completed(mta):
    arrives(mta, "From: alice\nTo: bob, Carol <carol>, \"Q, Q\" <dave@host>\nCc: (comment) erin\nSubject: x\n\nx\n")


@scenario
def strangers_headers_are_left_alone(mta):
    arrives(mta, "From: alice\nTo: bob, Carol <carol@host>\nSubject: x\n\nx\n", client=128)


@scenario(main="remote_header_rewrite_domain = domain.invalid")
def strangers_headers_get_the_remote_domain(mta):
    arrives(mta, "From: alice\nTo: bob, Carol <carol@host>\nSubject: x\n\nx\n", client=128)


@scenario
def group_and_route_addresses(mta):
    arrives(mta, "From: a@b.test\nTo: friends: alice, bob@x.test;, <@route.test:u@v.test>, a%b@c.test, h!u\n"
            "Cc: undisclosed-recipients:;\nSubject: x\n\nx\n")


@scenario
def quoted_and_commented_addresses(mta):
    arrives(mta, "From: \"A. B\" (first) <a@b.test> (second)\nTo: \"with space\"@c.test, a.@d.test,\n"
            "  folded@e.test\n\t(tail)\nSubject: folded\n  subject\nReply-To: x y <z@w.test>\n\nx\n")


@scenario
def broken_address_headers(mta):
    arrives(mta, "From: <a@b.test\nTo: @, <>, ,, a@b c@d\nCc: \"unclosed\nSubject: x\n\nx\n")


@scenario
def bcc_goes_and_return_path_stays_out(mta):
    arrives(mta, "From: a@b.test\nTo: c@d.test\nBcc: secret@e.test\nContent-Length: 5\nReturn-Path: <z@z.test>\n"
            "Subject: x\n\nx\n")


@scenario
def resent_headers(mta):
    arrives(mta, "Resent-From: alice\nResent-To: bob\nFrom: a@b.test\nTo: c@d.test\nSubject: x\n\nx\n")


@scenario
def long_header_lines(mta):
    arrives(mta, "From: a@b.test\nTo: " + ", ".join(f"user{n}" for n in range(120)) + "\nSubject: " + "s" * 1500 +
            "\n\nx\n")


@scenario
def body_that_looks_like_a_header(mta):
    arrives(mta, "From: a@b.test\nnot a header line\nTo: bob\n\nx\n")


@scenario
def header_with_a_space_before_the_colon(mta):
    arrives(mta, "From : a@b.test\nTo: bob\nSubject:no space\nEmpty:\n\nx\n")


@scenario
def mbox_separator_first(mta):
    arrives(mta, "From someone Mon Jan  1 00:00:00 2024\nSubject: x\n\nx\n")
    arrives(mta, ">From someone\nSubject: y\n\nx\n")


@scenario
def mime_message(mta):
    arrives(mta, "Mime-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n\npreamble\n--b\n"
            "Content-Type: text/plain\n\nTo: bare\nhello\n--b\nContent-Type: message/rfc822\n\nFrom: inner\nTo: bare\n\n"
            "x\n--b--\n")


@scenario(main="virtual_alias_domains = alias.test\nvirtual_alias_maps = inline:{"
          "{one@alias.test=u1@virt.test} {many@alias.test=u1@virt.test, u2@virt.test} {deep@alias.test=many@alias.test} "
          "{bare@alias.test=alice} {@all.test=u2@virt.test} {keep@alias.test=keep@alias.test, u1@virt.test} "
          "{domain@alias.test=@virt.test}}")
def virtual_aliases(mta):
    for to in ("one@alias.test", "many@alias.test", "deep@alias.test", "bare@alias.test", "x@all.test",
               "one+ext@alias.test"):
        mta.mail("carol@remote.test", to, f"Subject: {to}\n\nx\n")
    arrives(mta, "Subject: both\n\nx\n", to=["one@alias.test", "many@alias.test"])
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario(main="virtual_alias_domains = alias.test\nvirtual_alias_maps = inline:{loop@alias.test=x+loop@alias.test}\n"
          "virtual_alias_recursion_limit = 5")
def virtual_alias_loop(mta):
    with mta.smtp(client=100) as s:
        s.mail("carol@remote.test", "loop@alias.test", "Subject: x\n\nx\n")
        s.command("QUIT")


@scenario(main="canonical_maps = inline:{{alice@example.test=Alice.A@example.test}}\n"
          "sender_canonical_maps = inline:{{bob=Robert@example.test}}\nrecipient_canonical_maps = inline:{{old@virt.test=u1@virt.test}}")
def canonical_addresses(mta):
    arrives(mta, "From: alice\nTo: bob, alice@example.test\nSubject: x\n\nx\n", sender="bob@example.test",
            to=["u1@virt.test"])


@scenario(main="masquerade_domains = example.test\nmasquerade_exceptions = root")
def masquerading(mta):
    arrives(mta, "From: alice@host.example.test\nTo: bob@deep.host.example.test, root@host.example.test\nSubject: x\n\nx\n",
            sender="alice@host.example.test")


@scenario(main="always_bcc = u2@virt.test")
def always_bcc(mta):
    arrives(mta, "Subject: x\n\nx\n")


SHORT = "header_size_limit = 200\nmessage_drop_headers = subject, X-Dropped bcc\n"


@scenario(main=SHORT)
def header_over_its_limit(mta):
    arrives(mta, "Subject: x\nX-Long: " + "a b c " * 100 + "\nTo: bob\n\nx\n")


@scenario(main=SHORT)
def folded_header_over_its_limit(mta):
    """Where the limit cuts a line after the first: what would be left of it is kept only where it is a tenth of the limit."""
    for left in (-1, 0, 1, 10, 18, 19, 20, 21):
        line = "X-Cut: " + "a" * (200 - 7 - 1 - left)
        arrives(mta, f"From: x\n{line}\n 123456789 123456789 123456789 123456789\n more\nTo: x@long.test,\n {'y' * 90}@x.test,\n {'z' * 90}@x.test\n\nx\n",
                sender=f"left{left}@remote.test")


@scenario(main=SHORT)
def any_header_is_dropped(mta):
    arrives(mta, "SUBJECT: x\nx-dropped: 1\n 2\nX-Dropped : 3\nX-Dropped-Not: 4\nBcc: u2@virt.test\nX: 5\n\nSubject: x\n")


@scenario(main="recipient_canonical_maps = fail:later\nrecipient_canonical_classes = header_recipient\n")
def addresses_of_a_header_that_is_dropped(mta):
    """They are looked up all the same."""
    with mta.smtp() as session:
        for header in ("Bcc: u2@virt.test", "X: u2@virt.test"):
            session.talk("HELO client.example.test", "MAIL FROM:<a@remote.test>", "RCPT TO:<u1@virt.test>")
            mta.note(header, session.data(f"{header}\n\nx\n").code)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main="append_at_myorigin = no\nappend_dot_mydomain = yes\nmyorigin = origin.test")
def completion_by_dots(mta):
    arrives(mta, "From: alice\nTo: bob@host, x@y.z\nSubject: x\n\nx\n")


@scenario(main="myorigin = origin.test\nappend_dot_mydomain = yes")
def completion_with_myorigin(mta):
    arrives(mta, "From: alice\nTo: bob@host, x@y.z\nSubject: x\n\nx\n", sender="alice")


def submitted(mta, text):
    mta.run("sendmail", "-f", "carol@remote.test", "u1@virt.test", input=text)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(ignore="rewrite_addr: null address")
def addresses_right_and_wrong(mta):
    """Each line of addresses.txt behind one that has to be completed, and alone."""
    submitted(mta, "".join(f"Reply-To: z, {value}\nX-Mark: {value}\nReply-To: {value}\n" for value in ADDRESSES) + "\nx\n")


@scenario
def blanks_before_the_colon(mta):
    for text in ("From : alice\nX-Y : z\nSubject : x\nDate  :y\nMessage-Id\t: <x@y>\nMIME-Version\t:1.0\n\nx\n",
                 "From: a\nX-Y  :\n  : z\nCc  :b\nReceived : x\nTo\t :c\nTo \n : x\n\nbody\n",
                 "MIME-Version : 1.0\nContent-Type : multipart/mixed; boundary=x\n\n--x\nContent-Type : text/plain\nX : y\n\nA : b\n--x--\n"):
        submitted(mta, text)


RESENT = ("Bcc: a", "Resent-Bcc: a", "From: a@b\nBcc: c", "Message-Id: <x@y>\nDate: z\nFrom: a@b\nTo: x@y", "Resent-From: x\nTo: a@b",
          "Resent-Date: x", "Return-Path: x", "Apparently-To: x", "Resent-To: x", "Resent-Cc: x", "Resent-Reply-To: z")


@scenario(main="undisclosed_recipients_header = To: undisclosed\n")
def dropped_headers_are_not_missing(mta):
    for text in RESENT:
        submitted(mta, text + "\n\nx\n")


@scenario(main="undisclosed_recipients_header = To: undisclosed\n"
          "message_drop_headers = message-id, date, from, to, resent-date, cc\n")
def other_dropped_headers_are_not_missing(mta):
    for text in RESENT:
        submitted(mta, text + "\n\nx\n")


@scenario
def parts_without_an_empty_line(mta):
    """What is in the body stays as it is, however little it looks like a part."""
    part = "MIME-Version: 1.0\nContent-Type: {}\n\n"
    mixed, digest, message = (part.format(f) for f in ("multipart/mixed; boundary=b", "multipart/digest; boundary=b", "message/rfc822"))
    for text in (mixed + "--b\nline\n--b--\n",
                 mixed + "--b\nContent-Type: text/plain\nline x\n--b\nContent-Type: message/rfc822\n\nline\n--b\nContent-Type: message/rfc822\nzz z\n"
                 "--b\nContent-Type: message/rfc822\n\nA: b\nzz z\n--b\nContent-Type: message/rfc822\n--b--\n",
                 message + "A: b\nno header\n", message + "no header\n", message[:-1] + "no header\n",
                 message + message[:-1] + "no header\n", "A: b\nno header\n", mixed[:-1] + "--b\n\nx\n",
                 digest + "--b\nx\n--b\n\nx\n--b\nA: b\nx\n", message + "\nx y\n", mixed + "--b\n--b\n--b--\nx\n"):
        submitted(mta, text)


@scenario(main="canonical_maps = inline:{MAILER-DAEMON@mx.example.test=canon@virt.test x@virt.test=MAILER-DAEMON@origin.test}\nmyorigin = origin.test\nlocal_recipient_maps =\n")
def mailer_daemon_is_the_null_sender(mta):
    for sender in ("MAILER-DAEMON", "mailer-daemon@ORIGIN.test", "MAILER-DAEMON@mx.example.test", "x@virt.test", "mailer-daemon+x", "MAILER-DAEMON@origin.test."):
        mta.sendmail("-f", sender, "u1@virt.test", input="Subject: x\n\nx\n")
        mta.settle()
        mta.note(sender, [line.text for line in mta.log() if "from=<" in line.text][-1])
    for sender in ("MAILER-DAEMON@origin.test", "Mailer-Daemon@mx.example.test"):
        mta.mail(sender, "u1@virt.test")
        mta.settle()
        mta.note(sender, [line.text for line in mta.log() if "from=<" in line.text][-1])
