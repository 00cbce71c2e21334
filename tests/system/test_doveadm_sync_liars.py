"""doveadm backup and sync against servers that hang, lie, close in the middle, announce huge literals and name folders with malice."""
import base64
import os
import random
import socket
import subprocess
import sys
import threading
import time

from support import check, equal
from support.certificates import directory as certificates
from support.imap import IMAP, IMAPS, PASSWORD, ImapInstance
from support.imap_pair import fill_maildir

TEXT = b"Subject: x\r\n\r\nhello\r\n"
_mail = []


def mail():
    if not _mail:
        _mail.append(ImapInstance())
    return _mail[0]


class Server:
    """An IMAP server with one message in each of its folders; `answers` replace what it says to commands that begin so."""

    def __init__(self, answers=None, folders=(b"INBOX",), greeting=b"* OK hello\r\n"):
        self.answers, self.folders, self.greeting = answers or {}, folders, greeting
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.commands = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        file = connection.makefile("rb")
        try:
            connection.sendall(self.greeting)
            for line in file:
                tag, command = line.rstrip(b"\r\n").split(b" ", 1)
                self.commands.append(command)
                answer = next((a for begin, a in self.answers.items() if command.startswith(begin)), None)
                answer = self.usual(command) if answer is None else answer
                if callable(answer):
                    answer(connection, tag)
                    return
                connection.sendall(answer if b"TAG" in answer or answer.endswith(b"(no end)") else answer + tag + b" OK done\r\n")
        except OSError:
            pass
        finally:
            connection.close()

    def usual(self, command):
        if command.startswith(b"LIST"):
            return b"".join(b'* LIST () "/" %s\r\n' % name for name in self.folders)
        if command.startswith(b"EXAMINE"):
            return b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1700000000] x\r\n* OK [UIDNEXT 8] x\r\n"
        if command.startswith(b"UID FETCH 1:*"):
            return b'* 1 FETCH (UID 7 FLAGS (\\Seen $A) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 21)\r\n'
        if command.startswith(b"UID FETCH"):
            return b"* 1 FETCH (UID 7 FLAGS (\\Seen $A) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {%d}\r\n%s)\r\n" % (len(TEXT), TEXT)
        return b""


def pull(server, *more, command="backup"):
    """Its exit status, what it said, and how long it took."""
    mta = mail().mta
    begun = time.monotonic()
    done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, "-o", "imapc_user=u", "-o", "imapc_password=p", "-o", "imapc_host=127.0.0.1",
                           "-o", f"imapc_port={server.port}", command, "-R", "-T", "2", *more, "-u", "bob", "imapc:"], env=mta.environment(),
                          capture_output=True, timeout=60)
    return done.returncode, done.stderr.decode(errors="replace"), time.monotonic() - begun


def fresh():
    home = mail().home("bob")
    subprocess.run(["rm", "-rf", *home.iterdir()], check=True)
    uid, gid = mail().mta.vmail_ids()
    fill_maildir(home / "Maildir", {"cur/1.M1.h:2,": b"Subject: stays\n\n", ".Old/cur/2.M2.h:2,": b"Subject: too\n\n"}, uid, gid)
    return home / "Maildir"


def files(root):
    return sorted(str(path.relative_to(root)) for part in ("cur", "new", ".Old/cur") for path in (root / part).glob("*") if path.is_file())


def hang(connection, tag):
    time.sleep(20)


def close(connection, tag):
    pass


def drip(connection, tag):
    for _ in range(100):
        connection.sendall(b"* OK still\r\n")
        time.sleep(0.2)


def flood(connection, tag):
    while True:
        connection.sendall(b"x" * 65536)


def test_an_honest_server():
    root = fresh()
    status, err, _ = pull(Server())
    equal((status, err), (0, ""), "backup")
    found = list((root / "cur").iterdir())
    equal(len(found), 1, "messages")
    equal(found[0].read_bytes(), TEXT.replace(b"\r\n", b"\n"), "the message")
    equal(int(found[0].stat().st_mtime), 837596665, "its date")  # 1996-07-17 09:44:25 UTC
    check(not (root / ".Old").exists(), "what the server does not have goes")


