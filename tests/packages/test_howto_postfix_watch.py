"""Evolix' "Howto Postfix", what watches a server: system logs, logrotate, pflogsumm, mailgraph, Munin, Nagios, logwatch; and bounces in French.

What is wrong in it on Debian 12: postfix-doc's files are in /usr/share/doc/postfix/examples, and mailgraph.cgi is in /usr/share/mailgraph;
rsyslog has no files mail.info, mail.warn and mail.err any more unless one asks for them."""
from support import ours
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", *CLIENT,
        *mail_for("bigmail.example", "192.0.2.20"), *mail_for("later.example", "192.0.2.30")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydestination = $myhostname, localhost, domain.example
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
"""
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f jane@client.example --silent 3"
RSYSLOG = """mail.* -/var/log/mail.log
mail.info -/var/log/mail.info
mail.warn -/var/log/mail.warn
mail.err /var/log/mail.err
"""


def server(more="", extra=()):
    site = Site(ZONE, HOST, extra)
    site.write("etc/postfix/main.cf", MAIN + more)
    site.run("useradd -m anna; newaliases; postfix start")
    return site


# Mail in, out, refused, put off and returned.
TRAFFIC = [
    Typed("three in", f"for n in 1 2 3; do {SWAKS} -t anna@domain.example; done"),
    Typed("two out", "for n in 1 2; do echo out | sendmail -f anna@domain.example pia@bigmail.example; done"),
    Typed("one refused", f"{SWAKS} -t nosuch@domain.example; true"),
    Typed("one put off", "echo later | sendmail -f anna@domain.example x@later.example"),
    Typed("one returned", "echo back | sendmail -f anna@domain.example nosuch@domain.example"),
    Soon("all in the log", "cat /var/log/mail.log", r"status=deferred(.|\n)*status=bounced"),
    Soon("and returned", "grep -c '^Subject: ' /var/mail/anna", "^4$"),
]
FILES = [
    Typed("the package gives the jail a socket", "test -S /var/spool/postfix/dev/log; ! grep 'rsyslogd: cannot create' /var/log/syslog"),
    Typed("a file for each level", "kill $(cat /run/rsyslogd.pid); sleep 0.5; rsyslogd; postfix reload"),
    Soon("what is said", "cat /var/log/mail.info", r"reload (-- )?(version|configuration)"),
    Typed("a warning", "postlog -p warn -t postfix/test careful"),
    Soon("is in that file", "cat /var/log/mail.warn", r"postfix/test\[\d+\]: warning: careful$"),
    Typed("an error", "postlog -p error -t postfix/test broken"),
    Soon("too", "cat /var/log/mail.err", r"postfix/test\[\d+\]: error: broken$"),
    Typed("only there", "cat /var/log/mail.err", r"\A(?!(.|\n)*careful)"),
    Typed("a daemon in its jail logs", f"{SWAKS} -t anna@domain.example"),
    Soon("there", "cat /var/log/mail.log", r"postfix/smtpd\[\d+\]: disconnect from client\.example"),
    Typed("logrotate turns them", "echo 'x' >> /var/log/mail.log; logrotate -f /etc/logrotate.conf 2>&1; ls /var/log/mail.log*", r"mail\.log\.1"),
    Typed("and the log goes on", "kill -HUP $(cat /run/rsyslogd.pid); postfix reload"),
    Soon("in the new file", "cat /var/log/mail.log", r"reload (-- )?(version|configuration)"),
]


def test_rsyslog_and_logrotate():
    with server() as site:
        site.write("etc/rsyslog.d/60-mail.conf", RSYSLOG)
        walk(site, FILES)


SUMMARIES = [
    Typed("pflogsumm", "pflogsumm /var/log/mail.log >> /root/stats_mail.out; cat /root/stats_mail.out",
          r"^ +\d+ +received\n +[5-9] +delivered\n(.|\n)* +1 +deferred +\(1 +deferrals?\)\n +1 +bounced\n +1 +rejected(.|\n)*Host/Domain Summary: Message Delivery(.|\n)*bigmail\.example"),
    Typed("logwatch", "mkdir -p /var/cache/logwatch && logwatch --service postfix --range all --output stdout --archives No",
          r"Postfix Begin(.|\n)*(Delivered|Sent)(.|\n)*Postfix End"),
    Typed("log2mail's patterns", "postlog -p fatal -t postfix/test -- out of order 2>/dev/null; postlog -p panic -t postfix/test bug 2>/dev/null; sleep 0.5; "
          "grep -E -o 'fatal:|panic:' /var/log/mail.log | sort -u", r"\Afatal:\npanic:\n\Z"),
    Typed("mailgraph counts", "mkdir -p /var/lib/mailgraph /var/cache/mailgraph; mailgraph --cat --logtype=syslog -l /var/log/mail.log --daemon-rrd=/var/lib/mailgraph 2>&1; "
          "ls /var/lib/mailgraph", r"mailgraph\.rrd"),
    Typed("and has counted", "perl -MRRDs -e '$i = RRDs::info(\"/var/lib/mailgraph/mailgraph.rrd\"); print join(\" \", map { $i->{\"ds[$_].type\"} ? $_ : () } qw(sent recv bounced rejected))'",
          "sent recv bounced rejected"),
    Typed("the document's script", "sh /root/mailgraph.sh 2>&1"),
    Typed("draws pictures", "for i in 0-n 0-e 1-n 3-e; do head -c 8 /var/www/mailgraph/$i | od -An -c; done",
          r"\A( 211   P   N   G  \\r  \\n 032  \\n\n){4}\Z"),
    Typed("and a page", "cat /var/www/mailgraph/index.html", r"(?i)<html(.|\n)*<img .*src=\"[^\"]*0-n\""),
    Typed("Munin: the queue", "munin-run postfix_mailqueue | sort",
          r"\Aactive\.value 0\ncorrupt\.value 0\ndeferred\.value 1\nhold\.value 0\nincoming\.value 0\nmaildrop\.value 0$"),
    Typed("Munin: what it draws", "munin-run postfix_mailqueue config", r"graph_title Postfix Mailqueue"),
    Typed("Munin: messages", "munin-run postfix_mailstats config && munin-run postfix_mailstats", r"delivered\.value"),
    Typed("Munin: volume", "munin-run postfix_mailvolume config && munin-run postfix_mailvolume", r"volume\.value"),
    Typed("Nagios: SMTP", "/usr/lib/nagios/plugins/check_smtp -H localhost", r"^SMTP OK - "),
    Typed("Nagios: the queue", "/usr/lib/nagios/plugins/check_mailq -M postfix -w 42 -c 1337", r"^OK: (postfix )?mailq \(1\) is below threshold \(42/1337\)"),
    Typed("Nagios: too long", "/usr/lib/nagios/plugins/check_mailq -M postfix -w 0 -c 1337", r"^WARNING: (postfix )?mailq is 1", 1),
]
MAILGRAPH = """#!/bin/sh
MAILGRAPH_PATH=/usr/share/mailgraph/mailgraph.cgi # Debian
MAILGRAPH_DIR=/var/www/mailgraph
umask 022
mkdir -p $MAILGRAPH_DIR
$MAILGRAPH_PATH | sed '1,2d ; s/mailgraph.cgi?//' > $MAILGRAPH_DIR/index.html
for i in 0-n 0-e 1-n 1-e 2-n 2-e 3-n 3-e; do
        QUERY_STRING=$i $MAILGRAPH_PATH | sed '1,3d' > $MAILGRAPH_DIR/$i
