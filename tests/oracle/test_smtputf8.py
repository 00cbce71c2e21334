"""Mail with addresses and headers in UTF-8 through the whole system.  RFC 6531, 6532, 6533"""
from support.compare import scenario
from support.sink import SmtpSink

HELLO = "EHLO client.test"
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
UTF8 = PATIENT + """smtputf8_enable = yes
virtual_mailbox_domains = virt.test, bücher.test
virtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/ jörg@virt.test=u1/ info@bücher.test=u2/ größe@bücher.test=u2/}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
transport_maps = inline:{{far.test=smtp:[@NET@.31]:2525}, {fern.test=smtp:[@NET@.31]:2525}, {fährt.test=smtp:[@NET@.31]:2525}}
"""
WHY = "midna_domain_to_ascii|valid_ipv6_hostaddr"  # Postfix's trivial-rewrite says what is wrong with a domain
OWN_WORDS = "from=<>, size|from=<double-bounce@mx.example.test>, size"  # notifications are of other lengths
ADDRESSES = ("<jörg@virt.test>", "<jörg@bücher.test>", "<info@bücher.test>", "<info@xn--bcher-kva.test>", "<u1@virt.test>",
             "<GRÖSSE@BÜCHER.TEST>", "<größe@bücher.test>", "<nobody@bücher.test>", "<nöbody@virt.test>", "<ü@ü.test>",
             "<\"jörg x\"@virt.test>", "<jörg>", "jörg@virt.test", "<a@b..ü.test>", "<a@-ü.test>", "<a@ü_x.test>", "<@ü.test:u1@virt.test>",
             "<a@[IPv6:ü]>", "<" + "ü" * 40 + "@virt.test>", "<a@" + "ü" * 60 + ".test>", "<u1%bücher.test@virt.test>")


