"""Submission services of machines that send their users on to others, and a server behind them that does as it is told.

    behind = Behind({"AUTH": b"454 4.7.0 later\\r\\n"})
    front.users(bob=behind.fields())
"""
import contextlib
import socket
import threading

from support.room import room

SUBMISSION = 5870
LOGINS = "-o syslog_name=postfix/submission -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth"
SERVICE = f"{{address}}:{SUBMISSION} inet n - n - - smtpd {LOGINS}\n"
PROXY = f"{SERVICE.rstrip()} -o smtpd_sasl_proxy=yes\n"
OFFERS = ("PIPELINING", "SIZE 1000", "AUTH PLAIN LOGIN", "XCLIENT ADDR PORT HELO LOGIN PROTO TTL SESSION", "8BITMIME")


class Behind:
    """`answers` are bytes for a verb, or for "greeting"; what is not there is answered well.  `heard` has the lines of each connection."""

    def __init__(self, answers=None, offers=OFFERS):
        self.answers, self.heard = answers or {}, []
        lines = ["behind", *offers]
        self.hello = "".join(f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines).encode()
        self.listener = socket.create_server((room().address(76), 0), backlog=20)
        self.address, self.port = self.listener.getsockname()
        threading.Thread(target=self._listen, daemon=True).start()

    def fields(self, more=""):
        return f"proxy=y host={self.address} port={self.port} {more}".strip()

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                self.heard.append([])
                threading.Thread(target=self._serve, args=(client, self.heard[-1]), daemon=True).start()

    def _serve(self, client, heard):
        usual = {"EHLO": self.hello, "XCLIENT": b"220 again\r\n", "AUTH": b"235 2.7.0 welcome\r\n", "QUIT": b"221 2.0.0 bye\r\n"}
        with contextlib.suppress(OSError), client:
            client.sendall(self.answers.get("greeting", b"220 behind ESMTP\r\n"))
            for line in client.makefile("rb"):
                line = line.decode("latin-1").rstrip("\r\n")
                heard.append(line)
                verb = line.split(" ")[0].upper()
                client.sendall(self.answers.get(verb, usual.get(verb, b"250 2.0.0 heard\r\n")))
                if verb == "QUIT":
                    return

    def close(self):
        self.listener.close()


__all__ = ["Behind", "LOGINS", "OFFERS", "PROXY", "SERVICE", "SUBMISSION"]
