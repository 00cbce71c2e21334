"""Queue-file records, and a client of cleanup's protocol: for tests that look into queue files and
speak to cleanup, postdrop and pickup directly."""
import re
import socket

ENVELOPE, CONTENT, EXTRACTED = range(3)


def record(kind, data=b""):
    """One encoded record."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    length, left = b"", len(data)
    while left >= 0x80:
        length += bytes([left & 0x7f | 0x80])
        left >>= 7
    return kind.encode() + length + bytes([left]) + data


def records(*pairs):
    """A stream of records from ("T", "...") pairs."""
    return b"".join(record(kind, data) for kind, data in pairs)


def parse(blob, follow=False):
    """[(offset, kind, data)] in file order, or as pointers lead."""
    at, out = 0, []
    while at < len(blob):
        start, kind = at, chr(blob[at])
        at += 1
        length = shift = 0
        while True:
            byte = blob[at]
            at += 1
            length |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        data = blob[at:at + length]
        if len(data) != length:
            raise AssertionError(f"record {kind} at {start} is cut short")
        at += length
        if follow and kind == "p" and int(data):
            at = int(data)
            continue
        if follow and kind in "pw":
            continue
        out.append((start, kind, data.decode("utf-8", "surrogateescape")))
        if follow and kind == "E":
            break
    return out


def shape(blob, queue_id):
    """A queue file as lines, without what differs from run to run (times, the id)."""
    lines = []
    for _, kind, data in parse(blob):
        data = data.replace(queue_id, "ID")
        if kind == "T":
            data = "TIME"
        elif kind == "W":
            data = "WARN"
        elif kind == "C":
            data = " ".join(data.split())
        data = re.sub(r"create_time=\d+", "create_time=TIME", data)
        data = re.sub(r"\b\d{14}\.ID", "STAMP.ID", data)
        data = re.sub(r"^((?:Resent-)?Date): \w{3}, \d+ \w{3} \d{4} [\d:]+ [+-]\d{4}.*", r"\1: DATE", data)
        lines.append(f"{kind} {data}")
    return lines


def attributes(*pairs):
    """An attribute list in the NUL-terminated encoding."""
    return b"".join(f"{name}\0{value}\0".encode() for name, value in pairs) + b"\0"


class Peer:
    """The client's side of a connection to a daemon of the instance."""

    def __init__(self, path, seconds=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))
        self.buffer = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except BrokenPipeError:
            pass  # the answer came first: it is read next

    def word(self):
        while b"\0" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError(f"the server hung up after {self.buffer!r}")
            self.buffer += more
        word, self.buffer = self.buffer.split(b"\0", 1)
        return word.decode("utf-8", "surrogateescape")

    def list(self):
        """The next attribute list, in order."""
        pairs = []
        while name := self.word():
            pairs.append((name, self.word()))
        return pairs

    def close(self):
        self.socket.close()


class Cleanup:
    """One message through cleanup: `Cleanup(mta, flags).send(...).finish()`."""

    def __init__(self, mta, flags):
        self.mta = mta
        self.peer = Peer(mta.queue / "public/cleanup")
        hello = dict(self.peer.list())
        assert hello["protocol"] == "cleanup_protocol", hello
        self.id = hello["queue_id"]
        self.peer.send(attributes(("flags", flags)))

    def send(self, *pairs):
        self.peer.send(records(*pairs))
        return self

    def finish(self):
        """The reply: (status, reason)."""
        reply = self.peer.list()
        self.peer.close()
        assert [name for name, _ in reply] == ["status", "reason"], reply
        return int(reply[0][1]), reply[1][1]

    def file(self):
        """The bytes of the message in hold or incoming; None where it is in neither."""
        for queue in ("hold", "incoming"):
            path = self.mta.queue / queue / self.id
            if path.exists():
                return path.read_bytes()
        return None
