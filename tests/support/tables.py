"""Servers of tables, played by the tests."""
import contextlib
import socket
import threading


@contextlib.contextmanager
def socketmap(answer, patient=True):
    """A server that gives the same answer to every question, or to one in each connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        while connection.recv(1000):
                            connection.sendall(b"%d:%s," % (len(answer), answer))
                            if not patient:
                                break
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
