"""A client that sends what it is told, and shows the lines of the answers as they are.

    client = Client(mail)              # an ImapInstance; logged in as bob
    client.command("SELECT INBOX")     # the lines of the answer, the last one without its tag
    client.ok("NOOP")                  # the lines before the last, which must be OK
"""
import re
import socket
import zlib

from support import check, equal
from support.imap import IMAP, PASSWORD


class Client:
    """A plain connection; literals are sent as they stand."""

    def __init__(self, mail, user="bob"):
        self.sock = socket.create_connection((mail.address, IMAP), 30)
        self.buffer, self.squeeze, self.expand = b"", None, None
        self.line()
        self.count = 0
        self.entered = Client.command(self, f"LOGIN {user} {PASSWORD}")[-1].startswith(b"OK")

    def send(self, data):
        if self.squeeze:
            data = self.squeeze.compress(data) + self.squeeze.flush(zlib.Z_SYNC_FLUSH)
        self.sock.sendall(data)

    def fill(self):
        data = self.sock.recv(65536)
        check(data, f"hung up; {self.buffer[-300:]}")
        self.buffer += self.expand.decompress(data) if self.expand else data

    def take(self, size):
        while len(self.buffer) < size:
            self.fill()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(b"\r\n") + 2)

    def answer(self, tag):
        """The lines up to the tagged one, which begins with OK, NO or BAD here."""
        lines = []
        while True:
            line = self.line()
            while literal := re.search(rb"\{(\d+)\}\r\n$", line):
                line += self.take(int(literal[1])) + self.line()
            line = line.removesuffix(b"\r\n")
            if line.startswith(tag + b" "):
                return lines + [line.removeprefix(tag + b" ")]
            lines.append(line)

    def command(self, text):
        self.count += 1
        tag = b"a%d" % self.count
        self.send(tag + b" " + (text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.answer(tag)

    def ok(self, text):
        lines = self.command(text)
        check(lines[-1].startswith(b"OK"), f"{text}: {lines}")
        return lines[:-1]

    def compress(self):
        equal(self.command("COMPRESS DEFLATE")[-1][:2], b"OK", "COMPRESS")
        self.squeeze, self.expand = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)


def literal(text):
    return b"{%d+}\r\n" % len(text) + text


def fill(client, messages, mailbox=b"INBOX"):
    client.ok(b"APPEND " + mailbox + b"".join(b" " + literal(text) for text in messages))
