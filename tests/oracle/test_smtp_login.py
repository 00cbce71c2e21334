"""Logins of the SMTP client: whose password for which server, which mechanism, what becomes of failures."""
import base64
import re
import time

from support import certificates, sasl
from support.compare import scenario
from support.login_sink import login_sink
from support.room import room

sasl.need_plugins()
TEXT = "Subject: x\n\nbody\n"
PORT = "smtp_tcp_port = 2525\n"
RELAY = """\
relayhost = [@NET@.31]:2525
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_connection_cache_on_demand = no
smtp_helo_timeout = 3s
"""
PASSWORD = "smtp_sasl_password_maps = inline:{[@NET@.31]:2525=joe:secret}\n"
OK = "235 2.7.0 ok"


def hosts():
    """Far ends by name; the same for every scenario."""
    dns = room().dns
    if not getattr(dns, "with_logins", False):
        for n, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 31):
            dns.add_host(f"mx.{name}.test", room().address(n))
            dns.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
        dns.add_host("mx.example.test", room().address(31))
        dns.with_logins = True


def send(mta, to="x@one.test", sender="carol@example.test", text=TEXT):
    mta.mail(sender, to, text)
    mta.settle()


def tried(mta, steps, **script):
    with login_sink(mta, steps, **script):
        send(mta)


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@scenario(main=RELAY + PASSWORD)
def good_logins(mta):
    tried(mta, [OK])
    tried(mta, ["334 " + b64("Username:"), "334 " + b64("Password:"), OK], MECHANISMS="LOGIN")
    tried(mta, ["334 " + b64("<1.2@sink.test>"), OK], MECHANISMS="CRAM-MD5 LOGIN PLAIN")
    tried(mta, [OK], EHLO="250-sink.test\n250 AUTH=PLAIN")
    tried(mta, [OK], EHLO="250-sink.test\n250-AUTH LOGIN\n250 AUTH=PLAIN LOGIN")
    tried(mta, [OK], MECHANISMS="plain")
    tried(mta, ["334 ", OK])
    tried(mta, ["235-a\n235 b"])


REFUSALS = ("535 5.7.8 wrong", "535 wrong", "454 4.7.0 later", "421 4.3.0 bye", "534-5.7.9 a\n534 5.7.9 b", "500 5.5.1 what", "200 odd", "150 odd", "999 x",
            "535 4.7.8 mixed")


@scenario(main=RELAY + PASSWORD)
def refusals(mta):
    for reply in REFUSALS:
        tried(mta, [reply])


@scenario(main=RELAY + PASSWORD + "smtp_sasl_auth_soft_bounce = no\n")
def refusals_that_bounce(mta):
    for reply in REFUSALS[:6]:
        tried(mta, [reply])
    mta.note_mail("the sender's", mta.local_mail("carol"))


@scenario(main=RELAY + PASSWORD + "maximal_queue_lifetime = 0\nbounce_queue_lifetime = 0\nmyorigin = example.test\n")
def reports(mta):
    for steps, script in ((["535 5.7.8 wrong"], {}), ([], {"MECHANISMS": "GSSAPI"}), (["334 !!!"], {"MECHANISMS": "LOGIN"})):
        with login_sink(mta, steps, **script):
            send(mta, sender="alice@example.test")
    mta.note_mail("the sender's", mta.local_mail("alice"))


@scenario(main=RELAY + PASSWORD)
def servers_that_lie(mta):
    for challenge in ("!!!", "=", "YQ", b64(b"a\0b"), " " + b64("x"), b64("x" * 1500), "-", "x\n334 y"):
        tried(mta, ["334 " + challenge, OK], MECHANISMS="CRAM-MD5")
    tried(mta, ["334-" + b64("x") + "\n334 " + b64("y"), OK], MECHANISMS="CRAM-MD5")
    tried(mta, ["334", OK], MECHANISMS="CRAM-MD5")
    tried(mta, ["334 x"] * 20, MECHANISMS="LOGIN")
    tried(mta, ["334 " + b64("realm=\"x\",nonce=\"y\""), "334 cnNwYXV0aD0x", OK], MECHANISMS="SCRAM-SHA-1", note=False)
    tried(mta, ["334 " + b64("nothing"), OK], MECHANISMS="DIGEST-MD5")
    for mechanisms in ("", "GSSAPI NTLM2", "X" * 900, "PLAIN " * 100):
        mta.note("m", mechanisms[:20])
        tried(mta, [OK], MECHANISMS=mechanisms)
    for last in ("HANG", "CLOSE"):
        tried(mta, [last])
        tried(mta, ["334 " + b64("Username:"), last], MECHANISMS="LOGIN")


