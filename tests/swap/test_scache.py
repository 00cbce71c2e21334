"""Connections that processes of the SMTP client leave for each other in scache: with ours and Postfix's on either side.
Each process serves one delivery at a time, and ends after one, so that nothing can be kept inside."""
from support import BUILD, Skip, check, equal
from support.instance import Instance
from support.maillog import uses
from support.room import room
from support.sink import SmtpSink

# Who delivers once and ends: -o max_use=1.
MAIN = "smtp_tcp_port = 2525\nsmtp_connection_cache_destinations = kept.test, many.test\ndefault_sessions_per_process = 1\n"
MASTER = "once unix - - n - - smtp -o max_use=1\n"


def hosts():
    dns = room().dns
    if not getattr(dns, "scache_hosts", False):
        for n, name in ((91, "kept"), (92, "plain"), (93, "other")):
            dns.add_host(f"mx.{name}.test", room().address(n))
            dns.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
        for preference, n in ((10, 95), (20, 94)):  # the best one is dead
            dns.add_host(f"mx{n}.many.test", room().address(n))
            dns.add("many.test", "MX", (preference, f"mx{n}.many.test"))
        dns.scache_hosts = True


def carry(kind, swap):
    for name, whose in swap.items():
        if whose == "ours" and not (BUILD / "bin" / name).exists():
            raise Skip(f"{name} is not built")
    hosts()
    mta = Instance(kind, swap, main=MAIN + "transport_maps = static:once\n", master=MASTER).start()
    sinks = [SmtpSink(room().address(n), 2525) for n in (91, 92, 94)]
    try:
        for count in range(1, 6):
            for to in ("a@kept.test", "a@plain.test", "a@many.test"):
                mta.mail("carol@example.test", to, "Subject: x\n\nhello\n")
                mta.wait_log(rf"to=<{to}>, .*status=sent", count)
        equal(uses(mta, "a@kept.test"), [1, 2, 3, 4, 5], "uses of the kept connection")
        equal(uses(mta, "a@many.test"), [1, 2, 3, 4, 5], "uses of the connection with the second-best server")
        equal(uses(mta, "a@plain.test"), [1] * 5, "uses of connections that are not kept")
        equal([sink.connections for sink in sinks], [1, 5, 1], "connections")
        check(all(len(sink.transactions) == 5 for sink in sinks), "all messages came")
        processes = {line.split("[")[1].split("]")[0] for line in mta.log_text().splitlines() if "postfix/once/smtp[" in line or "postfix/smtp[" in line}
        check(len(processes) >= 15, f"{len(processes)} processes")
        equal(mta.log_text().count("connect to mx95.many.test"), 1, "calls of the dead server")
        mta.settle()
        mta.stop()
    finally:
        for sink in sinks:
            sink.stop()
        mta.destroy()


def test_postfix_alone():
    carry("postfix", {})


def test_our_smtp_in_postfix():
    carry("postfix", {"smtp": "ours"})


def test_our_scache_in_postfix():
    carry("postfix", {"scache": "ours"})


def test_ours_alone():
    carry("ours", {})


def test_the_smtp_of_postfix_in_ours():
    carry("ours", {"smtp": "postfix"})


def test_the_scache_of_postfix_in_ours():
    carry("ours", {"scache": "postfix"})
