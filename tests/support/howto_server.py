"""The mail server of a page that many follow (Postfix, PostfixAdmin, Dovecot and Roundcube, written for Arch), as it tells to type it:
every line of configuration stands here, with names, addresses and passwords replaced.

Where Debian 12 has a thing elsewhere, its place is taken: Dovecot's examples are in /usr/share/dovecot and installed already, PHP's socket is
/run/php/php8.2-fpm.sock, PostfixAdmin is served from its folder public, and Roundcube's files are below /var/lib/roundcube.
What the page says that is wrong on Debian 12 itself:
 - smtpd_sasl_path = /var/run/dovecot/auth-client: Dovecot's own socket of that name is for root and dovecot alone, so that smtpd dies with
   "no SASL authentication mechanisms"; the socket that the page itself has Dovecot make is private/auth
 - doveadm pw without -s makes {CRYPT}, not MD5
 - doveadm expunge -A wants an iterate_query, or it asks for a table `users` that PostfixAdmin does not have
 - PostfixAdmin's maildir column is example.test/anna/ unless domain_path and domain_in_mailbox are turned round, as the page's log lines show
 - a password with a blank, as in the page's files of Postfix, cannot stand in Dovecot's `connect`
"""
from support.package_root import Machine, installing, layers

MAIL = ("postfix postfix-mysql dovecot-imapd dovecot-pop3d dovecot-mysql swaks libnet-ssleay-perl libio-socket-ssl-perl curl iproute2 procps "
        "python3 telnet openssl logrotate dnsmasq-base faketime")
ANSWERS = r"printf 'roundcube-core roundcube/dbconfig-install boolean false\npostfixadmin postfixadmin/dbconfig-install boolean false\n' | debconf-set-selections"
WEB = "nginx-light php-fpm php-intl php-mysql php-imap php-mbstring mariadb-server roundcube-core roundcube-mysql postfixadmin imapproxy"
BROWSER = "chromium chromium-driver"
OURS = "relais relais-mailbox"
PASSWORD = "mot2passe"

