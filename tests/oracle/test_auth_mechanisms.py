"""Mechanisms without a password in the clear, tokens and certificates: what Dovecot 2.3 and ours make of the same exchanges."""
import base64
import concurrent.futures
import hashlib
import hmac
import itertools
import json
import pathlib
import re
import socket
import subprocess
import time

from support import bound, equal
from support.dovecot import Dovecot
from support.imap import IMAP, ImapInstance
from support.room import room

KEYS = "keys"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """Makes tokens with keys of its own, which both servers read from files."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.secret = b"0123456789abcdef0123456789abcdef"
        for algorithm, arguments in (("RS256", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
                                     ("ES256", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])):
            private = self.folder / f"{algorithm}.private"
            private.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["openssl", "genpkey", *arguments, "-out", private], check=True, capture_output=True)
            public = subprocess.run(["openssl", "pkey", "-in", private, "-pubout"], check=True, capture_output=True).stdout
            self.put("default", algorithm, "default", public)
            self.put("party", algorithm, "key1", public)
        self.put("default", "HS256", "default", base64.b64encode(self.secret))
        self.put("default", "HS512", "default", base64.b64encode(self.secret))

    def put(self, party, algorithm, key, data):
        path = self.folder / party / algorithm / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def token(self, algorithm="HS256", kid=None, header=None, spoil=False, **claims):
        now = int(time.time())
        claims = {"sub": "bob", "email": "bob", "iat": now - 10, "exp": now + 1000, **claims}
        head = {"alg": algorithm, "typ": "JWT", **({"kid": kid} if kid else {}), **(header or {})}
        text = ".".join(b64url(json.dumps({k: v for k, v in part.items() if v is not None}).encode()) for part in (head, claims))
        signature = self.sign(algorithm, text.encode())
        if spoil:
            signature = bytes([signature[0] ^ 1]) + signature[1:]
        return f"{text}.{b64url(signature)}"

    def sign(self, algorithm, text):
        if algorithm.startswith("HS"):
            return hmac.new(self.secret, text, getattr(hashlib, f"sha{algorithm[2:]}")).digest()
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.folder / f"{algorithm}.private"], input=text, check=True, capture_output=True).stdout
        if algorithm == "RS256":
            return made
        shown = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=made, check=True, capture_output=True).stdout.decode()
        return b"".join(bytes.fromhex(number.zfill(64)) for number in re.findall(r"INTEGER\s+:([0-9A-F]+)", shown))


def oauthbearer(user, token):
    return f"n,a={user},\1host=x\1port=143\1auth=Bearer {token}\1\1".encode()


def xoauth2(user, token):
    return f"user={user}\1auth=Bearer {token}\1\1".encode()


COUNT = itertools.count()


class Client:
    """An IMAP connection from an address of its own, since failures slow down an address."""

    def __init__(self, address, port):
        number = next(COUNT)
        own = f"{address.rsplit('.', 2)[0]}.{number // 200 + 201}.{number % 200 + 1}"
        self.socket = socket.create_connection((address, port), 40, source_address=(own, 0))
        self.file = self.socket.makefile("rb")
        self.file.readline()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")

    def challenge(self):
        """Decoded; nothing where this is the end, which end() then has."""
        self.line = self.file.readline().decode()
        return base64.b64decode(self.line[2:]).decode() if self.line.startswith("+") else None

    def end(self):
        while self.line.startswith("*"):
            self.line = self.file.readline().decode()
        self.file.close()
        self.socket.close()
        code = re.search(r"\[([A-Z]+)", self.line)
        word = self.line.split()[1] if self.line else "hung up"
        return word + (" " + code[1] if code and word != "OK" else "")


def exchange(address, port, mechanism, *responses):
    """The challenges and the code of the end of an IMAP login; the first response goes with the command."""
    client, texts, said = Client(address, port), [base64.b64encode(each).decode() for each in responses], []
    client.say(f"a AUTHENTICATE {mechanism}{' ' + (texts.pop(0) or '=') if texts else ''}")
    while (challenge := client.challenge()) is not None:
        said.append(challenge)
        client.say(texts.pop(0) if texts else "")
    return said, client.end()


def both(mail, dovecot, attempts):
    """Differences between the servers in what they say to (name, mechanism, responses...)."""
    def ask(attempt):
        return [exchange(mail.address, port, *attempt[1:]) for port in (IMAP, dovecot.port)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, attempts))
    return [(attempt[:2], *answer) for attempt, answer in zip(attempts, answers) if answer[0] != answer[1]]


TOKEN_CONF = "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={keys}/\n"
TOKEN_USERS = """\
passdb {{{{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}}}
passdb {{{{
  driver = passwd-file
  args = scheme=PLAIN {{root}}/users
}}}}
userdb {{{{
  driver = passwd-file
  args = {{root}}/users
}}}}
"""


def pair(conf):
    folder = room().scratch
    path = folder / "oauth2.conf"
    path.write_text(conf)
    mail = ImapInstance(f"auth_passdb = {{ mechanisms={{ xoauth2 oauthbearer }} oauth2:{path} }} passwd-file:$config_directory/users\n"
                        "auth_userdb = passwd-file:$config_directory/users\nauth_mechanisms = plain, oauthbearer, xoauth2\nauth_failure_delay = 0s\n")
    dovecot = Dovecot(mail, complaints=False, more="auth_mechanisms = plain oauthbearer xoauth2\nauth_failure_delay = 0\n",
                      users=TOKEN_USERS.format(root=folder))
    return mail, dovecot


@bound(120)
def test_tokens_that_are_looked_at_here():
    signer = Signer(room().scratch / KEYS)
    now = int(time.time())
    tokens = {
        "HS256": signer.token(), "HS512": signer.token("HS512"), "RS256": signer.token("RS256"), "ES256": signer.token("ES256"),
        "party": signer.token("RS256", kid="key1", azp="party"), "spoilt": signer.token(spoil=True), "spoilt RS": signer.token("RS256", spoil=True),
        "spoilt ES": signer.token("ES256", spoil=True), "expired": signer.token(exp=now - 5), "not yet": signer.token(nbf=now + 500), "future": signer.token(iat=now + 500),
        "no sub": signer.token(sub=None), "no email": signer.token(email=None), "other": signer.token(email="alice"), "upper": signer.token(email="BOB"),
        "no key": signer.token(kid="nosuch"), "path": signer.token(kid="../default/HS256/default"), "none": signer.token().replace("eyJ", "eyK", 1), "not a token": "abc", "two": "a.b",
        "typ": signer.token(header={"typ": "XX"}), "no typ": signer.token(header={"typ": None}), "alg none": signer.token(header={"alg": "none"}),
        "alg mixed": signer.token("RS256", header={"alg": "HS256"}), "exp text": signer.token(exp=str(now + 500)), "scope": signer.token(scope="mail openid"),
    }
    for conf in ("", "scope = mail\n", "issuers = one two\n", "username_attribute = sub\n"):
        mail, dovecot = pair(TOKEN_CONF.format(keys=room().scratch / KEYS) + conf)
        differences = both(mail, dovecot, [(name, "OAUTHBEARER", oauthbearer("bob", token), b"\1") for name, token in tokens.items()] +
                           [(name, "XOAUTH2", xoauth2("bob", token), b"") for name, token in tokens.items()])
        dovecot.stop()
        mail.stop()
        equal(differences, [], f"what is said otherwise {conf}")


@bound(60)
def test_malformed_messages_of_tokens():
    signer = Signer(room().scratch / "other-keys")
    mail, dovecot = pair(TOKEN_CONF.format(keys=room().scratch / "other-keys"))
    token = signer.token()
    responses = (("OAUTHBEARER", b""), ("OAUTHBEARER", b"n,,\1auth=Bearer x\1\1"), ("OAUTHBEARER", f"n,a=bob,\1auth=Basic {token}\1\1".encode()),
                 ("OAUTHBEARER", f"y,a=bob,\1auth=bearer {token}\1\1".encode()), ("OAUTHBEARER", b"n,a=bob,\1\1"), ("XOAUTH2", b"user=bob\1\1"),
                 ("XOAUTH2", f"auth=Bearer {token}\1user=bob\1\1".encode()), ("XOAUTH2", b"\1\1\1"), ("XOAUTH2", b"user=bob"))
    differences = both(mail, dovecot, [(response[:40], mechanism, response, b"") for mechanism, response in responses])
    dovecot.stop()
    mail.stop()
    equal(differences, [], "what is said otherwise")


def digest_response(challenge, user, password, realm="", **changed):
    given = dict(re.findall(r'(\w+)="?([^",]*)', challenge))
    fields = {"username": user, "realm": realm, "nonce": given["nonce"], "cnonce": "c" * 16, "nc": "00000001", "qop": "auth", "digest-uri": "imap/test", **changed}
    def md5(data):
        return hashlib.md5(data).hexdigest()
    a1 = hashlib.md5(f"{user}:{realm}:{password}".encode()).digest() + f":{fields['nonce']}:{fields['cnonce']}".encode()
    def value(method):
        return md5(f"{md5(a1)}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth:{md5((method + ':' + fields['digest-uri']).encode())}".encode())
    text = ",".join(f'{name}="{content}"' if name not in ("nc", "qop") else f"{name}={content}" for name, content in fields.items())
    return f"{text},charset=utf-8,response={value('AUTHENTICATE')}".encode(), "rspauth=" + value("")


class Digest:
    """One DIGEST-MD5 login."""

    def __init__(self, address, port, user, password, **how):
        client = Client(address, port)
        client.say("a AUTHENTICATE DIGEST-MD5")
        self.challenge = client.challenge()
        response, right = digest_response(self.challenge, user, password, **how)
        client.say(base64.b64encode(response).decode())
        proof = client.challenge()
        self.mutual = proof == right
        if proof is not None:
            client.say("")
            client.challenge()
        self.end = client.end()

    def told(self):
        return re.sub(r'nonce="[^"]*"', 'nonce=""', self.challenge), self.mutual, self.end


@bound(60)
def test_digest_md5():
    for realms in ("", "one.test two.test"):
        settings = "auth_mechanisms = plain, digest-md5\nauth_failure_delay = 0s\nauth_default_scheme = PLAIN\n" + (f"auth_realms = {realms}\n" if realms else "")
        mail = ImapInstance(settings)
        uid, gid = mail.mta.vmail_ids()
        rest = f":{uid}:{gid}::{mail.home('bob')}::\n"
        hashed = hashlib.md5(b"dora:one.test:secret").hexdigest()
        text = f"bob:{{PLAIN}}secret{rest}carl@one.test:{{PLAIN}}secret{rest}dora@one.test:{{DIGEST-MD5}}{hashed}{rest}crypt:{{SHA256}}x{rest}"
        dovecot = Dovecot(mail, complaints=False, more=settings.replace(",", "").replace("auth_default_scheme = PLAIN\n", "").replace("0s", "0"))
        (dovecot.root / "users").write_text(text)
        (mail.mta.conf / "users").write_text(text)
        attempts = (("bob", "secret", {}), ("bob", "wrong", {}), ("nobody", "secret", {}), ("carl", "secret", {"realm": "one.test"}), ("carl", "secret", {"realm": "two.test"}),
                    ("dora", "secret", {"realm": "one.test"}), ("dora", "wrong", {"realm": "one.test"}), ("crypt", "x", {}), ("bob", "secret", {"nc": "00000002"}),
                    ("bob", "secret", {"qop": "auth-int"}), ("bob", "secret", {"nonce": "x"}), ("bob", "secret", {"cnonce": ""}))
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda each: [Digest(mail.address, port, each[0], each[1], **each[2]).told() for port in (IMAP, dovecot.port)], attempts))
        differences = [(attempt, *answer) for attempt, answer in zip(attempts, found) if answer[0] != answer[1]]
        dovecot.stop()
        mail.stop()
        equal(differences, [], "what is said otherwise")


@bound(60)
def test_anonymous():
    settings = "auth_mechanisms = plain, anonymous\nauth_anonymous_username = bob\n"
    mail = ImapInstance(settings)
    dovecot = Dovecot(mail, complaints=False, more=settings.replace(",", ""))
    for trace in (b"somebody", b""):
        equal(exchange(mail.address, IMAP, "ANONYMOUS", trace), exchange(mail.address, dovecot.port, "ANONYMOUS", trace), f"trace {trace}")
    equal(exchange(mail.address, IMAP, "ANONYMOUS", b"x")[1], "OK", "anonymous")
    dovecot.stop()
    mail.stop()
