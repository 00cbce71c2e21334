"""Evolix' "Howto Postfix", what stands between a message and its mailbox: SPF, DKIM, DMARC, SRS, HAProxy, Amavis and SpamAssassin, postscreen.

What is wrong in it on Debian 12: the example of policyd-spf is compressed; PublicSuffixList is a directory there and a file here; `mkdir
/etc/opendmarc` is needed, the rest of it is as written; DKIM's keys are looked for by libunbound, which finds nothing below .test."""
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", "domain.example. MX 10 hosting.domain.example.", f"1.100.51.198.in-addr.arpa. PTR {HOST}.",
        "srs.hosting.domain.example. MX 10 hosting.domain.example.",
        *CLIENT, "client.example. MX 5 client.example.",
        'client.example. TXT "v=spf1 mx ip4:192.0.2.1 ip4:203.0.113.0/24" " ip6:2001:db8::/32 -all"', 'nomail.example. TXT "v=spf1 -all"',
        'soft.example. TXT "v=spf1 ip4:203.0.113.1 ~all"', 'included.example. TXT "v=spf1 include:client.example -all"',
        '_dmarc.client.example. TXT "v=DMARC1; p=reject; sp=reject; aspf=s; adkim=s"', '_dmarc.soft.example. TXT "v=DMARC1; p=none"',
        '_dmarc.nomail.example. TXT "v=DMARC1;p=reject;sp=none;rua=mailto:dmarc+aggr@domain.example;fo=1;adkim=s;aspf=s;pct=100"',
        *mail_for("bigmail.example", "192.0.2.20")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydestination = $myhostname, localhost, domain.example
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
"""
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -t anna@domain.example"
LAST = "tail -c 3000 /var/mail/anna"


def server(more="", services="", aliases=""):
    site = Site(ZONE, HOST)
    site.write("etc/postfix/main.cf", MAIN + more)
    with open(site.root / "etc/postfix/master.cf", "a") as master:
        master.write(services)
    site.write("etc/aliases", aliases)
    site.run("useradd -m anna; newaliases")
    return site


POLICY_MAIN = """
smtpd_recipient_restrictions =
            permit_mynetworks
            reject_unauth_destination
            check_policy_service unix:private/policyd-spf
policyd-spf_time_limit = 3600
"""
POLICY_SERVICE = """policyd-spf  unix  -       n       n       -       0       spawn
            user=policyd-spf argv=/usr/bin/policyd-spf