RESOLVER = """
dnsmasq --no-resolv --user=root --listen-address=127.0.0.1 --bind-interfaces --mx-host=example.test,mx.example.test --mx-host=relay.test,out.relay.test \
    --host-record=out.relay.test,127.0.0.1 --host-record=example.test,127.0.0.1
echo nameserver 127.0.0.1 > /etc/resolv.conf
"""
ACCOUNT = """
groupadd -g 5000 vmail
useradd -u 5000 -g vmail -d /home/vmail -s /bin/false vmail
mkdir /home/vmail
chown vmail:vmail /home/vmail
chmod -R 750 /home/vmail
openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=mx.example.test -addext subjectAltName=DNS:mx.example.test,DNS:localhost \
    -keyout /etc/ssl/private/server.key -out /etc/ssl/private/server.crt
cp /etc/ssl/private/server.crt /etc/ssl/certs/mail.pem
"""
BASE = """\
compatibility_level = 3.6
maillog_file = /var/log/mail.log
# Postfix ne servira pas de relais SMTP (default: subnet)
mynetworks_style = host
relay_domains =

myhostname = mx.example.test
mydomain = example.test

myorigin = $mydomain

# configure un relais SMTP
relayhost = relay.test:2525

smtpd_error_sleep_time = 1s
smtpd_soft_error_limit = 10
smtpd_hard_error_limit = 20

smtpd_sasl_auth_enable = yes

# choix de l'implémemtation SASL → Dovecot
smtpd_sasl_type = dovecot
smtpd_sasl_path = /var/run/dovecot/auth-client

smtpd_sasl_local_domain = $mydomain

# (défaut noanonymous)
smtpd_sasl_security_options = noanonymous, nodictionary, noplaintext
# (défaut $smtpd_sasl_security_options)
smtpd_sasl_tls_security_options = noanonymous, nodictionary
# noanonymous, noplaintext, nodictionary, forward_secrecy, mutual_auth

smtpd_tls_auth_only = yes
smtpd_tls_cert_file = /etc/ssl/private/server.crt
smtpd_tls_key_file = /etc/ssl/private/server.key

smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
# (default: )
smtpd_recipient_restrictions = $smtpd_relay_restrictions

smtpd_tls_loglevel = 1
"""
TEXT_FILES = """
transport_maps = hash:/etc/postfix/transport

virtual_mailbox_domains = $mydomain

virtual_mailbox_maps = hash:/etc/postfix/virtual_mailbox_maps
virtual_alias_maps = hash:/etc/postfix/virtual_alias_maps

local_recipient_maps = $virtual_mailbox_maps $virtual_alias_maps
local_transport = virtual

virtual_mailbox_base = /home/vmail

virtual_mailbox_limit = 51200000

virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
virtual_minimum_uid = 5000

recipient_bcc_maps = hash:/etc/postfix/recipient_bcc_maps
"""
DATABASE = """
virtual_alias_maps = proxy:mysql:/etc/postfix/virtual_alias_maps.cf
virtual_mailbox_domains = proxy:mysql:/etc/postfix/virtual_domains_maps.cf
virtual_mailbox_maps = proxy:mysql:/etc/postfix/virtual_mailbox_maps.cf

local_recipient_maps = $virtual_mailbox_maps
local_transport = virtual

virtual_mailbox_base = /home/vmail
virtual_mailbox_limit = 512000000
virtual_minimum_uid = 5000
virtual_uid_maps = static:5000
virtual_gid_maps = static:5000
"""
SUBMISSION = """\
smtp        inet  n       -       n       -       -       smtpd
submission  inet  n       -       n       -       -       smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
"""
# "user1" and "user2" have mail in folders of the name that Dovecot looks for; the page's example has compte1 for compte1@mon-domaine.fr,
# without the slash at the end that makes it a Maildir, and Dovecot looks in /home/vmail/%u.
TABLES = {
    "transport": "example.test    :\n.example.test   :\n# envoie tous les autres email via le smtp\n*                 smtp:relay.test:2525\n"
                 "# [] désactive le MX lookups\n*                 smtp:[out.relay.test]:2525\n",
    "virtual_mailbox_maps": "user1@example.test    user1@example.test/\nuser2@example.test    user2@example.test/\n",
    "virtual_alias_maps": "user3@example.test    user1@example.test\nroot@example.test    user1@example.test user2@example.test\n",
    "recipient_bcc_maps": "user2@example.test  archive@relay.test\n",
    "sender_access": "bad@remote.test    REJECT\n",
}
QUERIES = {
    "virtual_alias_maps.cf": "SELECT goto FROM alias WHERE address='%s' AND active = true",
    "virtual_domains_maps.cf": "SELECT domain FROM domain WHERE domain='%s' AND backupmx = false AND active = true",
    "virtual_mailbox_limits.cf": "SELECT quota FROM mailbox WHERE username='%s'",
    "virtual_mailbox_maps.cf": "SELECT maildir FROM mailbox WHERE username='%s' AND active = true",
}
DOVECOT = {
    "dovecot.conf": "protocols = imap\n",
    "conf.d/10-master.conf": """\
service auth {
    # Postfix smtp-auth
    unix_listener /var/spool/postfix/private/auth {
        mode = 0660
        user = postfix
        group = postfix
    }
}
""",
    "conf.d/10-mail.conf": "mail_location = maildir:/home/vmail/%u\n",
    "conf.d/10-ssl.conf": """\
# requires SSL/TLS also for non-plaintext authentication
ssl = required

ssl_cert = </etc/ssl/private/server.crt
ssl_key = </etc/ssl/private/server.key
""",
    "conf.d/10-auth.conf": """\
# allows plaintext authentication only when SSL/TLS is used first
disable_plaintext_auth = yes

# plain: envoie du mot de passe non-encrypté. Dans le cadre d'une connexion SSL/TLS ce n'est pas un problème.
auth_mechanisms = plain
""",
    "conf.d/10-logging.conf": """\
log_path = /var/log/dovecot.log

# info si info_log_path n'est pas renseigné + debug si debug_log_path n'est pas renseigné
info_log_path = /var/log/dovecot-info.log
# debug
debug_log_path = /var/log/dovecot-debug.log

# Log unsuccessful authentication attempts and the reasons why they failed.
auth_verbose = yes
""",
}
PASSWD_FILE = """\
passdb {
  driver = passwd-file
  args = /etc/dovecot/passwd
}
"""
STATIC = """\
# utilisation du user « vmail »
userdb {
  driver = static
  args = uid=vmail gid=vmail home=/home/vmail/%u
  # gid=nogroup
}
"""
SQL = r"""
driver = mysql
connect = host=localhost dbname=postfix_db user=postfix_user password=motdepasse
default_pass_scheme = MD5

user_query = SELECT '/home/vmail/%u' as home, \
  'maildir:/home/vmail/%u' as mail, \
  5000 AS uid, \
  5000 AS gid, \
  concat('dirsize:storage=',  quota) AS quota \
  FROM mailbox \
  WHERE username = '%u' AND active = '1'

password_query = SELECT username as user, \
  password, \
  '/home/vmail/%u' as userdb_home, \
  'maildir:/home/vmail/%u' as userdb_mail, \
  5000 as userdb_uid, \
  5000 as userdb_gid \
  FROM mailbox \
  WHERE username = '%u' AND active = '1'
"""
LOGROTATE = {
    "syslog-ng": """\
/var/log/mail.log {
    monthly
    rotate 1
    missingok
    sharedscripts
    postrotate
        /bin/kill -HUP $(cat /run/syslog-ng.pid 2>/dev/null) 2>/dev/null || true
    endscript
}
""",
    "dovecot": """\
/var/log/dovecot*.log {
    monthly
    rotate 1
    missingok
    notifempty
    compress
    delaycompress
    sharedscripts
    postrotate
        doveadm log reopen
    endscript
}
""",
}
EXPUNGE = """\
DOVEADM="/usr/bin/doveadm";

# supprime pour tous les utilisateurs (-A) les mails de plus de 15 jours des boîtes Trash et Junk
$DOVEADM expunge -A mailbox Trash savedbefore 15d
$DOVEADM expunge -A mailbox Junk  savedbefore 15d

users="{users}"
for user in $users
do
    $DOVEADM expunge -u $user mailbox Trash savedbefore 15d
    $DOVEADM expunge -u $user mailbox Junk  savedbefore 15d
done
"""
SITE = r"""
server {
    listen 80;
    server_name postfixadmin.example.test;
    root        /usr/share/postfixadmin/public;
    index       index.php;

    location ~ \.php$ {
        try_files       $uri =404;
        fastcgi_pass    unix:/var/run/php/php8.2-fpm.sock;
        fastcgi_index   index.php;
        include         /etc/nginx/fastcgi.conf;
    }
}
server {
    listen 80;
    server_name roundcube.example.test;
    root        /var/lib/roundcube/public_html;
    index       index.php;

    # Restrictions d'accès
    location ~ ^/config|temp|logs/ {
        deny all;
    }

    location ~ \.php$ {
        try_files       $uri =404;

        # php-fpm
        fastcgi_pass    unix:/var/run/php/php8.2-fpm.sock;
        fastcgi_index   index.php;
        include         /etc/nginx/fastcgi.conf;
    }
}
"""
POSTFIXADMIN = """\
<?php
$CONF['configured'] = true;

$CONF['database_type'] = 'mysqli';
$CONF['database_host'] = 'localhost';
$CONF['database_user'] = 'postfix_user';
$CONF['database_password'] = 'motdepasse';
$CONF['database_name'] = 'postfix_db';
$CONF['domain_path'] = 'NO';
$CONF['domain_in_mailbox'] = 'YES';
"""
ROUNDCUBE = """
$config['db_dsnw'] = 'mysql://roundcube_user:password@localhost/roundcube_db';
$config['enable_installer'] = false;
// Log SMTP conversation to <log_dir>/smtp or to syslog
$config['smtp_debug'] = true;
$config['smtp_pass'] = '%p';
"""
CREATE_DATABASES = """
CREATE DATABASE `postfix_db` DEFAULT CHARACTER SET utf8  COLLATE utf8_general_ci;
CREATE USER 'postfix_user'@'localhost' IDENTIFIED BY 'motdepasse';
GRANT ALL ON `postfix_db`.* TO `postfix_user`@`localhost`;
CREATE DATABASE `roundcube_db` DEFAULT CHARACTER SET utf8  COLLATE utf8_general_ci;
GRANT ALL PRIVILEGES ON roundcube_db.* TO 'roundcube_user'@'localhost' IDENTIFIED BY 'password';
"""


