"""A mail filter that speaks the milter protocol raw: it records every event and macro, and answers as the test says.

    with MilterServer((address, 8891), {"rcpt": [tempfail()]}) as filter: ...
    filter.lines        # what it was told, in order

A script maps an event (options connect helo mail rcpt data unknown header eoh body eom) to a list of packets that answer it,
to a list of such lists (one for each time; the last one stays), or to a function of the event's text that returns one.
CLOSE hangs up, HANG never answers, bytes that are no packet are sent as they are.
"""
import os
import pathlib
import socket
import struct
import threading
import time

EVENTS = {"C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "U": "unknown", "L": "header", "N": "eoh",
          "B": "body", "E": "eom", "A": "abort", "Q": "quit", "K": "quit_nc", "O": "options", "D": "macros"}
SILENT = ("abort", "quit", "quit_nc", "macros")
CLOSE, HANG = "CLOSE", "HANG"
# What a filter may ask for: actions, events that it does not want, replies that it does not send.
ALL_ACTIONS = 0x1ff
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH, NR_HEADER, NO_UNKNOWN, NO_DATA, SKIP, RCPT_REJ, NR_CONNECT, \
    NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKNOWN, NR_EOH, NR_BODY, LEADING_SPACE = (1 << n for n in range(21))


def packet(code, data=b""):
    data = data.encode("latin-1") if isinstance(data, str) else data
    return struct.pack("!I", len(data) + 1) + code.encode() + data


def strings(*values):
    return b"".join(v.encode("latin-1") + b"\0" for v in values)


def proceed(): return packet("c")
def accept(): return packet("a")
def reject(): return packet("r")
def tempfail(): return packet("t")
def discard(): return packet("d")
def skip(): return packet("s")
def progress(): return packet("p")
def shutdown(): return packet("4")
def reply(text): return packet("y", strings(text))
def quarantine(reason): return packet("q", strings(reason))
def add_header(name, value): return packet("h", strings(name, value))
def insert_header(index, name, value): return packet("i", struct.pack("!I", index) + strings(name, value))
def change_header(index, name, value): return packet("m", struct.pack("!I", index) + strings(name, value))
def replace_body(text): return packet("b", text)
def change_from(address, *arguments): return packet("e", strings(address, *arguments))
def add_recipient(address): return packet("+", strings(address))
def add_recipient_with(address, *arguments): return packet("2", strings(address, *arguments))
def delete_recipient(address): return packet("-", strings(address))


def options(version=6, actions=ALL_ACTIONS, events=0, macros=()):
    """`macros`: (stage, names) pairs, stages 0 to 6: connect helo mail rcpt data eom eoh."""
    lists = b"".join(struct.pack("!I", stage) + strings(names) for stage, names in macros)
    return packet("O", struct.pack("!III", version, actions, events) + lists)


class MilterServer:
    def __init__(self, where, script=None, with_macros=True):
        self.script, self.with_macros = {"options": [options()], **(script or {})}, with_macros
        self.told, self.connections, self.seen = [], 0, {}
        self._stopping, self._peers, self._sessions = threading.Event(), [], []
        if isinstance(where, tuple):
            self._listener = socket.create_server(where, backlog=200)
        else:
            pathlib.Path(where).unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(where))
            os.chmod(where, 0o777)
            self._listener.listen(200)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopping.set()
        for peer in [self._listener, *self._peers]:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._listener.close()

    @property
    def lines(self):
        """What was told, connection by connection."""
        return [line for lines in self.told for line in lines]

    def text(self):
        """The same when the sessions of now are over."""
        for session in list(self._sessions):
            while not session.ident:
                time.sleep(0.001)  # it is about to start
            session.join(3)
        return "\n".join(self.lines)

    def _serve(self):
        while not self._stopping.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.told.append([])
            self._peers.append(peer)
            session = threading.Thread(target=self._session, args=(peer, self.told[-1]), daemon=True)
            self._sessions.append(session)
            session.start()

    def _session(self, peer, lines):
        with peer:
            try:
                stream = peer.makefile("rb")
                while True:
                    head = stream.read(4)
                    if len(head) < 4:
                        return
                    content = stream.read(struct.unpack("!I", head)[0])
                    name = EVENTS.get(chr(content[0]), f"unknown packet {content[:1]!r}")
                    self._take(lines, name, content[1:])
                    if name == "quit":
                        return
                    if name not in SILENT and not self._answer(peer, name, content[1:]):
                        return
            except (OSError, struct.error):
                return

    def _take(self, lines, name, data):
        text = _shown(name, data)
        if name != "macros" or self.with_macros:
            lines.append(f"{name} {text}".rstrip(" "))

    def _answer(self, peer, name, data):
        count = self.seen[name] = self.seen.get(name, 0) + 1
        answer = self.script.get(name, [proceed()])
        if callable(answer):
            answer = answer(_shown(name, data))
        elif answer and isinstance(answer[0], list):
            answer = answer[min(count, len(answer)) - 1]
        for piece in answer:
            if piece == CLOSE:
                return False
            if piece == HANG:
                self._stopping.wait()
                return False
            if piece:
                peer.sendall(piece)
        return True


def _shown(name, data):
    if name == "options":
        return "version %d actions %#x events %#x" % struct.unpack("!III", data[:12])
    if name == "connect":
        host, rest = data.split(b"\0", 1)
        if rest[:1] in (b"4", b"6", b"L"):
            return f"{host.decode()} family {chr(rest[0])} port {'N' if struct.unpack('!H', rest[1:3])[0] else 0} {rest[3:-1].decode()}"
        return f"{host.decode()} {rest!r}"
    if name == "macros":
        fields = data[1:].split(b"\0")[:-1]
        pairs = [f"{k.decode()}={v.decode('latin-1')}" for k, v in zip(fields[::2], fields[1::2])]
        return f"for {EVENTS.get(chr(data[0]), data[:1])}: " + " | ".join(pairs)
    if name == "body":
        return f"{len(data)} bytes {data[:200]!r}"
    return " ".join(repr(f.decode("latin-1"))[1:-1] for f in data.split(b"\0")[:-1]) if data.endswith(b"\0") else repr(data) if data else ""
