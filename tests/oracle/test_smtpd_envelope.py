"""MAIL and RCPT where the parameters of an extension decide: sizes, a transaction after a refusal, VERP, DSN."""
from support.compare import scenario

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"


@scenario(main=PATIENT)
def after_a_refused_mail(mta):
    """A MAIL that is refused begins no transaction."""
    with mta.smtp() as s:
        s.command(HELLO)
        for refused in (" SIZE=99999999", " SIZE=x", " FOO=BAR", " RET=x", " BODY=x", " SIZE=99999999999999999999"):
            s.talk(FROM + refused, TO, "DATA", FROM, TO, "RSET")
        for refused in ("MAIL FROM:<a@b@c.test>", "MAIL FROM:", "MAIL FROM:<a@b.test> SIZE=99999999"):
            s.talk(refused, FROM, TO)
            s.data("Subject: x\n\nx\n")
        s.talk(FROM + " SIZE=99999999", "EHLO other.test", FROM, "QUIT")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=PATIENT + "smtpd_sender_restrictions = permit_mynetworks, reject\nsmtpd_delay_reject = no\n")
def after_a_refused_sender(mta):
    for client in (128, 100):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, FROM, TO, FROM, TO, "RSET", FROM, "QUIT")
    mta.settle()


@scenario(main="queue_minfree = 1000000\nmaximal_queue_lifetime = 1d\n", log=False)
def settings_that_do_not_fit(mta):
    """Little space for large messages, and notifications that would live longer than mail."""
    mta.reload()
    with mta.smtp() as s:
        s.talk("EHLO client.test", "QUIT")
    mta.note("smtpd's warning", mta.wait_log("queue_minfree.*")[0])
    mta.must_run("postqueue", "-f")  # else nothing may start qmgr for a while
    mta.note("qmgr's warning", mta.wait_log("bounce_queue_lifetime.*")[0])


VERP = ("XVERP", "XVERP=", "XVERP=+=", "XVERP==-", "XVERP=+", "XVERP=+=-", "XVERP=ab", "XVERP=#=", "xverp=+=", "XVERPX", "XVERP XVERP=-=")


def verp(mta):
    for client in (128, 100):
        with mta.smtp(client=client) as s:
            for hello in ("HELO client.test", HELLO):
                s.command(hello)
                for option in VERP:
                    s.talk(f"{FROM} {option}", "RSET", f"MAIL FROM:<> {option}", "RSET")
            s.talk(FROM + " XVERP", "RCPT TO:<u1@virt.test>", "RCPT TO:<u2@virt.test>")
            s.data("Subject: verp\n\nx\n")
            s.talk(FROM + " XVERP=-=", "RCPT TO:<u1@virt.test>")
            s.data("Subject: verp\n\nx\n")
            s.command("QUIT")
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


@scenario(main=PATIENT + "smtpd_authorized_verp_clients = $mynetworks\n")
def verp_for_some(mta):
    verp(mta)


@scenario(main=PATIENT + "smtpd_authorized_verp_clients = client.remote.test, @NET@.100\nverp_delimiter_filter = -=+#\ndefault_verp_delimiters = #=\n"
          "smtpd_discard_ehlo_keywords = chunking, etrn, verp\n")
def verp_with_other_delimiters(mta):
    verp(mta)


@scenario(main=PATIENT + "smtpd_authorized_verp_clients = static:all\nsmtpd_authorized_xclient_hosts = @NET@.128\nsmtpd_authorized_xforward_hosts = @NET@.128\n"
          "smtpd_discard_ehlo_keywords = 8bitmime pipelining size vrfy etrn auth verp starttls xclient xforward enhancedstatuscodes dsn "
          "smtputf8 chunking\n", ignore="discarding EHLO keywords")  # Postfix is silent about them with ENHANCEDSTATUSCODES
def all_keywords_discarded(mta):
    with mta.smtp() as s:
        s.talk(HELLO, FROM + " RET=FULL", FROM + " ENVID=x", FROM + " XVERP", "RSET", FROM + " SIZE=10", "RSET", FROM + " BODY=8BITMIME",
               TO + " NOTIFY=NEVER", TO + " ORCPT=rfc822;x", TO, "XFORWARD NAME=x", "XCLIENT NAME=x", "RSET", "XCLIENT NAME=x", "QUIT")


