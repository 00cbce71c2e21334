"""Evolix' "Howto Postfix", the long main.cf with comments in French: aliases in a directory, virtual domains, notifications, restrictions.

What is wrong in it on Debian 12: daemon_directory is /usr/lib/postfix/sbin, and with the value of the document Postfix does not start;
the schema of inetLocalMailRecipient is in slapd's package, but not switched on; virtual_uid_maps is missing, without which virtual(8) defers."""
import re

from support import check
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", *CLIENT,
          "2.2.0.192.in-addr.arpa. PTR spam.client.example.",
        "spam.client.example. A 192.0.2.2"]
MAIN = """
compatibility_level = 3.6
command_directory = /usr/sbin
home_mailbox = Maildir/
#mailbox_command = /usr/bin/procmail
recipient_delimiter = +
smtpd_banner = $myhostname ESMTP mail server
# setgid_group = postdrop
#biff = no
myhostname = hosting.domain.example
mydestination = $myhostname
myorigin = domain.example
virtual_alias_domains = aliases.example domain.example
virtual_mailbox_domains = boxes.example virtual.example
virtual_mailbox_base = /
#append_dot_mydomain = no
#masquerade_domains =
#fast_flush_domains =
#inet_interfaces = all
smtp_bind_address = 198.51.100.1
alias_maps = hash:/etc/aliases hash:/etc/postfix/liste_diff ldap:ldapaliases
alias_database = hash:/etc/aliases hash:/etc/postfix/liste_diff
virtual_alias_maps = hash:/etc/postfix/virtual
virtual_mailbox_maps = hash:/etc/postfix/vmailbox ldap:ldapaliases2
notify_classes = resource, software, bounce, 2bounce, delay, policy, protocol
delay_notice_recipient = delay
error_notice_recipient = error
bounce_notice_recipient = 1bounce
2bounce_notice_recipient = 2bounce
smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_client_access hash:/etc/postfix/acces_client
smtpd_helo_restrictions = reject_invalid_hostname
smtpd_sender_restrictions = check_sender_access hash:/etc/postfix/acces_expediteur
smtpd_recipient_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
mynetworks = 127.0.0.0/8,[::1]/128,10.0.0.0/16
smtpd_helo_required = yes
inet_protocols = ipv4
ldapaliases_server_host = localhost
ldapaliases_search_base = ou=People,dc=domain,dc=example
ldapaliases_query_filter = (mailLocalAddress=%s@hosting.domain.example)
ldapaliases_result_attribute = uid
ldapaliases2_server_host = localhost
ldapaliases2_search_base = ou=Virtualmail,ou=Mail,dc=domain,dc=example
ldapaliases2_bind = yes
ldapaliases2_bind_dn = cn=Manager,dc=domain,dc=example
ldapaliases2_bind_pw = directory
ldapaliases2_query_filter = (mailLocalAddress=%s)
ldapaliases2_result_attribute = homeDirectory
virtual_uid_maps = static:1006
virtual_gid_maps = static:1006
"""
ALIASES = "root: postmaster\npostmaster: jdoe\nerror: localadmin\n1bounce: postmaster\n2bounce: postmaster\ndelay: postmaster\nlocaladmin: jdoe\n"
LISTS = "list: jdoe, msmith\nowner-list: msmith\n"
# inetLocalMailRecipient has its schema in misc.
SLAPD = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/misc.schema
allow bind_v2
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=domain,dc=example"
rootdn "cn=Manager,dc=domain,dc=example"
rootpw directory
directory /srv/directory
access to * by * read
"""
PERSON = """
dn: uid={uid},{base}
objectClass: inetOrgPerson
objectClass: inetLocalMailRecipient
objectClass: posixAccount
sn: Vegas
givenName: Mister
cn: Virtual Mister
displayName: Mister Vegas
mailLocalAddress: {address}
uid: {uid}
userPassword: secret
uidNumber: 1006
gidNumber: 1006
homeDirectory: {home}
"""
UNITS = """dn: dc=domain,dc=example
objectClass: domain
dc: domain

dn: ou=People,dc=domain,dc=example
objectClass: organizationalUnit
ou: People

dn: ou=Mail,dc=domain,dc=example
objectClass: organizationalUnit
ou: Mail