"""
# Where TestOnly is 0, nothing is rejected, as the document warns.
POLICY_CONF = """TestOnly = 1
Mail_From_reject = Fail
HELO_reject = Fail
Reject_Not_Pass_Domains = aol.example,hotmail.example
debugLevel = 1
PermError_reject = False
TempError_Defer = False
skip_addresses = 127.0.0.0/8,::ffff:127.0.0.0/104,::1
"""
SPF = [
    Typed("its commented configuration", "zcat /usr/share/doc/postfix-policyd-spf-python/policyd-spf.conf.commented.gz > /etc/postfix-policyd-spf-python/policyd-spf.conf"),
    Typed("a parameter with a dash belongs to the service", "postconf policyd-spf_time_limit 2>&1; postconf -n 2>&1",
          r"\Apolicyd-spf_time_limit = 3600\n(?!(.|\n)*unused)"),
    Typed("start", "postfix start"),
    # Without TestOnly = 1 the result of a check is only in the header.
    Typed("mail from where the domain sends", f"{SWAKS} -f jane@client.example --header 'Subject: pass' --silent 2"),
    Soon("has the header", LAST, r"^Received-SPF: Pass \(mailfrom\) identity=mailfrom;\s+client-ip=192\.0\.2\.1;\s+helo=client\.example;\s+envelope-from=jane@client\.example;\s+receiver=<UNKNOWN>"),
    Typed("from elsewhere, softly", f"{SWAKS} -f jane@soft.example --header 'Subject: soft' --silent 2"),
    Soon("has it too", LAST, r"^Received-SPF: Softfail \(mailfrom\) identity=mailfrom;\s+client-ip=192\.0\.2\.1;\s+helo=client\.example;\s+envelope-from=jane@soft\.example;"),
    Typed("reject what fails", "cp /root/policyd-spf.conf /etc/postfix-policyd-spf-python/policyd-spf.conf && postfix reload"),
    Soon("now it is", f"{SWAKS} -f jane@nomail.example 2>&1",
          r"^<\*\* 550 5\.7\.23 <anna@domain\.example>: Recipient address rejected: Message rejected due to: SPF fail - not authorized\."),
    Typed("local mail has no such header", "printf 'Subject: local\\n\\nx\\n' | sendmail anna"),
    Soon("indeed", "sed -n '/^Subject: local/q; p' /var/mail/anna | tail -n 3", r"\A(?!(.|\n)*SPF)(.|\n)*from userid 0"),
    Typed("spfquery", "spfquery -ip=192.0.2.1 -sender=jane@included.example -helo=client.example 2>&1",
          r"^pass\n(.|\n)*^spfquery: domain of included\.example designates 192\.0\.2\.1 as permitted sender\nReceived-SPF: pass ", 2),
]


def test_spf():
    with server(POLICY_MAIN, POLICY_SERVICE) as site:
        site.write("root/policyd-spf.conf", POLICY_CONF)
        walk(site, SPF)


OPENDKIM = """
Mode sv
Domain domain.example
KeyFile /etc/dkimkeys/mail.private
Selector mail
Socket inet:8891@127.0.0.1
UserID opendkim
Syslog yes
AlwaysAddARHeader yes
AuthservID hosting.domain.example
Nameservers 127.0.0.1
"""
OPENDMARC = """
AuthservID hosting.domain.example
PidFile /var/run/opendmarc/opendmarc.pid
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
Socket inet:8893@localhost
Syslog true
UMask 0002
UserID opendmarc
IgnoreHosts /etc/opendmarc/ignore.hosts
SPFSelfValidate true
TrustedAuthservIDs hosting.domain.example
IgnoreAuthenticatedClients true
"""
IGNORED = "127.0.0.0/8\n::1/128\nlocalhost\nlocalhost.localdomain\n192.168.0.0/16\n"
MILTERS = """
non_smtpd_milters = inet:127.0.0.1:8891 inet:127.0.0.1:8893
smtpd_milters     = inet:127.0.0.1:8891 inet:127.0.0.1:8893
in_flow_delay = 0s
"""
DMARC = [
    Typed("files for local mail", "mkdir -p /etc/opendmarc && cp /root/ignore.hosts /etc/opendmarc && chown -R opendmarc:opendmarc /etc/opendmarc && "
          "mkdir -p /run/opendmarc && chown opendmarc /run/opendmarc"),
    Typed("start both", "opendkim -x /etc/opendkim.conf && opendmarc -c /etc/opendmarc.conf && postfix start"),
    Typed("as the domain wants it", f"{SWAKS} -f jane@client.example --header 'From: jane@client.example' --silent 2"),
    Soon("two headers", LAST, r"^Authentication-Results: hosting\.domain\.example; dmarc=pass \(p=reject dis=none\) header\.from=client\.example$(.|\n)*"
         r"^Authentication-Results: hosting\.domain\.example; spf=pass smtp\.mailfrom=client\.example$(.|\n)*^Authentication-Results: hosting\.domain\.example;\s+dkim=none"),
    Typed("not as it wants it", f"{SWAKS} -f jane@client.example --header 'From: boss@soft.example' --silent 2"),
    Soon("failed, and delivered", LAST, r"^Authentication-Results: hosting\.domain\.example; dmarc=fail \(p=none dis=none\) header\.from=soft\.example$"),
    Typed("mail from here is ignored, and signed",
          "printf 'From: anna@domain.example\\nSubject: mine\\n\\nx\\n' | sendmail -f anna@domain.example pia@bigmail.example"),
    Soon("with a signature", "cat /srv/mx/Maildir/new/*", r"^DKIM-Signature: v=1; a=rsa-sha256; c=.*d=domain\.example;\s+s=mail;"),
    Typed("that is right", "cat /srv/mx/Maildir/new/* | dkimproxy-verify", "verify result: pass"),
    Typed("and comes back from outside", f"cp $(ls /srv/mx/Maildir/new/*) /root/signed && {SWAKS} -f anna@domain.example --data - --silent 2 < /root/signed"),
    Soon("as right, too", LAST, r"^Authentication-Results: hosting\.domain\.example;\s+dkim=pass \(2048-bit key(; unprotected|; secure)?\) header\.d=domain\.example"),
    Typed("reject what fails", "sed -i '$a RejectFailures true' /etc/opendmarc.conf && kill $(pgrep -x opendmarc) && while pgrep -x opendmarc >/dev/null; do sleep 0.1; done; opendmarc -c /etc/opendmarc.conf"),
    Soon("is refused at the end of the message", f"{SWAKS} -f jane@soft.example --header 'From: boss@nomail.example' 2>&1",
          r"^<\*\* 550 5\.7\.1 rejected by DMARC policy for nomail\.example$"),
    # Since Postfix 3.11 the default is to hang up; what log2mail looks for comes of what was the default before.
    Typed("when a milter is away", "postconf -e milter_default_action=tempfail && postfix reload && kill $(pgrep -x opendmarc); while pgrep -x opendmarc >/dev/null; do sleep 0.1; done"),
    Soon("mail is put off", f"{SWAKS} -f jane@client.example 2>&1", r"^<\*\* 451 4\.7\.1 Service unavailable - try again later$"),
    Soon("and the log says why", "cat /var/log/mail.log", r"warning: connect to Milter service inet:127\.0\.0\.1:8893: Connection refused$"),
    Soon("with what the client was told", "cat /var/log/mail.log", r"milter-reject: .*451 4\.7\.1 Service unavailable - try again later"),
]
KEY = """cd /root && opendkim-genkey -r -s mail -b 2048 -d domain.example && mv mail.private /etc/dkimkeys && chown opendkim /etc/dkimkeys/mail.private &&
record=$(grep -o '"[^"]*"' mail.txt | tr '\\n' ' ') && echo "  local-data: 'mail._domainkey.domain.example. TXT $record'" >> /etc/unbound/far.conf &&
kill $(pgrep -x unbound) && sleep 0.3 && unbound -c /etc/unbound/far.conf"""


def test_dkim_and_dmarc():
    with server(MILTERS) as site:
        site.write("etc/opendkim.conf", OPENDKIM)
        site.write("etc/opendmarc.conf", OPENDMARC)
        site.write("root/ignore.hosts", IGNORED)
        site.run(KEY)
        far_system(site, "mx.bigmail.example", "192.0.2.20")
        walk(site, DMARC)


SRS = """
sender_canonical_maps = tcp:127.0.0.1:10001
sender_canonical_classes = envelope_sender
recipient_canonical_maps = tcp:127.0.0.1:10002
recipient_canonical_classes = envelope_recipient, header_recipient
"""
REWRITING = [
    Typed("its domains", "sed -i 's/^#*SRS_DOMAIN=.*/SRS_DOMAIN=srs.hosting.domain.example/; s/^#*SRS_EXCLUDE_DOMAINS=.*/SRS_EXCLUDE_DOMAINS=hosting.domain.example,domain.example/' "
          "/etc/default/postsrsd; grep ^SRS_ /etc/default/postsrsd", r"^SRS_DOMAIN=srs\.hosting\.domain\.example$(.|\n)*^SRS_EXCLUDE_DOMAINS=hosting"),
    Typed("start", "service postsrsd start && postfix start"),
    Typed("a table by tcp:", "postmap -q jane@client.example tcp:127.0.0.1:10001", r"^SRS0=....=..=client\.example=jane@srs\.hosting\.domain\.example$"),
    Typed("mail that is sent on", f"{SWAKS.replace('-t anna', '-t gone')} -f jane@client.example --silent 2"),
    Soon("has a sender of ours", "cat /srv/mx/Maildir/new/*", r"^Return-Path: <SRS0=....=..=client\.example=jane@srs\.hosting\.domain\.example>$"),
    Typed("its bounce", "postmap -q \"$(sed -n 's/^Return-Path: <\\(.*\\)>/\\1/p' /srv/mx/Maildir/new/*)\" tcp:127.0.0.1:10002", r"^jane@client\.example$"),
    Typed("is not for a user of ours, but for the sender",
          "echo bounce | sendmail -f '<>' \"$(sed -n 's/^Return-Path: <\\(.*\\)>/\\1/p' /srv/mx/Maildir/new/*)\""),
    Soon("who is told", "cat /var/log/mail.log", r"to=<jane@client\.example>, orig_to=<SRS0=....=..=client\.example=jane@srs\.hosting\.domain\.example>"),
    Typed("mail of our own domain keeps its sender", "echo x | sendmail -f anna@domain.example pia@bigmail.example"),
    Soon("indeed", "cat /srv/mx/Maildir/new/*", r"^Return-Path: <anna@domain\.example>$"),
]


def test_srs():
    with server(SRS, aliases="gone: jane@bigmail.example\n") as site:
        far_system(site, "mx.bigmail.example", "192.0.2.20")
        walk(site, REWRITING)


HAPROXY = """
defaults
        timeout connect 5s
        timeout client 60s
        timeout server 60s
