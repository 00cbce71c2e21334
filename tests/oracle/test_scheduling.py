"""The queue manager's order and pace: windows, rates, overtaking, and what it says of them."""
import collections
import re
import threading
import time

from support import check
from support.compare import scenario

MAIL = "Subject: test\n\nbody\n"
RATES = ["1", "0.7", "1/3", "1/concurrency", "0.3 / concurrency", "0.25 / 2", "0", "1.5", "x", "1/0"]


def routes(names, text="", transport="{0}", host=31):
    """transport_maps that send NAME.test over the transport NAME to a sink, and smtp services of these names."""
    maps = ", ".join(f"{name}.test={transport.format(name)}:[@NET@.{host}]:2525" for name in names)
    return (f"transport_maps = inline:{{{maps}}}\nrelay_domains = {' '.join(f'{name}.test' for name in names)}\n"
            f"minimal_backoff_time = 100s\n{text}")


def services(names, limit="-"):
    return "".join(f"{name} unix - - y - {limit} smtp\n" for name in names)


def send(mta, *to):
    mta.sendmail("-f", "a@remote.test", *to, input=MAIL)


def note_log(mta, pattern):
    mta.note("log", "\n".join(line.text for line in mta.log() if re.search(pattern, line.text)))


def feedback(limit, initial):
    names = [f"fb{n}" for n in range(len(RATES))]
    text = (f"destination_concurrency_feedback_debug = yes\ninitial_destination_concurrency = {initial}\n"
            f"default_destination_concurrency_limit = {limit}\ndefault_destination_recipient_limit = 2\n"
            "default_destination_concurrency_failed_cohort_limit = 50\n")
    for name, rate in zip(names, RATES):
        text += "".join(f"{name}_destination_concurrency_{sign}_feedback = {rate}\n" for sign in ("positive", "negative"))
    return {"main": routes(names, text), "master": services(names), "names": names}


DOWN, UP = feedback(20, 10), feedback(3, 2)


@scenario(main=DOWN["main"], master=DOWN["master"], log=False)
def feedback_of_failures(mta):
    """Eight deliveries at once, none of which reaches anybody."""
    for name in DOWN["names"]:
        send(mta, *[f"x{n}@{name}.test" for n in range(16)])
        mta.settle()
    note_log(mta, "feedback|: queue ")


@scenario(main=UP["main"], master=UP["master"], log=False)
def feedback_of_successes(mta):
    """Two at a time, while there is work for more."""
    with mta.sink(31, **{".": lambda _: time.sleep(0.05) or "250 2.0.0 Ok"}) as sink:
        for name in UP["names"]:
            send(mta, *[f"x{n}@{name}.test" for n in range(12)])
            mta.settle()
        # Who comes first is chance.
        sink.commands, sink.transactions = [], []
    lines = [line.text for line in mta.log() if re.search("feedback|: queue ", line.text)]
    mta.note("settings", "\n".join(line for line in lines if "type" in line or "ignoring" in line))
    mta.note("windows", "\n".join(sorted({line for line in lines if ": queue " in line})))


COHORT = routes(["dead"], "destination_concurrency_feedback_debug = yes\ninitial_destination_concurrency = 2\n"
                          "dead_destination_recipient_limit = 2\n")


@scenario(main=COHORT.replace("100s", "3s"), master=services(["dead"]), log=False)
def death_and_resurrection(mta):
    send(mta, *[f"x{n}@dead.test" for n in range(8)])
    mta.wait_log("qmgr_queue_unthrottle")
    mta.settle()
    note_log(mta, "feedback|: queue ")
    mta.note("deferred", sorted(re.sub(r".*(to=<[^>]*>).*(\(.*)", r"\1 \2", line.text)
                                for line in mta.log() if "status=deferred" in line.text))


CLOG = routes(["c1", "c2", "c3", "d3"], "qmgr_message_active_limit = 10\nqmgr_clog_warn_time = 1h\n"
              "initial_destination_concurrency = 2\nc1_destination_concurrency_limit = 1\n").replace(
                  "d3.test=d3:[@NET@.31]", "d3.test=c3:[@NET@.32]").replace("c2.test=c2:[@NET@.31]", "c2.test=c2:[@NET@.32]")


