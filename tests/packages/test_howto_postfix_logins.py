"""Evolix' "Howto Postfix", TLS and passwords: submission ports, saslauthd and sasldb in the jail, and passwords for other servers.

What is wrong in it on Debian 12: saslauthd is in sasl2-bin, whose file of defaults has no START any more, which must be there; what a
line of sasl_passwd without a password does is no login at all; `noplaintext` alone leaves out PLAIN and LOGIN everywhere;
the services of 587 and 465 are not in the jail, as their column "chroot" has a dash."""
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "smtp.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", *CLIENT,
        *mail_for("foo.example", "192.0.2.20"), *mail_for("bar.example", "192.0.2.30")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydestination = $myhostname, localhost, domain.example
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
smtpd_tls_security_level = may
smtpd_tls_mandatory_protocols=!SSLv2,!SSLv3
smtpd_tls_protocols=!SSLv2,!SSLv3
smtpd_tls_session_cache_database = btree:${{data_directory}}/smtpd_scache
smtpd_tls_loglevel = 1
smtpd_tls_key_file = /etc/ssl/private/smtp.domain.example.key
smtpd_tls_cert_file = /etc/ssl/certs/smtp.domain.example.crt
smtpd_tls_CAfile = /etc/ssl/certs/authority.pem
smtp_tls_security_level = may
smtp_tls_mandatory_protocols=!SSLv2,!SSLv3
smtp_tls_protocols=!SSLv2,!SSLv3
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
smtp_tls_loglevel = 1
smtp_tls_connection_reuse = yes
"""
# tlsproxy: smtp_tls_connection_reuse needs it in Debian's master.cf, where it is a comment.
SUBMISSION = """tlsproxy  unix  -       -       y       -       0       tlsproxy
submission inet n       -       -       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
smtps     inet  n       -       -       -       -       smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=ORIGINATING
"""
# An authority, and a certificate of it.
CERTIFICATES = """cd /root && openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=Authority -keyout ca.key -out /etc/ssl/certs/authority.pem 2>/dev/null &&
openssl req -nodes -newkey rsa:2048 -subj /CN=smtp.domain.example -keyout /etc/ssl/private/smtp.domain.example.key -out smtp.csr 2>/dev/null &&
openssl x509 -req -in smtp.csr -CA /etc/ssl/certs/authority.pem -CAkey ca.key -CAcreateserial -days 2 -out /etc/ssl/certs/smtp.domain.example.crt 2>/dev/null &&
openssl rehash /etc/ssl/certs && chmod 600 /etc/ssl/private/smtp.domain.example.key"""
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f anna@domain.example"
DELIVERED = "250 2.0.0 Ok: queued"


def server(smtpd_conf):
    site = Site(ZONE, HOST)
    site.run(CERTIFICATES)
    site.write("etc/postfix/main.cf", MAIN + "smtpd_sasl_auth_enable = yes\nsmtpd_recipient_restrictions = permit_sasl_authenticated, reject\n")
    with open(site.root / "etc/postfix/master.cf", "a") as master:
        master.write(SUBMISSION)
    site.write("etc/postfix/sasl/smtpd.conf", smtpd_conf)
    site.run("useradd -m anna && echo anna:secret | chpasswd && newaliases")
    return site


def session(*lines):
    """Typed by hand into nc, with time for answers."""
    return "( sleep 1; " + "; sleep 0.4; ".join(f"printf '%s\\r\\n' \"{line}\"" for line in ("EHLO client.example", *lines,
          "QUIT")) + f" ) | {IN_FAR} nc -q 2 198.51.100.1 25"


SASLAUTHD = [
    Typed("in the jail, where smtpd finds it",
          "mkdir -p /var/spool/postfix/var/run/saslauthd && adduser --quiet postfix sasl && chgrp sasl /var/spool/postfix/var/run/saslauthd && "
          "chmod 710 /var/spool/postfix/var/run/saslauthd"),
    Typed("start", "sed -i '$a START=yes' /etc/default/saslauthd; sed -i 's/^MECHANISMS=.*/MECHANISMS=\"pam\"/; s|^OPTIONS=.*|OPTIONS=\"-c -m /var/spool/postfix/var/run/saslauthd\"|' /etc/default/saslauthd; "
          "service saslauthd start; postfix start"),
    Typed("a password", "testsaslauthd -f /var/spool/postfix/var/run/saslauthd/mux -u anna -p secret", r"^0: OK \"Success\.\"$"),
    Typed("a wrong one", "testsaslauthd -f /var/spool/postfix/var/run/saslauthd/mux -u anna -p wrong", r"^0: NO \"authentication failed\"$", 255),
    Typed("AUTH PLAIN by hand, as printf and openssl make it", session("AUTH PLAIN $(printf 'anna\\0anna\\0secret' | openssl base64)"),
          r"^250-AUTH PLAIN LOGIN(.|\n)*^235 2\.7\.0 Authentication successful"),
    Typed("AUTH LOGIN by hand", session("AUTH LOGIN", "$(printf anna | openssl base64)", "$(printf secret | openssl base64)"),
          r"^334 VXNlcm5hbWU6\r?\n334 UGFzc3dvcmQ6\r?\n235 2\.7\.0 Authentication successful"),
    Typed("a wrong password", session("AUTH PLAIN $(printf 'anna\\0anna\\0wrong' | openssl base64)"), r"^535 5\.7\.8 Error: authentication failed: "),
    Soon("is in the log", "cat /var/log/mail.log", r"warning: client\.example\[192\.0\.2\.1\]: SASL PLAIN authentication failed: "),
    # A "-" in the column chroot means no, since compatibility_level 1: what listens on 587 and 465 looks outside, where the document's link is.
    Typed("the link", "rm -rf /run/saslauthd && ln -s /var/spool/postfix/var/run/saslauthd /var/run/saslauthd"),
    Typed("587 with STARTTLS", f"{SWAKS} -p 587 -tls -t anna@domain.example -au anna -ap secret", DELIVERED),
    Typed("465 with TLS", f"{SWAKS} -p 465 --tls-on-connect -t x@foo.example -au anna -ap secret", DELIVERED),
    Typed("587 without TLS", f"{SWAKS} -p 587 -t anna@domain.example 2>&1; true", r"^<\*\* 530 5\.7\.0 Must issue a STARTTLS command first$"),
    Typed("465 without a password", f"{SWAKS} -p 465 --tls-on-connect -t anna@domain.example 2>&1; true",
          r"^<~\* 554 5\.7\.1 <client\.example\[192\.0\.2\.1\]>: Client host rejected: Access denied$"),
    Typed("25 without a password, as the document has it", f"{SWAKS} -t anna@domain.example 2>&1; true",
          r"^<\*\* 554 5\.7\.1 <anna@domain\.example>: Recipient address rejected: Access denied$"),
    Typed("the certificate, with its authority",
          f"</dev/null {IN_FAR} openssl s_client -CApath /etc/ssl/certs -connect 198.51.100.1:25 -crlf -starttls smtp 2>&1", r"^Verify return code: 0 \(ok\)$"),
    Typed("EHLO by telnet", f"( sleep 1; echo EHLO client.example; sleep 0.5; echo QUIT; sleep 0.5 ) | {IN_FAR} telnet 198.51.100.1 25; true",
          r"^220 smtp\.domain\.example(.|\n)*^250-STARTTLS\r?$(.|\n)*^221 2\.0\.0 Bye"),
    Typed("no plain passwords", "postconf -e 'smtpd_sasl_security_options = noanonymous, noplaintext' && postfix reload"),
    Soon("then there is nothing to log in with", f"{SWAKS} -q ehlo 2>&1; tail -3 /var/log/mail.log", r"no SASL authentication mechanisms|\A(?!(.|\n)*AUTH)"),
    Typed("as before, without saslauthd", "postconf -e 'smtpd_sasl_security_options = noanonymous' && postfix reload && service saslauthd stop; sleep 1"),
    Soon("nobody gets in", session("AUTH PLAIN $(printf 'anna\\0anna\\0secret' | openssl base64)"), r"^(535|454) "),
    Soon("and the log says what is missing", "cat /var/log/mail.log",
          r"warning: SASL authentication failure: cannot connect to saslauthd server: (No such file or directory|Connection refused|Permission denied)"),
]


def test_saslauthd():
    with server("pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n") as site:
        walk(site, SASLAUTHD)


SASLDB = [
    Typed("a user", f"echo secret | saslpasswd2 -p -c -u {HOST} pia && sasldblistusers2", rf"^pia@{HOST}: userPassword$"),
    Typed("into the jail", "mkdir -p /var/spool/postfix/etc && mv /etc/sasldb2 /var/spool/postfix/etc/sasldb2 && ln -s /var/spool/postfix/etc/sasldb2 /etc/sasldb2 && "
          "chgrp postfix /var/spool/postfix/etc/sasldb2 && chmod 640 /var/spool/postfix/etc/sasldb2 && postfix start"),
    Typed("PLAIN", f"{SWAKS} -p 587 -tls -t anna@domain.example -a PLAIN -au pia -ap secret", DELIVERED),
    Typed("CRAM-MD5", f"{SWAKS} -p 587 -tls -t anna@domain.example -a CRAM-MD5 -au pia -ap secret", DELIVERED),
    Typed("a method that there is not", "sed -i 's/auxprop/nosuch/' /etc/postfix/sasl/smtpd.conf; postfix reload; sleep 1; " + f"{SWAKS} -p 587 -tls -t anna@domain.example -a PLAIN -au pia -ap secret 2>&1; true",
          r"^<~\* (535|454) "),
    Soon("is told", "cat /var/log/mail.log", r"warning: SASL authentication (problem|failure): unknown password verifier"),
]


def test_sasldb():
    with server("pwcheck_method: auxprop\nmech_list: PLAIN LOGIN CRAM-MD5\n") as site:
        walk(site, SASLDB)


CLIENT = """
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd
smtp_sasl_security_options = noanonymous
"""
FAR = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_path = far\nsmtpd_sasl_local_domain = far\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject"
ELSEWHERE = [
    Typed("the table", "postmap /etc/postfix/sasl_passwd && postfix start"),
    Typed("mail where a password is needed", "echo x | sendmail -f anna@domain.example pia@foo.example"),
    Soon("is there", "cat /srv/mx/Maildir/new/*", r"^X-Original-To: pia@foo\.example$"),
    Typed("by a login, over TLS", "cat /var/log/mail.log",
          r"mx/smtpd\[\d+\]: [0-9A-F]+: client=.*, sasl_method=(PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-\S+), sasl_username=(username|username@far)$"),
    # A session that is kept for the next message, two seconds, has logged in already.
    Typed("no plain passwords", "postconf -e 'smtp_sasl_security_options = noplaintext, noanonymous' && postfix reload && sleep 3 && echo x | sendmail -f anna@domain.example ute@foo.example"),
    Soon("then another method, or none", "grep 'to=<ute@foo' /var/log/mail.log",
          r"status=deferred \(SASL authentication failed; cannot authenticate to server mx\.foo\.example\[192\.0\.2\.20\]: no mechanism available\)"),
]


def test_passwords_for_others():
    with server("pwcheck_method: auxprop\n") as site:
        with open(site.root / "etc/postfix/main.cf", "a") as main:
            main.write(CLIENT)
        site.write("etc/postfix/sasl_passwd", "foo.example             username:password\nbar.example             username\n")
        site.run("mkdir -p /usr/lib/sasl2 && printf 'pwcheck_method: auxprop\\nmech_list: PLAIN LOGIN\\n' | tee /usr/lib/sasl2/far.conf > /etc/postfix/sasl/far.conf && "
                 "echo password | saslpasswd2 -p -c -u far username && chgrp postfix /etc/sasldb2")
        far_system(site, "mx.foo.example", "192.0.2.20", FAR)
        walk(site, ELSEWHERE)


for test in (test_saslauthd, test_sasldb, test_passwords_for_others):
    test.seconds = 300
