"""A small DNS server with scripted answers, for the resolvers of the programs under test.

    room().dns.add("mx.remote.test", "A", "127.3.4.31")
    room().dns.add("remote.test", "MX", (10, "mx.remote.test"))
    room().dns.fail("tempfail.test", "SERVFAIL")

Names that nobody added do not exist (NXDOMAIN); a known name without the type asked for gets an
empty answer.  What lies below a zone given to sign() passes for validated by DNSSEC: the answer has the AD bit
where the query asks for it.
"""
import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "TLSA": 52}
MOST_BY_UDP = 1232
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
    if kind == "SRV":  # (priority, weight, port, target)
        return struct.pack("!HHH", *value[:3]) + encode_name(value[3])
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    if kind == "TLSA":  # (usage, selector, matching type, data)
        return bytes(value[:3]) + value[3]
    if kind == "RAW":
        return value
    return encode_name(value)


class DnsServer:
    def __init__(self, address, port=53):
        self._records = {}
        self._failures = {}
        self._ttls, self._soa = {}, {}
        self._signed, self._unsigned = set(), set()
        self.asked = []
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._listener = socket.create_server((address, port))
        threading.Thread(target=self._serve, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()

    def add(self, name, kind, value, ttl=60):
        with self._lock:
            self._records.setdefault(name.lower(), {}).setdefault(kind, []).append(value)
            self._ttls[name.lower()] = ttl

    def replace(self, name, kind, value):
        """In place of what was there of this kind."""
        with self._lock:
            self._records.setdefault(name.lower(), {})[kind] = [value]

    def add_soa(self, zone, ttl, minimum):
        """What names below the zone that do not exist are answered with: for how long that is good."""
        with self._lock:
            self._soa[zone.lower()] = (ttl, minimum)

    def sign(self, zone):
        """The zone's answers, and those about names below it, are authentic."""
        with self._lock:
            self._signed.add(zone.lower())

    def unsign(self, zone):
        """The other way: a zone without signatures in a signed one."""
        with self._lock:
            self._unsigned.add(zone.lower())

    def add_host(self, name, address):
        """A name with its address, and the address with its name."""
        self.add(name, "A", address)
        self.add(ipaddress.IPv4Address(address).reverse_pointer, "PTR", name)

    def fail(self, name, rcode):
        """Answers to any question for the name: an rcode, "DROP" for silence, "TRUNCATED" for an answer that never comes
        whole, or "GARBAGE" for records that end too early."""
        with self._lock:
            self._failures[name.lower()] = rcode

    def stop(self):
        self._socket.close()
        self._listener.close()

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
            if len(answer) > MOST_BY_UDP:  # the client asks again by TCP
                answer = answer[:2] + bytes([answer[2] | 0x02]) + answer[3:6] + bytes(6) + answer[12:self._end_of_question(query)]
            if answer:
                self._socket.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(peer,), daemon=True).start()

    def _converse(self, peer):
        try:
            with peer, peer.makefile("rb") as queries:
                peer.settimeout(30)
                while size := queries.read(2):
                    answer = self._answer(queries.read(struct.unpack("!H", size)[0]))
                    if answer:
                        peer.sendall(struct.pack("!H", len(answer)) + answer)
        except (OSError, IndexError, struct.error):
            pass

    @staticmethod
    def _end_of_question(query):
        return decode_name(query, 12)[1] + 4

    def _answer(self, query):
        number, flags, questions = struct.unpack("!HHH", query[:6])
        name, end = decode_name(query, 12)
        kind = struct.unpack("!H", query[end:end + 2])[0]
        question = query[12:end + 4]
        kind_name = next((k for k, v in TYPES.items() if v == kind), str(kind))
        with self._lock:
            self.asked.append((name, kind_name))
            rcode, records = self._find(name, kind_name)
            ttl = self._ttls.get(name, 60)
            authority = b"" if records else self._authority(name)
            authentic = self._wants_validation(query, end + 4) and self._is_authentic(name)
        if rcode == "DROP":
            return b""
        if rcode in ("TRUNCATED", "GARBAGE"):
            tail = {"TRUNCATED": b"", "GARBAGE": b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, 200) + b"\3\1\1short"}[rcode]
            flags = 0x81a0 | (0x0200 if rcode == "TRUNCATED" else 0)
            return struct.pack("!HHHHHH", number, flags, 1, 1 if tail else 0, 0, 0) + question + tail
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", TYPES[k], 1, ttl, len(d)) + d
                        for k, d in records)
        head = struct.pack("!HHHHHH", number, 0x8180 | (flags & 0x0100) | 0x20 * authentic | RCODES[rcode], 1,
                           len(records), 1 if authority else 0, 0)
        return head + question + body + authority

    @staticmethod
    def _wants_validation(query, end):
        """The AD bit, or the DO bit of an OPT record (RFC 6840 5.7)."""
        return bool(query[3] & 0x20) or (len(query) >= end + 11 and query[end + 7] & 0x80 != 0)

    def _is_authentic(self, name):
        if not name:
            return "." not in self._unsigned
        while name:
            if name in self._unsigned | self._signed:
                return name in self._signed
            name = name.partition(".")[2]
        return False

    def _authority(self, name):
        for zone, (ttl, minimum) in self._soa.items():
            if name.endswith("." + zone):
                data = encode_name("ns." + zone) + encode_name("root." + zone) + struct.pack(
                    "!IIIII", 1, 3600, 600, 86400, minimum)
                return encode_name(zone) + struct.pack("!HHIH", TYPES["SOA"], 1, ttl, len(data)) + data
        return b""

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
