"""Who may log in by a directory, and what is known of him: one dovecot-ldap.conf.ext, read by Dovecot 2.3 and by ours."""
import base64
import contextlib
import hashlib
import os

from support import auth_client, bound, check, equal, oracle, Skip
from support.databases import Slapd
from support.dovecot import Dovecot
from support.imap import IMAP, ImapInstance
from support.login_attempts import outcomes
from support.room import ACCOUNTS, room
from support.table_place import dynamic_maps, need_plugin, plugins

with contextlib.suppress(Skip):  # before the room is there
    oracle.tree("dovecot-ldap")

BASE = "dc=example,dc=test"
ROOM = """dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=others,dc=example,dc=test
objectClass: organizationalUnit
ou: others
"""


def entry(uid, password, where="people", more=""):
    name = f"uid={uid},ou={where},{BASE}"
    safe = f"uid:: {base64.b64encode(uid.encode()).decode()}"
    lines = [f"dn: {name}", "objectClass: inetOrgPerson", "objectClass: posixAccount", safe, "cn: x", "sn: Sn of x", "uidNumber: 8001",
             "gidNumber: 8002", f"homeDirectory: /home/{uid}"]
    if password is not None:
        lines.append(f"userPassword: {password}")
    return "\n".join([*lines, more]).rstrip() + "\n\n"


def tree():
    ssha = "{SSHA}" + base64.b64encode(hashlib.sha1(b"secretSALT").digest() + b"SALT").decode()
    return (ROOM + "\n" + entry("clear", "secret") + entry("plain", "{PLAIN}secret") + entry("ssha", ssha) + entry("nopassword", None)
            + entry("twice", "secret") + entry("twice", "secret", "others")
            + entry("several", "secret", more="mail: one@virt.test\nmail: two@virt.test\ndescription: 100\ndescription: 200")
            + entry("o(b*r", "secret") + entry("with space", "secret")
            + entry("renamed", "secret", more="mail: Other@virt.test\ndescription: only here"))


USERS = ("clear", "plain", "ssha", "nopassword", "twice", "several", "o(b*r", "with space", "renamed", "nobody", "*", "cl*", "clear)(uid=*", "CLEAR")
ATTRS = ("homeDirectory=home,uidNumber=uid,gidNumber=gid",
         "=home=/srv/%{ldap:uid}/%n, =uid=%{ldap:uidNumber}, gidNumber=gid, =quota_rule=*:bytes=%{ldap:description:17}, =gone=%{ldap:nosuch}",
         "homeDirectory=home=/x%$/y, uidNumber=uid,gidNumber=gid,description=quota_rule=*:storage=%$,sn=title, mail",
         "!description, =all=%{ldap:description}, =dn=%{ldap_dn}, homeDirectory=home, uidNumber=uid,gidNumber=gid, mail=first, =u=%u %Ln %{user}",
         "homeDirectory=home,uidNumber=uid,gidNumber=gid,=cut=%5{ldap:homeDirectory},=upper=%U{ldap:uid},=last=%-4.4{ldap:uid},mail=upper")
DOVECOT_USERS = "passdb {{\n  driver = ldap\n  args = {root}/ldap.conf\n}}\nuserdb {{\n  driver = ldap\n  args = {root}/ldap.conf\n}}\n"


class PosixSlapd(Slapd):
    schemas = (*Slapd.schemas, "nis")


class Pair:
    """Both servers over one directory; `conf` is what each configuration has of its own."""

    def __init__(self, name):
        need_plugin("ldap")
        self.slapd = PosixSlapd(room().scratch / name).start().create(tree())

    def compare(self, conf, look):
        text = f"uris = ldap://127.0.0.1:{self.slapd.port}\nbase = ou=people,{BASE}\ndn = cn=admin,{BASE}\ndnpass = secret\n" + conf
        path = room().scratch / "dovecot-ldap.conf.ext"
        path.write_text(text)
        path.chmod(0o644)
        mail = ImapInstance(f"auth_passdb = ldap:{path}\nauth_userdb = ldap:{path}\nauth_failure_delay = 0s\n")
        (mail.mta.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
        dovecot = Dovecot(mail, complaints=False, more="auth_username_chars =\n", ldap=True, users=DOVECOT_USERS)
        (dovecot.root / "ldap.conf").write_text(text)
        try:
            return look(mail, dovecot)
        finally:
            dovecot.stop()
            mail.stop()


def by_login(mail, dovecot):
    """What is said to each of the users with passwords that are right, wrong and empty."""
    (dovecot.root / "ldap.conf").chmod(0o644)
    return outcomes(mail, IMAP, USERS), outcomes(mail, dovecot.port, USERS)


def in_our_words(text):
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


def by_user(mail, dovecot):
    ours, theirs, client = {}, {}, auth_client.of(mail.mta)
    for user in ("clear", "several", "renamed", "with space", "nobody", "twice"):
        answer = client.user(user)
        ours[user] = {k: v for k, v in answer.items() if k not in ("version", "files", "mail")} if isinstance(answer, dict) else "none"
        shown = dovecot.run("doveadm", "user", user)
        theirs[user] = {k: v for k, v in in_our_words(shown.stdout).items() if k not in ("field", "mail")} if shown.returncode == 0 else "none"
    client.close()
    return ours, theirs


def different(ours, theirs):
    return [(key, ours[key], theirs[key]) for key in theirs if ours[key] != theirs[key]]


@bound(170)
def test_logins_by_a_directory():
    pair = Pair("logins")
    uid, gid = ACCOUNTS["vmail"], ACCOUNTS["vmail"]
    attrs = f"user_attrs = =home={room().scratch}/mail/%{{ldap:uidNumber}}, =uid={uid}, =gid={gid}\n"
    (room().scratch / "mail").mkdir()
    os.chown(room().scratch / "mail", uid, gid)
    configurations = {
        "lookup": "default_pass_scheme = PLAIN\npass_filter = (uid=%u)\npass_attrs = uid=user,userPassword=password\n",
        "lookup, crypt by default": "pass_filter = (&(objectClass=posixAccount)(uid=%u))\n",
        "no password is told": "pass_attrs = uid=user\n",
        "bind": "auth_bind = yes\n",
        "bind by name": f"auth_bind = yes\nauth_bind_userdn = uid=%u,ou=people,{BASE}\n",
        "scope": "auth_bind = yes\nscope = base\n",
        "wide": f"auth_bind = yes\nbase = {BASE}\n",
        "own password is wrong": "dnpass = wrong\nauth_bind = yes\n",
    }
    for name, conf in configurations.items():
        ours, theirs = pair.compare(conf + attrs, by_login)
        equal(different(ours, theirs), [], f"{name}: (user and password, ours, Dovecot's)")
    pair.slapd.stop()


@bound(170)
def test_what_is_known_of_users():
    pair = Pair("users")
    for attrs in ATTRS:
        ours, theirs = pair.compare(f"user_attrs = {attrs}\n", by_user)
        equal(different(ours, theirs), [], f"{attrs}: (user, ours, Dovecot's)")
    check(ours["clear"] != "none", ours)
    pair.slapd.stop()
