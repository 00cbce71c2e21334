"""Under which keys each daemon looks into tables, in which order, and what becomes of mail when a table
cannot answer."""
from support import equal
from support.compare import scenario
from support.instance import Instance
from support.sink import SmtpSink

HELLO = "EHLO client.test"
DOTTED = """parent_domain_matches_subdomains =
relay_domains = .rel.test, plain.test
transport_maps = texthash:@CONF@/transport
relay_transport = error:5.9.1 relay class
default_transport = error:5.9.2 default class
local_transport = error:5.9.3 local class
local_recipient_maps =
"""


TRANSPORTS = {"transport": "\n".join(f"{key} error:5.9.4 found {key}" for key in (
    "u+x@one.test", "u@one.test", "one.test", ".one.test", "u@two.test", "two.test", "three.test", ".four.test", "u+x@five.test", "@six.test",
    "u@", "u", "local+x@example.test", "local@mx.example.test", "eight.test")) + "\nseven.test :\nu@seven.test error:\n.eight.test :[127.0.0.1]:9\n"}
ADDRESSES = [f"{user}@{domain}" for user in ("u+x", "u", "U", "v") for domain in (
    "one.test", "a.one.test", "two.test", "a.three.test", "four.test", "a.four.test", "a.b.four.test", "five.test", "six.test", "seven.test",
    "a.seven.test", "x.rel.test", "rel.test", "plain.test", "a.plain.test")] + [
    "local+x@example.test", "local+x@mx.example.test", "local@example.test", "local", "u", "a@eight.test", "a@b.eight.test"]


def try_recipients(mta):
    with mta.smtp(client=100) as s:
        s.talk(HELLO, "MAIL FROM:<a@b.test>", *(f"RCPT TO:<{address}>" for address in ADDRESSES), "QUIT")


LIMITS = "smtpd_hard_error_limit = 1000\nsmtpd_soft_error_limit = 1000\nnotify_classes =\n"


@scenario(main=DOTTED + LIMITS, files=TRANSPORTS)
def keys_of_transport_tables_with_dotted_parents(mta):
    try_recipients(mta)


@scenario(main=DOTTED.replace("parent_domain_matches_subdomains =\n", "") + LIMITS, files=TRANSPORTS)
def keys_of_transport_tables(mta):
    try_recipients(mta)


def entries(who, target):
    """The forms of a key, alone and together."""
    return "\n".join(f"{key} {target}{number}" for number, key in enumerate((
        f"{who}+x@one.test", f"{who}@one.test", f"{who}@two.test", "@three.test", f"{who}+x", f"{who}", f"{who}@four.test", "@four.test",
        f"{who}+x@mx.example.test", f"{who}2@example.test", f"{who}2", "@five.test"))).replace(
            f"@five.test {target}11", f"@five.test {'@six.test' if target != 'gone' else 'gone11'}")


REWRITING = """canonical_maps = texthash:@CONF@/can
recipient_canonical_maps = texthash:@CONF@/rcan
virtual_alias_maps = texthash:@CONF@/vir
relocated_maps = texthash:@CONF@/rel
smtp_generic_maps = texthash:@CONF@/gen
default_transport = smtp:[@NET@.31]:2525
transport_maps = inline:{{gen.test = discard:}}
local_recipient_maps =
local_transport = discard
append_dot_mydomain = no
""" + LIMITS
FORMS = {"can": entries("can", "c"), "rcan": entries("rcan", "rc"), "vir": entries("vir", "v"), "rel": entries("rel", "gone"),
         "gen": entries("gen", "g")}
DOMAINS = ("one.test", "two.test", "three.test", "four.test", "five.test", "mx.example.test", "example.test", "other.test")


def forms_of(who):
    return [f"{user}@{domain}" for user in (f"{who}+x", who, who.upper(), f"{who}2") for domain in DOMAINS] + [f"{who}+x", f"{who}2+y"]


@scenario(main=REWRITING, files=FORMS)
def keys_of_rewriting_tables(mta):
    for who in ("can", "rcan", "vir"):
        mta.note(who, "")
        with mta.sink():
            mta.mail("a@gen.test", forms_of(who), f"To: {who}+x@one.test, {who}@three.test\nSubject: x\n\nx\n")
            mta.settle()


@scenario(main=REWRITING, files=FORMS)
def keys_of_relocated_tables(mta):
    with mta.smtp(client=100) as s:
        s.talk(HELLO, "MAIL FROM:<a@b.test>", *(f"RCPT TO:<{address}>" for address in forms_of("rel")), "QUIT")


@scenario(main=REWRITING, files=FORMS)
def keys_of_generic_tables(mta):
    with mta.sink():
        for number, sender in enumerate(forms_of("gen")[::2], 1):
            mta.mail(sender, ["far@away.test"], f"From: {sender}\nSubject: x\n\nx\n")
            mta.wait_log("status=sent", number)


@scenario(main="default_transport = discard\nlocal_recipient_maps =\npropagate_unmatched_extensions = alias, virtual",
          aliases="plus+ext: one@far.test\nplus: two@far.test\nonly: three@far.test, only+self@far.test\nMiXed: four@far.test\n"
                  "owner-list: five@far.test\nlist: six@far.test, plus+ext, plus+no\nlist-request: plus\n")
