"""relais dovecot check and import: Dovecot's configuration becomes ours."""
import imaplib
import os
import pathlib
import sqlite3
import subprocess

from support import equal
from support.imap import MASTER, PASSWORD, ImapInstance
from support.instance import Instance
from support.room import room
from support.table_place import dynamic_maps, need_plugin, plugins

# As the howtos have it: dovecot.conf, conf.d, .ext files.
HOWTO = {
    "dovecot.conf": "protocols = imap\n!include conf.d/*.conf\n!include_try local.conf\n",
    "conf.d/10-master.conf": "service auth {\n    # Postfix smtp-auth\n    unix_listener {queue}/private/auth {\n        mode = 0660\n"
                             "        user = postfix\n        group = postfix\n    }\n}\n",
    "conf.d/10-mail.conf": "mail_location = maildir:/home/vmail/%u\n",
    "conf.d/10-ssl.conf": "# requires SSL/TLS also for non-plaintext authentication\nssl = required\n\n"
                          "ssl_cert = </etc/ssl/private/server.crt\nssl_key = </etc/ssl/private/server.key\n",
    "conf.d/10-auth.conf": "disable_plaintext_auth = yes\nauth_mechanisms = plain\n#!include auth-system.conf.ext\n"
                           "!include auth-passwdfile.conf.ext\n!include auth-static.conf.ext\n",
    "conf.d/auth-passwdfile.conf.ext": "passdb {\n  driver = passwd-file\n  args = /etc/dovecot/passwd\n}\n",
    "conf.d/auth-static.conf.ext": "userdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/home/vmail/%u\n  # gid=nogroup\n}\n",
    "conf.d/10-logging.conf": "log_path = /var/log/dovecot.log\ninfo_log_path = /var/log/dovecot-info.log\n"
                              "debug_log_path = /var/log/dovecot-debug.log\nauth_verbose = yes\n",
}
SQL = {"conf.d/10-auth.conf": "disable_plaintext_auth = yes\nauth_mechanisms = plain login\n!include auth-sql.conf.ext\n",
       "conf.d/auth-sql.conf.ext": "passdb {\n  driver = sql\n  args = /etc/dovecot/dovecot-sql.conf.ext\n}\nuserdb {\n  driver = prefetch\n}\n"
                                   "userdb {\n  driver = sql\n  args = /etc/dovecot/dovecot-sql.conf.ext\n}\n"}
EXPECTED = ["main.cf: auth_mechanisms = PLAIN", "main.cf: auth_passdb = { passwd-file:/etc/dovecot/passwd }",
            "main.cf: auth_userdb = { static:uid=vmail gid=vmail home=/home/vmail/%u }",
            "main.cf: imap_mail_location = maildir:/home/vmail/%u", "main.cf: imap_tls_auth_only = yes",
            "main.cf: imap_tls_cert_file = /etc/ssl/private/server.crt", "main.cf: imap_tls_key_file = /etc/ssl/private/server.key",
            "main.cf: imap_tls_security_level = encrypt", "master.cf: imap inet n - n - - imap-login",
            "master.cf: imaps inet n - n - - imap-login -o imap_tls_wrappermode=yes", "master.cf: imap unix - - n - 1 imap",
            "master.cf: auth unix - - n - 1 auth"]
NEW = """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
protocols = imap
mail_driver = maildir
mail_path = ~/Maildir/%{user | username}
mail_home = /srv/%{user}
ssl_server_cert_file = /etc/c.pem
ssl_server_key_file = /etc/k.pem
auth_allow_cleartext = no
passdb passwd-file {
  default_password_scheme = sha256
  passwd_file_path = /etc/dovecot/users
}
userdb static {
  fields {
    uid = vmail
    home = /srv/%{user | domain}
  }
}
"""
ODD = """\
protocols = imap lmtp sieve
mail_location = mdbox:~/mdbox
mail_plugins = quota sieve
auth_mechanisms = plain ntlm
passdb {
  driver = nss
  args = x
}
namespace inbox {
  separator = /
  prefix = INBOX/
  mailbox Junk {
    auto = subscribe
    special_use = \\Junk
  }
  mailbox "Sent Messages" {
    special_use = \\Sent
  }
}
service auth {
  unix_listener auth-client {
    mode = 0660
    group = postfix
  }
  unix_listener auth-userdb {
    mode = 0600
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 1993
  }
  process_limit = 5
}
service lmtp {
  unix_listener /elsewhere/dovecot-lmtp {
    mode = 0600
  }
}
plugin {
  quota = fs:User quota
}
"""


