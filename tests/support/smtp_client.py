"""A raw SMTP client that sends exactly what it is told and writes down what comes back."""
import re
import socket
import ssl


class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = lines[-1][:3] if lines else "EOF"

    def __str__(self):
        return "\n".join(self.lines) if self.lines else "<EOF>"

    @property
    def enhanced(self):
        found = re.match(r"\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b", self.lines[-1]) if self.lines else None
        return found.group(1) if found else ""


class SmtpClient:
    """with SmtpClient(host, port) as s: s.talk("EHLO x", "MAIL FROM:<a@b>")"""

    def __init__(self, host, port, source=None, timeout=20, record=None):
        self.transcript = record if record is not None else []
        self.socket = socket.create_connection(
            (host, port), timeout=timeout, source_address=(source, 0) if source else None)
        self._buffer = b""
        self.greeting = self.read()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data, note=None):
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        if note is None:
            note = data.decode("latin-1").replace("\r\n", "\\r\\n")
            note = note if len(note) < 200 else f"{note[:80]}... ({len(data)} bytes)"
        self.transcript.append(f"C: {note}")
        self.socket.sendall(data)

    def read_line(self):
        while b"\n" not in self._buffer:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            except (TimeoutError, socket.timeout):
                self.transcript.append("S: <no answer>")
                raise AssertionError("no answer in time; so far:\n" + "\n".join(self.transcript))
            if not more:
                return None
            self._buffer += more
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line.decode("latin-1").rstrip("\r")

    def read(self):
        """One whole reply."""
        lines = []
        while True:
            line = self.read_line()
            if line is None:
                self.transcript.append("S: <EOF>")
                return Reply(lines)
            lines.append(line)
            self.transcript.append(f"S: {line}")
            if not re.match(r"\d{3}-", line):
                return Reply(lines)

    def command(self, line):
        try:
            self.send(line + "\r\n", line)
        except (BrokenPipeError, ConnectionResetError):
            self.transcript.append("S: <EOF>")
            return Reply([])
        return self.read()

    def talk(self, *lines):
        """One command after the other; the replies."""
        return [self.command(line) for line in lines]

    def pipeline(self, *lines):
        """All commands in one write, then all replies."""
        self.send("".join(line + "\r\n" for line in lines))
        return [self.read() for _ in lines]

    def data(self, body):
        """DATA, the body (dot-stuffed, CRLF made), the final dot; the last reply."""
        reply = self.command("DATA")
        if reply.code != "354":
            return reply
        return self.body(body)

    def body(self, body):
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogateescape")
        lines = body.replace(b"\r\n", b"\n").split(b"\n")
        if lines and lines[-1] == b"":
            lines.pop()
        stuffed = b"".join((b"." if l.startswith(b".") else b"") + l + b"\r\n" for l in lines)
        self.send(stuffed + b".\r\n", f"<message of {len(lines)} lines> .")
        return self.read()

    def mail(self, sender, recipients, body, hello="EHLO client.example.test"):
        """A whole transaction; the reply to the end of the data."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        self.talk(hello, f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients))
        return self.data(body)

    def starttls(self, hello="EHLO client.example.test"):
        self.talk(hello, "STARTTLS")
        self.wrap()
        return self.command(hello)

    def wrap(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.transcript.append(f"*: {self.socket.version()}")
