"""The Dovecot auth protocol as a client speaks it: what our auth service says of users and of logins."""
import base64
import os
import socket


class AuthClient:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(40)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")
        self.number = 0
        self.mechanisms = {}
        self.say("VERSION", 1, 2)
        self.say("CPID", os.getpid())
        while (line := self.read())[0] != "DONE":
            if line[0] == "MECH":
                self.mechanisms[line[1]] = set(line[2:])

    def say(self, *fields):
        self.socket.sendall(("\t".join(map(str, fields)) + "\n").encode())

    def read(self):
        return self.lines.readline().decode().rstrip("\n").split("\t")

    def user(self, name):
        """{field: value} of a user; NOTFOUND or FAIL."""
        self.number += 1
        self.say("USER", self.number, name)
        answer = self.read()
        return dict(field.partition("=")[::2] for field in answer[3:]) if answer[0] == "USER" else answer[0]

    def login(self, mechanism, *responses, **parameters):
        """The last line, (word, {field: value}); `responses` are bytes, the first one goes with the request."""
        self.number += 1
        texts = [base64.b64encode(each).decode() for each in responses]
        given = [f"{name}={value}" for name, value in {"service": "imap", "nologin": "", **parameters}.items()]
        self.say("AUTH", self.number, mechanism, *given, *([f"resp={texts.pop(0)}"] if texts else []))
        while (answer := self.read())[0] == "CONT":
            self.challenge = base64.b64decode(answer[2])
            if not texts:
                break
            self.say("CONT", self.number, texts.pop(0))
        return answer[0], dict(field.partition("=")[::2] for field in answer[2:])

    def close(self):
        self.lines.close()
        self.socket.close()


def of(instance):
    """Of an Instance whose auth service is to be asked."""
    return AuthClient(instance.queue / "private/auth")
