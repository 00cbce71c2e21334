"""The far ends of a relay: domains with one or more servers, and mail to them."""
from support.room import room

TEXT = "From: Carol <carol@remote.test>\nTo: you\nSubject: relayed\n\nHello,\n.\n..dots\nend\n"
EHLO_PLAIN = "250-sink.test\n250 8BITMIME"


def hosts():
    """The far ends; the same for every scenario."""
    dns = room().dns
    if not getattr(dns, "furnished", False):
        for n, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 31):
            dns.add_host(f"mx.{name}.test", room().address(n))
            dns.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
        dns.add("null.test", "MX", (0, ""))
        dns.add("nodata.test", "TXT", "nothing here")
        dns.add_host("bare.test", room().address(39))
        dns.add("dangling.test", "MX", (10, "nowhere.test"))
        dns.fail("servfail.test", "SERVFAIL")
        for preference, n in ((20, 41), (10, 42), (30, 43)):
            dns.add_host(f"mx{n}.many.test", room().address(n))
            dns.add("many.test", "MX", (preference, f"mx{n}.many.test"))
        dns.furnished = True


def send(mta, to, text=TEXT, sender="carol@example.test", **options):
    hosts()
    mta.mail(sender, to, text, **options)
    mta.settle()


PORT = "smtp_tcp_port = 2525"