@scenario(main=RELAY + PASSWORD)
def megabyte(mta):
    tried(mta, ["334 " + "QUFB" * 300000, OK], MECHANISMS="CRAM-MD5")


def keys(*pairs):
    return "inline:{" + " ".join(f"{{{key}={value}}}" for key, value in pairs) + "}"


BY_SENDER = "smtp_sender_dependent_authentication = yes\n"
SENDERS = (("carol@example.test", "carol:1"), ("dave", "dave:2"), ("@virt.test", "virt:3"), ("[@NET@.31]:2525", "relay:5"))
SEVERAL = """\
smtp_sasl_password_maps = inline:{{mx.one.test=one:1} {two.test=two:2} {[mx.three.test]:2525=three:3} {[mx.four.test]=four:4} {mx.five.test:2525=five:5} {six.test:2525=six:6}
    {MX.Seven.test=seven:7} {eight=:8} {mx.eight.test=nopassword}}
transport_maps = inline:{{three.test=smtp:[mx.three.test]:2525} {four.test=smtp:[mx.four.test]:2525} {five.test=smtp:[mx.five.test]:2525} {six.test=smtp:six.test:2525}}
"""


@scenario(main=RELAY.split("\n", 1)[1] + SEVERAL + PORT)
def keys_of_servers(mta):
    hosts()
    for number, name in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 31):
        with login_sink(mta, [OK], host=number):
            send(mta, f"x@{name}.test")


@scenario(main=RELAY + BY_SENDER + f"smtp_sasl_password_maps = {keys(*SENDERS)}\n")
def keys_of_senders(mta):
    for sender in ("carol@example.test", "carol+ext@example.test", "dave@example.test", "dave+x@localhost", "eve@virt.test", "eve@else.test", "", "CAROL@example.test"):
        with login_sink(mta, [OK]):
            send(mta, sender=sender)


@scenario(main=RELAY.replace("on_demand = no", "on_demand = yes") + BY_SENDER + f"smtp_sasl_password_maps = {keys(*SENDERS)}\nsmtp_connection_cache_destinations = @NET@.31\n",
          ignore="conn_use=")
def one_login_one_connection(mta):
    with login_sink(mta, [OK], note=False) as sink:
        for sender in ("carol@example.test", "dave@example.test", "carol@example.test", "eve@else.test", "dave@example.test"):
            send(mta, sender=sender)
        logins = [line for line in sink.commands if line.startswith("AUTH")]
    mta.note("connections", sink.connections)
    mta.note("logins", logins)


@scenario(main=RELAY.replace("on_demand = no", "on_demand = yes") + PASSWORD + "smtp_connection_cache_destinations = static:all\n")
def a_kept_connection_keeps_its_login(mta):
    """Postfix asks with RSET whether the server is still there."""
    with login_sink(mta, [OK], note=False) as sink:
        for sender in ("carol@example.test", "dave@example.test", ""):
            send(mta, sender=sender)
        mta.note("commands", [line for line in sink.commands if line not in ("RSET", "QUIT")])
    mta.note("connections", sink.connections)


@scenario(main=RELAY + "smtp_sasl_password_maps = fail:no\n")
def passwords_that_cannot_be_read(mta):
    tried(mta, [OK])


@scenario(main=RELAY + PASSWORD.replace("joe:secret", "joe:se:cr:et") + "smtp_send_dummy_mail_auth = yes\nsend_cyrus_sasl_authzid = yes\n")
def what_else_is_sent(mta):
    tried(mta, [OK])
    tried(mta, [OK], EHLO="250-sink\n250-SIZE 10000000\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 AUTH PLAIN")
    tried(mta, [OK], EHLO="250 sink")


@scenario(main=RELAY + PASSWORD + "smtp_sasl_mechanism_filter = !plain, static:all\nsmtp_discard_ehlo_keywords = dsn\n")
def mechanism_filter(mta):
    for mechanisms in ("PLAIN LOGIN", "PLAIN", "LOGIN PLAIN CRAM-MD5"):
        tried(mta, ["334 " + b64("<1@x>"), "334 x"], MECHANISMS=mechanisms)


