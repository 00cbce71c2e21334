"""proxymap and proxywrite: many clients at once, beside a database that is stuck, and the lists of what may
be asked and changed there."""
import concurrent.futures
import os
import socket
import sqlite3
import time

from support import bound, check, equal, need_suite
from support.databases import MariaDb
from support.instance import Instance
from support.room import ACCOUNTS, room
from support.table_place import dynamic_maps, need_plugin, plugins

OK, NO_KEY, RETRY, BAD, DENIED = range(5)
FOLD_KEYS = 1 << 14
TABLES = """
CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto VARCHAR(255));
INSERT INTO alias VALUES ('info@virt.test', 'u1@virt.test');
"""
QUERY = "query = SELECT goto FROM alias WHERE address='%s'\n"
_cache = {}


class Client:
    """One connection, as the daemons make them."""

    def __init__(self, m, service="proxymap"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(40)
        self.socket.connect(str(m.queue / "private" / service))
        self.file = self.socket.makefile("rb")
        equal(self.read(), {"protocol": "proxymap_protocol"}, "the greeting")

    def read(self):
        found = {}
        while name := self.word():
            found[name] = self.word()
        return found

    def word(self):
        text = b""
        while (c := self.file.read(1)) != b"\0":
            check(c, "the service closes the connection")
            text += c
        return text.decode()

    def ask(self, request, table, **more):
        pairs = {"request": request, "table": table, "flags": FOLD_KEYS, **more}
        self.socket.sendall(b"".join(f"{name}\0{value}\0".encode() for name, value in pairs.items()) + b"\0")
        answer = self.read()
        return int(answer.pop("status")), *answer.values()

    def look_up(self, table, key):
        return self.ask("lookup", table, key=key)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def database_with_journal():
    """Of SQLite, whose every reader makes files beside it."""
    folder = room().scratch / "journal"
    folder.mkdir(mode=0o700)
    database = sqlite3.connect(folder / "mail.db")
    database.executescript("PRAGMA journal_mode = WAL;" + TABLES)
    database.close()
    for path in (folder, folder / "mail.db"):
        os.chown(path, *((ACCOUNTS["postfix"],) * 2 if room().private else (-1, -1)))
    equal([path.name for path in folder.iterdir()], ["mail.db"], "while nobody reads it")
    return folder / "mail.db"


def mail_system():
    """With a table in MariaDB and one in SQLite, both behind proxymap."""
    if "m" not in _cache:
        need_suite()
        need_plugin("mysql")
        need_plugin("sqlite")
        server = MariaDb(room().scratch / "mysql-server").start().create(TABLES)
        path = room().scratch / "mail.db"
        with sqlite3.connect(path) as database:
            database.executescript(TABLES)
        files = {"db.cf": f"hosts = 127.0.0.1:{server.port}\nuser = x\ndbname = mail\nretry_interval = 1\n{QUERY}",
                 "file.cf": f"dbpath = {path}\n{QUERY}", "journal.cf": f"dbpath = {database_with_journal()}\n{QUERY}", "text": "a 1\n", "cache": ""}
        m = Instance("ours", main=f"shlib_directory = {plugins()}\nallowed = proxy:inline:{{{{a=inner}}}}, proxy:texthash:@CONF@/text\n"
                     "proxy_read_maps = proxy:mysql:@CONF@/db.cf, proxy:sqlite:@CONF@/file.cf proxy:sqlite:@CONF@/journal.cf static:unmarked $allowed\n"
                     "proxy_write_maps = proxy:lmdb:@ROOT@/data/cache $lmdb_other\n", files=files)
        (m.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
        _cache["m"], _cache["server"] = m.start(), server
    return _cache["m"], _cache["server"]


def test_lists_of_what_may_be_asked():
    m, _ = mail_system()
    text = f"texthash:{m.conf}/text"
    with Client(m) as c:
        equal(c.look_up(text, "a"), (OK, "1"), "listed through another parameter")
        equal(c.look_up(text, "b"), (NO_KEY, ""), "no such key")
        equal(c.look_up("static:unmarked", "a"), (DENIED, ""), "in the list without proxy:")
        equal(c.look_up(f"texthash:{m.conf}/aliases", "a"), (DENIED, ""), "not in the list")
        equal(c.look_up(f"proxy:{text}", "a"), (DENIED, ""), "the prefix is not part of the name")
        equal(c.ask("open", text)[0], OK, "open")
        equal(c.ask("open", "static:x"), (DENIED, "0"), "open what is not in the list")
        equal(c.ask("update", text, key="a", value="2"), (DENIED,), "a change through the reader")
        equal(c.ask("delete", text, key="a"), (DENIED,), "a removal through the reader")
        equal(c.ask("sequence", text, function=0), (OK, "a", "1"), "the first entry")
        equal(c.ask("lookup", text)[0], BAD, "without a key")
        equal(c.ask("frob", text)[0], BAD, "no such request")
    cache = f"lmdb:{m.root}/data/cache"
    with Client(m, "proxywrite") as c:
        equal(c.ask("update", cache, key="k", value="v"), (OK,), "update")
        equal(c.look_up(cache, "k"), (OK, "v"), "what was put there")
        equal(c.ask("delete", cache, key="k"), (OK,), "delete")
        equal(c.ask("delete", cache, key="k"), (NO_KEY,), "delete again")
        equal(c.ask("update", f"lmdb:{m.root}/data/else", key="k", value="v"), (DENIED,), "not in the list")
        equal(c.look_up(text, "a"), (DENIED, ""), "the readers' list is not the writers'")
    for warning in (f'request for unapproved table: "texthash:{m.conf}/aliases"', "list proxy:static:unmarked in main.cf:proxy_read_maps",
                    f"list proxy:lmdb:{m.root}/data/else in main.cf:proxy_write_maps", "refusing update request on proxymap service",
                    'unrecognized request: "frob", ignored'):
        end = time.monotonic() + 10
        while warning not in m.maillog.read_text():
            check(time.monotonic() < end, f"not in the log: {warning}")
            time.sleep(0.05)


def test_a_table_whose_readers_make_files():
    m, _ = mail_system()
    with Client(m) as c:
        equal(c.look_up(f"sqlite:{m.conf}/journal.cf", "info@virt.test"), (OK, "u1@virt.test"), "answer")


@bound(120)
def test_many_clients_beside_a_database_that_is_stuck():
    m, server = mail_system()
    stuck, quick = f"mysql:{m.conf}/db.cf", f"sqlite:{m.conf}/file.cf"

    def once(table):
        with Client(m) as c:
            return c.look_up(table, "info@virt.test")

    equal(once(stuck), (OK, "u1@virt.test"), "before")
    server.freeze()
    try:
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            waiting = [pool.submit(once, stuck) for _ in range(20)]
            time.sleep(0.5)
            begun = time.monotonic()
            answers = [each.result() for each in [pool.submit(once, quick) for _ in range(200)]]
            taken = time.monotonic() - begun
            equal(answers, [(OK, "u1@virt.test")] * 200, "from the other database")
            check(not any(each.done() for each in waiting), "the others wait")
            server.thaw()
            equal([each.result() for each in waiting], [(OK, "u1@virt.test")] * 20, "when it is no longer stuck")
    finally:
        server.thaw()
    check(taken < 15, f"200 lookups took {taken:.1f} s")


@bound(120)
def test_a_database_that_dies():
    m, server = mail_system()
    table = f"mysql:{m.conf}/db.cf"
    with Client(m) as c, concurrent.futures.ThreadPoolExecutor(1) as pool:
        server.freeze()
        begun = time.monotonic()
        waiting = pool.submit(c.look_up, table, "info@virt.test")
        time.sleep(0.3)
        server.stop()
        equal(waiting.result(), (RETRY, ""), "in the middle of a query")
        equal(c.look_up(table, "info@virt.test"), (RETRY, ""), "without a server")
        equal(c.look_up(f"sqlite:{m.conf}/file.cf", "info@virt.test"), (OK, "u1@virt.test"), "another table")
        check(time.monotonic() - begun < 10, "the failure is slow")
        server.start()
        time.sleep(1.2)  # retry_interval
        equal(c.look_up(table, "info@virt.test"), (OK, "u1@virt.test"), "again")
        equal(c.look_up(table, "none"), (NO_KEY, ""), "and not")
    m.check_sane()