dn: ou=Virtualmail,ou=Mail,dc=domain,dc=example
objectClass: organizationalUnit
ou: Virtualmail
"""
DIRECTORY = UNITS + PERSON.format(uid="jdoe", base="ou=People,dc=domain,dc=example", address="john.doe@hosting.domain.example", home="/home/jdoe") + \
    PERSON.format(uid="mvegas", base="ou=Virtualmail,ou=Mail,dc=domain,dc=example", address="mvegas@virtual.example", home="/home/vmail/virtual.example/mvegas/")
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f jane@client.example"


def server():
    site = Site(ZONE, HOST)
    site.write("etc/postfix/main.cf", MAIN)
    for path, text in (("etc/aliases", ALIASES), ("etc/postfix/liste_diff", LISTS), ("etc/postfix/acces_client", "192.0.2.2 REJECT no mail from there\n"),
                       ("etc/postfix/acces_expediteur", "spammer@client.example REJECT\n"), ("etc/postfix/virtual",
          "info@aliases.example jdoe@hosting.domain.example\n@domain.example @hosting.domain.example\n"),
                       ("etc/postfix/vmailbox", "box@boxes.example home/vmail/boxes.example/box/\nold@boxes.example home/vmail/old\n"),
                       ("etc/ldap/test.conf", SLAPD), ("root/directory.ldif", DIRECTORY.lstrip())):
        site.write(path, text)
    site.run("useradd -m jdoe; useradd -m msmith; groupadd -g 1006 vmail; useradd -u 1006 -g 1006 -m vmail; mkdir /srv/directory && "
             "slapadd -f /etc/ldap/test.conf -l /root/directory.ldif && chown -R openldap: /srv/directory && slapd -h ldap://127.0.0.1 -f /etc/ldap/test.conf -u openldap -g openldap")
    return site


TABLES = [
    Typed("tables", "cd /etc/postfix && postmap virtual vmailbox acces_client acces_expediteur && postalias liste_diff && newaliases"),
    Typed("a directory is a table", "postmap -q mvegas@virtual.example ldap:ldapaliases2", r"^/home/vmail/virtual\.example/mvegas/$"),
    Typed("and another", "postmap -q john.doe ldap:ldapaliases", r"^jdoe$"),
    Typed("nothing is told unused", "postconf 2>&1 >/dev/null", r"\A\Z"),
    Typed("start", "postfix start"),
]
DELIVERIES = [
    Typed("mail", f"for a in john.doe@{HOST} list@{HOST} info@aliases.example box@boxes.example old@boxes.example mvegas@virtual.example; do "
          f"{SWAKS} --silent 2 -t $a --header \"Subject: to $a\"; done"),
    Soon("an alias in the directory", "cat /home/jdoe/Maildir/new/*", r"^Subject: to john\.doe@hosting"),
    Soon("a list", "cat /home/msmith/Maildir/new/*", r"^Return-Path: <(owner-list|msmith)@(hosting\.)?domain\.example>(.|\n)*^Subject: to list@hosting"),
    Soon("an alias in a domain of aliases", "cat /home/jdoe/Maildir/new/*", r"^Subject: to info@aliases\.example"),
    Soon("a Maildir", "cat /home/vmail/boxes.example/box/new/*", r"^Subject: to box@boxes\.example"),
    Soon("a path without a slash is an mbox", "cat /home/vmail/old", r"^Subject: to old@boxes\.example"),
    Soon("a Maildir of the directory, made by the first message", "cat /home/vmail/virtual.example/mvegas/new/*", r"^Subject: to mvegas@virtual\.example"),
    Typed("its owner", "stat -c '%u:%g' /home/vmail/virtual.example/mvegas/new", r"^1006:1006$"),
    Typed("who is in no table", f"{SWAKS} -t nosuch@virtual.example",
          r"^<\*\* 550 5\.1\.1 <nosuch@virtual\.example>: Recipient address rejected: User unknown in virtual mailbox table$", 24),
]
REFUSALS = [
    Typed("a client that is listed", f"{SWAKS} --local-interface 192.0.2.2 -t jdoe@{HOST}",
          r"^<\*\* 554 5\.7\.1 <spam\.client\.example\[192\.0\.2\.2\]>: Client host rejected: no mail from there$", 24),
    Typed("a sender that is listed", f"{SWAKS.replace('jane@', 'spammer@')} -t jdoe@{HOST}",
          r"^<\*\* 554 5\.7\.1 <spammer@client\.example>: Sender address rejected: Access denied$", 24),
    Typed("a HELO with a bad name", f"{SWAKS.replace('-h client.example', '-h bad_!name')} -t jdoe@{HOST}",
          r"^<\*\* 501 5\.5\.2 <bad_!name>: Helo command rejected: Invalid name$", 24),
    Typed("mail for others", f"{SWAKS} -t x@other.example",
          r"^<\*\* 554 5\.7\.1 <(x@other\.example|client\.example\[192\.0\.2\.1\])>: (Relay access denied|Recipient address rejected|.*Access denied)", 24),
    Typed("no HELO", f"( sleep 1; echo 'MAIL FROM:<jane@client.example>'; sleep 0.5; echo QUIT; sleep 0.3 ) | {IN_FAR} nc -q 2 198.51.100.1 25",
          r"^503 5\.5\.1 Error: send HELO/EHLO first"),
    Soon("the postmaster is told of policy", "cat /home/jdoe/Maildir/new/*",
          r"^Subject: Postfix SMTP server: errors from spam\.client\.example\[192\.0\.2\.2\]$"),
    Typed("mail that comes back", "echo x | sendmail -f jdoe@hosting.domain.example nosuch@hosting.domain.example"),
    Soon("he is told of, too", "cat /home/jdoe/Maildir/new/*", r"^Subject: Postmaster Copy: Undelivered Mail$"),
]
BROKEN = [
    Typed("the directory is away", "kill $(pgrep -x slapd); sleep 1; postfix reload; sleep 1; " + f"{SWAKS} -t nosuch@virtual.example 2>&1",
          r"^<\*\* 451 4\.3\.0 <nosuch@virtual\.example>: Temporary lookup failure$", 24),
    Soon("and the log names it", "cat /var/log/mail.log",
          r"warning: dict_ldap_connect: Unable to bind to server ldap://localhost:389 (with dn|as) .*: -1 \(Can't contact LDAP server\)"),
]


def test_long_main_cf():
    with server() as site:
        walk(site, TABLES + DELIVERIES + REFUSALS + BROKEN)


def test_old_place_of_daemons():
    """With the document's daemon_directory Debian's Postfix does not find its own scripts, and ours does not find master."""
    with server() as site:
        site.run("postconf -e daemon_directory=/usr/lib/postfix")
        done = site.attempt("postfix start")
        check(done.returncode and re.search("fatal: .*/usr/lib/postfix/(master|postfix-script)", done.stdout + site.log()), done.stdout)


for test in (test_long_main_cf, test_old_place_of_daemons):
    test.seconds = 300
