"""Several machines that know of each other's failed logins and right passwords, by memcached or Redis; and what becomes of
logins while that server is away, slow or lies."""
import contextlib
import re
import shutil
import socket
import subprocess
import threading
import time

from support import Skip, check, equal, oracle
from support.databases import Memcached, Redis
from support.machines import PASSWORD, Machine, Talk
from support.room import room

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    shutil.which("redis-server", path="/usr/sbin:/usr/bin") or oracle.tree("redis")

SERVERS = {"memcache": Memcached, "redis": Redis}
SECRET = "the same secret on all machines, 32 bytes at least"


def machine(kind, port, more=""):
    # The tests' clients are of this machine, whom limits do not concern.
    made = Machine(f"login_shared_server = {kind}:127.0.0.1:{port}\nauth_client_limit_exceptions =\nauth_failure_delay = 0\n"
                   f"auth_client_failure_limit = 5\nanvil_rate_time_unit = 60s\n" + more)
    made.users(bob=None, alice=None)
    return made


def login(made, user="bob", password=PASSWORD, source=130):
    with Talk(made.address, source=room().address(source)) as talk:
        return talk(f"LOGIN {user} {password}")


def failures(kind):
    server = SERVERS[kind](room().scratch / kind).start()
    one, two = machine(kind, server.port), machine(kind, server.port)
    for i in range(5):
        check("AUTHENTICATIONFAILED" in login((one, two)[i % 2], password=f"wrong{i}"), i)
    for each in (one, two):
        check(login(each).startswith("NO [LIMIT]"), "the right one comes too late, at both")
        check(login(each, source=131).startswith("OK"), "another client")
    # Without the server, each machine goes by what it has seen itself: three and two.
    server.stop()
    began = time.monotonic()
    for each in (one, two):
        check(login(each).startswith("OK"), "by its own count")
    check(time.monotonic() - began < 3, "nobody waits")
    one.wait_log("login_shared_server .*nothing is shared until it is back")
    equal(len(re.findall("login_shared_server", one.log())), 1, "it is said once")
    # It comes back, and knows nothing any more.
    server.start()
    time.sleep(5.1)
    for i in range(2):
        login(one, password="wrong", source=132)
        login(two, password="wrong", source=132)
    check("AUTHENTICATIONFAILED" in login(one, password="wrong", source=132), "the fifth")
    check(login(two, source=132).startswith("NO [LIMIT]"), "shared again")
    for each in (one, two):
        each.stop()
    server.stop()


def test_failures_by_memcached():
    failures("memcache")


def test_failures_by_redis():
    failures("redis")


class Fake:
    """A server that answers everything with `answer`, or (None) not at all."""

    def __init__(self, answer):
        self.answer, self.asked = answer, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with contextlib.suppress(OSError):
            while piece := client.recv(65536):
                self.asked += piece
                if self.answer is not None:
                    client.sendall(self.answer)

    def close(self):
        self.listener.close()


LIES = (None, b"", b"\r\n", b"x" * 100000, b"VALUE k 0 99999999999\r\n", b"VALUE k 0 4\r\nabcdefgh", b"$99999999\r\n", b"-ERR\r\n",
        b"SERVER_ERROR out of memory\r\n", b"VALUE k 0 2\r\n-1\r\nEND\r\n", b"VALUE k 0 3\r\nabc\r\nEND\r\n", b"\0" * 600, b"NOT_FOUND\r\n",
        b"STORED\r\n" * 50)


def test_servers_that_lie():
    secret = room().scratch / "secret-liars"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    for kind in SERVERS:
        for lie in LIES:
            server = Fake(lie)
            made = machine(kind, server.port, f"login_shared_secret_file = {secret}\n")
            began = time.monotonic()
            check(login(made).startswith("OK"), (kind, lie))
            check("AUTHENTICATIONFAILED" in login(made, password="wrong"), (kind, lie))
            check(login(made, "alice").startswith("OK"), (kind, lie))
            check(time.monotonic() - began < 4, (kind, lie))
            check(server.asked, "it was asked")
            made.stop()
            server.close()


def took(made, user="bob", password=PASSWORD):
    began = time.monotonic()
    answer = login(made, user, password)
    return answer, time.monotonic() - began


