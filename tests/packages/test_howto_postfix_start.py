"""Evolix' "Howto Postfix", from the installation to a web server that sends slowly; its chapters on processes, logs and sizes; its FAQ.

What is wrong in it on Debian 12: rsyslog writes dates of one word, so the queue ID is the fourth field of a line and not the sixth, unless
the old format is switched on; a rate delay makes concurrency and recipient limits moot, but the recipient limit is still one of messages."""
from support import check
from support.howto import CLIENT, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", f"1.100.51.198.in-addr.arpa. PTR {HOST}.", *CLIENT,
        *(line for name in ("oranges", "lemons", "limes", "letters", "friends") for line in mail_for(f"{name}.example", "192.0.2.20")),
        "9.2.0.192.dnsbl.example. A 127.0.0.2"]
MINIMAL = """
smtpd_banner = $myhostname ESMTP mail server
biff = no
append_dot_mydomain = no
myhostname = hosting.domain.example
#smtp_helo_name = $myhostname
#myorigin = $myhostname
mydestination = $myhostname localhost.localdomain localhost localhost.$mydomain
mynetworks = 127.0.0.0/8
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
relayhost =
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = ipv4
disable_vrfy_command = yes
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtp_tls_security_level = may
smtp_tls_mandatory_protocols=!SSLv2,!SSLv3
smtp_tls_protocols=!SSLv2,!SSLv3
smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache
smtp_tls_loglevel = 1
compatibility_level=3.6
"""
WEB_SERVER = """
#delay_warning_time = 4h
minimal_backoff_time = 15m
maximal_backoff_time = 6h
maximal_queue_lifetime = 4d
queue_run_delay = 100s
bounce_queue_lifetime = 1d

initial_destination_concurrency = 5
default_destination_concurrency_limit = 20

slow_destination_rate_delay = 0
slow_destination_concurrency_limit = 1
slow_destination_concurrency_failed_cohort_limit = 100
slow_destination_recipient_limit = 25

transport_maps = hash:$config_directory/transport
"""
SLOW_SERVICE = "slow      unix     -       -       n       -       -    smtp -o syslog_name=postfix-slow\n"
TRANSPORT = "oranges.example slow:\nlemons.example slow:\nlimes.example slow:\nletters.example slow:\n"
ALIASES = """
root: jdoe
abuse: root
noc: root
security: root

postmaster: msmith
MAILER-DAEMON: postmaster

daemon: /dev/null
bin: /dev/null
sys: /dev/null

hey: foo@friends.example
hello: foo@friends.example, bar@friends.example
"""


def server(more=""):
    site = Site(ZONE, HOST)
    site.write("etc/postfix/main.cf", MINIMAL + more)
    site.write("etc/aliases", ALIASES)
    site.run("useradd -m jdoe; useradd -m msmith; newaliases")
    return site


