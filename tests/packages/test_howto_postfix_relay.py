"""The page "Postfix" for Debian and Ubuntu: a server at home that sends through its provider's, with OpenDKIM, UFW and fail2ban.

What is wrong in it on Debian 12: port 465 is asked for STARTTLS, but speaks TLS at once; the filter of [postfix-rbl] has become a mode of
that of [postfix]; the relay's lines of /etc/postfix/transport leave out the domain itself, which mydestination makes local anyway."""
import re

from support import check, equal
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk
from support.package_root import Machine, installing, layers

HOST = "mail.domain.example"
ZONE = ["domain.example. MX 10 mail.domain.example.", "mail.domain.example. A 198.51.100.1", "1.100.51.198.in-addr.arpa. PTR mail.domain.example.",
        "smtp.provider.example. A 192.0.2.10", "10.2.0.192.in-addr.arpa. PTR smtp.provider.example.",
        *mail_for("bigmail.example", "192.0.2.20"), "20.2.0.192.in-addr.arpa. PTR mx.bigmail.example.",
        *CLIENT]

MAIN = """
mydomain = domain.example
myhostname = mail.domain.example
myorigin = $mydomain
# add $mydomain
mydestination = $myhostname localhost.$mydomain localhost $mydomain
# mydestination = $myhostname, localhost.$mydomain, localhost
alias_maps = hash:/etc/aliases
mynetworks_style = host
relay_domains =
smtp_use_tls = yes
smtp_tls_security_level = encrypt
smtp_tls_note_starttls_offer = yes
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
relayhost = [smtp.provider.example]:587
smtp_sasl_password_maps = hash:/etc/postfix/sasl/provider.conf
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_key_file = /etc/letsencrypt/live/domain.example/privkey.pem
smtpd_tls_cert_file = /etc/letsencrypt/live/domain.example/fullchain.pem
smtpd_tls_received_header = yes
smtpd_tls_session_cache_database = btree:${data_directory}/smtpd_scache
smtpd_client_restrictions = reject_unknown_client_hostname reject_unauth_pipelining
smtpd_helo_restrictions = reject_invalid_helo_hostname reject_non_fqdn_helo_hostname reject_unknown_helo_hostname
smtpd_sender_restrictions = reject_non_fqdn_sender reject_unauthenticated_sender_login_mismatch
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_auth_enable = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination
smtpd_sasl_path = private/auth
mua_client_restrictions = permit_sasl_authenticated, reject
mua_helo_restrictions = reject_invalid_helo_hostname
mua_sender_restrictions = reject_non_fqdn_sender, reject_unauthenticated_sender_login_mismatch
non_smtpd_milters = unix:var/run/opendkim/opendkim.sock
smtpd_milters = unix:var/run/opendkim/opendkim.sock
transport_maps = hash:/etc/postfix/transport
smtp_tls_loglevel = 1
home_mailbox = maildir/
inet_protocols = ipv4
"""
SERVICES = """
submission inet n - y - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
smtps inet n - y - - smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_reject_unlisted_recipient=no
  -o smtpd_client_restrictions=$mua_client_restrictions
  -o smtpd_helo_restrictions=$mua_helo_restrictions
  -o smtpd_sender_restrictions=$mua_sender_restrictions
  -o smtpd_recipient_restrictions=
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
"""
TRANSPORT = "domain.example local\nbigmail.example smtp\n* relay:[smtp.provider.example]:587\n"
DOVECOT = """
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%n /etc/dovecot/users
}
userdb {
  driver = passwd
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
"""
OPENDKIM = """
Domain domain.example
KeyFile /etc/dkimkeys/dkim.key
Selector mail
Canonicalization relaxed/simple
Socket local:/var/spool/postfix/var/run/opendkim/opendkim.sock
UserID opendkim
UMask 002
Syslog yes
Nameservers 127.0.0.1
"""
DKIM_KEY = """
cd /root && opendkim-genkey -r -s mail -b 2048 -d domain.example && mv mail.private /etc/dkimkeys/dkim.key && adduser --quiet postfix opendkim &&
mkdir -p /var/spool/postfix/var/run/opendkim && chown opendkim:opendkim /var/spool/postfix/var/run/opendkim
"""
# From a host that is nobody's network: the machine's own address is in mynetworks.
SESSION = ("( sleep 1; for line in 'ehlo client.example' 'mail from: root@client.example' 'rcpt to: anna@domain.example' data 'subject: by telnet' '' test . quit; "
           f"do echo \"$line\"; sleep 0.3; done ) | {IN_FAR} telnet 198.51.100.1 25")
