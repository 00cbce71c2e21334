"""Restrictions that wait for a recipient: lists of earlier stages that ask about him, actions and deferrals that end every
list, and the status codes of refusals in their role; then lists put together by chance (RELAIS_TEST_SEED and RELAIS_TEST_COUNT
try others, and more: what they find becomes a case of its own)."""
import os
import random
import socket

from support import bound
from support.compare import scenario
from support.room import room

MAIN = "smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\nsmtpd_restriction_classes = klass\nklass = reject\nservice_throttle_time = 1s\n"
STAGES = ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data")


def services(cases, first):
    """A port for each case: {stage or parameter: value}."""
    lines = []
    for port, settings in enumerate(cases, first):
        settings = {f"smtpd_{name}_restrictions" if name in STAGES else name: value for name, value in settings.items()}
        options = "".join(f"  -o {{ {name} = {value} }}\n" for name, value in {"smtpd_relay_restrictions": "reject_unauth_destination", **settings}.items())
        lines.append(f"@ADDRESS@:{port} inet n - n - - smtpd\n{options}")
    return "".join(lines)


def converse(mta, cases, first):
    for port, settings in enumerate(cases, first):
        with mta.smtp(port=port) as s:
            s.talk("EHLO x.test", "MAIL FROM:<a@evil.test>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<u1@virt.test>")
            if s.command("DATA").code == "354":
                s.talk("Subject: x\r\n\r\nx\r\n.")
            s.talk("RSET", "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "RCPT TO:<nobody@example.test>", "QUIT")
            mta.note(str(settings), "\n".join(s.transcript))


FIXED = [{"smtpd_delay_reject": delay, **lists} for delay in ("yes", "no") for lists in (
    {"sender": "check_sender_access inline:{{evil.test=REJECT}}", "recipient": "check_recipient_access inline:{{example.test=REJECT no}}"},
    {"client": "check_recipient_access inline:{{example.test=REJECT no}}"},
    {"helo": "reject_unauth_destination, check_recipient_access inline:{{virt.test=450 later}}"},
    {"sender": "reject_unlisted_recipient, permit_auth_destination, reject"},
    {"client": "klass, reject_unknown_recipient_domain", "klass": "reject_non_fqdn_recipient, permit_auth_destination"},
    {"sender": "check_sender_access inline:{{evil.test=DISCARD}}, reject", "recipient": "reject", "data": "reject"},
    {"recipient": "check_recipient_access inline:{{example.test=DISCARD gone}}, reject"},
    {"helo": "defer_if_permit", "sender": "check_sender_access inline:{{evil.test=DISCARD}}"},
    {"recipient": "check_recipient_access static:{HOLD once}"},
    {"sender": "defer_if_permit", "relay": "defer_if_reject, reject_unauth_destination", "recipient": "reject"},
    {"helo": "defer_if_permit", "sender": "defer_if_reject, reject_unknown_sender_domain"},
    {"sender": "defer_if_permit", "recipient": "reject"},
    {"sender": "warn_if_reject klass, permit", "klass": "permit, reject", "recipient": "permit, reject, defer"},
    {"sender": "reject, warn_if_reject defer"}, {"sender": "reject, warn_if_reject"})]


@scenario(main=MAIN, master=services(FIXED, 2701), transcripts=False)
def stages(mta):
    converse(mta, FIXED, 2701)


# Postfix does not start these; ours must not either.
OPEN = ("smtpd_relay_restrictions=permit,reject_unauth_destination", "smtpd_relay_restrictions=warn_if_reject,reject_unauth_destination")


@scenario(main=MAIN + "smtpd_recipient_restrictions = klass, permit\nklass = permit, reject\n",
          master="".join(f"@ADDRESS@:{port} inet n - n - - smtpd -o {setting}\n" for port, setting in enumerate(OPEN, 2801)), log=False)
def open_relays_do_not_start(mta):
    clients = []
    for port, _ in enumerate(OPEN, 2801):
        clients.append(socket.create_connection((mta.address, port)))
    mta.wait_log("fatal: in parameter", len(OPEN))
    said = sorted({line.text for line in mta.log() if "fatal:" in line.text or "ignored" in line.text})
    for client in clients:
        client.close()
    mta.mark()  # that a process ends is no fault here
    mta.note("what smtpd says", "\n".join(said))


DETAILS = range(0, 13)
ENTRIES = " ".join(f"{{a{n}.test=5{50 + n} 5.1.{n} t}} {{b{n}.test=REJECT 4.1.{n} t}} {{c{n}.test=DEFER_IF_PERMIT 5.1.{n} t}} {{d{n}.test=REJECT 5.2.{n} t}} {{e{n}.test=DEFER_IF_REJECT 5.1.{n} t}}"
                   for n in DETAILS)
ROLES = f"""\
relay_domains = static:all
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_sender_access inline:{{{ENTRIES}}}, check_recipient_access inline:{{{ENTRIES}}}, check_helo_access inline:{{{ENTRIES}}}, check_client_access static:{{550 5.1.2 cl}}
smtpd_etrn_restrictions = check_etrn_access inline:{{{{x1.test=REJECT 5.1.2 etrn}}}}
smtpd_sender_restrictions = reject_rhsbl_sender bl.test, reject_rhsbl_helo bl.test, reject_rhsbl_recipient bl.test
default_rbl_reply = $rbl_code 5.1.1 $rbl_class [$rbl_what] blocked
"""


@scenario(main=MAIN + ROLES)
def status_codes_in_their_roles(mta):
    for name in ("s", "h", "r"):
        room().dns.add(f"{name}.test.bl.test", "A", "127.0.0.2")
    with mta.smtp() as s:
        s.talk("EHLO x.test")
        for n in DETAILS:
            for kind in "abcde":
                s.talk(f"MAIL FROM:<x@{kind}{n}.test>", "RCPT TO:<u1@virt.test>", "RSET", "MAIL FROM:<>", f"RCPT TO:<u1@{kind}{n}.test>", "RSET")
        for n in DETAILS:
            s.talk(f"EHLO a{n}.test", "MAIL FROM:<>", "RCPT TO:<u1@virt.test>", "RSET")
        s.talk("EHLO q.test", "MAIL FROM:<>", "RCPT TO:<u1@virt.test>", "RSET", "ETRN x1.test", "MAIL FROM:<x@s.test>", "RCPT TO:<u1@virt.test>", "RSET", "MAIL FROM:<>", "RCPT TO:<u1@r.test>",
               "RSET", "EHLO h.test", "MAIL FROM:<>", "RCPT TO:<u1@virt.test>", "QUIT")


CHANCE = random.Random(int(os.environ.get("RELAIS_TEST_SEED", "4")))
COUNT = int(os.environ.get("RELAIS_TEST_COUNT", "40"))
ACTIONS = ("REJECT", "REJECT no", "REJECT 5.7.9 mine", "550", "554 5.1.1 text here", "450 later", "OK", "DUNNO", "DEFER", "DEFER why not", "DEFER_IF_PERMIT", "DEFER_IF_PERMIT dip",
           "DEFER_IF_REJECT", "DEFER_IF_REJECT dir", "WARN", "WARN hey", "INFO", "INFO hm", "permit", "reject", "defer", "defer_if_permit", "reject_unauth_destination",
           "reject_unlisted_sender", "reject_unknown_sender_domain, permit", "klass", "PREPEND X-A: b", "HOLD", "HOLD h", "DISCARD", "DISCARD d", "REDIRECT u1@virt.test",
           "BCC u2@virt.test", "FILTER discard:", "521 bye", "421 4.3.2 bye now", "warn_if_reject", "reject_unauth_pipelining", "12345", "OK yes", "nosuch")
KEYS = {"client": ("client.remote.test", "remote.test"), "helo": ("x.test",), "sender": ("evil.test", "a@evil.test", "a@"),
        "recipient": ("example.test", "alice@example.test", "alice@", "elsewhere.test", "virt.test")}
NAMES = ("permit_mynetworks", "reject", "permit", "defer", "defer_if_permit", "defer_if_reject", "warn_if_reject", "reject_unlisted_sender", "reject_unlisted_recipient",
         "reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_non_fqdn_sender", "reject_unauth_destination", "klass", "warn_if_reject reject",
         "warn_if_reject klass", "permit_auth_destination", "sleep 0", "reject_unknown_reverse_client_hostname", "reject_invalid_helo_hostname", "reject_plaintext_session",
         "reject_multi_recipient_bounce")


def restriction():
    if CHANCE.random() > 0.45:
        return CHANCE.choice(NAMES)
    kind, action = CHANCE.choice(sorted(KEYS)), CHANCE.choice(ACTIONS)
    key = CHANCE.choice(KEYS[kind])
    table = CHANCE.choice((f"inline:{{{{{key}={action}}}}}", f"inline:{{{{{key} =   {action} }} other.test=REJECT}}", f"static:{{{action}}}", f"pipemap:{{static:{{{action}}}}}"))
    return f"check_{kind}_access {table}"


def restrictions(most):
    return ", ".join(restriction() for _ in range(CHANCE.randrange(most)))


def by_chance():
    relay = restrictions(2)
    late = lambda: restrictions(2) if CHANCE.random() < 0.25 else ""
    return {"smtpd_delay_reject": CHANCE.choice(("yes", "yes", "no")), "client": restrictions(3), "helo": restrictions(3), "sender": restrictions(4), "recipient": restrictions(4),
            "relay": ("" if relay in ("permit", "warn_if_reject") else relay + " ") + "reject_unauth_destination", "data": late(),
            "end_of_data": late().replace("DISCARD", "HOLD"),  # what cleanup has heard till then depends on the load
            "klass": restrictions(3).replace("klass", "defer") or "reject_unlisted_sender"}


CASES = [by_chance() for _ in range(COUNT)]


@scenario(main=MAIN, master=services(CASES, 2901), transcripts=False)
@bound(180)
def lists_put_together_by_chance(mta):
    converse(mta, CASES, 2901)
