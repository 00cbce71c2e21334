"""Client certificates, SCRAM that is bound to TLS, and tokens about which a server is asked that is slow, wrong, or somebody else."""
import base64
import hashlib
import hmac
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

from support import auth_client, bound, certificates, check, equal
from support.imap import IMAP, IMAPS, ImapInstance
from support.room import room


class TlsClient:
    def __init__(self, mail, certificate=None, version=None):
        context = ssl.create_default_context(cafile=str(certificates.directory() / "ca.pem"))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificates.directory() / f"{certificate}.pem", certificates.directory() / f"{certificate}.key")
        if version:
            context.maximum_version = version
        self.socket = context.wrap_socket(socket.create_connection((mail.address, IMAPS), 20))
        self.file = self.socket.makefile("rb")
        self.file.readline()

    def command(self, text):
        self.socket.sendall(b"a " + text.encode() + b"\r\n")
        lines = []
        while not (line := self.file.readline().decode()).startswith(("a ", "+")) and line:
            lines.append(line)
        return "".join(lines) + line

    def answer(self, data):
        self.socket.sendall(base64.b64encode(data) + b"\r\n")
        while (line := self.file.readline().decode()).startswith("* "):
            pass
        return line

    def mechanisms(self):
        return set(re.findall(r"AUTH=(\S+)", self.command("CAPABILITY")))

    def close(self):
        self.file.close()
        self.socket.close()


def test_client_certificates():
    certificates.make("bob", ["bob"])
    certificates.make("nobody", ["nobody"])
    certificates.make("stranger", ["bob"], issuer=None)
    mail = ImapInstance("auth_mechanisms = plain, external\nauth_ssl_username_from_cert = yes\nauth_failure_delay = 0s\nimap_tls_ask_ccert = yes\n"
                        f"imap_tls_CAfile = {certificates.directory()}/ca.pem\n"
                        "auth_passdb = { mechanisms=external override_fields={nopassword} passwd-file:$config_directory/users } passwd-file:$config_directory/users\n")
    for name, offered, end in (("bob", True, "OK"), ("nobody", True, "NO [AUTHENTICATIONFAILED]"), ("stranger", False, "NO"), (None, False, "NO")):
        client = TlsClient(mail, name)
        equal("EXTERNAL" in client.mechanisms(), offered, f"EXTERNAL for {name}")
        answer = client.command("AUTHENTICATE EXTERNAL =").splitlines()[-1]
        check(answer.startswith(f"a {end}"), lambda: (name, answer, mail.mta.log_text()[-900:]))
        client.close()
    client = TlsClient(mail, "bob")
    answer = client.command("AUTHENTICATE EXTERNAL " + base64.b64encode(b"alice").decode()).splitlines()[-1]
    check(answer.startswith("a NO"), f"bob as alice: {answer}")
    # The certificate's name counts with a password, too.
    check(client.command("LOGIN alice secret").splitlines()[-1].startswith("a OK"), "a password")
    mail.mta.wait_log("Login: user=<bob>, method=PLAIN")
    client.close()
    mail.stop()


def test_nobody_without_a_certificate():
    certificates.make("bob", ["bob"])
    mail = ImapInstance("auth_ssl_require_client_cert = yes\nauth_failure_delay = 0s\nimap_tls_ask_ccert = yes\n"
                        f"imap_tls_CAfile = {certificates.directory()}/ca.pem\n")
    for name, end in (("bob", "a OK"), (None, "a NO [AUTHENTICATIONFAILED]")):
        client = TlsClient(mail, name)
        answer = client.command("LOGIN bob secret").splitlines()[-1]
        check(answer.startswith(end), (name, answer))
        client.close()
    mail.stop()


def scram(client, mechanism, header, binding, user="bob", password="secret"):
    """The last line, after a SCRAM-SHA-256 exchange whose client is this function (RFC 5802)."""
    bare = f"n={user},r=clientnonce"
    first = client.command(f"AUTHENTICATE {mechanism} " + base64.b64encode((header + bare).encode()).decode()).splitlines()[-1]
    if not first.startswith("+"):
        return first
    server = base64.b64decode(first[2:]).decode()
    nonce, salt, rounds = (re.search(rf"{letter}=([^,]*)", server)[1] for letter in "rsi")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    def mac(key, text):
        return hmac.new(key, text, "sha256").digest()
    client_key = mac(salted, b"Client Key")
    last = f"c={base64.b64encode(header.encode() + binding).decode()},r={nonce}"
    whole = f"{bare},{server},{last}".encode()
    proof = bytes(a ^ b for a, b in zip(client_key, mac(hashlib.sha256(client_key).digest(), whole)))
    answer = client.answer(f"{last},p={base64.b64encode(proof).decode()}".encode())
    if answer.startswith("+"):
        right = base64.b64encode(mac(mac(salted, b"Server Key"), whole)).decode()
        equal(base64.b64decode(answer[2:]).decode(), "v=" + right, "the server's proof")
        answer = client.answer(b"")
    return answer