TLS = "</dev/null openssl s_client -connect localhost:{} {} 2>&1"
FAIL2BAN = """
[postfix]
enabled = true
[postfix-rbl]
enabled = true
"""
# What bans only writes it down; and nobody logs in by ssh here.
FAIL2BAN_HERE = """
[DEFAULT]
banaction = dummy
banaction_allports = dummy
backend = polling
[sshd]
enabled = false
"""
KNOCKER = "192.0.2.99"
PROVIDER = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_path = provider\nsmtpd_sasl_local_domain = provider.example\n" \
           "smtpd_relay_restrictions = permit_sasl_authenticated, reject\nsmtpd_tls_auth_only = yes"


def lay_out(site):
    certificate(site)
    site.write("etc/postfix/main.cf", "compatibility_level = 3.6\n" + MAIN)
    site.write("etc/postfix/master.cf", site.read("etc/postfix/master.cf") + SERVICES)
    site.write("etc/postfix/sasl/provider.conf", "[smtp.provider.example]:587 account@provider.example:password\n")
    site.write("etc/postfix/transport", TRANSPORT)
    site.write("etc/dovecot/dovecot.conf", DOVECOT)
    site.write("etc/dovecot/users", "anna:secret\n")
    site.write("etc/opendkim.conf", OPENDKIM)
    site.write("etc/fail2ban/jail.d/enabled.local", FAIL2BAN)
    site.write("etc/fail2ban/jail.d/here.local", FAIL2BAN_HERE)
    site.write("etc/default/opendkim", "RUNDIR=/var/spool/postfix/var/run/opendkim\n")
    site.write("etc/hosts", f"127.0.0.1 localhost\n198.51.100.1 {HOST} mail\n::1 localhost ip6-localhost ip6-loopback\n")
    site.run("useradd -m anna && echo 'postmaster: anna\nroot: anna' > /etc/aliases")


def certificate(site):
    site.run("mkdir -p /etc/letsencrypt/live/domain.example && cd /etc/letsencrypt/live/domain.example && openssl req -x509 -nodes -newkey rsa:2048 -days 2 "
             "-subj /CN=mail.domain.example -keyout privkey.pem -out fullchain.pem")


def start_others(site):
    """The provider, who wants a password; a large site; Dovecot for passwords; OpenDKIM, whose key is published."""
    site.run(DKIM_KEY)
    record = "".join(site.run("grep -o '\"[^\"]*\"' /root/mail.txt").split("\n"))
    site.run(f"unbound-control -q -c /etc/unbound/far.conf status || true; echo '  local-data: '\"'\"'mail._domainkey.domain.example. TXT {record}'\"'\" "
             ">> /etc/unbound/far.conf; kill $(pgrep -x unbound); sleep 0.3; unbound -c /etc/unbound/far.conf")
    site.run("mkdir -p /usr/lib/sasl2 && printf 'pwcheck_method: auxprop\\nmech_list: PLAIN LOGIN\\n' > /usr/lib/sasl2/provider.conf && "
             "echo password | saslpasswd2 -p -c -u provider.example account && chgrp postfix /etc/sasldb2")
    far_system(site, "smtp.provider.example", "192.0.2.10", PROVIDER, "587 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt\n")
    far_system(site, "mx.bigmail.example", "192.0.2.20")
    site.run("dovecot && opendkim -x /etc/opendkim.conf")


