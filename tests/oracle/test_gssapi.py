"""Kerberos logins (AUTH GSSAPI) with Debian's KDC: to smtpd by Cyrus SASL, and of the SMTP client to another smtpd."""
import contextlib

from support import check
from support.compare import scenario
from support.kerberos import REALM, GssapiClient, Kdc, plugins
from support.room import room
from support.sasl import b64, challenge_bytes, plain

HOST = "gss.example.test"
FROM = "MAIL FROM:<carol@remote.test>"
KDC = "@ROOT@/../kdc"
SERVICES = {"good": "", "local": "smtpd_sasl_local_domain=EXAMPLE.TEST", "other": "smtpd_sasl_local_domain=other.test", "lost": "smtpd_sasl_path=lost",
            "mutual": "smtpd_sasl_security_options=noanonymous,noplaintext,noactive,mutual_auth",
            "foreign": "smtpd_sasl_path=foreign", "jailed": "smtpd_peername_lookup=no", "client": "smtpd_relay_restrictions=permit_sasl_authenticated,reject -o content_filter=discard:"}
PORT = {name: number for number, name in enumerate(SERVICES, 2661)}
MAIN = f"""\
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH={plugins()}
    KRB5_CONFIG={KDC}/krb5.conf KRB5_KTNAME={KDC}/smtp_{HOST}.keytab KRB5CCNAME=FILE:@CONF@/tickets
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
cyrus_sasl_config_path = @CONF@/sasl
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 100
"""
MASTER = "".join(f"@ADDRESS@:{PORT[name]} inet n - {'y' if name == 'jailed' else 'n'} - - smtpd -o myhostname={HOST}{' -o ' if setting else ''}{setting}\n" for name, setting in SERVICES.items())
FILES = {"sasl/smtpd.conf": "mech_list: GSSAPI PLAIN\n", "sasl/lost.conf": "mech_list: GSSAPI PLAIN\nkeytab: @CONF@/nothing\n",
         "sasl/foreign.conf": f"mech_list: GSSAPI\nkeytab: {KDC}/imap_{HOST}.keytab\n"}
CLIENT = f"""\
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:joe:
smtp_connection_cache_on_demand = no
smtp_helo_timeout = 10s
smtp_sasl_security_options = noanonymous, mutual_auth
transport_maps = inline:{{{{one.test=smtp:[{HOST}]:{PORT['client']}}} {{foreign.test=smtp:[{HOST}]:{PORT['foreign']}}}}}
"""


def kdc():
    if not hasattr(room(), "kdc"):
        made = room().kdc = Kdc()
        made.add("joe", "eve/admin", f"smtp/{HOST}", f"imap/{HOST}", "smtp/other.test")
        made.keytab(f"smtp/{HOST}")
        made.keytab(f"imap/{HOST}")
    return room().kdc


def note_reply(mta, name, reply):
    """Without the challenge, which is another each time."""
    mta.note(name, "\n".join(line[:4] if line.startswith("334 ") else line for line in reply.lines))
    return reply


@contextlib.contextmanager
def at(mta, service="good"):
    kdc()
    with mta.smtp(port=PORT[service]) as s:
        mta.note(f"hello of {service}", s.command("EHLO client.test"))
        yield s


def log_in(mta, s, tickets="joe", initial=True, alter=None, **how):
    """The last reply; `alter` changes the client's messages, given their number."""
    client = GssapiClient(kdc(), kdc().tickets(tickets), **{"host": HOST, **how})
    alter = alter or (lambda number, text: text)
    first = alter(0, client.start())
    reply = note_reply(mta, "AUTH", s.command("AUTH GSSAPI" + (f" {b64(first)}" if initial else "")))
    if not initial and reply.code == "334":
        reply = note_reply(mta, "first", s.command(b64(first)))
    for number in range(1, 5):
        if reply.code != "334":
            break
        response = alter(number, client.step(challenge_bytes(reply)) or b"")
        reply = note_reply(mta, f"response {number}", s.command(b64(response)))
    return reply


def gssapi(main="", **options):
    return scenario(main=MAIN + main, master=MASTER, files=FILES, transcripts=False, **options)


@gssapi()
def logins(mta):
    for service in SERVICES:
        with at(mta, service) as s:
            if log_in(mta, s).code == "235":
                mta.note("then", "\n".join(map(str, s.talk(FROM, "RCPT TO:<x@elsewhere.test>", "QUIT"))))
    for how in ({"initial": False}, {"tickets": "eve/admin"}, {"user": "joe"}, {"user": "other"}, {"user": f"joe@{REALM}"}, {"service": "imap"}, {"host": "other.test"}):
        mta.note("how", how)
        with at(mta) as s:
            log_in(mta, s, **how)


@gssapi(ignore="request longer than")  # it quotes what is another each time
def messages_that_are_wrong(mta):
    changes = {"torn": lambda n, text: text[:-3], "flipped": lambda n, text: text[:-1] + bytes([text[-1] ^ 1]), "empty": lambda n, text: b"" if n == 0 else text,
               "second": lambda n, text: b"junk" if n == 1 else text, "last": lambda n, text: text[:-1] + b"x" if n == 2 else text,
               "last empty": lambda n, text: b"" if n == 2 else text, "long": lambda n, text: text + b"x" * 8000}
    for name, alter in changes.items():
        mta.note("change", name)
        with at(mta) as s:
            log_in(mta, s, alter=alter)
            log_in(mta, s)
    with at(mta) as s:
        for line in ("AUTH GSSAPI =", "AUTH GSSAPI YQ==", "AUTH GSSAPI !", "AUTH GSSAPI", "*", "AUTH GSSAPI", "", "AUTH GSSAPI", "YQ==", "AUTH PLAIN " + plain("joe", "x"), "AUTH GSS-SPNEGO ="):
            note_reply(mta, line, s.command(line))


def send(mta, to="x@one.test"):
    mta.mail("u1@virt.test", to, "Subject: x\n\nbody\n")
    mta.settle()


@gssapi(CLIENT)
def logins_of_the_client(mta):
    room().dns.replace(HOST, "A", mta.address)
    tickets = mta.conf / "tickets"
    tickets.unlink(missing_ok=True)
    kdc()
    for holder in ("joe", "eve/admin"):
        tickets.write_bytes(kdc().tickets(holder).read_bytes())
        tickets.chmod(0o644)
        send(mta)
    check("sasl_method=GSSAPI, sasl_username=joe" in mta.log_text(), "joe has logged in")
    send(mta, "x@foreign.test")
    tickets.write_bytes(b"no tickets")
    send(mta)
    tickets.unlink()
    send(mta)
    tickets.write_bytes(kdc().tickets("joe").read_bytes())
    kdc().stop()
    send(mta)
    kdc().start()
    send(mta)
