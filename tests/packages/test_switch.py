"""Ours installed over Debian's Postfix, with mail everywhere, and back; then each of the packages purged."""
import hashlib
import json
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
printf '%s\n' 'later.test smtp:[127.0.0.1]:2' 'slow.test smtp:[127.0.0.1]:3' > /etc/postfix/transport; postmap /etc/postfix/transport
postconf -M 'submission/inet=submission inet n - y - - smtpd'
useradd -m alice; useradd -m bob; newaliases
"""
# Looks 20 times a second whether there is a server that greets within a second, and writes down when there was one.
PROBE = """
while :; do
  if exec 9<>/dev/tcp/127.0.0.1/25 && read -t 1 -u 9 line && [ -n "$line" ]; then echo $EPOCHREALTIME; fi >>/tmp/ups 2>/dev/null
  exec 9>&-; sleep 0.05; done
"""
# Takes a connection and says nothing.
SILENT = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1:3\", Listen => 5, ReuseAddr => 1); push @c, $s->accept while 1'"


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


def queue_ids(mx, queue):
    return mx.run(f"find /var/spool/postfix/{queue} -type f -printf '%f\\n'").split()


def queued(mx):
    """The recipients of what waits, and of what is held."""
    listed = mx.run("postqueue -p")
    entries = re.findall(r"^([0-9A-Za-z]+)([*!]?) .*\n(?: *\(.*\n)? +(\S+@\S+)$", listed, re.M)
    return sorted(to for _, mark, to in entries if mark != "!"), sorted(to for _, mark, to in entries if mark == "!")


def waits(mx, to, queue="deferred"):
    """The queue ID of the message that is in a queue for a recipient; waits for it.  What is there for others may come and go meanwhile."""
    listed = f"""postqueue -j | grep '"queue_name": "{queue}".*"address": "{to}"'"""
    mx.wait(listed)
    return json.loads(mx.run(listed))["queue_id"]


def postpone(mx, subject, to):
    """Into deferred, though it could be delivered; its queue ID.  main.cf is as before at the end."""
    mx.run("cp -p /etc/postfix/main.cf /root/main.cf; postconf -e defer_transports=local; postfix reload")
    send(mx, subject, to)
    name = waits(mx, to)
    mx.run("cat /root/main.cf > /etc/postfix/main.cf; postfix reload")
    return name


def hold(mx, subject, to):
    name = postpone(mx, subject, to)
    mx.run(f"postsuper -h {name}")
    mx.run(f"postqueue -p | grep '^{name}!'")


def fill_running(mx, when):
    """Mail in deferred and in hold."""
    send(mx, f"deferred {when}", f"{when}@later.test")
    waits(mx, f"{when}@later.test")
    hold(mx, f"held {when}", "bob@example.test")


def fill_stopped(mx, when):
    """Mail in active, incoming and maildrop besides; the server is stopped."""
    mx.run(f"setsid {SILENT} >/dev/null 2>&1 & echo $! > /root/silent")
    fill_running(mx, when)
    send(mx, f"active {when}", f"{when}@slow.test")
    waits(mx, f"{when}@slow.test", "active")
    mx.run("pkill -STOP -x qmgr")
    mx.run(f"swaks --silent 2 --server 127.0.0.1 --from a@example.test --to bob@example.test --header 'Subject: incoming {when}'")
    mx.run("kill $(cat /var/spool/postfix/pid/master.pid); pkill -KILL -x qmgr")
    mx.wait("! postfix status")
    send(mx, f"dropped {when}", "bob@example.test")
    equal([len(queue_ids(mx, queue)) for queue in ("active", "incoming", "maildrop")], [1] * 3, "messages in each queue")
    mx.run("kill $(cat /root/silent)")


def switch(mx, *arguments):
    """apt, with somebody who looks whether there is a server; what it said, and the longest time without one, in seconds."""
    mx.run(f"rm -f /tmp/ups; cat > /root/probe <<'END'\n{PROBE}\nEND\nsetsid bash /root/probe >/dev/null 2>&1 & echo $! > /root/probe.pid")
    mx.wait("test -s /tmp/ups")
    said = mx.apt(*arguments)
    ups = mx.run("sleep 2; kill $(cat /root/probe.pid); cat /tmp/ups; date +%s.%N").split()
    return said, max(float(later) - float(earlier) for earlier, later in zip(ups, ups[1:]))


def mode(mx, path):
    return mx.run(f"stat -c '%a %U:%G' {path}").strip()


def test_there_and_back_with_mail_in_the_queue():
    with machine() as mx:
        mx.run(SETTINGS)
        mx.run("postfix start")
        postlog = mode(mx, "/usr/sbin/postlog")
        send(mx, "before", "info@example.test")
        mx.wait("grep -q before /var/mail/alice")
        fill_running(mx, "there")
        before = configuration(mx)
        mx.offer()
        said, gap = switch(mx, "install relais")
        check("1:" in mx.run("dpkg-query -W postfix"), said)
        equal(configuration(mx), before, "the configuration")
        check(gap < 2, f"{gap} s without a server")
        mx.run("grep -q relais /proc/$(tr -d ' ' </var/spool/postfix/pid/master.pid)/exe")  # our master runs
        equal(mx.run("postconf -hx mail_version").strip()[:2], "3.", "the version that postconf tells")
        send(mx, "after", "info@example.test")
        mx.wait("grep -q '^Subject: after' /var/mail/alice")
        equal(queued(mx), (["there@later.test"], ["bob@example.test"]), "the queue after the switch")
        mx.run("swaks --silent 2 --server 127.0.0.1 --from a@example.test --to sales-alice@example.test --header 'Subject: by smtp'")
        mx.wait("grep -q '^Subject: by smtp' /var/mail/alice")
        fill_running(mx, "back")
        mx.wait("postqueue -p | grep -q back@later.test")
        said, gap = switch(mx, BACK)
        equal(configuration(mx), before, "the configuration after the way back")
        check("High-performance" in mx.run("dpkg -l postfix"), said)
        equal(mode(mx, "/usr/sbin/postlog"), postlog, "the mode of postlog after the way back")
        equal(queued(mx), (["back@later.test", "there@later.test"], ["bob@example.test"] * 2), "the queue after the way back")
        send(mx, "at home", "info@example.test")
        mx.run("postsuper -H ALL; postqueue -f")
        mx.wait("grep -q '^Subject: at home' /var/mail/alice; [ $(grep -c ^Subject: /var/mail/bob) = 2 ]")
        equal(sorted(arrived(mx, "alice")), ["after", "at home", "before", "by smtp"], "alice has each message once")
        equal(sorted(arrived(mx, "bob")), ["held back", "held there"], "bob has each message once")


def test_stopped_with_mail_in_each_queue():
    """What lies in the queue of one that does not run is delivered by the other, once."""
    with machine() as mx:
        mx.run(SETTINGS)
        mx.run("postfix start")
        mx.offer()
        for when, command in (("there", "install relais"), ("back", BACK)):
            fill_stopped(mx, when)
            mx.apt(command)
            mx.run("postfix reload")  # Debian's Postfix starts before its table types are there, and looks for them once
            mx.wait(f"grep -q '^Subject: incoming {when}' /var/mail/bob && grep -q '^Subject: dropped {when}' /var/mail/bob")
        mx.wait("postqueue -p | grep -q back@slow.test && ! find /var/spool/postfix/active -type f | grep -q .")
        equal(queued(mx), (["back@later.test", "back@slow.test", "there@later.test", "there@slow.test"], ["bob@example.test"] * 2), "the queue")
        mx.run("postsuper -H ALL; postqueue -f")
        mx.wait("[ $(grep -c ^Subject: /var/mail/bob) = 6 ]")
        equal(sorted(arrived(mx, "bob")), [f"{kind} {when}" for kind in ("dropped", "held", "incoming") for when in ("back", "there")], "each once")


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


for test in (test_there_and_back_with_mail_in_the_queue, test_stopped_with_mail_in_each_queue, test_purges_keep_what_the_other_needs, test_the_unit_watches_master_itself):
    test.seconds = 300
