"""check_policy_service: what a policy server is told, what its answers do, and what is done without it."""
import ssl

from support import certificates, check
from support.compare import scenario
from support.policy import PolicyServer

PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\nnotify_classes =\n"
MAIN = PATIENT + "smtpd_reject_unlisted_recipient = no\nsmtpd_discard_ehlo_keywords = silent-discard\n"
STAGES = "".join(f"smtpd_{stage}_restrictions = check_policy_service inet:@NET@.31:9998{more}\n" for stage, more in (
    ("client", ""), ("helo", ""), ("sender", ""), ("relay", ", permit_mynetworks, reject"), ("recipient", ""), ("data", ""),
    ("end_of_data", ""), ("etrn", "")))


LATER = ("compatibility_level", "mail_version")  # from 3.8 on, at the end


def shown(server):
    """The requests without what differs from run to run."""
    out, seen = [], {"": ""}
    for request in server.requests:
        lines = []
        for name, value in request:
            if name in LATER:
                continue
            if name == "instance":
                value = seen.setdefault(value, f"I{len(seen)}")
            elif name == "client_port" and value != "0":
                value = "N"
            lines.append(f"{name}={value}")
        out.append("\n".join(lines))
    return "\n\n".join(out)


class Policy(PolicyServer):
    """A policy server at the usual place, whose requests are noted at the end."""

    def __init__(self, mta, name, answer="DUNNO", place=None):
        self.mta, self.name = mta, name
        super().__init__(place or (mta.room.address(31), 9998), answer)

    def __exit__(self, *what):
        super().__exit__(*what)
        self.mta.note(f"{self.name}: requests", shown(self))
        if self.mta.kind == "ours" and "smtpd" not in self.mta.swap:
            for request in self.requests:
                check([name for name, _ in request[-3:]] == ["policy_context", *LATER], f"the end of {request}")


def all_stages(mta):
    with mta.smtp(client=100) as s:
        s.talk("MAIL FROM:<>", "RCPT TO:<u1@virt.test>", "RSET", "HELO old.test", "VRFY u1@virt.test", "EHLO client.test", "ETRN example.test",
               "ETRN #x.test", "MAIL FROM:<carol@remote.test> SIZE=100", "RCPT TO:<u1@virt.test>", "RCPT TO:<u2@virt.test>", "VRFY <u2@virt.test>")
        s.data("Subject: x\n\nbody\n")
        s.talk("MAIL FROM:<\"a b\"@remote.test> SIZE=77", "RCPT TO:<\"u 1\"@virt.test>", "RCPT TO:<U1@Virt.Test>")
        s.send("BDAT 6\r\nx: y\r\n")
        s.read()
        s.send("BDAT 6 LAST\r\n\r\nxyz\n")
        s.read()
        s.talk("MAIL FROM:<x@remote.test> BODY=8BITMIME", "RCPT TO:<u1@virt.test>", "RCPT TO:<>", "RCPT TO:<@a,@b:u2@virt.test>", "RSET",
               "EHLO [127.0.0.1]", "EHLO we=ird,na me", "MAIL FROM:<x>", "RCPT TO:<u1>", "QUIT")


@scenario(main=MAIN + STAGES + "address_verify_map =\n")
def every_stage(mta):
    with Policy(mta, "delayed"):
        all_stages(mta)


@scenario(main=MAIN + STAGES + "smtpd_delay_reject = no\nsmtpd_policy_service_policy_context = some context = text\nstress = yes\n"
          "smtpd_authorized_xclient_hosts = @NET@.0/24, 192.0.2.0/24\n")
def every_stage_at_once(mta):
    with Policy(mta, "at once"):
        all_stages(mta)
        with mta.smtp() as s:
            s.talk("EHLO c.test", "XCLIENT NAME=h.sub.dom.test REVERSE_NAME=r.rev.test ADDR=192.0.2.17 PORT=4711 LOGIN=joe@x DESTADDR=192.0.2.99 DESTPORT=26", "EHLO x", "MAIL FROM:<a@b.test> AUTH=<q+20q@b.test>",
                   "RCPT TO:<u1@virt.test>", "RSET", "XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE] REVERSE_NAME=[TEMPUNAVAIL]", "HELO y", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "RSET",
                   "XCLIENT HELO=told PROTO=ESMTP LOGIN=[UNAVAILABLE]", "MAIL FROM:<b@c.test>", "RCPT TO:<u1@virt.test>", "QUIT")


# -- what its answers do --------------------------------------------------------------------------

