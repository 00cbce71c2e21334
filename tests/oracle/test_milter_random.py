"""Sessions with two filters that ask for, answer and change what chance says (the same on both sides, by seed).  A difference that these
find becomes a scenario of its own.  RELAIS_TEST_SEED and RELAIS_TEST_COUNT try others, and more."""
import os
import random

from support import milter
from support.compare import scenario
from support.milter import (CLOSE, MilterServer, accept, add_header, add_recipient, add_recipient_with, change_from, change_header, delete_recipient, discard,
                            insert_header, options, proceed, progress, quarantine, reject, replace_body, reply, shutdown, skip, tempfail)
from support.milter_session import FROM, HELLO, MILTER, TEXT, TO, TO2, ended, serve

SEED, COUNT = int(os.environ.get("RELAIS_TEST_SEED", "1")), int(os.environ.get("RELAIS_TEST_COUNT", "40"))
# Every event, and the bit that says that it is not answered.
EVENTS = {name: getattr(milter, f"NR_{bit}") for name, bit in
          (("connect", "CONNECT"), ("helo", "HELO"), ("mail", "MAIL"), ("rcpt", "RCPT"), ("data", "DATA"), ("unknown", "UNKNOWN"), ("header", "HEADER"),
           ("eoh", "EOH"), ("body", "BODY"))} | {"eom": 0}
ENDS = (accept(), reject(), tempfail(), discard(), reply("550 5.7.1 own words"), reply("451 4.7.1 come again"), reply("550-5.7.1 a\r\n550 5.7.1 b"),
        progress() + proceed(), skip(), CLOSE)
COMMANDS = (FROM, TO, TO2, "RSET", "FOO", "VRFY u1@virt.test", "NOOP", "RCPT TO:<nobody@virt.test>", HELLO, "MAIL FROM:<>", "HELO x")


def change(r):
    header = r.choice(("Subject", "X-Long", "x-space", "Received", "X-No", "X-A", "X-I"))
    value = r.choice(("", "c", "two words", " lead", "x\n y", "c\nd"))
    return r.choice((add_header(header, value), insert_header(r.choice((0, 1, 2, 3, 5, 99)), header, value), change_header(r.randrange(4), header, value),
                     change_from(r.choice(("<new@remote.test>", "<>", "n@x.test"))), add_recipient(r.choice(("<u2@virt.test>", "u1@virt.test"))),
                     delete_recipient(r.choice(("<u1@virt.test>", "<u2@virt.test>", "u3@virt.test"))),
                     add_recipient_with("<u2@virt.test>", r.choice(("NOTIFY=FAILURE", "NOTIFY=DELAY ORCPT=rfc822;x@y", ""))), progress(), quarantine("why")))


def answer(r, event):
    changes = [change(r) for _ in range(r.randrange(6))] if event == "eom" else []
    if event == "eom" and r.random() < 0.3:
        changes += [replace_body(r.choice(("new body\r\n", "a\r\nb", "", "x" * 3000 + "\r\n"))) for _ in range(r.randrange(1, 3))]
    if r.random() < (0.6 if event == "eom" else 0.75):
        return [*changes, proceed()]
    if event == "unknown":  # Postfix panics where the filter accepts, and loses mail where it ends the session in the content
        return [r.choice((reject(), tempfail(), reply("550 5.7.1 own words")))]
    return [*changes, r.choice((*ENDS, shutdown()) if event in ("connect", "helo", "mail", "rcpt", "data") else ENDS)]


def script(r):
    bits = sum(1 << n for n in range(21) if r.random() < 0.15) if r.random() < 0.5 else 0
    script = {"options": [options(events=bits, macros=r.choice(((), ((2, "i {mail_addr}"), (3, "{rcpt_addr} i")))))]}
    for event, silent in EVENTS.items():
        if bits & silent:
            script[event] = []
        elif r.random() < (1 if event == "eom" else 0.1 if event in ("connect", "helo") else 0.3):
            script[event] = [answer(r, event) for _ in range(r.randrange(1, 4))]
    return script


# A notification that nobody wants is begun by Postfix, and not ended.
@scenario(main=MILTER.replace("smtpd_milters =", "smtpd_milters = inet:@NET@.33:8892,"), ignore=r"message-id=<\d")
def sessions_by_chance(mta):
    for seed in range(SEED * 1000, SEED * 1000 + COUNT):
        r = random.Random(seed)
        with MilterServer((mta.room.address(33), 8892), script(r), with_macros=False) as first, serve(mta, script(r), with_macros=r.random() < 0.3) as second:
            with mta.smtp() as s:
                for command in (HELLO, *r.choices(COMMANDS, k=r.randrange(8)), "RSET", FROM, TO, *r.choice(((), (TO2,)))):
                    if not ended(s):
                        s.talk(command)
                for text in (TEXT + f"{seed}\n", ""):
                    if not ended(s):
                        s.data(text) if text else s.talk("QUIT")
            mta.note(f"the first with seed {seed}", first.text())
            mta.note(f"the second with seed {seed}", second.text())
    mta.settle()
    mta.note("held", len(mta.queue_files("hold")))
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))
