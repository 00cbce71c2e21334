"""verify's and postscreen's tables in memcached, which several machines may share: alone, behind proxymap, with a table behind it
that lasts, and while memcached is away."""
import itertools
import re
import socket
import time

from oracle.test_verify import Verify
from support.compare import scenario
from support.databases import Memcached
from support.postscreen import HELPERS, service, talk
from support.room import room

ROUTES = ("transport_maps = inline:{{later.test=retry:4.0.9 later} {gone.test=error:5.1.9 gone} {void.test=discard:}}\n")
MAP = "memcache:@ROOT@/etc/cache.cf"
DAYS = 86400


_count = itertools.count()


def server_for(mta, **settings):
    """A memcached of this side's own, and the table that leads there."""
    server = Memcached(room().scratch / f"memcached-{next(_count)}").start()
    lines = {"memcache": f"inet:127.0.0.1:{server.port}", "max_try": "1", "retry_pause": "1", "timeout": "1", "line_size_limit": "1024", **settings}
    (mta.conf / "cache.cf").write_text("".join(f"{name} = {value}\n" for name, value in lines.items()))
    return server


def say(server, text):
    with socket.create_connection(("127.0.0.1", server.port), 5) as s:
        s.sendall(text.encode() + b"\r\n")
        got = b""
        while not got.endswith((b"END\r\n", b"STORED\r\n", b"OK\r\n")):
            got += s.recv(65536)
    return got.decode(errors="replace")


def value(server, key):
    """What is stored, with its times as what is left of them or how old they are, in days."""
    text = say(server, f"get {key}")
    return re.sub(r"(?<!\d)\d{10}(?!\d)", lambda m: f"{round((int(m[0]) - time.time()) / DAYS)}d", text)


def use_verify(mta):
    verify = Verify(mta)
    for address in ("u1@virt.test", "nosuch@virt.test", "x@later.test", "x@gone.test"):
        mta.note(f"first {address}", verify.query(address))
    for address in ("u1@virt.test", "nosuch@virt.test", "x@later.test", "x@gone.test"):
        mta.note(f"then {address}", verify.answered(address))
    mta.note("an update", verify.update("other@virt.test", 0, "from elsewhere"))
    mta.note("which counts", verify.query("other@virt.test"))
    mta.settle()
    return verify


@scenario(main=f"address_verify_map = {MAP}\n" + ROUTES)
def verify_alone(mta):
    server = server_for(mta)
    verify = use_verify(mta)
    for key in ("u1@virt.test", "nosuch@virt.test", "other@virt.test", "nobody@virt.test"):
        mta.note(f"stored {key}", value(server, key))
    # Another machine has found something out.
    say(server, f"set shared@virt.test 0 0 {len(entry := f'0:0:{int(time.time())}:known elsewhere')}\r\n{entry}")
    mta.note("known elsewhere", verify.query("shared@virt.test"))
    say(server, "flush_all")
    mta.note("forgotten", verify.query("shared@virt.test"))
    verify.answered("shared@virt.test")
    mta.settle()
    server.stop()


@scenario(main="address_verify_map = proxy:memcache:@ROOT@/etc/cache.cf\nproxy_write_maps = $address_verify_map\n" + ROUTES)
def verify_behind_proxymap(mta):
    server = server_for(mta, key_format="verify:%s")
    use_verify(mta)
    mta.note("stored", value(server, "verify:nosuch@virt.test"))
    server.stop()


@scenario(main=f"address_verify_map = {MAP}\nproxy_write_maps = proxy:btree:@ROOT@/data/verify_backup\n" + ROUTES)
def verify_with_a_table_behind_it(mta):
    server = server_for(mta, backup=f"proxy:btree:{mta.data}/verify_backup")
    verify = use_verify(mta)
    say(server, "flush_all")
    mta.note("out of the table", verify.query("other@virt.test"))
    mta.settle()
    mta.note("in the cache again", value(server, "other@virt.test"))
    server.stop()


# What is not known is probed, and what is found out is not kept.
@scenario(main=f"address_verify_map = {MAP}\n" + ROUTES, ignore="memcache|connect to")
def verify_without_memcached(mta):
    server = server_for(mta)
    server.stop()
    verify = Verify(mta)
    mta.note("first", verify.query("nosuch@virt.test"))
    mta.settle()
    mta.note("then", verify.query("nosuch@virt.test"))


@scenario(master=HELPERS + service(2641, postscreen_cache_map=MAP) + service(2642, postscreen_cache_map=MAP))
def postscreen_together(mta):
    """Two postscreens, as on two machines: who has passed at one is known to the other."""
    server = server_for(mta)
    talk(mta, 2641, 171, "EHLO x", "QUIT")
    mta.wait_log("PASS NEW")
    mta.settle()
    mta.note("stored", value(server, mta.room.address(171)))
    talk(mta, 2642, 171, "EHLO x", "QUIT")
    mta.wait_log("PASS OLD")
    mta.settle()
    say(server, "flush_all")
    talk(mta, 2642, 171, "EHLO x", "QUIT")
    mta.wait_log("PASS NEW", 2)
    server.stop()
