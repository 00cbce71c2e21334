"""smtpd_proxy_filter: a content filter that sees mail before the queue, and that is absent, hangs, dies or talks nonsense."""
import time

from support.compare import scenario
from support.milter import MilterServer, accept, proceed, reject, reply, tempfail
from support.sink import SmtpSink

EHLO = "250-filter.test\n250-PIPELINING\n250-8BITMIME\n250-DSN\n250-SIZE 1000\n250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
GOOD = {"EHLO": EHLO, "XFORWARD": "250 2.0.0 Ok", ".": "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 1234"}
MAIN = ("smtpd_proxy_filter = @NET@.31:10024\nsmtpd_proxy_timeout = 1s\nsmtpd_authorized_xforward_hosts = @NET@.100\n"
        "smtpd_error_sleep_time = 0\nmessage_size_limit = 5000\nsmtpd_discard_ehlo_keywords = silent-discard, etrn, chunking\n")
MESSAGE = "Subject: x\n\n.dot\n..dots\n\nx\n"


class Filter:
    def __init__(self, mta, name, **script):
        self.mta, self.name = mta, name
        self.sink = SmtpSink(mta.room.address(31), 10024, {**GOOD, **script})

    def __enter__(self):
        return self.sink

    def __exit__(self, *what):
        time.sleep(0.05)  # the sink notes a message after it has answered
        self.sink.stop()
        # What ends a conversation, and when, is the filter's least concern; ports differ.
        commands = [line.split(" PORT=")[0] for line in self.sink.commands if not line.startswith("QUIT")]
        self.mta.note(f"{self.name}: commands at the filter", "\n".join(commands))
        for number, got in enumerate(self.sink.transactions):
            self.mta.note(f"{self.name}: message {number}", "\n".join([got.helo, got.mail, *got.rcpts, ""]) + got.data.decode("latin-1"))


def send(mta, client=128, recipients=("u1@virt.test", "u2@virt.test"), message=MESSAGE):
    with mta.smtp(client=client) as s:
        s.mail("carol@remote.test", recipients, message)
        s.command("QUIT")


def all_goes_well(mta):
    with Filter(mta, "good"):
        send(mta)
        send(mta, client=177, recipients=["u1@virt.test"])
        send(mta, recipients=["nobody@virt.test", "x@elsewhere.test"])
    with Filter(mta, "no XFORWARD", EHLO="250 filter.test"):
        send(mta)
    with Filter(mta, "some XFORWARD", EHLO="250-filter.test\n250 XFORWARD NAME HELO PROTO X"):
        send(mta)
    with Filter(mta, "commands"):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.test", "XFORWARD NAME=orig.test ADDR=192.0.2.7 HELO=orig.helo PROTO=SMTP IDENT=ABC SOURCE=REMOTE")
            s.talk("MAIL FROM:<a@b.test> BODY=8BITMIME SIZE=100 RET=HDRS ENVID=x", "RCPT TO:<u1@virt.test> NOTIFY=NEVER", "RSET",
                   "MAIL FROM: <\"q q\"@b.test>", "RCPT TO:u1@virt.test", "NOOP", "RCPT TO:<Bare>", "VRFY alice", "MAIL FROM:<>")
            s.data("From x\n" + MESSAGE)
            s.talk("XFORWARD NAME=orig.test ADDR=192.0.2.7 HELO=orig.helo PROTO=SMTP IDENT=ABC+2BD SOURCE=LOCAL",
                   "MAIL FROM:<two@b.test>", "RCPT TO:<u2@virt.test>")
            s.data(" leading blank\n")
            s.talk("MAIL FROM:<three@b.test>", "DATA", "RCPT TO:<nobody@virt.test>", "DATA", "HELO old.test", "MAIL FROM:<four@b.test>",
                   "RCPT TO:<alice@example.test>")
            s.data("x\n")
            s.command("QUIT")
        with mta.smtp(client=100) as s:
            s.mail("carol@remote.test", "u1@virt.test", "x" * 200 + "\n" + "y" * 6000)
            s.mail("carol@remote.test", "u1@virt.test", "a long line\n" + "y" * 4500)
            s.command("QUIT")
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.test", "MAIL FROM:<gone@b.test>", "RCPT TO:<u1@virt.test>", "DATA")
            s.send("half\r\n")


def refusals(mta):
    for verb, reply in (("MAIL", "550 5.7.1 no mail"), ("RCPT", "450-4.2.1 later\n450 4.2.1 or never"), ("DATA", "554 5.5.1 no data"),
                        (".", "550-5.7.1 many\n550 5.7.1 lines"), (".", "451 4.7.1 later"), ("XFORWARD", "550 5.7.0 no"),
                        ("EHLO", "500 what"), ("CONNECT", "554 go away"), ("CONNECT", "421 busy")):
        with Filter(mta, f"{verb} {reply}", **{verb: reply}):
            send(mta)
    with Filter(mta, "one recipient", RCPT=lambda line: "550 5.1.1 no u1" if "u1" in line else "250 2.1.5 Ok"):
        send(mta)