def test_what_makes_no_sense_changes_nothing():
    """Whatever the server does before everything is told, what is here stays."""
    huge = b"* 1 FETCH (UID 7 FLAGS () BODY[] {99999999999}\r\n(no end)"
    cases = {
        "greeting": Server(greeting=b"* BYE busy\r\n"), "no greeting": Server(greeting=b"hello\r\n"),
        "hangs at login": Server({b"LOGIN": hang}), "closes at login": Server({b"LOGIN": close}),
        "hangs at LIST": Server({b"LIST": hang}), "drips at LIST": Server({b"LIST": drip}), "floods at LIST": Server({b"LIST": flood}),
        "closes at LSUB": Server({b"LSUB": close}), "a line without end": Server({b"LIST": b"* LIST () \"/\" x(no end)"}),
        "half a LIST": Server({b"LIST": lambda c, t: c.sendall(b"* LIST () \"/\" INBOX\r\n* LIS")}),
        "LIST that is none": Server({b"LIST": b"* LIST (\\x \"/\" INBOX\r\n"}),
        "closes at EXAMINE": Server({b"EXAMINE": close}), "hangs at FETCH": Server({b"UID FETCH 1:*": hang}),
        "tells less than there is": Server({b"EXAMINE": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n"}),
        "no UIDVALIDITY": Server({b"EXAMINE": b"* 1 EXISTS\r\n"}), "no messages in FETCH": Server({b"UID FETCH 1:*": b""}),
        "FETCH is torn": Server({b"UID FETCH 1:*": b"* 1 FETCH (UID 7 FLAGS (\\Seen\r\n"}),
        "UID 0": Server({b"UID FETCH 1:*": b"* 1 FETCH (UID 0 FLAGS ())\r\n"}),
        "no UID is left": Server({b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n* OK [UIDNEXT 4294967295] x\r\n"}),
        "the last UID": Server({b"UID FETCH 1:*": b"* 1 FETCH (UID 4294967295 FLAGS ())\r\n"}),
        "a UIDVALIDITY that no list has": Server({b"EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 4294967295] x\r\n* OK [UIDNEXT 8] x\r\n"}),
        "parentheses": Server({b"UID FETCH 1:*": b"* 1 FETCH (UID 7 FLAGS () X " + b"(" * 100000 + b"\r\n"}),
        "literal": Server({b"LIST": huge}), "BYE": Server({b"EXAMINE": b"* BYE\r\n"}),
    }
    for what, server in cases.items():
        root = fresh()
        before = files(root)
        # A mirror begins with the tree of folders: here it is one that the server has, too.
        server.folders = (b"INBOX", b"Old")
        status, err, took = pull(server)
        check(status != 0, f"{what}: it is told of a success")
        equal(files(root), before, f"{what}: what is here ({err})")
        check(took < 15, f"{what}: took {took} s")


def test_trouble_with_the_messages():
    """What comes later ends the run; the next one, with an honest server, has all of it once."""
    huge = b"* 1 FETCH (UID 7 FLAGS () BODY[] {99999999999}\r\n(no end)"
    for what, answer in (("hangs", hang), ("closes", close), ("huge", huge), ("no body", b"* 1 FETCH (UID 7 FLAGS () BODY[] NIL)\r\n"),
                         ("nothing", b""), ("another", b"* 1 FETCH (UID 9 FLAGS () BODY[] {1}\r\nx)\r\n"),
                         ("half", lambda c, t: c.sendall(b"* 1 FETCH (UID 7 FLAGS () BODY[] {50}\r\nSubject:"))):
        root = fresh()
        status, err, took = pull(Server({b"UID FETCH 7": answer}))
        check(status != 0 and took < 15, f"{what}: {status} {err} in {took} s")
        status, err, _ = pull(Server())
        equal((status, err), (0, ""), f"after {what}")
        equal(len(list((root / "cur").iterdir())), 1, f"messages after {what}")


def test_names_with_malice():
    """Folders lie in the user's tree, whatever the server calls them; those that cannot be are named, and the others come."""
    names = [b"INBOX", b'"../../evil"', b'"/etc/evil"', b'".."', b'"a/../../b"', b'"a//b"', b'"~bob/x"', b'"x\\\\\\"y"', b"{3}\r\nd\r\n", b"{4}\r\nn\0ul",
             b'"c.ur"', b'"&AAA-"', b'"' + b"l" * 300 + b'"', b'"cur"', b'"tmp"', b'"\xc3\xa9t\xc3\xa9"', b'"bad \xff"', b'"plain"', b'"inbox/Sub"',
             b'"a.b"', b'"a_b"', b"dovecot-uidlist"]
    root = fresh()
    home = root.parent
    outside = sorted(os.listdir(home.parent)), sorted(os.listdir("/etc"))
    status, err, _ = pull(Server(folders=names))
    equal((sorted(os.listdir(home.parent)), sorted(os.listdir("/etc"))), outside, "what lies outside")
    equal(sorted(os.listdir(home)), ["Maildir"], "the home directory")
    check(status != 0, "some of them cannot be")
    for folder in (".plain", ".INBOX.Sub", ".a_b", ".a_b_", ".&AOk-t&AOk-", "."):
        equal(len(list((root / folder / "cur").iterdir())), 1, f"messages in {folder} ({err})")
    for entry in root.iterdir():
        check(entry.name.startswith((".", "dovecot", "relais", "cur", "new", "tmp", "maildirsize", "subscriptions")), entry.name)


def test_flags_with_malice():
    root = fresh()
    flags = b" ".join([b"\\Seen", b"\\Recent", b"\\Odd", b"a\x01b", b"k" * 5000, b"$Good"] + [b"w%d" % i for i in range(60)])
    fetch = b"* 1 FETCH (UID 7 FLAGS (%s) RFC822.SIZE 21)\r\n" % flags
    body = b"* 1 FETCH (UID 7 FLAGS (%s) BODY[] {%d}\r\n%s)\r\n" % (flags, len(TEXT), TEXT)
    status, err, _ = pull(Server({b"UID FETCH 1:*": fetch, b"UID FETCH 7": body}))
    name = next(iter((root / "cur").iterdir())).name
    check(status == 0 and "S" in name.split(":2,")[1], f"{status} {err} {name}")
    for line in (root / "dovecot-keywords").read_bytes().splitlines():
        check(len(line) < 300 and line.isascii() and b"\x01" not in line, line)


def test_noise_over_a_pipe():
    """The other end of a pipe says anything at all."""
    random.seed(3)
    greeting = b"relais-sync 2\n"
    root = fresh()
    before = files(root)
    mta = mail().mta
    path = mail().mta.vmail / "noise"
    for i in range(40):
        lists = [b"good\0%d\0" % random.choice((0, 1, 1, 1)), b"count\0%d\0" % random.choice((0, 1, 2, 4294967295)), b"name\0INBOX\0", b"guid\0x y\n\0",
                 b"exists\0001\0", b"subscribed\0000\0", b"\0", b"uid_validity\0001\0next_uid\0009\0guid\0g\0\0", os.urandom(random.randrange(40)),
                 b"uid\0007\0", b"length\09999999999999\0\0"]
        path.write_bytes(greeting * (i % 4 > 0) + b"".join(random.choice(lists) for _ in range(random.randrange(60))))
        done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, "backup", "-R", "-T", "2", "-u", "bob", "sh", "-c", f"cat {path}; exec cat > /dev/null"],
                              env=mta.environment(), capture_output=True, timeout=60)
        check(done.returncode in (0, 65, 75), f"round {i}: {done.returncode} {done.stderr}")
        if done.returncode == 75:
            equal(files(root), before, f"what is here after round {i}")
        else:
            root = fresh()


def test_tokens():
    """imapc_sasl_mechanisms: the password is a token; a server that wants none of it gives its reasons first (RFC 7628 3.2.3)."""
    said = []

    def judge(connection, tag):
        connection.sendall(b"+ \r\n")
        file = connection.makefile("rb")
        said.append(base64.b64decode(file.readline()))
        if b"Bearer good" in said[-1]:
            connection.sendall(tag + b" OK welcome\r\n")
            server.greeting = b""
            server.serve(connection)
        else:
            connection.sendall(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n")
            said.append(base64.b64decode(file.readline()))
            connection.sendall(tag + b" NO wrong\r\n")

    ends = {"xoauth2": (b"user=u\1auth=Bearer %s\1\1", b""), "oauthbearer": (b"n,a=u,\1host=127.0.0.1\1auth=Bearer %s\1\1", b"\1")}
    for mechanism, (first, end) in ends.items():
        for token in ("good", "bad"):
            root, server = fresh(), Server({b"AUTHENTICATE " + mechanism.upper().encode(): judge})
            said.clear()
            mta = mail().mta
            settings = (f"imapc_sasl_mechanisms={mechanism}", "imapc_user=u", f"imapc_password={token}", "imapc_host=127.0.0.1", f"imapc_port={server.port}")
            done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *(x for each in settings for x in ("-o", each)), "backup", "-R", "-u", "bob",
                                   "imapc:"], env=mta.environment(), capture_output=True, timeout=60)
            equal(done.returncode, 0 if token == "good" else 75, f"{mechanism} {token}: {done.stderr}")
            equal(said, [first % token.encode()] + ([] if token == "good" else [end]), mechanism)
            equal(len(list((root / "cur").iterdir())), 1, "one message, here or there")


def test_tls():
    """The other side of the wire is ours: by TLS from the first byte, and after STARTTLS; a certificate of somebody else's ends it."""
    mail().deliver("alice", b"Subject: for alice\n\nx\n")
    mta = mail().mta
    ca = certificates() / "ca.pem"
    for tls, port in (("imaps", IMAPS), ("starttls", IMAP)):
        for more, good in ((("imapc_ssl_verify=no",), True), ((f"ssl_client_ca_file={ca}",), False), ((), False)):
            root = fresh()
            words = [f"imapc_user=alice", f"imapc_password={PASSWORD}", f"imapc_host={mail().address}", f"imapc_port={port}", f"imapc_ssl={tls}", *more]
            done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *(x for word in words for x in ("-o", word)), "backup", "-R", "-u", "bob",
                                   "imapc:"], env=mta.environment(), capture_output=True, timeout=60)
            equal(done.returncode, 0 if good else 75, f"{words}: {done.stderr}")
            found = [path.read_bytes() for part in ("cur", "new") for path in (root / part).iterdir()]
            check(any(b"for alice" in text for text in found) == good, f"{words}: {found}")


