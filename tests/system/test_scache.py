"""When the SMTP client leaves connections to scache, and when it asks there."""
from support import check, equal
from support.instance import Instance
from support.relay import hosts
from support.room import room
from support.scache import Scache
from support.sink import SmtpSink

MAIN = "smtp_tcp_port = 2525\nconnection_cache_service_name = fake\n"
TEXT = "Subject: x\n\nhello\n"


def deliver(main, script, sinks=(31,)):
    """Runs script(mta) with an scache that tells what it was asked; that and the sinks are returned."""
    hosts()
    mta = Instance("ours", main=MAIN + main).start()
    servers = [SmtpSink(room().address(n), 2525) for n in sinks]
    try:
        with Scache(mta.queue / "private/fake") as cache:
            script(mta)
            mta.settle()
            mta.stop()
            return cache, servers
    finally:
        for server in servers:
            server.stop()
        mta.destroy()


def send(mta, to, count):
    for n in range(1, count + 1):
        mta.mail("carol@example.test", to, TEXT)
        mta.wait_log(rf"to=<{to}>, .*status=sent", n)


def test_nothing_is_asked_in_the_plain_case():
    def script(mta):
        send(mta, "a@one.test", 1)
        send(mta, "a@two.test", 1)
    cache, _ = deliver("default_sessions_per_process = 1\n", script, (31, 32))
    equal(cache.requests, [], "what scache was asked")


def test_a_process_of_many_deliveries_keeps_its_connections():
    cache, (sink,) = deliver("smtp_connection_cache_destinations = one.test\n", lambda mta: send(mta, "a@one.test", 5))
    equal(sink.connections, 1, "connections")
    equal(len(cache.asked("find_dest")), 1, "questions")


def test_a_process_that_ends_leaves_them_to_others():
    """Two deliveries at a time and two in a life: what waits inside would be lost."""
    def script(mta):
        send(mta, "a@one.test", 6)
        mta.wait_log("conn_use=6")
        check(len({line.split("postfix/smtp[")[1].split("]")[0] for line in mta.log_text().splitlines() if "postfix/smtp[" in line}) >= 3, "processes")
    cache, (sink,) = deliver("smtp_connection_cache_destinations = one.test\nsmtp_sessions_per_process = 2\nmax_use = 1\n", script)
    equal(sink.connections, 1, "connections")
    check(2 <= len(cache.asked("save_endp")) <= 3, f"{len(cache.asked('save_endp'))} connections were left")


def test_domains_with_the_same_server_share_it():
    dns = room().dns
    hosts()
    for name in ("alpha.test", "beta.test"):
        dns.add(name, "MX", (10, "mx.one.test"))

    def script(mta):
        for to in ("a@one.test", "b@alpha.test", "c@beta.test"):
            send(mta, to, 1)
    cache, (sink,) = deliver("smtp_connection_cache_destinations = static:all\ndefault_sessions_per_process = 1\n", script)
    equal(sink.connections, 1, "connections")
    equal([what for what, _ in cache.requests], ["find_dest", "find_endp", "save_dest", "save_endp"] * 3, "questions")
    cache, (sink,) = deliver("smtp_connection_cache_destinations = static:all\n", script)
    equal(sink.connections, 1, "connections of one process")
