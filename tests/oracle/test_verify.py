"""verify spoken to directly: probes, their outcomes, and the cache of them on disk."""
import os
import re
import shutil
import time

from support import check, equal, need_suite
from support.compare import scenario
from support.instance import Instance
from support.queuefile import Peer, attributes
from support.room import ACCOUNTS

CACHE = "address_verify_map = btree:@ROOT@/data/verify_cache\n"
ROUTES = ("transport_maps = inline:{{later.test=retry:4.0.9 later} {gone.test=error:5.1.9 gone}"
          " {void.test=discard:}}\n")
DAY = 86400
PENDING = "3"


class Verify:
    """A client of private/verify."""

    def __init__(self, mta):
        self.peer = Peer(mta.queue / "private/verify")
        self.hello = self.peer.list()

    def ask(self, *pairs):
        self.peer.send(attributes(*pairs))
        return self.peer.list()

    def query(self, address):
        return self.ask(("request", "query"), ("address", address))

    def update(self, address, status, reason="why"):
        return self.ask(("request", "update"), ("address", address), ("recipient_status", status), ("reason", reason))

    def status(self, address):
        return dict(self.query(address))["recipient_status"]

    def answered(self, address, seconds=15):
        """The answer once the probe is back."""
        end = time.monotonic() + seconds
        while (answer := self.query(address)) and dict(answer)["recipient_status"] == PENDING:
            check(time.monotonic() < end, f"no answer about {address}")
            time.sleep(0.05)
        return answer


def entries(mta, name="verify_cache"):
    """The cache, as `postmap -s` shows a copy of it; times become what they mean."""
    copy = mta.root / "copy.db"
    shutil.copyfile(mta.data / f"{name}.db", copy)
    listing = mta.must_run("postmap", "-s", f"btree:{mta.root}/copy", record=False).stdout

    def meaning(digits):
        age = time.time() - int(digits[0])
        return "0" if digits[0] == "0" else f"{round(age / DAY)}d ago"

    return re.sub(r"(?<=[:\t])(?:0(?=:)|\d{10})", meaning, listing)


def seed(mta, name="verify_cache", **ages):
    """A cache from earlier: {address: (status, days since the probe or None, days since the answer)}."""
    now, lines = int(time.time()), []
    for address, (status, probed, updated) in ages.items():
        probe = 0 if probed is None else int(now - probed * DAY)
        lines.append(f"{address}@virt.test {status}:{probe}:{int(now - updated * DAY)}:an old answer\n")
    (mta.data / name).write_text("".join(lines))
    mta.must_run("postmap", f"btree:{mta.data}/{name}", record=False)
    for path in (mta.data / name, mta.data / f"{name}.db"):
        os.chown(path, ACCOUNTS["postfix"], ACCOUNTS["postfix"])


@scenario(main=CACHE + ROUTES)
def probes_and_their_outcomes(mta):
    verify = Verify(mta)
    mta.note("hello", verify.hello)
    addresses = ["u1@virt.test", "nosuch@virt.test", "x@later.test", "x@gone.test", "x@void.test", "alice@example.test",
                 "nosuch@example.test", "a b@virt.test", "a:b@virt.test", "", "local"]
    for address in addresses:
        mta.note(f"first {address}", verify.query(address))
    mta.settle()
    for address in addresses[:-4]:
        mta.note(f"then {address}", verify.answered(address))
    mta.settle()
    for address in addresses[-4:]:
        mta.note(f"then {address}", verify.query(address))
    mta.settle()
    mta.note("delivered", len(mta.virtual("u1")) if (mta.vmail / "u1").exists() else 0)
    mta.note("cache", entries(mta))
    path = mta.data / "verify_cache.db"
    mta.note("file", (oct(path.stat().st_mode), path.stat().st_uid))


@scenario(main=CACHE, ignore="malformed num")
def updates_and_odd_requests(mta):
    verify = Verify(mta)
    for address, status, reason in [
            ("good@virt.test", 0, "fine"), ("good@virt.test", 2, "a later probe failed"), ("bad@virt.test", 2, "no"),
            ("bad@virt.test", 1, "now it waits"), ("bad@virt.test", 0, "good at last"), ("odd@virt.test", 1, "a\nb\x01\xff"),
            ("todo@virt.test", 3, "cannot be"), ("far@virt.test", 9, "cannot be"), ("minus@virt.test", 4294967295, "cannot be"),
            ("with:colon@virt.test", 0, "stored"), ("UPPER@Virt.Test", 0, "case"), ("colons@virt.test", 0, "a:b:c")]:
        mta.note(f"update {address} {status}", verify.update(address, status, reason))
    for address in ("good@virt.test", "bad@virt.test", "odd@virt.test", "with:colon@virt.test", "with_colon@virt.test",
                    "upper@virt.test", "UPPER@Virt.Test", "colons@virt.test"):
        mta.note(f"query {address}", verify.query(address))
    mta.note("other", verify.ask(("request", "purge"), ("address", "x@virt.test")))
    for broken in ([("request", "query")], [("request", "update"), ("address", "x@virt.test")],
                   [("request", "update"), ("address", "x@virt.test"), ("recipient_status", "good"), ("reason", "y")]):
        Verify(mta).peer.send(attributes(*broken))
    mta.note("still there", verify.query("good@virt.test"))
    mta.settle()
    mta.note("cache", entries(mta))


