"""The SMTP client and servers that need another treatment: filters of what they say, firewalls, slow ones,
addresses to come from, and the words of DNS."""
import socket
import time

from support.compare import scenario
from support.relay import EHLO_PLAIN, PORT, hosts, send
from support.room import room
from support.server import Server


REPLIES = """\
/^250 2\\.1\\.5 (.*)/ 550 5.1.1 no: $1
/^554[ -]5\\.7\\.1 (.*)/ 450 4.7.1 later: $1
/^220 odd/ nonsense
/^([0-9]+)-cut/ $1 cut short
/^250-DSN/ 250-NOTHING
/^221/ 221 2.0.0 never heard
"""


@scenario(main=PORT + "\nsmtp_reply_filter = regexp:@CONF@/replies\nsmtp_helo_timeout = 2s\n", files={"replies": REPLIES})
def replies_rewritten(mta):
    with mta.sink(31):
        send(mta, ["x@one.test", "y@one.test"])
    with mta.sink(32, EHLO="250-two.test\n250-DSN\n250-cut\n250 PIPELINING", RCPT="250 fine", CONNECT="220 two"):
        send(mta, ["x@two.test"])
    with mta.sink(33, DATA="554-5.7.1 first\n554 5.7.1 second", RCPT="250 fine"):
        send(mta, ["x@three.test"])
    with mta.sink(34, CONNECT="220 odd"):
        send(mta, ["x@four.test"])


@scenario(main=PORT + "\nsmtp_reply_filter = fail:later\n")
def replies_that_cannot_be_looked_up(mta):
    with mta.sink(31):
        send(mta, ["x@one.test"])


DNS = """\
/MX 20/ ignore
/mx41/ IGNORE
/mx42.*IN A / ignore
/one\\.test/ nonsense
/two\\.test.*IN A / ignore
/^three.* MX/ IGNORE
"""


@scenario(main=PORT + "\nsmtp_dns_reply_filter = regexp:@CONF@/dns\n", files={"dns": DNS})
def records_left_out(mta):
    with mta.sink(43):
        for domain in ("many.test", "one.test", "two.test", "bare.test", "three.test", "eight.test"):
            send(mta, [f"x@{domain}"])


@scenario(main=PORT + "\ntransport_maps = texthash:@CONF@/transport\nsmtp_bind_address = 192.0.2.77\nsmtp_bind_address6 = 2001:db8::1\n",
          master="strict unix - - n - - smtp -o smtp_bind_address_enforce=yes\n"
                 "nonsense unix - - n - - smtp -o smtp_bind_address=nobody\n",
          files={"transport": "two.test strict:\nthree.test nonsense:\n"})
def an_address_that_is_not_ours(mta):
    with mta.sink(31), mta.sink(32), mta.sink(33):
        send(mta, ["x@one.test"])
        send(mta, ["x@two.test"])


ASTERISKS = "220 **********0*0*"


@scenario(main=PORT + """
smtp_pix_workaround_delay_time = 1s
smtp_pix_workaround_threshold_time = 0
smtp_pix_workaround_maps = texthash:@CONF@/pix
transport_maps = texthash:@CONF@/transport
""", master="""\
none unix - - n - - smtp -o smtp_pix_workarounds=
odd unix - - n - - smtp -o { smtp_pix_workarounds = delay_dotcrlf nonsense }
new unix - - n - - smtp -o smtp_pix_workaround_threshold_time=500s
""", files={"pix": "@NET@.32 disable_ESMTP\n@NET@.33 delay_dotcrlf\n@NET@.37 what\n",
            "transport": "five.test none:\nsix.test odd:\nfour.test new:\n"})
def firewalls(mta):
    """Greetings of asterisks, and what is done about them; a second is long enough to see the end come later."""
    for n, domain in enumerate(("one", "two", "three", "four", "five", "six", "seven"), 31):
        with mta.sink(n, CONNECT=ASTERISKS):
            send(mta, [f"x@{domain}.test"])
    with mta.sink(38, CONNECT="220-****\n220 ** *20"):
        send(mta, ["x@eight.test"])
    with mta.sink(43, CONNECT="220 *x***"):
        send(mta, ["x@many.test"])


