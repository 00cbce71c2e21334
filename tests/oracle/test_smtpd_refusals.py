"""What is added to refusals, what is logged of permits, and answers of DNS that smtpd does not look at."""
from support.compare import scenario
from support.room import room

PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\nnotify_classes =\n"


# -- footers ------------------------------------------------------------------------------------------

def talk(mta, client=128):
    with mta.smtp(client=client) as s:
        s.talk("BOGUS", "EHLO <client>.test", "MAIL FROM:<\"a b\"@remote.test>", "RCPT TO:<nobody@virt.test>", "RCPT TO:<x@elsewhere.test>", "RCPT TO:<u1@virt.test>",
               "RCPT TO", "VRFY nobody@virt.test", "RCPT TO:<deferred@virt.test>", "DATA x", "RSET", "EXPN", "ETRN", "MAIL FROM:<>", "RCPT TO:<x@elsewhere.test>", "BDAT x")


def footer(text, more=""):
    @scenario(main=PATIENT + f"smtpd_reject_footer = {text}\nsmtpd_recipient_restrictions = check_recipient_access inline:{{deferred@virt.test=DEFER}}\n" + more, ignore="nothing")
    def test(mta):
        talk(mta)
    return test


test_footer_with_names = footer("$client|${client_address}|$(client_name)|$reverse_client_name|$helo_name|$server_name|$sender|$sender_name|$sender_domain|"
                                "$recipient|$recipient_name|$recipient_domain|${sender?{yes}:{no}}")
test_footer_on_the_same_line = footer(r"\c; ask $server_name")
test_footer_of_many_lines = footer(r"one\ntwo $client_address\n\nfour\n")
test_footer_continued_and_new_line = footer(r"\c more\nnext\c line")
test_footer_with_unknown_names = footer("see $bogus and $client_ports $mail_name")
test_footer_with_a_mistake = footer("see ${client_address")
test_footer_softened = footer("help $client_address", "soft_bounce = yes\n")
test_footer_of_tables = footer("by default", "smtpd_reject_footer_maps = regexp:{{/^550 5\\.1\\.1/ unknown: $$$$recipient at $$$$server_name} {/^4/ \\c, later} {/^4.*(Relay)/ $$1}}, inline:{{500 5.5.2 Error: command not recognized=what?}}\n")
test_footer_of_tables_that_fail = footer("by default", "smtpd_reject_footer_maps = fail:maps\n")
test_footer_of_tables_softened = footer("", "soft_bounce = yes\nsmtpd_reject_footer_maps = regexp:{{/^5/ five} {/^4/ four}}\n")


@scenario(main=PATIENT + "smtpd_reject_footer = at $client_address\nsmtpd_client_restrictions = reject\nsmtpd_delay_reject = no\n")
def footer_at_once(mta):
    talk(mta)


# -- permits ---------------------------------------------------------------------------------------------

PERMITS = {
    "permit": "permit", "permit_mynetworks": "permit_mynetworks", "permit_inet_interfaces": "permit_inet_interfaces", "permit_auth_destination": "permit_auth_destination",
    "table": "check_sender_access inline:{{table@remote.test=OK text}}", "relay": "check_client_access static:RELAY", "number": "check_recipient_access static:1234",
    "class": "a_class", "nested": "check_sender_access static:a_class", "warned": "warn_if_reject reject, permit", "discard": "check_sender_access static:DISCARD",
    "permit_words": "check_sender_access static:permit", "pending": "defer_if_permit, permit", "helo": "check_helo_access static:OK",
    "dnswl": "permit_dnswl_client white.test", "rhswl": "permit_rhswl_client rhswl.test", "login": "permit_sasl_authenticated", "mx": "permit_mx_backup",
    "route": "check_recipient_access static:OK", "hold": "check_sender_access static:HOLD, permit", "certificates": "permit_tls_all_clientcerts",
}