AGES = dict(fresh=(0, None, 1), due=(0, None, 8), asked=(0, 0.001, 8), late=(0, 1, 8), expired=(0, None, 40),
            expiring=(0, 0.001, 40), badfresh=(2, None, 0.01), baddue=(2, None, 1), badlate=(2, 1, 1),
            badexpired=(2, None, 4), waits=(1, None, 0.01), waitsdue=(1, None, 1), todo=(3, 1, 2))


@scenario(main=CACHE.replace("verify_cache", "old") + "address_verify_cache_cleanup_interval = 0\n")
def old_entries_are_probed_again(mta):
    seed(mta, "old", **AGES)
    verify = Verify(mta)
    for name in AGES:
        mta.note(name, verify.query(f"{name}@virt.test"))
    mta.settle()
    for name in AGES:
        mta.note(f"then {name}", verify.query(f"{name}@virt.test"))
    mta.settle()
    mta.note("cache", entries(mta, "old"))


@scenario(main=CACHE.replace("verify_cache", "tidied"))
def expired_entries_are_dropped(mta):
    seed(mta, "tidied", **AGES, broken=("x", None, 1))
    verify = Verify(mta)
    verify.query("fresh@virt.test")
    mta.wait_log("full cleanup")
    mta.note("cache", entries(mta, "tidied"))


TIMES = ("address_verify_positive_refresh_time = 1h\naddress_verify_positive_expire_time = 3h\n"
         "address_verify_negative_refresh_time = 1h\naddress_verify_negative_expire_time = 2h\n"
         "address_verify_sender_ttl = 1000d\naddress_verify_sender = ask@asker.test\n")


@scenario(main=TIMES + CACHE.replace("verify_cache", "times"))
def times_and_sender_are_parameters(mta):
    seed(mta, "times", good=(0, None, 0.06), older=(0, None, 0.2), bad=(2, None, 0.06), worse=(2, None, 0.1))
    verify = Verify(mta)
    for name in ("good", "older", "bad", "worse"):
        mta.note(name, verify.query(f"{name}@virt.test"))
    mta.settle()


@scenario(main=CACHE + ROUTES + "address_verify_sender = <>\naddress_verify_negative_cache = no\n")
def failures_are_not_kept(mta):
    verify = Verify(mta)
    for _ in range(2):
        for address in ("u1@virt.test", "x@gone.test"):
            mta.note(address, verify.query(address))
            mta.settle()
    mta.note("update", verify.update("bad@virt.test", 2, "told so"))
    mta.note("update", verify.update("x@gone.test", 1, "told so"))
    mta.note("query", verify.query("bad@virt.test"))
    mta.settle()
    mta.note("cache", entries(mta))


@scenario(main="address_verify_map =\naddress_verify_local_transport = error:5.9.1 local\n"
          "address_verify_virtual_transport = error:5.9.2 virtual\naddress_verify_sender =\n"
          "address_verify_transport_maps = inline:{{there.test=discard:}}\nrelay_domains = relay.test\n"
          "address_verify_relay_transport = error:5.9.3 relay\naddress_verify_default_transport = error:5.9.4 default\n")
def probes_take_ways_of_their_own(mta):
    verify = Verify(mta)
    for address in ("alice@example.test", "u1@virt.test", "x@relay.test", "x@other.test", "x@there.test"):
        verify.query(address)
        mta.note(address, verify.answered(address))
    mta.settle()
    mta.note("files", sorted(path.name for path in mta.data.glob("verify*")))


@scenario(main="address_verify_map = btree:@CONF@/misplaced\n")
def the_cache_never_stands_among_the_configuration(mta):
    Verify(mta).update("good@virt.test", 0)
    mta.settle()
    mta.note("in the configuration", (mta.conf / "misplaced.db").exists())
    mta.note("cache", entries(mta, "misplaced"))


def test_the_cache_goes_back_and_forth():
    """Postfix's verify and ours in turn, in one system of ours, on one cache."""
    need_suite()
    mta = Instance("ours", {"verify": "postfix"}, main=CACHE + ROUTES)
    mta.start()
    try:
        for turn, (first, second) in enumerate((("postfix", "ours"), ("ours", "postfix"))):
            good, bad = f"u{turn + 1}@virt.test", f"x{turn}@gone.test"
            use(mta, first)
            verify = Verify(mta)
            equal([verify.status(a) for a in (good, bad)], [PENDING, PENDING], f"{first} knows nothing")
            told = [verify.answered(a) for a in (good, bad)]
            equal([dict(t)["recipient_status"] for t in told], ["0", "2"], f"what {first} learned")
            verify.peer.close()
            use(mta, second)
            equal([Verify(mta).query(a) for a in (good, bad)], told, f"what {second} finds")
        mta.check_sane()
    finally:
        mta.destroy()


def use(mta, kind):
    """From the next connection on, verify is this one."""
    for pid in mta.processes("verify"):
        os.kill(pid, 15)
    mta.swap["verify"] = kind
    link = mta.daemons / "verify"
    link.unlink()
    link.symlink_to(mta._source_of("verify", False))
    end = time.monotonic() + 10
    while mta.processes("verify"):
        check(time.monotonic() < end, "verify does not end")
        time.sleep(0.02)


test_the_cache_goes_back_and_forth.seconds = 90
