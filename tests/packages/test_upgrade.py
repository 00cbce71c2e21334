"""A new version of ours over the one that runs, with mail in the queue and people logged in."""
import re
import shutil
import subprocess

from packages.test_switch import arrived, configuration, hold, postpone, queued, send, switch
from support import check, equal
from support.package_root import REPOSITORY, Machine, installing, layers

OURS = ("postfix", "relais", "relais-mailbox")
SETTINGS = """
postconf -e 'mydestination = mx.example.test, localhost' 'inet_interfaces = all' 'maillog_file = /var/log/mail.log' 'home_mailbox = Maildir/' \
    'transport_maps = inline:{{later.test=smtp:[127.0.0.1]:2}}' 'imap_mail_location = maildir:~/Maildir' 'auth_passdb = { passwd-file:/etc/users }' \
    'auth_userdb = { passwd-file:/etc/users }' 'imap_tls_auth_only = no'
postconf -M 'imap/inet=imap inet n - n - - imap-login' 'imap/unix=imap unix - - n - 1 imap' 'auth/unix=auth unix - - n - 1 auth'
useradd -m alice; newaliases
echo "alice:{PLAIN}secret:$(id -u alice):$(id -g alice)::/home/alice::" > /etc/users
"""
# Sessions that were begun before and go on after the upgrade.
IMAP = r"exec 3<>/dev/tcp/127.0.0.1/143; printf 'a LOGIN alice secret\r\nb SELECT INBOX\r\n' >&3; cat <&3 > /root/imap"
SMTP = r"""
exec 3<>/dev/tcp/127.0.0.1/25
answer() { while read -r line <&3; do echo "$line" >> /root/smtp; case $line in ???-*) ;; *) break ;; esac; done; }
answer
for command in 'EHLO c.test' 'MAIL FROM:<s@example.test>' 'RCPT TO:<alice@localhost>' DATA; do printf '%s\r\n' "$command" >&3; answer; done
printf 'Subject: cut off\r\n\r\nx\r\n' >&3
answer"""


def offer_next(mx):
    """The same packages under the next version."""
    folder = mx.root / REPOSITORY
    for name in OURS:
        archive, tree = next(folder.glob(f"{name}_*.deb")), mx.scratch / f"next.{name}"
        subprocess.run(["dpkg-deb", "-R", archive, tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"1:0\.1\.0\b", "1:0.1.0+next", control.read_text()))
        subprocess.run(["dpkg-deb", "-b", "-Znone", tree, folder / f"{name}_next.deb"], check=True, capture_output=True)
        shutil.rmtree(tree)
    index = subprocess.run(["dpkg-scanpackages", "-m", "."], cwd=folder, capture_output=True, check=True).stdout
    (folder / "Packages").write_bytes(index)
    mx.run("apt-get update -q", online=True)


def begin_session(mx, script, name, answered):
    mx.run(f"cat > /root/{name}.sh <<'END'\n{script}\nEND\nsetsid bash /root/{name}.sh >/dev/null 2>&1 &")
    mx.wait(f"grep -q '{answered}' /root/{name} || {{ cat /root/{name}; false; }}")


def test_with_mail_in_the_queue_and_sessions_open():
    with Machine(*layers(installing("swaks iproute2 procps ssl-cert"))) as mx:
        mx.offer(*OURS)
        mx.apt("install relais relais-mailbox")
        mx.run(SETTINGS)
        mx.run("postfix stop; postfix start")
        send(mx, "before", "alice@localhost")
        mx.wait("ls /home/alice/Maildir/new | grep -q .")
        send(mx, "deferred", "x@later.test")
        mx.wait("postqueue -p | grep -q later.test")
        hold(mx, "held", "alice@localhost")
        postpone(mx, "waiting", "alice@localhost")
        begin_session(mx, IMAP, "imap", "^b OK")
        begin_session(mx, SMTP, "smtp", "^354")
        before = configuration(mx)
        offer_next(mx)
        said, gap = switch(mx, "install relais relais-mailbox")
        equal(mx.run("dpkg-query -W -f '${Version}\\n' postfix relais-mailbox").split(), ["1:0.1.0+next"] * 2, said)
        check(gap < 2, f"{gap} s without a server")
        equal(configuration(mx), before, "the configuration")
        mx.wait("! pgrep -f /root/[i]map.sh")  # the client sees the end of the connection
        check("250 2.0.0 Ok: queued" not in mx.read("root/smtp"), "nothing is promised of a message that was cut off")
        equal(queued(mx), (["alice@localhost", "x@later.test"], ["alice@localhost"]), "the queue")
        send(mx, "after", "alice@localhost")
        mx.run("postsuper -H ALL; postqueue -f")
        mx.wait("for subject in after held waiting; do grep -rq \"^Subject: $subject\" /home/alice/Maildir || exit 1; done")
        mx.run("bash -c \"exec 3<>/dev/tcp/127.0.0.1/143; printf 'a LOGIN alice secret\\r\\nb SELECT INBOX\\r\\nc LOGOUT\\r\\n' >&3; cat <&3\" | grep -q '^b OK'")
        subjects = [path.read_text().split("Subject: ")[1].split("\n")[0] for path in (mx.root / "home/alice/Maildir").glob("[nc]*/*")]
        equal(sorted(subjects), ["after", "before", "held", "waiting"], "each message once, and not the one that was cut off")
        equal(arrived(mx, "alice"), [], "nothing elsewhere")


test_with_mail_in_the_queue_and_sessions_open.seconds = 300
