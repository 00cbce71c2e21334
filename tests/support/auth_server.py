"""A small Dovecot auth service for smtpd to ask: one socket, users and passwords in a dict."""
import base64
import os
import socket
import threading


class AuthServer:
    """with AuthServer(path, {"joe": "secret"}): ..."""

    def __init__(self, path, users, owner=None):
        self.users, self.requests = users, []
        self._listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.unlink(path)
        self._listener.bind(str(path))
        os.chmod(path, 0o666)
        self._listener.listen(20)
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.stop()

    def stop(self):
        for s in [self._listener, *self._open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.sendall(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
                       b"MECH\tANONYMOUS\tanonymous\nSPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")
        steps, buffer = {}, b""
        while True:
            try:
                more = client.recv(4096)
            except OSError:
                return
            if not more:
                return
            buffer += more
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                answer = self._answer(line.decode("latin-1").split("\t"), steps)
                if answer:
                    client.sendall(answer.encode() + b"\n")

    def _answer(self, words, steps):
        if words[0] == "AUTH":
            number, mechanism = words[1], words[2]
            self.requests.append(words[2:])
            responses = [w[5:] for w in words if w.startswith("resp=")]
            steps[number] = (mechanism, [])
            if not responses:
                return f"CONT\t{number}\t" + (_b64("Username:") if mechanism == "LOGIN" else "")
            return self._respond(number, responses[0], steps)
        if words[0] == "CONT":
            return self._respond(words[1], words[2] if len(words) > 2 else "", steps)
        return None

    def _respond(self, number, response, steps):
        mechanism, got = steps[number]
        got.append(base64.b64decode(response).decode("latin-1"))
        if mechanism == "LOGIN" and len(got) == 1:
            return f"CONT\t{number}\t" + _b64("Password:")
        user, password = got if mechanism == "LOGIN" else (got[0].split("\0") + ["", ""])[1:3]
        if user == "later":
            return f"FAIL\t{number}\tuser={user}\ttemp"
        if self.users.get(user) == password:
            return f"OK\t{number}\tuser={user}"
        return f"FAIL\t{number}\tuser={user}"


def _b64(text):
    return base64.b64encode(text.encode()).decode()
