"""ldap: tables against a real directory with inetLocalMailRecipient entries, groups, aliases and
referrals; where Debian's plug-in can be had, Postfix's postmap must give the same answers and warnings."""
import os
import time

from support import Skip, bound, certificates, check, equal
from support.databases import Slapd, free_port
from support.room import room
from support.table_place import Place, need_plugin

BASE = "dc=example,dc=test"
PERSON = """
dn: uid={0},ou=people,dc=example,dc=test
objectClass: inetOrgPerson
objectClass: inetLocalMailRecipient
objectClass: extensibleObject
uid: {0}
cn: {0}
sn: {0}
"""
TREE = """dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=test
objectClass: organizationalUnit
ou: groups
""" + PERSON.format("alice") + """mail: alice@virt.test
mailLocalAddress: alice@virt.test
mailLocalAddress: a.l@virt.test
mailRoutingAddress: alice@mx.virt.test
mailHost: mx1.virt.test
description: two words
userPassword: wonderland
""" + PERSON.format("bob") + """mail: bob@virt.test
mail: robert@virt.test
mailLocalAddress: bob@virt.test
mailHost: mx2.virt.test
""" + PERSON.format("odd") + """mail: odd@virt.test
mailLocalAddress: o(d*d)@virt.test
mailLocalAddress: back\\slash@virt.test
mailRoutingAddress: odd@mx.virt.test
description: gr\u00fcn@virt.test
""" + PERSON.format("plain") + """mail: plain
mailLocalAddress: plain@virt.test

dn: cn=team,ou=groups,dc=example,dc=test
objectClass: groupOfNames
objectClass: extensibleObject
cn: team
mail: team@virt.test
member: uid=alice,ou=people,dc=example,dc=test
member: uid=bob,ou=people,dc=example,dc=test
member: uid=gone,ou=people,dc=example,dc=test

dn: cn=nested,ou=groups,dc=example,dc=test
objectClass: groupOfNames
objectClass: extensibleObject
cn: nested
mail: nested@virt.test
member: cn=team,ou=groups,dc=example,dc=test
member: uid=odd,ou=people,dc=example,dc=test

dn: cn=loop,ou=groups,dc=example,dc=test
objectClass: groupOfNames
cn: loop
member: cn=loop,ou=groups,dc=example,dc=test

dn: cn=links,ou=groups,dc=example,dc=test
objectClass: organizationalRole
objectClass: extensibleObject
cn: links
labeledURI: ldap:///ou=people,dc=example,dc=test?mail?one?(mailHost=*)
labeledURI: ldap:///uid=odd,ou=people,dc=example,dc=test?mailRoutingAddress?base
labeledURI: ldap:///uid=odd,ou=people,dc=example,dc=test?sn?base
labeledURI: ldap:///uid=odd,ou=people,dc=example,dc=test

dn: cn=owned,ou=groups,dc=example,dc=test
objectClass: groupOfNames
objectClass: extensibleObject
cn: owned
mail: terminal@virt.test
description: end@virt.test
member: uid=alice,ou=people,dc=example,dc=test

dn: cn=other,ou=groups,dc=example,dc=test
objectClass: alias
objectClass: extensibleObject
cn: other
aliasedObjectName: uid=alice,ou=people,dc=example,dc=test

dn: ou=elsewhere,dc=example,dc=test
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: ldap://127.0.0.1:@OTHER@/dc=other,dc=test
"""
BY_ADDRESS = "query_filter = (&(objectClass=inetLocalMailRecipient)(mailLocalAddress=%s))"
BY_NAME = f"search_base = ou=groups,{BASE}\nquery_filter = (cn=%u)"
TABLES = {
    "route": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress",
    "host": f"{BY_ADDRESS}\nresult_attribute = mailHost\nresult_format = smtp:[%s]",
    "both": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress, mailHost",
    "parts": "query_filter = (uid=%u)\nresult_attribute = mail\nresult_format = %u %d %s %U %D %S %1 %%",
    "older": "query_filter = (uid=%u)\nresult_attribute = mail\nresult_filter = <%s>",
    "listed": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\ndomain = other.test, virt.test",
    "unlisted": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\ndomain = other.test",
    "entry": f"search_base = uid=%u,ou=people,{BASE}\nscope = base\nquery_filter = (objectClass=*)\nresult_attribute = mail",
    "one": "scope = one\nquery_filter = (uid=%u)\nresult_attribute = mail",
    "peers": f"search_base = ou=people,{BASE}\nscope = one\nquery_filter = (uid=%u)\nresult_attribute = mail",
    "team": f"{BY_NAME}\nresult_attribute = mail\nspecial_result_attribute = member",
    "leaves": f"{BY_NAME}\nresult_attribute =\nleaf_result_attribute = mail\nspecial_result_attribute = member",
    "ends": f"{BY_NAME}\nresult_attribute = mail\nterminal_result_attribute = description\nspecial_result_attribute = member",
    "links": f"{BY_NAME}\nresult_attribute = mail, mailRoutingAddress\nspecial_result_attribute = labeledURI",
    "recursion": f"{BY_NAME}\nresult_attribute = mail\nspecial_result_attribute = member\nrecursion_limit = 2",
    "expansion": f"{BY_NAME}\nresult_attribute = mail\nspecial_result_attribute = member\nexpansion_limit = 2",
    "size": "query_filter = (|(uid=%u)(mailHost=*))\nresult_attribute = mail\nsize_limit = 1",
    "default": "result_attribute = mail",
    "fixed": "query_filter = (uid=alice)\nresult_attribute = mail",
    "version2": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\nversion = 2",
    "version4": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\nversion = 4",
    "unbound": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\nbind = none",
    "bound": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\nbind_dn = uid=alice,ou=people,{BASE}\nbind_pw = wonderland",
    "refused": f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\nbind_dn = uid=alice,ou=people,{BASE}\nbind_pw = wrong",
    "nobase": f"search_base = dc=nosuch,{BASE}\nquery_filter = (uid=%u)\nresult_attribute = mail",
    "badfilter": "query_filter = (uid=%u\nresult_attribute = mail",
    "alias": f"{BY_NAME}\nresult_attribute = mail",
    "dereferenced": f"search_base = ou=groups,{BASE}\nquery_filter = (uid=alice)\nresult_attribute = mail\ndereference = 3",
    "referred": "query_filter = (uid=%u)\nresult_attribute = mail\nchase_referrals = yes",
    "referred2": "query_filter = (uid=%u)\nresult_attribute = mail\nchase_referrals = yes\nversion = 2",
    "away": f"search_base = ou=elsewhere,{BASE}\nquery_filter = (uid=%u)\nresult_attribute = mail",
    "away2": f"search_base = ou=elsewhere,{BASE}\nquery_filter = (uid=%u)\nresult_attribute = mail\nversion = 2",
    "oddities": "query_filter = (uid=%u)\nresult_attribute = mail\nscope = everything\ncache = yes\ndereference = 7",
}
KEYS = ("alice@virt.test", "ALICE@virt.test", "a.l@virt.test", "bob@virt.test", "none@virt.test", "plain@virt.test", "alice",
        "odd@virt.test", "o(d*d)@virt.test", "back\\slash@virt.test", "team", "team@virt.test", "nested@virt.test", "links", "owned",
        "@virt.test", "alice@", "carol@other.test", "other")
