"""Rows about mailboxes: IMAP and POP3 of ours, with Debian's Dovecot in Postfix's column.  Each server has a Maildir of the same
messages, and goes through the same steps in the same order: what a step finds remembered, the ones before it left."""
import os
import re
import socket
import statistics
import time

from process_tree import cpu_seconds, memory_kb
from support import Skip
from support.imap import IMAP, PASSWORD
from support.imap_pair import FOLDER_PARTS
from support.pop3_pair import Pop3Pair

MESSAGES, FOLDERS = 50000, 1000
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda omicron sigma tau upsilon phi chi psi omega".split()
MANY = "mail_max_userip_connections = 1000\nservice imap-login {\n  process_limit = 500\n}\nservice imap {\n  process_limit = 2000\n}\n"


class Client:
    """Takes answers in without looking at their lines: with answers of 20 MB, the client must not be what is measured."""

    def __init__(self, address, port, greeting=b"* OK"):
        self.sock = socket.create_connection((address, port), 300)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(1 << 20)
        self.number = 0
        self.until(re.compile(rb"(?:^|\r\n)" + re.escape(greeting) + rb".*\r\n$"))

    def until(self, end):
        """Reads until what came last matches; gives that."""
        tail = b""
        while not end.search(tail):
            count = self.sock.recv_into(self.buffer)
            if not count:
                raise AssertionError(f"hung up: {tail[-200:]}")
            tail = (tail + self.buffer[:count])[-2000:]
        return tail

    def command(self, text):
        self.number += 1
        self.sock.sendall(b"t%d %s\r\n" % (self.number, text.encode()))
        tail = self.until(re.compile(rb"(?:^|\r\n)t%d (OK|NO|BAD).*\r\n$" % self.number))
        if b"t%d OK" % self.number not in tail:
            raise AssertionError(f"{text}: {tail[-200:]}")

    def timed(self, text):
        start = time.monotonic()
        self.command(text)
        return (time.monotonic() - start) * 1000

    def close(self):
        self.sock.close()


