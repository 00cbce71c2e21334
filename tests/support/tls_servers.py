"""Servers with TLS for the SMTP client, each at an address of its own, and what arrived at them in an order that does
not depend on who was first."""
import contextlib

from support import certificates
from support.room import room
from support.sink import SmtpSink

OFFER = "250-sink.test\n250-PIPELINING\n250-STARTTLS\n250 8BITMIME"


def safe(name, names, *chain, **how):
    """The script of a server with a new certificate (see certificates.make), which is sent with `chain`."""
    certificates.make(name, names, **how)
    return {"TLS": certificates.context(name, *chain), "EHLO": OFFER, "STARTTLS": "220 go"}


@contextlib.contextmanager
def listening(mta, first, scripts):
    """{name: script}, from the address `first` on."""
    sinks = [SmtpSink(room().address(n), 2525, script) for n, script in enumerate(scripts.values(), first)]
    try:
        yield sinks
    finally:
        for sink in sinks:
            sink.stop()
    mta.note("mail at the servers", "\n".join(f"{name}: {sorted(rcpt for got in sink.transactions for rcpt in got.rcpts)}"
                                              for name, sink in zip(scripts, sinks)))
    mta.note("STARTTLS at the servers", str([sum(c == "STARTTLS" for c in sink.commands) for sink in sinks]))
