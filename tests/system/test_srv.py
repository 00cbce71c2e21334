"""Servers by SRV records (use_srv_lookup, Postfix 3.8 and later; RFC 2782)."""
from support import bound, check, equal
from support.instance import Instance
from support.room import room
from support.sink import SmtpSink

MAIN = """
use_srv_lookup = submission, smtps
allow_srv_lookup_fallback = {fallback}
ignore_srv_lookup_error = {ignore}
smtp_tcp_port = 2525
transport_maps = inline:{{ {{ near.test = smtp:one.srv.test:submission }} {{ null.test = smtp:null.srv.test:submission }}
    {{ none.test = smtp:none.srv.test:submission }} {{ broken.test = smtp:broken.srv.test:submission }}
    {{ bracket.test = smtp:[one.srv.test]:submission }} {{ number.test = smtp:one.srv.test:2525 }} }}
"""


def records():
    dns = room().dns
    if getattr(dns, "has_srv", False):
        return
    dns.has_srv = True
    for n in (61, 62, 63, 64):
        dns.add_host(f"s{n}.srv.test", room().address(n))
    for value in ((20, 0, 2561, "s61.srv.test"), (10, 0, 2562, "s62.srv.test"), (10, 0, 2563, "nowhere.srv.test")):
        dns.add("_submission._tcp.one.srv.test", "SRV", value)
    dns.add("_submission._tcp.null.srv.test", "SRV", (0, 0, 0, ""))
    dns.fail("_submission._tcp.broken.srv.test", "SERVFAIL")
    for name in ("one", "none", "broken"):
        dns.add(f"{name}.srv.test", "A", room().address(64))


def instance(fallback="no", ignore="no"):
    records()
    return Instance(main=MAIN.format(fallback=fallback, ignore=ignore)).start()


def sink(host, port):
    return SmtpSink(room().address(host), port)


def send(mta, to):
    mta.mail("carol@example.test", to)
    return mta.wait_log(rf"to=<{to}>.* relay=(\S+), .*dsn=(\S+), status=(\w+) \((.*)\)").groups()


@bound(60)
def test_priorities_ports_and_what_is_left_when_a_server_is_away():
    mta = instance()
    first, second = sink(62, 2562), sink(61, 2561)
    equal(send(mta, "a@near.test")[0], f"s62.srv.test[{room().address(62)}]:2562", "by priority")
    first.stop()
    equal(send(mta, "b@near.test")[0], f"s61.srv.test[{room().address(61)}]:2561", "the next one")
    second.stop()
    third = sink(64, 2525)
    equal(send(mta, "c@number.test")[0], f"one.srv.test[{room().address(64)}]:2525", "a number is no service")
    third.stop()
    mta.stop()


@bound(60)
def test_what_there_is_not():
    mta = instance()
    _, dsn, status, why = send(mta, "a@null.test")
    equal((dsn, status), ("5.4.4", "bounced"), why)
    _, dsn, status, why = send(mta, "a@none.test")
    equal((dsn, status), ("5.4.4", "bounced"), why)
    check("name=_submission._tcp.none.srv.test type=SRV: Host not found" in why, why)
    _, dsn, status, why = send(mta, "a@broken.test")
    equal((dsn, status), ("4.4.3", "deferred"), why)
    mta.stop()


@bound(60)
def test_other_records_where_they_may_count():
    server = sink(64, 587)
    mta = instance(fallback="yes")
    equal([send(mta, to)[2] for to in ("a@none.test", "a@broken.test", "a@bracket.test")], ["sent"] * 3, "with a way out")
    equal(send(mta, "a@null.test")[1:3], ("5.4.4", "bounced"), "said to be nowhere")
    mta.stop()
    mta = instance(ignore="yes")
    equal([send(mta, to)[2] for to in ("a@none.test", "a@broken.test")], ["bounced", "sent"], "with errors that do not count")
    mta.stop()
    server.stop()


@bound(60)
def test_weights_share_the_mail():
    records()
    for value in ((1, 30, 2571, "s61.srv.test"), (1, 10, 2572, "s62.srv.test"), (1, 0, 2573, "s63.srv.test")):
        room().dns.add("_submission._tcp.weighted.srv.test", "SRV", value)
    sinks = [sink(61, 2571), sink(62, 2572), sink(63, 2573)]
    mta = Instance(main="use_srv_lookup = submission\nrelayhost = weighted.srv.test:submission\n"
                        "smtp_connection_cache_on_demand = no\n").start()
    for number in range(80):
        mta.mail("carol@example.test", f"x{number}@far.test")
    mta.settle()
    counts = [len(one.transactions) for one in sinks]
    equal(sum(counts), 80, "all of them came")
    # 60, 20 and hardly any: five standard deviations are 19.
    check(41 <= counts[0] <= 79 and 1 <= counts[1] <= 39 and counts[2] <= 3, f"shares {counts}")
    for one in sinks:
        one.stop()
    mta.stop()