def message(number):
    """About 3 KB, in threads of five; 50 of 50,000 have the word that is searched for."""
    word = WORDS[number % len(WORDS)]
    rare = "needle" if number % 1000 == 7 else "straw"
    parent = f"References: <{number - number % 5}@bench.test>\r\n" if number % 5 else ""
    head = (f"Return-Path: <from{number % 97}@bench.test>\r\nReceived: from a.test by b.test; Tue, {number % 28 + 1} Nov 2023 10:00:00 +0000\r\n"
            f"From: {word.title()} Person <from{number % 97}@bench.test>\r\nTo: <user@bench.test>\r\n"
            f"Subject: {'Re: ' if number % 5 else ''}{word} report {number // 5}\r\nDate: Tue, {number % 28 + 1} Nov 2023 "
            f"{number % 24:02}:{number % 60:02}:00 +0000\r\nMessage-ID: <{number}@bench.test>\r\n{parent}"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n").replace("\r\n", "\n")
    line = " ".join(WORDS[(number + i) % len(WORDS)] for i in range(11))
    return (head + f"{rare}\n" + f"{line}\n" * 38).encode()


def fill(maildirs, uid, gid, count):
    """The same files for all: hard links, since nobody writes into them."""
    for maildir in maildirs:
        for part in FOLDER_PARTS:
            os.makedirs(maildir / part, mode=0o700)
    first = maildirs[0] / "cur"
    for number in range(count):
        path = first / f"{1700000000 + number}.M{number}P1.bench:2,"
        path.write_bytes(message(number))
        os.chown(path, uid, gid)
        os.utime(path, (1700000000 + number,) * 2)
        for other in maildirs[1:]:
            os.link(path, other / "cur" / path.name)
    for maildir in maildirs:
        own(maildir.parent, uid, gid)


def own(home, uid, gid):
    for folder, folders, _ in os.walk(home):
        os.chmod(folder, 0o700)
        os.chown(folder, uid, gid)
        if folder.endswith("/cur"):
            folders.clear()


def make_folder(folder, ids, numbers):
    """One with files of its own."""
    for part in FOLDER_PARTS:
        os.makedirs(folder / part, mode=0o700)
    for number in numbers:
        path = folder / "cur" / f"{1700000000 + number}.M1P1.bench:2,"
        path.write_bytes(message(number))
        os.chown(path, *ids)


def make_folders(maildir, uid, gid, count):
    for number in range(count):
        make_folder(maildir / f".folder{number:04}", (uid, gid), [number])
    own(maildir.parent, uid, gid)


HEADERS = "UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT MESSAGE-ID REFERENCES)])"
# In this order on one mailbox: (name, command before it and not in the figure, what is timed).
STEPS = (
    ("SELECT, first", None, "SELECT INBOX"),
    ("FETCH (FLAGS UID RFC822.SIZE), first", None, "FETCH 1:* (FLAGS UID RFC822.SIZE)"),
    ("FETCH (FLAGS UID RFC822.SIZE), again", None, "FETCH 1:* (FLAGS UID RFC822.SIZE)"),
    ("FETCH (ENVELOPE BODYSTRUCTURE), first", None, "FETCH 1:* (ENVELOPE BODYSTRUCTURE)"),
    ("FETCH (ENVELOPE BODYSTRUCTURE), again", None, "FETCH 1:* (ENVELOPE BODYSTRUCTURE)"),
    ("FETCH header fields, first", None, HEADERS),
    ("FETCH header fields, again", None, HEADERS),
    ("SEARCH SUBJECT", None, "SEARCH SUBJECT needle"),
    ("SEARCH TEXT", None, "SEARCH TEXT needle"),
    ("SEARCH TEXT, again", None, "SEARCH TEXT needle"),
    ("SEARCH UNSEEN", None, "SEARCH UNSEEN"),
    ("SORT (REVERSE DATE), first", None, "SORT (REVERSE DATE) UTF-8 ALL"),
    ("SORT (REVERSE DATE), again", None, "SORT (REVERSE DATE) UTF-8 ALL"),
    ("SORT (SUBJECT), first", None, "SORT (SUBJECT) UTF-8 ALL"),
    ("SORT (SUBJECT), again", None, "SORT (SUBJECT) UTF-8 ALL"),
    ("THREAD REFERENCES, first", None, "THREAD REFERENCES UTF-8 ALL"),
    ("THREAD REFERENCES, again", None, "THREAD REFERENCES UTF-8 ALL"),
    ("FETCH 5,000 bodies", None, "FETCH 1:5000 BODY.PEEK[]"),
    ("STORE +FLAGS on all", None, "UID STORE 1:* +FLAGS (\\Flagged)"),
    ("STORE -FLAGS.SILENT on all", None, "UID STORE 1:* -FLAGS.SILENT (\\Flagged)"),
    ("SELECT QRESYNC of a known mailbox", "QRESYNC", "SELECT INBOX (QRESYNC ({validity} {modseq}))"),
    ("COPY of all", "CREATE Copies", "UID COPY 1:* Copies"),
    ("MOVE of all", "CREATE Moved", "UID MOVE 1:* Moved"),
    ("EXPUNGE of all", "SELECT Copies|STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"),
)


class Mailboxes:
    """The two servers and their users: big has the 50,000 messages, wide the folders, and small a few messages."""

    def __init__(self, scale):
        self.pair = Pop3Pair(accounts=5, ours="auth_client_limit_exceptions = 127.0.0.0/8\n", theirs=MANY)
        self.messages, self.folders = int(MESSAGES * scale), int(FOLDERS * scale)
        users = dict(zip(("big", "pop", "wide", "small", "taker"), self.pair.names))
        self.users = users
        ids, home = (self.pair.uid, self.pair.gid), self.maildir
        fill([home(user, whose) for user in ("big", "pop") for whose in ("ours", "theirs")], *ids, self.messages)
        fill([home(user, whose) for user in ("small", "taker") for whose in ("ours", "theirs")], *ids, 20)
        for whose in ("ours", "theirs"):
            make_folders(home("wide", whose), *ids, self.folders)
        time.sleep(2)  # a Maildir that has just changed is looked through again by both

    def maildir(self, user, whose):
        return self.pair.root / f"{self.users[user]}-{whose}" / "Maildir"

    def port(self, side):
        return IMAP if side == "ours" else self.pair.dovecot.port

    def root(self, side):
        return self.pair.mail.mta.master_pid() if side == "ours" else self.pair.dovecot.process.pid

    def client(self, side, user, mailbox=None):
        client = Client(self.pair.address, self.port(side))
        client.command(f"LOGIN {self.users[user]} {PASSWORD}")
        if mailbox:
            client.command(f"SELECT {mailbox}")
        return client

    def pop3(self, side):
        port = 1100 if side == "ours" else self.pair.dovecot.pop3_port
        return Client(self.pair.address, port, b"+OK")


def resync_arguments(client):
    """UIDVALIDITY and HIGHESTMODSEQ of INBOX, with no mailbox selected and QRESYNC enabled."""
    client.command("ENABLE QRESYNC")
    client.command("UNSELECT")
    client.number += 1
    client.sock.sendall(b"t%d STATUS INBOX (UIDVALIDITY HIGHESTMODSEQ)\r\n" % client.number)
    answer = client.until(re.compile(rb"(?:^|\r\n)t%d OK.*\r\n$" % client.number))
    return {"validity": int(re.search(rb"UIDVALIDITY (\d+)", answer)[1]), "modseq": int(re.search(rb"HIGHESTMODSEQ (\d+)", answer)[1])}


def go_through_steps(boxes, side, count):
    """{step: {"ms": ..., "CPU ms": ...}}, all steps in turn in one session."""
    client, figures = boxes.client(side, "big"), {}
    for name, before, command in STEPS:
        values = {}
        if before == "QRESYNC":
            time.sleep(2)
            values = resync_arguments(client)
        elif before:
            for each in before.split("|"):
                client.command(each)
        start = cpu_seconds(boxes.root(side))
        elapsed = client.timed(command.format(**values).replace("1:5000", f"1:{min(5000, count)}"))
        figures[name] = {"ms": elapsed, "CPU ms": (cpu_seconds(boxes.root(side)) - start) * 1000}
    client.close()
    return figures


def logins(boxes, side, sessions, count, mailbox):
    """Clients that log in, look at a mailbox if there is one to look at, and log out, one after another in each of some rows."""
    before, start = cpu_seconds(boxes.root(side)), time.monotonic()
    for _ in range(count // sessions):
        clients = [Client(boxes.pair.address, boxes.port(side)) for _ in range(sessions)]
        for command in (f"LOGIN {boxes.users['small']} {PASSWORD}", *([f"SELECT {mailbox}"] if mailbox else []), "LOGOUT"):
            for client in clients:
                client.sock.sendall(b"t1 %s\r\n" % command.encode())
            for client in clients:
                client.until(re.compile(rb"(?:^|\r\n)t1 OK.*\r\n$"))
        for client in clients:
            client.close()
    elapsed = time.monotonic() - start
    return {"logins/s": count / elapsed, "CPU ms/login": (cpu_seconds(boxes.root(side)) - before) * 1000 / count}


def select_again(boxes, side):
    def once():
        client = boxes.client(side, "pop")
        elapsed = client.timed("SELECT INBOX")
        client.close()
        return elapsed
    once()
    time.sleep(2)
    return {"ms": statistics.median(once() for _ in range(9))}


def append(boxes, side, sessions, count):
    clients = [boxes.client(side, "taker") for _ in range(sessions)]
    text = message(1)[:2048].replace(b"\n", b"\r\n")
    start = time.monotonic()
    for _ in range(count // sessions):
        for client in clients:
            client.sock.sendall(b"t9 APPEND INBOX {%d+}\r\n%s\r\n" % (len(text), text))
        for client in clients:
            client.until(re.compile(rb"(?:^|\r\n)t9 OK.*\r\n$"))
    elapsed = time.monotonic() - start
    for client in clients:
        client.close()
    return {"messages/s": count / elapsed}


def idle(boxes, side, count):
    """Proportional memory of all processes, for each session that has a mailbox selected."""
    before = memory_kb(boxes.root(side))
    clients = [boxes.client(side, "small", "INBOX") for _ in range(count)]
    for client in clients:
        client.sock.sendall(b"i IDLE\r\n")
        client.until(re.compile(rb"(?:^|\r\n)\+ .*\r\n$"))
    used = memory_kb(boxes.root(side)) - before
    for client in clients:
        client.close()
    return {"KB/session": used / count}


def status_of_folders(boxes, side):
    client = boxes.client(side, "wide")
    command = 'LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN RECENT))'
    first = client.timed(command)
    time.sleep(2)
    client.timed(command)
    again = statistics.median(client.timed(command) for _ in range(3))
    client.close()
    return {"ms, first": first, "ms, again": again}


def expunge_of_files(boxes, side):
    """Messages that are nowhere else, and on the disk: with their names the files go."""
    maildir = boxes.maildir("taker", "ours" if side == "ours" else "theirs")
    make_folder(maildir / ".Gone", (boxes.pair.uid, boxes.pair.gid), range(boxes.messages // 10))
    own(maildir / ".Gone", boxes.pair.uid, boxes.pair.gid)
    client = boxes.client(side, "taker", "Gone")
    client.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    os.sync()
    before = cpu_seconds(boxes.root(side))
    elapsed = client.timed("EXPUNGE")
    client.close()
    return {"ms": elapsed, "CPU ms": (cpu_seconds(boxes.root(side)) - before) * 1000}


def pop3_first(boxes, side):
    client = boxes.pop3(side)
    done = re.compile(rb"(?:^|\r\n)\+OK.*\r\n$")
    for command in (f"USER {boxes.users['pop']}", f"PASS {PASSWORD}"):
        start = time.monotonic()
        client.sock.sendall(command.encode() + b"\r\n")
        client.until(done)
    client.sock.sendall(b"STAT\r\n")
    client.until(done)
    stat = time.monotonic() - start
    start = time.monotonic()
    client.sock.sendall(b"UIDL\r\n")
    client.until(re.compile(rb"\r\n\.\r\n$"))
    uidl = time.monotonic() - start
    client.close()
    return {"ms, PASS+STAT": stat * 1000, "ms, UIDL": uidl * 1000}


def rows(scale):
    """Rows of their own, on mailboxes that the steps leave alone."""
    yield "POP3 of a mailbox not seen before", pop3_first
    yield "SELECT of a known mailbox", select_again
    yield "EXPUNGE of files on the disk", expunge_of_files
    for sessions in (1, 10, 50):
        yield f"login and logout, {sessions} at once", lambda boxes, side, n=sessions: logins(boxes, side, n, int(400 * scale), None)
    yield "login, SELECT, logout, 10 at once", lambda boxes, side: logins(boxes, side, 10, int(400 * scale), "INBOX")
    for sessions in (1, 10):
        yield f"APPEND of 2 KB, {sessions} at once", lambda boxes, side, n=sessions: append(boxes, side, n, int(2000 * scale))
    yield f"STATUS of {int(FOLDERS * scale)} folders", status_of_folders
    yield "sessions in IDLE", lambda boxes, side: idle(boxes, side, 100)


def measure(options, show):
    """Postfix's column is Dovecot's here.  Once only: the second round would find everything remembered."""
    names = ["IMAP steps", *(name for name, _ in rows(options.scale))]
    if not any(options.name in f"mailbox: {name}" for name in names):
        return
    try:
        boxes = Mailboxes(options.scale)
    except Skip as why:
        print(f"mailbox: skipped: {why}")
        return
    for name, work in rows(options.scale):
        if options.name in f"mailbox: {name}":
            show(f"mailbox: {name}", {side: [work(boxes, side)] for side in ("ours", "postfix")})
    if options.name in "mailbox: IMAP steps":
        results = {side: go_through_steps(boxes, side, boxes.messages) for side in ("ours", "postfix")}
        for step, _, _ in STEPS:
            show(f"mailbox: {step}", {side: [results[side][step]] for side in results})
    boxes.pair.mail.stop()