COMMANDS = [
    Typed("make the table of passwords", "postmap hash:/etc/postfix/sasl/provider.conf && chmod 600 /etc/postfix/sasl/provider.conf "
          "/etc/postfix/sasl/provider.conf.db && ls -l /etc/postfix/sasl", r"^-rw-------.*provider\.conf\.db$"),
    Typed("make the table of transports", "postmap /etc/postfix/transport && postmap -q '*' /etc/postfix/transport",
          r"^relay:\[smtp\.provider\.example\]:587$"),
    Typed("after a change of /etc/aliases", "newaliases && postalias -q root /etc/aliases", "^anna$"),
    Typed("check the configuration", "postfix check"),
    Typed("current parameters", "postconf -pf 2>/dev/null", r"^relayhost = \[smtp\.provider\.example\]:587$"),
    Typed("defaults", "postconf -df", r"^smtpd_relay_restrictions = \$\{\{\$compatibility_level\} <(level)? \{1\} \? \{\} :\n    \{permit_mynetworks, "),
    Typed("a default that the document quotes", "postconf -d relay_domains mynetworks_style",
          r"^relay_domains = \$\{\{\$compatibility_level\} <(level)? \{2\} \? \{\$mydestination\} : \{\}\}$"),
    Typed("the name of the machine", "hostname -f", f"^{HOST}$"),
    Typed("start, then read the configuration anew", "postfix start && postfix reload"),
    Soon("it says so", "cat /var/log/mail.log", r"reload (-- )?version|reload configuration"),
]
CONVERSATIONS = [
    Typed("a session with telnet", SESSION, r"^250-STARTTLS(.|\n)*^250-AUTH PLAIN LOGIN(.|\n)*^354 (.|\n)*^250 2\.0\.0 Ok: queued as"),
    Soon("is in a Maildir in the home directory", "cat /home/anna/maildir/new/*", r"^Delivered-To: anna@domain\.example$(.|\n)*^subject: by telnet$"),
    Typed("25 with STARTTLS", TLS.format(25, "-starttls smtp"), r"^250 CHUNKING"),
    Typed("587 with STARTTLS", TLS.format(587, "-starttls smtp"), r"subject=CN = mail\.domain\.example"),
    # The document asks 465 for STARTTLS: that server waits for TLS, as does Postfix's.
    Typed("465 speaks TLS at once", TLS.format(465, ""), r"subject=CN = mail\.domain\.example"),
    Typed("not STARTTLS", "timeout 3 " + TLS.format(465, "-starttls smtp").removeprefix("</dev/null ") + " </dev/null", status=124),
    Typed("587 wants a password", "swaks -s 127.0.0.1:587 -tls -f anna@domain.example -t x@other.example 2>&1 | grep '<'",
          r"^<~\* 554 5\.7\.1 <localhost\[127\.0\.0\.1\]>: Client host rejected: Access denied$"),
    Typed("and not without TLS", "swaks -s 127.0.0.1:587 -f anna@domain.example -t x@other.example -au anna -ap secret 2>&1",
          "Host did not advertise authentication", status=28),
    Typed("587 with a password", "swaks -s 127.0.0.1:587 -tls -f anna@domain.example -t x@other.example -au anna -ap secret --header 'Subject: by 587'",
          "250 2.0.0 Ok: queued"),
    Typed("465 with a password", "swaks -s 127.0.0.1:465 --tls-on-connect -f anna@domain.example -t x@other.example -au anna -ap secret --header 'Subject: by 465'",
          "250 2.0.0 Ok: queued"),
    Soon("goes through the provider", "cat /srv/smtp/Maildir/new/*", r"^Subject: by 587$"),
    Soon("465 too", "cat /srv/smtp/Maildir/new/*", r"^Subject: by 465$"),
    Typed("it has logged in there, over TLS", "grep account@provider.example /var/log/mail.log", r"smtp/.*sasl_username=account@provider\.example"),
    Typed("and what came by 587 has its name in the log", "cat /var/log/mail.log",
          r"postfix/submission/smtpd\[\d+\]: [0-9A-F]+: client=localhost\[127\.0\.0\.1\], sasl_method=(PLAIN|LOGIN), sasl_username=anna"),
    Typed("this domain is delivered here, that one by its MX", "sendmail -f anna@domain.example pia@bigmail.example anna@domain.example </root/message"),
    Soon("by its MX", "cat /srv/mx/Maildir/new/*", r"^Subject: three ways$"),
    Soon("here", "cat /home/anna/maildir/new/*", r"^Subject: three ways$"),
    Typed("STARTTLS is logged on the way out", "cat /var/log/mail.log",
          r"TLS connection established to (smtp\.provider|mx\.bigmail)\.example\[192\.0\.2\.\d+\]:"),
    Typed("and in", "cat /var/log/mail.log", r"TLS connection established from localhost\[127\.0\.0\.1\]: TLSv1\.3"),
    Typed("pipelining and bad names are refused", f"{IN_FAR} swaks -s 198.51.100.1 -h nodots -f a@client.example -t anna@domain.example 2>&1 | grep '<\\*\\*'",
          r"504 5\.5\.2 <nodots>: Helo command rejected: need fully-qualified hostname"),
    Typed("a client without a name", f"{IN_FAR} swaks --local-interface 192.0.2.66 -s 198.51.100.1 -h client.example -f a@client.example -t anna@domain.example 2>&1 | grep '<\\*\\*'",
          r"450 4\.7\.25 Client host rejected: cannot find your hostname, \[192\.0\.2\.66\]"),
    Typed("a stranger's mail to strangers", f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f a@client.example -t x@other.example 2>&1 | grep '<\\*\\*'",
          r"5\d\d 5\.7\.1 <x@other\.example>: (Relay access denied|Recipient address rejected)|454 4\.7\.1 <x@other\.example>: Relay access denied"),
]
SIGNATURES = [
    Typed("signed by OpenDKIM", "grep -l 'Subject: by 587' /srv/smtp/Maildir/new/* | xargs cat",
          r"^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=domain\.example;\s+s=mail;"),
    Typed("the key is published", "dig +short TXT mail._domainkey.domain.example", r"v=DKIM1; h=sha256; k=rsa; (s=email; )?\"? ?\"?p="),
    # libunbound, with which opendkim asks, finds nothing below .test.
    Typed("opendkim-testkey reads it", "opendkim-testkey -d domain.example -s mail -k /etc/dkimkeys/dkim.key -vvv 2>&1", "key OK"),
    Typed("and the signature is right", "grep -l 'Subject: by 587' /srv/smtp/Maildir/new/* | xargs cat | dkimproxy-verify", "^verify result: pass$"),
    Typed("of mail by sendmail, too", "cat /srv/mx/Maildir/new/* | dkimproxy-verify", "^verify result: pass$"),
]
WATCHERS = [
    Typed("UFW knows the ports", "ufw app info Postfix && ufw app info 'Postfix Submission' && ufw app info 'Postfix SMTPS'",
          r"25/tcp(.|\n)*587/tcp(.|\n)*465/tcp"),
    Typed("rules are made of them", "ufw --dry-run allow Postfix && ufw --dry-run allow 'Postfix Submission' && ufw --dry-run allow 'Postfix SMTPS'",
          r"dport 25 .*(.|\n)*dport 587 .*(.|\n)*dport 465 "),
    Typed("fail2ban reads the log", "fail2ban-regex /var/log/mail.log 'postfix[mode=more]'", r"^Lines: \d+ lines, 0 ignored, [1-9]\d* matched"),
    Typed("both jails", "mkdir -p /run/fail2ban && fail2ban-client start && fail2ban-client status", r"Jail list:\s+postfix, postfix-rbl$"),
    # In Debian 12's jail.conf an address with five refused commands in ten minutes is banned.
    Typed("somebody knocks", f"for n in 1 2 3 4 5 6; do {IN_FAR} swaks --local-interface {KNOCKER} -s 198.51.100.1 -h client.example -f a@client.example "
          "-t x$n@other.example >/dev/null 2>&1; done; true"),
    Soon("and is banned", "cat /run/fail2ban/fail2ban.dummy", rf"^\+{re.escape(KNOCKER)}$", 30),
    Typed("which the client tells", "fail2ban-client status postfix", rf"Banned IP list:\s+{re.escape(KNOCKER)}$"),
]


