"""Evolix' "Howto Postfix", the questions at its end: sizes, SMTPUTF8, process limits, TLS without a common cipher, soft bounces and so on.

What is wrong in it on Debian 12: rsyslog writes dates of one word, so the queue ID is the fourth field of a line and not the sixth, unless
the old format is switched on, as here."""
from support import ours
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", f"1.100.51.198.in-addr.arpa. PTR {HOST}.", *CLIENT,
        "1.2.0.192.FBLW15.example. A 127.0.0.2", "gw.domain.example. A 192.0.2.20", "outlooks.example. MX 5 mx.outlooks.example.",
        *mail_for("bigmail.example", "192.0.2.50")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydomain = domain.example
mydestination = $myhostname, localhost, domain.example
smtpd_banner = $myhostname ESMTP mail server
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
mailbox_size_limit = 0
smtpd_tls_security_level = may
smtpd_tls_key_file = /etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_cert_file = /etc/ssl/certs/ssl-cert-snakeoil.pem
smtp_dns_support_level = enabled
transport_maps = hash:$config_directory/transport
"""
OLD_DATES = "$ActionFileDefaultTemplate RSYSLOG_TraditionalFileFormat\n"
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f stranger@client.example"
OURS = ours() == "ours"


def server(more="", services="", extra=()):
    site = Site(ZONE, HOST, extra)
    site.write("etc/postfix/main.cf", MAIN + more)
    site.write("etc/postfix/transport", "outlooks.example    smtp:[gw.domain.example]\n")
    if services:
        site.run(f"sed -i 's/^smtp  .*inet.*/{services}/' /etc/postfix/master.cf")
    site.write("etc/rsyslog.d/00-dates.conf", OLD_DATES)
    site.run("kill $(cat /run/rsyslogd.pid); sleep 0.3; rsyslogd; useradd -m anna; newaliases; postmap /etc/postfix/transport; postfix start")
    return site


RECIPE = """grep "blocked using FBLW15" /var/log/mail.log | cut -d " " -f 6 | tr -d ':' \\
   | while read msgid; do grep $msgid /var/log/mail.log |grep " postfix/" \\
   | grep -E '(from|to)=<'|awk -F ' ' '{ print $1,$2,$3,$7 }' |tr -d ','; echo; done"""
# A day of one digit has two blanks before it, and then the document's cut counts one field more; rsyslog fills it with a zero on request only.
LOGS = [
    Typed("mail from somebody who is in a list", f"{SWAKS} -t anna@domain.example --silent 2"),
    Soon("the log has it", "cat /var/log/mail.log",
          r"^\w{3} [ \d]\d \d\d:\d\d:\d\d hosting postfix/smtpd\[\d+\]: [0-9A-F]+: reject_warning: DATA from client\.example\[192\.0\.2\.1\]: "
         r"554 5\.7\.1 .*blocked using FBLW15\.example; from=<stranger@client\.example> to=<anna@domain\.example> proto=ESMTP helo=<client\.example>$"),
    Soon("delivered", "cat /var/mail/anna", "^Received: from client"),
    Typed("who wrote to whom", RECIPE, r"^\w{3} [ \d]\d \d\d:\d\d:\d\d from=<stranger@client\.example>\n\w{3} [ \d]\d \d\d:\d\d:\d\d to=<anna@domain\.example>\n"),
    Typed("delays=a/b/c/d", "cat /var/log/mail.log", r"relay=local, delay=[\d.]+, delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=2\.0\.0, status=sent"),
    Typed("Received: from outside", "cat /var/mail/anna",
          r"^Received: from client\.example \(client\.example \[192\.0\.2\.1\]\)\n\tby hosting\.domain\.example \(Postfix\) with ESMTP id "
          r"[0-9A-F]+\n\tfor <anna@domain\.example>; \w{3}, +\d+ \w{3} \d{4} "),
    Typed("mail from here", "printf 'Subject: from here\\n\\nx\\n' | sendmail anna"),
    Soon("Received: from inside", "cat /var/mail/anna",
          r"^Received: by hosting\.domain\.example \(Postfix, from userid 0\)\n\tid [0-9A-F]+; \w{3}, +\d+ \w{3} \d{4} "),
    Typed("relaying is denied", f"{SWAKS} -t user@bigmail.example 2>&1; grep NOQUEUE /var/log/mail.log",
          r"NOQUEUE: reject: RCPT from client\.example\[192\.0\.2\.1\]: 454 4\.7\.1 <user@bigmail\.example>: Relay access denied; from=<stranger@client\.example> "
          r"to=<user@bigmail\.example> proto=ESMTP helo=<client\.example>$"),
    Typed("mail for one domain through a certain host", "printf 'Subject: by the gateway\\n\\nx\\n' | sendmail pia@outlooks.example"),
    Soon("it is there", "cat /srv/gw/Maildir/new/*", "^X-Original-To: pia@outlooks.example$"),
]


def test_logs():
    with server("smtpd_data_restrictions = warn_if_reject reject_rbl_client FBLW15.example\n") as site:
        far_system(site, "gw.domain.example", "192.0.2.20")
        walk(site, LOGS)


LIMITS = [
    Typed("the default", "postconf -d message_size_limit mailbox_size_limit", r"^message_size_limit = 10240000\nmailbox_size_limit = 51200000$"),
    Typed("is announced", "swaks -s 127.0.0.1 -q ehlo", r"250-SIZE 10240000$"),
    Typed("25 MB and 40 % more", "postconf -e message_size_limit=35840000 && postfix reload"),
    Soon("is announced", "swaks -s 127.0.0.1 -q ehlo", r"250-SIZE 35840000$"),
    Typed("more is refused", "( sleep 1; printf 'EHLO a.example\\r\\n'; sleep 0.3; printf 'MAIL FROM:<a@domain.example> SIZE=35840001\\r\\n'; sleep 0.5; printf 'QUIT\\r\\n' ) | "
          "nc -q 2 127.0.0.1 25", r"^552 5\.3\.4 Message size exceeds fixed limit"),
    Typed("30 MB are taken", "head -c 22000000 /dev/urandom | base64 > /root/large && swaks -s 127.0.0.1 -f a@domain.example -t anna@domain.example --silent 2 --body @/root/large"),
    Soon("and delivered", "stat -c %s /var/mail/anna", r"^2\d{7}$"),
    Typed("a mailbox smaller than a message", "postconf -e message_size_limit=60000000 mailbox_size_limit=51200000 && postfix reload && sleep 1 && "
          "printf 'Subject: x\\n\\nx\\n' | sendmail anna"),
    Soon("is told", "cat /var/log/mail.log", r"postfix/local\[\d+\]: fatal: configuration error: mailbox_size_limit is smaller than message_size_limit"),
    Typed("SMTPUTF8 off", "postconf -e message_size_limit=51200000 mailbox_size_limit=0 smtputf8_enable=no && postfix reload"),
    Soon("is not announced", "swaks -s 127.0.0.1 -q ehlo", r"250-SIZE 51200000\n(?!(.|\n)*SMTPUTF8)"),
    Typed("SMTPUTF8 on", "postconf -e smtputf8_enable=yes && postfix reload"),
    # Since 3.4 CHUNKING stands behind it.
    Soon("is, as with nc", "( sleep 1; echo EHLO foo.example; sleep 0.5; echo QUIT ) | nc -q 2 127.0.0.1 25 | tr -d '\\r'",
         r"\A220 hosting\.domain\.example ESMTP mail server\n250-hosting\.domain\.example\n250-PIPELINING\n250-SIZE 51200000\n250-VRFY\n250-ETRN\n250-STARTTLS\n"
         r"250-ENHANCEDSTATUSCODES\n250-8BITMIME\n250-DSN\n250-SMTPUTF8\n250 CHUNKING\n"),
    Typed("a mistake is final", f"{SWAKS} -t nosuch@domain.example 2>&1 | grep '<\\*\\*'",
          r"550 5\.1\.1 <nosuch@domain\.example>: Recipient address rejected: User unknown"),
    Typed("soft_bounce", "postconf -e soft_bounce=yes && postfix reload"),
    Soon("makes it a temporary one", f"{SWAKS} -t nosuch@domain.example 2>&1 | grep '<\\*\\*'",
          r"450 4\.1\.1 <nosuch@domain\.example>: Recipient address rejected: User unknown"),
    Typed("no IPv6", "postconf -e inet_protocols=ipv4 && postfix stop && postfix start && ss -Hltn 'sport = :25'", r"^LISTEN.* 0\.0\.0\.0:25 .*\n\Z"),
    Typed("another name in HELO", "postconf -e smtp_helo_name=mail.domain.example && postconf -h smtp_helo_name", r"^mail\.domain\.example$"),
    Typed("no level of compatibility", "sed -i /^compatibility_level/d /etc/postfix/main.cf; postfix reload; sleep 1; cat /var/log/mail.log",
          r"postfix\[\d+\]: Postfix is using backwards-compatible default settings\n.*postfix\[\d+\]: See http://www\.postfix\.org/COMPATIBILITY_README\.html for details\n"
          rf'.*postfix\[\d+\]: To disable backwards compatibility use "postconf compatibility_level={"3.11" if OURS else "3.6"}" and "postfix reload"$'),
]


def test_sizes_and_extensions():
    with server() as site:
        walk(site, LIMITS)


FULL = [
    Typed("three clients where two may be", f"for n in 1 2 3 4; do {{ {IN_FAR} timeout 20 nc -d 198.51.100.1 25 >/dev/null & }}; sleep 0.3; done; sleep 2"),
    Soon("are told", "cat /var/log/mail.log", r'postfix/master\[\d+\]: warning: service "smtp" \(25\) has reached its process limit "2": new clients may experience noticeable delays\n'
         r"(?:.*\n)*?.*postfix/master\[\d+\]: warning: to avoid this condition, increase the process count in master\.cf or reduce the service time per client\n"
         r"(?:.*\n)*?.*postfix/master\[\d+\]: warning: see https?://www\.postfix\.org/STRESS_README\.html for examples of stress-adapting configuration settings$"),
]


def test_process_limit():
    for limit in ("smtp inet n - y - 2 smtpd", "smtp inet n - y - - smtpd"):
        with server("" if " 2 " in limit else "default_process_limit = 2\n", limit) as site:
            walk(site, FULL)


NO_CIPHER = f"{IN_FAR} openssl s_client -connect 198.51.100.1:25 -starttls smtp -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384 </dev/null 2>&1"
CIPHERS = [
    Typed("a client that only wants ECDSA", NO_CIPHER, "handshake failure", 1),
    Soon("has none in common", "cat /var/log/mail.log", r"SSL_accept error from client\.example\[192\.0\.2\.1\]: -1\n"
         r".*warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:\.\./ssl/statem/statem_srvr\.c:\d+:$"),
    Typed("such a key beside the other", "cd /etc/postfix && openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2 -subj /CN=ec.domain.example "
          "-keyout ec.key -out ec.pem 2>/dev/null && postconf -e smtpd_tls_eckey_file=/etc/postfix/ec.key smtpd_tls_eccert_file=/etc/postfix/ec.pem "
          "smtpd_tls_ciphers=low smtpd_tls_mandatory_ciphers=low && postfix reload"),
    Soon("helps", NO_CIPHER, "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
    Typed("and the RSA key is there still",
          f"{IN_FAR} openssl s_client -connect 198.51.100.1:25 -starttls smtp -tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384 </dev/null 2>&1",
          "Cipher is ECDHE-RSA-AES256-GCM-SHA384"),
    Typed("ciphers left out", "postconf -e 'smtpd_tls_exclude_ciphers = ECDHE-RSA-RC4-SHA, RC4, aNULL' 'smtpd_tls_mandatory_exclude_ciphers = ECDHE-RSA-RC4-SHA, RC4, aNULL' "
          "'smtpd_tls_protocols = !SSLv2,!SSLv3' 'smtpd_tls_mandatory_protocols = !SSLv2,!SSLv3' && postfix reload"),
    Soon("a client without authentication",
          f"{IN_FAR} openssl s_client -connect 198.51.100.1:25 -starttls smtp -tls1_2 -cipher aNULL:@SECLEVEL=0 </dev/null 2>&1", "handshake failure"),
    Typed("what testssl says of protocols", "testssl --quiet --color 0 --warnings batch --starttls smtp -p 127.0.0.1:25 2>&1",
          r"SSLv2 +not offered(.|\n)*SSLv3 +not offered(.|\n)*TLS 1\.2 +offered(.|\n)*TLS 1\.3 +offered"),
    Typed("TLS 1.3 is there", f"{IN_FAR} openssl s_client -connect 198.51.100.1:25 -starttls smtp </dev/null 2>&1",
          "New, TLSv1.3"),
]


TESTSSL = "apt-get -qy -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends testssl.sh bsdextrautils"


def test_ciphers():
    with server(extra=(TESTSSL,)) as site:
        walk(site, CIPHERS)


# What a large site says of mail by IPv6, in four lines.
REFUSING = '''
import socket, socketserver
LINES = ["Our system has detected that", "this message does not meet IPv6 sending guidelines regarding PTR", "records and authentication. Please review",
         "https://support.bigmail.example/p=IPv6AuthError for more information"]
class Refuse(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")
    def handle(self):
        self.say("220 mx.bigmail.example")
        data = False
        for line in self.rfile:
            word = line[:4].upper().strip()
            if data:
                if line == b".\\r\\n":
                    data = False
                    for text in LINES:
                        self.say("550-5.7.1 " + text)
                    self.say("550 5.7.1  .")
            elif word == b"DATA":
                data = True
                self.say("354 go on")
            elif word == b"QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("192.0.2.50", 25), Refuse).serve_forever()
'''
JOINED = (r"host mx\.bigmail\.example\[192\.0\.2\.50\] said:\s+550-5\.7\.1\s+Our\s+system\s+has\s+detected\s+that\s+550-5\.7\.1\s+this\s+message\s+does\s+not\s+meet\s+IPv6\s+"
          r"sending\s+guidelines\s+regarding\s+PTR\s+550-5\.7\.1\s+records(.|\n)*information\s+550\s+5\.7\.1\s+\.\s+\(in\s+reply\s+to\s+end\s+of\s+DATA\s+command\)")
REPLIES = [
    Typed("mail to them", "printf 'Subject: by IPv6\\n\\nx\\n' | sendmail -f anna@domain.example pia@bigmail.example"),
    Soon("the lines are one in the log", "cat /var/log/mail.log", "status=bounced \\(" + JOINED),
    Soon("and in the bounce", "cat /var/mail/anna", "^<pia@bigmail\\.example>: " + JOINED),
    Typed("a bounce is from MAILER-DAEMON", "cat /var/mail/anna",
          r"^From: (Mail Delivery System <)?MAILER-DAEMON@hosting\.domain\.example( \(Mail Delivery System\)|>)$(.|\n)*^Subject: Undelivered Mail Returned to Sender$"),
]


def test_replies_of_several_lines():
    with server() as site:
        site.write("srv/refuse.py", REFUSING)
        site.run(f"{IN_FAR} ip addr add 192.0.2.50/32 dev lo && {{ {IN_FAR} setsid python3 /srv/refuse.py >/dev/null 2>&1 & }}")
        site.wait(f"{IN_FAR} nc -z 192.0.2.50 25")
        walk(site, REPLIES)


for test in (test_logs, test_sizes_and_extensions, test_process_limit, test_ciphers, test_replies_of_several_lines):
    test.seconds = 300
