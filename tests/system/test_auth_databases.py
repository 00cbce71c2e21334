"""auth_passdb and auth_userdb: users in MariaDB, PostgreSQL and SQLite with the queries that guides write, fixed fields, and the
accounts of the system, by IMAP and for smtpd."""
import imaplib
import os
import pathlib
import socket
import sqlite3
import subprocess
import time

from support import Skip, auth_client, check, equal
from support.databases import MariaDb, Postgres
from support.imap import IMAP, ImapInstance
from support.room import ACCOUNTS, room
from support.table_place import dynamic_maps, need_plugin, plugins

SCHEMA = """
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255), maildir VARCHAR(255), quota BIGINT, active @ACTIVE@);
INSERT INTO mailbox VALUES ('bob@virt.test', '{PLAIN}secret', 'virt.test/bob/', 1000, '1');
INSERT INTO mailbox VALUES ('eve@virt.test', '{PLAIN}secret', 'virt.test/eve/', 1000, '0');
INSERT INTO mailbox VALUES ('o''brien@virt.test', '{PLAIN}secret', 'virt.test/brien/', 0, '1');
INSERT INTO mailbox VALUES ('null@virt.test', NULL, 'virt.test/null/', 0, '1');
INSERT INTO mailbox VALUES ('plain@virt.test', 'secret', 'virt.test/plain/', 0, '1');
"""
HOSTILE = ("x' OR '1'='1", "bob@virt.test' -- ", "x\\' OR 1=1 -- ", "'", "\\", "x'; DROP TABLE mailbox; --", "%u", "bob@virt.test\t", "k" * 900)


def is_let_in(mail, user, password="secret"):
    client = mail.connect()
    try:
        client.login('"%s"' % user.replace("\\", "\\\\").replace('"', '\\"'), password)
        return client.select()[0] == "OK"
    except imaplib.IMAP4.error as refused:
        check(any(code in str(refused) for code in ("AUTHENTICATIONFAILED", "UNAVAILABLE", "CONTACTADMIN")), refused)
        return False
    finally:
        client.shutdown()


def vmail_ids():
    return (ACCOUNTS["vmail"], ACCOUNTS["vmail"]) if room().private else (os.getuid(), os.getgid())


def homes():
    """A directory for the mail of this file's users, with some of theirs in it."""
    root, (uid, gid) = room().scratch / "homes", vmail_ids()
    for name in ("bob", "brien", "plain"):
        home = root / "virt.test" / name
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, uid, gid)
    return root


