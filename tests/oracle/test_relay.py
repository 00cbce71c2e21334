"""The SMTP client: where it connects, what it says, what it makes of the answers."""
from support.compare import scenario
from support.relay import EHLO_PLAIN, PORT, TEXT, hosts, send
from support.room import room


@scenario(main=PORT)
def accepted(mta):
    with mta.sink(31):
        send(mta, "x@one.test")


@scenario(main=PORT)
def two_recipients_in_one_transaction(mta):
    with mta.sink(31):
        send(mta, ["x@one.test", "y@one.test"])


@scenario(main=PORT)
def server_without_pipelining(mta):
    with mta.sink(32, EHLO=EHLO_PLAIN):
        send(mta, ["x@two.test", "y@two.test"])


@scenario(main=PORT)
def server_without_esmtp(mta):
    with mta.sink(33, EHLO="500 5.5.1 what"):
        send(mta, "x@three.test")


@scenario(main=PORT)
def greeting_4xx(mta):
    with mta.sink(34, CONNECT="421 4.3.2 busy"):
        send(mta, "x@four.test")


@scenario(main=PORT)
def greeting_5xx(mta):
    with mta.sink(35, CONNECT="554 5.7.1 not you"):
        send(mta, "x@five.test")


@scenario(main=PORT)
def sender_refused(mta):
    with mta.sink(36, MAIL="550 5.1.8 no such domain"):
        send(mta, "x@six.test")


@scenario(main=PORT)
def sender_deferred(mta):
    with mta.sink(36, MAIL="451 4.1.8 later"):
        send(mta, "x@six.test")


@scenario(main=PORT)
def one_of_two_recipients_refused(mta):
    def rcpt(line):
        return "550 5.1.1 no such user" if "bad" in line else "250 2.1.5 Ok"
    with mta.sink(37, RCPT=rcpt):
        send(mta, ["bad@seven.test", "good@seven.test"])


@scenario(main=PORT)
def one_of_two_recipients_deferred(mta):
    def rcpt(line):
        return "450 4.2.0 greylisted" if "slow" in line else "250 2.1.5 Ok"
    with mta.sink(37, RCPT=rcpt):
        send(mta, ["slow@seven.test", "good@seven.test"])


@scenario(main=PORT)
def data_refused(mta):
    with mta.sink(38, DATA="554 5.7.1 no data today"):
        send(mta, "x@eight.test")


@scenario(main=PORT)
def end_of_data_refused(mta):
    with mta.sink(38, **{".": "554-5.7.1 looks like spam\n554 5.7.1 really"}):
        send(mta, "x@eight.test")


@scenario(main=PORT)
def end_of_data_deferred(mta):
    with mta.sink(38, **{".": "452 4.3.1 disk full"}):
        send(mta, "x@eight.test")


@scenario(main=PORT)
def codes_without_enhanced_status(mta):
    with mta.sink(38, RCPT="550 no such user here"):
        send(mta, "x@eight.test")


@scenario(main=PORT)
def hang_up_after_data(mta):
    with mta.sink(31, **{".": "CLOSE"}):
        send(mta, "x@one.test")


@scenario(main=PORT + "\nrelayhost = [@NET@.44]:2600")
def connection_refused(mta):
    send(mta, "x@anywhere.test")


@scenario(main=PORT + "\nsmtp_helo_timeout = 1s\nsmtp_connect_timeout = 1s")
def no_greeting(mta):
    with mta.sink(31, CONNECT="HANG"):
        send(mta, "x@one.test")


@scenario(main=PORT)
def names_that_do_not_resolve(mta):
    for domain in ("nosuch.invalid", "null.test", "nodata.test", "dangling.test", "servfail.test"):
        send(mta, f"x@{domain}")


@scenario(main=PORT)
def address_record_without_mx(mta):
    with mta.sink(39):
        send(mta, "x@bare.test")


@scenario(main=PORT)
def address_literal(mta):
    with mta.sink(39):
        send(mta, f"x@[{mta.room.address(39)}]")


@scenario(main=PORT)
def mx_hosts_in_order_of_preference(mta):
    with mta.sink(41) as second, mta.sink(43):
        send(mta, "x@many.test")
        mta.note("connections to the second", second.connections)


