"""mongodb: tables.  Debian has neither the server nor Postfix's plug-in: the server is the tests' own."""
from support import check, equal
from support.databases import free_port
from support.mongo_server import Long, MongoServer
from support.room import room
from support.table_place import Place, need_plugin

MAILBOXES = [
    {"_id": "1", "username": "u1@virt.test", "alias": [{"address": "info@virt.test"}, {"address": "o\"brien@virt.test"}], "active": 1,
     "uid": 5000, "quota": Long(10000000000), "to": ["a@x.test", "b@y.test"], "ratio": 0.5},
    {"_id": "2", "username": "back\\slash@virt.test", "alias": [], "active": 1, "to": []},
    {"_id": "3", "username": "off@virt.test", "active": 0},
    {"_id": "4", "username": "gr\u00fcn@virt.test", "active": 1, "to": [str(n) for n in range(11)]},
]
ALIAS = 'query_filter = {"$or": [{"username": "%s"}, {"alias.address": "%s"}], "active": 1}'
TABLES = {
    "alias": f"{ALIAS}\nresult_attribute = username",
    "parts": 'query_filter = {"username": "%u@%d"}\nresult_attribute = username\nresult_format = [%s %u %d %U %D %1]',
    "numbers": f"{ALIAS}\nresult_attribute = uid, quota",
    "list": f"{ALIAS}\nresult_attribute = to",
    "long": f"{ALIAS}\nresult_attribute = to\nexpansion_limit = 100",
    "short": f"{ALIAS}\nresult_attribute = to\nexpansion_limit = 1",
    "projected": f'{ALIAS}\nprojection = {{"username": 1}}',
    "odd": f"{ALIAS}\nresult_attribute = ratio username alias",
    "listed": f"{ALIAS}\nresult_attribute = username\ndomain = other.test",
    "malformed": 'query_filter = {"username": %s}\nresult_attribute = username',
    "both": f'{ALIAS}\nresult_attribute = username\nprojection = {{"username": 1}}',
    "nofilter": "result_attribute = username",
}
HOSTILE = ('x", "$or": [{"active": 1}], "y": "', '"', "\\", '\\"', '"}', '", "$where": "1', "$ne", '{"$ne": ""}', "*", "\x01", "a\tb",
           "x" * 3000, "\u2028", "%s", "x\\u0022")
_cache = []


def tables():
    if not _cache:
        need_plugin("mongodb")
        server = MongoServer(mailbox=MAILBOXES)
        room().defer(server.close)
        place = Place("mongodb", f"uri = mongodb://127.0.0.1:{server.port}/\ndbname = mail\ncollection = mailbox", TABLES)
        place.server = server
        _cache.append(place)
    return _cache[0]


def test_answers():
    p = tables()
    keys = ("info@virt.test", "INFO@virt.test", "u1@virt.test", 'o"brien@virt.test', "back\\slash@virt.test", "off@virt.test", "none",
            "gr\u00fcn@virt.test")
    equal(p.found("alias", *keys), ["u1@virt.test"] * 4 + ["back\\slash@virt.test", "gr\u00fcn@virt.test"], "alias")
    equal(p.found("parts", "u1@virt.test", "u1", "@virt.test"), ["[u1@virt.test u1 virt.test u1 virt.test test]"], "parts")
    equal(p.found("numbers", "info@virt.test", "gr\u00fcn@virt.test"), ["5000,10000000000"], "numbers")
    equal(p.found("list", "info@virt.test", "back\\slash@virt.test"), ["a@x.test,b@y.test"], "arrays")
    equal(p.found("long", "gr\u00fcn@virt.test"), ["0,1,2,3,4,5,6,7,8,9,10"], "expansion_limit")
    equal(p.found("projected", "info@virt.test"), ["u1@virt.test"], "projection")
    equal(p.found("listed", "info@virt.test"), [], "domain")
    equal(p.server.searches[-1]["projection"], {"username": 1, "_id": 0}, "what is asked for")


def test_hostile_keys():
    p = tables()
    equal(p.found("alias", *HOSTILE), [], "alias")
    asked = [search["filter"]["$or"][0]["username"] for search in p.server.searches[-len(HOSTILE):]]
    equal(asked, [key.lower() for key in HOSTILE], "the keys as the server gets them")


def test_messages():
    p = tables()
    for name, key, wanted in (
            ("short", "info@virt.test", "expansion limit exceeded for key: 'info@virt.test'"),
            ("list", "gr\u00fcn@virt.test", "expansion limit exceeded for key: 'gr\u00fcn@virt.test'"),
            ("malformed", "x", "query failed: query_filter: "), ("both", "x", "specify projection or result_attribute, not both"),
            ("nofilter", "x", "bad string length 0 < 1: query_filter = ")):
        status, output, errors = p.ask(p.named(name), key)
        check((status, output) == (1, "") and wanted in errors, f"{name}: {status} {output} {errors}")
    status, output, errors = p.ask(p.named("odd"), "info@virt.test")
    equal(output, "info@virt.test\tu1@virt.test\n", errors)
    check("failed to retrieve value of 'ratio', Unknown result type 1." in errors, errors)


def test_servers():
    p, dead = tables(), free_port()
    status, output, errors = p.ask(p.table("dead", TABLES["alias"], f"uri = mongodb://me:secret@127.0.0.1:{dead}/\ndbname = mail\n"
                                           "collection = mailbox"), "info@virt.test")
    check((status, output) == (1, "") and "query failed: No suitable servers found" in errors and "secret" not in errors, errors)
    status, output, errors = p.ask(p.table("bad", TABLES["alias"], "uri = http://x/\ndbname = mail\ncollection = mailbox"), "x")
    check((status, output) == (1, "") and "connect to mongodb server http://x/: " in errors, errors)