def machine(web=False):
    """With Debian's Postfix and Dovecot; ours are at hand, so that the machine can have a resolver of its own."""
    commands = [installing(MAIL)] + ([f"{ANSWERS}; {installing(WEB)}", installing(BROWSER)] if web else [])
    return Machine(*layers(*commands)).prepared(offer_with_resolver)


def offer_with_resolver(mx):
    mx.offer()
    mx.run(f"apt-get -qy -o APT::Keep-Downloaded-Packages=1 -d install {OURS}", online=True, seconds=300)
    mx.run(RESOLVER)


def put(mx, path, text, append=False):
    with open(mx.root / path, "a" if append else "w") as file:
        file.write(text)


def lay_out(mx, main):
    """What both forms of the page have; `main`: the rest of main.cf."""
    mx.run(ACCOUNT)
    put(mx, "etc/postfix/main.cf", BASE + main)
    mx.run("postconf -MX smtp/inet")
    put(mx, "etc/postfix/master.cf", SUBMISSION, append=True)
    for path, text in DOVECOT.items():
        put(mx, f"etc/dovecot/{path}", text, append=True)
    for name, text in LOGROTATE.items():
        put(mx, f"etc/logrotate.d/{name}", text)


def include(mx, wanted):
    """conf.d/10-auth.conf: the databases of the system's accounts commented out, these commented in."""
    edits = ["s/^!include auth-system.conf.ext/#&/"] + [f"s/^#!include {name}/!include {name}/" for name in wanted]
    mx.run(f"sed -i '{'; '.join(edits)}' /etc/dovecot/conf.d/10-auth.conf")


