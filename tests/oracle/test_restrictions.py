"""Every restriction by its name, on the same clients, greetings and addresses."""
import ipaddress

from support import check
from support.auth_server import AuthServer
from support.compare import scenario
from support.room import room

TABLE = "inline:{{ns1.dom.test=REJECT by server name} {192.0.2.53=DEFER by server address} {192.0.2=WARN network} {good.test=REJECT by name} {mx.good.test=OK}}"
RESTRICTIONS = [
    "reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_unknown_address", "reject_unknown_helo_hostname", "reject_unknown_hostname",
    "reject_unknown_client", "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "reject_invalid_hostname", "reject_invalid_helo_hostname",
    "reject_non_fqdn_hostname", "reject_non_fqdn_helo_hostname", "reject_non_fqdn_sender", "reject_non_fqdn_recipient", "reject_unlisted_sender",
    "reject_unlisted_recipient", "check_recipient_maps", "reject_plaintext_session", "reject_unauth_pipelining", "reject_multi_recipient_bounce",
    "permit_tls_clientcerts, reject", "permit_tls_all_clientcerts, reject", "permit_mynetworks, reject", "permit_inet_interfaces, reject", "permit_naked_ip_address", "check_relay_domains",
    "permit_auth_destination, reject", "permit_mx_backup, reject", "reject_unauth_destination", "defer_unauth_destination",
    "reject_rbl_client rbl.test", "reject_rbl rbl.test", "reject_rbl_client rbl.test=127.0.0.2", "reject_rbl_client rbl.test=127.0.0.[3..9]", "reject_rbl_client rbl.test=127.0.[0;1].[1;2..5]",
    "reject_rbl_client failing.test", "reject_rbl_client silent.test", "reject_rbl_client own.reply.test", "reject_rbl_client bad.reply.test", "reject_maps_rbl",
    "reject_rhsbl_client rhsbl.test", "reject_rhsbl_reverse_client rhsbl.test", "reject_rhsbl_helo rhsbl.test", "reject_rhsbl_sender rhsbl.test", "reject_rhsbl_recipient rhsbl.test",
    "reject_rhsbl_sender failing.test", "permit_dnswl_client rbl.test, reject", "permit_dnswl_client failing.test, reject", "permit_dnswl_client silent.test, reject", "permit_rhswl_client rhsbl.test, reject",
    "permit_rhswl_client failing.test, reject", "permit_dnswl_client failing.test, permit", "warn_if_reject permit_dnswl_client failing.test, reject",
    f"check_client_ns_access {TABLE}", f"check_client_mx_access {TABLE}", f"check_client_a_access {TABLE}", f"check_reverse_client_hostname_ns_access {TABLE}",
    f"check_reverse_client_hostname_mx_access {TABLE}", f"check_reverse_client_hostname_a_access {TABLE}", f"check_helo_ns_access {TABLE}", f"check_helo_mx_access {TABLE}",
    f"check_helo_a_access {TABLE}", f"check_sender_ns_access {TABLE}", f"check_sender_mx_access {TABLE}", f"check_sender_a_access {TABLE}", f"check_recipient_ns_access {TABLE}",
    f"check_recipient_mx_access {TABLE}", f"check_recipient_a_access {TABLE}", f"check_sasl_access {TABLE}", f"check_ccert_access {TABLE}", f"check_etrn_access {TABLE}",
    "reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch", "reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch",
    "permit_sasl_authenticated, reject", "warn_if_reject reject_unknown_sender_domain, reject_non_fqdn_sender", "warn_if_reject defer_if_permit, permit", "defer_if_permit, permit",
    "reject_unknown_sender_domain, permit", "reject_unknown_sender_domain, reject", "defer_if_reject, reject_non_fqdn_sender, reject", "sleep 0, reject",
    "reject_rbl_client", "reject_rhsbl_sender rhsbl.test reject_rbl_client rbl.test",
    "reject_rbl_client nosuch.reply.test", "reject_rbl_client macros.reply.test",
]
CLASSES = "smtpd_restriction_classes = " + " ".join(f"r{n}" for n in range(len(RESTRICTIONS))) + "\n" + "".join(f"r{n} = {r}\n" for n, r in enumerate(RESTRICTIONS))
SETTINGS = CLASSES + """smtpd_sender_login_maps = inline:{{joe@example.test=joe} {joe@good.test=joe,ann} {@owned.test=ann} {bare=bare}}
rbl_reply_maps = inline:{{own.reply.test=$$rbl_code own words about $$rbl_what} {bad.reply.test=no code}
  {macros.reply.test = 521 4.7.9 $$client|$$client_address|$$client_name|$$reverse_client_name|$$helo_name|$$rbl_class|$$rbl_domain|$$rbl_reason|$$rbl_txt|$$sender|$$sender_name|$$sender_domain|$$recipient|$$recipient_name|$$recipient_domain|$${rbl_reason?yes}} {nosuch.reply.test = 550 $${nosuch}}}
maps_rbl_domains = silent.test, rbl.test
smtpd_authorized_xclient_hosts = @NET@.0/24
smtpd_recipient_restrictions = check_recipient_access regexp:@CONF@/pick
smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, check_recipient_access regexp:@CONF@/pick, reject
proxy_interfaces = 192.0.2.77
smtpd_reject_unlisted_recipient = no
smtpd_hard_error_limit = 10000
smtpd_soft_error_limit = 10000
notify_classes =
recipient_delimiter = +
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
virtual_mailbox_domains = virt.test
"""
PICK = {"pick": "/^(r[0-9]+)[+].*@|^(r[0-9]+)@/ $1$2\n"}
HELOS = ["EHLO client.remote.test", "HELO short", "EHLO [127.0.0.1]", "EHLO [1.2.3]", "EHLO bad_name..x", "EHLO nothere.test", "EHLO nullmx.test", "EHLO temp.test", "EHLO host.dom.test", "EHLO 1.2.3.4"]
SENDERS = ["", "joe@example.test", "carol@good.test", "joe@good.test", "x@nothere.test", "x@nullmx.test", "x@temp.test", "x@onlya.test", "x@empty.test", "x@host.dom.test", "x@owned.test",
           "nosuch@example.test", "x@[192.0.2.53]", "bare", "x@short", "x@badmx.test", "x@tempmx.test", "x@malformed..test", "joe+ext@good.test"]
