"""sqlite:, mysql: and pgsql: tables against real servers, with PostfixAdmin's schema and the queries that
its users write; where Debian's plug-ins can be had, the same keys are looked up by Postfix's postmap, and
the answers must be equal."""
import sqlite3
import time

from support import Skip, bound, certificates, check, equal, need_suite
from support.databases import MariaDb, Postgres, free_port
from support.instance import Instance
from support.room import room
from support.table_place import Place, dynamic_maps, need_plugin, plugins

# `active` is a small integer in MariaDB and SQLite, and a boolean in PostgreSQL.
SCHEMA = """
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, transport VARCHAR(255), active @ACTIVE@);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, maildir VARCHAR(255), quota BIGINT, active @ACTIVE@);
CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT, active @ACTIVE@);
INSERT INTO domain VALUES ('virt.test', 'virtual', '1');
INSERT INTO domain VALUES ('off.test', 'virtual', '0');
INSERT INTO mailbox VALUES ('u1@virt.test', 'u1/', 1000, '1');
INSERT INTO alias VALUES ('info@virt.test', 'u1@virt.test', '1');
INSERT INTO alias VALUES ('two@virt.test', 'u1@virt.test,u2@virt.test', '1');
INSERT INTO alias VALUES ('off@virt.test', 'u1@virt.test', '0');
INSERT INTO alias VALUES ('o''brien@virt.test', 'quoted@virt.test', '1');
INSERT INTO alias VALUES ('empty@virt.test', '', '1');
INSERT INTO alias VALUES ('null@virt.test', NULL, '1');
INSERT INTO alias VALUES ('gr\u00fcn@virt.test', 'utf8@virt.test', '1');
"""
QUERIES = {
    "alias": "query = SELECT goto FROM alias WHERE address='%s' AND active = '1'",
    "domain": "query = SELECT domain FROM domain WHERE domain='%s' AND active = '1'",
    "mailbox": "query = SELECT maildir FROM mailbox WHERE username='%s' AND active = '1'",
    "parts": "query = SELECT goto FROM alias WHERE address='%u@%d' AND active = '1'",
    "labels": "query = SELECT '%2.%1' FROM domain WHERE domain='virt.test'",
    "format": "query = SELECT goto FROM alias WHERE address='%s' AND active = '1'\n"
              "result_format = [%s %u %d %S %U %D %1 %%]",
    "legacy": "table = alias\nselect_field = goto\nwhere_field = address\nadditional_conditions = AND active = '1'",
    "all": "query = SELECT username FROM mailbox WHERE '%s' <> ''",
    "limit": "query = SELECT address FROM alias WHERE active = '1' AND '%s' <> ''\nexpansion_limit = 2",
    "listed": "query = SELECT goto FROM alias WHERE address='%s'\ndomain = other.test, virt.test",
    "two": "query = SELECT goto FROM alias WHERE address='%s'; SELECT 'second'",
    "wrong": "query = SELEC nothing",
    "missing": "query = SELECT goto FROM nosuch WHERE address='%s'",
    "nulls": "query = SELECT NULL, '%s'",
    "unlisted": "query = SELECT goto FROM alias WHERE address='%s'\ndomain = other.test",
}
KEYS = ("info@virt.test", "INFO@Virt.Test", "two@virt.test", "off@virt.test", "none@virt.test", "empty@virt.test",
        "null@virt.test", "virt.test", "off.test", "u1@virt.test", "@virt.test", "info", "info@",
        "gr\u00fcn@virt.test", "GR\u00dcN@virt.test", "a@b@virt.test", "x@.test", "x@virt..test")
HOSTILE = ("o'brien@virt.test", "x' OR '1'='1", "x' OR 1=1 -- ", "x\\' OR 1=1 -- ", "\\", "'", "x\\", "''", "\"", "`", ";",
           "x'; DROP TABLE alias; --@virt.test", "%s", "%d@virt.test", "$name", "*", "x' UNION SELECT 'y", "x/**/",
           "\u2019 OR 1=1", "a\tb", "x'@virt.test' OR 'a'='a", "\\'; SELECT 1 -- @virt.test", "k" * 3000)
_cache = {}


def sqlite_place():
    if "sqlite" not in _cache:
        path = room().scratch / "mail.db"
        with sqlite3.connect(path) as database:
            database.executescript(SCHEMA.replace("@ACTIVE@", "TINYINT"))
        _cache["sqlite"] = Place("sqlite", f"dbpath = {path}", QUERIES)
    return _cache["sqlite"]


def server_place(kind):
    if kind not in _cache:
        need_plugin(kind)
        try:
            _cache[kind] = served(kind)
        except (Skip, AssertionError) as trouble:
            _cache[kind] = trouble
    if isinstance(_cache[kind], Exception):
        raise _cache[kind]
    return _cache[kind]


