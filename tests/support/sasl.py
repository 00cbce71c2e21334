"""Cyrus SASL for smtpd: password files made by Debian's saslpasswd2, its saslauthd, one that is scripted, and the client's
half of the mechanisms that do not send the password."""
import base64
import glob
import hashlib
import hmac
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

from support import Skip, check, oracle
from support.room import room
from support.server import Server

REALM = "mx.example.test"


def need_plugins():
    """The folders of the library's plug-ins: the system's, and that of Debian's plug-in for SQL."""
    folders = [folder for folder in ("/usr/lib/sasl2", *glob.glob("/usr/lib/*/sasl2")) if glob.glob(f"{folder}/libplain.so*")]
    if not folders:
        raise Skip("the mechanisms of Cyrus SASL are not installed here (libsasl2-modules)")
    return folders[:1] + [str(folder) for folder in oracle.tree("sasl").glob("usr/lib/*/sasl2")]


def program(name):
    path = oracle.tree("sasl") / "usr/sbin" / name
    return path, {**os.environ, "LD_LIBRARY_PATH": oracle.library_path(oracle.tree("sasl"))}


def make_sasldb(path, users, realm=REALM):
    """A password file that smtpd's account can read."""
    command, environment = program("saslpasswd2")
    for user, password in users.items():
        subprocess.run([command, "-f", str(path), "-c", "-p", "-u", realm, user], input=password.encode(), check=True,
                       capture_output=True, env=environment, timeout=20)
    os.chmod(path, 0o644)


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def plain(user, password, authorization=""):
    return b64(f"{authorization}\0{user}\0{password}")


def challenge_bytes(reply):
    return base64.b64decode(reply.lines[-1][4:])


def challenge(reply):
    return challenge_bytes(reply).decode()


def log_in(client, mechanism, user, password):
    """A login whose messages differ from time to time: the last reply."""
    reply = client.command(f"AUTH {mechanism}" + (f" {b64('n,,' + scram_first(user))}" if "SCRAM" in mechanism else ""))
    if reply.code != "334":
        return reply
    if "SCRAM" in mechanism:
        return scram_rest(client, mechanism, user, password, challenge(reply))
    if mechanism == "CRAM-MD5":
        digest = hmac.new(password.encode(), challenge(reply).encode(), "md5").hexdigest()
        return client.command(b64(f"{user} {digest}"))
    return digest_rest(client, user, password, challenge(reply))


def digest_rest(client, user, password, text):
    """RFC 2831"""
    found = dict(re.findall(r'(\w+)="?([^",]*)"?', text))
    md5 = lambda data: hashlib.md5(data if isinstance(data, bytes) else data.encode())
    realm, nonce, cnonce = found.get("realm", REALM), found["nonce"], "0a4f113b"
    a1 = md5(f"{user}:{realm}:{password}").digest() + f":{nonce}:{cnonce}".encode()
    response = md5(f"{md5(a1).hexdigest()}:{nonce}:00000001:{cnonce}:auth:"
                   f"{md5(f'AUTHENTICATE:smtp/{REALM}').hexdigest()}").hexdigest()
    reply = client.command(b64(f'username="{user}",realm="{realm}",nonce="{nonce}",cnonce="{cnonce}",nc=00000001,qop=auth,'
                               f'digest-uri="smtp/{REALM}",response={response}'))
    return client.command("") if reply.code == "334" else reply


def scram_first(user):
    return f"n={user},r=fyko+d2lbbFgONRv9qkxdawL"


def scram_rest(client, mechanism, user, password, first):
    """RFC 5802"""
    name = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
    found = dict(item.split("=", 1) for item in first.split(","))
    salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(found["s"]), int(found["i"]))
    client_key = hmac.new(salted, b"Client Key", name).digest()
    last = f"c=biws,r={found['r']}"
    message = f"{scram_first(user)},{first},{last}".encode()
    signature = hmac.new(hashlib.new(name, client_key).digest(), message, name).digest()
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    reply = client.command(b64(f"{last},p={b64(proof)}"))
    return client.command("") if reply.code == "334" else reply


class Saslauthd:
    """Debian's, over a password file in /etc/sasldb2 of this room."""

    def __init__(self, folder, users):
        room().require_private("saslauthd")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755, exist_ok=True)
        make_sasldb("/etc/sasldb2", users, os.uname().nodename)
        self.command, self.environment = program("saslauthd")
        self.process = None
        room().defer(self.stop)

    def start(self):
        self.process = subprocess.Popen([self.command, "-d", "-a", "sasldb", "-n", "1", "-m", self.folder], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not (self.folder / "mux").exists():
            check(time.monotonic() < end and self.process.poll() is None, "saslauthd does not start")
            time.sleep(0.05)
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        (self.folder / "mux").unlink(missing_ok=True)


class FakeSaslauthd(Server):
    """A mux socket: `answers` has, for a password, what is said ("OK", "NO why"; None: nothing, "": the connection ends)."""

    def __init__(self, path, answers):
        self.answers, self.requests = answers, []
        pathlib.Path(path).parent.mkdir(exist_ok=True)
        super().__init__(path, backlog=20)

    def _serve(self, client):
        fields = []
        for _ in range(4):  # name, password, service, realm
            length = struct.unpack(">H", client.recv(2, socket.MSG_WAITALL))[0]
            fields.append(client.recv(length, socket.MSG_WAITALL).decode("latin-1") if length else "")
        self.requests.append(fields)
        answer = self.answers.get(fields[1], "NO")
        if answer is None:
            return
        if isinstance(answer, bytes):
            client.sendall(answer)
        elif answer:
            client.sendall(struct.pack(">H", len(answer)) + answer.encode())
        client.close()