# A password that takes a second to check is checked by one machine; nobody is let in by what a server says without the secret.
def test_right_passwords():
    import crypt
    slow = "{SHA512-CRYPT}" + crypt.crypt(PASSWORD, "$6$rounds=1500000$saltsalt$")
    secret = room().scratch / "secret-right"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    other = room().scratch / "secret-other"
    other.write_text(SECRET.upper())
    other.chmod(0o600)
    for kind, server_of in SERVERS.items():
        server = server_of(room().scratch / f"{kind}-right").start()
        sharing = f"login_shared_secret_file = {secret}\nauth_passdb = passwd-file:/{room().scratch}/slow\nauth_userdb = passwd-file:$auth_users_file\n"
        (room().scratch / "slow").write_text(f"bob:{slow}::::::\n")
        one, two = machine(kind, server.port, sharing), machine(kind, server.port, sharing)
        stranger = machine(kind, server.port, sharing.replace("secret-right", "secret-other"))
        first, again, shared, foreign = (took(each) for each in (one, one, two, stranger))
        for answer, _ in (first, again, shared, foreign):
            check(answer.startswith("OK"), answer)
        check(shared[1] < first[1] / 3 and again[1] < first[1] / 3, f"{first[1]} {again[1]} {shared[1]}")
        check(foreign[1] > first[1] / 3, "another secret's machine looks itself")
        check("AUTHENTICATIONFAILED" in took(two, password="wrong")[0], "a wrong one")
        # What was right is not, once the database has another password.
        (room().scratch / "slow").write_text("bob:{PLAIN}new::::::\n")
        for each in (one, two):
            end = time.monotonic() + 3
            while (answer := took(each)[0]).startswith("OK"):  # the file is looked at now and then
                check(time.monotonic() < end, f"the old one: {answer}")
            check("AUTHENTICATIONFAILED" in answer, answer)
            check(took(each, password="new")[0].startswith("OK"), "the new one")
        for each in (one, two, stranger):
            each.stop()
        server.stop()


# `doveadm auth cache flush`, of one user and of all, reaches what the machines share.
def test_flushes():
    import crypt
    slow = "{SHA512-CRYPT}" + crypt.crypt(PASSWORD, "$6$rounds=1500000$saltsalt$")
    secret = room().scratch / "secret-flush"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    (room().scratch / "flushed").write_text("".join(f"{user}:{slow}::::::\n" for user in ("bob", "alice")))
    sharing = f"login_shared_secret_file = {secret}\nauth_passdb = passwd-file:/{room().scratch}/flushed\nauth_userdb = passwd-file:$auth_users_file\n"
    for kind, server_of in SERVERS.items():
        server = server_of(room().scratch / f"{kind}-flush").start()
        one = machine(kind, server.port, sharing)
        first = took(one)[1]
        took(one, user="alice")
        for flushed, gone in (((), ("bob", "alice")), (("bob",), ("bob",)), ((), ("bob", "alice")), ((), ("bob", "alice"))):
            done = subprocess.run([one.mta.commands / "doveadm", "-c", one.mta.conf, "auth", "cache", "flush", *flushed], env=one.mta.environment(),
                                  capture_output=True, text=True, timeout=30)
            equal(done.returncode, 0, done.stderr)
            fresh = machine(kind, server.port, sharing)  # it has nothing but what is shared
            for user in ("bob", "alice"):
                answer, seconds = took(fresh, user=user)
                check(answer.startswith("OK"), answer)
                equal(seconds > first / 3, user in gone, f"{kind}: {user} after a flush of {flushed}: {seconds} of {first}")
            fresh.stop()
        one.stop()
        server.stop()


# Who can write to the server: a sealed value of one user under the name of another opens nothing.
def test_values_that_were_moved():
    server = Memcached(room().scratch / "moved").start()
    secret = room().scratch / "secret-moved"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    made = machine("memcache", server.port, f"login_shared_secret_file = {secret}\n")
    (made.mta.conf / "users").write_text((made.mta.conf / "users").read_text().replace("alice:{PLAIN}secret", "alice:{PLAIN}other"))
    check(login(made).startswith("OK"), "bob")
    check(login(made, "alice", "other").startswith("OK"), "alice")
    with socket.create_connection(("127.0.0.1", server.port)) as cache:
        file = cache.makefile("rb")
        cache.sendall(b"lru_crawler metadump all\r\n")
        keys = []
        while not (line := file.readline()).startswith((b"END", b"ERROR", b"BUSY")):
            keys.append(re.search(rb"key=(\S+)", line)[1].replace(b"%3A", b":"))
        keys = [key for key in keys if key.startswith(b"relais:password:")]
        equal(len(keys), 2, keys)
        values = []
        for key in keys:
            cache.sendall(b"get " + key + b"\r\n")
            size = int(file.readline().split()[3])
            values.append(file.read(size + 2)[:-2])
            file.readline()
        check(not any(b"secret" in value or b"bob" in value for value in values), "nothing of it can be read")
        for key, value in zip(keys, reversed(values)):
            cache.sendall(b"set %s 0 600 %d\r\n%s\r\n" % (key, len(value), value))
            equal(file.readline(), b"STORED\r\n", "moved")
    fresh = machine("memcache", server.port, f"login_shared_secret_file = {secret}\n")
    (fresh.mta.conf / "users").write_text((fresh.mta.conf / "users").read_text().replace("alice:{PLAIN}secret", "alice:{PLAIN}other"))
    check("AUTHENTICATIONFAILED" in login(fresh, "alice", PASSWORD), "bob's password for alice")
    check(login(fresh, "alice", "other").startswith("OK"), "her own")
    fresh.stop()
    made.stop()
    server.stop()
