"""lmtp(8): sockets of both kinds, one reply for each recipient, servers that answer too little, too much or nothing."""
import os
import re

from support.compare import scenario
from support.lmtp_sink import hello, lmtp_sink
from support.room import room

TEXT = "Subject: x\n\nbody\n"
INET = "virtual_transport = lmtp:inet:[@NET@.31]:2525\nlmtp_connection_cache_on_demand = no\nlmtp_lhlo_timeout = 2s\nlmtp_data_done_timeout = 2s\nlmtp_rcpt_timeout = 2s\n"
UNIX = INET.replace("inet:[@NET@.31]:2525", "unix:private/store")
THREE = ["u1@virt.test", "u2@virt.test", "box@virt.test"]


def send(mta, to="u1@virt.test", sender="", text=TEXT):
    mta.mail(sender, to, text)
    mta.settle()


def by_name(**replies):
    return lambda rcpt: next((reply for name, reply in replies.items() if f"<{name}@" in rcpt), None)


FINALS = (
    by_name(), by_name(u2="550 5.2.2 full"), by_name(u1="450 4.2.0 later", u2="550 no code"), by_name(u1="250 2.1.5 a", u2="250-2.0.0 b\n250 2.0.0 c"),
    by_name(u1="354 odd"), by_name(u2="199 odd"), by_name(u1="421 4.3.0 bye"), by_name(u1="550 4.2.2 mixed", u2="250 5.0.0 mixed"),
)


@scenario(main=INET)
def one_reply_for_each_recipient(mta):
    for finals in FINALS:
        with lmtp_sink(mta, finals=finals):
            send(mta, THREE)
    with lmtp_sink(mta, finals=by_name(u2="550 5.2.2 full"), LHLO="250 sink.test"):
        send(mta, THREE)


@scenario(main=INET)
def too_few_and_too_many_replies(mta):
    """Too few and no end: Postfix has sent QUIT by then and takes its reply for the missing
    one: tests/system/test_lmtp.py."""
    for finals in (["250 2.0.0 one", "CLOSE"], ["250 2.0.0 one", "HANG"], ["CLOSE"], ["HANG"], ["250 2.0.0 ok"] * 4, ["250 2.0.0 ok"] * 3 + ["550 5.0.0 more"] * 5):
        with lmtp_sink(mta, finals=finals, note=False):
            send(mta, THREE)


@scenario(main=UNIX)
def sockets_in_the_file_system(mta):
    path = mta.queue / "private/store"
    send(mta)
    with lmtp_sink(mta, path=path, finals=by_name(u2="550 5.2.2 full")):
        send(mta, THREE)
        os.chmod(path, 0o600)
        send(mta)
        os.chmod(path, 0o666)
    send(mta)
    path.unlink()
    path.write_text("no socket")
    send(mta)
    for step in ("CONNECT", "LHLO", "MAIL", "RCPT", "DATA"):
        with lmtp_sink(mta, path=path, note=False, **{step: "421 4.3.2 busy"}):
            send(mta)


STEPS = ("CONNECT", "LHLO", "MAIL", "RCPT", "DATA")


@scenario(main=INET + "lmtp_mail_timeout = 2s\nlmtp_data_init_timeout = 2s\n")
def servers_that_refuse(mta):
    for step in STEPS:
        for reply in ("450 4.2.0 later", "550 5.2.1 never", "421 4.3.2 busy", *(("220 odd", "354 odd") if step == "CONNECT" else ())):
            with lmtp_sink(mta, note=False, **{step: reply}):
                send(mta, THREE[:2])


@scenario(main=INET + "lmtp_mail_timeout = 2s\nlmtp_data_init_timeout = 2s\n")
def servers_that_hang_and_close(mta):
    for greeting in (hello(), "250 sink.test"):
        for step in STEPS:
            for what in ("HANG", "CLOSE"):
                if (greeting, what) != ("250 sink.test", "HANG"):
                    with lmtp_sink(mta, **{"LHLO": greeting, step: what}):
                        send(mta, THREE[:2])


@scenario(main=INET)
def recipients_refused(mta):
    for refused in (("u1",), ("u1", "u2", "box")):
        for data in ("354 go on", "503 5.5.1 no valid recipients"):
            for greeting in (hello(), "250 sink.test"):
                rcpt = lambda line, refused=refused: "550 5.1.1 unknown" if any(f"<{name}@" in line for name in refused) else "250 2.1.5 ok"
                with lmtp_sink(mta, RCPT=rcpt, DATA=data, LHLO=greeting):
                    send(mta, THREE)