INSTALLED = [
    # As with every later Postfix the number is another one; docs/surprises.md.
    Typed("the version", "postconf -d | grep ^mail_version", r"^mail_version = 3\.(7\.11|11\.\d+-relais-[\d.]+)$"),
    Typed("the unit is active when master has started: it runs /bin/true", "cat /lib/systemd/system/postfix.service",
          r"^Documentation=man:postfix\(1\).*$(.|\n)*^Type=oneshot$(.|\n)*^RemainAfterExit=yes$(.|\n)*^ExecStart=/bin/true$"),
    Typed("check conf", "postconf >/dev/null", r"\A\Z"),
    Typed("defaults", "postconf -d | wc -l", r"^[1-9]\d{3}$"),
    Typed("all", "postconf | grep -E '^(myhostname|maximal_queue_lifetime) '", r"^maximal_queue_lifetime = 5d\nmyhostname = hosting\.domain\.example$"),
    Typed("changed ones", "postconf -n | wc -l", r"^21$"),
    Typed("one by one", "postconf -n mydestination compatibility_level smtp_tls_protocols",
          r"^mydestination = \$myhostname localhost\.localdomain localhost localhost\.\$mydomain\n"
          r"compatibility_level = 3\.6\nsmtp_tls_protocols = !SSLv2,!SSLv3$"),
    Typed("a manual", "zcat /usr/share/man/man5/postconf.5.gz | grep -c maximal_queue_lifetime", r"^[1-9]"),
    Typed("newaliases", "newaliases", r"\A\Z"),
    Typed("start", "systemctl restart postfix 2>/dev/null || service postfix restart 2>&1"),
]
SESSIONS = [
    Typed("a banner, and no VRFY", "swaks -s 127.0.0.1 -q rcpt -f a@domain.example -t jdoe 2>&1",
          r"^<-  220 hosting\.domain\.example ESMTP mail server\n(?!(.|\n)*VRFY)"),
    Typed("VRFY", "( sleep 1; echo VRFY jdoe; sleep 0.5; echo QUIT ) | nc -q 2 127.0.0.1 25", r"^502 5\.5\.1 VRFY command is disabled"),
    Typed("a test by hand", "( sleep 1; while read line; do echo \"$line\"; sleep 0.2; done </root/session; sleep 1 ) | telnet 127.0.0.1 25",
          r"^250 hosting\.domain\.example\n(.|\n)*^354 End data with <CR><LF>\.<CR><LF>\n250 2\.0\.0 Ok: queued as [0-9A-F]+\n"),
    Soon("has arrived", "cat /srv/mx/Maildir/new/*", r"^To: Foo <foo@friends\.example>\nSubject: test by hand\n(.|\n)*^Ceci est un test$"),
    Typed("Received: from outside", "grep -h -A2 '^Received: from client' /srv/mx/Maildir/new/*",
          r"\AReceived: from client\.example \(localhost \[127\.0\.0\.1\]\)\n\tby hosting\.domain\.example \(Postfix\) with SMTP id [0-9A-F]+\n"
          r"\tfor <foo@friends\.example>; \w{3}, "),
]
SESSION = """HELO client.example
MAIL FROM: <noreply@domain.example>
RCPT TO: <foo@friends.example>
DATA
From: <noreply@domain.example>
To: Foo <foo@friends.example>
Subject: test by hand

Ceci est un test
.
QUIT
"""
ALIAS_MAIL = [
    Typed("root is jdoe, and so are abuse, noc and security", "for a in root abuse noc security; do printf \"Subject: to $a\\n\\nx\\n\" | sendmail $a; done"),
    Soon("his mail", "grep -h '^Subject: to' /var/mail/jdoe | sort", r"\ASubject: to abuse\nSubject: to noc\nSubject: to root\nSubject: to security\n"),
    Typed("to MAILER-DAEMON", "printf 'Subject: to the daemon\\n\\nx\\n' | sendmail MAILER-DAEMON"),
    Soon("is the postmaster's", "cat /var/mail/msmith", "^Subject: to the daemon"),
    Typed("to daemon, bin and sys", "printf 'Subject: nowhere\\n\\nx\\n' | sendmail daemon bin sys"),
    Soon("is thrown away", "grep -c 'status=sent (delivered to file: /dev/null)' /var/log/mail.log", "^3$"),
    Typed("to hey and hello", "printf 'Subject: elsewhere\\n\\nx\\n' | sendmail hey hello"),
    Soon("goes elsewhere, once for each alias", "grep -l 'Subject: elsewhere' /srv/mx/Maildir/new/* | xargs grep -h '^X-Original-To' | sort",
         r"\AX-Original-To: bar@friends\.example\nX-Original-To: foo@friends\.example\nX-Original-To: foo@friends\.example\n\Z"),
]
PROCESSES = [
    Typed("at rest", "pstree -a -p $(tr -d ' ' </var/spool/postfix/pid/master.pid)",
          r"master,\d+( -w)?\n(.*\n)*? +.-pickup,\d+ -l -t unix -u -c\n(.*\n)*? +.-qmgr,\d+ -l -t unix -u"),
    Typed("at work", "ps axww -o args", r"^smtpd -n smtp -t inet -u (-c )?-o stress=( -s 2)?$"),
    Typed("at work: cleanup", "ps axww -o args", r"^cleanup -z -t unix -u( -c)?$"),
    Typed("at work: trivial-rewrite", "ps axww -o args", r"^trivial-rewrite -n rewrite -t unix -u( -c)?$"),
]


