"""An scache played by the tests: one that keeps what it is given, and tells what was asked; or an odd one."""
import os
import socket
import time

from support.server import Server
from support.tlsmgr import packed

HELLO = packed(("protocol", "connection_cache_protocol"))
DUMMY = packed(("dummy", ""))


class Scache(Server):
    """with Scache(path) as cache: cache.requests is a list of (request, attributes).

    `odd`: what is done instead of answering, a function of the connection and the attributes, by request;
    under "hello" in the place of the announcement."""

    def __init__(self, path, odd=None):
        self.requests, self.endpoints, self.destinations = [], {}, {}
        self.odd = odd or {}
        super().__init__(str(path))

    def asked(self, what):
        return [attributes for request, attributes in self.requests if request == what]

    def _serve(self, client):
        try:
            with client, client.makefile("rb") as lists:
                if "hello" in self.odd:
                    self.odd["hello"](client, [])
                else:
                    client.sendall(HELLO)
                while attributes := read_list(lists):
                    name, what = attributes[0]
                    if name == "dummy":  # the client has the descriptor that it was sent
                        continue
                    self.requests.append((what, attributes[1:]))
                    act = self.odd.get(what) or getattr(self, what)
                    act(client, attributes[1:])
        except OSError:
            pass

    def save_endp(self, client, attributes):
        client.sendall(DUMMY)
        _, fds, _, _ = socket.recv_fds(client, 1, 1)
        self.endpoints.setdefault(attributes[1][1], []).append((attributes[2][1], fds[0]))
        client.sendall(packed(("status", 0)))

    def save_dest(self, client, attributes):
        self.destinations[attributes[1][1]] = (attributes[2][1], attributes[3][1])
        client.sendall(packed(("status", 0)))

    def find_endp(self, client, attributes):
        found = self.endpoints.get(attributes[0][1])
        if not found:
            return client.sendall(packed(("status", 2), ("property", "")))
        text, fd = found.pop()
        client.sendall(packed(("status", 0), ("property", text)))
        return hand_over(client, fd)

    def find_dest(self, client, attributes):
        text, label = self.destinations.get(attributes[0][1], ("", ""))
        if not self.endpoints.get(label):
            return client.sendall(packed(("status", 2), ("property", ""), ("property", "")))
        endpoint, fd = self.endpoints[label].pop()
        client.sendall(packed(("status", 0), ("property", text), ("property", endpoint)))
        return hand_over(client, fd)


def read_list(lists):
    """The next list as pairs; none at the end."""
    pairs = []
    while name := read_word(lists):
        pairs.append((name, read_word(lists)))
    return pairs


def read_word(lists):
    word = b""
    while (byte := lists.read(1)) not in (b"\0", b""):
        word += byte
    return word.decode("latin-1")


def hand_over(client, fd):
    client.recv(len(DUMMY))
    socket.send_fds(client, [b"\0"], [fd])
    os.close(fd)


def silence(client, attributes):
    time.sleep(30)


def hang_up(client, attributes):
    raise OSError
