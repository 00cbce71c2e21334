"""qmqp-source and qmqp-sink, as Postfix's."""
import contextlib

from support import equal
from support.qmqp import netstring, request
from support.server import Server
from support.test_programs import Side, both, free_port


class Answerer(Server):
    """Takes a request of `size` bytes at the least, keeps it, and answers always the same."""
    def __init__(self, reply):
        self.reply, self.got = reply, []
        super().__init__(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def _serve(self, client):
        with contextlib.suppress(OSError, ValueError), client:
            data = b""
            while b":" not in data or len(data) < data.index(b":") + 2 + int(data[:data.index(b":")]):
                data += client.recv(65536)
            self.got.append(data)
            client.sendall(self.reply)


def send(side, *arguments, reply=b"3:Kok,"):
    with Answerer(reply) as server:
        side.run("qmqp-source", *arguments, f"127.0.0.1:{server.port}")
    for got in server.got:
        # The process id is in it.
        head, _, rest = got.partition(b"Message-Id: <")
        side.note(f"{arguments} {reply}", head + b"|" + rest.partition(b"@")[2][:200] if rest else head)
        side.note("size", len(got))


@both
def source(side):
    for arguments in ([], ["-l", "10"], ["-l", "300", "-M", "me.x"], ["-l", "9000", "-r", "3", "-f", "a@b", "-t", "c@d"], ["-c", "-m", "3", "-s", "2"],
                      ["-m", "2", "-w", "1"], ["-m", "2", "-R", "1"], ["-4"], ["-r", "2", "-t", "noat"]):
        send(side, *arguments)
    replies = (b"3:Zno,", b"3:Dno,", b"3:Xno,", b"3:Kok", b"", b"garbage", b"99999999999:K", b"6:K\0\nok,,", b"3:Kokx", b"12", b"-3:Kok,")
    side.each(lambda reply: send(side, "-c", "-m", "2", reply=reply), replies)
    cases = [["-z"], ["a", "b"], [], ["127.0.0.1:1"], ["nosuch.invalid"], ["unix:/nosuch"], ["127.0.0.1:nosuch"], ["-4", "[::1]:1"],
             ["-C", "3", "127.0.0.1:1"], ["-R", "1", "-w", "1", "127.0.0.1:1"], ["-M", "a..b", "127.0.0.1:1"], ["-M", "[1.2.3", "127.0.0.1:1"]]
    cases += [[option, value, "127.0.0.1:1"] for option in ("-m", "-s", "-l", "-r", "-R", "-w", "-C") for value in ("x", "0", "-1")]
    side.run_each("qmqp-source", *cases)


@both
def sink(side):
    good = request("hi\n", "a", "b")
    for pieces in ([good], [good + good], [b"garbage"], [good[:-1]], [good[:-1] + b"x"], [b"5:hello,"], [b"5:hellox"], [good[:5]], [b""], [b"-3:hell"],
                   [b" 3:abc,"], [b"3"], [good[:4], good[4:9], good[9:]], [netstring(b"x" * 300000)], [b"100000000000:abc"]):
        with side.sink("qmqp-sink", "-c") as server:
            side.note(f"{[piece[:30] for piece in pieces]}", server.say(*pieces, pause=0.02))
    with side.sink("qmqp-sink", "-v", "-x", "1") as server:
        side.note("-x", server.say(good))
        side.note("status", server.process.wait(timeout=5))
    for place in (f"unix:{side.folder}/socket", f"[::1]:{free_port('::1')}"):
        with side.sink("qmqp-sink", "-c", "-v", place=place) as server:
            side.note("reply", server.say(good) + server.say(good))
    side.run_each("qmqp-sink", ["-z"], [], [":2525"], [":2525", "x"], [":2525", "0"], [":2525", "10", "x"], ["-x", "0", ":2525", "10"], ["-x", "y", ":2525", "10"],
                  ["nosuch.invalid:1", "10"], ["127.0.0.1", "10"], ["-6", "127.0.0.1:2599", "10"], ["192.0.2.1:2599", "10"])


def test_pairs():
    theirs, mine = Side("postfix", "/nosuch"), Side("ours", "/nosuch")
    for source_side, sink_side in ((mine, theirs), (theirs, mine), (mine, mine)):
        with sink_side.sink("qmqp-sink", "-c", note=False) as server:
            equal(source_side.run("qmqp-source", "-s", "5", "-m", "50", "-l", "20000", "-r", "4", server.place), 0, "status")
