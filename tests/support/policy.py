"""A scripted policy server (SMTPD_POLICY_README's protocol): it records every request and answers as the test says.

    with PolicyServer((room().address(31), 9998), "DUNNO") as server: ...     (place: a path, or an address and a port)

The answer is an action; bytes, sent as they are; None: never answered; "": the connection ends; or a function of
the request (a dict) that returns one of these."""
import os
import socket
import threading

from support.server import Server


class PolicyServer(Server):
    def __init__(self, place, answer="DUNNO"):
        self.answer, self.requests = answer, []
        self.connections, self.most_open = 0, 0
        self._lock = threading.Lock()
        super().__init__(place)

    def stop(self):
        super().stop()
        if not isinstance(self._place, tuple) and os.path.exists(self._place):
            os.unlink(self._place)

    def hang_up(self):
        """Ends the connections that are open, and no more than that."""
        with self._lock:
            gone, self._open[:] = list(self._open), []
        for s in gone:
            s.shutdown(socket.SHUT_RDWR)

    def blocks(self):
        """The requests as text, as they came."""
        return ["\n".join(f"{name}={value}" for name, value in request) for request in self.requests]

    def _opened(self, client):
        with self._lock:
            self.connections += 1
            super()._opened(client)
            self.most_open = max(self.most_open, len(self._open))

    def _serve(self, client):
        buffer = b""
        try:
            while more := client.recv(65536):
                buffer += more
                while b"\n\n" in buffer:
                    block, buffer = buffer.split(b"\n\n", 1)
                    self._respond(client, [tuple(line.split("=", 1)) for line in block.decode("latin-1").split("\n")])
        except OSError:
            pass
        finally:
            with self._lock:
                if client in self._open:
                    self._open.remove(client)
            client.close()

    def _respond(self, client, request):
        answer = self.answer
        with self._lock:
            self.requests.append(request)
        if callable(answer):
            answer = answer(dict(request))
        if answer == "":
            client.shutdown(socket.SHUT_RDWR)
        elif answer is not None:
            client.sendall(answer if isinstance(answer, bytes) else f"action={answer}\n\n".encode())