DOMAINS = ["virt.test", "good.test", "nothere.test", "nullmx.test", "temp.test", "backed.test", "backup.test", "failingmx.test", "lostmx.test", "example.test", "host.dom.test", "short", "[192.0.2.53]", "rhs.test"]


def reverse(address):
    return ".".join(reversed(address.split(".")))


def fill_dns():
    dns = room().dns
    if getattr(dns, "restrictions", False):
        return
    dns.restrictions = True
    client = reverse(room().address(128))
    dns.add_host("mx.good.test", "192.0.2.10")
    dns.add("good.test", "A", "192.0.2.11")
    dns.add("good.test", "MX", (10, "mx.good.test"))
    dns.add("nullmx.test", "MX", (0, "."))
    dns.fail("temp.test", "SERVFAIL")
    dns.add("onlya.test", "A", "192.0.2.12")
    dns.add("empty.test", "TXT", "nothing")
    dns.add("host.dom.test", "A", "198.51.100.9")
    dns.add("dom.test", "NS", "ns1.dom.test")
    dns.add("dom.test", "NS", "ns2.dom.test")
    dns.add("ns1.dom.test", "A", "192.0.2.53")
    dns.add("badmx.test", "MX", (5, "nowhere.invalid"))
    dns.add("alias.test", "CNAME", "good.test")
    dns.fail("_x.tempmx.test", "SERVFAIL")
    dns.add("tempmx.test", "MX", (5, "temp.test"))
    dns.add("remote.test", "NS", "ns1.dom.test")
    dns.add("backed.test", "MX", (10, "mx.good.test"))
    dns.add("own.host.test", "A", "192.0.2.77")
    dns.add("backed.test", "MX", (20, "own.host.test"))
    dns.add("backup.test", "MX", (10, "own.host.test"))
    dns.add("lostmx.test", "MX", (10, "nowhere.invalid"))
    dns.add("failingmx.test", "MX", (10, "temp.test"))
    for name in ("rbl.test", "nosuch.reply.test", "own.reply.test", "bad.reply.test", "macros.reply.test"):
        dns.add(f"{client}.{name}", "A", "127.0.0.2")
        dns.add(f"{client}.{name}", "TXT", f"Listed, see http://{name}/?x=%1")
    dns.fail(f"{client}.failing.test", "SERVFAIL")
    for name in ("client.remote.test", "good.test", "host.dom.test", "rhs.test"):
        dns.add(f"{name}.rhsbl.test", "A", "127.0.0.3")
        dns.fail(f"{name}.failing.test", "SERVFAIL")
    dns.add("good.test.rhsbl.test", "TXT", "bad words")