class SplitEnd(Server):
    """An SMTP server that notes how much came with the end of data."""

    def __init__(self, place):
        self.last = None
        super().__init__(place)

    def _serve(self, client):
        client.sendall(b"220 ****\r\n")
        in_data, content = False, b""
        while piece := client.recv(100000):
            if not in_data:
                for line in piece.splitlines():
                    in_data = line == b"DATA"
                    client.sendall(b"354 go\r\n" if in_data else b"250 ok\r\n")
            else:
                content += piece
                if content.endswith(b"\r\n.\r\n"):
                    self.last, in_data = piece, False
                    client.sendall(b"250 taken\r\n")


@scenario(main=PORT + "\nsmtp_pix_workaround_delay_time = 1s\nsmtp_pix_workaround_threshold_time = 0\n")
def the_end_of_data_in_a_packet_of_its_own(mta):
    with SplitEnd((room().address(31), 2525)) as server:
        send(mta, ["x@one.test"])
    mta.note("came last", server.last)


@scenario(main=PORT + "\nsmtp_address_verify_target = data\n")
def probes_that_go_as_far_as_data(mta):
    hosts()
    for n, domain, script in ((31, "one", {}), (32, "two", {"DATA": "554 5.1.1 nobody"}), (33, "three", {"DATA": "450 4.2.0 later"}),
                              (34, "four", {"RCPT": "550 5.1.1 no"}), (35, "five", {"DATA": "CLOSE"}),
                              (36, "six", {"EHLO": "250 six", "DATA": "550 no"}), (37, "seven", {"EHLO": "250 seven"})):
        with mta.sink(n, **script):
            mta.sendmail("-bv", "-f", "carol@example.test", f"x@{domain}.test", f"y@{domain}.test", input="")
            mta.settle()


class Drip(Server):
    """An SMTP server that sends its reply to EHLO byte by byte, or takes content slowly."""

    def __init__(self, place, slow_reply=False, rate=0):
        self.slow_reply, self.rate = slow_reply, rate
        super().__init__(place)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def _serve(self, client):
        client.sendall(b"220 drip ESMTP\r\n")
        in_data, tail = False, b""
        while piece := client.recv(2000):
            if in_data:
                tail = (tail + piece)[-5:]
                time.sleep(len(piece) / self.rate if self.rate else 0)
                if tail == b"\r\n.\r\n":
                    in_data = False
                    client.sendall(b"250 taken\r\n")
                continue
            for line in piece.splitlines():
                in_data = line == b"DATA"
                if line.startswith(b"EHLO") and self.slow_reply:
                    for letter in b"250 drip\r\n":
                        client.sendall(bytes([letter]))
                        time.sleep(0.4)
                else:
                    client.sendall(b"354 go\r\n" if in_data else b"250 ok\r\n")


BIG = "Subject: big\n\n" + ("x" * 76 + "\n") * 20000


@scenario(main=PORT + "\nsmtp_helo_timeout = 2s\nsmtp_data_xfer_timeout = 1s\ntransport_maps = texthash:@CONF@/transport\n",
          master="strict unix - - n - - smtp -o smtp_per_request_deadline=yes -o smtp_min_data_rate=1200000\n"
                 "lenient unix - - n - - smtp -o smtp_per_request_deadline=yes -o smtp_min_data_rate=100000\n",
          files={"transport": "two.test strict:\nfour.test strict:\nfive.test lenient:\n"})
def servers_that_drip(mta):
    for n, domain in ((31, "one"), (32, "two")):
        with Drip((room().address(n), 2525), slow_reply=True):
            send(mta, [f"x@{domain}.test"])
    for n, domain in ((33, "three"), (34, "four"), (35, "five")):
        with Drip((room().address(n), 2525), rate=400000):
            send(mta, [f"x@{domain}.test"], BIG)


