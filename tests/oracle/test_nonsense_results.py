"""Results that make no sense, of tables that say where mail goes and how: what is remarked, what waits, what bounces."""
from support import check
from support.compare import scenario
from support.sink import SmtpSink

LONG = "x" * 100_000
SMALL = "notify_classes =\nbounce_size_limit = 1\nlocal_recipient_maps =\nsmtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\n"


def entries(pattern, values):
    """The name of an entry is vN for the N-th of the values."""
    return "".join(pattern.format(n) + " " + value + "\n" for n, value in enumerate(values))


def send_each(mta, sender, recipient, number):
    with mta.smtp(client=100) as s:
        for n in range(number):
            s.mail(sender.format(n), recipient.format(n), f"Subject: {n}\n\nx\n")
        s.command("QUIT")
    mta.settle()
    for folder in ("maildrop", "incoming", "active", "deferred", "hold"):
        mta.note(folder, len(mta.queue_files(folder)))


TRANSPORTS = [":", "::", ":::", "discard", "discard:", "discard::", "discard: ", ": x", ":x", "foo:", "foo", "foo:bar", "error:",
              "error: ", "error:x", "error:9.9.9 x", "retry:", "retry:4.0.0 x", "error:4.1.1 x", "[x]", "smtp:[", "smtp:]", "smtp:[]",
              "discard:[x", "/x:y", "../x:y", "discard:a b", '"discard:x"', "discard:x\\", "inet:x", "lmtp:unix:/nosuch", "DISCARD:",
              "discard :x", "error:a@b", "*", "-", "local:x", "virtual:", "discard:\tx", "discard:$x"]


@scenario(main=SMALL + "defer_transports = smtp\ntransport_maps = regexp:@CONF@/odd\n", files={"odd": entries("/^v{}@/", TRANSPORTS)})
def transports(mta):
    send_each(mta, "", "v{}@away.test", len(TRANSPORTS))


RELOCATED = ["", " ", "x", "u@new.test", '"', "<>", "5.1.2 x", "450 4.1.1 x", "a\tb", ";", "%s", "x" * 3000, "$1", "é"]


@scenario(main=SMALL + "relocated_maps = regexp:@CONF@/odd\nsmtputf8_enable = no\n", files={"odd": entries("/^v{}@/", RELOCATED)})
def relocated(mta):
    send_each(mta, "", "v{}@example.test", len(RELOCATED))


ALIASES = [",,,", ", ,", '""', "<>", "()", "(x)", ",alice,", '"unterminated', "a b c", "@", "x@", "@virt.test", ";", ":;", "g: alice;",
           ":include:", ":include:x", ":include:/nosuch", '":include:/nosuch"', "|", '"|"', "/nosuch/x", "/dev/null", "\\alice", "\\",
           "v24", "v26", "v25", ":fail: x", ":defer: x", ":blackhole:", "~/x", '"|exit 75"', "|/nosuch/program", "alice, alice, ALICE",
           "u1@virt.test, nosuch@virt.test", "$1", "-f", "alice@[127.0.0.1", "<alice", "alice>", "é"]


@scenario(main=SMALL, aliases=entries("v{}:", ALIASES), ignore="message-id=")
def aliases(mta):
    send_each(mta, "", "v{}@example.test", len(ALIASES))
    mta.note_mail("alice", mta.local_mail("alice"))


MAILBOXES = ["", "/", "//", ".", "..", "../x", "../../x/", "x y", "./", "a//b", '"q"', "u1/", "u1//", "%u", "$1", "x" * 300, "x/" * 100,
             "é", "/abs", "~", "|cmd", "a\tb"]
IDS = ["0", "-1", "+60905", "60905x", "x", " 60905 ", "060905", "60905,60906", "60905 60905", "vmail", "99", "100", "1e5", "0x1000"]


