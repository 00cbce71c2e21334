"""Filters that people run for what a message is: OpenDMARC, dkimpy-milter, spamass-milter with a server in spamd's place, and clamav-milter
with a clamd that knows one virus.  From Debian's packages, unpacked beside the oracle."""
import contextlib
import re
import subprocess

from support import Skip, check, oracle
from support.compare import scenario
from support.milter_programs import headers, python_with, running, send
from support.spamd import Spamd

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    oracle.tree("more-milters")

FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
MAIN = """\
smtpd_milters = unix:filter
non_smtpd_milters = unix:filter
milter_default_action = tempfail
local_header_rewrite_clients =
"""
TEXT = """\
Subject: hello
From: Alice <alice@example.test>
To: someone
Date: Sun, 29 Nov 2026 10:00:00 +0000
Message-Id: <1@example.test>

body
"""


def more_milters(mta, *command, **options):
    return running(mta, *command, which="more-milters", **options)


def note_result(mta):
    """What was delivered, and held."""
    mta.settle()
    mta.note("held", len(mta.queue_files("hold")))
    mta.note_mail("u1", mta.virtual("u1"))


OPENDMARC = """\
Background false
Syslog false
AuthservID mx.example.test
TrustedAuthservIDs mx.example.test
RejectFailures true
HoldQuarantinedMessages true
SPFIgnoreResults false
PublicSuffixList {tree}/usr/share/publicsuffix/public_suffix_list.dat
Socket local:{queue}/filter
UMask 000
PidFile {root}/opendmarc.pid
"""


@scenario(main=MAIN)
def opendmarc(mta):
    for policy in ("none", "quarantine", "reject"):
        mta.room.dns.add(f"{policy}.test", "A", mta.room.address(31))
        mta.room.dns.add(f"_dmarc.{policy}.test", "TXT", f"v=DMARC1; p={policy}")
    tree = oracle.tree("more-milters")
    (mta.root / "opendmarc.conf").write_text(OPENDMARC.format(tree=tree, queue=mta.queue, root=mta.root))
    with more_milters(mta, tree / "usr/sbin/opendmarc", "-f", "-c", mta.root / "opendmarc.conf"):
        for policy in ("none", "quarantine", "reject", "nothing"):
            text = TEXT.replace("example.test", f"{policy}.test")
            send(mta, FROM, TO, text=text)
            signed = f"Authentication-Results: mx.example.test; dkim=pass header.d={policy}.test header.i=@{policy}.test\n"
            send(mta, FROM, TO, text=signed + text)
            send(mta, FROM, TO, text=signed.replace("mx.example.test", "liar.test") + text)
        send(mta, FROM, TO, text="Subject: no author\n\nbody\n")
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT)
        note_result(mta)
    refused = [line for line in mta.log_text().split("\n") if "milter-reject" in line]
    check(len(refused) == 2 and all("rejected by DMARC policy for reject.test" in line for line in refused), lambda: f"refused: {refused}")


DKIMPY = """\
Syslog no
Mode sv
Canonicalization relaxed/simple
Domain example.test
Selector {selector}
KeyFile {root}/mail.private
InternalHosts {net}.100, 127.0.0.1
AuthservID mx.example.test
Socket local:{queue}/filter
UMask 000
UserID root
PidFile {root}/dkimpy.pid
"""


@scenario(main=MAIN, log=False)
def dkimpy_signs_and_verifies(mta):
    tree = oracle.tree("more-milters")
    python = python_with("more-milters", "Milter", "nacl.signing", "dkim", "authres")
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", mta.root / "mail.private", "1024"], check=True, capture_output=True)
    public = subprocess.run(["openssl", "rsa", "-in", mta.root / "mail.private", "-pubout"], check=True, capture_output=True, text=True).stdout
    selector = mta.root.name  # each side has its own key
    mta.room.dns.add(f"{selector}._domainkey.example.test", "TXT", "v=DKIM1; k=rsa; p=" + "".join(public.split("\n")[1:-2]))
    (mta.root / "dkimpy.conf").write_text(DKIMPY.format(root=mta.root, queue=mta.queue, net=mta.room.net, selector=selector))
    with more_milters(mta, python, "-P", tree / "usr/bin/dkimpy-milter", mta.root / "dkimpy.conf"):
        send(mta, "MAIL FROM:<alice@example.test>", TO, text=TEXT, client=100)
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT)
        mta.settle()
        signed = [m.decode() for m in mta.virtual("u1")]
        for text in signed:
            check(len(headers(text, "DKIM-Signature")) == 1, lambda: f"not signed once: {text}")
            outside = text[text.index("DKIM-Signature:"):]
            send(mta, FROM, "RCPT TO:<u2@virt.test>", text=outside)
            send(mta, FROM, "RCPT TO:<u2@virt.test>", text=outside + "more\n")
        mta.settle()
    verdicts = sorted(",".join(headers(m.decode(), "Authentication-Results")) for m in mta.virtual("u2"))
    mta.note("verdicts", "\n".join(re.sub(r'header\.b="?[^"; ]*"?', "header.b=X", v) for v in verdicts))
    mta.note("order of headers", "\n".join(" ".join(re.findall(r"(?m)^[\w-]+:", text.split("\n\n")[0])) for text in signed))
    check(sum("dkim=pass" in v for v in verdicts) == 2 and sum("dkim=fail" in v for v in verdicts) == 2, lambda: f"two pass, two fail: {verdicts}")


