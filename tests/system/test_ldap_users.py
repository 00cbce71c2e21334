"""Users in a directory that is slow, gone, comes back, wants TLS, or whose configuration makes no sense."""
import socket
import time

from support import auth_client, bound, certificates, check, equal
from support.databases import Slapd, free_port
from support.imap import IMAP, ImapInstance
from support.room import room
from support.table_place import dynamic_maps, need_plugin, plugins

BASE = "dc=example,dc=test"
TREE = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: uid=dora,{BASE}
objectClass: inetOrgPerson
objectClass: extensibleObject
uid: dora
cn: dora
sn: dora
userPassword: secret

"""


def conf(server, more=""):
    return f"{server}\nbase = {BASE}\npass_filter = (uid=%u)\nuser_filter = (uid=%u)\nuser_attrs = =home=/nonexistent/%{{ldap:uid}}\n{more}"


def instance(text, main=""):
    need_plugin("ldap")
    path = room().scratch / "dovecot-ldap.conf.ext"
    path.write_text(text)
    path.chmod(0o600)
    mail = ImapInstance(f"auth_passdb = passwd-file:$config_directory/users ldap:{path}\nauth_failure_delay = 0s\n" + main)
    (mail.mta.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
    return mail


def said(client, user, password="secret"):
    return client.login("PLAIN", f"\0{user}\0{password}".encode())


@bound(120)
def test_a_directory_that_hangs_dies_and_comes_back():
    slapd = Slapd(room().scratch / "slapd").start().create(TREE)
    mail = instance(conf(f"hosts = 127.0.0.1:{slapd.port}", "auth_bind = yes\n"), "auth_cache_time = 0\n")
    client = auth_client.of(mail.mta)
    equal(said(client, "dora")[0], "OK", "with the directory")
    equal(said(client, "dora", "wrong")[0], "FAIL", "a wrong password")
    equal(said(client, "dora", "")[0], "FAIL", "no password: a directory takes that for a bind of nobody's")
    slapd.freeze()
    others = [auth_client.of(mail.mta) for _ in range(12)]  # more than there are workers
    for other in others:
        other.say("AUTH", 1, "PLAIN", "service=imap", "nologin", "resp=AGRvcmEAc2VjcmV0")
    begun = time.monotonic()
    equal(said(client, "bob")[0], "OK", "a user of another database")
    check(time.monotonic() - begun < 3, "a directory that hangs holds up others")
    words = others[0].read()
    check(words[0] == "FAIL" and "temp" in words, words)
    slapd.thaw()
    equal(said(client, "dora")[0], "OK", "after the directory has hung")
    slapd.stop()
    word, fields = said(client, "dora")
    check(word == "FAIL" and "temp" in fields, fields)
    slapd.start()
    equal(said(client, "dora")[0], "OK", "after the directory was away")
    slapd.stop()
    client.close()
    mail.stop()


@bound(60)
def test_what_was_right_is_believed_while_the_directory_is_away():
    slapd = Slapd(room().scratch / "slapd2").start().create(TREE)
    mail = instance(conf(f"uris = ldap://127.0.0.1:{free_port()} ldap://127.0.0.1:{slapd.port}", "auth_bind = yes\nauth_bind_userdn = uid=%u," + BASE + "\n"))
    client = auth_client.of(mail.mta)
    equal(said(client, "dora")[0], "OK", "the second server of two")
    slapd.stop()
    equal(said(client, "dora")[0], "OK", "what was right before")
    check("temp" in said(client, "dora", "other")[1], "another password was not looked at")
    client.close()
    mail.stop()


@bound(60)
def test_tls():
    slapd = Slapd(room().scratch / "slapd3", tls=certificates.directory()).start().create(TREE)
    for server, good in ((f"uris = ldaps://localhost:{slapd.tls_port}\ntls_require_cert = never", True),
                         (f"hosts = localhost:{slapd.port}\ntls = yes\ntls_require_cert = never", True),
                         (f"hosts = localhost:{slapd.port}\ntls = yes\ntls_ca_cert_file = {certificates.directory()}/ca.pem\ntls_require_cert = demand", None),
                         (f"hosts = localhost:{slapd.port}\ntls = yes\ntls_ca_cert_file = {certificates.directory()}/mx.pem\ntls_require_cert = hard", False)):
        mail = instance(conf(server, "auth_bind = yes\n"))
        client = auth_client.of(mail.mta)
        word, fields = said(client, "dora")
        check(good is None or (word == "OK") == good, (server, fields))
        client.close()
        mail.stop()
    slapd.stop()


@bound(60)
def test_what_cannot_be_used_is_told_at_the_start():
    for text, told in ((conf("hosts = x", "nosuch = 1"), "unknown setting nosuch"), (f"base = {BASE}\n", "neither uris nor hosts is set"),
                       ("hosts = x\n", "base is not set"), (conf("hosts = x", "scope = tree"), "scope = tree: known are subtree base onelevel"),
                       (conf("hosts = x", "auth_bind = maybe"), "auth_bind = maybe"), (conf("hosts = x", "user_attrs = a=b, c=@d"), "other entries"),
                       (conf("hosts = x", "pass_filter = (uid=%y)"), "pass_filter: unknown variable %y"),
                       (conf("hosts = x", "pass_attrs = =a=%{nosuch}"), "unknown variable nosuch")):
        mail = instance(text)
        client = socket.create_connection((mail.address, IMAP))
        mail.mta.wait_log("fatal: auth_passdb: ")
        client.close()
        check(told in mail.mta.log_text(), f"{told}: {mail.mta.log_text()[-1500:]}")
        mail.stop()