def served(kind):
    server = {"mysql": MariaDb, "pgsql": Postgres}[kind](room().scratch / f"{kind}-server", certificates.directory())
    server.start().create(SCHEMA.replace("@ACTIVE@", {"mysql": "TINYINT", "pgsql": "BOOLEAN"}[kind]))
    place = Place(kind, f"hosts = inet:127.0.0.1:{server.port}\nuser = postfix\npassword = secret\ndbname = mail", QUERIES)
    place.server = server
    return place


def place_of(kind):
    return sqlite_place() if kind == "sqlite" else server_place(kind)


# -- answers ------------------------------------------------------------------------------------


def answers(kind):
    p = place_of(kind)
    equal(p.found("alias", *KEYS), ["u1@virt.test", "u1@virt.test", "u1@virt.test,u2@virt.test",
                                   "utf8@virt.test", "utf8@virt.test"], "alias")
    equal(p.found("domain", *KEYS), ["virt.test"], "domain")
    equal(p.found("mailbox", *KEYS), ["u1/"], "mailbox")
    equal(p.found("parts", "info@virt.test", "info", "@virt.test", "info@"), ["u1@virt.test"], "parts of the key")
    equal(p.found("labels", "x@a.b.c", "x@b", "x"), ["b.c"], "labels")
    equal(p.found("format", "info@virt.test"),
          ["[u1@virt.test u1 virt.test info@virt.test info virt.test test %]"], "result_format")
    equal(p.found("legacy", "info@virt.test", "off@virt.test"), ["u1@virt.test"], "built query")
    equal(p.found("listed", "info@virt.test", "info"), ["u1@virt.test"], "domain list")
    equal(p.found("unlisted", "info@virt.test"), [], "other domain list")
    status, _, errors = p.ask(p.named("limit"), "x")
    check(status == 1 and "Expansion limit exceeded for key" in errors, f"expansion_limit: {status} {errors}")


def hostile(kind):
    p = place_of(kind)
    equal(p.found("alias", *HOSTILE), ["quoted@virt.test"], "only the key that is there is found")
    equal(p.found("parts", *HOSTILE), ["quoted@virt.test"], "in parts")
    equal(p.found("all", *HOSTILE), ["u1@virt.test"] * len(HOSTILE), "no key breaks the query")
    equal(p.found("alias", "info@virt.test"), ["u1@virt.test"], "the table is still there")


def like_postfix(kind):
    keys = KEYS + HOSTILE
    if kind == "pgsql":  # 3.7 speaks LATIN1 to the server, later ones and ours UTF-8
        keys = tuple(k for k in keys if k.isascii())
    # For a query that is none, Postfix's processes end where the database is SQLite; with ours, mail waits.
    place_of(kind).tables_like_postfix(keys, without=("wrong", "missing") if kind == "sqlite" else ())


def test_sqlite():
    answers("sqlite")


def test_sqlite_with_hostile_keys():
    hostile("sqlite")


def test_sqlite_like_postfix():
    like_postfix("sqlite")


@bound(120)
def test_mysql():
    answers("mysql")


@bound(120)
def test_mysql_with_hostile_keys():
    hostile("mysql")


@bound(120)
def test_mysql_like_postfix():
    like_postfix("mysql")


@bound(120)
def test_pgsql():
    answers("pgsql")


@bound(120)
def test_pgsql_with_hostile_keys():
    hostile("pgsql")


@bound(120)
def test_pgsql_like_postfix():
    like_postfix("pgsql")


def test_settings_in_main_cf_and_messages():
    p = sqlite_place()
    main = p.ours / "main.cf"
    main.write_text(main.read_text() + f"base = {room().scratch}\nlite_dbpath = $base/mail.db\n"
                    "lite_query = SELECT goto FROM alias WHERE address='%s'\nbad_dbpath = /x\nbad_query = %x\n")
    equal(p.ask("sqlite:lite", "info@virt.test")[1], "info@virt.test\tu1@virt.test\n", "sqlite:name")
    for table, wanted in (("sqlite:none", "bad string length 0 < 1: none_dbpath = "),
                          ("sqlite:bad", "db_common_parse: bad: Invalid query template: %x"),
                          ("sqlite:/none.cf", "open /none.cf: No such file or directory"),
                          ("nosuch:x", "unsupported dictionary type: nosuch")):
        equal(p.ask(table, "x")[2], f"postmap: fatal: {wanted}\n", table)
    wrong = p.table("wrong", "query = SELEC nothing")
    status, output, errors = p.ask(wrong, "x")
    check(status == 1 and "syntax error" in errors and not output, f"a query that is none: {status} {errors}")


# -- servers in trouble -------------------------------------------------------------------------


