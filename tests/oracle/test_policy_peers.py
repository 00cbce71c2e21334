"""Real policy servers: policyd-spf as howtos set it up, run by spawn(8), and postgrey."""
import contextlib
import os
import pwd
import re
import socket
import subprocess
import time

from support import Skip, check, oracle
from support.compare import scenario
from support.room import room

TREE = oracle.CACHE / "policy"
with contextlib.suppress(Skip):  # the tests say why
    oracle.tree("policy")  # before the room has a resolver of its own
SPF_CONF = "debugLevel = 0\nTestOnly = 1\nHELO_reject = Fail\nMail_From_reject = Fail\nPermError_reject = False\nTempError_Defer = False\nskip_addresses = 192.0.2.0/24\n"


@scenario(main="policyd-spf_time_limit = 3600\nsmtpd_recipient_restrictions =\n permit_mynetworks,\n permit_sasl_authenticated,\n reject_unauth_destination,\n"
          f" check_policy_service unix:private/policyd-spf\nexport_environment = TZ MAIL_CONFIG LANG PYTHONPATH={TREE}/usr/lib/python3/dist-packages\n",
          master=f"policyd-spf  unix  -       n       n       -       0       spawn\n    user=alice argv=/usr/bin/python3 {TREE}/usr/bin/policyd-spf @CONF@/policyd-spf.conf\n",
          files={"policyd-spf.conf": SPF_CONF})
def policyd_spf(mta):
    room().require_private("accounts")
    oracle.tree("policy")
    dns = room().dns
    if not getattr(dns, "spf", False):
        dns.spf = True
        dns.add("good.spf.test", "TXT", f"v=spf1 ip4:{room().net}.0/24 -all")
        dns.add("bad.spf.test", "TXT", "v=spf1 -all")
        dns.add("soft.spf.test", "TXT", "v=spf1 ~all")
    with mta.smtp() as s:
        for domain in ("good", "bad", "soft", "none"):
            s.mail(f"carol@{domain}.spf.test", "u1@virt.test", f"Subject: {domain}\n\nx\n")
        s.command("QUIT")
    with mta.smtp(client=100) as s:
        s.mail("carol@bad.spf.test", "u1@virt.test", "Subject: from inside\n\nx\n")
        s.command("QUIT")
    mta.settle()
    got = [re.findall(rb"^Received-SPF: .*(?:\n[ \t].*)*|^Subject: .*", message, re.M) for message in mta.virtual("u1")]
    check(any(b"Received-SPF: Pass" in line for lines in got for line in lines), f"headers: {got}")
    mta.note("headers", "\n".join(sorted(line.decode() for lines in got for line in lines)))


class Postgrey:
    def __init__(self, folder, place):
        tree = oracle.tree("policy")
        folder.mkdir()
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        paths = [tree / "usr/share/perl5", *tree.glob("usr/lib/*/perl5/*")]
        for name in ("clients", "recipients"):
            (folder / name).write_text("")
        self.log = open(folder / "output", "wb")
        self.process = subprocess.Popen(
            ["/usr/bin/perl", *(f"-I{path}" for path in paths), "-T", tree / "usr/sbin/postgrey", f"--inet={place[0]}:{place[1]}", f"--dbdir={folder}", "--delay=1",
             "--user=nobody", "--group=nogroup", f"--whitelist-clients={folder}/clients", f"--whitelist-recipients={folder}/recipients", "--hostname=mx.example.test"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(place).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError("postgrey did not start: " + (folder / "output").read_text())
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@scenario(main="smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, check_policy_service inet:@NET@.32:10023\n")
def postgrey(mta):
    room().require_private("accounts")
    with Postgrey(mta.root / "postgrey", (room().address(32), 10023)):
        for _ in range(2):
            with mta.smtp() as s:
                s.mail("carol@remote.test", ["u1@virt.test", "u2@virt.test"], "Subject: x\n\nx\n")
                s.command("QUIT")
            time.sleep(1.3)
        with mta.smtp() as s:
            s.mail("dave@remote.test", "u1@virt.test", "Subject: x\n\nx\n")
            s.command("QUIT")
    mta.settle()
    got = mta.virtual("u1")
    check(len(got) == 1 and b"\nX-Greylist: delayed" in got[0], f"mail: {got}")
