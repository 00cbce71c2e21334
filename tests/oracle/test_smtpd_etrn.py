"""ETRN, RFC 1985: who may ask for what, what the log says, and what becomes of the mail that waits."""
from support import check
from support.compare import scenario

HELLO = "EHLO client.test"
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
OFFERED = PATIENT + "smtpd_discard_ehlo_keywords = chunking, silent-discard\n"
LONG = "a." * 60 + "test"
FLUSHED = OFFERED + "fast_flush_domains = relay.test, .sub.relay.test, bücher.test\nrelay_domains = relay.test, sub.relay.test\n"


@scenario(main=FLUSHED)
def replies(mta):
    with mta.smtp() as s:
        s.talk("ETRN relay.test", "HELO client.test", "ETRN relay.test", HELLO, "ETRN", "ETRN a b", "ETRN relay.test",
               "etrn RELAY.TEST", "ETRN a.sub.relay.test", "ETRN sub.relay.test", "ETRN other.test", "ETRN @relay.test",
               "ETRN #relay.test", "ETRN ##relay.test", "ETRN @", "ETRN #", "ETRN #sub.relay.test", "ETRN @a.sub.relay.test",
               "ETRN [127.0.0.1]", "ETRN [1.2.3]",
               "ETRN 127.0.0.1", "ETRN a..b", "ETRN -a.test", "ETRN a_b.test", "ETRN relay.test.", "ETRN .relay.test", "ETRN x",
               "ETRN " + LONG, "ETRN " + "a" * 64 + ".test", "ETRN <relay.test>", "ETRN relay.test:25", "ETRN",
               "MAIL FROM:<a@b.test>", "ETRN relay.test", "RSET", "ETRN relay.test", "QUIT")
    mta.settle()


@scenario(main=OFFERED + "fast_flush_domains =\nsmtpd_helo_required = yes\n")
def no_domains(mta):
    with mta.smtp() as s:
        s.talk("ETRN example.test", HELLO, "ETRN example.test", "ETRN", "QUIT")
    mta.settle()


@scenario(main=PATIENT + "smtpd_discard_ehlo_keywords = etrn, chunking, silent-discard\n")
def not_announced(mta):
    with mta.smtp() as s:
        s.talk(HELLO, "ETRN example.test", "ETRN", "QUIT")
    mta.settle()


REFUSED = FLUSHED + "smtpd_etrn_restrictions = permit_mynetworks, reject\n"


@scenario(main=REFUSED)
def refused_to_strangers(mta):
    for client in (100, 128):
        with mta.smtp(client=client) as s:
            s.talk(HELLO, "ETRN relay.test", "ETRN other.test", "ETRN a b", "QUIT")
    mta.settle()


@scenario(main=FLUSHED + "smtpd_client_restrictions = permit_mynetworks, defer\nsmtpd_helo_restrictions = reject_non_fqdn_helo_hostname\n")
def refused_for_who_asks(mta):
    for client in (100, 128):
        with mta.smtp(client=client) as s:
            s.talk("EHLO client", "ETRN relay.test", HELLO, "ETRN relay.test", "QUIT")
    mta.settle()


@scenario(main=OFFERED + f"fast_flush_domains = relay.test, {LONG}\nrelay_domains = $fast_flush_domains\ndefer_transports = relay\n")
def names_of_the_logs(mta):
    """A long name is one, too."""
    mta.mail("carol@remote.test", ["a@relay.test", f"a@{LONG}"])
    mta.settle()
    with mta.smtp() as s:
        s.talk(HELLO, "ETRN " + LONG, "QUIT")
    mta.settle()
    mta.note("logs", sorted(path.name for path in mta.queue_files("flush")))


@scenario(main=FLUSHED + "transport_maps = inline:{{relay.test=smtp:[@NET@.31]:2525}}\n")
def mail_that_waits(mta):
    mta.mail("carol@remote.test", ["a@relay.test"])
    mta.settle()
    check(len(mta.queue_files("deferred")) == 1, "it waits")
    with mta.sink(31) as sink:
        with mta.smtp() as s:
            s.talk(HELLO, "ETRN relay.test", "QUIT")
        sink.wait(1)
        mta.settle()
    mta.note("left", len(mta.queue_files("deferred")))
