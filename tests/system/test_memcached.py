"""memcache: tables in a real memcached, as Postfix's postmap asks them; what is odd in the protocol is in
oracle/test_tables.py."""
import socket

from support import check, equal
from support.databases import Memcached
from support.room import room
from support.table_place import Place

TABLES = {
    "plain": "",
    "parts": "key_format = %d/%u",
    "listed": "domain = virt.test",
    "backup": "backup = inline:{kept@virt.test=backup, info@virt.test=other}\nkey_format = b:%s\nttl = 100",
}
VALUES = {"info@virt.test": "u1@virt.test", "virt.test/info": "by parts", "info": "plain", "empty@virt.test": "", "gr\u00fcn@virt.test": "utf8",
          "big@virt.test": "v" * 10000}
KEYS = (*VALUES, "INFO@Virt.Test", "none@virt.test", "info@other.test", "a b@virt.test", "x" * 240 + "@virt.test", "@virt.test", "info@",
        "delete info@virt.test", "kept@virt.test")


class Cache:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def say(self, text):
        self.socket.sendall(text.encode())
        return self.file.readline().decode().strip()

    def set(self, key, value):
        equal(self.say(f"set {key} 0 0 {len(value.encode())}\r\n{value}\r\n"), "STORED", key)


def test_like_postfix():
    server = Memcached(room().scratch / "memcached").start()
    cache = Cache(server.port)
    for key, value in VALUES.items():
        cache.set(key, value)
    p = Place("memcache", f"memcache = inet:127.0.0.1:{server.port}\nmax_try = 1", TABLES)
    equal(p.found("plain", "info@virt.test", "none@virt.test", "gr\u00fcn@virt.test"), ["u1@virt.test", "utf8"], "plain")
    equal(p.found("parts", "info@virt.test", "info"), ["by parts"], "key_format")
    equal(p.found("listed", "info@virt.test", "info"), ["u1@virt.test"], "domain")
    equal(p.found("backup", "kept@virt.test", "none@virt.test"), ["backup"], "backup")
    check(cache.say("get b:kept@virt.test\r\n").startswith("VALUE b:kept@virt.test 0 6"), "the cache has the backup's answer")
    p.tables_like_postfix(KEYS)
    server.stop()
    p.tables_like_postfix(KEYS[:1])