NAMES = """\
lmtp_tcp_port = 2525
lmtp_lhlo_name = lmtp.example.test
lmtp_discard_lhlo_keywords = pipelining, silent-discard
lmtp_connection_cache_on_demand = no
lmtp_fallback_relay = [@NET@.33]
transport_maps = inline:{{one.test=lmtp:mx.one.test} {two.test=lmtp:[mx.two.test]} {three.test=lmtp:inet:mx.one.test} {four.test=lmtp:inet:mx.nosuch.test} {five.test=lmtp:inet:[@NET@.39]}
    {six.test=lmtp:unix:private/nosuch} {seven.test=lmtp:} {eight.test=lmtp:inet:[@NET@.38],[@NET@.31]}}
"""


@scenario(main=NAMES)
def destinations(mta):
    for number, name in enumerate(("one", "two"), 31):
        room().dns.add_host(f"mx.{name}.test", room().address(number))
    for name in ("one", "two", "three", "four", "five", "six", "seven", "eight"):
        with lmtp_sink(mta), lmtp_sink(mta, 32), lmtp_sink(mta, 33):
            send(mta, f"x@{name}.test")


def notified(mta, final):
    with lmtp_sink(mta, LHLO=hello("DSN" if final else "SIZE")):
        with mta.smtp(client=100) as s:
            s.talk("EHLO c.test", "MAIL FROM:<alice@example.test> RET=HDRS ENVID=id", "RCPT TO:<u1@virt.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig@virt.test", "RCPT TO:<u2@virt.test>")
            s.data(TEXT)
            s.command("QUIT")
        mta.settle()
    mta.note_mail("the sender's", mta.local_mail("alice"))


@scenario(main=INET)
def notified_of_success(mta):
    notified(mta, final=True)
    notified(mta, final=False)


@scenario(main=INET + "lmtp_assume_final = yes\n")
def assumed_to_be_final(mta):
    notified(mta, final=True)
    notified(mta, final=False)


@scenario(main=INET)
def what_is_sent(mta):
    body = "Subject: dots\n\n.\n..x\n" + "y" * 1500 + "\n"
    with lmtp_sink(mta, LHLO="250-sink\n250-SIZE 50000\n250-8BITMIME\n250 PIPELINING") as sink:
        send(mta, text=body)
        send(mta, sender="", text=b"Subject: 8\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4\n")
    for got in sink.transactions:
        mta.note("message", got.data)
    for sizes in ("SIZE 100", "SIZE", "SIZE 0\n250 8BITMIME", "SIZE\n250 8BITMIME"):
        with lmtp_sink(mta, LHLO="250-sink\n250-" + sizes if "\n" in sizes else "250-sink\n250 " + sizes):
            send(mta)
            send(mta, text="Subject: x\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\n\nx\n")


@scenario(main=INET + "address_verify_map =\n")
def probes(mta):
    for reply in ("250 2.1.5 ok", "550 5.1.1 unknown", "450 4.2.0 later"):
        with lmtp_sink(mta, RCPT=reply):
            mta.sendmail("-bv", "-f", "alice@example.test", "u1@virt.test", input="")
            mta.settle()


LOGIN = "lmtp_sasl_auth_enable = yes\nlmtp_sasl_security_options = noanonymous\n"


@scenario(main=UNIX + LOGIN + "lmtp_sasl_password_maps = inline:{{private/store=by:path} {mx.nosuch.test=by:host}}\n")
def logins_over_a_path(mta):
    for mechanisms in ("PLAIN", "LOGIN", "GSSAPI"):
        with lmtp_sink(mta, path=mta.queue / "private/store", LHLO=hello(f"AUTH {mechanisms}"), STEPS=["334 x"] * 2 + ["235 ok"] if mechanisms == "LOGIN" else ["235 2.7.0 ok"]):
            send(mta)


@scenario(main=INET + LOGIN + "lmtp_sasl_password_maps = inline:{{[@NET@.31]:2525=by:nexthop} {inet:[@NET@.31]:2525=by:whole}}\n")
def logins_over_tcp(mta):
    for steps in (["235 2.7.0 ok"], ["535 5.7.8 no"], ["CLOSE"]):
        with lmtp_sink(mta, LHLO=hello("AUTH PLAIN"), STEPS=steps):
            send(mta)


