"""Reads the mail log by field."""
import contextlib
import re
import socket
import time

LINE = re.compile(r"(?P<date>\w{3} [ \d]\d [\d:]{8}) (?P<host>\S+) (?P<tag>[^\[:]+)(?:\[(?P<pid>\d+)\])?: "
                  r"(?P<text>.*)")
QUEUE_ID = r"(?:[0-9A-F]{6,15}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,20})"
MARKER = "harness: all that was handed over is written"
WITH_ID = re.compile(rf"(?P<id>{QUEUE_ID}|NOQUEUE): (?P<rest>.*)")


class LogLine:
    """One line: tag (postfix/smtpd), daemon (smtpd), pid, id ("" without), text, and the
    name=value fields of a delivery line."""

    def __init__(self, raw):
        self.raw = raw
        match = LINE.match(raw)
        self.tag = match["tag"] if match else ""
        self.daemon = self.tag.rsplit("/", 1)[-1]
        self.pid = match["pid"] if match else ""
        self.text = match["text"] if match else raw
        found = WITH_ID.match(self.text)
        self.id = found["id"] if found else ""
        self.rest = found["rest"] if found else self.text

    @property
    def fields(self):
        """to, relay, dsn, status, ... and reason, the text in the last brackets."""
        found = dict(re.findall(r"([\w_]+)=(<[^>]*>|[^,\s]*)", self.rest))
        reason = re.search(r"status=\w+ \((.*)\)$", self.rest)
        if reason:
            found["reason"] = reason[1]
        return found

    def __str__(self):
        return self.raw


def await_written(postlog, path, seconds=1):
    """Waits until postlogd has written to `path` what was in its socket when this began: a line of our own comes behind it.  A reader
    that is away or stopped is not waited for longer than `seconds`."""
    marker = f"{MARKER} {time.monotonic_ns()}".encode()
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(b"Jan  1 00:00:00 host " + marker, str(postlog))
        end = time.monotonic() + seconds
        while time.monotonic() < end and marker not in path.read_bytes()[-4000:]:
            time.sleep(0.002)


def without_markers(text):
    return re.sub(rf".*{MARKER}.*\n?", "", text)


def parse(text):
    return [LogLine(line) for line in text.splitlines() if line]


def uses(mta, to):
    """The values of conn_use= of the deliveries to an address, in order; 1 where there is none."""
    lines = re.findall(rf"to=<{re.escape(to)}>, relay=[^,]*,(?: conn_use=(\d+),)? .*status=sent", mta.log_text())
    return [int(n or 1) for n in lines]