LIAR = r"""
import sys
answers = eval(sys.argv[1])
read, out = sys.stdin.buffer, sys.stdout.buffer

def words():
    found = []
    while True:
        word = b""
        while (c := read.read(1)) not in (b"\0", b""):
            word += c
        if word == b"" and len(found) % 2 == 0:
            return dict(zip(found[::2], found[1::2]))
        found.append(word)

def say(**pairs):
    out.write(b"".join(key.encode() + b"\0" + (value if isinstance(value, bytes) else str(value).encode()) + b"\0" for key, value in pairs.items()) + b"\0")

message = dict(uid=7, guid=b"one", flags=8, keywords=b"$A", received=837596665, size=21, extensions=b"Ppop O1")
numbers = dict(uid_validity=1700000000, next_uid=8, guid=b"a" * 32)
text = b"Subject: x\n\nhello\n"
out.write(b"relais-sync 2\n")
out.flush()
while request := words():
    what = request[b"request"]
    if what == b"list":
        say(good=1, count=1)
        say(**{**dict(name=b"INBOX", guid=b"a" * 32, exists=1, subscribed=0), **answers.get("list", {})})
    elif what == b"look":
        say(good=1, count=1)
        say(**{**numbers, **answers.get("numbers", {})})
        say(last_keywords=answers.get("last_keywords", b""))
        say(**{**message, **answers.get("look", {})})
    elif what == b"read":
        for _ in range(int(request[b"count"])):
            words()
        say(good=1, count=1)
        say(**{**message, **answers.get("look", {}), **answers.get("read", {})})
        say(length=len(text))
        out.write(text)
    else:
        say(good=0, code=4, error=answers.get("error", b"no"))
    out.flush()
"""