def test_minimal():
    with server() as site:
        site.write("root/session", SESSION)
        far_system(site, "mx.friends.example", "192.0.2.20")
        walk(site, INSTALLED + SESSIONS + ALIAS_MAIL + PROCESSES)


SLOWLY = [
    Typed("make the table", "postmap /etc/postfix/transport"),
    Typed("restart", "systemctl restart postfix 2>/dev/null || service postfix restart 2>&1"),
    Typed("the parameters are known to postconf", "postconf -n | grep ^slow_", r"^slow_destination_concurrency_failed_cohort_limit = 100\n"),
    Typed("and nothing is told unused", "postconf 2>&1 >/dev/null", r"\A\Z"),
    Typed("mail to slow domains and a fast one",
          "for d in oranges lemons limes letters friends; do printf 'Subject: s\\n\\nx\\n' | sendmail -f www@domain.example a@$d.example; done"),
    Soon("all has gone", "ls /srv/mx/Maildir/new | wc -l", "^5$"),
    Typed("by postfix-slow, four times", "grep -c ' postfix-slow/smtp\\[.*status=sent' /var/log/mail.log", "^4$"),
    Typed("by the usual one, once", "grep -c ' postfix/smtp\\[.*status=sent' /var/log/mail.log", "^1$"),
    Typed("26 recipients in one domain", "printf 'Subject: many\\n\\nx\\n' | sendmail -f www@domain.example $(seq -f 'a%g@oranges.example' 26)"),
    Soon("are two deliveries: slow_destination_recipient_limit is 25",
          "grep -h -o 'from=<www@domain.example>, size=.*, nrcpt=[0-9]*' /var/log/mail.log | grep -c -E 'nrcpt=(25|1) '; "
         "grep mx/qmgr /var/log/mail.log | grep -o 'nrcpt=[0-9]*' | sort | uniq -c", r" nrcpt=25$"),
]


def test_slow_transport():
    with server(WEB_SERVER) as site:
        with open(site.root / "etc/postfix/master.cf", "a") as master:
            master.write(SLOW_SERVICE)
        site.write("etc/postfix/transport", TRANSPORT)
        far_system(site, "mx.friends.example", "192.0.2.20")
        walk(site, SLOWLY)


# As the draft at the end writes it: the transport itself is called SLOW.
UPPER_CASE = """
transport_maps = inline:{oranges.example=SLOW:}
SLOW_destination_rate_delay = 1s
SLOW_destination_recipient_limit = 99
SLOW_destination_concurrency_limit = 1
SLOW_destination_concurrency_failed_cohort_limit = 3
"""


def test_a_second_between_deliveries():
    with server(UPPER_CASE) as site:
        with open(site.root / "etc/postfix/master.cf", "a") as master:
            master.write(SLOW_SERVICE.replace("slow ", "SLOW "))
        far_system(site, "mx.friends.example", "192.0.2.20")
        site.run("postfix start; for n in 1 2 3 4; do printf 'Subject: s\\n\\nx\\n' | sendmail -f www@domain.example a$n@oranges.example; done")
        site.wait("test $(ls /srv/mx/Maildir/new | wc -l) = 4")
        times = [float(line) for line in site.run("find /srv/mx/Maildir/new -type f -printf '%T@\\n' | sort -n").split()]
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        check(all(gap > 0.8 for gap in gaps), f"seconds between deliveries: {gaps}")
        check("postfix-slow/smtp" in site.log(), "the name of the transport's log lines")


for test in (test_minimal, test_slow_transport, test_a_second_between_deliveries):
    test.seconds = 300