def alias_hosts():
    hosts()
    dns = room().dns
    if not getattr(dns, "aliased", False):
        dns.add("alias.one.test", "CNAME", "mx.one.test")
        dns.add("aliased.test", "MX", (10, "alias.one.test"))
        dns.add("www.aliased.test", "CNAME", "one.test")
        dns.aliased = True


ALIASED = ("x@aliased.test", "x@www.aliased.test", "x@far.test")


def to_aliases(mta):
    alias_hosts()
    with mta.sink(31):
        for to in ALIASED:
            send(mta, [to])


@scenario(main=PORT + "\ntransport_maps = inline:{far.test=smtp:[alias.one.test]}\n")
def names_that_are_aliases(mta):
    to_aliases(mta)


@scenario(main=PORT + "\nsmtp_cname_overrides_servername = yes\ntransport_maps = inline:{far.test=smtp:[alias.one.test]}\n")
def names_that_aliases_lead_to(mta):
    to_aliases(mta)


SHORT = PORT + """
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C { LOCALDOMAIN = three.test nowhere.test test }
transport_maps = inline:{
    { a.test = smtp:one } { b.test = smtp:[mx] } { c.test = smtp:[mx.one] } { e.test = smtp:[servfail] }
    { f.test = smtp:nodata } { g.test = smtp:two.test } { h.test = smtp:null } }
"""


def to_short_names(mta):
    with mta.sink(31), mta.sink(32), mta.sink(33):
        for letter in "abcefgh":
            send(mta, [f"x@{letter}.test"])


@scenario(main=SHORT)
def short_names(mta):
    to_short_names(mta)


@scenario(main=SHORT + "smtp_dns_resolver_options = res_defnames\n")
def short_names_in_the_default_domain(mta):
    to_short_names(mta)


@scenario(main=SHORT + "smtp_dns_resolver_options = res_dnsrch\n")
def short_names_in_the_search_list(mta):
    to_short_names(mta)


@scenario(main=SHORT + "smtp_dns_resolver_options = res_dnsrch, res_defnames\n")
def short_names_wherever_they_are(mta):
    to_short_names(mta)


@scenario(main=PORT + "\ndisable_dns_lookups = yes\nsmtp_host_lookup = native\n")
def hosts_without_dns(mta):
    """As the machine looks them up, and why that failed in the machine's words."""
    send(mta, ["x@nowhere.test", "x@servfail.test", f"x@{'a' * 64}.test"], sender="u1@virt.test")


@scenario(main=PORT + """
disable_dns_lookups = yes
smtp_host_lookup = native
smtp_dns_reply_filter = regexp:{{/./ IGNORE}}
""")
def a_filter_and_hosts_without_dns(mta):
    with mta.sink(39):
        send(mta, ["x@bare.test"], sender="u1@virt.test")


@scenario(main=PORT + """
transport_maps = texthash:@CONF@/transport
smtp_connection_cache_on_demand = no
limited_destination_recipient_limit = 1
""", master="""\
limited unix - - n - - smtp flags=DOR
many unix - - n - - smtp flags=DORX
final unix - - n - - smtp flags=X
path unix - - n - - smtp flags=R
""", files={"transport": "one.test limited:\ntwo.test many:\nthree.test final:\nfour.test path:\n"})
def headers_of_a_final_delivery(mta):
    with mta.sink(31), mta.sink(32), mta.sink(33, EHLO=EHLO_PLAIN), mta.sink(34):
        send(mta, ['"x y"@one.test'])
        for domain in ("two", "three", "four"):
            send(mta, [f'"x y"@{domain}.test', f"z@{domain}.test"])
        for domain in ("one", "two", "three", "four"):
            send(mta, [f"x@{domain}.test"], sender="")
        mta.sendmail("-N", "success", "-f", "alice@example.test", "s@three.test", "s@four.test", input="Subject: notify\n\n.\n")
        mta.settle()
    mta.note_mail("notified", mta.local_mail("alice"))
