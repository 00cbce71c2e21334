"""The SMTP client and a tlsproxy that is absent, hangs, lies or dies: TLS is then in the client itself, or the mail waits."""
import socket
import time

from support import certificates, check, equal
from support.instance import Instance
from support.relay import hosts
from support.room import room
from support.scache import read_list
from support.server import Server
from support.sink import SmtpSink
from support.tlsmgr import packed

HELLO = packed(("protocol", "tlsproxy_protocol"))


class Tlsproxy(Server):
    """Announces `hello`, reads the request, answers `status`, takes the descriptor, sends `context` and hangs up or waits."""

    def __init__(self, path, hello=HELLO, status=packed(("status", 1)), context=b"", then="close"):
        self.words, self.then = (hello, status, context), then
        super().__init__(str(path))

    def _serve(self, client):
        hello, status, context = self.words
        try:
            client.sendall(hello)
            lists = client.makefile("rb", 0)
            read_list(lists), read_list(lists)
            client.sendall(status)
            socket.recv_fds(client, 1, 1)
            client.sendall(context)
            time.sleep(30 if self.then == "wait" else 0)
        except OSError:
            pass
        client.close()


ODD = {  # name: (the tlsproxy, whether the mail goes out at once)
    "absent": (None, True), "mute": ({"hello": b"", "then": "wait"}, True), "other": ({"hello": packed(("protocol", "x"))}, True),
    "refuses": ({"status": packed(("status", 0))}, True), "nonsense": ({"status": packed(("nonsense", 1))}, True),
    "ends": ({}, False), "words": ({"context": packed(("peer_CN", "x"))}, False), "hangs": ({"then": "wait"}, False),
}


def test_every_kind():
    hosts()
    services = "".join(f"smtp-{name} unix - - n - - smtp -o tlsproxy_service_name=fake-{name}\n" for name in ODD)
    maps = "transport_maps = inline:{" + ", ".join(f"{name}.test=smtp-{name}:one.test" for name in ODD) + "}\n"
    mta = Instance("ours", master=services, files=certificates.files(), main=maps + "smtp_tcp_port = 2525\nsmtp_tls_security_level = encrypt\n"
                   "smtp_tls_connection_reuse = yes\ndefault_sessions_per_process = 1\nsmtp_starttls_timeout = 2s\n").start()
    sink = SmtpSink(room().address(31), 2525, {"TLS": certificates.server_context(), "EHLO": "250-sink.test\n250 STARTTLS", "STARTTLS": "220 go"})
    proxies = [Tlsproxy(mta.queue / "private" / f"fake-{name}", **what) for name, (what, _) in ODD.items() if what is not None]
    try:
        begun = time.monotonic()
        for name in ODD:
            mta.mail("carol@example.test", f"a@{name}.test", "Subject: x\n\nhello\n")
        for name, (_, goes) in ODD.items():
            end = "status=sent" if goes else r"dsn=4.7.5, status=deferred \(Cannot start TLS: handshake failure\)"
            mta.wait_log(rf"to=<a@{name}.test>, .*{end}")
        check(time.monotonic() - begun < 8, f"it took {time.monotonic() - begun} s")
        equal(mta.log_text().count("TLS stays in this process: "), 5, "warnings")
        equal(len(sink.transactions), 5, "messages")
        mta.stop()
    finally:
        for each in [sink, *proxies]:
            each.stop()
        mta.destroy()