done
"""
PLUGINS = """cd /etc/munin/plugins
ln -sf /usr/share/munin/plugins/postfix_mailqueue
ln -sf /usr/share/munin/plugins/postfix_mailstats
ln -sf /usr/share/munin/plugins/postfix_mailvolume"""


def test_statistics():
    with server() as site:
        far_system(site, "mx.bigmail.example", "192.0.2.20", "syslog_facility = local5")
        site.write("root/mailgraph.sh", MAILGRAPH)
        site.run(PLUGINS)
        walk(site, TRAFFIC + SUMMARIES)


SYSLOG_NG = [
    Typed("another daemon for the log", "kill $(cat /run/rsyslogd.pid) 2>/dev/null; sleep 0.5; rm -f /dev/log /var/log/mail.*; syslog-ng --no-caps && postfix reload"),
    Typed("mail", f"{SWAKS} -t anna@domain.example"),
    Soon("is in its files", "cat /var/log/mail.log", r"postfix/local\[\d+\]: [0-9A-F]+: to=<anna@domain\.example>, relay=local, .*status=sent"),
    Typed("an error", "postlog -p error -t postfix/test broken"),
    # Debian's syslog-ng has mail.err in a comment.
    Soon("too", "cat /var/log/error", r"postfix/test\[\d+\]: error: broken$"),
    Typed("pflogsumm reads it", "pflogsumm /var/log/mail.log", r"^ +1 +delivered$"),
]


def test_syslog_ng():
    with server(extra=("apt-get -qy -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends syslog-ng-core",)) as site:
        walk(site, SYSLOG_NG)


FRENCH = """failure_template = <<END
Charset: utf-8
From: MAILER-DAEMON (Systeme de messagerie)
Subject: Message non remis
Postmaster-Subject: Copie pour le postmaster : message non remis

