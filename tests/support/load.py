"""Mail all the time, from several clients: what was acknowledged is known.

    load = Load(mta, ("u1@virt.test", ...)); ...; load.stop()
    load.acknowledged               # {marker: recipient}; the marker stands in the message
"""
import itertools
import random
import threading

from support.instance import SMTP
from support.smtp_client import SmtpClient


class Load:
    """Clients that send numbered messages all the time, and know which were acknowledged."""

    def __init__(self, mta, recipients, clients=4, pause=0.0):
        self.mta, self.recipients, self.pause, self.acknowledged, self.refused = mta, recipients, pause, {}, 0
        self._numbers, self._stop = itertools.count(1), threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(n,)) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _client(self, client):
        chance = random.Random(client)
        while not self._stop.is_set():
            try:
                self._send(next(self._numbers), chance.choice(self.recipients))
            except (OSError, AssertionError):
                self.refused += 1
                self._stop.wait(0.05)
            self._stop.wait(self.pause)

    def _send(self, number, recipient):
        marker = f"marker-{number:06}-end"
        with SmtpClient(self.mta.address, SMTP, self.mta.room.address(100), timeout=30) as session:
            reply = session.mail("carol@remote.test", recipient, f"Subject: load\n\n{marker}\n" + "x" * 2000 + "\n")
            if reply.code == "250":
                self.acknowledged[marker] = recipient
            else:
                self.refused += 1

    def copies(self, marker):
        """two@... is an alias for two people."""
        return 2 if self.acknowledged[marker].startswith("two@") else 1
