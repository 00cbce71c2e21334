"""access(5): what tables answer, and the order in which they are asked."""
from support import check
from support.compare import scenario
from support.room import room

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
VIRTUAL = "smtpd_reject_unlisted_recipient = no\n"


def table(entries):
    return "".join(f"{key} {value}\n" for key, value in entries.items())


# -- the answers ------------------------------------------------------------------------------------

ANSWERS = [
    "OK", "ok", "RELAY", "550", "4", "12345", "REJECT", "reject", "REJECT go away", "REJECT 5.7.99 with dsn", "REJECT 4.7.9 soft dsn",
    "DEFER", "DEFER later please", "DEFER 4.2.1 with dsn", "DEFER 5.2.1 hard dsn", "450 later", "450 4.2.0 later",
    "450 5.2.0 odd", "550 no", "599 odd number", "299 no error", "350 nor this", "600 nor this", "55 short", "5500 long",
    "421 go", "521 go", "DUNNO", "dunno really", "WARN", "WARN take care", "INFO", "INFO take note", "DEFER_IF_PERMIT",
    "DEFER_IF_PERMIT maybe", "DEFER_IF_PERMIT 4.3.3 maybe", "DEFER_IF_REJECT", "DEFER_IF_REJECT perhaps", "DEFER_IF_REJECT perhaps, reject",
    "HOLD", "HOLD for a while", "DISCARD", "DISCARD silently", "FILTER", "FILTER smtp", "FILTER smtp:[127.0.0.1]:9", "FILTER smtp:", "REDIRECT",
    "REDIRECT nobody", "REDIRECT a@b.test", "BCC", "BCC nobody", "BCC a@b.test", "PREPEND", "PREPEND X-Header: yes", "PREPEND no header", "nonsense",
    "nonsense words", "permit", "reject", "reject_unauth_destination", "defer", "a_class", "a_class_of_a_class", "an_empty_class",
    "check_sender_access inline:{carol@remote.test=REJECT}", "inline:{x=y}", "warn_if_reject reject", "warn_if_reject, reject_unauth_destination, permit",
    "defer_if_permit", "defer_if_reject, reject", "sleep 0", "reject_unlisted_recipient", "reject_plaintext_session", "HANGUP", "SHUTDOWN", "ERROR", "DELAY 5s",
    "STRIP x", "IGNORE", "REPLACE x", "permit_sasl_authenticated, reject", "check_sender_access", "reject_rbl_client", "DUNNO, reject", "OK, reject",
    "permit reject", "reject_non_fqdn_sender reject", "reject_code", "554 <b>tags</b> and \"quotes\"", "REJECT caf\u00e9",
]


def answers(mta):
    left = list(range(len(ANSWERS)))
    while left:
        with mta.smtp() as s:
            s.command(HELLO)
            while left:
                s.command(FROM)
                reply = s.command(f"RCPT TO:<c{left.pop(0)}@virt.test>")
                if reply.code in ("421", "521") or s.command("RSET").code != "250":
                    break


CLASSES = """notify_classes =
smtpd_restriction_classes = a_class a_class_of_a_class an_empty_class
a_class = reject_unauth_destination reject
a_class_of_a_class = a_class
an_empty_class = permit_mynetworks
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
"""


@scenario(main=VIRTUAL + CLASSES + "smtpd_recipient_restrictions = check_recipient_access texthash:@CONF@/answers, reject_unauth_destination",
          files={"answers": table({f"c{n}@virt.test": a for n, a in enumerate(ANSWERS)})})
def every_answer_for_a_recipient(mta):
    answers(mta)


@scenario(main=VIRTUAL + CLASSES + "smtpd_relay_restrictions = check_recipient_access texthash:@CONF@/answers, reject",
          files={"answers": table({f"c{n}@virt.test": a for n, a in enumerate(ANSWERS)})})
def every_answer_before_a_reject(mta):
    answers(mta)


