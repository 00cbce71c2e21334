"""postscreen services for master.cf, and what the tests of postscreen ask of them."""
import concurrent.futures
import re
import shutil
import socket
import time

from support.room import room
from support.smtp_client import SmtpClient

# Beside every postscreen: who gets the good clients, who asks DNS lists, who does TLS.
HELPERS = ("smtpd pass - - n - - smtpd\n"
           "dnsblog unix - - n - 0 dnsblog\n"
           "tlsproxy unix - - n - 0 tlsproxy\n")


def service(port, **settings):
    """A postscreen at this port, with its own cache."""
    settings = {"postscreen_cache_map": f"btree:@ROOT@/data/ps{port}", "postscreen_greet_wait": "1s",
                "postscreen_access_list": "", **settings}
    options = "".join(f"    -o {{ {name} = {value} }}\n" for name, value in settings.items())
    return f"@ADDRESS@:{port} inet n - n - 1 postscreen\n{options}"


def talk(mta, port, client, *lines):
    with mta.smtp(port=port, client=client) as session:
        session.talk(*lines)


def talk_all(mta, port, sessions):
    """{client: what it does with its session, or lines that it says}: all at the same time."""
    def one(item):
        client, act = item
        record = []
        with SmtpClient(mta.address, port, room().address(client), record=record) as session:
            act(session) if callable(act) else session.talk(*act)
        return record
    with concurrent.futures.ThreadPoolExecutor(len(sessions)) as pool:
        mta.transcripts += pool.map(one, sessions.items())


def in_parallel(act, clients):
    """[(client, what act(client) gave)]"""
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        return list(zip(clients, pool.map(act, clients)))


def connect(mta, port, client, timeout=10):
    """A bare connection, for clients without manners."""
    return socket.create_connection((mta.address, port), timeout=timeout,
                                    source_address=(room().address(client), 0))


def read_all(connection, seconds=3):
    """What comes until the end, or until nothing comes any more."""
    connection.settimeout(seconds)
    got = b""
    try:
        while more := connection.recv(65536):
            got += more
    except OSError:
        pass
    return got


def list_address(client, zone, *answers, ttl=120):
    """Puts a client of the room on a DNS list."""
    name = ".".join(reversed(room().address(client).split("."))) + "." + zone
    for answer in answers:
        room().dns.add(name, "A", answer, ttl=ttl)


def cache(mta, port, kind="btree"):
    """{client: results} out of the cache; of times there is what is left of them, in minutes."""
    suffix = {"btree": ".db", "lmdb": ".lmdb"}[kind]
    copy = mta.root / f"copy{port}{suffix}"
    shutil.copy(mta.data / f"ps{port}{suffix}", copy)
    out = mta.must_run("postmap", "-s", f"{kind}:{mta.root}/copy{port}", record=False).stdout
    entries = dict(line.split("\t", 1) for line in out.splitlines())
    now = time.time()

    def left(match):
        number = int(match[0])
        return str(number) if number < 2 else f"{round((number - now) / 60)}min"
    return {key: re.sub(r"\d+", left, value) for key, value in sorted(entries.items())}


def note_cache(mta, port, *clients, kind="btree"):
    entries = cache(mta, port, kind)
    mta.note(f"cache of {port}", "\n".join(f"{client} {entries.get(room().address(client))}" for client in clients))
