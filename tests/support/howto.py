"""What the documents that people follow are tried on: a machine with every program that they name, hosts of others beside it, and DNS.

    with Site({"example.test": "MX 10 mx.example.test."}) as site:
        site.write("etc/postfix/main.cf", "...")
        walk(site, [Typed("what the document says", "postfix check"), Soon("what comes of it", "cat /var/log/mail.log", "daemon started")])

`tests/run packages/howto_postfix_queue --ours postfix` walks through the same on Debian's Postfix.
"""
import re
import time
from typing import NamedTuple

from support import check, count_cases, ours
from support.package_root import Machine, installing, layers

# Debian's Postfix is here, as on the machine of who reads them; ours is installed over it.
POSTFIX = "postfix postfix-pcre postfix-ldap swaks openssl telnet netcat-openbsd procps psmisc iproute2 curl unbound bind9-dnsutils ssl-cert"
FILTERS = ("opendkim opendkim-tools opendmarc dbconfig-no-thanks publicsuffix postfix-policyd-spf-python spfquery postsrsd "
           "amavisd-new spamassassin haproxy")
LOCAL = "procmail vacation slapd ldap-utils"
LOGINS = "sasl2-bin libsasl2-modules dovecot-core"
WATCHERS = ("rsyslog logrotate pflogsumm mailgraph munin-plugins-core munin-node monitoring-plugins-basic monitoring-plugins-standard "
            "logwatch fail2ban ufw")
TOOLS = installing(" ".join((POSTFIX, FILTERS, LOCAL, LOGINS, WATCHERS)))

MX = "198.51.100.1"
# Everybody else: any address of 192.0.2.0/24.
FAR = "192.0.2.1"
IN_FAR = "nsenter --net=/run/netns/far"
# Whoever is out there: lines of the zone file.
CLIENT = (f"client.example. A {FAR}", "1.2.0.192.in-addr.arpa. PTR client.example.")
# Its own /dev, so that the sockets of the system log are nobody else's.
DEVICES = """
mkdir -p /run/dev && mount -t tmpfs -o mode=755 tmpfs /run/dev && cd /run/dev && cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty . &&
mkdir pts shm && mount -t devpts -o ptmxmode=666,newinstance devpts pts && ln -s pts/ptmx ptmx && ln -s /proc/self/fd fd && mount --move /run/dev /dev
"""
NETWORK = f"""
ip netns add far && ip link add mx0 type veth peer name far0 netns far && ip addr add {MX}/24 dev mx0 && ip link set mx0 up &&
{IN_FAR} sh -c 'ip link set lo up; ip addr add {FAR}/24 dev far0; ip link set far0 up; ip route add local 192.0.2.0/24 dev lo;
ip route add 198.51.100.0/24 dev far0' && ip route add 192.0.2.0/24 dev mx0
"""
RESOLVER = """
server:
  interface: 127.0.0.1
  do-ip6: no
  do-daemonize: yes
  username: ""
  chroot: ""
  module-config: "iterator"
  use-syslog: no
  logfile: "/var/log/unbound"
  local-zone: "." static
"""


def mail_for(domain, address):
    """Lines of the zone file: the domain's mail goes to this address."""
    return f"{domain}. MX 5 mx.{domain}.", f"mx.{domain}. A {address}"


class Site(Machine):
    def __init__(self, records, name="mx.example.test", extra=()):
        """`records`: lines of a zone file, with full names.  `name`: the machine's own.  `extra`: further layers' commands."""
        super().__init__(*layers(TOOLS, *extra))
        self.prepared(lambda _: self._furnish(records, name))

    def _furnish(self, records, name):
        self.run(DEVICES)
        self.run(NETWORK)
        self.run(f"hostname {name}")
        self.write("etc/hosts", f"127.0.0.1 localhost\n{MX} {name} {name.partition('.')[0]}\n")
        if ours() == "ours":
            self.offer()
            self.apt("install relais postfix-ldap")
            self.run("postfix stop")
        self.write("etc/unbound/far.conf", RESOLVER + "".join(f"  local-data: '{line}'\n" for line in records))
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.run("unbound -c /etc/unbound/far.conf; ! command -v rsyslogd >/dev/null || rsyslogd")

    def write(self, path, text, mode=0o644):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def log(self):
        return self.read("var/log/mail.log")

    def sink(self, address=FAR, options=""):
        """A mail server of somebody else's; what it takes is in /srv/sink."""
        self.run(f"mkdir -p /srv/sink && chmod 777 /srv/sink && {{ {IN_FAR} setsid smtp-sink {options} -u nobody -D '/srv/sink/%Y%m%d%H%M.' {address}:25 100 "
                 ">/dev/null 2>&1 & }")
        self.wait(f"{IN_FAR} nc -z {address} 25")


class Typed(NamedTuple):
    """A command that the document gives; it succeeds, and says what is looked for (a regular expression)."""
    why: str
    command: str
    seen: str = ""
    status: int = 0

    def fault(self, site):
        done = site.attempt(self.command, seconds=60)
        if done.returncode != self.status:
            return f"exit {done.returncode}\n{done.stdout[-1500:]}"
        return "" if re.search(self.seen, done.stdout, re.M) else f"no {self.seen!r} in\n{done.stdout[-3000:]}"


class Soon(NamedTuple):
    """What is seen within seconds, by a command that may be given again and again."""
    why: str
    command: str
    seen: str
    seconds: int = 15

    def fault(self, site):
        end = time.monotonic() + self.seconds
        while fault := Typed(self.why, f"{{ {self.command} ; }} 2>&1 || true", self.seen).fault(site):
            if time.monotonic() > end:
                return fault
            time.sleep(0.3)
        return ""


def walk(site, steps):
    """Each step in its order; what went wrong with any of them is told at the end."""
    faults = []
    for step in steps:
        if fault := step.fault(site):
            faults.append(f"{step.why}\n# {step.command}\n{fault}")
    count_cases(len(steps))
    check(not faults, lambda: f"{len(faults)} of {len(steps)}:\n" + "\n\n".join(faults))


# A mail system of somebody else's: its own configuration and queue, on addresses of the far side.
FAR_MAIN = """
compatibility_level = 3.11
myhostname = {name}
queue_directory = /srv/{short}/queue
data_directory = /srv/{short}/data
syslog_name = {short}
inet_interfaces = {address}
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:Maildir/
virtual_mailbox_base = /srv/{short}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_received_header = yes
{more}
"""


def far_system(site, name, address, more="", services=""):
    """Starts it: what it takes for any address is in /srv/SHORT/Maildir, SHORT being the name's first part."""
    short = name.partition(".")[0]
    site.write(f"srv/{short}/etc/main.cf", FAR_MAIN.format(name=name, short=short, address=address, more=more))
    site.run(f"sed -E 's/^([a-z]+ +(inet|unix) +[-yn] +[-yn] +)y/\\1n/' /etc/postfix/master.cf.proto > /srv/{short}/etc/master.cf")
    with open(site.root / f"srv/{short}/etc/master.cf", "a") as master:
        master.write(services)
    site.run(f"cd /srv/{short} && mkdir -p queue data Maildir/new Maildir/cur Maildir/tmp && chown -R postfix data && chown -R nobody: Maildir && "
             f"{IN_FAR} ip addr add {address}/32 dev lo && {IN_FAR} postfix -c /srv/{short}/etc start")
