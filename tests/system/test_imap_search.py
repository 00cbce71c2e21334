"""SEARCH against a small model, over generated mailboxes: the same in every run."""
import base64
import quopri
import random
import socket
import unicodedata

from support import check, equal
from support.imap import IMAP, PASSWORD, ImapInstance

MESSAGES, QUERIES = 30, 250
LETTERS = "aAbBcCxyz  .-9" + "äÄéÉñжЖ"
DAYS = ["Mon, 1 Jan 2024", "Thu, 29 Feb 2024", "Tue, 31 Dec 2024"]
FLAGS = {"\\Seen": "SEEN", "\\Flagged": "FLAGGED", "\\Answered": "ANSWERED", "\\Draft": "DRAFT"}


class Client:
    def __init__(self, mail):
        self.sock = socket.create_connection((mail.address, IMAP), timeout=20)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.command(b"LOGIN bob " + PASSWORD.encode())

    def command(self, text):
        """The untagged lines; the command must succeed."""
        self.sock.sendall(b"t " + text + b"\r\n")
        lines = []
        while not (line := self.file.readline()).startswith(b"t "):
            check(line, f"hung up after {text}")
            lines.append(line)
        check(line.startswith(b"t OK"), f"{text}: {line}")
        return lines

    def search(self, query):
        line = next(line for line in self.command(b"SEARCH CHARSET UTF-8 " + query) if line.startswith(b"* SEARCH"))
        return [int(number) for number in line.split()[2:]]


def literal(text):
    text = text.encode()
    return b"{%d+}\r\n" % len(text) + text


def words(rng, length):
    """A line of text without blanks at its ends, which mail does not keep."""
    return "".join(rng.choice(LETTERS) for _ in range(length)).strip(" ") or "x"


class Message:
    def __init__(self, rng):
        self.sender = f"{words(rng, 9).encode('ascii', 'ignore').decode().replace(' ', '') or 'w'}@example.test"
        self.subject = words(rng, rng.randrange(1, 70))
        self.id = f"<{rng.randrange(10 ** rng.randrange(1, 30))}@id.test>"
        self.day = rng.choice(DAYS)
        self.lines = [words(rng, rng.randrange(1, 76)) for _ in range(rng.randrange(1, 6))]
        self.flags = {flag for flag in FLAGS if rng.random() < 0.3}
        self.keywords = {keyword for keyword in ("$One", "two") if rng.random() < 0.3}
        self.text = self.build(rng)

    def build(self, rng):
        subject = self.subject.encode()
        if not self.subject.isascii():
            coded = base64.b64encode(subject) if rng.random() < 0.5 else \
                b"".join(b"=%02X" % byte for byte in subject)
            subject = b"=?utf-8?" + (b"q" if coded.startswith(b"=") else b"B") + b"?" + coded + b"?="
        body = "\r\n".join(self.lines).encode() + b"\r\n"
        encoding = rng.choice(["8bit", "base64", "quoted-printable"])
        if encoding == "base64":
            body = base64.encodebytes(body).replace(b"\n", b"\r\n")
        elif encoding == "quoted-printable":
            body = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        part = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body
        head = b"From: %s\r\nSubject: %s\r\nMessage-ID: %s\r\nDate: %s 10:00:00 +0000\r\n" % (
            self.sender.encode(), subject, self.id.encode(), self.day.encode())
        if rng.random() < 0.3:
            return head + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=QQ\r\n\r\n--QQ\r\n" + part + \
                b"\r\n--QQ--\r\n"
        return head + b"MIME-Version: 1.0\r\n" + part


def casemap(text):
    """i;unicode-casemap (RFC 5051): title case, then what the letters are made of."""
    titles = (c.title() for c in text)
    return unicodedata.normalize("NFKD", "".join(t if len(t) == 1 else c for c, t in zip(text, titles, strict=True)))


def has(text, wanted):
    return casemap(wanted) in casemap(text)


def piece_of(rng, text):
    """Some of the text, of any length, perhaps in other case, perhaps with one character wrong."""
    start = rng.randrange(len(text))
    piece = text[start:start + rng.randrange(1, 65)].strip(" ") or "x"
    if rng.random() < 0.3:
        piece = piece.swapcase()
    if rng.random() < 0.2:
        at = rng.randrange(len(piece))
        piece = (piece[:at] + "Q" + piece[at + 1:])
    return piece


def text_query(rng, messages):
    some = rng.choice(messages)
    kind = rng.choice(["SUBJECT", "FROM", "BODY", "TEXT", "HEADER Message-ID"])
    if kind == "SUBJECT":
        piece, find = piece_of(rng, some.subject), lambda m: [m.subject]
    elif kind == "FROM":
        piece, find = piece_of(rng, some.sender), lambda m: [m.sender]
    elif kind == "HEADER Message-ID":
        piece, find = piece_of(rng, some.id), lambda m: [m.id]
    else:
        piece, find = piece_of(rng, rng.choice(some.lines)), lambda m: m.lines
        if kind == "TEXT":
            piece += "#" if len(piece) < 8 else ""  # short ones occur in headers that the model does not know
            find = lambda m: m.lines + [m.subject, m.sender, m.id]
    return kind.encode() + b" " + literal(piece), lambda n, m: any(has(text, piece) for text in find(m))


