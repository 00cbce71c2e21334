"""A server in SpamAssassin's place: it speaks the protocol of spamc, and scores a message by the words in it: "spam-N" scores N."""
import re

from support.server import Server

REPORT = "Content-Type: text/plain\n\nSpam detection software has found this.\n"


class Spamd(Server):
    def __init__(self, place):
        self.commands = []
        super().__init__(place)

    def _serve(self, client):
        with client, client.makefile("rb") as stream:
            command = stream.readline().decode()
            size = 0
            while (line := stream.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            self.commands.append(command.split()[0])
            answer, words = judged(stream.read(size).decode("latin-1"))
            client.sendall(f"SPAMD/1.1 0 EX_OK\r\nContent-length: {len(answer)}\r\n{words}\r\n\r\n".encode() + answer.encode("latin-1"))


def judged(text):
    """The message as SpamAssassin gives it back, and the line of the protocol that says what it is."""
    text = text.replace("\r\n", "\n")
    head, body = text.split("\n\n", 1)
    score = sum(int(n) for n in re.findall(r"spam-(\d+)", body))
    is_spam = score >= 5
    first = "X-Spam-Checker-Version: SpamAssassin 3.4.6 (2021-04-09) on mx.example.test\n"
    first += f"X-Spam-Level: {'*' * score}\nX-Spam-Status: {'Yes' if is_spam else 'No'}, score={score}.0 required=5.0 tests=TEST autolearn=no\n\tversion=3.4.6\n"
    if is_spam:
        first = "X-Spam-Flag: YES\n" + first
        head = re.sub(r"(?m)^Subject: ", "Subject: [SPAM] ", head)
        first += REPORT.split("\n\n")[0] + "\n"
        body = REPORT.split("\n\n", 1)[1] + "\n" + body
    return first + head + "\n\n" + body, f"Spam: {'True' if is_spam else 'False'} ; {score}.0 / 5.0"