_mail = []


def instance():
    if not _mail:
        _mail.append(ImapInstance())
    return _mail[0].mta


def tree(name, files):
    root = room().scratch / name
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text.replace("{queue}", str(instance().queue)))
    return root / "dovecot.conf"


def relais(*words):
    mta = instance()
    return subprocess.run([mta.commands / "relais", "-c", mta.conf, *words], env=mta.environment(), capture_output=True, text=True, timeout=60)


def check(name, files):
    done = relais("dovecot", "check", tree(name, files))
    equal(done.stderr, "", "complaints")
    root = str(room().scratch / name) + "/"
    lines = [line.replace(root, "") for line in done.stdout.splitlines()]
    return done.returncode, lines, [line.rsplit(" (", 1)[0] for line in lines if ": not carried over: " not in line]


def left(lines):
    return [line.split(": not carried over: ")[1].rsplit(": ", 1)[0] for line in lines if ": not carried over: " in line]


def test_the_howtos():
    status, lines, carried = check("howto", HOWTO)
    equal(carried, EXPECTED, "the howto's configuration")
    equal((status, left(lines)), (0, []), "what is left")
    assert "main.cf: auth_mechanisms = PLAIN (conf.d/10-auth.conf:2)" in lines, lines


def test_the_howtos_with_a_database():
    status, lines, carried = check("sql", {**HOWTO, **SQL})
    assert "main.cf: auth_passdb = { sql:/etc/dovecot/dovecot-sql.conf.ext }" in carried, carried
    assert "main.cf: auth_userdb = { sql:/etc/dovecot/dovecot-sql.conf.ext }" in carried, carried
    equal((status, left(lines)), (0, []), "what is left")


def test_24():
    status, lines, carried = check("new", {"dovecot.conf": NEW})
    equal((status, left(lines)), (0, []), "what is left")
    for line in ("main.cf: imap_mail_location = maildir:~/Maildir/%n", "main.cf: auth_default_scheme = SHA256", "main.cf: imap_tls_auth_only = yes",
                 "main.cf: auth_passdb = { passwd-file:/etc/dovecot/users }", "main.cf: auth_userdb = { static:uid=vmail home=/srv/%d }"):
        assert line in carried, (line, carried)


LOCKED_OUT = """\
protocols = imap
auth_master_user_separator = *
passdb {
  driver = passwd-file
  deny = yes
  args = /etc/dovecot/deny-users
}
passdb {
  driver = passwd-file
  args = scheme=SHA512-CRYPT /etc/dovecot/masters
  master = yes
  pass = yes
}
passdb {
  driver = pam
  result_success = continue-ok
  result_internalfail = return-fail
  mechanisms = plain login
  username_filter = *@example.test
  override_fields = allow_nets=10.0.0.0/8 user=%n
  skip = authenticated
}
passdb {
  driver = passwd-file
  args = scheme=PLAIN /etc/dovecot/users
}
"""


def test_who_is_kept_out_and_who_is_a_master():
    """The words of a section come along; a scheme of a master's file is none of everybody's."""
    status, lines, carried = check("masters", {"dovecot.conf": LOCKED_OUT})
    equal(left(lines), ["passdb = passwd-file"], "what is left")
    assert any("scheme=SHA512-CRYPT holds for all databases" in line for line in lines), lines
    for line in ("auth_master_user_separator = *", "auth_default_scheme = PLAIN",
                 "auth_passdb = { deny=yes passwd-file:/etc/dovecot/deny-users }, { master=yes pass=yes passwd-file:/etc/dovecot/masters }, "
                 "{ result_success=continue-ok result_internalfail=return-fail mechanisms={plain login} username_filter=*@example.test "
                 "override_fields={allow_nets=10.0.0.0/8 user=%n} skip=authenticated pam: }, { passwd-file:/etc/dovecot/users }"):
        assert "main.cf: " + line in carried, (line, carried)


