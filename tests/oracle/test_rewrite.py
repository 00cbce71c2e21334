"""Address classes and rewriting, as `sendmail -bv` reports them: where would this address go?"""
import email

from support.compare import scenario

CLASSES = ("virtual_alias_domains = alias.test\nvirtual_alias_maps = inline:{{a@alias.test=u1@virt.test}}\n"
           "relay_domains = relay.test\nrelay_transport = error:5.9.1 relay class\n"
           "default_transport = error:5.9.2 default class\n")


def where(mta, *addresses):
    """Asks for a probe of each address: nothing is delivered, a report is mailed."""
    mta.sendmail("-bv", "-f", "alice@example.test", *addresses, input="")
    mta.wait_log(r"local\[\d+\]: .*to=<alice@example.test>.*status=sent")
    mta.settle()
    for message in mta.local_mail("alice"):
        report = email.message_from_bytes(message)
        mta.note("report", "\n\n".join(
            sorted(block.strip() for block in report.get_payload()[1].as_string().split("\n\n"))))


@scenario(main=CLASSES)
def address_classes(mta):
    where(mta, "alice@example.test", "u1@virt.test", "a@alias.test", "x@relay.test", "x@sub.relay.test", "x@other.test")


@scenario(main=CLASSES)
def local_forms(mta):
    where(mta, "alice", "alice@localhost", "alice@mx.example.test", "alice@[127.0.0.1]", "alice+x", "ALICE@EXAMPLE.TEST")


@scenario(main=CLASSES)
def source_routes_and_percents(mta):
    where(mta, "alice%mx.example.test@example.test", "@example.test:bob@example.test", "mx.example.test!bob",
          "u%other.test@example.test")


@scenario(main=CLASSES + "allow_percent_hack = no\nswap_bangpath = no")
def percents_and_bangs_left_alone(mta):
    where(mta, "alice%mx.example.test@example.test", "mx.example.test!bob")


@scenario(main=CLASSES)
def quoted_local_parts(mta):
    where(mta, '"with space"@virt.test', '"a@b"@example.test', "a..b@other.test", "trailing.@other.test")


@scenario(main=CLASSES + "resolve_dequoted_address = no")
def quoted_local_parts_not_unquoted(mta):
    where(mta, '"a@b"@example.test', '"x%y"@example.test')


@scenario(main="transport_maps = inline:{{virt.test=error:5.9.3 by domain} {u2@virt.test=error:5.9.4 by address} "
          "{.sub.test=error:5.9.5 below} {sub.test=error:5.9.6 itself} {user@virt.test=:} {bob@example.test=error:5.9.7 bob}}\n"
          "default_transport = error:5.9.2 default class")
def transport_lookups(mta):
    where(mta, "u1@virt.test", "u2@virt.test", "u2+ext@virt.test", "x@a.sub.test", "x@sub.test", "bob@example.test",
          "bob+y@example.test")


@scenario(main="transport_maps = inline:{{x@y.test=error:5.9.3 one}}\nparent_domain_matches_subdomains =\n"
          "relay_domains = .dotted.test, plain.test\nrelay_transport = error:5.9.1 relay class\n"
          "default_transport = error:5.9.2 default class")
def parent_domains_by_dot(mta):
    where(mta, "x@dotted.test", "x@a.dotted.test", "x@plain.test", "x@a.plain.test")


@scenario(main="relocated_maps = inline:{{bob@example.test=new@elsewhere.test}}")
def relocated_users(mta):
    where(mta, "bob@example.test", "alice@example.test")


@scenario(main="virtual_mailbox_domains = virt.test, example.test")
def domain_in_two_classes(mta):
    with mta.smtp() as s:
        s.talk("EHLO c.test", "MAIL FROM:<carol@remote.test>", "RCPT TO:<u1@virt.test>", "RCPT TO:<alice@example.test>",
               "QUIT")


# Which keys are tried before a lookup is given up differs.
@scenario(main="default_transport = smtp\ntransport_maps = hash:@CONF@/missing", ignore=r'lookup error for "\*"')
def missing_transport_table_defers(mta):
    with mta.smtp(client=100) as s:
        s.mail("carol@remote.test", "u1@virt.test", "Subject: x\n\nx\n")
        s.command("QUIT")


@scenario(main="local_transport = error:5.9.8 no local mail here")
def class_transports(mta):
    mta.sendmail("-f", "u1@virt.test", "bob@example.test", input="Subject: x\n\nx\n")
    mta.wait_log("status=bounced")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