@scenario(main=SMALL + "virtual_mailbox_maps = regexp:@CONF@/odd\n", files={"odd": entries("/^v{}@/", MAILBOXES)})
def mailboxes(mta):
    send_each(mta, "", "v{}@virt.test", len(MAILBOXES))
    for path in sorted(mta.vmail.rglob("*")):
        mta.note(str(path.relative_to(mta.vmail)).replace("@", ""), "") if path.is_dir() else None


@scenario(main=SMALL + "virtual_mailbox_maps = static:one/\nvirtual_uid_maps = regexp:@CONF@/odd\n", files={"odd": entries("/^v{}@/", IDS)})
def user_numbers(mta):
    send_each(mta, "", "v{}@virt.test", len(IDS))


@scenario(main=SMALL + "virtual_mailbox_maps = static:one/\nvirtual_gid_maps = regexp:@CONF@/odd\n", files={"odd": entries("/^v{}@/", IDS)})
def group_numbers(mta):
    send_each(mta, "", "v{}@virt.test", len(IDS))


GENERIC = ["@", "x@", "@new.test", '"', "<>", "a b", "a,b", "a@b@c", "u@new.test,u2@new.test", "x", "g: a@b;", '"a b"@new.test',
           "u@[1.2.3.4]", "<u@new.test>", "U <u@new.test>", "a\\tb", "a..b@new.test", ".@new.test", "u@new..test", "u@-new.test", "$1",
           "y" * 200, "$2@new.test"]


GENERIC_MAIN = """smtp_generic_maps = regexp:@CONF@/odd
relayhost = [@NET@.31]:2525
smtp_connection_cache_on_demand = no
notify_classes =
bounce_size_limit = 1
"""


@scenario(main=GENERIC_MAIN, files={"odd": entries("/^(v){}@/", GENERIC)})
def generic_addresses(mta):
    server = SmtpSink(mta.room.address(31), 2525)
    try:
        send_each(mta, "v{}@away.test", "w@away.test", len(GENERIC))
        send_each(mta, "", "v{}@away.test", len(GENERIC))
    finally:
        server.stop()
    mta.note("envelopes", "\n".join(sorted(f"{got.mail} {got.rcpts}" for got in server.transactions)))


@scenario(main=GENERIC_MAIN, log=False, files={"odd": "/^v@/ (x)\n"})
def generic_results_that_are_no_address(mta):
    """Postfix's client dies of it, and ours defers the mail."""
    with mta.sink():
        mta.mail("v@away.test", "w@away.test")
        mta.wait_log("map lookup problem")
        mta.note("warnings", [line.text for line in mta.log() if "non-address" in line.text])
        check(mta.kind == "postfix" or mta.wait_log("dsn=4.3.0, status=deferred"), "not deferred")


RELAYHOSTS = ["", " ", "x", "DUNNO", "dunno", ":", "[", "[]", "[x", "x]", "smtp:[x]", "discard:", "error:x", "a b", "[@NET@.31]:2525",
              "[@NET@.31]:2525 x", "@NET@.31", "<>", "a,b", "a@b"]
SENDER_TRANSPORTS = ["", " ", "x", "DUNNO", "dunno", "discard", "discard:", "discard:x y", "foo:x", "error:5.1.2 x", "[x]", "a b", "-:x",
                     "../x:y", "retry:4.5.6 x", "smtp:", "$1"]


@scenario(main=SMALL + "defer_transports = smtp\nsender_dependent_relayhost_maps = regexp:@CONF@/odd\n",
          files={"odd": entries("/^v{}@/", RELAYHOSTS)})
def relayhosts_of_senders(mta):
    send_each(mta, "v{}@away.test", "w@away.test", len(RELAYHOSTS))


@scenario(main=SMALL + "defer_transports = smtp\nsender_dependent_default_transport_maps = regexp:@CONF@/odd\n",
          files={"odd": entries("/^v{}@/", SENDER_TRANSPORTS)})
def transports_of_senders(mta):
    send_each(mta, "v{}@away.test", "w@away.test", len(SENDER_TRANSPORTS))