def spamass_milter(mta):
    """The program, that it may find spamc where it was unpacked: /usr/bin/spamc is compiled in."""
    tree, here = oracle.tree("more-milters"), mta.root / "spamass-milter"
    code = (tree / "usr/sbin/spamass-milter").read_bytes()
    check(code.count(b"/usr/bin/spamc\0") == 1, "where spamass-milter names spamc")
    here.write_bytes(code.replace(b"/usr/bin/spamc\0", b"./spamc".ljust(15, b"\0")))
    here.chmod(0o755)
    return here


@scenario(main=MAIN)
def spamass_milter_marks_and_refuses(mta):
    tree, place = oracle.tree("more-milters"), mta.root / "spamd"
    with Spamd(place) as spamd, more_milters(mta, spamass_milter(mta), "-p", mta.queue / "filter", "-u", "nobody", "-r", "15", "--", "-U", place,
                                             directory=tree / "usr/bin"):
        (mta.queue / "filter").chmod(0o777)
        for words in ("no such words", "spam-4", "spam-7", "spam-20"):
            send(mta, FROM, TO, "RCPT TO:<u2@virt.test>", text=TEXT.replace("body", words))
        send(mta, FROM, TO, text="X-Spam-Flag: NO\nX-Spam-Status: No, forged\nContent-Type: text/html\n" + TEXT.replace("body", "spam-7"))
        send(mta, FROM, TO, text=TEXT + "long line " * 5000 + "\n")
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT.replace("body", "spam-9"))
        mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=TEXT.replace("body", "spam-19"))
        note_result(mta)
        mta.note("asked", " ".join(spamd.commands))
    check(mta.log_text().count("Blocked by SpamAssassin") >= 2, "both messages with 15 points or more are refused")


CLAMD = """\
DatabaseDirectory {root}/signatures
LocalSocket {root}/clamd
LocalSocketMode 666
Foreground yes
User root
"""
CLAMAV = """\
MilterSocket unix:{queue}/filter
MilterSocketMode 666
Foreground yes
User root
ClamdSocket unix:{root}/clamd
OnInfected {infected}
OnFail Defer
AddHeader Replace
RejectMsg Blocked: %v
VirusAction /bin/true
LogInfected Off
"""
VIRUS = "RELAIS-TEST-VIRUS-7f3a"


@scenario(main=MAIN)
def clamav_milter(mta):
    tree = oracle.tree("more-milters")
    (mta.root / "signatures").mkdir()
    (mta.root / "signatures/own.ndb").write_text(f"Relais.Test:0:*:{VIRUS.encode().hex()}\n")
    (mta.root / "clamd.conf").write_text(CLAMD.format(root=mta.root))
    infected = TEXT.replace("body", f"a {VIRUS} here")
    for action in ("Reject", "Quarantine", "Blackhole", "Accept"):
        (mta.root / "clamav.conf").write_text(CLAMAV.format(root=mta.root, queue=mta.queue, infected=action))
        with more_milters(mta, tree / "usr/sbin/clamd", "-c", mta.root / "clamd.conf", where=mta.root / "clamd"), \
                more_milters(mta, tree / "usr/sbin/clamav-milter", "-c", mta.root / "clamav.conf"):
            send(mta, FROM, TO, text="X-Virus-Scanned: forged\nX-Virus-Status: Clean\n" + TEXT)
            send(mta, FROM, TO, text=infected)
            mta.sendmail("-f", "alice", "-i", "u1@virt.test", input=infected)
            mta.settle()
    # Without clamd.
    with more_milters(mta, tree / "usr/sbin/clamav-milter", "-c", mta.root / "clamav.conf"):
        send(mta, FROM, TO, text=TEXT)
    note_result(mta)
    check(mta.log_text().count("Blocked: Relais.Test.UNOFFICIAL") >= 2, "the virus by SMTP and from this machine is refused")