def permits(actions, delay="yes"):
    @scenario(main=PATIENT + "smtpd_reject_unlisted_recipient = no\nsmtpd_restriction_classes = a_class " + " ".join(f"c_{name}" for name in PERMITS) + "\na_class = permit_mynetworks, permit\n"
              + "".join(f"c_{name} = {how}\n" for name, how in PERMITS.items()) + "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\nsmtpd_authorized_xclient_hosts = @NET@.0/24\n"
              "smtpd_recipient_restrictions = check_sender_access inline:{" + " ".join(f"{name}@remote.test=c_{name}" for name in PERMITS) + "}\n"
              f"smtpd_client_restrictions = permit_mynetworks, permit\nsmtpd_helo_restrictions = permit\nsmtpd_data_restrictions = permit\nsmtpd_end_of_data_restrictions = check_sender_access static:OK\n"
              f"smtpd_etrn_restrictions = permit\nsmtpd_sender_restrictions = check_sender_access inline:{{table@remote.test=OK}}\nsmtpd_log_access_permit_actions = {actions}\nsmtpd_delay_reject = {delay}\n"
              "smtpd_discard_ehlo_keywords = silent-discard, chunking\n")
    def test(mta):
        dns = room().dns
        if not getattr(dns, "whitelist", False):
            dns.whitelist = True
            dns.add("128." + ".".join(reversed(room().net.split("."))) + ".white.test", "A", "127.0.0.2")
            dns.add("client.remote.test.rhswl.test", "A", "127.0.0.2")
        for client in (100, 128):
            with mta.smtp(client=client) as s:
                s.command("EHLO client.test")
                for name in PERMITS:
                    s.talk(f"MAIL FROM:<{name}@remote.test>", "RCPT TO:<u1@virt.test>", "RSET")
                s.talk("VRFY u1@virt.test", "ETRN example.test", "MAIL FROM:<table@remote.test>", "RCPT TO:<u1@virt.test>")
                s.data("Subject: x\n\nx\n")
                s.command("QUIT")
    return test


test_all_permits_logged = permits("static:all")
test_some_permits_logged = permits("permit, check_sender_access, !permit_mynetworks, permit_dnswl_client")
test_permits_logged_at_once = permits("static:all", "no")


# -- answers of DNS ----------------------------------------------------------------------------------------

def prepare_dns():
    dns = room().dns
    if getattr(dns, "filtered", False):
        return
    dns.filtered = True
    for name in ("good", "bad", "mixed", "none"):
        dns.add(f"{name}.filter.test", "MX", (10, f"mx.{name}.filter.test"))
        dns.add(f"mx.{name}.filter.test", "A", room().address(40))
    dns.add("mixed.filter.test", "MX", (20, "mx.bad.filter.test"))
    dns.add("alone.filter.test", "A", room().address(41))
    dns.add("128." + ".".join(reversed(room().net.split("."))) + ".black.test", "A", "127.0.0.3")
    dns.add("128." + ".".join(reversed(room().net.split("."))) + ".black.test", "A", "127.0.0.4")
    dns.add("128." + ".".join(reversed(room().net.split("."))) + ".black.test", "TXT", "because")


FILTERED = PATIENT + "smtpd_reject_unlisted_recipient = no\nsmtpd_sender_restrictions = reject_unknown_sender_domain, check_sender_mx_access inline:{{mx.mixed.filter.test=REJECT mixed}}, check_sender_a_access static:DUNNO\nsmtpd_recipient_restrictions = reject_rbl_client black.test\n"


def filtered(table, ignore="nothing"):
    @scenario(main=FILTERED + f"smtpd_dns_reply_filter = {table}\n", ignore=ignore)
    def test(mta):
        prepare_dns()
        with mta.smtp() as s:
            s.command("EHLO client.test")
            for name in ("good", "bad", "mixed", "none", "alone", "nosuch"):
                s.talk(f"MAIL FROM:<a@{name}.filter.test>", "RCPT TO:<u1@virt.test>", "RSET")
            s.command("QUIT")
    return test


test_dns_records_ignored = filtered("regexp:{{/mx\\.bad\\.filter\\.test\\.?$$/ IGNORE} {/^none\\.filter\\.test\\..* MX / ignore} {/^mx\\.none/ IGNORE} {/black\\.test.*127\\.0\\.0\\.3$$/ IGNORE}}")
test_dns_txt_records_ignored = filtered("regexp:{{/ TXT /  IGNORE it} {/alone.* A / IGNORE}}")
test_dns_records_all_ignored = filtered("static:IGNORE")
test_dns_filter_with_other_actions = filtered("static:REJECT", ignore="Unable to look up MX host")
test_dns_filter_that_fails = filtered("fail:maps", ignore="Unable to look up MX host")