HOSTILE = ("*", "*@virt.test", "alice)(objectClass=*", "*)(uid=*))(|(uid=*", "\\2a", "\\", "a\\", "(", ")", "&", "|(uid=*)", "uid=alice",
           "alice,ou=people", "alice+sn=alice", "\"alice\"", " alice", "alice ", "#alice", "<alice>", ";", "=", "gr\u00fcn@virt.test",
           "x" * 3000, "a\tb", "%s", "%u@%d")
_cache = {}


def directory():
    """The directory with the tree, and a second one that the first refers to."""
    if "place" not in _cache:
        need_plugin("ldap")
        try:
            _cache["place"] = served()
        except (Skip, AssertionError) as trouble:
            _cache["place"] = trouble
    if isinstance(_cache["place"], Exception):
        raise _cache["place"]
    return _cache["place"]


def served():
    other = Slapd(room().scratch / "other", suffix="dc=other,dc=test").start()
    other.create("dn: dc=other,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Other\ndc: other\n" +
                 PERSON.format("carol").replace("ou=people,dc=example", "dc=other") + "mail: carol@other.test\n")
    server = Slapd(room().scratch / "slapd", tls=certificates.directory()).start()
    server.create(TREE.replace("@OTHER@", str(other.port)))
    place = Place("ldap", f"server_host = 127.0.0.1\nserver_port = {server.port}\nsearch_base = {BASE}", TABLES)
    place.server = server
    return place


def test_answers():
    p = directory()
    equal(p.found("route", *KEYS), ["alice@mx.virt.test"] * 3 + ["odd@mx.virt.test"] * 2, "route")
    equal(p.found("host", "bob@virt.test"), ["smtp:[mx2.virt.test]"], "result_format")
    equal(p.found("team", "nested"), ["nested@virt.test,team@virt.test,alice@virt.test,bob@virt.test,robert@virt.test,odd@virt.test"],
          "members of members")
    equal(p.found("leaves", "nested"), ["alice@virt.test,bob@virt.test,robert@virt.test,odd@virt.test"], "leaves")
    equal(p.found("ends", "owned", "team"), ["end@virt.test", "team@virt.test,two words,bob@virt.test,robert@virt.test"], "terminal")
    equal(p.found("entry", "alice", "alice,ou=people", "none"), ["alice@virt.test"], "a base that depends on the key")
    equal(p.found("dereferenced", "x"), ["alice@virt.test"], "an alias in the tree")
    equal(p.found("referred", "carol", "alice"), ["carol@other.test", "alice@virt.test"], "referrals")


def test_hostile_keys():
    p = directory()
    for name in ("route", "host", "parts", "entry", "peers", "team"):
        # Blanks at the ends of a name do not count in a directory.
        equal(p.found(name, *(key for key in HOSTILE if key.strip() == key)), [], name)
    equal(p.found("route", "alice@virt.test"), ["alice@mx.virt.test"], "the directory still answers")


