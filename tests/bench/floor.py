"""The floor (floor.cc): a program that keeps the promise of the rows from SMTP to a Maildir and does nothing else, under the load that the two
systems have.  To the bench it looks like an instance of one of them."""
import os
import shutil
import socket
import subprocess
import time

from support import BUILD
from support.instance import SMTP
from support.room import room

import process_tree

PROGRAM = BUILD / "bench/floor"
TAKERS, DELIVERERS = 20, 40


def serves(name, main):
    """Whether it can stand in for a system in that row."""
    return name.startswith("SMTP -> Maildir") and not main and PROGRAM.exists()


class Floor:
    def __init__(self):
        number = room().next_instance()  # an address of its own, since those of the last round may just be at their end
        self.address = room().address(150 + number % 100)
        self.queue = self.vmail = room().scratch / f"floor{number}"
        (self.queue / "maildrop").mkdir(parents=True)
        self._process = subprocess.Popen([PROGRAM, self.address, str(SMTP), self.queue, str(TAKERS), str(DELIVERERS)])
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection((self.address, SMTP), timeout=5).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError("the floor does not listen")

    def master_pid(self):
        return self._process.pid

    def processes(self):
        return dict.fromkeys(process_tree.below(self._process.pid), "floor")

    def log_text(self):
        return "the floor has no log"

    def empty_mailboxes(self):
        for entry in os.scandir(self.vmail / "u1/new"):
            os.unlink(entry.path)

    def destroy(self):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.queue, ignore_errors=True)