def test_the_page():
    with Site(ZONE, HOST) as site:
        lay_out(site)
        site.write("root/message", "Subject: three ways\n\nx\n")
        start_others(site)
        walk(site, COMMANDS + CONVERSATIONS + SIGNATURES + WATCHERS)


def test_installation():
    """apt install postfix, with the answers that the page gives: "Internet Site", and the domain."""
    with Machine(*layers(installing("swaks iproute2 procps ssl-cert debconf-utils"))) as mx:
        mx.offer()
        mx.run("echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections && "
               "echo 'postfix postfix/mailname string domain.example' | debconf-set-selections")
        mx.apt("install postfix")
        mx.wait("postfix status")
        equal(mx.run("cat /etc/mailname && postconf -h myorigin relayhost inet_interfaces").split(), ["domain.example", "/etc/mailname", "all"], "as answered")
        check("User unknown in local recipient table" in mx.attempt("swaks -s 127.0.0.1 -f root@domain.example -t nobody-here@localhost").stdout, "a session")
        mx.run("swaks --silent 2 -s 127.0.0.1 -f root@domain.example -t root")
        # Without more, mail is in an mbox, and comes from the name in /etc/mailname.
        mx.wait("grep -q '^To: root@domain.example' /var/mail/root")
        mx.run("echo hello | sendmail root")
        mx.wait("grep -q '^From: root <root@domain.example>' /var/mail/root")


for test in (test_the_page, test_installation):
    test.seconds = 300
