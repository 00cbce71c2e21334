"""Clients that mean no good, many at once, each from an address of its own.

    crowd = Crowd(server.address, 500, users)    # a thread with an event loop
    ...
    crowd.stop(); crowd.begun                    # {kind: connections}
"""
import asyncio
import collections
import functools
import random
import threading
import zlib

from support.imap import IMAP, PASSWORD
from support.instance import SMTP
from support.pop3_pair import POP3

NESTED = 2000  # levels of multipart in a message


def address_of(number):
    return f"127.{200 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"


class Peer:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def say(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def line(self):
        return await self.reader.readline()

    async def ask(self, data):
        await self.say(data + b"\r\n")
        return await self.line()

    async def greet(self):
        await self.line()
        await self.ask(b"HELO bad.test")

    async def envelope(self, recipient=b"u1@virt.test"):
        await self.greet()
        for line in (b"MAIL FROM:<>", b"RCPT TO:<" + recipient + b">", b"DATA"):
            await self.ask(line)

    async def log_in(self, user):
        await self.line()
        answer = await self.ask(b"a LOGIN " + user + b" " + PASSWORD.encode())
        while answer and not answer.startswith(b"a "):
            answer = await self.line()


async def idle(peer, _):
    await asyncio.sleep(3600)


async def slow_letters(peer, _):
    """A letter of a message now and then."""
    await peer.envelope()
    while True:
        await peer.say(b"x")
        await asyncio.sleep(1)


async def endless_header(peer, _):
    await peer.envelope()
    while True:
        await peer.say(b"X-Long: " + b"x" * 60000 + b"\r\n " * 10)
        await asyncio.sleep(0.05)


async def endless_line(peer, _):
    await peer.line()
    while True:
        await peer.say(b"x" * 60000)
        await asyncio.sleep(0.05)


async def deep_mime(peer, _):
    await peer.envelope()
    for level in range(NESTED):
        kind = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
        await peer.say((b"" if level else b"MIME-Version: 1.0\r\n") + kind)
    await peer.ask(b"\r\n.")
    await asyncio.sleep(1)


async def deaf_pipeline(peer, _):
    """Commands without end, whose replies are not read."""
    await peer.greet()
    while True:
        await peer.say(b"NOOP\r\nVRFY x\r\nRSET\r\n" * 500)
        await asyncio.sleep(0.05)


async def name_flood(peer, number):
    """Senders and recipients that nobody has heard of: the resolver and the tables are asked for each."""
    await peer.greet()
    chance = random.Random(number)
    while True:
        name = b"n%d" % chance.randrange(1 << 40)
        for line in (b"MAIL FROM:<x@" + name + b".remote.test>", b"RCPT TO:<" + name + b"@virt.test>", b"RSET"):
            if not await peer.ask(line):
                return
        await asyncio.sleep(0.2)


async def imap_deaf_pipeline(peer, number):
    await peer.log_in(b"bad%d@virt.test" % (number % 10))
    while True:
        await peer.say(b"n NOOP\r\nn CAPABILITY\r\nn LIST \"\" *\r\n" * 500)
        await asyncio.sleep(0.05)


@functools.cache
def bomb(head):
    """This and 50 MB of zeros, in 50 KB; may be sent again and again."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(head + bytes(50 << 20)) + squeeze.flush(zlib.Z_FULL_FLUSH)


async def zip_bomb(peer, number):
    """A line, or a literal, of zeros that take no room on the wire."""
    await peer.log_in(b"bad%d@virt.test" % (number % 10))
    await peer.ask(b"b COMPRESS DEFLATE")
    await peer.say(bomb(b"c APPEND INBOX {900000000+}\r\n" if number % 2 else b"c "))
    while True:
        await peer.say(bomb(b""))
        await asyncio.sleep(0.5)


async def huge_literal(peer, number):
    await peer.log_in(b"bad%d@virt.test" % (number % 10))
    await peer.say(b"d SEARCH TEXT {2000000000+}\r\n")
    while True:
        await peer.say(b"x" * 60000)
        await asyncio.sleep(0.05)


KINDS = ((SMTP, slow_letters), (SMTP, idle), (SMTP, endless_header), (SMTP, endless_line), (SMTP, deep_mime), (SMTP, deaf_pipeline),
         (SMTP, name_flood), (IMAP, idle), (IMAP, endless_line), (IMAP, imap_deaf_pipeline), (IMAP, zip_bomb), (IMAP, huge_literal),
         (POP3, idle), (POP3, endless_line))


class Crowd:
    def __init__(self, address, count, idle_ones=0):
        self.address, self.begun = address, collections.Counter()
        self._loop, self._stopping = asyncio.new_event_loop(), None
        self._tasks = [(n, *KINDS[n % len(KINDS)]) for n in range(count)] + [(count + n, SMTP, idle) for n in range(idle_ones)]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._stopping = asyncio.Event()
        self._loop.run_until_complete(self._all())

    async def _all(self):
        tasks = [asyncio.create_task(self._one(*each)) for each in self._tasks]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, number, port, kind):
        await asyncio.sleep(number * 0.002)
        while True:
            try:
                reader, writer = await asyncio.open_connection(self.address, port, local_addr=(address_of(number), 0))
            except OSError:
                await asyncio.sleep(1)
                continue
            self.begun[f"{port} {kind.__name__}"] += 1
            try:
                await kind(Peer(reader, writer), number)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.transport.abort()
            await asyncio.sleep(0.5)

    def stop(self):
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(30)
