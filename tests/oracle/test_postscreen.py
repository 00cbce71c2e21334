"""postscreen before the greeting: who is let through at once, who has to wait, who is turned away."""
import time

from support.compare import scenario
from support.postscreen import HELPERS, connect, in_parallel, list_address, note_cache, read_all, service, talk, talk_all
from support.room import room

MAIL = ("EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "QUIT")
GREET_WAIT = 2  # seconds: the lists must have answered by then, on a busy machine, too
SITES = ("bl.test*2, other.test=127.0.0.[2..4]*3 other.test=127.0.0.9, good.test*-5, nxttl.test")

PATIENCE = {"postscreen_greet_wait": f"{GREET_WAIT}s"}
MASTER = HELPERS + service(
    2601, **PATIENCE, postscreen_access_list="cidr:@CONF@/access, hash:@CONF@/names, permit_mynetworks",
    postscreen_dnsbl_sites=SITES, postscreen_dnsbl_threshold="2", postscreen_dnsbl_action="enforce",
    postscreen_greet_action="enforce", postscreen_denylist_action="enforce",
    postscreen_dnsbl_allowlist_threshold="-1", postscreen_pipelining_enable="yes",
    postscreen_dnsbl_reply_map="texthash:@CONF@/replies") + service(
    2602, **PATIENCE, postscreen_access_list="cidr:@CONF@/access", postscreen_dnsbl_sites="bl.test",
    postscreen_dnsbl_action="drop", postscreen_greet_action="drop", postscreen_denylist_action="drop") + service(
    2603, **PATIENCE, postscreen_access_list="cidr:@CONF@/access", postscreen_dnsbl_sites="bl.test, nxttl.test",
    postscreen_allowlist_interfaces="!@ADDRESS@, static:all", respectful_logging="no") + service(
    2604, **PATIENCE, postscreen_dnsbl_sites="bl.test, nxttl.test", postscreen_greet_action="enforce",
    postscreen_dnsbl_action="enforce", soft_bounce="yes", postscreen_dnsbl_max_ttl="30d") + service(
    2605, postscreen_greet_banner="", postscreen_client_connection_count_limit="2", postscreen_dnsbl_sites="slow.test, dead.test",
    postscreen_dnsbl_timeout="2s", postscreen_greet_wait="3s") + service(
    2606, postscreen_client_connection_count_limit="2", postscreen_pre_queue_limit="10", postscreen_greet_wait="4s") + service(
    2607, **PATIENCE, postscreen_access_list="cidr:@CONF@/access", postscreen_dnsbl_sites="bl.test",
    postscreen_pipelining_enable="yes")

SETUP = {
    "master": MASTER,
    "files": {"access": "@NET@.150/32 reject\n@NET@.130/32 permit\n@NET@.161/32 dunno, reject\n@NET@.162/32 nonsense\n",
              "replies": "other.test hidden.example\n"},
    "ignore": r"dnsblog_query: lookup error",
}


def prepare(mta):
    if not (mta.conf / "names").exists():
        mta.table("names", "@NET@.129 permit\n@NET@.150 permit\n")
    dns = room().dns
    if not getattr(dns, "lists", False):
        dns.lists = True
        list_address(140, "bl.test", "127.0.0.2")
        list_address(140, "other.test", "127.0.0.3", "127.0.0.4")
        list_address(141, "other.test", "127.0.0.9", ttl=700)
        list_address(142, "good.test", "127.0.0.2", ttl=300)
        list_address(143, "other.test", "127.0.0.77")
        list_address(144, "bl.test", "127.0.0.2", ttl=7200)
        dns.fail(".".join(reversed(room().address(138).split("."))) + ".dead.test", "SERVFAIL")
        dns.fail(".".join(reversed(room().address(145).split("."))) + ".slow.test", "DROP")
        dns.add_soa("nxttl.test", 900, 1200)
        dns.add_soa("bl.test", 4000, 2500)
        for zone in ("other.test", "good.test"):
            dns.add_soa(zone, 5000, 5000)


@scenario(**SETUP)
def verdicts_of_the_access_list(mta):
    prepare(mta)
    clients = (130, 129, 100, 150, 161, 162)
    talk_all(mta, 2601, {client: ["EHLO x", "QUIT"] for client in clients})
    talk_all(mta, 2602, {client: [] for client in clients})
    talk_all(mta, 2603, {client: ["EHLO x", "QUIT"] for client in (130, 150)})
    time.sleep(0.3)
    note_cache(mta, 2601, *clients)


@scenario(**SETUP)
def new_and_old_clients(mta):
    prepare(mta)
    for port in (2602, 2604):
        talk(mta, port, 131, *MAIL)
        talk(mta, port, 131, "EHLO x", "QUIT")
    time.sleep(0.3)
    note_cache(mta, 2602, 131)
    note_cache(mta, 2604, 131)


@scenario(**SETUP)
def scores_of_dns_lists(mta):
    """Weights, filters, names for the public, good lists; the answers' times decide for how long a result is good."""
    prepare(mta)
    clients = (140, 141, 142, 143, 144)
    talk_all(mta, 2601, {client: MAIL for client in clients})
    talk_all(mta, 2602, {client: ["QUIT"] for client in clients})
    talk(mta, 2604, 144, *MAIL)
    time.sleep(0.2)
    note_cache(mta, 2601, *clients)
    note_cache(mta, 2602, *clients)
    note_cache(mta, 2604, 144)


def impatient(mta, port, early, lines):
    """What a client hears that talks before its turn, and goes on."""
    def act(client):
        with connect(mta, port, client) as s:
            s.sendall(early)
            time.sleep(GREET_WAIT + 0.6)
            try:
                for line in lines:
                    s.sendall(line)
                    time.sleep(0.1)
            except OSError:
                pass
            return read_all(s, 0.5)
    return act


@scenario(**SETUP)
def who_talks_too_early(mta):
    prepare(mta)
    lines = [b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<alice@example.test>\r\n"]
    for port, early in ((2601, b"EHLO pre\r\n"), (2602, b"EHLO pre\r\n\x01\xff\\\t\f" + b"x" * 200), (2603, b"x")):
        act = impatient(mta, port, early, lines if port != 2603 else [b"\r\n", *lines])
        for client, heard in in_parallel(act, (133, 140)):
            mta.note(f"{port} says to {client}", heard)
    time.sleep(0.3)
    note_cache(mta, 2601, 133, 140)


@scenario(**SETUP)
def failures_that_are_ignored(mta):
    """Of the access list, before the greeting, and of DNS lists: what is remembered of them."""
    prepare(mta)
    talk_all(mta, 2607, {140: MAIL, 150: MAIL})
    act = impatient(mta, 2607, b"x", [b"\r\n", *(line.encode() + b"\r\n" for line in MAIL)])
    for client, heard in in_parallel(act, (132, 144)):
        mta.note(f"to {client}", heard)
    note_cache(mta, 2607, 140, 150, 132, 144)


@scenario(**SETUP)
def who_hangs_up(mta):
    prepare(mta)
    with connect(mta, 2601, 134) as client:
        heard = b""
        while b"220 " not in heard and (more := client.recv(1000)):  # tests before the greeting are over
            heard += more
    mta.wait_log(r"HANGUP")
    note_cache(mta, 2601, 134)


@scenario(**SETUP)
def the_wrong_server_address(mta):
    prepare(mta)
    for _ in range(2):
        talk(mta, 2603, 135, "EHLO x", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "DATA")
    note_cache(mta, 2603, 135)


@scenario(**SETUP)
def soft_bounce_softens(mta):
    prepare(mta)
    with connect(mta, 2604, 136) as s:
        s.sendall(b"EHLO pre\r\n")
        time.sleep(GREET_WAIT + 0.3)
        s.sendall(b"MAIL FROM:<a@b.test>\r\n")
        time.sleep(0.1)
        s.sendall(b"RCPT TO:<alice@example.test>\r\n")
        time.sleep(0.1)
        s.sendall(b"FOO\r\n")
        mta.note("reply", read_all(s, 0.5))


@scenario(**SETUP)
def without_a_teaser_and_with_slow_lists(mta):
    prepare(mta)
    with connect(mta, 2605, 137) as s:
        mta.note("at once", read_all(s, 0.5))
        s.sendall(b"QUIT\r\n")
        mta.note("then", read_all(s, 5))
    for client in (145, 138):
        talk(mta, 2605, client, "QUIT")


@scenario(**SETUP)
def too_many_from_one_client(mta):
    prepare(mta)
    many = [connect(mta, 2606, 145) for _ in range(3)]
    mta.note("the third", read_all(many[2], 1))
    for s in many:
        s.close()
    mta.wait_log("HANGUP", 2)


@scenario(**SETUP)
def too_many_at_all(mta):
    prepare(mta)
    many = []
    for client in range(170, 184):
        many.append(connect(mta, 2606, client))
        time.sleep(0.02)
    mta.wait_log("all screening ports busy", 4)
    for s in many:
        s.close()
    mta.wait_log("leaving STRESS")
    # How many are there while they go is chance.
    time.sleep(3)