def lie(answers, *words):
    mta = mail().mta
    done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *words, "-R", "-T", "5", "-u", "bob", sys.executable, "-c", LIAR, repr(answers)],
                          env=mta.environment(), capture_output=True, timeout=60)
    return done.returncode, done.stderr


def lines_of(root):
    """The header and the lines of the list of UIDs, without the names of files."""
    header, *lines = (root / "dovecot-uidlist").read_bytes().splitlines()
    return header, [line.partition(b":")[0].split() for line in lines]


def test_lies_over_a_pipe():
    """What the other side says of its mail gets no line, and no word, of its own into our lists; and no UID that cannot be."""
    root = fresh()
    equal(lie({}, "backup"), (0, b""), "no lie")
    header, lines = lines_of(root)
    equal(header.split()[:4], [b"3", b"V1700000000", b"N8", b"G" + b"a" * 32], "header")
    equal(lines, [[b"7", b"Gone", b"Ppop", b"O1"]], "its line")
    odd = b"a b\n9 :evil\r\x01"
    for answers in ({"numbers": {"guid": odd}}, {"list": {"guid": odd}}, {"look": {"guid": odd}}, {"read": {"guid": odd}}, {"look": {"extensions": b"P" + odd}},
                    {"look": {"extensions": b"Pa O1\nx S12 W3 G4 :x"}}, {"look": {"guid": b"g" * 60000}}, {"look": {"extensions": b"P" + b"p" * 60000}},
                    {"look": {"keywords": b"a b\n0 evil \x01"}}, {"numbers": {"guid": b"x" * 60000}}, {"last_keywords": odd}):
        for command in (("backup",), ("sync", "-1")):
            root = fresh()
            equal(lie(answers, *command), (0, b""), f"{command} {str(answers)[:100]}")
            header, lines = lines_of(root)
            check(len(header.split()) == 4 and len(header.split()[3]) == 33, header)
            mine = [line for line in lines if len(line) > 1]
            equal(len(lines), 1 if "backup" in command else 2, f"{command}: {lines} {answers}")
            check(all(word[:1] in b"GPO" and word.isascii() and len(word) < 300 for line in mine for word in line[1:]), lines)
            keywords = (root / "dovecot-keywords").read_bytes()
            check(b"evil" not in keywords.split(b"\n")[0] and b"\x01" not in keywords, keywords)


def test_uids_over_a_pipe_that_cannot_be():
    for answers in ({"look": {"uid": 0}}, {"look": {"uid": 4294967295}}, {"read": {"uid": 8}}, {"read": {"uid": 0}}, {"look": {"uid": b"x"}}):
        for command in (("backup",), ("sync", "-1")):
            root = fresh()
            status, err = lie(answers, *command)
            check(status == 75, f"{command} {answers}: {status} {err}")
            check("backup" in command or "cur/1.M1.h:2," in files(root), f"{command} {answers}: {files(root)}")
            equal(lie({}, *command), (0, b""), f"{command} after {answers}")
            check([b"7", b"Gone", b"Ppop", b"O1"] in lines_of(root)[1] or "sync" in command, f"{command} after {answers}: {lines_of(root)}")