@scenario(main=PORT)
def next_mx_after_a_4xx_greeting(mta):
    with mta.sink(42, CONNECT="421 4.3.2 busy"), mta.sink(41):
        send(mta, "x@many.test")


@scenario(main=PORT + "\nrelayhost = [mx.one.test]")
def relayhost_in_brackets(mta):
    with mta.sink(31):
        send(mta, "x@anywhere.test")


@scenario(main="relayhost = two.test:2525")
def relayhost_with_mx_and_port(mta):
    with mta.sink(32):
        send(mta, "x@anywhere.test")


@scenario(main=PORT + "\ntransport_maps = inline:{{one.test=smtp:[mx.two.test]} {.one.test=smtp:[mx.three.test]:2525} "
          "{special@one.test=discard:} {two.test=error:5.1.9 closed} {six.test=:[mx.seven.test]} {*=smtp:[mx.four.test]}}")
def transport_table(mta):
    with mta.sink(32), mta.sink(33), mta.sink(34), mta.sink(37):
        for to in ("x@one.test", "x@sub.one.test", "special@one.test", "x@six.test", "x@other.test"):
            send(mta, to)
        mta.sendmail("-f", "carol@example.test", "x@two.test", input=TEXT)
        mta.settle()


@scenario(main=PORT + "\nsender_dependent_relayhost_maps = inline:{{carol@example.test=[mx.three.test]}}")
def relayhost_by_sender(mta):
    with mta.sink(33), mta.sink(31):
        send(mta, "x@one.test")
        send(mta, "x@one.test", sender="dave@example.test")


@scenario(main=PORT + "\ndefer_transports = smtp")
def deferred_transport(mta):
    send(mta, "x@one.test")


@scenario(main=PORT + "\nfallback_relay = [mx.three.test]\nsmtp_fallback_relay = [mx.three.test]")
def fallback_relay(mta):
    with mta.sink(33):
        send(mta, "x@nosuch.invalid")


@scenario(main=PORT + "\nsmtp_generic_maps = inline:{{carol@example.test=public@elsewhere.test}}")
def generic_maps(mta):
    with mta.sink(31):
        send(mta, "x@one.test", "From: carol@example.test\nTo: x@one.test\nSubject: x\n\nx\n")


@scenario(main=PORT)
def dsn_parameters_are_passed_on(mta):
    hosts()
    with mta.sink(31):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.test", "MAIL FROM:<carol@example.test> RET=HDRS ENVID=id+2B1",
                   "RCPT TO:<x@one.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig+40x@y.test",
                   "RCPT TO:<y@one.test> NOTIFY=NEVER")
            s.data(TEXT)
            s.command("QUIT")
        mta.settle()


@scenario(main=PORT)
def eight_bit_to_a_server_that_lacks_it(mta):
    with mta.sink(32, EHLO="250 sink.test"):
        send(mta, "x@two.test", b"Subject: bytes\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
             b"Content-Transfer-Encoding: 8bit\n\n\xe4\xf6\xfc\n")


@scenario(main=PORT)
def size_limit_of_the_server(mta):
    with mta.sink(32, EHLO="250-sink.test\n250 SIZE 100"):
        send(mta, "x@two.test")


@scenario(main=PORT)
def long_lines_are_split(mta):
    with mta.sink(31):
        send(mta, "x@one.test", "Subject: long\n\n" + "x" * 2500 + "\nend\n")


OUT_OF_STEP = ({"MAIL": "334 x"}, {"RCPT": "354 go"}, {"RCPT": "220 x"}, {".": "354 more"}, {"RCPT": "600 x"},
               {".": "199 x"}, {"RCPT": "550  5.1.1 two blanks"}, {"RCPT": "550 4.1.1 mixed"}, {"RCPT": "550-5.1.1 x\n450 4.1.1 y"},
               {"EHLO": "250-sink\n250 SIZE 0"}, {"EHLO": "250-sink\n250 SIZE"}, {"EHLO": "250-sink\n250 SIZE abc"}, {"CONNECT": "354 go"})


@scenario(main=PORT + "\nsmtp_connection_cache_on_demand = no\n")
def servers_out_of_step(mta):
    for script in OUT_OF_STEP:
        with mta.sink(31, **script):
            send(mta, "x@one.test")
