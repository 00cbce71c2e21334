"""Real database servers for the tests of tables: MariaDB, PostgreSQL and OpenLDAP from the system's
packages, each started on loopback in a directory of its own, and gone with the test.  Where a server
is not installed its tests are skipped."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from support import Skip, check


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def program(*names):
    """The first of the programs that is here; the system's directories are searched too."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:" + ":".join(sorted(glob.glob("/usr/lib/postgresql/*/bin")))
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return found
    raise Skip(f"{names[0]} is not installed")


class Server:
    """A process, what it listens on, and ways to hurt it."""
    user = None

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        self.process = None
        if os.geteuid() == 0 and self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)

    def start(self):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.argv(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        cwd=self.folder, **self.identity())
        end = time.monotonic() + 40
        while not self.answers():
            check(self.process.poll() is None and time.monotonic() < end,
                  lambda: f"{self.argv()[0]} does not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def identity(self):
        return {"user": self.user, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 and self.user else {}

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def client(self, argv, text):
        done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=30)
        return done.returncode == 0, done.stderr.decode()

    def load(self, text):
        ok, errors = self.client(self.shell(), text)
        check(ok, errors)


class MariaDb(Server):
    """Without its tables of accounts: any user and password will do."""

    def argv(self):
        (self.folder / "data").mkdir(exist_ok=True)
        return [program("mariadbd", "mysqld"), "--no-defaults", f"--datadir={self.folder}/data", "--skip-grant-tables",
                f"--socket={self.folder}/socket", f"--port={self.port}", "--bind-address=127.0.0.1", "--user=root",
                "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0",
                f"--pid-file={self.folder}/pid"]

    def shell(self):
        return [program("mariadb", "mysql"), "--no-defaults", f"--socket={self.folder}/socket"]

    def answers(self):
        return self.client(self.shell(), "SELECT 1;")[0]

    def create(self, text):
        self.load(f"CREATE DATABASE mail; USE mail;\n{text}")


class Postgres(Server):
    user = "nobody"

    def argv(self):
        if not (self.folder / "data").exists():
            done = subprocess.run([program("initdb"), "-D", self.folder / "data", "-U", "postfix", "--auth=trust", "-N",
                                   "-E", "UTF8", "--locale=C"], capture_output=True, cwd=self.folder, timeout=50,
                                  **self.identity())
            check(done.returncode == 0, done.stderr.decode())
        return [program("postgres"), "-D", f"{self.folder}/data", "-p", str(self.port), "-k", str(self.folder), "-F",
                "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=1MB", "-c", "max_connections=40"]

    def shell(self, database="mail"):
        return [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
                "-U", "postfix", "-d", database]

    def answers(self):
        return self.client(self.shell("postgres"), "SELECT 1;")[0]

    def create(self, text):
        ok, errors = self.client(self.shell("postgres"), "CREATE DATABASE mail;")
        check(ok, errors)
        self.load(text)


class Slapd(Server):
    suffix = "dc=example,dc=test"

    def argv(self):
        database = self.folder / "db"
        if not database.exists():
            database.mkdir()
            (self.folder / "slapd.conf").write_text(self.configuration(database))
        return [program("slapd"), "-f", f"{self.folder}/slapd.conf", "-h", f"ldap://127.0.0.1:{self.port}", "-d", "0"]

    def configuration(self, database):
        schema = "".join(f"include /etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "misc"))
        modules = "/usr/lib/ldap"
        return (f"{schema}pidfile {self.folder}/pid\nmodulepath {modules}\nmoduleload back_mdb\nallow bind_v2\n"
                f"database mdb\nsuffix \"{self.suffix}\"\nrootdn \"cn=admin,{self.suffix}\"\nrootpw secret\n"
                f"directory {database}\nmaxsize 16777216\n")

    def shell(self):
        return [program("ldapadd"), "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", f"cn=admin,{self.suffix}",
                "-w", "secret"]

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0