ANSWERS = [
    "OK", "ok now", "RELAY", "DUNNO", "dunno x", "REJECT", "REJECT go away", "REJECT 5.7.99 with dsn", "DEFER", "DEFER 4.2.1 later", "450 4.2.0 later",
    "550 no", "550 5.7.1 <b> \"q\" $x", "299 x", "421 go", "521 go", "12345", "DEFER_IF_PERMIT", "DEFER_IF_PERMIT Greylisted, see http://x/", "DEFER_IF_REJECT",
    "HOLD", "HOLD for a while", "DISCARD", "FILTER smtp:[127.0.0.1]:9", "FILTER", "REDIRECT u2@virt.test", "BCC u2@virt.test", "PREPEND X-Header: yes",
    "PREPEND Received-SPF: pass (x) client-ip=1;", "PREPEND no header", "WARN", "WARN take care", "INFO take note", "reject_unauth_destination",
    "permit", "reject", "a_class", "warn_if_reject reject", "nonsense", "nonsense words", "inline:{x=y}", "check_sender_access inline:{x=REJECT}", "", " ", "  DUNNO  ", "REJECT ",
    "sleep 0", "HANGUP", "ERROR", "DUNNO, reject", "reject_code", b"action=REJECT caf\xc3\xa9\n\n", "REJECT a=b", "=x", "reject,permit",
]


def by_recipient(answers):
    return lambda request: answers[int(request["recipient"].split("@")[0][1:])]


CLASS = "smtpd_restriction_classes = a_class\na_class = reject_unauth_destination reject\n"


def ask(mta, numbers, name=""):
    left = list(numbers)
    while left:
        with mta.smtp() as s:
            s.command("EHLO client.test")
            while left:
                s.command(f"MAIL FROM:<carol{name}@remote.test>")
                reply = s.command(f"RCPT TO:<c{left.pop(0)}@virt.test>")
                if reply.code in ("421", "521") or s.command("RSET").code != "250":
                    break


@scenario(main=MAIN + CLASS + "smtpd_relay_restrictions = check_policy_service inet:@NET@.31:9998, permit_auth_destination, reject\n")
def every_answer(mta):
    with PolicyServer((mta.room.address(31), 9998), by_recipient(ANSWERS)):
        ask(mta, range(len(ANSWERS)))


ODD = [
    b"foo=bar\n\n", b"action=OK\naction=REJECT two\n\n", b"action=REJECT one\naction=OK\n\n", b"foo=bar\naction=REJECT other first\n\n",
    b"action=REJECT other behind\nfoo=bar\n\n", b"\n", b"\n\n", b"no attribute\n\n", b"action\n\n", b"action=REJECT then\nnonsense\n\n",
    b"Action=REJECT capital\n\n", b"action=REJECT \x00nul\n\n", b"action=REJECT \x01\x7f\xff bytes\n\n", b"action = REJECT blanks\n\n",
    b" action=REJECT blank before\n\n", b"action=REJECT once\n\naction=REJECT again\n\n", b"=\n\n",
    b"action=REJECT " + b"x" * 500 + b"\n\n", b"action=REJECT " + b"x" * 3000 + b"\n\n", b"{\naction=REJECT group\n}\n\n", b"action:REJECT colon\n\n",
    b"action=warn_if_reject\n\n", b"request=x\naction=\n\n", b"foo:bar\naction=REJECT behind colon\n\n", b"foo:bar=1\naction=REJECT behind colon and value\n\n", b"=x\naction=REJECT behind no name\n\n",
    b"foo=\naction=REJECT behind no value\n\n", b"foo=" + b"x" * 3000 + b"\naction=REJECT behind a long one\n\n", b"f" * 3000 + b"\naction=REJECT behind a long name\n\n",
    b"action=REJECT " + b"y" * 2033 + b"\n\n", b"action=REJECT " + b"y" * 2034 + b"\n\n", b"action=REJECT " + b"y" * 2040 + b"\n\n",
    b"x=1\n" * 2000 + b"action=REJECT after many\n\n", b"{action=REJECT x\n}\n\n", b"\x00\naction=REJECT nul\n\n", b"action\x00=REJECT nul name\n\n",
    b"action=REJECT last\n\n",
]


@scenario(main=MAIN + "smtpd_relay_restrictions = check_policy_service { inet:@NET@.31:9998 , try_limit=1, request_limit=1, timeout=1s }, permit_auth_destination, reject\n")
def odd_answers(mta):
    with PolicyServer((mta.room.address(31), 9998), by_recipient(ODD)):
        for number in range(len(ODD)):
            ask(mta, [number])


# -- without it -------------------------------------------------------------------------------------

