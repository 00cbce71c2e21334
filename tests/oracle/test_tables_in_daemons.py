"""Patterns, tables of tables and tables behind sockets, as the daemons use them."""
import functools
import socketserver
import threading

from support.compare import scenario

HELLO = "EHLO client.test"
MAIN = """smtpd_forbidden_commands = CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}
mynetworks = cidr:@CONF@/clients
smtpd_discard_ehlo_keyword_address_maps = cidr:{{@NET@.99 chunking pipelining dsn},
 {!@NET@.0/25 chunking size}, {0.0.0.0/0 chunking silent-discard}}
virtual_alias_domains = regexp:{{/^(list|tcp|map|case)\\.test$$/ yes}}
virtual_alias_maps = proxy:regexp:@CONF@/patterns, tcp:@NET@.40:26201, socketmap:inet:@NET@.40:26202:alias
 unionmap:{inline:{one@case.test=u1@virt.test,both@case.test=u1@virt.test},inline:{both@case.test=u2@virt.test}}
proxy_read_maps = $virtual_alias_maps
transport_maps = regexp:{{/@error.test$$/ error:5.1.2 by expression}}, socketmap:inet:@NET@.40:26202:transport
relay_domains = error.test sock.test broken.test
relay_recipient_maps = pipemap:{regexp:{{/^(.*)-box@(sock|broken)\\.test$$/ $$1}},inline:{known=yes}}
 regexp:{{/@error\\.test$$/ yes}}, regexp:{{!/@broken\\.test$$/ yes}}, sdbm:@CONF@/nothing
sender_canonical_maps = regexp:{{/^(.*)@old\\.test$$/ $$1@new.test}, {/@twice\\.test/ u1@old.test}}"""

FILES = {
    "clients": "# who is inside\n@NET@.100 yes\nif @NET@.0/25\n@NET@.104/30 yes\n!@NET@.96/27 yes\nendif\n",
    "patterns": "/^(u[12])-alias@list\\.test$/ $1@virt.test\n/^both@list\\.test$/ u1@virt.test, u2@virt.test\n"
                "if /@list/\n/^deep@/ u2@virt.test\nendif\n"}

TCP = {b"a%40tcp.test": b"200 u1@virt.test\n", b"a@tcp.test": b"200 u1@virt.test\n", b"later@tcp.test": b"400 not now\n"}
SOCKETMAP = {b"alias m@map.test": b"OK u2@virt.test", b"transport x@sock.test": b"OK error:5.1.2 by socketmap",
             b"alias perm@map.test": b"PERM broken map", b"alias temp@map.test": b"TEMP not now"}


class TcpTalk(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(TCP.get(line.strip()[4:], b"500 none\n"))


class SocketmapTalk(socketserver.StreamRequestHandler):
    def handle(self):
        while digits := b"".join(iter(lambda: self.rfile.read(1), b":")) if self.rfile.peek(1) else b"":
            reply = SOCKETMAP.get(self.rfile.read(int(digits) + 1)[:-1], b"NOTFOUND ")
            self.wfile.write(b"%d:%s," % (len(reply), reply))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address, block_on_close, request_queue_size = True, True, False, 50


@functools.cache
def start_servers(address):
    for port, talk in ((26201, TcpTalk), (26202, SocketmapTalk)):
        threading.Thread(target=Server((address, port), talk).serve_forever, daemon=True).start()


def table_scenario(function):
    def with_servers(mta):
        start_servers(mta.room.address(40))
        function(mta)
    with_servers.__name__ = function.__name__
    return scenario(with_servers, main=MAIN, files=FILES, ignore=r"error: unsupported dictionary type")


@table_scenario
def forbidden_commands(mta):
    for line in ("GET / HTTP/1.0", "\x16\x03\x01", "1234", "connect x", "{}", "FOO"):
        with mta.smtp() as s:
            s.talk(line)


@table_scenario
def networks_of_clients(mta):
    for client in (100, 101, 104, 107, 108, 99, 20, 140):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, "MAIL FROM:<fine@one.test>", "RCPT TO:<far@elsewhere.test>", "QUIT")


@table_scenario
def recipients_in_tables(mta):
    with mta.smtp(client=130) as s:
        s.talk(HELLO, "MAIL FROM:<fine@one.test>")
        for recipient in ("u1-alias@list.test", "U2-Alias@List.test", "both@list.test", "deep@list.test", "none@list.test", "a@tcp.test",
                          "none@tcp.test", "later@tcp.test", "m@map.test", "perm@map.test", "temp@map.test", "one@case.test",
                          "none@case.test", "known-box@sock.test", "x@sock.test", "y@error.test", "known-box@broken.test",
                          "unknown-box@broken.test", "z@elsewhere.test"):
            s.talk(f"RCPT TO:<{recipient}>")
        s.talk("RSET", "QUIT")
    mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))


@table_scenario
def mail_through_tables(mta):
    mta.mail("fine@one.test", ["u1-alias@list.test", "a@tcp.test", "m@map.test", "both@case.test"])
    mta.mail("me@old.test", ["deep@list.test"], "From: me@old.test\nSubject: x\n\nbody\n")
    mta.mail("me@twice.test", ["deep@list.test"])
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))


@table_scenario
def queries_through_proxymap(mta):
    for key, table in (("u2-alias@list.test", "regexp:@CONF@/patterns"), ("nobody@list.test", "regexp:@CONF@/patterns"),
                       ("U1-ALIAS@list.test", "regexp:@CONF@/patterns"), ("x", "regexp:@CONF@/clients")):
        mta.run("postmap", "-q", key, mta.expand("proxy:" + table))
