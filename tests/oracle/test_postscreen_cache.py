"""The cache of postscreen: what is dropped from it and when, its table types, and what a reload does."""
import shutil
import time

from support import check, oracle
from support.compare import scenario
from support.postscreen import HELPERS, cache, connect, note_cache, read_all, service, talk, talk_all

MASTER = HELPERS + service(
    2631, postscreen_pipelining_enable="yes", postscreen_cache_retention_time="100s") + service(
    2632, postscreen_cache_map="lmdb:@ROOT@/data/ps2632") + service(
    2633, postscreen_cache_map="proxy:btree:@ROOT@/data/ps2633") + service(2634)
SETUP = {"master": MASTER, "main": f"proxy_write_maps = proxy:btree:@ROOT@/data/ps2633\nmeta_directory = {oracle.CACHE}/list\n"}


def fill(mta, port, entries):
    text = "".join(f"{key} {value}\n" for key, value in entries.items())
    mta.table(f"entries{port}", text, kind="btree")
    shutil.copy(mta.conf / f"entries{port}.db", mta.data / f"ps{port}.db")
    shutil.chown(mta.data / f"ps{port}.db", mta.owner)


@scenario(**SETUP)
def entries_of_all_kinds(mta):
    """What is in the table when postscreen starts; it cleans up at once, since nobody says when that was done last."""
    now = int(time.time())
    soon, gone, long_gone = now + 100000, now - 50, now - 5000
    entries = {
        "131": f"{soon};1;{soon};1;1", "132": f"{soon};1;{gone};1;1", "133": f"{soon};1;{long_gone};1;1", "134": f"{soon};1;0;0;0",
        "135": f"{soon}", "136": f"{soon};{soon};{soon}", "137": "garbage", "138": f"{long_gone};1;{soon};1;1",
        "139": f"{soon};x;{soon};1;1", "140": f"{soon};1;{soon};1;1;99", "141": f"{gone};0;{soon};1;1", "142": "0;0;0;0;0",
        "143": f"{soon};1;{soon}junk;1;1", "144": f" {soon};1;{soon};1;1", "145": f"-5;1;{soon};1;1"}
    fill(mta, 2631, {mta.room.address(int(key)): value for key, value in entries.items()})
    talk(mta, 2631, 130, "QUIT")
    mta.wait_log("full cleanup")
    note_cache(mta, 2631, *map(int, entries))
    talk_all(mta, 2631, {int(key): ["EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<x@example.test>", "QUIT"] for key in entries})
    time.sleep(0.3)
    note_cache(mta, 2631, *map(int, entries))


@scenario(**SETUP)
def other_table_types(mta):
    for port in (2632, 2633):
        for _ in range(2):
            talk(mta, port, 153, "EHLO x", "QUIT")
    mta.wait_log("PASS OLD", 2)
    mta.settle()
    note_cache(mta, 2632, 153, kind="lmdb")
    note_cache(mta, 2633, 153)


@scenario(**SETUP, ignore=r"terminating|reload|lost connection|HANGUP")
def a_reload_while_clients_wait(mta):
    """They are served to their end, by a process that lets the next one have the cache."""
    talk(mta, 2634, 161, "QUIT")
    with connect(mta, 2634, 162) as waiting:
        time.sleep(0.2)
        mta.reload()
        time.sleep(0.3)
        talk(mta, 2634, 161, "EHLO x", "QUIT")
        time.sleep(1.5)
        waiting.sendall(b"QUIT\r\n")
        mta.note("hears", read_all(waiting, 2))
    check(len(mta.wait_log(r"PASS OLD").group()) > 0, "the new process has the cache")
