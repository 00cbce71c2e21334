"""compatibility_level: what still has an older release's default says so when that matters, in the
same words, at the same events and as often as Postfix does."""
import re

from support.compare import scenario
from support.smtp_client import SmtpClient

NOBODY = "-o mynetworks=10.0.0.0/8"
MASTER = f"""\
@ADDRESS@:2601 inet n - n - - smtpd -o smtpd_recipient_restrictions=permit_mynetworks,reject_unauth_destination
@ADDRESS@:2602 inet n - n - - smtpd {NOBODY} -o smtpd_recipient_restrictions=reject_unauth_destination
@ADDRESS@:2603 inet n - n - - smtpd {NOBODY}
    -o smtpd_recipient_restrictions=permit_inet_interfaces,reject_unauth_destination
@ADDRESS@:2604 inet n - n - - smtpd
    -o smtpd_recipient_restrictions=reject_non_fqdn_recipient,reject_unauth_destination
@ADDRESS@:2605 inet n - n - - smtpd {NOBODY}
    -o smtpd_recipient_restrictions=permit_auth_destination,reject
@ADDRESS@:2606 inet n - n - - smtpd {NOBODY} -o smtpd_relay_restrictions=
    -o smtpd_recipient_restrictions=permit_inet_interfaces,reject_unauth_destination
@ADDRESS@:2607 inet n - n - - smtpd {NOBODY} -o smtpd_relay_restrictions=defer_unauth_destination
    -o smtpd_recipient_restrictions=reject_non_fqdn_recipient
    -o {{ relay_recipient_maps = inline:{{ {{ ok@sub.example.test = x }} }} }}
@ADDRESS@:2608 inet n - n - - smtpd -o mynetworks_style=subnet -o relay_domains=x.test
    -o smtpd_relay_before_recipient_restrictions=no
    -o smtpd_recipient_restrictions=permit_mynetworks,reject_unauth_destination
@ADDRESS@:2609 inet n - n - - smtpd {NOBODY}
    -o {{ smtpd_recipient_restrictions = warn_if_reject reject_unauth_destination, defer_if_permit }}
@ADDRESS@:2610 inet n - n - - smtpd -o smtpd_reject_unlisted_sender=yes
unused unix - - - - 1 anvil
spare unix - - y - 1 anvil
"""
PORTS = range(2601, 2610)
MAIN = """\
inet_interfaces = all
smtpd_discard_ehlo_keywords = chunking, smtputf8, silent-discard
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
transport_maps = inline:{sub.example.test=smtp:[127.0.0.9]:2599}
virtual_alias_maps = inline:{known@sub.example.test=u1@virt.test}
"""
RECIPIENTS = ("u1@virt.test", "x@sub.example.test", "ok@sub.example.test", "known@sub.example.test", "x@remote.test",
              "bare", "x@bare", "alice@localhost", "x%remote.test@example.test", "postmaster", "nosuch@virt.test")


def strangers(mta):
    for port in PORTS:
        with mta.smtp(port, client=200) as s:
            s.talk("EHLO client.test", "MAIL FROM:<a@sub.example.test>", *(f"RCPT TO:<{r}>" for r in RECIPIENTS), "QUIT")
    with mta.smtp(2610, client=200) as s:
        s.talk("EHLO client.test", "MAIL FROM:<a@sub.example.test>", "RCPT TO:<u1@virt.test>", "QUIT")


def own_clients(mta):
    for source in (mta.address, "127.0.0.1"):
        for port in (2601, 2603, 2606):
            with SmtpClient(mta.address, port, source) as s:
                s.talk("EHLO client.test", "MAIL FROM:<a@remote.test>", *(f"RCPT TO:<{r}>" for r in RECIPIENTS),
                       "VRFY x@sub.example.test", "QUIT")
                mta.note(f"port {port}", "\n".join(s.transcript))


def outside_ascii(mta):
    with mta.smtp(2601) as s:
        s.talk("EHLO client.test", "MAIL FROM:<gr\u00fcn@remote.test> X=Y", "MAIL FROM:<gr\u00fcn@remote.test>",
               "RCPT TO:<u1@virt.test>", "RCPT TO:<bl\u00e5@virt.test> X=Y", "RCPT TO:<bl\u00e5@virt.test>",
               "RCPT TO:<bl\u00e5@remote.test>", "RSET", "MAIL FROM:<gr\u00fcn@remote.test> SIZE=99999999999", "RSET",
               "MAIL FROM:<a@gr\u00fcn.test>", "VRFY <r\u00f8d@virt.test>", "QUIT")