def failures(mta):
    send(mta)  # no filter
    for verb in ("CONNECT", "EHLO", "XFORWARD", "MAIL", "RCPT", "DATA", "."):
        with Filter(mta, f"{verb} closes", **{verb: "CLOSE"}):
            send(mta)
    with Filter(mta, "again"):
        send(mta)


def silence(mta):
    for verb in ("CONNECT", "RCPT", "."):
        with Filter(mta, f"{verb} hangs", **{verb: "HANG"}):
            send(mta)


def nonsense(mta):
    """What Postfix passes on to its client though it is no reply (garbage, 354 to the end of data) is in tests/system."""
    for verb, reply in (("MAIL", "354 go on"), ("DATA", "250 no data then"), (".", "250 " + "long " * 1000), (".", "250 \x01\x02 bytes"),
                        ("RCPT", "221 bye"), ("MAIL", "550-5.7.1 several\n550 5.7.1 lines")):
        with Filter(mta, f"{verb} {reply[:40]}", **{verb: reply}):
            send(mta, recipients=["u1@virt.test"])


all_pass = scenario(main=MAIN)(all_goes_well)
all_pass_at_once = scenario(main=MAIN + "smtpd_proxy_options = speed_adjust")(all_goes_well)
filter_refuses = scenario(main=MAIN + "notify_classes =", ignore="rejected .XFORWARD")(refusals)
filter_refuses_at_once = scenario(main=MAIN + "notify_classes =\nsmtpd_proxy_options = speed_adjust", ignore="rejected .XFORWARD")(refusals)
filter_fails = scenario(main=MAIN)(failures)
filter_fails_at_once = scenario(main=MAIN + "smtpd_proxy_options = speed_adjust")(failures)
filter_is_silent = scenario(main=MAIN)(silence)
silent_at_once = scenario(main=MAIN + "smtpd_proxy_options = speed_adjust")(silence)
filter_talks_nonsense = scenario(main=MAIN + "notify_classes =")(nonsense)
filter_talks_nonsense_at_once = scenario(main=MAIN + "notify_classes =\nsmtpd_proxy_options = speed_adjust")(nonsense)


@scenario(main=MAIN + "smtpd_recipient_restrictions = check_sender_access inline:{{hold@b.test=HOLD} {filter@b.test=FILTER a:b} "
          "{redirect@b.test=REDIRECT u2@virt.test} {bcc@b.test=BCC u2@virt.test} {discard@b.test=DISCARD} "
          "{prepend@b.test=PREPEND X-Before: y} {warn@b.test=WARN}}\nsmtpd_end_of_data_restrictions = "
          "check_sender_access inline:{{end@b.test=REJECT at the end}}\nsmtpd_forbid_bare_newline = no\n")
def what_access_tables_can_do(mta):
    with Filter(mta, "actions"):
        for name in ("hold", "filter", "redirect", "bcc", "discard", "prepend", "warn", "end"):
            with mta.smtp() as s:
                s.mail(f"{name}@b.test", "u1@virt.test", "Subject: x\n\nx\n")
                s.command("QUIT")


@scenario(main=MAIN + "smtpd_milters = inet:@NET@.33:8891\nmilter_default_action = tempfail\nnotify_classes =\n", ignore="rejected .XFORWARD")
def milters_beside_it(mta):
    """Milters have their say about commands; the content is the proxy filter's alone."""
    for name, script in (("content", {}), ("recipients", {"rcpt": [[proceed()], [reject()]]}), ("sender", {"mail": [reply("550 5.7.1 no")]}),
                         ("data", {"data": [tempfail()]}), ("accept", {"helo": [accept()]})):
        with MilterServer((mta.room.address(33), 8891), script, with_macros=False) as milter, Filter(mta, f"milter {name}"):
            send(mta)
            mta.note(f"milter {name}", milter.text())


@scenario(main=MAIN.replace("etrn, chunking", "etrn"))
def content_in_chunks(mta):
    """The filter hears DATA all the same."""
    with Filter(mta, "chunks"):
        with mta.smtp() as s:
            s.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>")
            for chunk, last in ((b"Subject: x\r\n\r\n.dot\r\nhal", ""), (b"f\r\n", ""), (b"end", " LAST")):
                s.send(f"BDAT {len(chunk)}{last}\r\n".encode() + chunk)
                s.read()
            s.command("QUIT")
    with Filter(mta, "refused", DATA="554 5.5.1 no data"):
        with mta.smtp() as s:
            s.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>")
            s.send(b"BDAT 3 LAST\r\nx\r\n")
            s.read()
            s.command("QUIT")