Ceci est le serveur de messagerie $myhostname.

Votre message n'a pas pu \u00eatre d\u00e9livr\u00e9.
END

success_template = <<END
Charset: utf-8
From: MAILER-DAEMON (Systeme de messagerie)
Subject: Message remis

Votre message est arriv\u00e9, dit $myhostname.
END
"""
BOUNCES = [
    Typed("templates that are in force", "postconf -b /etc/postfix/bounce.cf", r"Votre message n'a pas pu être délivré\."),
    Typed("switch them on", "echo 'bounce_template_file = /etc/postfix/bounce.cf' >> /etc/postfix/main.cf && postfix reload"),
    Typed("nobody is there", "echo x | sendmail -f anna@domain.example nosuch@domain.example"),
    Soon("as written", "cat /var/mail/anna",
          r"^Subject: Message non remis$(.|\n)*^Ceci est le serveur de messagerie hosting\.domain\.example\.$(.|\n)*n'a pas pu être délivré"),
    Typed("a receipt is asked for", "echo x | sendmail -N success -f anna@domain.example anna@domain.example"),
    Soon("and comes", "cat /var/mail/anna", r"^Subject: Message remis$(.|\n)*^Votre message est arrivé, dit hosting\.domain\.example\.$"),
]


def test_bounces_in_french():
    with server() as site:
        site.write("etc/postfix/bounce.cf", FRENCH)
        walk(site, BOUNCES)


DOCUMENTS = [
    # The document's path, /usr/share/doc/postfix-doc/examples, is that of older packages.
    Typed("the template that is there", "install -m 644 /usr/share/doc/postfix/examples/bounce.cf.default /etc/postfix/bounce.cf && postconf -b /etc/postfix/bounce.cf",
          r"Undelivered Mail Returned to Sender|mail system"),
    Typed("is taken as it is", "echo 'bounce_template_file = /etc/postfix/bounce.cf' >> /etc/postfix/main.cf && postfix check && postfix reload"),
    Typed("nobody is there", "echo x | sendmail -f anna@domain.example nosuch@domain.example"),
    Soon("as it says", "cat /var/mail/anna", r"^Subject: Undelivered Mail Returned to Sender$"),
]


DOWNLOADED = "apt-get -qy -o APT::Keep-Downloaded-Packages=1 -d install postfix-doc"


def test_documents_of_postfix():
    """apt install postfix-doc beside ours, which has documents of its own."""
    with server(extra=(DOWNLOADED,)) as site:
        site.run("apt-get -qy install postfix-doc" + (" relais-doc" if ours() == "ours" else ""))
        walk(site, DOCUMENTS)


for test in (test_rsyslog_and_logrotate, test_statistics, test_syslog_ng, test_bounces_in_french, test_documents_of_postfix):
    test.seconds = 300