def other_query(rng, messages):
    which = rng.randrange(5)
    if which == 0:
        flag, name = rng.choice(list(FLAGS.items()))
        return name.encode(), lambda n, m: flag in m.flags
    if which == 1:
        keyword = rng.choice(["$one", "TWO", "three"])
        return b"KEYWORD " + keyword.encode(), lambda n, m: keyword.lower() in {k.lower() for k in m.keywords}
    if which == 2:
        size = len(rng.choice(messages).text) + rng.randrange(-1, 2)
        return b"LARGER %d" % size, lambda n, m: len(m.text) > size
    if which == 3:
        return b"SENTSINCE 29-Feb-2024", lambda n, m: m.day != DAYS[0]
    first, last = rng.randrange(1, MESSAGES + 1), rng.randrange(1, MESSAGES + 1)
    return b"%d:%d" % (first, last), lambda n, m: min(first, last) <= n <= max(first, last)


def query(rng, messages, depth=2):
    """A query, and what tells whether a message meets it."""
    shape = rng.randrange(8) if depth else 0
    if shape == 1:
        text, holds = query(rng, messages, depth - 1)
        return b"NOT " + text, lambda n, m: not holds(n, m)
    if shape in (2, 3):
        one, first = query(rng, messages, depth - 1)
        two, second = query(rng, messages, depth - 1)
        if shape == 2:
            return b"OR " + one + b" " + two, lambda n, m: first(n, m) or second(n, m)
        return b"(" + one + b" " + two + b")", lambda n, m: first(n, m) and second(n, m)
    return (text_query if rng.random() < 0.7 else other_query)(rng, messages)


def search_like_the_model(seed):
    rng = random.Random(seed)
    mail = ImapInstance()
    client = Client(mail)
    messages = [Message(rng) for _ in range(MESSAGES)]
    for message in messages:
        flags = " ".join(sorted(message.flags | message.keywords)).encode()
        client.command(b"APPEND INBOX (%s) {%d+}\r\n" % (flags, len(message.text)) + message.text)
    client.command(b"SELECT INBOX")
    for _ in range(QUERIES):
        text, holds = query(rng, messages)
        wanted = [n for n, m in enumerate(messages, 1) if holds(n, m)]
        equal(client.search(text), wanted, f"seed {seed}: {text.decode()}")
    mail.stop()


def test_generated_mailbox_1():
    search_like_the_model(1)


def test_generated_mailbox_2():
    search_like_the_model(2)


def test_generated_mailbox_3():
    search_like_the_model(3)


def test_a_text_of_every_length():
    mail = ImapInstance()
    client = Client(mail)
    text = "the quick brown fox jumps over the lazy dog and runs away from it"
    message = f"Subject: {text}\r\nMessage-ID: <{text.replace(' ', '.')}@x.test>\r\n\r\n{text}\r\n".encode()
    client.command(b"APPEND INBOX {%d+}\r\n" % len(message) + message)
    client.command(b"SELECT INBOX")
    for length in range(1, len(text) + 1):
        for key, wanted in (("SUBJECT", text), ("BODY", text), ("TEXT", text),
                            ("HEADER Message-ID", text.replace(" ", "."))):
            piece = wanted[:length]
            equal(client.search(key.encode() + b" " + literal(piece)), [1], f"{key} {piece!r}")
            equal(client.search(key.encode() + b" " + literal(piece + "!")), [], f"{key} {piece!r} and more")
    mail.stop()


def test_many_messages_are_looked_through_in_their_order():
    mail = ImapInstance()
    count = 2500  # more than are looked at in one go
    for number in range(1, count + 1):
        word = "needle" if number % 3 == 0 else "straw"
        mail.deliver("bob", f"Subject: s{number % 2}\n\n{word}\n".encode(), name=f"{number:06}.M1.h")
    client = Client(mail)
    client.command(b"SELECT INBOX")
    equal(client.search(b"TEXT needle"), list(range(3, count + 1, 3)), "texts")
    equal(client.search(b"OR TEXT needle SUBJECT s1"), [n for n in range(1, count + 1) if n % 3 == 0 or n % 2], "or a field")
    equal(client.search(b"NOT BODY needle 990:1010"), [n for n in range(990, 1011) if n % 3], "all but")
    gone = mail.maildir("bob") / "cur"
    for path in list(gone.glob("000*9.M1.h:2,*")):
        path.unlink()
    left = [n for n in range(3, count + 1, 3) if n >= 1000 or n % 10 != 9]
    equal([uid for uid in client_uids(client, b"TEXT needle") if uid in left], left, "of those that are there still")
    mail.stop()


def client_uids(client, query):
    line = next(line for line in client.command(b"UID SEARCH " + query) if line.startswith(b"* SEARCH"))
    return [int(number) for number in line.split()[2:]]