FLAGS = ("D", "O", "R", "X", "DORX", "Rx", "RD")
FLAG_MAIN = INET.split("\n", 1)[1] + "transport_maps = inline:{" + " ".join(f"{{f{n}.test=f{n}:inet:[@NET@.31]:2525}}" for n in range(len(FLAGS) + 3)) + """}
f0_destination_recipient_limit = 1
f1_destination_recipient_limit = 1
f4_destination_recipient_limit = 1
lmtp_generic_maps = inline:{{alice@example.test=public@elsewhere.test}}
"""
FLAG_MASTER = "".join(f"f{n} unix - - n - - lmtp flags={letters}\n" for n, letters in enumerate(FLAGS)) + "f7 unix - - n - - lmtp flags=\nf8 unix - - n - - lmtp user=nobody\nf9 unix - - n - - lmtp flags=R flags=X\n"


@scenario(main=FLAG_MAIN, master=FLAG_MASTER, log=False)
def flags_in_master_cf(mta):
    for number in (0, 1, 2, 3, 4, 7, 9):
        with lmtp_sink(mta) as sink:
            send(mta, [f"x@f{number}.test", f"\"a b\"@f{number}.test"], sender="alice@example.test", text="Received: from x\nSubject: x\nMessage-Id: <1@x>\nDate: x\nFrom: alice@example.test\n\nx\n")
        for got in sink.transactions:
            mta.note(f"mail {number}", re.sub(rb"(?s)Received: from in.*?\r\nReceived: from x", b"RECEIVED", got.data))
    with lmtp_sink(mta, note=False):
        for number in (5, 6, 8):
            mta.mail("", [f"x@f{number}.test", f"y@f{number}.test"], TEXT)
        mta.wait_log("fatal:", 2)
        mta.wait_log("status=deferred", 2)
    mta.must_run("postsuper", "-d", "ALL", record=False)
    said = sorted(f"{line.tag} {line.text}" for line in mta.log() if "fatal:" in line.text)
    mta.mark()
    mta.note("what lmtp says", "\n".join(said))


MAILMAN = "".join(f"list{end}@lists.test lmtp:[@NET@.31]:8024\n" for end in ("", "-bounces", "-confirm", "-join", "-owner", "-request", "-unsubscribe"))


@scenario(main="recipient_delimiter = +\nunknown_local_recipient_reject_code = 550\nowner_request_special = no\ntransport_maps = texthash:@CONF@/postfix_lmtp\n"
          "local_recipient_maps = texthash:@CONF@/postfix_lmtp\nrelay_domains = texthash:@CONF@/postfix_domains\nrelay_recipient_maps = texthash:@CONF@/postfix_lmtp\n",
          files={"postfix_lmtp": MAILMAN, "postfix_domains": "lists.test lists.test\n"})
def as_mailman_has_it(mta):
    """Its server greets with HELP and offers neither pipelining nor enhanced codes."""
    with lmtp_sink(mta, port=8024, LHLO="250-lists.test\n250-SIZE 33554432\n250-8BITMIME\n250 HELP", RCPT=lambda line: "250 OK", MAIL="250 OK",
                   finals=by_name(**{"list-join": "550 Requested action not taken: mailbox unavailable", "list": "250 Ok"})):
        send(mta, ["list@lists.test", "list-join@lists.test", "list-owner@lists.test"], sender="alice@example.test")
        send(mta, "list-bounces+alice=example.test@lists.test")
        with mta.smtp() as s:
            s.talk("EHLO c.test", "MAIL FROM:<x@y.test>", "RCPT TO:<nolist@lists.test>", "QUIT")


@scenario(main=UNIX + "lmtp_tls_security_level = may\n")
def tls_over_a_path(mta):
    with lmtp_sink(mta, path=mta.queue / "private/store", LHLO=hello("STARTTLS"), STARTTLS="454 4.7.0 not now"):
        send(mta)


@scenario(main=UNIX + "lmtp_tls_security_level = encrypt\n")
def tls_demanded_over_a_path(mta):
    with lmtp_sink(mta, path=mta.queue / "private/store", LHLO=hello()):
        send(mta)