def instance(driver, connect, joined="'@ROOT@/' || maildir"):
    path, (uid, gid) = room().scratch / "dovecot-sql.conf.ext", vmail_ids()
    path.write_text(f"driver = {driver}\nconnect = {connect}\ndefault_pass_scheme = PLAIN\n"
                    "password_query = SELECT username AS user, password \\\n  FROM mailbox WHERE username = '%u' AND active = '1'\n"
                    f"user_query = SELECT {joined.replace('@ROOT@', str(homes()))} AS home, {uid} AS uid, {gid} AS gid, \\\n"
                    "  'maildir:~/Maildir' AS mail FROM mailbox WHERE username = '%u' AND active = '1'\n")
    path.chmod(0o600)
    need_plugin(driver)
    mail = ImapInstance(f"auth_passdb = sql:{path}\nauth_userdb = sql:{path}\nauth_failure_delay = 0s\nauth_username_format = %u\n")
    (mail.mta.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
    return mail


def the_usual_questions(mail):
    equal({user: is_let_in(mail, user) for user in ("bob@virt.test", "eve@virt.test", "o'brien@virt.test", "null@virt.test", "plain@virt.test", "nobody@virt.test")},
          {"bob@virt.test": True, "eve@virt.test": False, "o'brien@virt.test": True, "null@virt.test": False, "plain@virt.test": True, "nobody@virt.test": False},
          "who is let in")
    check(not is_let_in(mail, "bob@virt.test", "wrong") and not is_let_in(mail, "bob@virt.test", ""), "a wrong password")
    for user in HOSTILE:
        check(not is_let_in(mail, user), f"{user!r} was let in")
    check((homes() / "virt.test/bob/Maildir").is_dir(), "bob's mail is not where the user query says")
    check(is_let_in(mail, "bob@virt.test"), "the table is gone")


def test_sqlite():
    database = room().scratch / "users.db"
    with sqlite3.connect(database) as connection:
        connection.executescript(SCHEMA.replace("@ACTIVE@", "TINYINT"))
    database.chmod(0o644)
    mail = instance("sqlite", database)
    the_usual_questions(mail)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE mailbox SET password = '{PLAIN}changed' WHERE username = 'bob@virt.test'")
    check(not is_let_in(mail, "bob@virt.test") and is_let_in(mail, "bob@virt.test", "changed"), "a changed password counts at once")
    mail.stop()


def test_mariadb_and_what_is_believed_while_it_is_away():
    server = MariaDb(room().scratch / "mariadb")
    server.start()
    server.create(SCHEMA.replace("@ACTIVE@", "TINYINT"))
    mail = instance("mysql", f"host=127.0.0.1 port={server.port} dbname=mail user=mail password=secret", "CONCAT('@ROOT@/', maildir)")
    the_usual_questions(mail)
    server.freeze()
    begun = time.monotonic()
    bob = mail.connect()
    bob.sock.sendall(b'a LOGIN "bob@virt.test" secret\r\n')
    check(mail.connect().noop()[0] == "OK" and time.monotonic() - begun < 5, "a database that hangs holds up others")
    server.thaw()
    server.stop()
    check(is_let_in(mail, "plain@virt.test") is False, "the user query cannot be answered")
    mail.stop()


def test_postgres():
    server = Postgres(room().scratch / "postgres")
    server.start()
    server.create(SCHEMA.replace("@ACTIVE@", "BOOLEAN"))
    mail = instance("pgsql", f"host=127.0.0.1 port={server.port} dbname=mail user=postfix password=secret")
    the_usual_questions(mail)
    server.stop()
    mail.stop()


def test_fixed_fields_and_order():
    """The second database is asked where the first does not know the user or has another password."""
    mail = ImapInstance("auth_passdb = { passwd-file:$config_directory/users } { passwd-file:$config_directory/more }\nauth_failure_delay = 0s\n"
                        "auth_userdb = { static:uid=@UID@ gid=@GID@ home=@HOME@/%n }\n".replace("@HOME@", str(room().scratch / "none")).replace(
                            "@UID@", "vmail" if room().private else str(os.getuid())).replace("@GID@", "vmail" if room().private else str(os.getgid())))
    (mail.mta.conf / "more").write_text("bob:{PLAIN}other\ndave:{PLAIN}secret\nfrank:{PLAIN}secret::::::allow_nets=192.0.2.0/24\ngina:{PLAIN}secret::::::nologin\nhollow:{PLAIN}\n")
    mail.mta.run("postfix", "reload")
    client = mail.connect()
    try:
        client.login("bob", "other")
    except imaplib.IMAP4.error as refused:
        check(b"UNAVAILABLE" in str(refused).encode(), refused)  # the home directory is nowhere
    check(not is_let_in(mail, "frank") and not is_let_in(mail, "gina"), "not from here, and not at all")
    check(not is_let_in(mail, "hollow", ""), "an empty password")
    text = mail.mta.log_text()
    check("user=frank, reason=not allowed from this address" in text and "user=gina, reason=login is disabled" in text, text[-1500:])
    mail.stop()


def test_accounts_of_the_system():
    """shadow(5) itself, and PAM with its unix module, its modules that let in everybody and nobody, and a service that is not there."""
    if os.geteuid() != 0 or not room().private:
        raise Skip("shadow(5) is root's, and the accounts are the room's")
    folder = pathlib.Path("/etc/pam.d")  # of the room, as all of /etc
    folder.mkdir(exist_ok=True)
    for name, module in (("unix", "pam_unix"), ("everybody", "pam_permit"), ("nobody", "pam_deny"), ("other", "pam_deny")):
        (folder / name).write_text(f"auth required {module}.so{' nodelay' if name == 'unix' else ''}\naccount required {module}.so\n")
    hashed = subprocess.run(["openssl", "passwd", "-6", "secret"], capture_output=True, text=True, check=True).stdout.strip()
    shadow = pathlib.Path("/etc/shadow")
    shadow.write_text(f"root:*:1::::::\nalice:{hashed}:19000:0:99999:7:::\nbob:!{hashed}:19000:0:99999:7:::\n")
    shadow.chmod(0o600)
    alone = {"alice": True, "bob": False, "vmail": False, "nosuchuser": False}
    every = {"alice": True, "bob": True, "vmail": False, "nosuchuser": False}  # vmail has no home
    none = dict.fromkeys(alone, False)
    for database, wanted in (("shadow", alone), ("pam:unix", alone), ("pam:everybody", every), ("pam:nobody", none),
                             ("pam:nosuch", none), ("pam:nobody pam:unix", alone)):
        mail = ImapInstance(f"auth_passdb = {database}\nauth_userdb = passwd\nauth_failure_delay = 0s\nimap_minimum_uid = 1\nimap_minimum_gid = 1\n")
        equal({user: is_let_in(mail, user) for user in wanted}, wanted, f"who is let in by {database}")
        check(not is_let_in(mail, "alice", "wrong") or wanted is every, f"{database} took a wrong password")
        mail.stop()
    # Who sends no password is not let in by a database that looks at passwords by itself.
    mail = ImapInstance("auth_passdb = pam:everybody\nauth_userdb = passwd\nauth_mechanisms = plain, cram-md5\nauth_failure_delay = 0s\n"
                        "imap_minimum_uid = 1\nimap_minimum_gid = 1\n")
    client = mail.connect()
    try:
        client.login_cram_md5("alice", "anything")
        check(False, "PAM was asked about a password that nobody gave")
    except imaplib.IMAP4.error as refused:
        check(b"AUTHENTICATIONFAILED" in str(refused).encode(), refused)
    check(not is_let_in(mail, "alice", "") and is_let_in(mail, "alice"), "an empty password")
    mail.stop()


def test_what_cannot_be_used_is_told_at_the_start():
    for value, told in (("nosuch:x", "nosuch: unknown type of database"), ("sql:/nonexistent/file", "/nonexistent/file"),
                        ("passwd:x", "passwd takes no argument"), ("{ static:home=%y }", "home=%y: unknown variable")):
        mail = ImapInstance(f"auth_passdb = {value}\n")
        client = socket.create_connection((mail.address, IMAP))
        mail.mta.wait_log("fatal: auth_passdb: ")
        client.close()
        check(told in mail.mta.log_text(), mail.mta.log_text()[-1500:])
        mail.stop()


def test_mechanisms_that_send_no_password():
    """imaplib's CRAM-MD5, and mbsync with libsasl2 for SCRAM; with {PLAIN} and with what these mechanisms have stored."""
    mail = ImapInstance("auth_mechanisms = plain, cram-md5, scram-sha-1, scram-sha-256\nauth_failure_delay = 0s\n")
    uid, gid = mail.mta.vmail_ids()
    keys = {"alice": "{CRAM-MD5}cd3ba7deaad6e5ca23448ba42e379747a9e0f7f1fbc00c8a81bbaac395731b56",
            "carol": "{SCRAM-SHA-256}4096,dQffw/PFOrGIUyp4Y2IBPg==,55DmAZx8aWyA0ws8U/h5Sox0mOHwZcoSMSYzR+Jirvc=,NSt7v3wT8yiCsGa3z2C5S1YTlAuLmrZKNV8yCJMXDAE="}
    users = (mail.mta.conf / "users").read_text().splitlines()
    (mail.mta.conf / "users").write_text("".join(
        (line.replace("{PLAIN}secret", keys[line.split(":")[0]]) if line.split(":")[0] in keys else line) + "\n" for line in users))
    client = mail.connect()
    check({"AUTH=CRAM-MD5", "AUTH=SCRAM-SHA-256"} <= set(client.capabilities), client.capabilities)
    client.shutdown()
    for user, password, right in (("bob", "secret", True), ("alice", "secret", True), ("bob", "wrong", False), ("carol", "secret", False), ("nobody", "secret", False)):
        client = mail.connect()
        try:
            client.login_cram_md5(user, password)
            check(right, f"{user} was let in with {password}")
        except imaplib.IMAP4.error as refused:
            check(not right, f"{user}: {refused}")
        client.shutdown()
    for mechanism, user, password, right in (("SCRAM-SHA-256", "bob", "secret", True), ("SCRAM-SHA-1", "bob", "secret", True), ("SCRAM-SHA-256", "carol", "secret", True),
                                             ("SCRAM-SHA-256", "bob", "wrong", False), ("SCRAM-SHA-256", "nobody", "secret", False), ("SCRAM-SHA-256", "alice", "secret", False)):
        local = room().scratch / f"{mechanism}-{user}-{password}"
        local.mkdir()
        config = local / "rc"
        config.write_text(f"IMAPAccount a\nHost {mail.address}\nPort {IMAP}\nUser {user}\nPass {password}\nSSLType None\nAuthMechs {mechanism}\n\n"
                          f"IMAPStore far\nAccount a\n\nMaildirStore near\nInbox {local}/in\nPath {local}/\n\n"
                          "Channel c\nFar :far:\nNear :near:\nCreate Near\nSyncState *\n")
        done = subprocess.run(["mbsync", "-c", config, "c"], capture_output=True, text=True, timeout=30, env={**os.environ, "HOME": str(local)})
        equal(done.returncode == 0, right, f"{mechanism} {user} {password}: {done.stdout}{done.stderr}")
    mail.stop()


def test_who_is_listed():
    """Whoever a database of mail names, each once, and nobody of one that only says no."""
    mail = ImapInstance("auth_userdb = prefetch passwd-file:$config_directory/users passwd-file:$config_directory/users\n"
                        "auth_passdb = { deny=yes passwd-file:$config_directory/denied } passwd-file:$config_directory/users\n")
    (mail.mta.conf / "denied").write_text("mallory:\ncarol:\n")
    client = auth_client.of(mail.mta)
    client.say("LIST", 1)
    names = []
    while (answer := client.read())[0] == "LIST":
        names.append(answer[2])
    equal((answer[0], sorted(names)), ("DONE", ["alice", "bob", "carol"]), "who is listed")
    equal([client.login("PLAIN", f"\0{user}\0secret".encode())[0] for user in ("bob", "carol")], ["OK", "FAIL"], "who is let in")
    client.close()
    mail.stop()