@scenario(main=VIRTUAL + CLASSES + "smtpd_helo_restrictions = check_helo_access texthash:@CONF@/answers\nsmtpd_delay_reject = no\n",
          files={"answers": table({f"c{n}.test": a for n, a in enumerate(ANSWERS)})})
def every_answer_for_helo(mta):
    for number in range(len(ANSWERS)):
        with mta.smtp() as s:
            s.talk(f"EHLO c{number}.test", "QUIT")


@scenario(main=VIRTUAL + CLASSES + "smtpd_etrn_restrictions = check_etrn_access texthash:@CONF@/answers\n",
          files={"answers": table({f"c{n}.test": a for n, a in enumerate(ANSWERS)})})
def every_answer_for_etrn(mta):
    for number in range(len(ANSWERS)):
        with mta.smtp() as s:
            s.talk(HELLO, f"ETRN c{number}.test", "QUIT")


@scenario(main=VIRTUAL + "access_map_reject_code = 571\naccess_map_defer_code = 471\nmaps_rbl_reject_code = 521\nsoft_bounce = no\n"
          "smtpd_sender_restrictions = inline:{a@b.test=REJECT c@d.test=DEFER { e@f.test = DEFER_IF_PERMIT }}\n")
def other_codes(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for sender in ("a@b.test", "c@d.test", "e@f.test"):
            s.talk(f"MAIL FROM:<{sender}>", "RCPT TO:<u1@virt.test>", "RSET")


# -- what a message gets ------------------------------------------------------------------------------

MESSAGE = {
    "hold@virt.test": "HOLD", "discard@virt.test": "DISCARD", "redirect@virt.test": "REDIRECT u2@virt.test", "bcc@virt.test": "BCC u2@virt.test",
    "prepend@virt.test": "PREPEND X-First: 1", "prepend2@virt.test": "PREPEND X-Second: 2", "filter@virt.test": "FILTER virtual:", "u1@virt.test": "DUNNO",
    "filter2@virt.test": "FILTER discard:x",
}


def message(*recipients):
    @scenario(main="virtual_alias_maps = inline:{" + " ".join(f"{key}=u1@virt.test" for key in MESSAGE if not key.startswith("u")) + "}\n"
              "smtpd_recipient_restrictions = check_recipient_access texthash:@CONF@/message\n", files={"message": table(MESSAGE)})
    def test(mta):
        with mta.smtp(client=100) as s:
            s.mail("carol@remote.test", [f"{name}@virt.test" for name in recipients], "Subject: x\n\nbody\n")
            s.command("QUIT")
        mta.settle()
        mta.note_mail("u1", mta.virtual("u1"))
        mta.note_mail("u2", mta.virtual("u2"))
        mta.note("held", len(list(mta.queue_files("hold"))))
    return test


test_hold = message("hold")
test_discard = message("u1", "discard", "hold")
test_redirect = message("redirect", "u1")
test_bcc = message("u1", "bcc")
test_two_bccs = message("bcc", "bcc")
test_prepend = message("prepend", "prepend2", "u1")
test_filter = message("filter")
test_the_last_filter = message("filter", "filter2")
test_hold_and_bcc = message("hold", "bcc", "prepend")


@scenario(main=VIRTUAL + "smtpd_data_restrictions = check_sender_access inline:{{a@data.test = REJECT} {b@data.test = PREPEND X-Data: 1} {c@data.test = DUNNO}"
          " {d@data.test = DEFER_IF_PERMIT} {h@data.test = }}, check_recipient_access inline:{u1@virt.test=OK u2@virt.test=REJECT}\n"
          "smtpd_end_of_data_restrictions = check_sender_access inline:{{c@data.test = PREPEND X-Late: 1} {b@data.test = WARN} {e@data.test=REJECT} {f@data.test=HOLD} {g@data.test=421 no}}")
def restrictions_at_data(mta):
    for name in "abcdefgh":
        for recipients in (["u1"], ["u2"], ["u1", "u2"]):
            with mta.smtp() as s:
                s.talk(HELLO)
                s.mail(f"{name}@data.test", [f"{r}@virt.test" for r in recipients], "Subject: x\n\nbody\n")
                s.command("QUIT")


# -- the order of the search -----------------------------------------------------------------------

def echo_table(*keys):
    """Each key with an answer that names it."""
    return table({key: f"WARN found:{n}" for n, key in enumerate(keys)})


ADDRESSES = ["user+ext@host.sub.dom.test", "user@host.sub.dom.test", "other@host.sub.dom.test", "other@sub.dom.test", "user@elsewhere.test",
             "user+ext@elsewhere.test", "x@dom.test", "x@alice", "alice", '"a b"@quoted.test', "UPPER@HOST.Test", "x@[127.0.0.1]", "postmaster",
             "a%b@dom.test", "u1+x@virt.test", "@dom.test:y@routed.test", "a@b@dom.test", "x@sub.dom.test.", "x@com", "owner-list@l.test"]
KEYSETS = {
    "whole": ["user+ext@host.sub.dom.test", "user@host.sub.dom.test", "a b@quoted.test", '"a b"@quoted.test', "upper@host.test", "alice@mx.example.test"],
    "domains": ["sub.dom.test", "host.sub.dom.test", "[127.0.0.1]", "mx.example.test", "example.test", "virt.test", "com"],
    "parents": ["dom.test", "test"],
    "dotted": [".dom.test", ".test", ".sub.dom.test"],
    "mixed": ["user@", "sub.dom.test", "user+ext@", "elsewhere.test", "@dom.test", "x@", "dom.test"],
    "locals": ["user@", "user+ext@", "alice@", "postmaster@", "u1+x@", "u1@"],
}


def search_of_addresses(keys, style):
    @scenario(main=VIRTUAL + f"parent_domain_matches_subdomains = {style}\nrecipient_delimiter = +\nsmtpd_sender_restrictions = check_sender_access texthash:@CONF@/keys\n"
              "smtpd_relay_restrictions = check_recipient_access texthash:@CONF@/keys, permit_mynetworks, reject_unauth_destination\n",
              files={"keys": echo_table(*keys)})
    def test(mta):
        with mta.smtp(client=100) as s:
            s.command(HELLO)
            for address in ADDRESSES:
                s.talk(f"MAIL FROM:<{address}>", f"RCPT TO:<{address}>", "RSET")
            s.talk("MAIL FROM:<>", "RCPT TO:<u1@virt.test>")
    return test


for keys_name, keyset in KEYSETS.items():
    for style_name, parents in (("plain", "smtpd_access_maps"), ("dotted", "")):
        globals()[f"test_search_of_addresses_{keys_name}_{style_name}"] = search_of_addresses(keyset, parents)

test_search_of_the_null_sender = search_of_addresses(["<>", "user@"], "")


CLIENTS = ["ADDR=192.0.2.17 NAME=h.sub.dom.test REVERSE_NAME=r.rev.test", "ADDR=192.0.2.17 NAME=[UNAVAILABLE] REVERSE_NAME=r.rev.test", "ADDR=IPV6:2001:db8:1:2::3 NAME=six.test",
           "ADDR=10.1.2.3 NAME=unknown", "ADDR=198.51.100.7 NAME=sub.dom.test REVERSE_NAME=[TEMPUNAVAIL]"]
CLIENT_KEYS = {
    "names": ["h.sub.dom.test", "r.rev.test", "unknown", "six.test"], "parents": ["dom.test", ".dom.test", "rev.test"], "top": ["test"],
    "addresses": ["192.0.2.17", "2001:db8:1:2::3", "10.1.2.3"], "networks": ["192.0.2", "10", "2001:db8", "198.51"], "wide": ["192", "2001:db8:1:2", "198", "10.1"],
}


def search_of_clients(keys):
    @scenario(main=VIRTUAL + "smtpd_authorized_xclient_hosts = @NET@.0/24\nsmtpd_client_restrictions = check_client_access texthash:@CONF@/keys,"
              "check_reverse_client_hostname_access texthash:@CONF@/keys\nsmtpd_helo_restrictions = texthash:@CONF@/keys\n"
              "smtpd_etrn_restrictions = texthash:@CONF@/keys", files={"keys": echo_table(*keys)})
    def test(mta):
        for client in CLIENTS:
            with mta.smtp() as s:
                s.talk(HELLO, f"XCLIENT {client}", "EHLO h.sub.dom.test", FROM, "RCPT TO:<u1@virt.test>", "RSET", "HELO [192.0.2.17]", FROM,
                       "RCPT TO:<u1@virt.test>", "RSET", "HELO 192.0.2.17", FROM, "RCPT TO:<u1@virt.test>", "RSET", "ETRN h.sub.dom.test", "ETRN [192.0.2.17]", "QUIT")
    return test


for keys_name, keyset in CLIENT_KEYS.items():
    globals()[f"test_search_of_clients_{keys_name}"] = search_of_clients(keyset)


@scenario(main=VIRTUAL + "smtpd_recipient_restrictions = check_recipient_access regexp:@CONF@/patterns, check_sender_access cidr:@CONF@/cidr, check_client_access cidr:@CONF@/cidr\n",
          files={"patterns": "/^.*$/ WARN key:$0\n/(/ WARN broken\n/^user@$/ REJECT partial\n", "cidr": "0.0.0.0/0 WARN all\n127.0.0.0/33 REJECT bad\n"})
def pattern_tables(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM, "RCPT TO:<user+x@virt.test>", "RCPT TO:<user@virt.test>", "QUIT")


@scenario(main=VIRTUAL + "smtpd_restriction_classes = missing, failing, nosuch\nmissing = check_sender_access hash:@CONF@/missing\nfailing = check_sender_access fail:x\n"
          "nosuch = check_sender_access nosuchtype:x\nsmtpd_recipient_restrictions = check_recipient_access inline:{u1@virt.test=missing u2@virt.test=failing u3@virt.test=nosuch}",
          ignore="open database")
def tables_that_do_not_answer(mta):
    with mta.smtp() as s:  # one, as each process that opens the tables says so
        s.command(HELLO)
        for _ in range(2):
            s.talk(FROM, "RCPT TO:<u1@virt.test>", "RCPT TO:<u2@virt.test>", "RCPT TO:<u3@virt.test>", "RSET")
        s.command("QUIT")


@scenario(main=VIRTUAL + "smtpd_data_restrictions = texthash:@CONF@/t\nsmtpd_restriction_classes = cl\ncl = texthash:@CONF@/t\nsmtpd_sender_restrictions = cl\n"
          "smtpd_client_restrictions = check_sender_access", files={"t": "a b\n"})
def tables_in_the_wrong_place(mta):
    for client in (128, 100):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, FROM, "RCPT TO:<u1@virt.test>", "DATA", "QUIT")


@scenario(main="smtpd_restriction_classes = etrn\netrn = check_etrn_access inline:{{no.virt.test = REJECT not this} {virt.test = WARN parent}}\nfast_flush_domains = virt.test\n"
          "smtpd_etrn_restrictions = check_client_access inline:{{client.remote.test = etrn}}, check_helo_access inline:{{hold.test = HOLD}}\nsmtpd_discard_ehlo_keywords = silent-discard\nnotify_classes =\n"
          "parent_domain_matches_subdomains = smtpd_access_maps\n")
def etrn_through_other_tables(mta):
    """A list in a table of clients still knows what ETRN is about."""
    for helo in ("client.test", "hold.test"):
        with mta.smtp() as s:
            s.talk(f"EHLO {helo}", "ETRN no.virt.test", "ETRN virt.test", "ETRN sub.virt.test", "QUIT")