def each(mta, variants, first=128):
    """One session for each (client, greeting, sender, domain), all restrictions in it."""
    fill_dns()
    with AuthServer(mta.queue / "private/auth", {"joe": "secret"}):
        for client, login, helo, sender, domain in variants:
            with mta.smtp(client=client) as s:
                s.command(helo)
                if login:
                    s.talk(f"XCLIENT LOGIN={login}", helo)
                s.command(f"MAIL FROM:<{sender}>")
                for number in range(len(RESTRICTIONS)):
                    reply = s.command(f"RCPT TO:<r{number}@{domain}>")
                    if reply.code == "521":
                        break
                s.command("QUIT")


CASE = dict(main=SETTINGS, files=PICK, ignore=r"RBL lookup error|will be removed from Postfix")


@scenario(**CASE)
def greetings(mta):
    each(mta, [(128, None, helo, "carol@good.test", "virt.test") for helo in HELOS])


@scenario(**CASE)
def senders(mta):
    each(mta, [(128, None, HELOS[0], sender, "virt.test") for sender in SENDERS])


@scenario(**CASE)
def recipients(mta):
    each(mta, [(128, None, HELOS[0], "carol@good.test", domain) for domain in DOMAINS])


@scenario(**CASE)
def clients_and_logins(mta):
    each(mta, [(client, login, HELOS[0], sender, "virt.test") for client in (129, 100) for login in (None, "joe", "eve")
               for sender in ("joe@example.test", "x@owned.test", "carol@good.test")])


# -- what waits from one list to the next -----------------------------------------------------------

PENDING = """smtpd_client_restrictions = check_client_access inline:{{client.remote.test = DEFER_IF_PERMIT client}}
smtpd_helo_restrictions = check_helo_access inline:{{helo.test = DEFER_IF_PERMIT helo} {soft.test = DEFER_IF_REJECT helo}}
smtpd_sender_restrictions = check_sender_access inline:{{a@b.test = DEFER_IF_PERMIT sender} {soft@b.test = DEFER_IF_REJECT sender}}
smtpd_recipient_restrictions = check_recipient_access inline:{{no@virt.test = REJECT} {later@virt.test = DEFER_IF_PERMIT rcpt} {soft@virt.test = DEFER_IF_REJECT rcpt}}
smtpd_data_restrictions = check_sender_access inline:{{d@b.test = DEFER_IF_PERMIT data}}
smtpd_reject_unlisted_recipient = yes
smtpd_soft_error_limit = 1000
smtpd_hard_error_limit = 1000
notify_classes =
"""


