"""What servers of the tests have in common: a place where they listen, and a thread for each client."""
import os
import socket
import threading


class Server:
    """with Server(place): ...       (place: a path, or an address and a port)

    Who derives from it serves one client in _serve(client), and has made its own things before it calls this."""

    def __init__(self, place, backlog=500):
        self._place, self._open = place, []
        if isinstance(place, tuple):
            self._listener = socket.create_server(place, backlog=backlog)
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            if os.path.exists(place):
                os.unlink(place)
            self._listener.bind(str(place))
            os.chmod(place, 0o666)
            self._listener.listen(backlog)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()

    def stop(self):
        for each in [self._listener, *self._open]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._opened(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _opened(self, client):
        self._open.append(client)
