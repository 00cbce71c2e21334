"""A small DNS server with scripted answers, for the resolvers of the programs under test.

    room().dns.add("mx.remote.test", "A", "127.3.4.31")
    room().dns.add("remote.test", "MX", (10, "mx.remote.test"))
    room().dns.fail("tempfail.test", "SERVFAIL")

Names that nobody added do not exist (NXDOMAIN); a known name without the type asked for gets an
empty answer.
"""
import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "REFUSED": 5}


def encode_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def decode_name(data, at):
    labels = []
    while data[at]:
        size = data[at]
        labels.append(data[at + 1:at + 1 + size].decode("latin-1"))
        at += size + 1
    return ".".join(labels).lower(), at + 1


def encode_data(kind, value):
    if kind == "A":
        return ipaddress.IPv4Address(value).packed
    if kind == "AAAA":
        return ipaddress.IPv6Address(value).packed
    if kind == "MX":
        return struct.pack("!H", value[0]) + encode_name(value[1])
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    return encode_name(value)


class DnsServer:
    def __init__(self, address, port=53):
        self._records = {}
        self._failures = {}
        self.asked = []
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        threading.Thread(target=self._serve, daemon=True).start()

    def add(self, name, kind, value):
        with self._lock:
            self._records.setdefault(name.lower(), {}).setdefault(kind, []).append(value)

    def add_host(self, name, address):
        """A name with its address, and the address with its name."""
        self.add(name, "A", address)
        self.add(ipaddress.IPv4Address(address).reverse_pointer, "PTR", name)

    def fail(self, name, rcode):
        """Answers to any question for the name: an rcode, or "DROP" for silence."""
        with self._lock:
            self._failures[name.lower()] = rcode

    def stop(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            try:
                answer = self._answer(query)
            except (IndexError, struct.error):
                continue
            if answer:
                self._socket.sendto(answer, peer)

    def _answer(self, query):
        number, flags, questions = struct.unpack("!HHH", query[:6])
        name, end = decode_name(query, 12)
        kind = struct.unpack("!H", query[end:end + 2])[0]
        question = query[12:end + 4]
        kind_name = next((k for k, v in TYPES.items() if v == kind), str(kind))
        with self._lock:
            self.asked.append((name, kind_name))
            rcode, records = self._find(name, kind_name)
        if rcode == "DROP":
            return b""
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", TYPES[k], 1, 60, len(d)) + d
                        for k, d in records)
        head = struct.pack("!HHHHHH", number, 0x8180 | (flags & 0x0100) | RCODES[rcode], 1,
                           len(records), 0, 0)
        return head + question + body

    def _find(self, name, kind):
        if name in self._failures:
            return self._failures[name], []
        if name not in self._records:
            # A name with names below it exists, empty (RFC 8020).
            below = any(known.endswith("." + name) for known in self._records)
            return ("NOERROR" if below else "NXDOMAIN"), []
        known = self._records[name]
        chosen = "CNAME" if "CNAME" in known and kind != "CNAME" else kind
        return "NOERROR", [(chosen, encode_data(chosen, v)) for v in known.get(chosen, [])]
