"""Three machines, each with a network of its own, behind HAProxy: any of them takes any user and sends him to the one with his
mail.  One dies; the others' users do not notice, and its own come back with it."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import time

from support import Skip, check, equal, oracle
from support.machines import PASSWORD, Machine, Talk
from support.room import room

# Before the room is there, where nothing can be downloaded.
with contextlib.suppress(Skip):
    shutil.which("haproxy", path="/usr/sbin:/usr/bin") or oracle.tree("haproxy")

MACHINES = []
HUB = "10.9.8.254"
CLONE_NEWNET = 0x40000000
HAPROXY = """\
global
    maxconn 500
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    retries 2
    option redispatch
listen imap
    bind {hub}:1430
    balance roundrobin
    default-server check check-send-proxy send-proxy-v2 inter 200ms fall 1 rise 1
{imap}
listen lmtp
    bind {hub}:2425
    balance roundrobin
    default-server check inter 200ms fall 1 rise 1
{lmtp}
"""


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise Skip(f"no networks of our own: {' '.join(map(str, words))}: {done.stderr.strip()}")


def leave_network():
    """This process gets a network where nobody else is; those that it starts are there as well."""
    room().require_private("networks of their own")
    if not shutil.which("ip"):
        raise Skip("ip (iproute2) is missing")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise Skip(f"no network namespaces: {os.strerror(ctypes.get_errno())}")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "hub", "type", "bridge")
    run("ip", "addr", "add", f"{HUB}/24", "dev", "hub")
    run("ip", "link", "set", "hub", "up")


class Network:
    """A namespace with one address on the hub."""

    def __init__(self, number):
        self.address, self.name = f"10.9.8.{number}", f"m{number}"
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        room().defer(self.holder.kill)
        self.within = ("nsenter", "-t", str(self.holder.pid), "-n")
        own = os.readlink("/proc/self/ns/net")
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == own:
            check(time.monotonic() < end, "unshare takes too long")
            time.sleep(0.02)
        run("ip", "link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.holder.pid)
        run("ip", "link", "set", self.name, "master", "hub", "up")
        run(*self.within, "ip", "addr", "add", f"{self.address}/24", "dev", "eth0")
        run(*self.within, "ip", "link", "set", "eth0", "up")
        run(*self.within, "ip", "link", "set", "lo", "up")

    def cut(self, state):
        run("ip", "link", "set", self.name, state)


def machine(network):
    services = "{address}:143 inet n - n - 500 imap-login\n{address}:24 inet n - n - 500 lmtpd\n" \
               "{address}:1431 inet n - n - 500 imap-login -o imap_upstream_proxy_protocol=haproxy\n"
    main = "lmtpd_proxy = yes\nlogin_trusted_networks = 10.9.8.0/24\nimap_tls_auth_only = no\nlogin_proxy_timeout = 3s\n"
    return Machine(main, services, network.address, network.within)


def haproxy(networks):
    path = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    environment = {}
    if not path:
        tree = oracle.tree("haproxy")
        path, environment = tree / "usr/sbin/haproxy", {"LD_LIBRARY_PATH": oracle.library_path(tree)}
    config = room().scratch / "haproxy.cfg"
    lines = {port: "\n".join(f"    server {net.name} {net.address}:{port}" for net in networks) for port in (1431, 24)}
    config.write_text(HAPROXY.format(hub=HUB, imap=lines[1431], lmtp=lines[24]))
    log = open(room().scratch / "haproxy.log", "wb")
    process = subprocess.Popen([path, "-db", "-f", config], stdout=log, stderr=log, env={**os.environ, **environment})
    room().defer(process.kill)
    return process


def login(user):
    with contextlib.suppress(OSError), Talk(HUB, timeout=10) as talk:
        answer = talk(f"LOGIN {user} {PASSWORD}")
        if not answer.startswith("OK"):
            return answer
        talk("SELECT INBOX")
        return next(line.split()[1] for line in talk.lines if line.endswith(" EXISTS"))
    return "nothing"


def until(what, wanted, seconds):
    end = time.monotonic() + seconds
    while (got := what()) != wanted:
        check(time.monotonic() < end, lambda: f"{got} and not {wanted}" + "".join(m.log() for m in MACHINES))
        time.sleep(0.1)


def deliver(*users):
    from support.lmtp_pair import Session
    with Session((HUB, 2425)) as session:
        session("LHLO c.test")
        session("MAIL FROM:<a@b.test>")
        answers = [session(f"RCPT TO:<{user}>")[:3] for user in users]
        if "250" in answers:
            session("DATA")
            taken = iter([reply[:3] for reply in [session("Subject: x\r\n\r\nx\r\n.")] +
                          [session.reply() for _ in range(answers.count("250") - 1)]])
            answers = [next(taken) if answer == "250" else answer for answer in answers]
        return answers


def test_one_of_three_dies():
    leave_network()
    networks = [Network(i) for i in (1, 2, 3)]
    machines = [machine(network) for network in networks]
    MACHINES.extend(machines)
    for i, each in enumerate(machines):
        each.users(**{f"u{j + 1}": None if i == j else "" for j in range(3)})
        table = each.mta.conf / "users"
        homes = {f"u{j + 1}": networks[j].address for j in range(3)}
        table.write_text("".join(f"{line}proxy_maybe=y host={homes[line.split(':')[0]]}\n" for line in table.read_text().splitlines()))
    proxy = haproxy(networks)
    for user in ("u1", "u2", "u3"):
        until(lambda: login(user), "0", 15)
    # Whichever machine takes them, they and their mail find each other.
    for count in range(1, 7):
        equal(deliver("u1", "u2", "u3"), ["250"] * 3, "mail")
        equal([login(user) for user in ("u1", "u2", "u3", "u1")], [str(count)] * 4, "messages")  # four: each round begins elsewhere
    equal([len(each.messages(f"u{i + 1}")) for i, each in enumerate(machines)], [6] * 3, "each on its own machine")
    machines[0].wait_log(r"proxy\(u\d,10.9.8.[23]:143\): Started proxying")
    networks[1].cut("down")  # whoever talks to it hears nothing any more
    machines[1].stop()
    until(lambda: login("u1"), "6", 10)
    for _ in range(4):
        equal([login("u1"), login("u3")], ["6", "6"], "the others go on")
        check(login("u2").startswith("NO [UNAVAILABLE]"), "its user is told to come back")
    equal(deliver("u1", "u2", "u3"), ["250", "451", "250"], "mail")
    machines[1].start()
    networks[1].cut("up")
    until(lambda: login("u2"), "6", 45)
    equal(deliver("u1", "u2", "u3"), ["250"] * 3, "mail")
    equal([login(user) for user in ("u1", "u2", "u3")], ["8", "7", "8"], "messages")
    for each in machines:
        each.stop()
    proxy.kill()
