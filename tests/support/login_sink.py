"""A scripted SMTP or LMTP server with logins.

    login_sink(mta, ["235 ok"])                           each line of a login gets the next reply
    login_sink(mta, ["334 VXNlcm5hbWU6", "334 x", "535 5.7.8 no"], MECHANISMS="LOGIN")

A reply may be bytes, which go out as they are; "HANG" and "CLOSE" are what they are in other scripts."""
import contextlib

from support.sink import DEFAULTS, SmtpSink


class LoginSink(SmtpSink):
    def __init__(self, address, port, steps, script):
        mechanisms = script.pop("MECHANISMS", "PLAIN")
        greeting = DEFAULTS["EHLO"].replace("250 DSN", "250-DSN") + f"\n250 AUTH {mechanisms}"
        super().__init__(address, port, {"EHLO": greeting, "LHLO": greeting, **script})
        self.steps, self.logins = steps, {}  # of each connection: the replies that are left

    def _reply(self, peer, verb, line):
        if verb == "AUTH":
            self.logins[peer] = list(self.steps)
        if not self.logins.get(peer):
            return super()._reply(peer, verb, line)
        step = self.logins[peer].pop(0)
        if isinstance(step, bytes):
            peer.sendall(step)
            return step.decode("latin-1")
        self.script["STEP"] = step
        if not step.startswith("3"):
            self.logins[peer] = []
        return super()._reply(peer, "STEP", line)


@contextlib.contextmanager
def login_sink(mta, steps, host=31, port=2525, note=True, **script):
    """The commands that it got are noted at the end."""
    server = LoginSink(mta.room.address(host), port, steps, script)
    try:
        yield server
    finally:
        server.stop()
    if note:
        mta.note(f"commands at the sink {host}", "\n".join(server.commands))