def end_point(client):
    """RFC 5929 4: the test's certificates are signed with SHA-256."""
    return hashlib.sha256(client.socket.getpeercert(binary_form=True)).digest()


@bound(60)
def test_scram_that_is_bound_to_tls():
    mail = ImapInstance("auth_mechanisms = plain, scram-sha-256, scram-sha-256-plus\nauth_failure_delay = 0s\n")
    in_clear = mail.connect()
    check("AUTH=SCRAM-SHA-256-PLUS" not in in_clear.capabilities and "AUTH=SCRAM-SHA-256" in in_clear.capabilities, in_clear.capabilities)
    in_clear.shutdown()
    plus, point = "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,"
    for what, mechanism, header, binding, right in (
            ("bound to the certificate", plus, point, end_point, True), ("another certificate", plus, point, lambda c: b"x" * 32, False),
            ("the binding is left out", plus, "n,,", lambda c: b"", False), ("of a kind that is not known", plus, "p=tls-other,,", end_point, False),
            ("without it", "SCRAM-SHA-256", "n,,", lambda c: b"", True), ("a client that was told there is none", "SCRAM-SHA-256", "y,,", lambda c: b"", False),
            ("binding where there is none", "SCRAM-SHA-256", point, end_point, False)):
        client = TlsClient(mail)
        check(plus in client.mechanisms(), "not offered")
        answer = scram(client, mechanism, header, binding(client))
        equal(answer.startswith("a OK"), right, f"{what}: {answer}")
        client.close()
    mail.stop()


