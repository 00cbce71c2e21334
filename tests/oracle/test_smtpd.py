"""The SMTP server's replies, command by command."""
import pathlib

from support import check
from support.compare import scenario

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"


@scenario
def greeting_and_hello(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "HELO client.test", "EHLO", "HELO", "EHLO  two words", "ehlo lower.test",
               "EHLO [1.2.3.4]", "EHLO bad_name!", "NOOP", "NOOP foo", "RSET", "RSET x", "QUIT")


@scenario
def unknown_commands(mta):
    with mta.smtp() as s:
        s.talk("FOO", "EXPN x", "TURN", "", " EHLO x", "MAILFROM:<x>", "QUIT x", "QUIT")


@scenario
def web_client_is_disconnected(mta):
    with mta.smtp() as s:
        s.talk("GET / HTTP/1.0")
    with mta.smtp() as s:
        s.talk("CONNECT 1.2.3.4:25 HTTP/1.0")
    with mta.smtp() as s:
        s.talk("Subject: header")


@scenario
def order_of_commands(mta):
    with mta.smtp() as s:
        s.talk(TO, "DATA", FROM, "RSET", HELLO, TO, "DATA", FROM, "DATA", FROM, TO, HELLO,
               "DATA", FROM, TO, "RSET", "DATA", "QUIT")


@scenario
def mail_without_hello(mta):
    with mta.smtp() as s:
        s.talk(FROM, TO, "QUIT")


@scenario(main="smtpd_helo_required = yes")
def hello_required(mta):
    with mta.smtp() as s:
        s.talk(FROM, "HELO x.test", FROM, "QUIT")


@scenario
def mail_syntax(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "MAIL", "MAIL FROM", "MAIL FROM:", "MAIL FROM: ", "MAIL TO:<a@b.test>",
               "MAIL FROM:<>", "RSET", "MAIL FROM: <a@b.test>", "RSET", "MAIL FROM:a@b.test", "RSET",
               "mail from:<a@b.test>", "RSET", "MAIL FROM:<a@b.test> FOO=BAR", "QUIT")


