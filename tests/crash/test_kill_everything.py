"""SIGKILL to any process, the log's and master's among them, and to all at once, under load with all that there is: milter, policy service,
LMTP, a far server, APPEND and MOVE.  Nothing that was acknowledged is lost, nothing is stuck, and what comes twice was being delivered.
RELAIS_TEST_KILLS=1000 (make kill-test KILLS=1000) kills more."""
import os
import pathlib
import random
import signal
import time

from support import bound, check, count_cases, need_suite
from support.families import kill
from support.load import Load
from support.mail_user import MailUser
from support.whole_server import OWNERS, RECIPIENTS, Owner, WholeServer

KILLS = int(os.environ.get("RELAIS_TEST_KILLS", "40"))
CHANCE = random.Random(int(os.environ.get("RELAIS_TEST_SEED", "1")))
ALL_AT_ONCE, MASTER = 20, 10  # every so many kills


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def kill_one(server, number, killed):
    """A process of another daemon each time, wherever it runs."""
    pids = server.family()
    if number % ALL_AT_ONCE == ALL_AT_ONCE - 1:
        kill(pids)
        killed["all at once"] = killed.get("all at once", 0) + 1
        return server.restart()
    if number % MASTER == MASTER - 1:
        os.kill(pids[0], signal.SIGKILL)
        killed["master"] = killed.get("master", 0) + 1
        return server.restart()
    named = {}
    for pid in pids[1:]:
        named.setdefault(name_of(pid), []).append(pid)
    named.pop("", None)
    if named:
        name = CHANCE.choice(sorted(named))
        kill([CHANCE.choice(named[name])])
        killed[name] = killed.get(name, 0) + 1


@bound(120 + 3 * KILLS)
def test_nothing_is_lost():
    need_suite()
    server = WholeServer()
    load = Load(server.mta, RECIPIENTS)
    owners = [Owner(MailUser(server, random.Random(n), f"{name}@virt.test")) for n, name in enumerate(OWNERS)]
    killed = {}
    try:
        time.sleep(1)
        for number in range(KILLS):
            kill_one(server, number, killed)
            time.sleep(CHANCE.uniform(0.05, 0.25))
    finally:
        load.stop()
    for owner in owners:
        owner.end()
    server.settle(90)
    there = server.arrived()
    lost = [marker for marker in load.acknowledged if there[marker] < load.copies(marker)]
    twice = [marker for marker in load.acknowledged if there[marker] > load.copies(marker)]
    check(not lost, lambda: f"{len(lost)} of {len(load.acknowledged)} acknowledged messages are lost: {lost}")
    for owner in owners:
        owner.user.verify()
    told = f"{sum(killed.values())} kills {killed}: {len(load.acknowledged)} acknowledged, {load.refused} refused, {len(twice)} came twice; " \
        f"{sum(owner.done for owner in owners)} IMAP changes, {sum(len(owner.user.stored) for owner in owners)} messages stored"
    print(told)
    if report := os.environ.get("RELAIS_TEST_REPORT"):
        pathlib.Path(report).write_text(told + "\n")
    # Of each kill's victim so many deliveries were under way, at the most.
    check(len(twice) <= 4 * KILLS and len(twice) <= len(load.acknowledged) / 5, f"too many: {told}")
    check(sum(killed.values()) >= KILLS * 0.8 and len(load.acknowledged) >= KILLS, f"too little happened: {told}")
    count_cases(sum(killed.values()))
    server.stop()