LOCATIONS = (
    ("mail_location = mbox:~/mail:INBOX=/var/mail/%u", "mbox:~/mail:INBOX=/var/mail/%u"),
    ("mail_location = maildir:~/Maildir:INDEX=/var/index/%u:CONTROL=/var/control/%u", "maildir:~/Maildir:INDEX=/var/index/%u:CONTROL=/var/control/%u"),
    ("mail_driver = mbox\nmail_inbox_path = /var/mail/%{user}\nmail_path = ~/mail", "mbox:~/mail:INBOX=/var/mail/%u"),
    ("mail_path = ~/Maildir\nmail_index_path = /var/index/%{user}", "maildir:~/Maildir:INDEX=/var/index/%u"),
    ("mail_location = maildir:~/Maildir:LAYOUT=fs", "maildir:~/Maildir:LAYOUT=fs"),
    ("mail_driver = maildir\nmail_path = ~/Maildir\nmailbox_list_layout = fs\nmailbox_list_utf8 = yes", "maildir:~/Maildir:LAYOUT=fs:UTF-8"))


def test_where_the_mail_is():
    for number, (text, wanted) in enumerate(LOCATIONS):
        status, lines, carried = check(f"location{number}", {"dovecot.conf": f"protocols = imap\n{text}\n"})
        equal((status, left(lines)), (0, []), text)
        assert f"main.cf: imap_mail_location = {wanted}" in carried, (text, carried)
    for number, text in enumerate(("mail_location = sdbox:~/sdbox", "mail_driver = mdbox\nmail_path = ~/mdbox", "mail_driver = sdbox",
                                   "mail_location = maildir:~/Maildir:LAYOUT=index")):
        status, lines, carried = check(f"other{number}", {"dovecot.conf": f"protocols = imap\n{text}\n"})
        equal((status, len(left(lines))), (1, 1), text)
        assert not [line for line in carried if "imap_mail_location" in line], (text, carried)


CLUSTER = """\
protocols = imap
login_trusted_networks = 10.0.0.0/8 2001:db8::/32,192.0.2.1
login_proxy_timeout = 45 secs
login_proxy_max_reconnects = 5
lmtp_proxy = yes
mail_nfs_storage = yes
mail_nfs_index = yes
mmap_disable = yes
dotlock_use_excl = yes
ssl_client_ca_file = /etc/ssl/ca.pem
passdb {
  driver = static
  args = proxy=y host=10.0.0.7 nopassword=y starttls=yes proxy_timeout=5
}
"""


def test_machines_together():
    status, lines, carried = check("cluster", {"dovecot.conf": CLUSTER})
    equal((status, left(lines)), (0, []), "what is left")
    for line in ("main.cf: login_trusted_networks = 10.0.0.0/8, [2001:db8::]/32, 192.0.2.1", "main.cf: login_proxy_timeout = 45s",
                 "main.cf: login_proxy_max_reconnects = 5", "main.cf: lmtpd_proxy = yes", "main.cf: mail_nfs_storage = yes",
                 "main.cf: login_proxy_tls_CAfile = /etc/ssl/ca.pem",
                 "main.cf: auth_passdb = { static:proxy=y host=10.0.0.7 nopassword=y starttls=yes proxy_timeout=5 }"):
        assert line in carried, (line, carried)


def test_what_is_left():
    status, lines, carried = check("odd", {"dovecot.conf": ODD})
    equal(status, 1, "status")
    equal(left(lines), ["protocols = imap lmtp sieve", "mail_location = mdbox:~/mdbox", "mail_plugins = quota sieve", "auth_mechanisms = plain ntlm",
                        "passdb = nss", "mailbox/auto = subscribe", "service auth/unix_listener = auth-client", "service imap-login/process_limit = 5",
                        "service lmtp/unix_listener = /elsewhere/dovecot-lmtp", "plugin/quota = fs:User quota"], "what is left")
    assert "main.cf: imap_special_use = Junk=\\Junk, { Sent Messages=\\Sent }" in carried and "master.cf: 1993 inet n - n - - imap-login -o imap_tls_wrappermode=yes" in carried
    assert not [line for line in carried if line.startswith("master.cf: imap inet")], carried


