"""The installation over Postfix goes wrong: what ran goes on running, and what was begun can be finished or taken back."""
import time

from support import check, equal
from support.package_root import installing, layers, Machine
from packages.test_switch import BACK, POSTFIX, SETTINGS, configuration, send

# What apt and dpkg say one after another while ours takes Postfix's place.
STAGES = ("Preparing to unpack", "Unpacking postfix (1:", "Unpacking relais (", "Setting up postfix (1:", "Setting up relais (")


def running_postfix(**options):
    return Machine(*layers(installing(POSTFIX)), **options).prepared(run_postfix)


def run_postfix(mx):
    mx.run(SETTINGS)
    mx.run("postfix start")
    mx.offer()
    mx.run("apt-get -qy -o APT::Keep-Downloaded-Packages=1 -d install relais", online=True)


def answers(mx):
    """A server greets, and a message comes through."""
    mx.wait("swaks --silent 2 --server 127.0.0.1 --from a@example.test --to info@example.test --header 'Subject: still there'", seconds=10)


def carries_mail(mx):
    subject = f"m{time.monotonic_ns()}"
    send(mx, subject, "info@example.test")
    mx.wait(f"grep -q '^Subject: {subject}' /var/mail/alice")


def finish(mx):
    mx.run("dpkg --configure -a; apt-get -qy -f install")  # what apt says in this case
    mx.apt("install relais")
    check("ok installed" in mx.run("dpkg-query -W -f '${Status}' relais"), "relais is installed")
    mx.wait("postfix status")
    carries_mail(mx)


def test_a_configuration_that_cannot_be_used():
    with running_postfix() as mx:
        mx.run("echo 'smtp inet n' >> /etc/postfix/master.cf")
        pid = mx.read("var/spool/postfix/pid/master.pid")
        done = mx.attempt("apt-get -qy install relais")
        check(done.returncode != 0, done.stdout)
        for words in ("master.cf: line", "what has run until now is left running", "dpkg --configure postfix"):
            check(words in done.stdout, f"{words} in {done.stdout[-1500:]}")
        equal(mx.read("var/spool/postfix/pid/master.pid"), pid, "the master that runs")
        mx.run("sed -i '$d' /etc/postfix/master.cf")
        answers(mx)
        finish(mx)
        check(mx.read("var/spool/postfix/pid/master.pid") != pid, "another master runs now")


def kill_at(mx, stage):
    """apt installs relais; it and what it has started are killed as soon as it says so."""
    mx.run(f"""
        setsid apt-get -qy -o Dpkg::Post-Invoke::='sleep 10' install relais > /root/said 2>&1 & pid=$!
        while ! grep -qF '{stage}' /root/said; do kill -0 $pid || {{ cat /root/said; exit 1; }}; done
        kill -9 $pid && {{ pkill -9 -x dpkg; pkill -9 -x dpkg-deb; true; }}""", seconds=60)


def test_killed_in_the_middle():
    for stage in STAGES:
        with running_postfix() as mx:
            before = configuration(mx)
            kill_at(mx, stage)
            answers(mx)
            finish(mx)
            equal(configuration(mx), before, f"killed at {stage}: the configuration")


def test_a_full_disk():
    with running_postfix(room=300) as mx:
        before = configuration(mx)
        mx.run("fallocate -l $(( $(stat -f -c '%a * %S' /root) - 6000000 )) /root/filler")
        done = mx.attempt("apt-get -qy install relais")
        check(done.returncode != 0 and "No space left" in done.stdout, done.stdout[-1500:])
        equal(configuration(mx), before, "the configuration")
        check("452 4.3.1" in mx.attempt("swaks --server 127.0.0.1 --from a@example.test --to info@example.test").stdout, "Postfix says so too")
        mx.run("rm /root/filler")
        answers(mx)
        finish(mx)
        mx.apt(BACK)
        carries_mail(mx)


for test in (test_a_configuration_that_cannot_be_used, test_killed_in_the_middle, test_a_full_disk):
    test.seconds = 400
