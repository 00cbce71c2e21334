"""A queue with very many messages: listed, changed and deleted in memory and time that do not grow with it.
RELAIS_TEST_MESSAGES=100000 makes it as large as it is meant to be."""
import json
import os
import resource
import subprocess
import sys
import time

from support import ROOT, check, equal
from support.instance import Instance

sys.path.insert(0, str(ROOT / "tests/bench"))
import full_queue  # noqa: E402

MESSAGES = int(os.environ.get("RELAIS_TEST_MESSAGES", "3000"))
DATA = 40 << 20  # bytes of memory that a command may take, beside its code
PER_SECOND = 150  # what even a busy machine with a slow disk does


def run(mta, *command, stdout=subprocess.PIPE):
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (DATA, DATA))
    begun = time.monotonic()
    done = subprocess.run([mta.commands / command[0], *command[1:]], stdout=stdout, stderr=subprocess.PIPE, text=True,
                          env=mta.environment(), preexec_fn=limit, timeout=60 + MESSAGES / PER_SECOND)
    equal(done.returncode, 0, f"{command}: {done.stderr[-500:]}")
    check(time.monotonic() - begun < 10 + MESSAGES / PER_SECOND, f"{command} took {time.monotonic() - begun} s")
    return done


def test_very_many_messages():
    mta = Instance("ours", main="pickup_service_name = nobody\nqueue_run_delay = 4000s\n").start()
    full_queue.fill(mta, MESSAGES)
    listed = [json.loads(line) for line in run(mta, "postqueue", "-j").stdout.splitlines()]
    equal(len({message["queue_id"] for message in listed}), MESSAGES, "messages in JSON")
    check(all("timed out" in message["recipients"][0]["delay_reason"] for message in listed), "reasons")
    text = run(mta, "postqueue", "-p").stdout
    check(text.endswith(f"Kbytes in {MESSAGES} Requests.\n"), text[-100:])
    table = run(mta, "qshape", "-n", "1", "deferred").stdout.splitlines()
    equal(table[1].split()[:2], ["TOTAL", str(MESSAGES)], "qshape")
    equal(len(table), 2 + min(500, MESSAGES), "domains")
    for arguments, queue, said in ((["-h", "ALL"], "hold", "Placed on hold"), (["-H", "ALL"], "deferred", "Released from hold"),
                                   (["-e", "ALL"], "deferred", "Force-expired"), (["-r", "ALL"], "maildrop", "Requeued")):
        check(f"{said}: {MESSAGES} messages" in run(mta, "postsuper", *arguments).stderr, said)
        equal(len(mta.queue_files(queue)), MESSAGES, f"after postsuper {arguments}")
    check(f"Deleted: {MESSAGES} messages" in run(mta, "postsuper", "-d", "ALL").stderr, "deleted")
    equal(mta.queue_files("maildrop", "deferred", "hold", "defer", "incoming", "active"), [], "what is left")
    equal(run(mta, "postqueue", "-p").stdout, "Mail queue is empty\n", "the list")


test_very_many_messages.seconds = 120 + MESSAGES // 20


def test_names_are_put_right():
    """postsuper -s, as `postfix start` does it: every file is named after its inode."""
    mta = Instance("ours", main="pickup_service_name = nobody\n")
    count = MESSAGES // 3
    full_queue.fill(mta, count)
    check(f"Renamed to match inode number: {count} messages" in run(mta, "postsuper", "-s").stderr, "renamed")
    files = mta.queue_files("deferred")
    equal(len(files), count, "messages")
    check(all(path.name.endswith(f"{path.stat().st_ino:X}") for path in files), "names")
    equal({path.name for path in mta.queue_files("defer")}, {path.name for path in files}, "logs go with their messages")
    equal(run(mta, "postsuper", "-s").stderr, "", "a second time")


test_names_are_put_right.seconds = 120 + MESSAGES // 20