def flushing(mta):
    with mta.smtp(2601) as s:
        s.talk("EHLO client.test", "ETRN sub.example.test", "ETRN example.test", "ETRN remote.test", "QUIT")
    mta.run("postqueue", "-s", "sub.example.test")
    mta.run("postqueue", "-s", "remote.test")
    mta.run("sendmail", "-qRsub.example.test")


def delivery(mta):
    mta.sendmail("-f", "carol@host", "alice@localhost", "u1@virt.test",
                 input="From: a@b, c@LocalHost\nTo: x\nSubject: s\n\ntext\n")
    mta.sendmail("x@sub.example.test", input="Subject: s\n\ntext\n")
    mta.wait_log("status=deferred")
    mta.settle()


def master_cf(mta):
    """Only after a reload: at its start Postfix says it before there is a log."""
    mta.reload()
    mta.wait_log("reload -- version")
    if "compatibility_level = 0" in mta.main_extra or "compatibility_level" in mta.dropped:
        mta.wait_log("chroot=y")
    mta.note("master", "\n".join(re.findall(r"postfix/master\[\d+\]: (.*backwards.*)", mta.log_text())))


def advice(mta):
    """In the log; Postfix 3.7 leaves it out on standard error where that is no terminal, which 3.8
    and ours do not, and knows an older level as the newest."""
    mta.run("postfix", "status", record=False)
    mta.note("advice", "\n".join(f"{line.tag} {line.text}" for line in mta.log() if "postfix" == line.tag)
             .replace("level=3.11", "level=3.6"))


@scenario(main="compatibility_level = 0\nsmtpd_recipient_restrictions = reject_unauth_destination\n"
          "mydestination = $myhostname\nsmtp_tls_security_level = fingerprint\n"
          "smtp_tls_fingerprint_cert_match = 00:11:22\nlmtp_tls_security_level = fingerprint\n"
          "lmtp_tls_fingerprint_cert_match = 00:11\ndefault_transport = smtp:[127.0.0.9]:2599\n"
          "transport_maps = inline:{lmtp.test=lmtp:[127.0.0.9]:2599}\n", ignore="append_dot_mydomain=yes to rewrite")
def localhost_and_fingerprints(mta):
    """localhost is no domain of this system; fingerprints are wanted of servers."""
    mta.sendmail("-f", "carol@localhost", "x@sub.test", input="From: a@LocalHost\nSubject: s\n\ntext\n")
    mta.sendmail("x@lmtp.test", input="Subject: s\n\ntext\n")
    mta.wait_log("status=deferred", 2)
    mta.settle()
    note_rewritten(mta)


# The same lines of trivial-rewrite, but how often depends on who asks it when.
REWRITTEN = "append_dot_mydomain=yes to rewrite"


def note_rewritten(mta):
    mta.note("rewritten", "\n".join(sorted({f"{line.tag} {line.text}" for line in mta.log() if REWRITTEN in line.text})))


def at_level(level, what):
    def body(mta):
        what(mta)
        mta.settle()
        if what not in (strangers, delivery):
            return  # it may be known from before
        note_rewritten(mta)

    body.__name__ = f"{what.__name__}_at_level_{level.replace('.', '_') or 'none'}"
    return scenario(body, main=MAIN + (f"compatibility_level = {level}\n" if level else ""), master=MASTER,
                    ignore=f"{REWRITTEN}|^postfix To disable backwards", drop=("smtputf8_enable", "mynetworks") + (() if level else ("compatibility_level",)))


def add_tests():
    always = (strangers, own_clients, flushing, delivery, master_cf)
    # From level 1 on, Postfix 3.7 offers SMTPUTF8, and takes addresses for what they are.
    for level, scenarios in (("", (*always, outside_ascii, advice)), ("0", (own_clients, master_cf, outside_ascii, advice)),
                             ("1", (*always, advice)), ("2", (*always, advice)), ("3.6", always)):
        for what in scenarios:
            test = at_level(level, what)
            globals()[f"test_{test.__name__}"] = test


add_tests()
