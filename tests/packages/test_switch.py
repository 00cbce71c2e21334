"""Ours installed over Debian's Postfix, with mail everywhere, and back; then each of the packages purged."""
import hashlib
import re
import time

from support import check, equal
from support.package_root import Machine, installing, layers

POSTFIX = "postfix postfix-pcre postfix-mysql swaks iproute2 procps"
DEBIAN = "3.7.11-0+deb12u1"
BACK = f"install --allow-downgrades postfix={DEBIAN} postfix-pcre={DEBIAN} postfix-mysql={DEBIAN}"
# What an administrator of a small site has changed.
SETTINGS = """
postconf -e 'mydestination = mx.example.test, example.test, localhost' 'inet_interfaces = all' 'compatibility_level = 3.6' \
    'virtual_alias_maps = pcre:/etc/postfix/virtual.pcre, hash:/etc/postfix/virtual' 'alias_maps = hash:/etc/aliases' \
    'transport_maps = hash:/etc/postfix/transport' 'maillog_file = /var/log/mail.log' 'relayhost ='
echo '/^sales-(.*)@example.test$/ $1@example.test' > /etc/postfix/virtual.pcre
echo 'info@example.test alice@example.test' > /etc/postfix/virtual; postmap /etc/postfix/virtual
echo 'later.test smtp:[127.0.0.1]:2' > /etc/postfix/transport; postmap /etc/postfix/transport
postconf -M 'submission/inet=submission inet n - y - - smtpd'
useradd -m alice; useradd -m bob; newaliases
"""
PROBE = """
exec 3>/tmp/gaps; while :; do
  if bash -c 'exec 9<>/dev/tcp/127.0.0.1/25 && read -t 1 -u 9 line && [ -n "$line" ]' 2>/dev/null; then echo up >&3; else echo down >&3; fi
  sleep 0.05; done
"""


def machine():
    return Machine(*layers(installing(POSTFIX)))


