"""What administrators may do with places, within the sandbox that is the default: nothing is refused, and nobody is denied a file.

One instance has its queues, its data and its mailboxes behind links and sockets and tables in places of its own; in the other everything
that can be is chrooted.  Mail goes every way through both, and the commands look at it."""
import re
import shutil
import subprocess

from support import check, equal
from support.certificates import directory
from support.instance import SUBMISSION, Instance
from support.milter import MilterServer
from support.policy import PolicyServer
from support.queuefile import records
from support.room import room
from support.sink import SmtpSink
from support.tls_servers import safe

MAIN = """\
alias_maps = hash:@ROOT@/elsewhere/aliases
virtual_alias_maps = texthash:@ROOT@/elsewhere/virtual
virtual_mailbox_base = @ROOT@/boxes
header_checks = regexp:@ROOT@/elsewhere/checks
transport_maps = inline:{{later.test=smtp:[127.0.0.1]:1}, {piped.test=odd:}, {tls.test=smtp:[@SECURE@]:2525}, {thrown.test=discard:}}
local_recipient_maps =
smtpd_milters = unix:@SOCKETS@/milter
non_smtpd_milters = unix:@SOCKETS@/milter
smtpd_recipient_restrictions = check_policy_service unix:@SOCKETS@/policy, permit_mynetworks, reject
smtpd_tls_cert_file = @ROOT@/elsewhere/live/cert.pem
smtpd_tls_key_file = @ROOT@/elsewhere/live/key.pem
smtp_tls_CApath = @ROOT@/elsewhere/authorities
smtp_tls_policy_maps = inline:{{[@SECURE@]:2525=secure match=odd.test}}
address_verify_map = btree:@ROOT@/data/verify
minimal_backoff_time = 300s
"""
PIPE = "odd unix - n n - - pipe flags=q user={user} argv=/bin/sh -c cat>{root}/drop/$$$$ sh\n"
LINKED = ("deferred", "hold", "maildrop", "bounce", "defer")


def secure_server():
    return room().address(60)


def moved(path, to):
    shutil.move(path, to)
    path.symlink_to(to)


def prepare(mta):
    """The places that MAIN names."""
    elsewhere = mta.root / "elsewhere"
    for folder in (elsewhere, elsewhere / "live", elsewhere / "archive", mta.root / "drop"):
        folder.mkdir(mode=0o755)
    (mta.root / "drop").chmod(0o1777)
    real = elsewhere / "archive/aliases"
    real.write_text(f'postmaster: bob@virt.test\npiped: "|cat>{mta.root}/drop/alias"\n')
    (elsewhere / "aliases").symlink_to(real)
    (elsewhere / "virtual").write_text("info@virt.test u1@virt.test\n")
    (elsewhere / "checks").write_text("/^Subject: kept/ HOLD\n")
    for name, source in (("cert.pem", "mx.pem"), ("key.pem", "mx.key")):
        shutil.copy(directory() / source, elsewhere / "archive" / name)
        (elsewhere / "live" / name).symlink_to(elsewhere / "archive" / name)
    mta.must_run("postalias", f"hash:{elsewhere}/aliases", record=False)


def authorities(folder, real):
    """As c_rehash makes it, of an authority that is elsewhere."""
    folder.mkdir()
    real.mkdir()
    shutil.copy(directory() / "ca.pem", real / "ca.pem")
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", real / "ca.pem"], capture_output=True, check=True, text=True).stdout.strip()
    (folder / f"{name}.0").symlink_to(real / "ca.pem")


def over_tls(mta):
    """To a server whose certificate is held against those authorities, which OpenSSL reads when it meets one."""
    server = SmtpSink(secure_server(), 2525, safe("odd", ["odd.test"]))
    mta.mail("a@b.test", ["x@tls.test"])
    mta.wait_log("to=<x@tls.test>.*status=sent")
    server.stop()


def linked(mta):
    for name in LINKED:
        moved(mta.queue / name, mta.root / "elsewhere" / name)
    moved(mta.data, mta.root / "elsewhere/data")
    authorities(mta.root / "elsewhere/authorities", mta.root / "certificates")
    (mta.root / "boxes").symlink_to(mta.vmail)


