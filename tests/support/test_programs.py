"""Runs the same thing with Postfix's test programs (smtp-source, qmqp-sink ...) and with ours, and compares what they did.

    @both
    def refusals(side):
        with side.sink("smtp-sink", "-r", "RCPT") as sink:
            side.note("replies", sink.say(b"..."))
"""
import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import time

from support import BUILD, check, need_program, oracle
from support.compare import compare
from support.server import Server

INTERNALS = re.compile(r"^.*: (name_mask: all|trying\.\.\. .*|vstream_tweak_tcp: .*|fd=\d+: stream buffer .*|smtp_stream_setup: .*|netstring_.*|"
                       r"chroot .*)\n", re.M)
RULES = ((INTERNALS, ""), (re.compile(r"(?i)(Date: |\t)\w{3}, [ \d]\d \w{3} \d{4} [\d:]{8} [+-]\d{4} \(\w+\)"), r"\1DATE"),
         (re.compile(r"(Message-Id: <)[0-9a-f.]+@"), r"\1ID@"), (re.compile(r"(with \w+ id )[0-9a-f]{8};"), r"\1ID;"))


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def user_options():
    """A server that root starts must become somebody."""
    return ("-u", "nobody") if os.geteuid() == 0 else ()


class Side:
    def __init__(self, kind, folder):
        self.kind, self.folder, self.notes = kind, folder, []

    def note(self, name, value):
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        text = text.replace(self.folder, "FOLDER").replace("\\r", "\r")
        for pattern, new in RULES:
            text = pattern.sub(new, text)
        self.notes.append((name.replace(self.folder, "FOLDER"), text))

    def start(self, program, *arguments, more_env=None, **options):
        path = oracle.command(program) if self.kind == "postfix" else need_program(program)
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **(more_env or {})}
        if self.kind == "postfix":
            env["LD_LIBRARY_PATH"] = oracle.library_path(oracle.tree("postfix"))
        return subprocess.Popen([program, *map(str, arguments)], executable=path, env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, program, *arguments, seconds=20, more_env=None):
        """Notes status and output."""
        process = self.start(program, *arguments, more_env=more_env)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{self.kind}: {program} {arguments} did not end in {seconds} s: {process.communicate()}")
        shown = re.sub(r":\d{5}\b", ":PORT", " ".join(map(str, arguments))).replace(self.folder, "FOLDER")
        self.note(f"{program} {shown}", f"{process.returncode}\n{out.decode('latin-1')}\n{err.decode('latin-1')}")
        return process.returncode

    def run_each(self, program, *all_arguments):
        """run() for many; Postfix's programs sleep before they die, so at the same time."""
        self.each(lambda arguments: self.run(program, *arguments), all_arguments)

    def each(self, function, cases):
        """The function called for all cases, several at a time; their notes in the order of their names."""
        before, self.notes = self.notes, []
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            list(pool.map(function, cases))
        self.notes = before + sorted(self.notes)

    @contextlib.contextmanager
    def sink(self, program, *arguments, place=None, note=True):
        """A server of this side; what it wrote is noted at the end."""
        place = place or f"127.0.0.1:{free_port()}"
        who = user_options() if program == "smtp-sink" else ()
        process = self.start(program, *who, *arguments, place, "100")
        sink = Sink(place, process)
        try:
            sink.await_ready()
            yield sink
        finally:
            time.sleep(0.05)
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=10)
        if note:
            self.note(f"{program} {' '.join(map(str, arguments)).replace(self.folder, 'FOLDER')}: output",
                      out.decode("latin-1") + "\n" + err.decode("latin-1"))


class Sink:
    def __init__(self, place, process):
        self.place, self.process = place, process

    def await_ready(self):
        """Until it listens; a connection would count."""
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            if _listens(self.place):
                return
            time.sleep(0.01)
        raise AssertionError(f"no server at {self.place}: {self.process.communicate(timeout=5)}")

    def connect(self):
        if self.place.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.place[5:])
        else:
            host, port = self.place.rsplit(":", 1)
            s = socket.create_connection((host.strip("[]"), int(port)))
        s.settimeout(15)
        return s

    def say(self, *pieces, pause=0.0, half_close=True):
        """Sends all and returns all that comes back until the server hangs up."""
        with self.connect() as s:
            with contextlib.suppress(OSError):
                for number, piece in enumerate(pieces):
                    if number:
                        time.sleep(pause)
                    s.sendall(piece)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while more := s.recv(65536):
                    answer += more
            return answer


def _listens(place):
    if place.startswith("unix:"):
        return any(line.split()[3] == "00010000" and line.endswith(f" {place[5:]}\n") for line in open("/proc/net/unix"))
    port = f":{int(place.rsplit(':', 1)[1]):04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            if any(line.split()[1].endswith(port) and line.split()[3] == "0A" for line in open(table)):
                return True
    return False


class Recorder(Server):
    """An SMTP server that answers as the script says ({"RCPT": "450 no"}; "CLOSE" hangs up, a list is used one by one)
    and keeps every line, by connection."""
    REPLIES = {"CONNECT": "220 x ESMTP", "EHLO": "250-x\r\n250 PIPELINING", "HELO": "250 x", "LHLO": "250 x", "MAIL": "250 ok", "RCPT": "250 ok",
               "DATA": "354 go", ".": "250 done", "QUIT": "221 bye", "RSET": "250 ok"}

    def __init__(self, script=(), lmtp=False):
        self.script = {key: list(value) if isinstance(value, list) else value for key, value in dict(script).items()}
        self.lmtp, self.sessions = lmtp, []
        super().__init__(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def _answer(self, client, key):
        reply = self.script.get(key, self.REPLIES.get(key, "500 what"))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply == "CLOSE":
            raise ConnectionError
        client.sendall(reply if isinstance(reply, bytes) else reply.encode("latin-1") + b"\r\n")
        return reply

    def _serve(self, client):
        lines = []
        self.sessions.append(lines)
        with contextlib.suppress(OSError), client, client.makefile("rb") as stream:
            self._answer(client, "CONNECT")
            in_content, recipients = False, 0
            for raw in stream:
                lines.append(raw.decode("latin-1").replace("\n", "|"))
                if in_content:
                    if raw == b".\r\n":
                        for _ in range(recipients if self.lmtp else 1):
                            self._answer(client, ".")
                        in_content, recipients = False, 0
                    continue
                verb = (raw.split() or [b"?"])[0].decode("latin-1").upper()
                reply = self._answer(client, verb)
                recipients += verb == "RCPT" and str(reply).startswith("2")
                in_content = verb == "DATA" and str(reply).startswith("354")
                if verb == "QUIT":
                    return


def both(test):
    """Makes a test of what is done with each side; their notes must be equal."""
    def run():
        check(BUILD.exists(), "nothing is built")
        notes = []
        for kind in ("postfix", "ours"):
            with tempfile.TemporaryDirectory(prefix="rt.", dir="/tmp") as folder:
                os.chmod(folder, 0o777)
                side = Side(kind, folder)
                test(side)
                notes.append(side.notes)
        compare(*notes)

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    run.is_test = True
    run.seconds = getattr(test, "seconds", 90)
    return run