SHARING = """\
protocols = imap
mail_location = maildir:/var/vmail/%d/%n
mail_attribute_dict = file:%h/Maildir/dovecot-attributes
namespace inbox {
  inbox = yes
  separator = /
  prefix = INBOX/
}
namespace {
  type = public
  separator = /
  prefix = Public/
  location = maildir:/var/mail/public:INDEX=~/public:INDEXPVT=~/seen
  subscriptions = no
  list = children
}
namespace {
  type = shared
  separator = /
  prefix = shared/%%u/
  location = maildir:%%h/Maildir:INDEX=~/shared/%%u
}
namespace old {
  separator = .
  prefix = Old/
  hidden = yes
  list = no
  disabled = yes
}
plugin {
  acl = vfile:/etc/dovecot/dovecot-acl
  acl_shared_dict = file:/var/lib/dovecot/shared.db
  acl_anyone = allow
}
"""


def test_namespaces_and_access_control():
    status, lines, carried = check("sharing", {"dovecot.conf": SHARING})
    equal(left(lines), [], "what is left")
    for line in ("main.cf: imap_acl = vfile:/etc/dovecot/dovecot-acl", "main.cf: imap_acl_anyone_allow = yes",
                 "main.cf: imap_acl_shared_dict = file:/var/lib/dovecot/shared.db", "main.cf: imap_hierarchy_separator = /",
                 "main.cf: imap_metadata_file = %h/Maildir/dovecot-attributes",
                 "main.cf: imap_namespaces = { type=private inbox=yes prefix=INBOX/ }, { type=public prefix=Public/ "
                 "location=maildir:/var/mail/public:INDEX=~/public:INDEXPVT=~/seen subscriptions=no list=children }, { type=shared prefix=shared/%%u/ location=maildir:%%h/Maildir:INDEX=~/shared/%%u }"):
        assert line in carried, (line, carried)


def test_mistakes():
    for text, what in (("mail_location\n", "neither a setting nor a section"), ("!include nosuch.conf\n", "there is no"), ("a {\n", "is not closed")):
        done = relais("dovecot", "check", tree("mistake", {"dovecot.conf": text}))
        assert done.returncode == 1 and what in done.stderr, (text, done.stderr)


def test_import_and_login():
    """The imported configuration lets the users of Dovecot's passwd-file in, to their mail."""
    server = ImapInstance()
    uid, gid = server.mta.vmail_ids()
    root = room().scratch / "theirs"
    root.mkdir()
    (root / "users").write_text(f"dora:{{PLAIN}}{PASSWORD}\n")
    (root / "dovecot.conf").write_text(
        f"protocols = imap\nlisten = {server.address}\nssl = no\ndisable_plaintext_auth = no\nmail_location = maildir:~/Mail\n"
        f"first_valid_uid = 1\nfirst_valid_gid = 1\n"
        f"service imap-login {{\n  inet_listener imap {{\n    port = 1450\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n"
        f"passdb {{\n  driver = passwd-file\n  args = {root}/users\n}}\n"
        f"userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={server.mta.vmail}/%u\n}}\n")
    home = pathlib.Path(server.home("dora"))
    (home / "Mail").mkdir(parents=True)
    for each in (home, home / "Mail"):
        os.chown(each, uid, gid)
    server.stop()
    mta = server.mta
    done = subprocess.run([mta.commands / "relais", "-c", mta.conf, "dovecot", "import", root / "dovecot.conf"], env=mta.environment(),
                          capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stderr), (0, ""), "import")
    subprocess.run([mta.daemons / "master", "-c", mta.conf, "-w"], env=mta.environment(), stdin=subprocess.DEVNULL, check=True, timeout=30)
    box = imaplib.IMAP4(server.address, 1450)
    equal(box.login("dora", PASSWORD)[0], "OK", "login")
    equal(box.select()[0], "OK", "select")
    box.logout()
    assert (home / "Mail/dovecot-uidlist").exists()