def chrooted(mta):
    """Where master.cf may say so: not of what takes on users' ids."""
    (mta.root / "boxes").symlink_to(mta.vmail)
    lines = []
    for line in (mta.conf / "master.cf").read_text().splitlines():
        words = line.split()
        may = not line.startswith(" ") and len(words) > 7 and words[7] not in ("local", "virtual", "pipe", "proxymap", "postlogd")
        lines.append(" ".join(words[:4] + ["y"] + words[5:]) if may else line)
    (mta.conf / "master.cf").write_text("\n".join(lines) + "\n")
    for folder, name in (("etc", "resolv.conf"), ("etc", "hosts"), ("etc", "services")):
        (mta.queue / folder).mkdir(exist_ok=True)
        shutil.copy(f"/etc/{name}", mta.queue / folder / name)


def id_of(mta, recipient):
    found = [line for line in mta.must_run("postqueue", "-j", record=False).stdout.splitlines() if f'"{recipient}"' in line]
    equal(len(found), 1, f"messages for {recipient}")
    return re.search(r'"queue_id": "(\w+)"', found[0])[1]


def look_at_the_queue(mta):
    piped = mta.must_run("postcat", "/dev/stdin", input=records(("S", "a@b.t"), ("M", ""), ("X", ""), ("E", "")), record=False)
    check("sender: a@b.t" in piped.stdout and "sandbox" not in piped.stderr, f"postcat of a pipe: {piped}")
    later, kept = id_of(mta, "x@later.test"), id_of(mta, "box@virt.test")
    check("hello" in mta.must_run("postcat", "-q", later, kept, record=False).stdout, "postcat")
    check("later.test" in mta.must_run("qshape", "deferred", record=False).stdout, "qshape")
    mta.must_run("postsuper", "-s", record=False)
    for step in ("-h", "-H", "-r"):
        mta.must_run("postsuper", step, later, record=False)
    mta.must_run("postqueue", "-f", record=False)
    mta.wait_log(r"to=<x@later.test>.*status=deferred", count=2)
    mta.must_run("postsuper", "-d", kept, record=False)
    mta.must_run("postqueue", "-i", id_of(mta, "x@later.test"), record=False)
    mta.wait_log(r"to=<x@later.test>.*status=deferred", count=3)


def use_all(mta):
    mta.mail("a@b.test", ["info@virt.test", "piped@example.test", "x@piped.test", "x@thrown.test"])
    mta.mail("a@b.test", ["x@later.test"])
    mta.mail("a@b.test", ["box@virt.test"], "Subject: kept\n\nhello\n")
    mta.must_run("sendmail", "u2@virt.test", input="Subject: by hand\n\nhello\n", record=False)
    for recipient in ("u1@virt.test", "u2@virt.test", "x@piped.test", "x@thrown.test", "piped@example.test"):
        mta.wait_log(rf"to=<{re.escape(recipient)}.*status=sent")
    mta.wait_log(r"to=<x@later.test>.*status=deferred")
    look_at_the_queue(mta)
    with mta.smtp(port=SUBMISSION) as session:
        session.talk("EHLO c.test")
        session.starttls()
        equal(session.command("MAIL FROM:<a@b.test>").code, "250", "over TLS")


def in_order(arrange, sockets, mode="strict"):
    """`sockets`: where those of other programs are, as a daemon sees it."""
    room().require_private("accounts")
    mta = Instance("ours", main=MAIN.replace("@SOCKETS@", sockets).replace("@SECURE@", secure_server()) + f"sandbox = {mode}\n")
    (mta.conf / "master.cf").write_text((mta.conf / "master.cf").read_text() + PIPE.format(user="vmail", root=mta.root))
    prepare(mta)
    arrange(mta)
    place = mta.queue / mta.expand(sockets)
    place.mkdir(exist_ok=True)
    with MilterServer(str(place / "milter")), PolicyServer(str(place / "policy")):
        mta.start()
        use_all(mta)
        if arrange is linked:  # a jail would have to hold the authorities
            over_tls(mta)
        mta.reload()
        mta.mail("a@b.test", ["info@virt.test"])
        mta.wait_log(r"to=<u1@virt.test>.*status=sent", count=2)
        mta.stop()
    check("down" in mta.must_run("postqueue", "-p", record=False).stderr, "a list without the mail system")
    mta.must_run("postlog", "-t", "test", "while it is down", record=False)
    log = mta.maillog.read_text()
    check("while it is down" in log, "what postlog has written")
    equal(re.findall(r".*(?:sandbox|ermission denied|not permitted).*", log), [], "what was refused")
    mta.destroy()


def behind_links():
    in_order(linked, "@ROOT@/elsewhere")


def behind_links_and_asked_what_would_be_refused():
    in_order(linked, "@ROOT@/elsewhere", "log")


def in_a_jail():
    in_order(chrooted, "others")


behind_links.is_test = behind_links_and_asked_what_would_be_refused.is_test = in_a_jail.is_test = True