@scenario(main=CLOG, master=services(["c1", "c2", "c3"]), log=False)
def warnings_of_a_clogged_queue(mta):
    told = iter(("c1_destination_concurrency_limit", "reduce c2 connect", "separate master.cf transport"))
    for mails in ([["x@c1.test"]] * 3, [["x@c2.test"]] * 3, [["x@c3.test", "y@d3.test"], ["x@c3.test"], ["x@c3.test"]]):
        with mta.sink(31, CONNECT="HANG"), mta.sink(32, CONNECT="HANG"):
            for to in mails:
                send(mta, *to)
            mta.wait_log(next(told))
        mta.settle()
    lines = [line.text for line in mta.log() if re.search("mail for|you may|so that|please avoid|lots of|to turn off", line.text)]
    mta.note("warnings", "\n".join(sorted({line for line in lines if "mail for 4" not in line and " retry " not in line})))


PROBES = ("address_verify_pending_request_limit = 1\naddress_verify_poll_count = 1\naddress_verify_poll_delay = 1s\n"
          "address_verify_map =\naddress_verify_negative_cache = no\n"
          "smtpd_recipient_restrictions = permit_mynetworks, reject_unverified_recipient, reject\n"
          "mynetworks =\n")


@scenario(main=routes(["slow"], PROBES), master=services(["slow"]), log=False, transcripts=False)
def too_many_probes(mta):
    with mta.sink(31, CONNECT="HANG"):
        with mta.smtp() as session:
            session.talk("EHLO c.test", "MAIL FROM:<a@remote.test>", "RCPT TO:<x@slow.test>", "RCPT TO:<y@slow.test>",
                         "RCPT TO:<z@slow.test>", "QUIT")
        # Which two of the three come too late is chance, where they are on their way at the same time.
        mta.wait_log("to=<[xyz]@slow.test>.*Too many", count=2)
        told = [line.text for line in mta.log() if re.search("to=<[xyz]@slow.test>.*Too many", line.text)]
        mta.note("log", "\n".join(line[line.index("relay="):] for line in told))
    mta.settle()


@scenario(main=routes(["later"], "defer_transports = later, other\n"), master=services(["later"]))
def transports_that_wait_to_be_asked(mta):
    with mta.sink(31):
        send(mta, "x@later.test")
        mta.wait_log("deferred transport")
        mta.settle()
        mta.must_run("postqueue", "-f", record=False)
        mta.wait_log("status=sent")
        mta.settle()


def in_order(mta, messages, **options):
    """What the sink gets, one delivery after the other, when all messages are there before the first is delivered.  The
    older are not larger: so the order does not depend on how long each has waited."""
    begun, gate = threading.Event(), threading.Event()

    def connect(_):
        begun.set()
        return gate.wait(20) and "220 sink.test"
    with mta.sink(31, CONNECT=connect, **options) as sink:
        for number, count in enumerate(messages):
            send(mta, *[f"m{number}-{n}@one.test" for n in range(count)])
            mta.wait_log("queue active", count=number + 1)
            check(begun.wait(20), "the first message is on its way")
        time.sleep(0.3)
        gate.set()
        mta.settle()
        got = "".join(re.search(r"m(\d)", transaction.rcpts[0])[1] for transaction in sink.transactions)
        sink.commands, sink.transactions = [], []
    mta.note("order", got)


ONE = "one_destination_recipient_limit = 2\none_destination_concurrency_limit = 1\ninitial_destination_concurrency = 1\n"


@scenario(main=routes(["one"], ONE), master=services(["one"], 1), log=False)
def small_messages_overtake_a_large_one(mta):
    in_order(mta, [60, 2, 2, 2, 2, 2])


@scenario(main=routes(["one"], ONE + "one_delivery_slot_cost = 2\none_delivery_slot_loan = 0\none_delivery_slot_discount = 0\n"),
          master=services(["one"], 1), log=False)
def overtaking_without_credit(mta):
    in_order(mta, [40, 2, 2, 4, 4])


@scenario(main=routes(["one"], ONE + "one_delivery_slot_cost = 3\none_delivery_slot_loan = 2\none_delivery_slot_discount = 30\n"
                      "one_minimum_delivery_slots = 4\n"), master=services(["one"], 1), log=False)
def overtaking_on_credit(mta):
    in_order(mta, [70, 2, 4, 6, 10])


@scenario(main=routes(["one"], ONE + "one_delivery_slot_cost = 0\n"), master=services(["one"], 1), log=False)
def no_overtaking(mta):
    in_order(mta, [30, 2, 2])


@scenario(main=routes(["one"], ONE), master=services(["one"], 1), log=False)
def messages_too_small_to_be_overtaken(mta):
    in_order(mta, [28, 2, 2])