def configuration(mx):
    """What is in /etc/postfix, but for what packages keep there."""
    files = {}
    for path in sorted((mx.root / "etc/postfix").rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name not in ("dynamicmaps.cf", "main.cf.proto", "master.cf.proto"):
            files[str(path.relative_to(mx.root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files


def send(mx, subject, to, how="sendmail -f sender@example.test"):
    mx.run(f"printf 'Subject: {subject}\\n\\nbody\\n' | {how} {to}")


def arrived(mx, user):
    path = mx.root / f"var/mail/{user}"
    return re.findall(r"^Subject: (.*)$", path.read_text(errors="replace"), re.M) if path.exists() else []


def fill_queues(mx):
    """A message in deferred, one in hold, one in maildrop; mail to alice has been delivered before."""
    send(mx, "before", "info@example.test")
    mx.wait("grep -q before /var/mail/alice")
    send(mx, "deferred", "x@later.test")
    mx.wait("find /var/spool/postfix/deferred -type f | grep -q .")
    mx.run("postfix stop")
    send(mx, "waiting", "sales-bob@example.test")  # into maildrop: nobody picks it up
    send(mx, "held", "alice@example.test")
    mx.run("postsuper -h ALL maildrop >/dev/null 2>&1 || true; postfix start")
    send(mx, "held for long", "bob@example.test")


def switch(mx, *arguments):
    """apt, with somebody who looks 20 times a second whether there is a server; the seconds without one."""
    (mx.root / "tmp").mkdir(exist_ok=True)
    mx.run(f"cat > /root/probe <<'END'\n{PROBE}\nEND\nsetsid bash /root/probe >/dev/null 2>&1 & echo $! > /root/probe.pid")
    said = mx.apt(*arguments)
    mx.wait("bash -c 'exec 9<>/dev/tcp/127.0.0.1/25 && read -t 5 -u 9 line && [ -n \"$line\" ]'")
    mx.run("kill $(cat /root/probe.pid)")
    looks = mx.run("cat /tmp/gaps").split()
    return said, max((len(gap) for gap in re.findall("d+", "".join(look[0] for look in looks))), default=0) / 20


def test_there_and_back_with_mail_in_the_queue():
    with machine() as mx:
        mx.run(SETTINGS)
        mx.run("postfix start")
        fill_queues(mx)
        before, queued = configuration(mx), mx.run("postqueue -p | tail -1")
        mx.offer()
        said, gap = switch(mx, "install relais")
        check("1:" in mx.run("dpkg-query -W postfix"), said)
        equal(configuration(mx), before, "the configuration")
        check(gap < 2, f"{gap} s without a server")
        mx.run("grep -q relais /proc/$(tr -d ' ' </var/spool/postfix/pid/master.pid)/exe")  # our master runs
        equal(mx.run("postconf -hx mail_version").strip()[:2], "3.", "the version that postconf tells")
        send(mx, "after", "info@example.test")
        mx.wait("grep -q '^Subject: after' /var/mail/alice")
        mx.wait("grep -q '^Subject: waiting' /var/mail/bob")
        check("later.test" in mx.run("postqueue -p"), "the deferred message is there still")
        mx.run("swaks --silent 2 --server 127.0.0.1 --from a@example.test --to sales-alice@example.test --header 'Subject: by smtp'")
        mx.wait("grep -q '^Subject: by smtp' /var/mail/alice")
        send(mx, "deferred by ours", "y@later.test")
        mx.wait("postqueue -p | grep -q y@later.test")
        said, gap = switch(mx, BACK)
        equal(configuration(mx), before, "the configuration after the way back")
        check("High-performance" in mx.run("dpkg -l postfix"), said)
        listed = mx.run("postqueue -p")
        check("x@later.test" in listed and "y@later.test" in listed, f"what was queued\n{queued}\n{listed}")
        send(mx, "at home", "info@example.test")
        mx.wait("grep -q '^Subject: at home' /var/mail/alice")
        for user in ("alice", "bob"):
            subjects = arrived(mx, user)
            equal(sorted(subjects), sorted(set(subjects)), f"{user} has each message once")


def test_purges_keep_what_the_other_needs():
    with machine() as mx:
        mx.run(SETTINGS)
        before = configuration(mx)
        mx.offer()
        mx.apt("install relais")
        mx.apt(BACK)
        mx.run("dpkg -P relais")
        equal(configuration(mx), before, "relais purged after the way back")
        send_through(mx)
        mx.apt("install relais")
        check(mx.attempt("dpkg -P postfix").returncode != 0, "what others depend on cannot be purged")
        equal(configuration(mx), before, "purging it tried")
        send_through(mx)
        mx.run("apt-get -qy purge relais postfix postfix-mysql postfix-pcre")
        check(not (mx.root / "etc/postfix").exists(), "/etc/postfix after the last purge")
        check(mx.attempt("getent passwd postfix").returncode != 0, "the account is gone")


def test_the_unit_watches_master_itself():
    """postmulti, postfix and master are one process after another: what systemd started is what it watches."""
    with machine() as mx:
        mx.run(SETTINGS)
        mx.offer()
        mx.apt("install relais")
        mx.run("postfix stop")
        mx.run("setsid postmulti -i - -p start-fg >/dev/null 2>&1 & echo $! > /root/pid")
        mx.wait("postfix status")
        equal(mx.run("cat /root/pid").strip(), mx.read("var/spool/postfix/pid/master.pid").strip(), "the process")
        send_through(mx)


def send_through(mx):
    subject = f"m{time.monotonic_ns()}"
    mx.run("postfix status || postfix start")
    send(mx, subject, "info@example.test")
    mx.wait(f"grep -q '^Subject: {subject}' /var/mail/alice")


for test in (test_there_and_back_with_mail_in_the_queue, test_purges_keep_what_the_other_needs, test_the_unit_watches_master_itself):
    test.seconds = 300