def with_text_files(mx):
    """Users in a file; their hashes are as doveadm has made them."""
    lay_out(mx, TEXT_FILES)
    for name, text in TABLES.items():
        put(mx, f"etc/postfix/{name}", text)
    include(mx, ["auth-passwdfile.conf.ext", "auth-static.conf.ext"])
    put(mx, "etc/dovecot/conf.d/auth-passwdfile.conf.ext", PASSWD_FILE)
    put(mx, "etc/dovecot/conf.d/auth-static.conf.ext", STATIC)
    hashed = mx.run(f"doveadm pw -s ssha -p {PASSWORD}").strip()
    put(mx, "etc/dovecot/passwd", f"user1@example.test:{{PLAIN}}{PASSWORD}\nuser2@example.test:{hashed}\n")


def with_database(mx):
    lay_out(mx, DATABASE)
    for name, query in QUERIES.items():
        put(mx, f"etc/postfix/{name}", f"user = postfix_user\npassword = motdepasse\nhosts = localhost\ndbname = postfix_db\nquery = {query}\n")
    include(mx, ["auth-sql.conf.ext"])
    mx.run("cp /usr/share/dovecot/dovecot-sql.conf.ext /etc/dovecot/dovecot-sql.conf.ext; chmod 600 /etc/dovecot/dovecot-sql.conf.ext")
    put(mx, "etc/dovecot/dovecot-sql.conf.ext", SQL, append=True)


def with_web(mx):
    put(mx, "root/create.sql", CREATE_DATABASES)
    put(mx, "etc/nginx/sites-available/default", SITE)
    put(mx, "etc/postfixadmin/config.local.php", POSTFIXADMIN)
    put(mx, "etc/roundcube/config.inc.php", ROUNDCUBE, append=True)
    put(mx, "etc/hosts", "127.0.0.1 postfixadmin.example.test roundcube.example.test\n", append=True)
    mx.run("printf 'opcache.revalidate_freq=0\\n' > /etc/php/8.2/fpm/conf.d/99-tests.ini")  # a file that is written is read at once
    mx.run("service mariadb start && mysql < /root/create.sql && mysql roundcube_db < /usr/share/roundcube/SQL/mysql.initial.sql")
    mx.run("service php8.2-fpm start && service nginx start")
