"""A small MongoDB server for the tests (Debian has none): its protocol, and searches for equal values."""
import socketserver
import struct
import threading

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
HELLO = {"ismaster": True, "isWritablePrimary": True, "helloOk": True, "maxBsonObjectSize": 16777216,
         "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "minWireVersion": 0, "maxWireVersion": 13, "ok": 1.0}


class Long(int):
    """An int64 where another number is an int32."""


def encode(document):
    items = document.items() if isinstance(document, dict) else ((str(i), v) for i, v in enumerate(document))
    body = b"".join(element(name.encode() + b"\0", value) for name, value in items)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def element(name, value):
    if isinstance(value, bool):
        return b"\x08" + name + bytes([value])
    if isinstance(value, float):
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, Long):
        return b"\x12" + name + struct.pack("<q", value)
    if isinstance(value, int):
        return b"\x10" + name + struct.pack("<i", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(text)) + text
    return (b"\x04" if isinstance(value, list) else b"\x03") + name + encode(value)


def decode(data, at=0, is_array=False):
    """(document, what follows it)"""
    end = at + struct.unpack_from("<i", data, at)[0]
    found, at = {}, at + 4
    while data[at]:
        kind, stop = data[at], data.index(b"\0", at + 1)
        name, at = data[at + 1:stop].decode(), stop + 1
        if kind == 2:
            size = struct.unpack_from("<i", data, at)[0]
            found[name], at = data[at + 4:at + 3 + size].decode(), at + 4 + size
        elif kind in (3, 4):
            found[name], at = decode(data, at, kind == 4)
        else:
            form = {1: "<d", 8: "<?", 16: "<i", 18: "<q"}[kind]
            found[name] = struct.unpack_from(form, data, at)[0]
            at += struct.calcsize(form)
    return (list(found.values()) if is_array else found), end


def field(value, path):
    """All values that a dotted path leads to."""
    if isinstance(value, list):
        return [each for item in value for each in field(item, path)] if path else value
    if not path:
        return [value]
    name, _, rest = path.partition(".")
    return field(value[name], rest) if isinstance(value, dict) and name in value else []


def matches(document, wanted):
    return all(any(matches(document, each) for each in value) if name == "$or" else value in field(document, name)
               for name, value in wanted.items())


def project(document, fields):
    chosen = {name for name, value in fields.items() if value and name != "_id"}
    return {name: value for name, value in document.items() if (name in chosen or not chosen) and (name != "_id" or fields.get("_id", 1))}


class MongoServer:
    def __init__(self, **collections):
        self.collections, self.searches = collections, []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self.handler(), bind_and_activate=True)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(self):
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while head := self.rfile.read(16):
                    size, number, _, kind = struct.unpack("<iiii", head)
                    reply = outer.answer(kind, self.rfile.read(size - 16))
                    self.wfile.write(struct.pack("<iiii", len(reply[1]) + 16, 1, number, reply[0]) + reply[1])
        return Handler

    def answer(self, kind, body):
        if kind == OP_QUERY:
            return OP_REPLY, struct.pack("<iqii", 8, 0, 0, 1) + encode(HELLO)
        return OP_MSG, struct.pack("<iB", 0, 0) + encode(self.command(decode(body, 5)[0]))

    def command(self, asked):
        if "find" not in asked:
            return HELLO
        self.searches.append(asked)
        documents = [project(each, asked.get("projection", {})) for each in self.collections.get(asked["find"], [])
                     if matches(each, asked["filter"])]
        return {"cursor": {"id": Long(0), "ns": "mail." + asked["find"], "firstBatch": documents}, "ok": 1.0}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
