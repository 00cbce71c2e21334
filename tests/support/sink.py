"""A scripted SMTP server for the far side of a relay: it records every transaction, and refuses,
stalls or hangs up as the test says.

    sink = SmtpSink(room().address(31), 2525, {"RCPT": "550 5.1.1 no such user"})

A script maps a verb (CONNECT EHLO HELO MAIL RCPT DATA . RSET QUIT) to a reply text, to a function
of the command line that returns one, to "HANG" (never answers) or to "CLOSE" (hangs up).  A path
without a port stands for a socket in the file system.  With
STARTTLS in the script the sink speaks TLS after a good reply, with the ssl.SSLContext under "TLS".
"""
import os
import pathlib
import socket
import threading
import time

DEFAULTS = {"CONNECT": "220 sink.test ESMTP", "HELO": "250 sink.test", "MAIL": "250 2.1.0 Ok",
            "RCPT": "250 2.1.5 Ok", "DATA": "354 go ahead", ".": "250 2.0.0 Ok: queued",
            "RSET": "250 2.0.0 Ok", "QUIT": "221 2.0.0 Bye", "NOOP": "250 2.0.0 Ok",
            "EHLO": "250-sink.test\n250-PIPELINING\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250 DSN"}


class Transaction:
    def __init__(self, helo):
        self.helo, self.mail, self.rcpts, self.data = helo, "", [], b""


class SmtpSink:
    def __init__(self, address, port=2525, script=None):
        self.address, self.port = address, port
        self.script = {**DEFAULTS, **(script or {})}
        self.transactions, self.commands, self.connections = [], [], 0
        self._stopping = threading.Event()
        self._listener = socket.create_server((address, port), backlog=200) if port else self._at_path(address)
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def _at_path(path):
        listener = socket.socket(socket.AF_UNIX)
        pathlib.Path(path).unlink(missing_ok=True)
        listener.bind(str(path))
        os.chmod(path, 0o666)
        listener.listen(200)
        return listener

    def stop(self):
        self._stopping.set()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def wait(self, count, seconds=20):
        """Waits until so many messages have arrived; they are returned."""
        end = time.monotonic() + seconds
        while len(self.transactions) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.transactions)} messages at the sink after "
                                     f"{seconds} s, wanted {count}; commands: {self.commands}")
            time.sleep(0.02)
        return self.transactions

    def _serve(self):
        while not self._stopping.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._session, args=(peer,), daemon=True).start()

    def _session(self, peer):
        try:
            with peer:
                if self.port:
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not self._reply(peer, "CONNECT", "").startswith("2"):
                    return
                with peer.makefile("rb") as lines:
                    encrypted = self._converse(peer, lines)
                if encrypted and "TLS" in self.script:
                    with self.script["TLS"].wrap_socket(peer, server_side=True) as safe:
                        with safe.makefile("rb") as lines:
                            self._converse(safe, lines)
        except OSError:
            pass

    def _reply(self, peer, verb, line):
        reply = self.script.get(verb, "500 5.5.2 unknown")
        if callable(reply):
            reply = reply(line)
        if reply == "HANG":
            self._stopping.wait(600)
            return ""
        if reply == "CLOSE":
            return ""
        peer.sendall(reply.replace("\n", "\r\n").encode() + b"\r\n")
        return reply

    def _converse(self, peer, lines):
        """True when the client wants to go on with TLS."""
        helo, now = "", None
        for raw in lines:
            line = raw.decode("latin-1").rstrip("\r\n")
            verb = line.split(" ")[0].split(":")[0].upper()
            self.commands.append(line)
            reply = self._reply(peer, verb, line)
            if not reply:
                return False
            good = reply.rsplit("\n", 1)[-1][:1] in ("2", "3")  # the last line of several counts
            if verb in ("EHLO", "HELO") and good:
                helo = line
            elif verb == "MAIL" and good:
                now = Transaction(helo)
                now.mail = line
            elif verb == "RCPT" and good and now:
                now.rcpts.append(line)
            elif verb == "DATA" and good and now:
                if not self._take_data(peer, lines, now):
                    return False
                now = None
            elif verb == "STARTTLS" and good:
                return True
            elif verb == "QUIT":
                return False
        return False

    def _take_data(self, peer, lines, now):
        for raw in lines:
            if raw == b".\r\n":
                reply = self._reply(peer, ".", "")
                if reply.startswith("2"):
                    self.transactions.append(now)
                return bool(reply)
            now.data += raw[1:] if raw.startswith(b".") else raw
        return False