def most_at_once(mta, to, **options):
    """How many deliveries the far end sees at the same time, at the most."""
    now, most, lock = 0, 0, threading.Lock()

    def connected(_):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        return "220 sink.test"

    def taken(_):
        nonlocal now
        time.sleep(0.3)
        with lock:
            now -= 1
        return "250 2.0.0 Ok"

    with mta.sink(31, CONNECT=connected, **{".": taken}) as sink:
        send(mta, *to)
        mta.settle()
        sink.commands, sink.transactions = [], []
    return most


LIMITS = ("initial_destination_concurrency = 2\nwide_destination_recipient_limit = 2\nnarrow_destination_recipient_limit = 2\n"
          "narrow_destination_concurrency_limit = 1\neach_destination_recipient_limit = 1\n"
          "smtp_connection_cache_on_demand = no\nwide_destination_concurrency_limit = 3\n")


@scenario(main=routes(["wide", "narrow", "each"], LIMITS), master=services(["wide", "narrow", "each"]), log=False)
def deliveries_at_once(mta):
    for name in ("wide", "narrow"):
        mta.note(name, most_at_once(mta, [f"x{n}@{name}.test" for n in range(12)]))
    # Each recipient is a destination of its own.
    check(most_at_once(mta, [f"x{n}@each.test" for n in range(12)]) > 5, "recipients have queues of their own")


PACE = ("slow_destination_rate_delay = 1s\nslow_destination_recipient_limit = 2\nslow_destination_concurrency_limit = 20\n"
        "thin_transport_rate_delay = 1s\nthin_destination_recipient_limit = 1\n"
        "fast_destination_recipient_limit = 1\n")


@scenario(main=routes(["slow", "thin", "fast"], PACE), master=services(["slow", "thin", "fast"]), log=False)
def rate_delays(mta):
    """The `slow` transport of the howtos: one at a time, a second between them, while other mail goes through."""
    times = collections.defaultdict(list)

    def taken(line):
        times[re.search(r"@(\w+)\.test", line)[1]].append(time.monotonic())
        return "250 2.1.5 Ok"

    with mta.sink(31, RCPT=taken) as sink:
        send(mta, *[f"x{n}@slow.test" for n in range(8)])
        send(mta, *[f"x{n}@thin.test" for n in range(4)])
        start = time.monotonic()
        send(mta, *[f"x{n}@fast.test" for n in range(20)])
        mta.wait_log("to=<x.*fast.test.*status=sent", count=20)
        check(time.monotonic() - start < 2, "other mail is not held up")
        mta.wait_log("to=<x.*(slow|thin).test.*status=sent", count=12)
        mta.settle()
        sink.commands, sink.transactions = [], []
    gaps = {name: [later - earlier for earlier, later in zip(sorted(found), sorted(found)[1:])] for name, found in times.items()}
    mta.note("slow: seconds between deliveries", [round(gap) for gap in gaps["slow"]])
    mta.note("thin: seconds between deliveries", [round(gap) for gap in gaps["thin"]])
    for name in ("slow", "thin"):
        check(all(gap < 0.3 or gap > 0.95 for gap in gaps[name]), f"{name}: {gaps[name]}")


TWO = ONE.replace("one_destination_concurrency_limit = 1", "one_destination_concurrency_limit = 2") + "qmgr_fudge_factor = 50\n"


@scenario(main=routes(["one", "two"], TWO, transport="one").replace("two.test=one:[@NET@.31]", "two.test=one:[@NET@.32]"),
          master=services(["one"], 1), log=False)
def queue_manager_of_old(mta):
    """oqmgr: nobody overtakes, and destinations take turns."""
    path = mta.conf / "master.cf"
    mta.stop()
    path.write_text(re.sub(r"(?m)^(qmgr .*) qmgr$", r"\1 oqmgr", path.read_text()))
    mta.start()
    order, gate = [], threading.Event()

    def seen(line):
        order.append(re.search(r"m(\d)", line)[1])
        return "250 2.1.5 Ok"

    with (mta.sink(31, CONNECT=lambda _: gate.wait(20) and "220 sink.test", RCPT=seen) as one,
          mta.sink(32, CONNECT=lambda _: gate.wait(20) and "220 sink.test", RCPT=seen) as two):
        for number, (domain, count) in enumerate((("one", 12), ("one", 2), ("two", 4), ("two", 2))):
            send(mta, *[f"m{number}-{n}@{domain}.test" for n in range(count)])
            mta.wait_log("queue active", count=number + 1)
        time.sleep(0.3)
        gate.set()
        mta.settle()
        one.commands, one.transactions, two.commands, two.transactions = [], [], [], []
    check("/oqmgr[" in mta.log_text(), "oqmgr runs")
    mta.note("order", "".join(order[::2]))