@scenario(main="smtpd_discard_ehlo_keywords = 8bitmime pipelining size vrfy etrn auth verp starttls xclient xforward dsn chunking\n")
def discarded_keywords_in_the_log(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "QUIT")


BOUNCING = PATIENT + ("smtpd_authorized_verp_clients = static:all\nlocal_recipient_maps =\nvirtual_mailbox_maps = inline:{u1+nobody=example.test@virt.test=u1/ "
                      "u1+nobody2=example.test@virt.test=u2/ u1@virt.test=box}\n")


def bounces(mta):
    mta_options = (" XVERP", " XVERP=+=", "")
    with mta.smtp(client=100) as s:
        s.command(HELLO)
        for option in mta_options:
            s.talk("MAIL FROM:<u1@virt.test>" + option, "RCPT TO:<nobody@example.test>", "RCPT TO:<nobody2@example.test>")
            s.data("Subject: verp\n\nx\n")
        s.command("QUIT")
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))
    mta.note("box", (mta.vmail / "box").read_bytes().count(b"\nFrom ") if (mta.vmail / "box").exists() else 0)


@scenario(main=BOUNCING, ignore="from=<>, size")
def verp_bounces(mta):
    bounces(mta)


@scenario(main=BOUNCING + "disable_verp_bounces = yes\n", ignore="from=<>, size")
def verp_bounces_in_one(mta):
    bounces(mta)


LONG = "a" * 101
PARAMETERS = ("ENVID=" + "x" * 100, "ENVID=" + "x" * 101, "ENVID=" + "x" * 500, "ENVID=a+3Db", "ENVID=a+3db", "ENVID=a+", "ENVID=+00", "ENVID=+7F",
              "ENVID=+80", "ENVID=a=b", "ENVID=<a>", "ENVID=\u00fc", "RET=full", "RET=", "RET=HDRS,FULL", "ENVID=a ENVID=b", "ret=hdrs envid=x",
              "SIZE=1 SIZE=2", "BODY=7BIT BODY=8BITMIME", "AUTH=<>", "AUTH=x AUTH=y", "SMTPUTF8")
RECIPIENT_PARAMETERS = ("NOTIFY=success", "NOTIFY=SUCCESS,SUCCESS", "NOTIFY=NEVER,NEVER", "NOTIFY=,", "NOTIFY=SUCCESS,", "NOTIFY=DELAY FAILURE",
                        "NOTIFY=NEVER NOTIFY=NEVER", "ORCPT=", "ORCPT=;", "ORCPT=rfc822", "ORCPT=rfc822;", "ORCPT=;x", "ORCPT=x;y;z",
                        "ORCPT=rfc822;" + "x" * 500, "ORCPT=rfc822;" + "x" * 499, "ORCPT=" + "t" * 200 + ";x", "ORCPT=rfc822;a+2Bb", "ORCPT=rfc822;a+2bb",
                        "ORCPT=rfc822;a+2B+", "ORCPT=rfc822;+0A", "ORCPT=rfc822;a ORCPT=rfc822;b", "ORCPT=utf-8;a\\x{FC}b", "ORCPT=utf-8;a\\x{fc}b", "ORCPT=utf-8;a\\x{}b", "ORCPT=utf-8;a\\x{41}b",
                        "ORCPT=utf-8;a+C3+BC", "ORCPT=rf c822;x", "ORCPT=rfc+38822;x", "orcpt=RFC822;X notify=delay")


@scenario(main=PATIENT)
def dsn_parameters(mta):
    with mta.smtp() as s:
        s.command(HELLO)
        for parameter in PARAMETERS:
            s.talk(f"{FROM} {parameter}", "RSET")
        s.command(FROM)
        for parameter in RECIPIENT_PARAMETERS:
            s.command(f"{TO} {parameter}")
        s.command("QUIT")
    mta.settle()
