"""A scripted LMTP server, at NET.host or at a path: after DATA it answers for each recipient.

    with lmtp_sink(mta, finals=lambda rcpt: "550 5.2.2 full" if "bob" in rcpt else None): ...

`finals` gives the reply for a recipient (None: the usual one; "HANG" and "CLOSE" as in other scripts), or is a list of all
replies, however many recipients there are."""
import contextlib

from support.login_sink import LoginSink


def hello(*more):
    lines = ["sink.test", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", *more]
    return "\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])


class LmtpSink(LoginSink):
    def __init__(self, address, port, finals, script):
        self.finals = finals
        super().__init__(address, port, script.pop("STEPS", []), {"MECHANISMS": "", "LHLO": hello(), **script})

    def _take_data(self, peer, lines, now):
        for raw in lines:
            if raw == b".\r\n":
                break
            now.data += raw[1:] if raw.startswith(b".") else raw
        else:
            return False
        if isinstance(self.finals, list):
            replies = self.finals
        else:
            replies = [(self.finals(rcpt) if self.finals else None) or f"250 2.0.0 {rcpt[8:].split('>')[0]} saved" for rcpt in now.rcpts]
        for reply in replies:
            self.script["."] = reply
            if not self._reply(peer, ".", ""):
                return False
        self.transactions.append(now)
        return True


@contextlib.contextmanager
def lmtp_sink(mta, host=31, port=2525, path=None, finals=None, note=True, **script):
    """What it got is noted at the end."""
    server = LmtpSink(path, None, finals, script) if path else LmtpSink(mta.room.address(host), port, finals, script)
    try:
        yield server
    finally:
        server.stop()
    if note:
        mta.note("commands", "\n".join(server.commands))