# Values that would fit into no line, and results that lead back to themselves.
LOOPS = """defer_transports = smtp
virtual_alias_domains = alias.test
virtual_alias_maps = inline:{self@alias.test=self@alias.test {twice@alias.test = twice@alias.test, twice@alias.test}
    a@alias.test=b@alias.test b@alias.test=a@alias.test {more@alias.test = more@alias.test, u1@virt.test}
    {wide@alias.test = wide@alias.test, x1@alias.test} {x1@alias.test = wide@alias.test, u2@virt.test}}, regexp:@CONF@/grow
canonical_maps = inline:{self@can.test=self@can.test a@can.test=b@can.test b@can.test=a@can.test}
sender_bcc_maps = inline:{bcc@can.test=bcc@can.test}
recipient_bcc_maps = inline:{copy@example.test=copy@example.test alice@example.test=bob@example.test bob@example.test=alice@example.test}
relocated_maps = inline:{moved@example.test=moved@example.test}
"""
LOOPING = ["self@alias.test", "twice@alias.test", "a@alias.test", "more@alias.test", "wide@alias.test", "y@grow.test", "w@fan.test",
           "self@can.test", "a@can.test", "copy@example.test", "alice@example.test", "moved@example.test", "s1@example.test",
           "s2@example.test", "s3@example.test", "s4@example.test", "s5@example.test", "s6@example.test"]


@scenario(main=SMALL + LOOPS, ignore="message-id=", files={"grow": "/^(.*)@grow.test/ x$1@grow.test\n/^(.*)@fan.test/ 1$1@fan.test, 2$1@fan.test\n"},
          aliases="s1: s1\ns2: s3\ns3: s2\ns4: s4, alice\ns5: s5@example.test\ns6: s6@alias.test\n")
def results_that_lead_back(mta):
    for sender in ("", "a@can.test", "bcc@can.test"):
        with mta.smtp(client=100) as s:
            for address in LOOPING:
                s.mail(sender, address, "Subject: x\n\nx\n")
            s.command("QUIT")
        mta.settle()
    mta.note_mail("alice", mta.local_mail("alice"))


# Values of 100 KB, which fit into no path, no line of SMTP and no queue record of sane size.
OVERLONG = """defer_transports = smtp
virtual_alias_domains = alias.test
virtual_alias_maps = regexp:@CONF@/alias
transport_maps = regexp:@CONF@/transport
sender_canonical_maps = regexp:@CONF@/canonical
recipient_bcc_maps = regexp:@CONF@/bcc
virtual_mailbox_maps = regexp:@CONF@/mailbox
"""
OVERLONG_FILES = {"alias": f"/^one@alias/ {LONG}@virt.test\n/^many@alias/ {'u1@virt.test, ' * 8000}\n",
                  "transport": f"/^a@long/ smtp:{LONG}\n/^b@long/ {LONG}:\n", "canonical": f"/^s@remote/ {LONG}@remote.test\n",
                  "bcc": f"/^u2@virt/ {LONG}@virt.test\n", "mailbox": f"/^u1@/ u1/\n/^u2@/ u2/\n/^long@/ {LONG}/\n/^box@/ {LONG}\n"}


@scenario(main=SMALL + OVERLONG, files=OVERLONG_FILES, ignore="message-id=|vmail/xxx")
def overlong_values(mta):
    with mta.smtp(client=100) as s:
        for recipient in ("one@alias.test", "many@alias.test", "a@long.test", "u2@virt.test", "long@virt.test", "box@virt.test"):
            s.mail("", recipient, "Subject: x\n\nx\n")
        s.mail("s@remote.test", "u1@virt.test", "Subject: x\n\nx\n")
        s.command("QUIT")
    mta.settle()


@scenario(main=SMALL + OVERLONG, files=OVERLONG_FILES, log=False, transcripts=False)
def overlong_transport(mta):
    """Postfix's queue manager dies of it again and again; ours puts the mail off."""
    if mta.kind != "postfix":
        mta.mail("", "b@long.test")
        mta.wait_log("to=<b@long.test>.*status=deferred .mail transport unavailable")