@bound(120)
def test_the_next_server_is_asked():
    for kind in ("mysql", "pgsql"):
        p = server_place(kind)
        live, dead = p.server.port, free_port()
        for order in (f"127.0.0.1:{dead} 127.0.0.1:{live}", f"inet:127.0.0.1:{live}, inet:127.0.0.1:{dead}"):
            table = p.table("order", QUERIES["alias"], f"hosts = {order}\nuser = postfix\ndbname = mail")
            status, output, errors = p.ask(table, "info@virt.test", "none@virt.test", "two@virt.test")
            equal((status, output.count("\n")), (0, 2), f"{kind} {order}: {errors}")
        table = p.table("order", QUERIES["alias"], f"hosts = 127.0.0.1:{dead}\nuser = postfix\ndbname = mail")
        status, output, errors = p.ask(table, "info@virt.test")
        check(status == 1 and f"connect to {kind} server 127.0.0.1:{dead}: " in errors and "query error" in errors,
              f"{kind}, no server: {status} {errors}")
        p.like_postfix(table, ("info@virt.test",))
    url = f"postgresql://me:secret@127.0.0.1:{dead}/mail"
    errors = p.ask(p.table("order", QUERIES["alias"], f"hosts = {url}\ndbname = mail"), "x")[2]
    check(f"connect to pgsql server postgresql://me@127.0.0.1:{dead}/mail: " in errors and "secret" not in errors, errors)


@bound(120)
def test_tls():
    if not room().private:
        raise Skip("the certificate's name is nowhere in the file of names")
    with open("/etc/hosts", "a") as hosts:
        hosts.write("127.0.0.1 sql.wild.test\n")
    ca = certificates.directory() / "ca.pem"
    mysql, pgsql = server_place("mysql"), server_place("pgsql")
    asked = "query = SHOW STATUS WHERE Variable_name = 'Ssl_version' OR Variable_name = '%s'\nresult_format = <%s>"
    for host, more, wanted in (("sql.wild.test", "", "<Ssl_version>"), ("sql.wild.test", f"tls_CAfile = {ca}", "<Ssl_version>,<TLSv1.3>"),
                               ("sql.wild.test", f"tls_CAfile = {ca}\ntls_verify_cert = yes", "<Ssl_version>,<TLSv1.3>"),
                               ("127.0.0.1", f"tls_CAfile = {ca}\ntls_verify_cert = yes", ""),
                               ("sql.wild.test", "tls_CAfile = /etc/passwd\ntls_verify_cert = yes", "")):
        access = f"hosts = {host}:{mysql.server.port}\nuser = x\ndbname = mail"
        table = mysql.table("tls", f"{asked}\n{more}", access)
        equal(mysql.ask(table, "x")[1].strip().removeprefix("x\t"), wanted, f"{host} {more}")
        mysql.like_postfix(table, ("x",))
    asked = "query = SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND '%s' <> ''"
    for host, more, wanted in (("sql.wild.test", "sslmode=disable", ""), ("sql.wild.test", f"sslmode=verify-full&sslrootcert={ca}", "TLSv1.3"),
                               ("localhost", f"sslmode=verify-full&sslrootcert={ca}", "")):
        table = pgsql.table("tls", asked, f"hosts = postgresql://postfix@{host}:{pgsql.server.port}/mail?{more}\ndbname = mail")
        equal(pgsql.ask(table, "x")[1].strip().removeprefix("x\t"), wanted, f"{host} {more}")
        pgsql.like_postfix(table, ("x",))


def mail_system(p):
    need_suite()
    files = {f"{name}.cf": f"{p.access}\nretry_interval = 1\n{text}\n" for name, text in QUERIES.items()}
    names = ["alias", "mailbox", "domain"]
    proxied = " ".join(f"proxy:{p.kind}:@CONF@/{name}.cf" for name in names)
    m = Instance("ours", main=f"shlib_directory = {plugins()}\nproxy_read_maps = {proxied}\n"
                 f"virtual_alias_maps = {p.kind}:@CONF@/alias.cf\nvirtual_mailbox_domains = proxy:{p.kind}:@CONF@/domain.cf\n"
                 f"virtual_mailbox_maps = proxy:{p.kind}:@CONF@/mailbox.cf\n", files=files)
    (m.conf / "dynamicmaps.cf").write_text(dynamic_maps(plugins()))
    return m.start()


@bound(150)
def test_mail_goes_by_the_tables_and_waits_for_them():
    p = server_place("mysql")
    m = mail_system(p)
    m.mail("a@remote.test", ["info@virt.test", "u1@virt.test"])
    m.settle()
    equal(len(m.virtual("u1")), 2, "by either address")

    # The server goes, and comes back: mail waits meanwhile, and none is refused or lost.
    p.server.stop()
    with m.smtp(client=100) as s:
        s.talk("EHLO c.test", "MAIL FROM:<a@remote.test>")
        reply = s.command("RCPT TO:<info@virt.test>")
        check(reply.code.startswith("4"), f"without a database: {reply}")
    check(m.run("postmap", "-q", "info@virt.test", f"proxy:mysql:{m.conf}/alias.cf").status == 1, "nor is there an answer")
    p.server.start()
    time.sleep(1.2)
    m.mail("a@remote.test", ["info@virt.test"])
    m.settle()
    equal(len(m.virtual("u1")), 3, "after the server is back")
    m.check_sane()
