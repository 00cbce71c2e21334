"""postscreen behind a proxy: PROXY headers, versions 1 and 2."""
import socket
import struct

from support.compare import scenario
from support.postscreen import HELPERS, connect, in_parallel, read_all, service
from support.room import room

SETUP = {"master": HELPERS + service(2621, postscreen_upstream_proxy_protocol="haproxy", postscreen_upstream_proxy_timeout="1s",
                                     postscreen_access_list="permit_mynetworks"), "main": "inet_protocols = all\n"}
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v4(client, server, ports=(12345, 25)):
    return socket.inet_aton(client) + socket.inet_aton(server) + struct.pack("!HH", *ports)


@scenario(**SETUP)
def headers(mta):
    """What is in the header counts for the access list, the log and smtpd; what is no header is the end.  (Ours also
    waits for the rest of a torn one.)"""
    us = room().address(5)
    cases = [f"PROXY TCP4 {us} 192.0.2.4 12345 25\r\n".encode(), f"PROXY   TCP4  {us} 192.0.2.4 65535 0 more\n".encode(),
             f"PROXY TCP4 {us} 192.0.2.4 65536 25\r\n".encode(), f"PROXY TCP4 {us} 192.0.2.4 000001 25\r\n".encode(),
             b"PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n", b"PROXY TCP6 192.0.2.1 ::1 1 25\r\n", b"PROXY UNKNOWN\r\n",
             b"PROXY TCP4 \x80\x01\r\n", b"PROXY TCP4 192.0.2.1\r\n", b"", b"PROXY TCP4 " + b"x" * 700,
             SIGNATURE + b"\x21\x11\0\x0c" + v4(us, "192.0.2.4"), SIGNATURE + b"\x21\x11\0\x10" + v4(us, "192.0.2.4") + b"TLVs",
             SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\0", SIGNATURE + b"\x21\x12\0\x0c" + v4(us, us),
             SIGNATURE + b"\x21\x21\0\x0c" + v4(us, us), SIGNATURE + b"\x31\x11\0\x0c" + v4(us, us),
             SIGNATURE + b"\x22\x11\0\x0c" + v4(us, us), SIGNATURE + b"\x21\x11\x03\x08" + b"x" * 776,
             SIGNATURE + b"\x21\x21\0\x24" + b"\x20\x01" + b"\0" * 14 + b"\x20\x02" + b"\0" * 14 + struct.pack("!HH", 1, 2),
             f"PROXY TCP4 {us} 192.0.2.4 12345 25\r\nEHLO early\r\n".encode(), b"PROXY TCP4 192.0.2.9 192.0.2.4 12345 25\r\nEHLO early\r\n"]

    def act(number):
        with connect(mta, 2621, 200 + number) as s:
            s.sendall(cases[number])
            heard = read_all(s, 1.5)
            try:
                s.sendall(b"QUIT\r\n")
                heard += read_all(s, 3)
            except OSError:
                pass
            return heard
    for number, heard in in_parallel(act, range(len(cases))):
        mta.note(f"case {number}", heard)


def a_torn_header_is_waited_for():
    """Byte by byte, by ours alone; and one that never ends is cut off in time."""
    from support.instance import Instance
    mta = Instance(main=SETUP["main"], master=SETUP["master"]).start()
    us = room().address(5)
    for header in (f"PROXY TCP4 {us} 192.0.2.4 12345 25\r\n".encode(), SIGNATURE + b"\x21\x11\0\x0c" + v4(us, "192.0.2.4")):
        with connect(mta, 2621, 201) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(header)):
                s.sendall(header[at:at + 1])
            assert s.recv(4) == b"220 "
    mta.wait_log(rf"ALLOWLISTED \[{us}\]:12345", 2)
    with connect(mta, 2621, 202) as s:
        s.sendall(b"PROXY TCP4 ")
        assert read_all(s, 4).startswith(b"421 4.3.2 ")
    mta.wait_log("haproxy read: time limit exceeded")
    mta.stop()


a_torn_header_is_waited_for.is_test = True
