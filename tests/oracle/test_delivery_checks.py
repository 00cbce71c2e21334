"""smtp_header_checks, smtp_mime_header_checks, smtp_nested_header_checks, smtp_body_checks and those of lmtp: what leaves is
changed, what is kept is not."""
from support.compare import scenario

RULES = r"""
/^Received:.*client\.example/ IGNORE
/^Subject: replace$/ REPLACE Subject: replaced
/^Subject: replace to/ REPLACE To: bare
/^Subject: replace empty/ REPLACE
/^Subject: replace bad/ REPLACE no header
/^Subject: prepend$/ PREPEND X-Before: one
/^Subject: prepend bad/ PREPEND no header
/^Subject: strip/ STRIP with text
/^Subject: ignore/ IGNORE
/^Subject: warn$/ WARN
/^Subject: warn (.*)/ WARN about $1
/^Subject: info/ INFO
/^Subject: dunno/ DUNNO
/^Subject: ok/ OK
/^Subject: reject/ REJECT no
/^Subject: hold/ HOLD
/^Subject: filter/ FILTER a:b
/^Subject: bcc/ BCC a@b.test
/^Subject: pass/ PASS
/^Subject: unknown/ FROBNICATE
/^Subject: a.*folded/ WARN
/^X-Long:/ REPLACE X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccc dddd
"""
TABLES = {"rules": RULES, "mime": "/./ INFO mime\n", "nested": "/./ INFO nested\n",
          "body": "/^replace/ REPLACE .replaced\n/^ignore/ IGNORE\n/^strip/ STRIP\n/^prepend/ PREPEND in front\n/^warn/ WARN\n/^reject/ REJECT no\n/^$/ WARN\n/^late/ WARN late\n"}
SUBJECTS = [line.split("Subject: ")[1].split("/")[0].replace("$", "") for line in RULES.split("\n") if "/^Subject: " in line
            and "(" not in line and ".*" not in line]


def settings(prefix):
    return (f"{prefix}_header_checks = regexp:@CONF@/rules\n{prefix}_mime_header_checks = regexp:@CONF@/mime\n"
            f"{prefix}_nested_header_checks = regexp:@CONF@/nested\n{prefix}_body_checks = regexp:@CONF@/body\n")


MAIN = "relayhost = [@NET@.31]:2525\nbody_checks_size_limit = 100\n"
MIME = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"
Subject: s

--outer
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit
X-Other: x

warn text \u00e4
--outer
Content-Type: message/rfc822

Subject: strip

strip this
--outer--
"""


def deliver(mta, text):
    mta.mail("a@b.test", "x@there.test", text, client=100)
    mta.settle()


@scenario(main=MAIN + settings("smtp"), files=TABLES)
def what_leaves_by_smtp(mta):
    with mta.sink(31):
        headers = "".join(f"Subject: {subject}\n" for subject in [*SUBJECTS, "warn me", "a\n folded"])
        deliver(mta, f"{headers}X-Long: x\nTo: u@v.test\n\nreplace\nignore\n\nstrip\nprepend\nwarn\nreject\n{'x' * 200}\nlate\n")
        deliver(mta, MIME)


@scenario(main=MAIN + settings("smtp") + "smtp_generic_maps = inline:{{bare@example.test=generic@else.test}}\n", files=TABLES)
def in_seven_bits_and_with_other_addresses(mta):
    with mta.sink(31, EHLO="250 sink.test"):
        deliver(mta, MIME)
        deliver(mta, "Subject: replace to\nFrom: bare@example.test\n\nx\n")


@scenario(main="default_transport = lmtp:inet:[@NET@.31]:2525\n" + settings("lmtp"), files=TABLES)
def what_leaves_by_lmtp(mta):
    with mta.sink(31, LHLO="250 sink.test"):
        deliver(mta, "Subject: replace\n\nreplace\n")


@scenario(main=MAIN + "smtp_header_checks = fail:later\n", ignore="lookup error for")
def headers_that_cannot_be_looked_up(mta):
    with mta.sink(31):
        deliver(mta, "Subject: x\n\nx\n")


@scenario(main=MAIN + "smtp_body_checks = fail:later\n")
def bodies_that_cannot_be_looked_up(mta):
    with mta.sink(31):
        deliver(mta, "Subject: x\n\nx\n")
