"""Servers that say what is no reply, at every step: the SMTP and LMTP clients make the same of it as Postfix's, and tell the log."""
from support.compare import scenario
from support.lmtp_sink import hello, lmtp_sink
from support.relay import PORT, hosts, send

LIES = (
    "hello\n250 ok", "hello\n550 5.1.1 no", "\n250 ok", "2500 ok\n250 ok", "25 ok\n250 ok", "250ok\n250 ok", "250_ok\n250 ok",
    " 250 ok\n250 ok", "+250 ok\n250 ok", "250", "250-", "250-one\nword\n250 three", "250-one\n550 5.1.1 two", "550-5.1.1 one\n250 two",
    "450-4.1.1 one\n550 5.1.1 two", "199 x", "000 x", "600 x", "999 x", "354 go", "250 \x01\x7f", "250 4.1.1 soft", "550 4.1.1 soft", "550 2.1.0 good",
    "550 5.1 short", "550 5.1.1.1 long", "550 5.1.1234 long", "550 5.99.999 odd", "450 5.1.1 hard", "550\t5.1.1 tab", "550-5.1.1 a\n550 b",
)
FEW = ("hello\n250 ok", "2500 ok\n250 ok", "250", "250-", "250-one\nword\n550 5.1.1 two", "550-5.1.1 one\n250 two", "000 x", "600 x", "354 go")
LONG = ("250 " + "x" * 3000, "z" * 3000 + "\n250 ok", "250-" + "w" * 3000 + "\n250 ok")
RACE = "remove QID from active"  # Postfix's queue manager, when the test empties the queue
MAIN = PORT + "\nsmtp_helo_timeout = 1s\nsmtp_mail_timeout = 1s\nsmtp_rcpt_timeout = 1s\nsmtp_data_done_timeout = 1s\nsmtp_data_init_timeout = 1s\nsmtp_quit_timeout = 1s\nsmtp_rset_timeout = 1s\n"


def lie(lies):
    """A reply by the number in the address: "RCPT TO:<u3@..." has the fourth lie."""
    return lambda line: lies[int(line.split("<u")[1].split("@")[0])]


def of_recipients(mta, lies):
    with mta.sink(31, EHLO="250-sink.test\n250 PIPELINING", RCPT=lie(lies)):
        for n in range(len(lies)):
            send(mta, [f"u{n}@one.test"], sender="")


@scenario(ignore=RACE, main=MAIN)
def replies_to_rcpt(mta):
    of_recipients(mta, LIES)
    of_recipients(mta, LONG)


@scenario(ignore=RACE, main=MAIN)
def replies_to_rcpt_where_nothing_is_pipelined(mta):
    with mta.sink(31, EHLO="250 sink.test", RCPT=lie(FEW)):
        for n in range(len(FEW)):
            send(mta, [f"u{n}@one.test"], sender="")


@scenario(ignore=RACE, main=MAIN)
def replies_to_mail(mta):
    with mta.sink(31, EHLO="250 sink.test", MAIL=lie(FEW)):
        for n in range(len(FEW)):
            send(mta, ["x@one.test"], sender=f"u{n}@example.test")


def each(mta, step, lies):
    hosts()
    for text in lies:
        with mta.sink(31, **{step: text}):
            send(mta, ["x@one.test"], sender="")


@scenario(ignore=RACE, main=MAIN)
def greetings(mta):
    each(mta, "CONNECT", [text.replace("250", "220") for text in FEW if "354" not in text])


@scenario(ignore=RACE, main=MAIN)
def replies_to_ehlo(mta):
    each(mta, "EHLO", FEW)


@scenario(ignore=RACE, main=MAIN)
def replies_to_data(mta):
    each(mta, "DATA", [text.replace("250", "354") for text in FEW])


@scenario(ignore=RACE, main=MAIN)
def replies_to_the_end_of_data(mta):
    """Postfix sends QUIT before it has the reply, and takes the goodbye for its end where it has none."""
    each(mta, ".", [text for text in FEW if text != "250-"])


@scenario(ignore=RACE, main=MAIN)
def replies_to_quit(mta):
    each(mta, "QUIT", [text.replace("250", "221") for text in FEW])


LMTP = MAIN.replace("smtp_", "lmtp_").replace("lmtp_helo", "lmtp_lhlo") + "transport_maps = static:lmtp:inet:[@NET@.31]:2525\n"


@scenario(ignore=RACE, main=LMTP)
def replies_of_lmtp(mta):
    for step in ("CONNECT", "LHLO", "RCPT"):
        for text in ("hello\n250 ok", "250-one\n550 5.1.1 two", "2500 ok\n250 ok", "250-a\nb\n250 c"):
            good = text.replace("250", "220") if step == "CONNECT" else text
            with lmtp_sink(mta, finals=["250 ok"] * 2, **{"LHLO": hello(), step: good}):
                send(mta, ["x@one.test", "y@one.test"], sender="")
    for finals in (["hello\n250 ok", "250 ok"], ["250 ok", "250-ok\nword\n550 5.1.1 no"], ["999 x", "250 ok"]):
        with lmtp_sink(mta, finals=finals):
            send(mta, ["x@one.test", "y@one.test"], sender="")
