"""smtp_tls_per_site: the old table of TLS levels, by destination and by server."""
import contextlib

from support import certificates
from support.compare import scenario
from support.relay import PORT, hosts, send

TLS_EHLO = "250-sink.test\n250-STARTTLS\n250 8BITMIME"
SITES = """\
one.test NONE
mx.two.test none
three.test MAY
four.test MUST_NOPEERMATCH
mx.five.test MUST
six.test MUST
mx.six.test NONE
seven.test what
mx.eight.test MAY
eight.test NONE
"""
DOMAINS = ("one", "two", "three", "four", "five", "six", "seven", "eight")


def setup(level, extra=""):
    files = certificates.files()
    return {"main": PORT + f"\nsmtp_tls_security_level = {level}\nsmtp_tls_loglevel = 1\nsmtp_tls_CAfile = @CONF@/ca.pem\n"
                           f"smtp_tls_per_site = texthash:@CONF@/sites\n{extra}",
            "files": {**files, "sites": SITES}}


def to_all(mta):
    hosts()
    with contextlib.ExitStack() as stack:
        for n, domain in enumerate(DOMAINS, 31):
            script = {"EHLO": "250 plain"} if domain == "three" else {
                "TLS": certificates.server_context(), "EHLO": TLS_EHLO, "STARTTLS": "220 go"}
            stack.enter_context(mta.sink(n, **script))
        for domain in DOMAINS:
            send(mta, [f"x@{domain}.test"])


@scenario(**setup(""))
def over_no_level(mta):
    to_all(mta)


@scenario(**setup("may"))
def over_may(mta):
    to_all(mta)


@scenario(**setup("encrypt"))
def over_encrypt(mta):
    to_all(mta)


@scenario(**setup("verify"))
def over_verify(mta):
    to_all(mta)


@scenario(**setup("may", "smtp_tls_policy_maps = inline:{one.test=encrypt}\n"))
def beside_a_table_of_policies(mta):
    to_all(mta)


@scenario(main=PORT + "\nsmtp_tls_security_level = may\nsmtp_tls_per_site = fail:later\n")
def a_table_that_cannot_be_asked(mta):
    with mta.sink(31):
        send(mta, ["x@one.test"])


@scenario(main=PORT + "\nsmtp_tls_policy_maps = fail:later\n")
def policies_that_cannot_be_asked(mta):
    with mta.sink(31):
        send(mta, ["x@one.test"])