@bound(120)
def test_like_postfix():
    directory().tables_like_postfix(KEYS + HOSTILE)


# -- connections ---------------------------------------------------------------------------------


def ask_at(where, more="", *keys):
    """The route of alice, from the servers that `where` says."""
    p = directory()
    table = p.table("at", f"{BY_ADDRESS}\nresult_attribute = mailRoutingAddress\n{more}", f"{where}\nsearch_base = {BASE}")
    keys = keys or ("alice@virt.test", "a.l@virt.test")
    if p.theirs:
        p.like_postfix(table, keys)
    return p.ask(table, *keys)


def test_lists_of_servers():
    live, dead, tls = directory().server.port, free_port(), directory().server.tls_port
    for where in (f"server_host = ldap://127.0.0.1:{dead} ldap://127.0.0.1:{live}", f"server_host = 127.0.0.1:{dead}, 127.0.0.1:{live}",
                  f"server_host = localhost\nserver_port = {live}", f"server_host = {directory().server.local}",
                  f"server_host = ldaps://127.0.0.1:{tls}"):
        status, output, errors = ask_at(where)
        equal((status, output.count("alice@mx.virt.test")), (0, 2), f"{where}: {errors}")
    status, _, errors = ask_at(f"server_host = ldap://127.0.0.1:{dead}")
    check(status == 1 and f"dict_ldap_connect: Unable to bind to server ldap://127.0.0.1:{dead} with dn empty or implicit: -1 "
          "(Can't contact LDAP server)" in errors, f"no server: {errors}")


def test_tls():
    server, ca = directory().server, certificates.directory() / "ca.pem"
    plain, wrapped = f"server_host = ldap://localhost:{server.port}", f"server_host = ldaps://localhost:{server.tls_port}"
    strict = f"tls_require_cert = yes\ntls_ca_cert_file = {ca}"
    for where, more, wanted in ((plain, "start_tls = yes", 0), (plain, f"start_tls = yes\n{strict}", 1), (wrapped, strict, 1),
                                (wrapped, f"tls_ca_cert_file = {ca}", 0), (plain, "start_tls = yes\ntls_ca_cert_file = /nosuch", 1)):
        status, output, errors = ask_at(where, more)
        equal((status, bool(output)), (wanted, not wanted), f"{where} {more}: {errors}")
    # The certificate is for a name that leads elsewhere, unless the machine's own file of names says it.
    if room().private:
        with open("/etc/hosts", "a") as hosts:
            hosts.write("127.0.0.1 ldap.wild.test\n")
        named = plain.replace("localhost", "ldap.wild.test")
        status, output, errors = ask_at(named, f"start_tls = yes\n{strict}")
        equal((status, bool(output)), (0, True), f"verified: {errors}")
        status, output, errors = ask_at(named, "start_tls = yes\ntls_require_cert = yes\ntls_ca_cert_file = /etc/passwd")
        equal((status, output), (1, ""), f"no authority: {errors}")


def test_sasl_by_the_identity_of_the_process():
    status, output, errors = ask_at(f"server_host = {directory().server.local}", "bind = sasl\nsasl_mechs = EXTERNAL")
    equal((status, bool(output)), (0, True), errors)
    status, output, errors = ask_at(f"server_host = {directory().server.local}", "bind = sasl\nsasl_mechs = NOSUCH")
    equal((status, output), (1, ""), errors)


def test_a_server_that_is_stuck():
    p = directory()
    p.server.freeze()
    try:
        begun = time.monotonic()
        status, output, errors = ask_at(f"server_host = 127.0.0.1:{p.server.port}", "timeout = 1")
        check(status == 1 and not output and "Timed out" in errors, f"{status} {output} {errors}")
        check(time.monotonic() - begun < 20, "the limit of time is not held")
    finally:
        p.server.thaw()
    equal(p.found("route", "alice@virt.test"), ["alice@mx.virt.test"], "after that")


def test_settings_in_main_cf_and_messages():
    p = directory()
    main = p.ours / "main.cf"
    main.write_text(main.read_text() + f"people = ou=people,{BASE}\ntree_search_base = $people\ntree_server_host = 127.0.0.1\n"
                    f"tree_server_port = {p.server.port}\ntree_query_filter = (uid=%u)\ntree_result_attribute = mail\n")
    equal(p.ask("ldap:tree", "alice@virt.test")[1], "alice@virt.test\talice@virt.test\n", "ldap:name")
    for more, wanted in (("query_filter = (uid=%x)", "Invalid query template: (uid=%x)"), ("bind = maybe", "unsupported parameter value: bind = maybe"),
                         ("query_filter = (uid=%s)\nresult_format = %z", "Invalid result template: %z"),
                         ("query_filter = (uid=%s)\ntimeout = soon", "bad numerical configuration: timeout = soon"),
                         ("query_filter = (uid=%s)\nchase_referrals = perhaps", "bad boolean configuration: chase_referrals = perhaps")):
        status, _, errors = p.ask(p.table("wrong", more), "x")
        check(status == 1 and wanted in errors and "fatal" in errors, f"{more}: {errors}")
