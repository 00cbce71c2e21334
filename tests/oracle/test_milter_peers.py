"""Filters that people run: OpenDKIM signs and verifies, one on python3-milter makes every change, one in C on Sendmail's libmilter
asks for every step.  From Debian's packages, unpacked beside the oracle."""
import re
import subprocess
import time

from support import ROOT, check, oracle
from support.compare import scenario
from support.milter_programs import headers, python_with, running, send, step_filter

FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
MAIN = "smtpd_milters = unix:filter\nnon_smtpd_milters = unix:filter\nmilter_default_action = tempfail\nlocal_header_rewrite_clients =\n"
TEXT = "Subject: hello\nFrom: Alice <alice@example.test>\nTo: someone\nDate: Sun, 29 Nov 2026 10:00:00 +0000\nMessage-Id: <1@example.test>\nX-Drop: me\n\nbody\n\n\n"


@scenario(main=MAIN + "milter_macro_v = one\n")
def a_filter_in_c_that_asks_for_every_step(mta):
    log = mta.root / "steps"
    with running(mta, step_filter(), f"unix:{mta.queue}/filter", log):
        with mta.smtp() as s:
            s.talk("HELO one.test", "EHLO client.test", "FOO bar", FROM + " SIZE=100", "RSET", FROM, TO, "RCPT TO:<nobody@virt.test>",
                   "RCPT TO:<refuse@virt.test>", "RCPT TO:<lines@virt.test>", "RCPT TO:<refuse@example.test>", "RCPT TO:<u2@virt.test>")
            s.data(TEXT + "x" * 900 + "\n" + "y" * 70 + "\n" * 3000)
            s.talk(FROM, TO)
            s.data(TEXT)
            s.talk("QUIT")
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT)
        mta.settle()
        time.sleep(0.2)  # the filter hears of the end
    mta.note("steps", log.read_text())
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=MAIN)
def a_filter_in_python_that_makes_every_change(mta):
    python = python_with("milters", "Milter")
    with running(mta, python, "-P", ROOT / "tests/support/every_change.py", f"unix:{mta.queue}/filter"):
        send(mta, FROM, TO, "RCPT TO:<bob@example.test>", text=TEXT)
        send(mta, FROM, TO, text=TEXT + "z" * 2000 + "\n")
        send(mta, FROM, TO, "RCPT TO:<discard@virt.test>", "RCPT TO:<u2@virt.test>", text=TEXT)
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT)
        mta.settle()
    mta.note("held", len(mta.queue_files("hold")))
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


OPENDKIM = """\
Syslog no
Mode sv
Canonicalization relaxed/simple
Domain example.test
Selector mail
KeyFile {root}/mail.private
TestPublicKeys {root}/keys
InternalHosts {net}.100, 127.0.0.1
Socket local:{queue}/filter
UMask 000
AuthservID mx.example.test
RequireSafeKeys no
Background no
PidFile {root}/opendkim.pid
"""


@scenario(main=MAIN, log=False)
def opendkim_signs_and_verifies(mta):
    root = oracle.tree("milters")
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", mta.root / "mail.private", "1024"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", mta.root / "mail.private", "-pubout"], check=True, capture_output=True, text=True).stdout
    (mta.root / "keys").write_text("mail._domainkey.example.test v=DKIM1; k=rsa; p=" + "".join(public.split("\n")[1:-2]) + "\n")
    (mta.root / "opendkim.conf").write_text(OPENDKIM.format(root=mta.root, queue=mta.queue, net=mta.room.net))
    with running(mta, root / "usr/sbin/opendkim", "-f", "-x", mta.root / "opendkim.conf"):
        send(mta, "MAIL FROM:<alice@example.test>", TO, text=TEXT, client=100)
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT)
        mta.settle()
        signed = [m.decode() for m in mta.virtual("u1")]
        for number, text in enumerate(signed):
            found = headers(text, "DKIM-Signature")
            check(len(found) == 1 and "d=example.test; s=mail;" in found[0], lambda: f"message {number} is signed: {text}")
            # Back from outside, as it is and with another body: from the signature on, which stands below our own Received:.
            outside = text[text.index("DKIM-Signature:"):]
            send(mta, FROM, "RCPT TO:<u2@virt.test>", text=outside)
            send(mta, FROM, "RCPT TO:<u2@virt.test>", text=outside + "more\n")
        mta.settle()
    verdicts = sorted(re.sub(r"key .*", "", ",".join(headers(m.decode(), "Authentication-Results"))) for m in mta.virtual("u2"))
    mta.note("verdicts", "\n".join(re.sub(r'header\.b="?[^"; ]*"?', "header.b=X", v) for v in verdicts))
    mta.note("order of headers", "\n".join(re.sub(r":.*", "", "\n".join(re.findall(r"(?m)^[\w-]+:", text.split("\n\n")[0]))) for text in signed))
    check(sum("dkim=pass" in v for v in verdicts) == 2 and sum("dkim=fail" in v for v in verdicts) == 2, lambda: f"two pass, two fail: {verdicts}")
