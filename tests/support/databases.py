"""Real servers for the tests of tables: MariaDB, PostgreSQL, OpenLDAP and memcached, each started on
loopback in a directory of its own, and gone with the test.  Those that are not installed come from
Debian's packages, unpacked beside the oracle; where neither can be had the tests are skipped."""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from support import Skip, check, oracle
from support.room import room


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# Before the room is there, where nothing can be downloaded.
if not all(shutil.which(name, path="/usr/sbin:/usr/bin:" + ":".join(glob.glob("/usr/lib/postgresql/*/bin")))
           for name in ("mariadbd", "postgres", "slapd", "memcached")):
    with contextlib.suppress(Skip):
        oracle.tree("servers")


def roots(which="servers"):
    yield ""
    yield str(oracle.tree(which))


class Program:
    """An installed program, or one from the unpacked packages; `root` is what stands before its /usr."""

    def __init__(self, *names, which="servers"):
        for self.root in roots(which):
            places = sorted(glob.glob(f"{self.root}/usr/lib/postgresql/*/bin"))
            places += [self.root + each for each in ("/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")]
            for name in names:
                self.path = shutil.which(name, path=":".join(places))
                if self.path:
                    return
        raise Skip(f"{names[0]} is neither installed nor in Debian's packages")

    def move(self, root):
        self.root, self.path = str(root), str(root) + self.path.removeprefix(self.root)

    @property
    def environment(self):
        libraries = {"LD_LIBRARY_PATH": oracle.library_path(pathlib.Path(self.root))} if self.root else {}
        return {**os.environ, **libraries}

    def run(self, *arguments, text="", **how):
        return self.run_beside(self.path, *arguments, text=text, **how)

    def run_beside(self, name, *arguments, text="", **how):
        """Runs the program of that name in this one's folder."""
        path = pathlib.Path(self.path).parent / name
        return subprocess.run([path, *map(str, arguments)], input=text.encode(), capture_output=True, timeout=50,
                              env=self.environment, **how)


def reachable(path):
    return all(each.stat().st_mode & 0o1 for each in pathlib.Path(path).parents)


