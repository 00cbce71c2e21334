"""A small Dovecot auth service for smtpd to ask: one socket, users and passwords in a dict.

It can also be away, slow or wrong: `answers` has, for a user, what is said in place of the truth ("{n}" is the
request's number; None: nothing, "": the connection ends), and `greeting` is what clients hear first."""
import base64
import socket

from support.server import Server


GREETING = (b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tANONYMOUS\tanonymous\n"
            b"SPID\t1\nCUID\t1\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n")


class AuthServer(Server):
    """with AuthServer(path, {"joe": "secret"}): ...       (place: a path, or an address and a port)"""

    def __init__(self, place, users, answers=None, greeting=GREETING):
        self.users, self.answers, self.greeting, self.requests = users, answers or {}, greeting, []
        super().__init__(place, backlog=20)

    def _serve(self, client):
        client.sendall(self.greeting)
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
                if answer == "":
                    client.shutdown(socket.SHUT_RDWR)
                elif answer:
                    client.sendall(answer.encode("latin-1") + b"\n")

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
        try:
            got.append(base64.b64decode(response).decode("latin-1"))
        except ValueError:
            return f"FAIL\t{number}\treason=Invalid base64 data"
        if mechanism == "LOGIN" and len(got) == 1:
            return f"CONT\t{number}\t" + _b64("Password:")
        user, password = got if mechanism == "LOGIN" else (got[0].split("\0") + ["", ""])[1:3]
        if user == "later":
            return f"FAIL\t{number}\tuser={user}\ttemp"
        if user in self.answers:
            return self.answers[user] and self.answers[user].replace("{n}", number)
        if self.users.get(user) == password:
            return f"OK\t{number}\tuser={user}"
        return f"FAIL\t{number}\tuser={user}"


def _b64(text):
    return base64.b64encode(text.encode()).decode()