def addresses(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for address in ADDRESSES:
            for option in ("", " SMTPUTF8"):
                s.talk(f"MAIL FROM:{address}{option}", "RSET", f"VRFY {address}{option}")
        for option in ("", " SMTPUTF8", " smtputf8 BODY=8BITMIME", " SMTPUTF8=x", " BODY=8BITMIMEx SMTPUTF8"):
            s.talk(f"MAIL FROM:<carol@remote.test>{option}", *(f"RCPT TO:{address}" for address in ADDRESSES), "RSET")
        s.talk("MAIL FROM:<>", "RCPT TO:<u1@virt.test> SMTPUTF8", "RCPT TO:<u1@virt.test> ORCPT=utf-8;j\\x{F6}rg@virt.test",
               "RCPT TO:<u1@virt.test> ORCPT=utf-8;jörg@virt.test", "RCPT TO:<u1@virt.test> ORCPT=rfc822;jörg@virt.test", "RSET")
        s.talk("HELO client.test", "MAIL FROM:<jörg@virt.test> SMTPUTF8", "RSET", "HELO clïent.test", "EHLO bücher.test", "NOOP ü",
               "FÜ", "QUIT")
    mta.settle()


@scenario(main=UTF8, ignore=WHY)
def addresses_of_commands(mta):
    addresses(mta)


ORIGINALS = ("rfc822;b+2Bd+3D@b.test", "rfc822;jörg@b.test", "utf-8;plain@b.test", "utf-8;j\\x{F6}rg@b.test", "UTF-8;jörg@b.test",
             "utf-8;a\\x{2b}b\\x{3d}c\\x{20}d\\x{5c}e\\x{1F600}@b.test", "x400;foo+20bar", "utf-8;a+2Bbö@x.test", "utf-8;a+2Bb@x.test")


@scenario(main=UTF8, ignore=WHY)
def original_recipients_passed_on(mta):
    """RFC 3461 4 and RFC 6533 3: "+" and "=" are never in ORCPT and ENVID as they are."""
    recipients = [f"<x{number}@far.test> ORCPT={original}" for number, original in enumerate(ORIGINALS)]
    recipients += ['<"a=b+c d"@far.test>', "<jörg@far.test>", "<SRS0=h=t=o.test=u@far.test>"]
    with mta.sink(31, EHLO="250-far.test\n250-DSN\n250-SMTPUTF8\n250 8BITMIME"):
        with mta.smtp(client=100) as s:
            s.talk(HELLO, "MAIL FROM:<carol@remote.test> SMTPUTF8 RET=HDRS ENVID=a+2Bb+3Dc", *(f"RCPT TO:{recipient}" for recipient in recipients))
            s.data("Subject: x\n\nx\n")
            s.command("QUIT")
        mta.settle()


@scenario(main=UTF8 + "strict_smtputf8 = yes\n", ignore=WHY)
def addresses_where_strict(mta):
    addresses(mta)


@scenario(main=UTF8.replace("smtputf8_enable = yes\n", "smtputf8_enable = no\n").replace(", bücher.test", "").replace("jörg", "j")
          .replace("info@bücher.test=u2/ größe@bücher.test=u2/", "").replace(", {fährt.test=smtp:[@NET@.31]:2525}", ""), ignore=WHY)
def addresses_where_it_is_off(mta):
    addresses(mta)


@scenario(main=UTF8 + "smtpd_discard_ehlo_keywords = smtputf8, chunking, etrn, silent-discard\n", ignore=WHY)
def addresses_where_it_is_not_offered(mta):
    addresses(mta)


MESSAGES = ("Subject: plain\n\nhello\n", "Subject: grüße\n\nhello\n", "From: jörg@virt.test\nTo: x\n\nhello\n", "Subject: body\n\ngrüße\n",
            "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename=grüße\n\nx\n--x--\n",
            "Subject: bad \udcff byte\n\nx\n", "Content-Type: message/rfc822\n\nSubject: grüße\n\nx\n")


def deliveries(mta):
    for number, message in enumerate(MESSAGES):
        with mta.smtp() as s:
            for option in ("", " SMTPUTF8 BODY=8BITMIME"):
                s.talk(HELLO, f"MAIL FROM:<carol{number}@remote.test>{option}", "RCPT TO:<u1@virt.test>", "RCPT TO:<info@bücher.test>")
                s.data(message)
            s.command("QUIT")
        mta.sendmail("-f", f"carol{number}@remote.test", "u1@virt.test", input=message)
    with mta.smtp() as s:
        s.talk(HELLO, "MAIL FROM:<jörg@remote.test> SMTPUTF8", "RCPT TO:<jörg@virt.test>")
        s.data(MESSAGES[0])
        s.command("QUIT")
    mta.sendmail("-f", "jörg@remote.test", "jörg@virt.test", input=MESSAGES[0])
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


@scenario(main=UTF8)
def delivered_here(mta):
    deliveries(mta)


def flags_of_the_queue(mta):
    """The last number of the size record of what waits, and its recipients."""
    mta.settle()
    shown = []
    for path in mta.queue_files("deferred"):
        text = mta.run("postcat", "-e", path, record=False).stdout
        envelope = [line for line in text.splitlines() if line.startswith("sender:") or "orig" in line or "recipient" in line]
        shown.append((path.read_bytes()[:97].split()[-1], envelope))
    mta.note("flags", "\n".join(map(str, sorted(shown, key=str))))


def flags(mta):
    to = "u1@virt.test"
    for number, message in enumerate(MESSAGES):
        with mta.smtp(client=100) as s:
            for option in ("", " SMTPUTF8 BODY=8BITMIME"):
                s.talk(HELLO, f"MAIL FROM:<s{number}@remote.test>{option}", f"RCPT TO:<{to}>")
                s.data(message)
        mta.sendmail("-f", f"m{number}@remote.test", to, input=message)
    with mta.smtp(client=100) as s:
        s.command(HELLO)
        for option in ("", " SMTPUTF8"):
            s.talk(f"MAIL FROM:<jörg@remote.test>{option}", f"RCPT TO:<{to}>")
            s.data("Subject: s\n\nx\n")
            s.talk(f"MAIL FROM:<r@remote.test>{option}", "RCPT TO:<jörg@virt.test>", "RCPT TO:<info@xn--bcher-kva.test>")
            s.data("Subject: r\n\nx\n")
            s.talk(f"MAIL FROM:<r2@remote.test>{option}", "RCPT TO:<ali@virt.test>")
            s.data("Subject: r\n\nx\n")
            s.talk(f"MAIL FROM:<r3@remote.test>{option}", "RCPT TO:<info@bücher.test>", "RCPT TO:<jörg@virt.test> ORCPT=rfc822;x@y.test")
            s.data("Subject: r\n\nx\n")
    mta.sendmail("-f", "mjörg@remote.test", to, input="Subject: s\n\nx\n")
    mta.sendmail("-f", "mr@remote.test", "jörg@virt.test", input="Subject: r\n\nx\n")
    flags_of_the_queue(mta)
    mta.note("mailq", "\n".join(sorted(line[11:] for line in mta.run("mailq", record=False).stdout.splitlines())))


WAITING = UTF8 + "virtual_alias_maps = inline:{ali@virt.test=jörg@virt.test}\nvirtual_transport = retry:4.0.0 later\n"

for classes in ("sendmail, verify", "smtpd", "all", "bounce"):
    name = f"flags_with_{classes.split(',')[0]}"
    globals()[name] = scenario(main=WAITING + f"smtputf8_autodetect_classes = {classes}\n", ignore=OWN_WORDS)(flags)
    globals()[name].__name__ = name


@scenario(main=WAITING.replace("smtputf8_enable = yes", "smtputf8_enable = no"), ignore=OWN_WORDS)
def flags_where_it_is_off(mta):
    flags(mta)


OLD_SERVER = "250-sink.test\n250-PIPELINING\n250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250 DSN"
NEW_SERVER = OLD_SERVER.replace("250 DSN", "250-DSN\n250 SMTPUTF8")
ODD_SERVER = "250-sink.test\n250 SMTPUTF8"


def as_rfc_6533_says(message):
    """Postfix's bounce quotes each byte of a sender in UTF-8, and calls it rfc822 then."""
    return message.replace(b'"j\\\xc3\\\xb6rg"@', "jörg@".encode()).replace("rfc822; jörg".encode(), "utf-8; jörg".encode())


def relayed(mta):
    """To servers with and without the extension; what cannot go is returned."""
    for ehlo in (OLD_SERVER, NEW_SERVER, ODD_SERVER):
        sink = SmtpSink(mta.room.address(31), 2525, {"EHLO": ehlo})
        with mta.smtp(client=100) as s:
            s.command(HELLO)
            for option in ("", " SMTPUTF8", " SMTPUTF8 BODY=8BITMIME"):
                for sender in ("u1@virt.test", "jörg@virt.test"):
                    for recipients in (("x@far.test",), ("ü@far.test", "y@far.test"), ("z@fährt.test",)):
                        s.talk(f"MAIL FROM:<{sender}>{option}", *(f"RCPT TO:<{to}>" for to in recipients))
                        s.data(f"From: x@y.test\nSubject: {'grüße' if recipients[0] == 'x@far.test' else 'x'}\n\nx\n")
        mta.settle()
        sink.stop()
        mta.note("far", "\n".join(sorted("\n".join([got.mail, *got.rcpts, got.data.decode("latin-1")])
                                         for got in sink.transactions)))
    for user in ("u1", "u2"):
        mta.note_mail(user, [as_rfc_6533_says(message) for message in mta.virtual(user)])


# On a connection that it uses again Postfix forgets to look.
UNCACHED = "smtp_connection_cache_on_demand = no\n"


@scenario(main=UTF8 + UNCACHED, ignore=OWN_WORDS)
def relayed_as_asked_for(mta):
    relayed(mta)


@scenario(main=UTF8 + UNCACHED + "smtputf8_autodetect_classes = all\n", ignore=OWN_WORDS)
def relayed_as_detected(mta):
    relayed(mta)


LOCAL = UTF8 + "mydestination = example.test, grün.test\nlocal_recipient_maps =\n"


def delivered_by_local(mta):
    with mta.smtp(client=100) as s:
        s.command(HELLO)
        for option in ("", " SMTPUTF8"):
            for to in ("jörg@example.test", "JÖRG@example.test", "weiter@example.test", "alice@grün.test", "alice+ü@example.test",
                       "nöbody@example.test", "ü@xn--grn-hoa.test"):
                s.talk(f"MAIL FROM:<u1@virt.test>{option}", f"RCPT TO:<{to}>")
                s.data(f"Subject: {to}\n\nx\n")
    mta.settle()
    mta.note_mail("alice", [as_rfc_6533_says(message) for message in mta.local_mail("alice")])
    mta.note_mail("u1", [as_rfc_6533_says(message) for message in mta.virtual("u1")])


for classes in ("sendmail", "forward, bounce"):
    name = f"delivered_by_local_{classes.split(',')[0]}"
    globals()[name] = scenario(main=LOCAL + f"smtputf8_autodetect_classes = {classes}\n", ignore=OWN_WORDS,
                               aliases="jörg: alice\nweiter: ü@far.test\n")(delivered_by_local)
    globals()[name].__name__ = name


@scenario(main=UTF8 + "notify_classes = bounce, 2bounce, protocol, policy\n", ignore=OWN_WORDS)
def notices(mta):
    with mta.smtp(client=100) as s:
        s.talk(HELLO, "MAIL FROM:<jörg@virt.test> SMTPUTF8", "RCPT TO:<nöbody@virt.test>", "FÜ", "QUIT")
    mta.sendmail("-f", "jörg@virt.test", "ü@xn--nowhere-test.example.test", input="Subject: grüße\n\nx\n")
    mta.settle()
    mta.note_mail("alice", [as_rfc_6533_says(message) for message in mta.local_mail("alice")])
    mta.note_mail("u1", [as_rfc_6533_says(message) for message in mta.virtual("u1")])