def pending(mta):
    for client in (128, 100):
        for helo in ("plain.test", "helo.test", "soft.test"):
            with mta.smtp(client=client) as s:
                s.command(f"EHLO {helo}")
                for sender in ("x@b.test", "a@b.test", "soft@b.test", "d@b.test", ""):
                    s.talk(f"MAIL FROM:<{sender}>", "RCPT TO:<u1@virt.test>", "RCPT TO:<no@virt.test>", "RCPT TO:<later@virt.test>", "RCPT TO:<soft@virt.test>",
                           "RCPT TO:<x@elsewhere.test>", "RCPT TO:<u2@virt.test>", "DATA")
                    if s.transcript[-1].startswith("S: 354"):
                        s.talk(".")
                    s.command("RSET")
                s.talk("ETRN virt.test", "VRFY u1@virt.test", "QUIT")


@scenario(main=PENDING + "smtpd_delay_reject = no\n", log=False)
def what_is_pending_without_a_greeting(mta):
    with mta.smtp() as s:
        s.talk("MAIL FROM:<x@b.test>", "RCPT TO:<u1@virt.test>", "RSET", "EHLO plain.test", "MAIL FROM:<x@b.test>", "RCPT TO:<u1@virt.test>", "QUIT")


@scenario(main="smtpd_delay_reject = no\nsmtpd_sender_restrictions = check_sender_access inline:{{held@b.test = HOLD} {bcc@b.test = BCC u2@virt.test}},"
          " check_sender_access inline:{{held@b.test = REJECT} {bcc@b.test = REJECT}}\nnotify_classes =\n")
def what_a_refused_sender_was_to_get(mta):
    with mta.smtp() as s:
        s.talk("EHLO client.test", "MAIL FROM:<held@b.test>", "MAIL FROM:<bcc@b.test>", "MAIL FROM:<good@b.test>", "RCPT TO:<u1@virt.test>")
        s.data("Subject: x\n\nx\n")
        s.command("QUIT")
    mta.settle()
    mta.note("held", len(mta.queue_files("hold")))
    mta.note_mail("u2", mta.virtual("u2"))


test_pending_deferrals = scenario(pending, main=PENDING, log=False)
test_pending_deferrals_at_once = scenario(pending, main=PENDING + "smtpd_delay_reject = no\n", log=False)


# -- address verification ---------------------------------------------------------------------------

@scenario(main="smtpd_sender_restrictions = reject_unverified_sender\nsmtpd_recipient_restrictions = reject_unverified_recipient\naddress_verify_map =\naddress_verify_poll_delay = 1\n"
          "address_verify_negative_refresh_time = 1h\nunverified_recipient_reject_code = 550\nunverified_sender_reject_code = 551\nsmtpd_reject_unlisted_recipient = no\n"
          "virtual_alias_maps = inline:{gone@virt.test=nosuch@virt.test}\nnotify_classes =\n", log=False)
def unverified_addresses(mta):
    for _ in range(2):
        with mta.smtp() as s:
            s.command("EHLO client.test")
            for sender in ("u1@virt.test", "nosuch@virt.test", ""):
                s.talk(f"MAIL FROM:<{sender}>", "RCPT TO:<u2@virt.test>", "RCPT TO:<nosuch@virt.test>", "RCPT TO:<gone@virt.test>", "RSET")
            s.command("QUIT")


@scenario(main="smtpd_client_restrictions = permit_mynetworks, reject\nsmtpd_helo_required = yes\nsmtpd_helo_restrictions = reject_invalid_hostname, reject_unknown_hostname\n"
          "smtpd_sender_restrictions = reject_unknown_sender_domain, reject_non_fqdn_sender\nunknown_address_reject_code = 554\nunknown_hostname_reject_code = 504\n"
          "unknown_address_tempfail_action = defer\nunknown_helo_hostname_tempfail_action = defer\nnotify_classes =\n")
def codes_and_actions_of_the_site(mta):
    fill_dns()
    for helo in ("nothere.test", "temp.test", "good.test"):
        with mta.smtp(client=100) as s:
            s.command(f"EHLO {helo}")
            for sender in ("x@nothere.test", "x@temp.test", "x@good.test", "x@nullmx.test"):
                s.talk(f"MAIL FROM:<{sender}>", "RCPT TO:<u1@virt.test>", "RSET")
            s.command("QUIT")
