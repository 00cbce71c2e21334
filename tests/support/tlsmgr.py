"""A tlsmgr played by the tests: one that does as it should, or as a test says."""
import base64
import struct
import time

from support.server import Server

KEY = b"k" * 80 + struct.pack("q", 1 << 33)  # good for long


def packed(*pairs):
    return b"".join(f"{name}\0{value}\0".encode() for name, value in pairs) + b"\0"


def data(value):
    return base64.b64encode(value).decode()


class Tlsmgr(Server):
    """Sessions are kept in a dictionary.  `odd`: {request: bytes to send, or None to be silent, or "hang up"}"""

    def __init__(self, path, odd=None, cachable=0, hello=packed(("protocol", "tlsmgr_protocol"))):
        self.requests, self.sessions = [], {}
        self.odd, self.cachable, self.hello = odd or {}, cachable, hello
        super().__init__(str(path))

    def answer(self, asked):
        what, name = asked.get("request"), asked.get("cache_id")
        if what == "seed":
            return packed(("status", 0), ("seed", data(b"r" * int(asked["size"]))))
        if what == "policy":
            return packed(("status", 0), ("cachable", self.cachable), ("timeout", 3600))
        if what == "tktkey":
            return packed(("status", 0), ("keybuf", data(KEY)))
        if what == "update":
            self.sessions[name] = asked["session"]
        if what == "lookup":
            return packed(("status", 0 if name in self.sessions else -1), ("session", self.sessions.get(name, "")))
        return packed(("status", 0))

    def _serve(self, client):
        try:
            client.sendall(self.hello)
            while request := client.recv(65536):
                words = request.decode("latin-1").split("\0")
                asked = dict(zip(words[::2], words[1::2]))
                self.requests.append((asked.get("request", ""), asked.get("size", ""), asked.get("cache_type", "")))
                answer = self.odd[asked["request"]] if asked.get("request") in self.odd else self.answer(asked)
                if answer is None:
                    time.sleep(30)
                if answer in (None, "hang up"):
                    break
                client.sendall(answer)
        except OSError:
            pass
        client.close()
