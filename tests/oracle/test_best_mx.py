"""Mail whose best mail exchanger is this machine, without being a destination of it."""
from support.compare import scenario
from support.room import room

OWN = "proxy_interfaces = @NET@.77\n"
TEXT = "From: carol@example.test\nSubject: round\n\nHello\n"


def send(mta, *to):
    dns = room().dns
    if not getattr(dns, "own_hosts", False):
        dns.add_host("mx.own.test", room().address(77))
        dns.add_host("backup.own.test", room().address(78))
        dns.add("own.test", "MX", (10, "mx.own.test"))
        dns.add("backed.test", "MX", (10, "mx.own.test"))
        dns.add("backed.test", "MX", (20, "backup.own.test"))
        dns.add("second.test", "MX", (10, "nowhere.test"))
        dns.add("second.test", "MX", (20, "mx.own.test"))
        dns.add_host("first.own.test", room().address(79))
        dns.add("third.test", "MX", (10, "first.own.test"))
        dns.add("third.test", "MX", (20, "mx.own.test"))
        dns.own_hosts = True
    mta.mail("alice@example.test", list(to), TEXT)
    mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))
    mta.note("deferred", len(mta.queue_files("deferred")))


@scenario(main=OWN)
def it_loops(mta):
    send(mta, "x@own.test", "y@own.test")
    send(mta, "x@backed.test")
    send(mta, "x@second.test")
    send(mta, "x@mx.own.test")


@scenario(main=OWN + "best_mx_transport = local\n")
def the_local_agent_takes_it(mta):
    send(mta, "bob@own.test", "nosuch@own.test")
    send(mta, "bob@backed.test")
    send(mta, "bob@second.test")
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=OWN + "best_mx_transport = error:5.9.9 not here\nsmtp_fallback_relay = [@NET@.31]:2525\n")
def no_fallback_for_a_loop(mta):
    with mta.sink(31):
        send(mta, "x@own.test", "y@own.test")


@scenario(main=OWN + "smtp_fallback_relay = [@NET@.31]:2525\n")
def nor_without_a_transport(mta):
    with mta.sink(31):
        send(mta, "x@own.test")
        send(mta, "x@second.test")
        send(mta, "x@third.test")


@scenario(main=OWN + "best_mx_transport = discard\nrelayhost = own.test\n")
def the_relayhost_is_this_machine(mta):
    send(mta, "x@remote.test")