CASES = {
    "absent": "inet:@NET@.31:9997",
    "absent_once": "{ inet:@NET@.31:9997, { try_limit = 1 } }",
    "no_socket": "unix:private/nothing",
    "by_default": "{ inet:@NET@.31:9997 try_limit=1 default_action=DUNNO }",
    "by_default_reject": "{ inet:@NET@.31:9997, try_limit=1, { default_action=450 4.7.0 no policy } }",
    "by_default_braced": "{ inet:@NET@.31:9997, try_limit=1, {default_action=REJECT 5.7.3 in braces, with commas} }",
    "by_default_nonsense": "{ inet:@NET@.31:9997, try_limit=1, default_action=nonsense }",
    "by_default_class": "{ inet:@NET@.31:9997, try_limit=1, default_action=a_class }",
    "hangs_twice": "{ inet:@NET@.31:9998, timeout=1s, policy_context=hangs, retry_delay=1s }",
    "closes": "{ inet:@NET@.31:9998, policy_context=closes }",
    "half": "{ inet:@NET@.31:9998, policy_context=half, timeout=1s, try_limit=1 }",
    "no_end": "{ inet:@NET@.31:9998, policy_context=no_end, timeout=1s, try_limit=1 }",
    "no_action": "{ inet:@NET@.31:9998, policy_context=no_action }",
    "one_each": "{ inet:@NET@.31:9998, policy_context=fine, request_limit=1 }",
    "no_name": "{ inet:nosuch.invalid:9998, try_limit=1 }",
    "no_port": "{ inet:@NET@.31:nosuchport, try_limit=1 }",
    "local": "{ local:private/nothing, try_limit=1}",
    "unix_socket": "{ unix:private/policy, policy_context=fine }",
    "warned": "{ inet:@NET@.31:9997, try_limit=1 {default_action = WARN no policy here} }",
    "fine": "{ inet:@NET@.31:9998, policy_context=fine, max_idle=1s }",
}
FAILURES = (MAIN + "smtpd_restriction_classes = a_class " + " ".join(CASES) + "\na_class = reject_unauth_destination, reject\n"
            + "".join(f"{name} = check_policy_service {how}\n" for name, how in CASES.items())
            + "smtpd_relay_restrictions = check_recipient_access inline:{" + " ".join(f"{name}@virt.test={name}" for name in CASES)
            + "}, permit_auth_destination, reject\n")


def failing(request):
    return {"hangs": None, "closes": "", "half": b"action=REJ", "no_end": b"action=REJECT cr\r\n\r\n", "no_action": b"x=y\n\n"}.get(request["policy_context"], "DUNNO")


@scenario(main=FAILURES)
def failures(mta):
    server = Policy(mta, "failing", failing)
    on_unix = PolicyServer(str(mta.queue / "private/policy"))
    with server, on_unix:
        for name in CASES:
            with mta.smtp() as s:
                s.talk("EHLO client.test", f"MAIL FROM:<{name}@remote.test>", f"RCPT TO:<{name}@virt.test>", "QUIT")
        mta.note("requests on the unix socket", len(on_unix.requests))



failures.seconds = 120


# -- what is told of TLS, logins and odd characters -----------------------------------------------------

TLS = ("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_CAfile = @CONF@/ca.pem\n"
       "smtpd_tls_ask_ccert = yes\nsmtpd_tls_fingerprint_digest = sha256\nsmtpd_tls_mandatory_protocols = TLSv1.2\nsmtpd_tls_protocols = TLSv1.2\n")


@scenario(main=MAIN + TLS + "smtpd_relay_restrictions = check_policy_service inet:@NET@.31:9998, permit_auth_destination, reject\n", files=certificates.files(), log=False)
def encrypted(mta):
    place = certificates.self_signed()
    with Policy(mta, "encrypted"):
        for names in ((), ("mx.pem", "mx.key"), ("self.pem", "self.key")):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            if names:
                context.load_cert_chain(*(place / name for name in names))
            with mta.smtp() as s:
                s.talk("EHLO client.test", "STARTTLS")
                s.socket = context.wrap_socket(s.socket)
                s.talk("EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "QUIT")


@scenario(main=MAIN + "smtputf8_enable = yes\nsmtpd_relay_restrictions = check_policy_service inet:@NET@.31:9998, permit_auth_destination, reject\n",
          ignore="chunking|SMTPUTF8", transcripts=False)
def utf8(mta):
    answers = {"c0": b"action=REJECT caf\xc3\xa9\n\n", "c1": b"action=REJECT caf\xe9\n\n", "c2": b"action=OK \xff\n\n"}
    with PolicyServer((mta.room.address(31), 9998), lambda request: answers[request["recipient"].split("@")[0]]):
        with mta.smtp() as s:
            s.talk("EHLO client.test", "MAIL FROM:<a@b.test>")
            mta.note("replies", [str(reply) for reply in s.talk(*(f"RCPT TO:<{name}@virt.test>" for name in answers))])
            s.command("QUIT")


@scenario(main=MAIN + "smtpd_relay_restrictions = reject_unauth_destination, check_policy_service\n")
def nothing_behind_the_name(mta):
    with mta.smtp() as s:
        s.talk("EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "QUIT")