@scenario(main=RELAY.replace("noanonymous", "noplaintext, noanonymous") + PASSWORD)
def security_options(mta):
    for mechanisms in ("PLAIN LOGIN", "PLAIN CRAM-MD5", "ANONYMOUS", "EXTERNAL", "ANONYMOUS EXTERNAL PLAIN DIGEST-MD5"):
        tried(mta, ["334 " + b64("<1@x>"), OK], MECHANISMS=mechanisms)


@scenario(main=RELAY.replace("= noanonymous", "=") + PASSWORD)
def no_security_options(mta):
    for mechanisms in ("ANONYMOUS", "EXTERNAL", "EXTERNAL PLAIN", "PLAIN ANONYMOUS"):
        tried(mta, ["334 ", OK], MECHANISMS=mechanisms)


@scenario(main=RELAY + PASSWORD + "smtp_discard_ehlo_keywords = auth\n")
def keyword_ignored(mta):
    tried(mta, [OK])


CACHE = "smtp_sasl_auth_cache_name = proxy:btree:@ROOT@/data/refused\n"


@scenario(main=RELAY + PASSWORD + CACHE, ignore="problem talking to service|overriding earlier")
def refused_logins_are_remembered(mta):
    for reply in ("535 5.7.8 wrong;really", "454 4.7.0 not now", "535-a\n535 b", OK):
        tried(mta, [reply])
    dump = mta.run("postmap", "-s", f"btree:{mta.root}/data/refused", record=False)
    mta.note("the table", re.sub(r"\d{10}", "TIME", dump.stdout))
    mta.set_main("smtp_sasl_password_maps = inline:{[@NET@.31]:2525=joe:other}\nsmtp_sasl_auth_soft_bounce = no\n")
    mta.reload()
    tried(mta, ["535 5.7.8 wrong again"])
    tried(mta, [OK])
    mta.set_main("smtp_sasl_auth_cache_time = 0\n")
    mta.reload()
    time.sleep(1.2)
    tried(mta, [OK])


BAD = ("smtp_sasl_type=nosuch", "smtp_sasl_password_maps=", "smtp_sasl_security_options=nosuch", "smtp_sasl_auth_cache_name=btree:@ROOT@/data/x")


@scenario(main=PORT + PASSWORD + "smtp_sasl_auth_enable = yes\ntransport_maps = inline:{" + " ".join(f"{{b{n}.test=bad{n}:[@NET@.31]:2525}}" for n in range(len(BAD))) + "}\n",
          master="".join(f"bad{n} unix - - n - - smtp -o {setting}\n" for n, setting in enumerate(BAD)), log=False)
def settings_that_are_wrong(mta):
    with login_sink(mta, [OK]):
        for number in range(len(BAD)):
            mta.mail("carol@example.test", f"x@b{number}.test", TEXT)
        mta.wait_log(r"fatal:", len(BAD))
        mta.must_run("postsuper", "-d", "ALL", record=False)
    said = sorted(f"{line.tag} {line.text}" for line in mta.log() if "fatal:" in line.text or "SASL" in line.text)
    mta.mark()  # that a process ends is no fault here
    mta.note("what smtp says", "\n".join(said))


TLS = """\
smtp_tls_CAfile = @CONF@/ca.pem
smtp_tls_policy_maps = inline:{{[@NET@.31]:2525=may} {[mx.example.test]:2525=secure match=mx.example.test} {[@NET@.32]:2525=none}}
smtp_sasl_security_options = noanonymous, noplaintext
smtp_sasl_tls_security_options = noanonymous, mutual_auth
smtp_sasl_tls_verified_security_options = noanonymous
smtp_sasl_password_maps = static:joe:secret
transport_maps = inline:{{may.test=smtp:[@NET@.31]:2525} {secure.test=smtp:[mx.example.test]:2525} {none.test=smtp:[@NET@.32]:2525}}
"""


@scenario(main=RELAY.replace("smtp_sasl_security_options = noanonymous\n", "") + TLS, files=certificates.files(), ignore="TLS connection established")
def what_tls_changes(mta):
    context = certificates.server_context()
    hosts()
    greeting = "250-sink.test\n250-STARTTLS\n250 AUTH PLAIN"
    for name, number in (("may", 31), ("secure", 31), ("none", 32)):
        for mechanisms in ("PLAIN", "CRAM-MD5", "SCRAM-SHA-1"):
            with login_sink(mta, [OK] if mechanisms == "PLAIN" else ["334 " + b64("<1@x>"), OK], host=number, note=mechanisms != "SCRAM-SHA-1", STARTTLS="220 go", TLS=context,
                            EHLO=greeting.replace("PLAIN", mechanisms)):
                send(mta, f"x@{name}.test")
