"""A client of the Quick Mail Queueing Protocol: one message for each connection, in netstrings."""
import contextlib
import socket


def netstring(data):
    data = data.encode() if isinstance(data, str) else data
    return b"%d:%s," % (len(data), data)


def request(text, sender, *recipients):
    return netstring(netstring(text) + netstring(sender) + b"".join(map(netstring, recipients)))


def talk(address, port, *pieces, source=None, half_close=False, seconds=20):
    """Sends the pieces; all that comes back until the server hangs up."""
    with contextlib.closing(socket.create_connection((address, port), timeout=seconds,
                                                     source_address=(source, 0) if source else None)) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                answer += more
    return answer