def test_help_and_check_without_a_configuration():
    """Before anything is set up: help, and what a Dovecot's configuration would be."""
    conf = tree("bare", {"dovecot.conf": "protocols = imap\nmail_location = maildir:~/Maildir\n"})
    environment = {"PATH": "/usr/bin:/bin"}

    def bare(*words):
        done = subprocess.run([instance().commands / "relais", *words], env=environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr
    shown = bare("--help")
    assert shown[0] == 0 and shown[1].startswith("usage: relais --version\n") and "sessions [user]\n" in shown[1], shown
    for words in (("-h",), ("help",), ("-c", "/nonexistent", "--help"), ("dovecot", "check", "--help"), ("sessions", "-h")):
        equal(bare(*words), shown, f"{words}")
    equal(bare("-c", "/nonexistent")[0], 1, "nothing to do")
    status, out, err = bare("-c", str(conf.parent), "dovecot", "check", str(conf))
    assert status == 0 and "main.cf: imap_mail_location = maildir:~/Maildir" in out, (out, err)
    equal(bare("-c", str(conf.parent), "dovecot", "import", str(conf))[0], 1, "there is no main.cf to write to")


QUOTA_23 = """\
protocols = imap lmtp
verbose_proctitle = yes
mail_plugins = $mail_plugins quota
service lmtp {
  unix_listener {queue}/private/dovecot-lmtp {
    mode = 0600
    user = postfix
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
}
service quota-warning {
  executable = script /usr/local/bin/quota-warning.sh
  user = vmail
  unix_listener quota-warning {
    user = vmail
  }
}
protocol lmtp {
  mail_plugins = $mail_plugins quota
  lmtp_rcpt_check_quota = yes
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=1G
  quota_rule2 = Trash:storage=+100M
  quota_warning = storage=95%% quota-warning 95 %u
  quota_warning2 = storage=80%% other 80 %u
  quota_grace = 5%%
  quota_exceeded_message = No room
}
passdb {
  driver = ldap
  args = /etc/dovecot/dovecot-ldap.conf.ext
}
"""
QUOTA_24 = """\
dovecot_config_version = 2.4.0
protocols = imap
mail_plugins {
  quota = yes
  imap_quota = yes
  fts = yes
}
quota "Everybody's" {
  driver = count
  quota_storage_size = 2G
  message_count = 1000
  storage_grace = 10M
  warning warn-95 {
    quota_storage_percentage = 95
    execute quota-warning {
      args = 95 %{user}
    }
  }
}
service quota-warning {
  executable = script /usr/local/bin/warn
}
namespace inbox {
  inbox = yes
  mailbox Trash {
    special_use = \\Trash
    quota_storage_extra = 100M
  }
}
acl_driver = vfile
acl_sharing_map {
  dict file {
    path = /var/lib/dovecot/shared.db
  }
}
passdb sql {
  query = SELECT password FROM users WHERE name = '%{user}'
}
"""


def test_quotas_and_lmtp():
    status, lines, carried = check("quota23", {"dovecot.conf": QUOTA_23})
    equal(left(lines), ["plugin/quota_warning2 = storage=80%% other 80 %u"], "what is left")
    for line in ("quota_root_name = User quota", "quota_rules = *:storage=1G, Trash:storage=+100M", "quota_grace = 5%", "quota_exceeded_message = No room",
                 "quota_warnings = { storage=95% /usr/local/bin/quota-warning.sh 95 %u }", "lmtpd_rcpt_check_quota = yes",
                 "mailbox_process_titles = yes", "auth_passdb = { ldap:/etc/dovecot/dovecot-ldap.conf.ext }"):
        assert "main.cf: " + line in carried, (line, carried)
    for line in ("dovecot-lmtp unix - - n - - lmtpd", "127.0.0.1:24 inet n - n - - lmtpd"):
        assert "master.cf: " + line in carried, (line, carried)


def test_quotas_and_sharing_of_24():
    status, lines, carried = check("quota24", {"dovecot.conf": QUOTA_24})
    equal([line.split(": ")[0] for line in left(lines)], ["mail_plugins/fts = yes", "passdb = sql"], "what is left")
    for line in ("quota_root_name = Everybody's", "quota_rules = *:storage=2G, *:messages=1000, Trash:storage=+100M", "quota_grace = 10M",
                 "quota_warnings = { storage=95% /usr/local/bin/warn 95 %u }", "imap_acl = vfile",
                 "imap_acl_shared_dict = file:/var/lib/dovecot/shared.db"):
        assert "main.cf: " + line in carried, (line, carried)


SQL_24 = """\
dovecot_config_version = 2.4.1
protocols = imap
sql_driver = mysql
passdb sql {
  default_password_scheme = SHA512-CRYPT
  query = SELECT username AS user, password FROM mailbox \\
    WHERE username = '%{user}' AND domain = "%{user | domain}"
}
userdb sql {
  userdb_sql_query = SELECT home, uid, gid FROM mailbox WHERE username = '%{user}'
  iterate_query = SELECT username AS user FROM mailbox
  fields {
    quota_rule = x
  }
}
passdb sql {
  sql_driver = pgsql
  query = SELECT password FROM people WHERE name = '%{user | username}'
  odd = 1
}
mysql /run/mysqld/mysqld.sock {
  user = mail
  password = a "b\\c"#d
  dbname = mail
  mysql_ssl_ca = /etc/ca.pem
  client_flags = 1
}
mysql second.test {
  ssl_ca = /etc/ca.pem
  dbname = mail
  password = a "b\\c"#d
  user = mail
}
mysql third.test {
  user = mail
  password = it's
}
mysql fourth.test {
  user = mail
  password = another
  dbname = mail
  ssl_ca = /etc/ca.pem
}
pgsql localhost {
  parameters {
    user = people
    sslmode = require
  }
}
"""
MARK = "# By relais dovecot import, which writes it anew as long as this line is here.\n"
SQL_FILES = {"": """\
driver = "mysql"
connect = "host='/run/mysqld/mysqld.sock' host='second.test' dbname='mail' password='a \\"b\\\\c\\"#d' ssl_ca='/etc/ca.pem' user='mail'"
default_pass_scheme = "SHA512-CRYPT"
password_query = "SELECT username AS user, password FROM mailbox WHERE username = '%u' AND domain = \\"%d\\""
user_query = "SELECT home, uid, gid FROM mailbox WHERE username = '%u'"
iterate_query = "SELECT username AS user FROM mailbox"
""", "-2": """\
driver = "pgsql"
connect = "host='localhost' sslmode='require' user='people'"
password_query = "SELECT password FROM people WHERE name = '%n'"
default_pass_scheme = "PLAIN"
"""}


def test_sql_of_24():
    """Its queries and servers become files, as 2.3 has them; they are for root alone, and take nobody's place."""
    status, lines, carried = check("sql24", {"dovecot.conf": SQL_24})
    conf = instance().conf
    files = {number: conf / f"dovecot-sql{number}.conf.ext" for number in SQL_FILES}
    for line in (f"main.cf: auth_passdb = {{ sql:{files['']} }}, {{ sql:{files['-2']} }}", f"main.cf: auth_userdb = {{ sql:{files['']} }}",
                 *(f"{path}: a file of SQL queries" for path in files.values())):
        assert line in carried, (line, carried)
    equal(left(lines), ["userdb/quota_rule = x", "passdb/odd = 1", "mysql/client_flags = 1", "mysql/password = it's", "mysql = third.test",
                         "mysql = fourth.test"], "what is left")
    assert not any(path.exists() for path in files.values()), "check writes nothing"
    other = Instance("ours")
    imported = [subprocess.run([other.commands / "relais", "-c", other.conf, "dovecot", "import", room().scratch / "sql24/dovecot.conf"],
                               env=other.environment(), capture_output=True, text=True, timeout=60) for _ in range(2)]
    equal([(done.returncode, done.stderr) for done in imported], [(1, "")] * 2, "import, and once more")
    for number, text in SQL_FILES.items():
        path = other.conf / f"dovecot-sql{number}.conf.ext"
        equal((path.read_text(), path.stat().st_mode & 0o777), (MARK + text, 0o600), path.name)
    (other.conf / "dovecot-sql.conf.ext").write_text("mine\n")
    before = (other.conf / "main.cf").read_text()
    refused = subprocess.run([other.commands / "relais", "-c", other.conf, "dovecot", "import", room().scratch / "sql24/dovecot.conf"],
                             env=other.environment(), capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and "from no import" in refused.stderr, refused
    equal(((other.conf / "dovecot-sql.conf.ext").read_text(), (other.conf / "main.cf").read_text()), ("mine\n", before), "what is the administrator's")


def test_sql_without_a_server():
    for text, why in (("passdb sql {\n  query = SELECT 1\n}\n", "sql_driver does not say"),
                      ("sql_driver = cassandra\npassdb sql {\n  query = SELECT 1\n}\n", "there is no client for cassandra")):
        lines = check("nosql", {"dovecot.conf": text})[1]
        assert any("passdb = sql: " + why in line for line in lines), lines


def test_sql_import_and_login():
    """Users of SQLite come in with the file that was written for them, whatever quotes and signs of comments are in it."""
    need_plugin("sqlite")
    server = ImapInstance()
    (server.mta.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
    uid, gid = server.mta.vmail_ids()
    root = room().scratch / "sqlite24"
    root.mkdir()
    with sqlite3.connect(root / 'users "1".db') as connection:
        connection.execute("CREATE TABLE users (name TEXT, password TEXT)")
        connection.execute("INSERT INTO users VALUES ('bob', 'sec#ret')")
    (root / 'users "1".db').chmod(0o644)
    (root / "dovecot.conf").write_text(
        "dovecot_config_version = 2.4.1\nprotocols = imap\nfirst_valid_uid = 1\nfirst_valid_gid = 1\nsql_driver = sqlite\n"
        f"sqlite_path = {root}/users \"1\".db\nmail_driver = maildir\nmail_path = ~/Maildir\n"
        "passdb sql {\n  query = SELECT name AS user, password, ' # ' AS note FROM users WHERE name = '%{user}'\n}\n"
        f"userdb sql {{\n  query = SELECT '{server.home('bob')}' AS \"home\", {uid} AS uid, {gid} AS gid FROM users WHERE name = '%{{user}}'\n}}\n")
    mta = server.mta
    done = subprocess.run([mta.commands / "relais", "-c", mta.conf, "dovecot", "import", root / "dovecot.conf"], env=mta.environment(),
                          capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stderr), (0, ""), f"import: {done.stdout}")
    server.stop()
    # The ports are those of the machine: here the test's own services do.
    (mta.conf / "master.cf").write_text(mta.expand(MASTER).replace("{address}", server.address))
    mta.set_main("imap_tls_auth_only = no")
    server.start()
    box = server.connect()
    equal(box.login("bob", "sec#ret")[0], "OK", "login")
    equal(box.select()[0], "OK", "select")
    box.logout()
    server.stop()


# What packages of mail servers lay out: ports on one address, for load balancers, and without a name; values in files; names of their own kind.
LISTENERS_23 = """\
protocols = imap pop3 lmtp
listen = 192.0.2.1, 2001:db8::1
mail_plugins = <{root}/plugins
pop3_uidl_format = %g
auth_cache_ttl = 30 s
passdb {
  driver = passwd-file
  args = username_format=%n /etc/dovecot/users
}
passdb {
  driver = ldap
  args = /etc/dovecot/dovecot-ldap.conf
}
userdb {
  driver = static
  args = uid=vmail home=/home/%n
}
plugin {
  acl = vfile
  acl_anyone = <{root}/acl_anyone
  sieve_crypt_key = <{root}/acl_anyone
  sieve_nonce = <{root}/acl_anyone
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1, ::1
  }
  inet_listener imap_haproxy {
    port = 10143
    haproxy = yes
  }
  inet_listener imaps_haproxy {
    port = 10993
    ssl = yes
    haproxy = yes
  }
  inet_listener {
    port = 10144
  }
  inet_listener {
    port = 10145
  }
  inet_listener unused {
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    address = *
  }
}
service lmtp {
  inet_listener lmtp {
    port = 24
    ssl = yes
    haproxy = yes
  }
  inet_listener unused {
  }
}
service quota-status {
  executable = quota-status -p postfix
  inet_listener {
    address = 127.0.0.1
    port = 12340
  }
  unix_listener {queue}/private/quota-status {
    mode = 0666
  }
}
service doveadm {
  inet_listener {
    port = 12345
  }
}
"""
LISTENERS_24 = """\
dovecot_config_version = 2.4.0
protocols = imap lmtp
pop3_uidl_format = %{uid | hex(8)}%{uidvalidity | hex(8)}
service imap-login {
  inet_listener imap {
    listen = 127.0.0.1
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    listen = 127.0.0.1 ::1
    port = 24
  }
}
"""


def test_ports_and_addresses():
    root = room().scratch / "listeners"
    status, lines, carried = check("listeners", {"plugins": "quota acl\n", "acl_anyone": "allow\n", "dovecot.conf": LISTENERS_23.replace("{root}", str(root))})
    services = [line.removeprefix("master.cf: ") for line in carried if line.startswith("master.cf: ")]
    own = [f"{address}:{line}" for line in ("10143 inet n - n - - imap-login -o imap_upstream_proxy_protocol=haproxy",
                                             "10993 inet n - n - - imap-login -o imap_tls_wrappermode=yes -o imap_upstream_proxy_protocol=haproxy")
           for address in ("192.0.2.1", "[2001:db8::1]")]
    own += [f"{address}:{port} inet n - n - - imap-login" for port in (10144, 10145) for address in ("192.0.2.1", "[2001:db8::1]")]
    both = [f"{address}:imaps inet n - n - - imap-login -o imap_tls_wrappermode=yes" for address in ("192.0.2.1", "[2001:db8::1]")]
    equal(services, ["192.0.2.1:24 inet n - n - - lmtpd", "[2001:db8::1]:24 inet n - n - - lmtpd",
                     "127.0.0.1:imap inet n - n - - imap-login", "[::1]:imap inet n - n - - imap-login", *both, *own, "imap unix - - n - 1 imap",
                     "pop3s inet n - n - - pop3-login -o pop3_tls_wrappermode=yes", "pop3 unix - - n - 1 pop3",
                     "127.0.0.1:12340 inet n - n - - quota-status", "quota-status unix - - n - - quota-status", "auth unix - - n - 1 auth"], "services")
    equal(left(lines), ["plugin/sieve_crypt_key = <acl_anyone", "plugin/sieve_nonce = <acl_anyone", "service lmtp/inet_listener/ssl = yes",
                        "service lmtp/inet_listener/haproxy = yes", "service doveadm/inet_listener = 12345",
                        "passdb = passwd-file: username_format=%n holds for all databases here"], "what is left")
    for line in ("imap_acl_anyone_allow = yes", "pop3_uidl_format = %g", "auth_cache_time = 30s"):
        assert "main.cf: " + line in carried, (line, carried)
    status, lines, carried = check("listeners24", {"dovecot.conf": LISTENERS_24})
    equal([line for line in carried if "inet" in line], ["master.cf: 127.0.0.1:24 inet n - n - - lmtpd", "master.cf: [::1]:24 inet n - n - - lmtpd",
                                                         "master.cf: 127.0.0.1:imap inet n - n - - imap-login"], "addresses of 2.4")
    assert "main.cf: pop3_uidl_format = %08Xu%08Xv" in carried, carried


def test_a_name_without_its_domain():
    """A passwd-file's own form is for all databases here, and what the user is called: it goes over where nothing depends on the domain."""
    for number, (form, mail, extra, goes) in enumerate((("%n", "maildir:~/Maildir", "", True), ("%Ln", "maildir:/var/mail/%n", "auth_username_format = %Lu\n", True),
                                                        ("%n", "maildir:/var/mail/%d/%n", "", False), ("%n", "maildir:/var/mail/%u", "", False),
                                                        ("%n", "maildir:~/Maildir", "mail_home = /home/%{user}\n", False), ("%n", "maildir:~/Maildir", "auth_username_format = %u\n", False),
                                                        ("%d", "maildir:~/Maildir", "", False))):
        text = (f"protocols = imap\nmail_location = {mail}\n{extra}passdb {{\n  driver = passwd-file\n  args = username_format={form} /etc/dovecot/users\n}}\n"
                "userdb {\n  driver = static\n  args = uid=vmail home=/home/%n\n}\n")
        status, lines, carried = check(f"format{number}", {"dovecot.conf": text})
        equal(("main.cf: auth_username_format = %Ln" in carried, any("username_format=" in line for line in lines)), (goes, not goes), text)