def keys_of_alias_tables(mta):
    mta.mail("a@b.test", [f"{user}@mx.example.test" for user in (
        "plus+ext", "plus+other", "plus", "only+foo", "ONLY", "mixed", "list", "list+x", "list-request+y", "owner-list", "owner-list+z",
        "plus+EXT", "nobody+x")])


# Daemons of which one table cannot be asked: services beside the usual ones.
SMTPD = ("mynetworks=fail:x", "relay_domains=fail:x", "virtual_mailbox_maps=fail:x", "local_recipient_maps=fail:x",
         "relay_recipient_maps=fail:x", "virtual_alias_maps=fail:x", "canonical_maps=fail:x", "recipient_canonical_maps=fail:x",
         "smtpd_discard_ehlo_keyword_address_maps=fail:x", "smtpd_reject_unlisted_sender=yes virtual_mailbox_maps=fail:x",
         "smtpd_reject_unlisted_sender=yes local_recipient_maps=fail:x", "smtpd_client_restrictions=permit_mynetworks,reject mynetworks=fail:x")
CLEANUP = ("virtual_alias_maps", "canonical_maps", "sender_canonical_maps", "recipient_canonical_maps", "sender_bcc_maps", "recipient_bcc_maps")
REWRITE = ("transport_maps", "relocated_maps", "virtual_mailbox_domains", "virtual_alias_domains", "relay_domains", "mydestination",
           "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps")
AGENTS = ("local alias_maps", "local mailbox_command_maps", "local mailbox_transport_maps", "local fallback_transport_maps",
          "virtual virtual_mailbox_maps", "smtp smtp_tls_policy_maps", "smtp smtp_discard_ehlo_keyword_address_maps",
          "virtual virtual_uid_maps -o virtual_mailbox_maps=static:x", "virtual virtual_gid_maps -o virtual_mailbox_maps=static:x")


def failing_services():
    lines = []
    for number, settings in enumerate(SMTPD):
        lines.append(f"@ADDRESS@:{2700 + number} inet n - n - - smtpd " + " ".join(f"-o {setting}" for setting in settings.split(" ")))
    for number, parameter in enumerate(CLEANUP):
        lines.append(f"cleanup{number} unix n - n - 0 cleanup -o {parameter}=fail:x")
        lines.append(f"@ADDRESS@:{2800 + number} inet n - n - - smtpd -o cleanup_service_name=cleanup{number}")
    for number, parameter in enumerate(REWRITE):
        lines.append(f"rewrite{number} unix - - n - - trivial-rewrite -o {parameter}=fail:x")
        lines.append(f"@ADDRESS@:{2900 + number} inet n - n - - smtpd -o rewrite_service_name=rewrite{number}")
    for number, agent in enumerate(AGENTS):
        program, parameter, *more = agent.split(" ")
        lines.append(f"agent{number} unix - n n - - {program} -o {parameter}=fail:x {' '.join(more)}")
    return "\n".join(lines) + "\n"


FAILING = "transport_maps = inline:{%s}\nrelay_domains = relay.test\nnotify_classes =\nsmtpd_error_sleep_time = 0\n" % ", ".join(
    "{agent%d.test = agent%d%s}" % (number, number, ":[@NET@.31]:2525" if agent.startswith("smtp") else ":") for number, agent in enumerate(AGENTS))
RECIPIENTS = ("u1@virt.test", "alice@example.test", "x@relay.test", "nobody@virt.test", "nobody@example.test", "far@away.test")


# Ours resolves senders with the null sender as theirs, and does not call a failure of a table "not found".
def failing(function):
    return scenario(function, main=FAILING, master=failing_services(), ignore=r'lookup error for ""<>""|virtual_[ug]id_maps')


def try_ports(mta, first, count, client=100):
    for port in range(first, first + count):
        mta.note(port, "")
        with mta.smtp(port=port, client=client) as s:
            s.talk("EHLO c.test", "MAIL FROM:<bob@example.test>", *(f"RCPT TO:<{recipient}>" for recipient in RECIPIENTS), "QUIT")


@failing
def tables_of_smtpd_fail(mta):
    try_ports(mta, 2700, len(SMTPD))
    try_ports(mta, 2700, len(SMTPD), client=140)


@failing
def tables_of_cleanup_fail(mta):
    for number in range(len(CLEANUP)):
        with mta.smtp(port=2800 + number, client=100) as s:
            s.mail("bob@example.test", "u1@virt.test", "From: bob@example.test\nTo: u1@virt.test\nSubject: x\n\nx\n")
            s.command("QUIT")
        mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@failing
def tables_of_trivial_rewrite_fail(mta):
    try_ports(mta, 2900, len(REWRITE))


@failing
def tables_of_agents_fail(mta):
    with mta.sink():
        for number in range(len(AGENTS)):
            mta.mail("bob@example.test", [f"alice@agent{number}.test"])
            mta.settle()


def test_generic_table_fails():
    """Postfix's client dies of it; ours defers the mail, and what is not half sent already is sent."""
    mta = Instance("ours", main="smtp_generic_maps = fail:x\ndefault_transport = smtp:[@NET@.31]:2525")
    sink = SmtpSink(mta.room.address(31), 2525, {})
    mta.room.defer(sink.stop)
    mta.start()
    mta.mail("bob@example.test", ["far@away.test"])
    mta.wait_log(r"dsn=4.3.0, status=deferred \(local data error while talking to \S+\)")
    mta.wait_log("warning: smtp_generic_maps map lookup problem for bob@example.test")
    equal(len(sink.transactions), 0, "messages at the sink")