@bound(60)
def test_tls_exporter_as_the_other_side_has_it():
    """openssl s_client exports the same bytes as the server."""
    mail = ImapInstance("auth_mechanisms = plain, scram-sha-256, scram-sha-256-plus\nauth_failure_delay = 0s\n")
    process = subprocess.Popen(["openssl", "s_client", "-connect", f"{mail.address}:{IMAPS}", "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32",
                                "-ign_eof", "-CAfile", certificates.directory() / "ca.pem"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    material = None
    while (line := process.stdout.readline().decode()) and not line.startswith("* OK"):
        if "Keying material: " in line:
            material = bytes.fromhex(line.split(": ")[1].strip())
    class Through:
        def command(self, text):
            process.stdin.write(b"a " + text.encode() + b"\r\n")
            process.stdin.flush()
            while not (line := process.stdout.readline().decode()).startswith(("a ", "+")):
                check(line, "hung up")
            return line
        def answer(self, data):
            process.stdin.write(base64.b64encode(data) + b"\r\n")
            process.stdin.flush()
            while not (line := process.stdout.readline().decode()).startswith(("a ", "+")):
                check(line, "hung up")
            return line
    check(material, "openssl has exported nothing")
    answer = scram(Through(), "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", material)
    check(answer.startswith("a OK"), answer)
    process.kill()
    process.wait()
    mail.stop()


class TokenServer:
    """Answers about tokens; `hang` makes it wait."""

    def __init__(self, tls=None):
        server = self
        server.asked, server.hang = [], False

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.tell(self.path, "")

            def do_POST(self):
                self.tell(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode())

            def tell(self, path, body):
                server.asked.append((self.command, path, body, self.headers.get("Authorization")))
                while server.hang:
                    time.sleep(0.1)
                text = f"{path} {body} {self.headers.get('Authorization')}"
                token = re.search(r"(good|inactive|other|strange|broken|denied)", text)
                answers = {"good": {"active": True, "email": "bob", "scope": "mail", "nested": {"a": [1, {"b": None}]}}, "inactive": {"active": False, "email": "bob"},
                           "other": {"active": True, "email": "alice"}, "strange": []}
                name = token[1] if token else "denied"
                if name in ("broken", "denied"):
                    self.send_error(500 if name == "broken" else 401)
                    return
                text = json.dumps(answers[name]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.directory() / f"{tls}.pem", certificates.directory() / f"{tls}.key")
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.hang = False
        self.http.shutdown()


def with_tokens(conf):
    path = room().scratch / "oauth2.conf"
    path.write_text(conf)
    return ImapInstance(f"auth_passdb = oauth2:{path} passwd-file:$config_directory/users\nauth_userdb = passwd-file:$config_directory/users\n"
                        "auth_mechanisms = plain, xoauth2\nauth_failure_delay = 0s\n")


def said(client, token, user="bob"):
    word, fields = client.login("XOAUTH2", f"user={user}\1auth=Bearer {token}\1\1".encode(), b"")
    return "temp" if "temp" in fields else word


@bound(100)
def test_a_server_that_is_asked_about_tokens():
    server = TokenServer()
    place = f"http://127.0.0.1:{server.port}"
    for conf, first in ((f"introspection_url = http://me:pw@127.0.0.1:{server.port}/ask\nintrospection_mode = post\n", ("POST", "/ask", "token=good", "Basic bWU6cHc=")),
                        (f"introspection_url = {place}/ask?token=\nintrospection_mode = get\n", ("GET", "/ask?token=good", "", None)),
                        (f"introspection_url = {place}/ask\nintrospection_mode = auth\n", ("GET", "/ask", "", "Bearer good")),
                        (f"tokeninfo_url = {place}/info?t=\n", ("GET", "/info?t=good", "", None))):
        server.asked.clear()
        mail = with_tokens(conf + "scope = mail\ntimeout_msecs = 2000\n")
        client = auth_client.of(mail.mta)
        equal({token: said(client, token) for token in ("good", "inactive", "other", "strange", "broken", "denied", "bad\r\nX: y")},
              {"good": "OK", "inactive": "FAIL", "other": "FAIL", "strange": "temp", "broken": "temp", "denied": "FAIL", "bad\r\nX: y": "FAIL"}, conf)
        equal(server.asked[0], first, "how the server is asked")
        count = len(server.asked)
        equal(client.login("PLAIN", b"\0bob\0secret")[0], "OK", "a password")
        equal(client.login("PLAIN", b"\0bob\0good")[0], "FAIL", "a token is no password")
        equal(len(server.asked), count, "a password went to the server")
        equal(said(client, "secret"), "FAIL", "a password is no token")
        client.close()
        mail.stop()
    server.stop()


@bound(60)
def test_a_server_that_hangs_or_is_somebody_else():
    server = TokenServer()
    mail = with_tokens(f"introspection_url = http://127.0.0.1:{server.port}/ask\nintrospection_mode = auth\ntimeout_msecs = 3000\n")
    client, other = auth_client.of(mail.mta), auth_client.of(mail.mta)
    server.hang = True
    client.say("AUTH", 1, "XOAUTH2", "service=imap", "nologin", "resp=" + base64.b64encode(b"user=bob\1auth=Bearer good\1\1").decode())
    begun = time.monotonic()
    equal(other.login("PLAIN", b"\0bob\0secret")[0], "OK", "somebody else")
    check(time.monotonic() - begun < 2, "a server that hangs holds up others")
    word = client.read()[0]
    check(word == "FAIL" and 2 < time.monotonic() - begun < 10, word)
    client.close()
    other.close()
    server.stop()
    mail.stop()
    tls = TokenServer("mx")
    for conf, right in (("", "temp"), (f"tls_ca_cert_file = {certificates.directory()}/ca.pem\n", "temp")):  # 127.0.0.1 is not its name
        mail = with_tokens(f"introspection_url = https://127.0.0.1:{tls.port}/ask\nintrospection_mode = auth\n" + conf)
        client = auth_client.of(mail.mta)
        equal(said(client, "good"), right, conf)
        client.close()
        mail.stop()
    tls.stop()
    certificates.make("local", ["localhost"])
    tls = TokenServer("local")
    mail = with_tokens(f"introspection_url = https://localhost:{tls.port}/ask\nintrospection_mode = auth\ntls_ca_cert_file = {certificates.directory()}/ca.pem\n")
    client = auth_client.of(mail.mta)
    equal(said(client, "good"), "OK", "over TLS")
    client.close()
    tls.stop()
    mail.stop()


def test_what_cannot_be_used_is_told_at_the_start():
    for conf, told in (("nosuch = 1\n", "unknown setting nosuch"), ("introspection_mode = local\n", "local_validation_key_dict is not set"), ("", "neither tokeninfo_url"),
                       ("introspection_url = ftp://x/\n", "no URL of http"), ("introspection_mode = x\n", "introspection_mode = x"),
                       ("introspection_mode = local\nlocal_validation_key_dict = redis:x\n", "fs:posix:prefix=")):
        mail = with_tokens(conf)
        client = socket.create_connection((mail.address, IMAP))
        mail.mta.wait_log("fatal: auth_passdb: ")
        client.close()
        check(told in mail.mta.log_text(), f"{told}: {mail.mta.log_text()[-800:]}")
        mail.stop()