@scenario(ignore="valid_ipv4_hostaddr")  # ours refuses the address before trivial-rewrite sees it
def mail_addresses(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for address in ("<a>", "<a@>", "<@b.test>", "<a@b@c.test>", "<a b@c.test>", "a b@c.test",
                        '<"a b"@c.test>', "<a@[1.2.3.4]>", "<a@[300.1.1.1]>", "<@x.test:a@b.test>"):
            s.talk(f"MAIL FROM:{address}", "RSET")


@scenario
def mail_more_addresses(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for address in ("<a..b@c.test>", "<.a@c.test>", "<a@b..test>", "<a@-b.test>", "<a@b_c.test>",
                        "<a@b.test", "a@b.test>", "<<a@b.test>>", "Alice <a@b.test>", "<a@b.test> x"):
            s.talk(f"MAIL FROM:{address}", "RSET")


@scenario
def mail_size(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM + " SIZE=100", "RSET", FROM + " SIZE=99999999", FROM + " SIZE=x", FROM + " SIZE=",
               FROM + " SIZE=-1", FROM + " SIZE=1000000000000000000000", "QUIT")


@scenario
def mail_body(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM + " BODY=7BIT", "RSET", FROM + " BODY=8BITMIME", "RSET", FROM + " BODY=8bitmime",
               "RSET", FROM + " BODY=BINARY", FROM + " body=7bit", "QUIT")


@scenario
def mail_dsn_parameters(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM + " RET=FULL ENVID=abc", "RSET", FROM + " RET=HDRS", "RSET", FROM + " RET=X",
               FROM + " ENVID=a+20b", "RSET", FROM + " ENVID=a+2", FROM + " ENVID=", FROM + " RET=FULL RET=HDRS",
               "QUIT")


@scenario
def rcpt_syntax(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT", "RCPT TO", "RCPT TO:", "RCPT TO:<>", "RCPT FROM:<u1@virt.test>",
               "RCPT TO:u1@virt.test", "RCPT TO: <u1@virt.test>", "RCPT TO:<u1@virt.test> X=Y", "rcpt to:<U1@VIRT.TEST>",
               "QUIT")


@scenario
def rcpt_dsn_parameters(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO + " NOTIFY=NEVER", TO + " NOTIFY=SUCCESS,FAILURE,DELAY", TO + " NOTIFY=NEVER,FAILURE",
               TO + " NOTIFY=X", TO + " NOTIFY=", TO + " ORCPT=rfc822;u1@virt.test", TO + " ORCPT=u1",
               TO + " ORCPT=rfc822;a+2", "QUIT")


@scenario
def relaying_is_refused_to_strangers(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<x@elsewhere.test>", "RCPT TO:<x%elsewhere.test@example.test>",
               "RCPT TO:<@example.test:x@elsewhere.test>", "RCPT TO:<elsewhere.test!x@example.test>",
               'RCPT TO:<"x@elsewhere.test"@example.test>', "RCPT TO:<x@[1.2.3.4]>", "QUIT")


@scenario
def relaying_is_open_to_own_networks(mta):
    with mta.smtp(client=100) as s:
        s.talk(HELLO, FROM, "RCPT TO:<x@elsewhere.test>", "RCPT TO:<x@[1.2.3.4]>", "RSET", "QUIT")


@scenario(main="smtpd_relay_restrictions = permit_mynetworks, defer_unauth_destination")
def relaying_deferred(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<x@elsewhere.test>", "QUIT")


@scenario
def unknown_local_users(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<nobodyhere@example.test>", "RCPT TO:<alice@example.test>",
               "RCPT TO:<ALICE@mx.example.test>", "RCPT TO:<alice>", "RCPT TO:<nobodyhere>",
               "RCPT TO:<alice+ext@example.test>", "RCPT TO:<postmaster>", "RCPT TO:<postmaster@example.test>",
               "RCPT TO:<alice@other.example.test>", "QUIT")


@scenario
def unknown_virtual_users(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<nobodyhere@virt.test>", "RCPT TO:<u1@virt.test>", "RCPT TO:<u1+x@virt.test>",
               "RCPT TO:<u1@sub.virt.test>", "QUIT")


@scenario(main="virtual_alias_domains = alias.test\n"
          "virtual_alias_maps = inline:{a@alias.test=u1@virt.test @catch.test=u2@virt.test}")
def virtual_alias_domains(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<a@alias.test>", "RCPT TO:<b@alias.test>", "RCPT TO:<x@catch.test>", "QUIT")


@scenario(main="relay_domains = relay.test\nrelay_recipient_maps = inline:{ok@relay.test=x}")
def relay_recipients(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<ok@relay.test>", "RCPT TO:<no@relay.test>", "RCPT TO:<ok@sub.relay.test>",
               "QUIT")


@scenario(main="unknown_local_recipient_reject_code = 450\nunknown_virtual_mailbox_reject_code = 450")
def unknown_users_with_soft_codes(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<no@example.test>", "RCPT TO:<no@virt.test>", "QUIT")


@scenario(main="soft_bounce = yes")
def soft_bounce_turns_5_into_4(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<no@example.test>", "RCPT TO:<x@elsewhere.test>", "FOO", "QUIT")


@scenario
def vrfy(mta):
    with mta.smtp() as s:
        s.talk("VRFY alice", HELLO, "VRFY alice", "VRFY nosuch", "VRFY", "VRFY a b", "VRFY alice@example.test",
               "VRFY <alice@example.test>", "VRFY x@elsewhere.test", "QUIT")


@scenario(main="disable_vrfy_command = yes")
def vrfy_disabled(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "VRFY alice", "QUIT")


@scenario
def data_and_dots(mta):
    with mta.smtp() as s:
        s.mail("carol@remote.test", "u1@virt.test", "Subject: dots\n\n.\n..\n.a\nend\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def data_with_arguments(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "DATA x", "DATA")
        s.body("\nnothing but a body\n")
        s.talk(FROM, "QUIT")


@scenario
def empty_message(mta):
    with mta.smtp() as s:
        s.mail("carol@remote.test", "u1@virt.test", "")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main="smtpd_forbid_unauth_pipelining = no")
def pipelining(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        s.pipeline(FROM, TO, "RCPT TO:<nobodyhere@virt.test>", "RCPT TO:<u2@virt.test>", "DATA")
        s.body("Subject: pipelined\n\nhello\n")
        s.pipeline(FROM, "RCPT TO:<nobodyhere@virt.test>", "DATA", "RSET", "QUIT")
    mta.wait_log("status=sent", 2)
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def two_messages_in_one_session(mta):
    with mta.smtp() as s:
        s.mail("carol@remote.test", "u1@virt.test", "Subject: 1\n\none\n")
        s.talk(FROM, "RCPT TO:<u2@virt.test>")
        s.data("Subject: 2\n\ntwo\n")
        s.command("QUIT")
    mta.wait_log("status=sent", 2)
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))


@scenario
def null_sender(mta):
    with mta.smtp() as s:
        s.mail("", "u1@virt.test", "Subject: null\n\nx\n")
        s.command("QUIT")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))


# The cleanup of Postfix speaks of its stream here, that of ours of the limit.
@scenario(main="message_size_limit = 2000", ignore="mail_stream_cleanup|queue file size limit")
def message_too_big(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM + " SIZE=2001", FROM + " SIZE=1000", TO)
        s.data("Subject: big\n\n" + "x" * 70 + ("\n" + "x" * 70) * 40 + "\n")
        s.talk(FROM, "QUIT")


@scenario(main="smtpd_soft_error_limit = 2\nsmtpd_hard_error_limit = 4\nsmtpd_error_sleep_time = 0")
def too_many_errors(mta):
    with mta.smtp() as s:
        for _ in range(6):
            if s.command("FOO").code in ("421", "EOF"):
                break


@scenario(main="smtpd_junk_command_limit = 3\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 6")
def too_many_junk_commands(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for _ in range(12):
            if s.command("NOOP").code in ("421", "EOF"):
                break


@scenario(main="smtpd_recipient_limit = 2\nsmtpd_recipient_overshoot_limit = 2")
def too_many_recipients(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "RCPT TO:<u2@virt.test>", "RCPT TO:<box@virt.test>", TO, TO, TO, "QUIT")


@scenario
def long_command_line(mta):
    with mta.smtp() as s:
        s.command("EHLO " + "x" * 3000 + ".test")
        s.talk("NOOP " + "y" * 2000, "MAIL FROM:<" + "a" * 3000 + "@b.test>", "QUIT")


@scenario
def client_hangs_up(mta):
    for commands in ((), (HELLO,), (HELLO, FROM), (HELLO, FROM, TO), (HELLO, FROM, TO, "DATA")):
        with mta.smtp() as s:
            s.talk(*commands)
    mta.wait_log("disconnect from", 5)


@scenario
def hang_up_inside_data(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "DATA")
        s.send("Subject: unfinished\r\n\r\nhalf a mess")
    mta.wait_log("disconnect from")
    check(not mta.virtual("u1"), "an unfinished message is not delivered")


@scenario
def commands_ended_by_bare_newline(mta):
    with mta.smtp() as s:
        for line in (HELLO, "NOOP", "QUIT"):
            s.send(line + "\n")
            s.read()


@scenario(main="smtpd_timeout = 1s")
def timeout(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        s.read()
    mta.wait_log("disconnect from")


@scenario(main="smtpd_banner = $myhostname ESMTP unusual\nsmtpd_delay_reject = no\n"
          "smtpd_client_restrictions = permit_mynetworks, reject")
def refused_client_without_delay(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="smtpd_client_restrictions = permit_mynetworks, reject")
def refused_client_with_delay(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="smtpd_recipient_restrictions = no_such_restriction")
def unknown_restriction_is_a_temporary_error(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, "QUIT")


@scenario(main="local_recipient_maps = hash:@CONF@/missing")
def missing_map_is_a_temporary_error(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<alice@example.test>", "RCPT TO:<u1@virt.test>", "QUIT")


@scenario(main="smtpd_client_connection_count_limit = 1\nsmtpd_client_event_limit_exceptions =")
def connection_count_limit(mta):
    with mta.smtp() as first:
        first.command(HELLO)
        with mta.smtp() as second:
            second.command(HELLO)
        first.command("QUIT")


@scenario(main="smtpd_client_message_rate_limit = 1\nsmtpd_client_event_limit_exceptions =")
def message_rate_limit(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RSET", FROM, "QUIT")


@scenario(main="smtpd_client_recipient_rate_limit = 1\nsmtpd_client_event_limit_exceptions =")
def recipient_rate_limit(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, TO, TO, "QUIT")


STATUSES = [f"{subject}.{detail}" for subject in (1, 2) for detail in range(10)]
TO_ERROR = ", ".join(f"{{s{s}@example.test = error:5.{s} text}}" for s in STATUSES)


@scenario(main=f"""\
relocated_maps = inline:{{bob@example.test=x@new.test, gone@example.test=y@new.test, gone@alias.test=z@new.test,
  gone@relay.test=v@new.test, kept@alias.test=w@new.test}}
virtual_alias_domains = alias.test
virtual_alias_maps = inline:{{kept@alias.test=alice@example.test}}
relay_domains = relay.test
relay_recipient_maps = inline:{{alice@relay.test=x}}
unknown_virtual_alias_reject_code = 551
unknown_relay_recipient_reject_code = 552
unknown_local_recipient_reject_code = 553
transport_maps = inline:{{{{later@example.test = retry:4.7.3 later}}, {{soon@relay.test = retry:soon}},
  {{hard@relay.test = retry:5.2.1 hard}}, {{soft@relay.test = error:4.2.1 soft}},
  {{plain@relay.test = error:gone}}, {TO_ERROR}}}
smtpd_reject_unlisted_sender = yes
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
""")
def refused_by_a_transport_or_by_a_list(mta):
    """What the error transport says comes before the lists of known users, with a status that suits senders
    or recipients."""
    users = ["bob@example.test", "gone@example.test", "gone@alias.test", "gone@relay.test", "kept@alias.test",
             "nobody@alias.test", "nobody@relay.test", "nobody@example.test", "later@example.test",
             "plain@relay.test", "soon@relay.test", "hard@relay.test", "soft@relay.test", "alice@relay.test"] + [f"s{s}@example.test" for s in STATUSES]
    with mta.smtp(client=100) as s:
        s.talk(HELLO, FROM, *[f"RCPT TO:<{user}>" for user in users])
        for user in users:
            s.talk("RSET", f"MAIL FROM:<{user}>", TO)


@scenario(main="smtpd_reject_unlisted_sender = yes")
def unlisted_sender_for_each_recipient(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "MAIL FROM:<nobody@virt.test>", TO, TO, "RCPT TO:<u2@virt.test>", "RSET",
               "MAIL FROM:<u2@virt.test>", TO, "RSET", "MAIL FROM:<nobody@virt.test>", TO, "QUIT")


@scenario
def nul_in_commands(mta):
    """What is behind a NUL is not seen, so that no two programs can read the line differently."""
    with mta.smtp() as s:
        s.command(HELLO)
        for line in (b"MAIL FROM:<a\0b@c.test>", b"RSET", b"MAIL FROM:<a@b.test>\0 FOO=BAR", b"MAIL FROM:<x@y.test>",
                     b"RCPT TO:<u1@virt.test\0@far.test>", b"RCPT TO:<\"x@far.test\0\"@virt.test>",
                     b"RCPT TO:<u1@virt.test>\0x", b"NO\0OP", b"NOOP\0 x", b"\0", b"QU\0IT", b"QUIT\0 now"):
            s.send(line + b"\r\n", line.decode().replace("\0", "^@"))
            s.read()


@scenario(main="smtpd_soft_error_limit = 10000\nsmtpd_hard_error_limit = 10000\nsmtpd_junk_command_limit = 10000\n"
          "smtpd_recipient_limit = 10000\nsmtpd_recipient_overshoot_limit = 10000\n")
def paths_right_and_wrong(mta):
    """Each line of addresses.txt in brackets, without, with one too many, and for VRFY."""
    addresses = (pathlib.Path(__file__).parent / "addresses.txt").read_text(encoding="utf-8").splitlines()
    with mta.smtp(client=128) as s:
        s.talk(HELLO, FROM)
        for address in addresses:
            # Postfix forgets to look for the route in doubled brackets.
            if address.isascii() and "\t" not in address and address != "<@r:u>":
                s.talk(f"RCPT TO:<{address}>", f"RCPT TO:{address}", f"VRFY {address}", f"VRFY <{address}")
    mta.wait_log("disconnect from")


ENDS = (b"a\r\n.\r\r\nb\r\n.\r\n", b"a\r\n.\rb\r\n.\r\n", b"a\r\r\n.\r\n", b"a\r.\rb\r\n.\r\n", b"a\r\r\r\nb\r\n.\r\n",
        b"a\r\n\r.\r\nb\r\n.\r\n", b"a\r\n.\0\r\nb\r\n.\r\n", b"a\r\n..\r\r\n.\r\n", b".\r\r\n.\r\n", b"a\r\n.\nb\r\n.\r\n",
        b"a\n.\r\nb\r\n.\r\n")


def ends_of_data(mta):
    for content in ENDS:
        with mta.smtp() as s:
            s.talk(HELLO, FROM, TO, "DATA")
            s.send(content, repr(content))
            s.read()
            s.talk("NOOP", "NOOP", "QUIT")
            while s.read_line():  # what a smuggled command got
                pass
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


for mode in ("no", "normalize", "reject"):
    name = f"ends_of_data_{mode}"
    globals()[name] = scenario(main=f"smtpd_forbid_bare_newline = {mode}\nsmtpd_forbid_unauth_pipelining = no\n",
                               # Postfix does not tell cleanup of all that it will refuse.
                               ignore="improper command pipelining|message-id=<>")(ends_of_data)
    globals()[name].__name__ = name


@scenario
def clients_that_leave(mta):
    """Only who leaves in the middle is worth a line in the log."""
    content = "Subject: x\r\n\r\nx\r\n."
    for lines in ((), (HELLO,), (HELLO, FROM), (HELLO, FROM, TO), (HELLO, FROM, TO, "DATA"), (HELLO, FROM, TO, "DATA", content),
                  (HELLO, FROM, TO, "DATA", content, "NOOP"), (HELLO, FROM, TO, "DATA", content, "RSET"), (HELLO, "NOOP"),
                  (HELLO, "FOO"), (HELLO, FROM, TO, "RSET"), ("QUIT",)):
        with mta.smtp() as s:
            for line in lines:
                s.command(line)
        mta.settle()


@scenario
def helo_after_ehlo(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "HELO client.test", FROM, TO, "RCPT TO:<nobody@virt.test>", "DATA")
        s.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        s.read()
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


ROUTES = ["MAIL FROM:<@r.test:a@b.test>", "RCPT TO:<@a.test,@b.test:u1@virt.test>", "RCPT TO:<@virt.test:u1@virt.test>", "RCPT TO:<@virt.test>",
          "RCPT TO:<:u1@virt.test>", "RCPT TO:<@a.test:>", "RSET", "MAIL FROM:<@r.test:>", "RSET", "MAIL FROM:<@:a@b.test>", "RSET",
          "MAIL FROM:<@r.test,:a@b.test>", "RSET", "MAIL FROM:<@[1.2.3.4]:a@b.test>", "QUIT"]


@scenario(main="strict_rfc821_envelopes = yes\n")
def source_routes_where_strict(mta):
    with mta.smtp() as s:
        s.talk("EHLO c.test", *ROUTES)


@scenario
def source_routes(mta):
    with mta.smtp() as s:
        s.talk("EHLO c.test", *ROUTES)


@scenario(main="smtpd_delay_reject = no\nsmtpd_hard_error_limit = 50\nsmtpd_junk_command_limit = 50\nsmtpd_error_sleep_time = 0\n")
def bytes_behind_a_nul(mta):
    with mta.smtp() as s:
        for line in (b"HELO c.test", b"NOOP \0\xff", b"NOOP \xff", b"NOOP \0x", b"HELO c\0\xff.test", b"VRFY <u1@virt.test>\0\xff",
                     b"MAIL FROM:<a@b.test\0\xff>", b"NO\0OP", b"\0\xff", b"RSET\0\xff", b"MAIL FROM:<a@b.test>\0\xff",
                     b"RCPT TO:<u1@virt.test>\0\xff", b"RCPT TO:<u1@virt.test> \0NOTIFY=\xff", b"FOO\0\xff", b"FOO \xff", b"\xc0\x80",
                     b"NOOP \xed\xa0\x80", b"NOOP \xf4\x90\x80\x80", b"NOOP \xc3", b"QUIT"):
            s.command(line.decode("utf-8", "surrogateescape"))


@scenario(main="recipient_canonical_maps = inline:{{rc@virt.test=u1@virt.test} rl=alice}\nsender_canonical_maps = inline:{sc@virt.test=u1@virt.test}\n"
          "canonical_maps = inline:{cc@virt.test=u1@virt.test}\nsmtpd_sender_restrictions = reject_unlisted_sender\n"
          "smtpd_delay_reject = no\nsmtpd_hard_error_limit = 50\nsmtpd_error_sleep_time = 0\n")
def unlisted_but_rewritten(mta):
    people = ("rc@virt.test", "sc@virt.test", "cc@virt.test", "no@virt.test", "u1@virt.test", "rl@example.test")
    with mta.smtp() as s:
        s.command("EHLO c.test")
        for sender in people:
            s.talk(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{to}>" for to in people), "RSET")
        s.command("QUIT")
