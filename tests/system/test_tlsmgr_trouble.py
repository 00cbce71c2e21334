"""A tlsmgr that is silent, hangs up, lies or talks nonsense: TLS goes on without it, after a short while, and with one warning."""
import os
import signal
import ssl
import time

from support import certificates, check, equal
from support.instance import Instance
from support.tlsmgr import Tlsmgr, data, packed

MAIN = """\
smtpd_tls_cert_file = @CONF@/mx.pem
smtpd_tls_key_file = @CONF@/mx.key
smtpd_tls_security_level = may
smtpd_tls_session_cache_database = btree:@ROOT@/data/smtpd_scache
"""
MOST = 5  # seconds for a session that must do without
GARBAGE = bytes(range(256)) * 4

# name: (how it is odd, what it says first, the warning that is expected)
KINDS = {
    "is silent": ({"seed": None, "policy": None, "tktkey": None}, None, "no answer in time"),
    "says no word": ({}, b"", "no answer in time"),
    "is another service": ({}, packed(("protocol", "anvil_protocol")), "unexpected|protocol|anvil"),
    "hangs up": ({"seed": "hang up", "policy": "hang up", "tktkey": "hang up"}, None, "."),
    "talks nonsense": ({"seed": GARBAGE, "policy": GARBAGE, "tktkey": GARBAGE}, None, "."),
    "knows nothing": ({name: packed(("status", -2), ("seed", ""), ("keybuf", "")) for name in ("seed", "tktkey")}, None, "."),
    "gives too little": ({"seed": packed(("status", 0), ("seed", data(b"x"))), "tktkey": packed(("status", 0), ("keybuf", data(b"short")))}, None, "."),
    "forgets sessions": ({"lookup": None}, None, "no answer in time"),
    "tells of no session": ({"lookup": packed(("status", 0), ("session", data(GARBAGE)))}, None, None),
    "tells of a torn one": ({"lookup": packed(("status", 0), ("session", data(b"\x30\x82\xff\xff\x02\x01\x01")))}, None, None),
    "stores nothing": ({"update": None}, None, "no answer in time"),
    "tells too much": ({"lookup": packed(("status", 0), ("session", "A" * 3000000))}, None, "."),
}


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_TICKET
    return made


def one_session(mta, made, old=None):
    """(the session, whether it was resumed, seconds)"""
    began = time.monotonic()
    with mta.smtp() as session:
        session.talk("EHLO a.test", "STARTTLS")
        session.socket = made.wrap_socket(session.socket, session=old)
        equal(session.talk("EHLO a.test", "QUIT")[-1].code, "221", "a session")
        return session.socket.session, session.socket.session_reused, time.monotonic() - began


def trouble(name, odd, hello, warning):
    mta = Instance(main=MAIN + "tlsmgr_service_name = odd\n", files=certificates.files())
    more = {} if hello is None else {"hello": hello}
    mta.start()
    try:
        with Tlsmgr(mta.queue / "private/odd", odd, cachable=1, **more):
            made, old, first = context(), None, {}
            for _ in range(3):
                old, _, seconds = one_session(mta, made, old)
                first = first or mta.processes("smtpd")
                check(seconds < MOST, f"tlsmgr {name}: a session took {seconds} s")
            said = [line.text for line in mta.log() if line.daemon == "smtpd" and line.text.startswith("warning: ")]
            if warning:
                mta.wait_log(f"warning: .*odd.*({warning})")
            check(len(said) <= 3 * len(mta.processes("smtpd")), f"tlsmgr {name}: {said}")
            check(first.keys() <= mta.processes("smtpd").keys(), f"tlsmgr {name}: the process lives on")
    finally:
        mta.destroy()


def test_each_kind_of_trouble():
    for name, kind in KINDS.items():
        trouble(name, *kind)


test_each_kind_of_trouble.seconds = 120


def test_a_good_one_beside_them():
    """So that the others fail for what they do."""
    mta = Instance(main=MAIN + "tlsmgr_service_name = odd\n", files=certificates.files()).start()
    try:
        with Tlsmgr(mta.queue / "private/odd", cachable=1):
            made = context()
            old, _, _ = one_session(mta, made)
            check(one_session(mta, made, old)[1], "it is resumed")
    finally:
        mta.destroy()


def test_one_that_is_killed():
    """What it kept is gone; the next one keeps sessions again, for the same smtpd."""
    mta = Instance(main=MAIN, files=certificates.files()).start()
    try:
        made = context()
        old, _, _ = one_session(mta, made)
        old, resumed, _ = one_session(mta, made, old)
        check(resumed, "as long as it lives")
        before = mta.processes("smtpd")
        for pid in mta.processes("tlsmgr"):
            os.kill(pid, signal.SIGKILL)
        old, resumed, seconds = one_session(mta, made, old)
        check(not resumed and seconds < MOST, f"not with the next: {seconds} s")
        check(one_session(mta, made, old)[1], "but what begins then")
        check(before.keys() <= mta.processes("smtpd").keys(), "smtpd lives on")
    finally:
        mta.destroy()