class Server:
    """A process, what it listens on, and ways to hurt it."""
    user = None  # who runs it, where root may not
    packages = "servers"
    more = ()    # arguments

    def __init__(self, folder, *names):
        self.program = Program(*names, which=self.packages)
        self.folder, self.port, self.process = pathlib.Path(folder), free_port(), None
        self.folder.mkdir()
        if os.geteuid() == 0 and self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)
        self.prepare()
        room().defer(self.stop)

    def prepare(self):
        """Makes what the server needs before its first start."""

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([self.program.path, *map(str, self.arguments())], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL, cwd=self.folder, env=self.program.environment,
                                        **self.identity())
        end = time.monotonic() + 40
        while not self.answers():
            check(self.process.poll() is None and time.monotonic() < end,
                  lambda: f"{self.program.path} does not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def identity(self):
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if os.geteuid() == 0 and self.user else {}

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def load(self, text):
        done = self.shell(text)
        check(done.returncode == 0, done.stderr.decode())


class MariaDb(Server):
    """Without its tables of accounts: any user and password will do."""

    def __init__(self, folder, tls=None):
        if tls:
            self.more = (f"--ssl-ca={tls}/ca.pem", f"--ssl-cert={tls}/mx.pem", f"--ssl-key={tls}/mx.key")
        super().__init__(folder, "mariadbd", "mysqld")

    def prepare(self):
        (self.folder / "data").mkdir()

    def arguments(self):
        base = [f"--basedir={self.program.root}/usr"] if self.program.root else []
        return ["--no-defaults", *base, f"--datadir={self.folder}/data", "--skip-grant-tables", "--user=root",
                f"--socket={self.folder}/socket", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--pid-file={self.folder}/pid", "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M",
                "--innodb-flush-log-at-trx-commit=1", *self.more]

    def shell(self, text):
        return Program("mariadb", "mysql").run("--no-defaults", f"--socket={self.folder}/socket", text=text)

    def answers(self):
        return self.shell("SELECT 1;").returncode == 0

    def create(self, text):
        self.load(f"CREATE DATABASE mail; USE mail;\n{text}")
        return self


class Postgres(Server):
    user = "nobody"

    def __init__(self, folder, tls=None):
        self.tls = tls
        super().__init__(folder, "postgres")

    def prepare(self):
        if self.program.root and os.geteuid() == 0 and not reachable(self.program.path):
            self.bring_within_reach()
        done = self.program.run_beside("initdb", "-D", self.folder / "data", "-U", "postfix", "--auth=trust", "-N",
                                       "-E", "UTF8", "--locale=C", cwd=self.folder, **self.identity())
        check(done.returncode == 0, done.stderr.decode())
        if self.tls:
            self.take_certificate()

    def take_certificate(self):
        """The key must belong to who runs the server."""
        for name in ("mx.pem", "mx.key"):
            path = pathlib.Path(shutil.copy(self.tls / name, self.folder / name))
            path.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(path, pwd.getpwnam(self.user).pw_uid, -1)
        self.more = ("-c", "ssl=on", "-c", f"ssl_cert_file={self.folder}/mx.pem", "-c", f"ssl_key_file={self.folder}/mx.key")

    def bring_within_reach(self):
        """The build directory may be where only root gets."""
        copy = self.folder / "programs"
        for part in ("lib", "share/postgresql"):
            shutil.copytree(f"{self.program.root}/usr/{part}", copy / "usr" / part, symlinks=True,
                            ignore=shutil.ignore_patterns("bitcode", "llvmjit*", "ldap", "locale"))
        self.program.move(copy)

    def arguments(self):
        return ["-D", f"{self.folder}/data", "-p", self.port, "-k", self.folder, "-F", "-c", "listen_addresses=127.0.0.1",
                "-c", "shared_buffers=1MB", "-c", "max_connections=40", *self.more]

    def shell(self, text, database="mail"):
        return self.program.run_beside("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", self.port,
                                       "-U", "postfix", "-d", database, text=text)

    def answers(self):
        return self.shell("SELECT 1;", "postgres").returncode == 0

    def create(self, text):
        done = self.shell("CREATE DATABASE mail;", "postgres")
        check(done.returncode == 0, done.stderr.decode())
        self.load(text)
        return self


class Slapd(Server):
    """`tls` is a directory of certificates (support.certificates)."""
    schemas = ("core", "cosine", "inetorgperson", "misc")

    def __init__(self, folder, suffix="dc=example,dc=test", tls=None):
        self.suffix, self.tls, self.tls_port = suffix, tls, free_port()
        super().__init__(folder, "slapd")

    def prepare(self):
        (self.folder / "db").mkdir()
        root, tls = self.program.root, self.tls
        lines = [f"include {root}/etc/ldap/schema/{name}.schema" for name in self.schemas]
        lines += [f"pidfile {self.folder}/pid", f"modulepath {root}/usr/lib/ldap", "moduleload back_mdb", "allow bind_v2"]
        if tls:
            lines += [f"TLSCACertificateFile {tls}/ca.pem", f"TLSCertificateFile {tls}/mx.pem", f"TLSCertificateKeyFile {tls}/mx.key"]
        lines += ["database mdb", f'suffix "{self.suffix}"', f'rootdn "cn=admin,{self.suffix}"', "rootpw secret",
                  f"directory {self.folder}/db", "maxsize 16777216"]
        (self.folder / "slapd.conf").write_text("\n".join(lines) + "\n")

    def arguments(self):
        urls = [f"ldap://127.0.0.1:{self.port}", self.local] + ([f"ldaps://127.0.0.1:{self.tls_port}"] if self.tls else [])
        return ["-f", f"{self.folder}/slapd.conf", "-h", " ".join(urls), "-d", "0"]

    @property
    def local(self):
        return f"ldapi://{str(self.folder / 'socket').replace('/', '%2F')}"

    def shell(self, text):
        return Program("ldapadd").run("-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", f"cn=admin,{self.suffix}",
                                      "-w", "secret", text=text)

    def create(self, text):
        self.load(text)
        return self


class Memcached(Server):
    def __init__(self, folder):
        super().__init__(folder, "memcached")

    def arguments(self):
        return ["-l", "127.0.0.1", "-p", self.port, "-U", "0", "-m", "8", *(["-u", "nobody"] if os.geteuid() == 0 else [])]


class Redis(Server):
    packages = "redis"

    def __init__(self, folder):
        super().__init__(folder, "redis-server")

    def arguments(self):
        return ["--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no"]