listen prechauffage
        bind 127.0.0.1:11024
        mode tcp
        balance roundrobin
        server localhost11025 127.0.0.1:11025 inter 10000 rise 2 fall 5 check weight 50
        server smtp42 192.0.2.20:25 inter 10000 rise 2 fall 5 check weight 50
"""
BEHIND = """127.0.0.1:11025 inet n  -       y     -       -  smtpd
    -o content_filter=
    -o local_recipient_maps=
    -o relay_recipient_maps=
    -o smtpd_restriction_classes=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_data_restrictions=reject_unauth_pipelining
    -o smtpd_end_of_data_restrictions=
    -o mynetworks=127.0.0.0/8
    -o strict_rfc821_envelopes=yes
    -o smtpd_error_sleep_time=0
    -o smtpd_soft_error_limit=1001
    -o smtpd_hard_error_limit=1000
    -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
"""
BALANCING = [
    Typed("start", "postfix start && haproxy -D -f /etc/haproxy/haproxy.cfg"),
    Typed("six messages", "sleep 1; for n in 1 2 3 4 5 6; do printf \"Subject: m$n\\n\\nx\\n\" | sendmail -f anna@domain.example anna@domain.example; sleep 0.5; done"),
    Soon("all are delivered", "cat /var/mail/anna /srv/mx/Maildir/new/* | grep -c '^Subject: m'", "^6$", 30),
    Typed("some here, by the second smtpd", "grep -c '^Subject: m' /var/mail/anna", "^[1-5]$"),
    Typed("with HAProxy's address as their relay", "grep -c 'relay=127.0.0.1\\[127.0.0.1\\]:11024, .*status=sent' /var/log/mail.log", "^6$"),
    Typed("the rest there", "ls /srv/mx/Maildir/new | wc -l", "^[1-5]$"),
]


def test_balancing():
    with server("content_filter = smtp:[127.0.0.1]:11024\n", BEHIND) as site:
        site.write("etc/haproxy/haproxy.cfg", HAPROXY)
        far_system(site, "mx.bigmail.example", "192.0.2.20")
        walk(site, BALANCING)


# The document names both, and has a recipient_delimiter for Amavis.
AMAVIS = """
content_filter = smtp-amavis:[127.0.0.1]:10024
recipient_delimiter = +
"""
AMAVIS_SERVICES = """smtp-amavis unix - - y - 2 smtp
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
127.0.0.1:10025 inet n - y - - smtpd
    -o content_filter=
    -o smtpd_relay_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o mynetworks=127.0.0.0/8
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
"""
AMAVIS_CONF = """use strict;
@bypass_virus_checks_maps = (1);
@bypass_spam_checks_maps = (0);
$myhostname = "hosting.domain.example";
$mydomain = "domain.example";
@local_domains_maps = ( [".domain.example", ".hosting.domain.example"] );
$sa_local_tests_only = 1;
$sa_tag_level_deflt = undef;
$sa_kill_level_deflt = 1000;
$enable_dkim_verification = 0;
1;
"""
# What SpamAssassin knows as spam by agreement.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
SPAM = [
    Typed("start", "mkdir -p /run/amavis && chown amavis: /run/amavis && { setsid amavisd foreground >/root/amavis.out 2>&1 & }; postfix start"),
    Soon("amavisd listens", "nc -z 127.0.0.1 10024 && echo up", "^up$", 60),
    Typed("ordinary mail", f"{SWAKS} -f jane@client.example --header 'Subject: ham' --silent 2"),
    Soon("goes through it, with the client's name", LAST,
          r"^X-Spam-Status: No, (.|\n)*^Received: from hosting\.domain\.example \(\[127\.0\.0\.1\]\)\n\s+by localhost \(.*amavis", 60),
    Typed("spam", f"{SWAKS} -f jane@client.example --header 'Subject: spam' --body '{GTUBE}' --silent 2"),
    Soon("is marked", LAST, r"^X-Spam-Flag: YES$", 60),
    Typed("the log has both hops", "cat /var/log/mail.log",
          r"relay=127\.0\.0\.1\[127\.0\.0\.1\]:10024, .*status=sent \(250 2\.0\.0 from MTA\(smtp:\[127\.0\.0\.1\]:10025\): 250 2\.0\.0 Ok: queued as [0-9A-F]+\)"),
]


def test_amavis_and_spamassassin():
    with server(AMAVIS, AMAVIS_SERVICES) as site:
        site.write("etc/amavis/conf.d/50-user", AMAVIS_CONF)
        walk(site, SPAM)


POSTSCREEN = """
postscreen_access_list = permit_mynetworks, cidr:/etc/postfix/postscreen_access.cidr, cidr:/etc/postfix/postscreen_spf_whitelist.cidr
postscreen_blacklist_action = drop
postscreen_greet_action = enforce
smtpd_restriction_classes = onlylocal
onlylocal = check_sender_access hash:/etc/postfix/onlylocal, reject
smtpd_recipient_restrictions = permit_mynetworks, check_recipient_access hash:/etc/postfix/protected_users, reject_unauth_destination
"""
SCREENED = [
    Typed("lists, the second as postwhite writes it",
          "printf '192.0.2.66 reject\\n' > /etc/postfix/postscreen_access.cidr; printf '192.0.2.0/25\\tpermit\\n' > "
          "/etc/postfix/postscreen_spf_whitelist.cidr; postmap /etc/postfix/protected_users /etc/postfix/onlylocal; postfix start"),
    Typed("who is in the list of providers goes straight through", f"{SWAKS} -f jane@client.example 2>&1; cat /var/log/mail.log",
          r"queued as(.|\n)*postscreen\[\d+\]: (ALLOWLISTED|WHITELISTED) \[192\.0\.2\.1\]:\d+$"),
    Typed("who is in the other is dropped", f"{SWAKS} --local-interface 192.0.2.66 -f jane@client.example 2>&1; cat /var/log/mail.log",
          r"521 5\.3\.2(.|\n)*postscreen\[\d+\]: (DENYLISTED|BLACKLISTED) \[192\.0\.2\.66\]:\d+$"),
    Typed("who is in none waits, and passes", f"{SWAKS} --local-interface 192.0.2.200 -f jane@client.example 2>&1; cat /var/log/mail.log",
          r"queued as(.|\n)*postscreen\[\d+\]: PASS NEW \[192\.0\.2\.200\]:\d+$"),
    Typed("an address for colleagues only", f"{SWAKS.replace('-t anna@', '-t service.intra@')} -f jane@client.example 2>&1",
          r"^<\*\* 554 5\.7\.1 <service\.intra@domain\.example>: Recipient address rejected: Access denied$", 24),
    Typed("who write", f"{SWAKS.replace('-t anna@', '-t service.intra@')} -f anna@domain.example 2>&1", "queued as"),
]


def test_postscreen_and_restriction_classes():
    with server(POSTSCREEN, "smtpd pass - - y - - smtpd\n", "service.intra: anna\n") as site:
        site.run("sed -i 's/^smtp  .*inet .*/smtp inet n - y - 1 postscreen/' /etc/postfix/master.cf")
        site.write("etc/postfix/protected_users", "service.intra@ onlylocal\n")
        site.write("etc/postfix/onlylocal", "domain.example OK\n")
        walk(site, SCREENED)


for test in (test_spf, test_dkim_and_dmarc, test_srs, test_balancing, test_amavis_and_spamassassin, test_postscreen_and_restriction_classes):
    test.seconds = 300
