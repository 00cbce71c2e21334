"""Moving away from Berkeley DB: hash and btree tables opened in another type (enable-redirect), built by
nbdb_reindexd where they are missing (enable-reindex), and the command that sets the level."""
import os
import pwd
import re
import subprocess

from support import check, equal, need_program
from support.instance import ACCOUNTS, Instance

TYPES = "default_database_type = lmdb\ndefault_cache_db_type = lmdb\n"
LEVEL = "non_bdb_migration_level = "
# Whose tables @CONF@ holds is who runs the tests.
TABLES = f"""non_bdb_migration_allow_root_prefixes = @CONF@
non_bdb_migration_allow_user_prefixes = @ROOT@/users{"" if os.geteuid() == 0 else " @CONF@"}
virtual_alias_domains = list.test
virtual_alias_maps = hash:@CONF@/virtual, btree:@CONF@/more
"""


def instance(main=""):
    for name in ("postmap", "postalias", "nbdb_reindexd", "postfix", "postconf"):
        need_program(name)
    return Instance("ours", main=TYPES + main)


def shown(mta, *command, **options):
    """What a command says, without its name."""
    done = mta.run(*command, **options)
    return (done.stdout + done.stderr).replace(f"{command[0]}: ", "", 1).strip()


def test_redirect():
    mta = instance(LEVEL + "enable-redirect")
    path = mta.conf / "m"
    mta._write_old("m", "key value\n")
    equal(shown(mta, "postmap", f"hash:{path}"), f"redirecting hash:{path} to lmdb:{path}", "postmap")
    check((mta.conf / "m.lmdb").exists() and not (mta.conf / "m.db").exists(), os.listdir(mta.conf))
    equal(mta.run("postmap", "-q", "key", f"btree:{path}").stdout, "value\n", "a lookup")
    equal(mta.run("postmap", "-q", "key", f"lmdb:{path}").stdout, "value\n", "under its own name")
    mta.set_main("non_bdb_migration_log_redirect = no")
    equal(shown(mta, "postmap", "-q", "key", f"hash:{path}"), "value", "silent")
    equal(mta.run("postalias", f"hash:{mta.conf}/aliases").status, 0, "postalias")
    check((mta.conf / "aliases.lmdb").exists(), os.listdir(mta.conf))


def test_custom_mapping():
    mta = instance(LEVEL + "enable-redirect\nnon_bdb_migration_log_redirect = no\n"
                   "non_bdb_custom_mapping = inline:{hash=cdb, hash:@CONF@/one=lmdb, hash:@CONF@/wrong=texthash}")
    for name in ("one", "two", "three", "wrong"):
        mta._write_old(name, "key value\n")
    equal(shown(mta, "postmap", f"hash:{mta.conf}/one", f"hash:{mta.conf}/two", f"btree:{mta.conf}/three"), "", "postmap")
    made = sorted(p.name for p in mta.conf.iterdir() if p.suffix in (".db", ".cdb", ".lmdb"))
    equal(made, ["one.lmdb", "three.lmdb", "two.cdb"], "tables")
    wrong = mta.run("postmap", f"hash:{mta.conf}/wrong")
    equal(wrong.status, 1, "status")
    check("cannot become a table of type texthash" in wrong.stderr, wrong.stderr)


def test_values_that_lead_nowhere():
    mta = instance("default_database_type = hash\n" + LEVEL + "enable-redirect")
    mta._write_old("m", "key value\n")
    wrong = mta.run("postmap", f"hash:{mta.conf}/m")
    equal(wrong.status, 1, "status")
    check("Non-Berkeley-DB migration error" in wrong.stderr, wrong.stderr)
    mta.set_main("non_bdb_migration_level = more")
    check("non_bdb_migration_level = more" in mta.run("postmap", f"hash:{mta.conf}/m").stderr, "a bad level is told")


def old_tables(mta):
    """Berkeley DB tables as an older system left them."""
    mta._write_old("virtual", "one@list.test u1@virt.test\n")
    mta._write_old("more", "two@list.test u2@virt.test\nroot@list.test :root\n")
    mta.must_run("postmap", f"hash:{mta.conf}/virtual", f"btree:{mta.conf}/more")
    mta.must_run("postalias", f"hash:{mta.conf}/aliases")


def test_reindex():
    mta = instance(TABLES)
    old_tables(mta)
    equal(mta.run("postfix", "non-bdb", "status").stdout, "disable\n", "status")
    mta.must_run("postfix", "non-bdb", "enable-reindex")
    equal(mta.run("postfix", "non-bdb", "status").stdout, "enable-reindex\n", "status")
    mta.start()
    mta.mail("a@b.test", ["one@list.test", "two@list.test", "postmaster@mx.example.test"])
    mta.settle()
    equal((len(mta.virtual("u1")), len(mta.virtual("u2")), len(mta.local_mail("alice"))), (1, 1, 1), "mail")
    for table in ("postmap lmdb:@/virtual", "postmap lmdb:@/more", "postalias lmdb:@/aliases"):
        line = f"successfully executed '{table.replace('@', str(mta.conf))}' as uid {os.geteuid()}"
        mta.wait_log(re.escape(line))
        equal(mta.log_text().count(line), 1, line)
    mta.wait_log(f"redirecting hash:{mta.conf}/virtual to lmdb:{mta.conf}/virtual")
    equal(mta.run("postmap", "-s", f"lmdb:{mta.conf}/virtual").stdout, "one@list.test\tu1@virt.test\n", "the new table")


def test_requests_that_are_refused():
    mta = instance(TABLES + LEVEL + "enable-reindex")
    old_tables_of = {"shared": (0o777, 0o644), "loose": (0o755, 0o666)}
    for folder, (mode, source_mode) in old_tables_of.items():
        (mta.conf / folder).mkdir()
        mta._write_old(f"{folder}/m", "a b\n")
        (mta.conf / folder / "m.db").write_text("old")
        (mta.conf / folder).chmod(mode)
        (mta.conf / folder / "m").chmod(source_mode)
    (mta.root / "else").mkdir(mode=0o755)
    for name in ("m", "m.db"):
        (mta.root / "else" / name).write_text("a b\n")
    (mta.conf / "lone").write_text("a b\n")
    command = "could not execute command 'postmap lmdb:{}': "
    uid = os.geteuid()
    by_other = "legacy indexed file '{0}.db' is owned by uid '%d', but %s '%s' is owned or writable by other user" % (
        uid, "{1}", "{2}")
    prefixes = "root" if uid == 0 else "non-root"
    cases = {f"{mta.conf}/shared/m": by_other.format(f"{mta.conf}/shared/m", "parent directory", f"{mta.conf}/shared"),
             f"{mta.conf}/loose/m": by_other.format(f"{mta.conf}/loose/m", "source file", f"{mta.conf}/loose/m"),
             f"{mta.root}/else/m": f"table {mta.root}/else/m has an unexpected pathname; to allow automatic indexing as {prefixes}",
             f"{mta.conf}/lone": f"legacy indexed file '{mta.conf}/lone.db': No such file or directory"}
    for path, reason in cases.items():
        told = reindex(mta, f"hash:{path}")
        equal(told[0], 1, path)
        check(f"stand-alone request to re-index 'hash:{path}' failed: {command.format(path)}{reason}" in told[1], told[1])
        check(not os.path.exists(path + ".lmdb"), path)
    for table in (f"hash:{mta.conf}/../etc/shared/m", f"texthash:{mta.conf}/lone", "hash:relative", "hash"):
        equal(reindex(mta, table)[0], 1, table)
    mta.set_main(LEVEL + "enable-redirect")
    check("the nbdb_reindex service is disabled" in reindex(mta, f"hash:{mta.conf}/lone")[1], "without the level")


def reindex(mta, table):
    """nbdb_reindexd by hand: its status and what it says."""
    done = subprocess.run([mta.daemons / "nbdb_reindexd", "-S", table], env=mta.environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)
    return done.returncode, done.stderr


def test_tables_of_users():
    mta = instance(TABLES + LEVEL + "enable-reindex")
    mta.room.require_private("tables of other users")
    folder = mta.root / "users"
    folder.mkdir(mode=0o755)
    for name, text in (("names", "root:alice\n"), ("names.db", "old")):
        (folder / name).write_text(text)
        os.chown(folder / name, ACCOUNTS["bob"], ACCOUNTS["bob"])
    os.chown(folder, ACCOUNTS["bob"], ACCOUNTS["bob"])
    status, said = reindex(mta, f"hash:{folder}/names")
    equal(status, 0, said)
    check(f"successfully executed 'postalias lmdb:{folder}/names' as uid {ACCOUNTS['bob']}" in said, said)
    equal(pwd.getpwuid((folder / "names.lmdb").stat().st_uid).pw_name, "bob", "its owner")
    equal(reindex(mta, f"hash:{folder}/names"), (0, ""), "once more")


def test_levels():
    mta = instance("authorized_mailq_users = hash:@CONF@/users, root\nnon_bdb_migration_allow_root_prefixes = @CONF@\n"
                   "non_bdb_migration_allow_user_prefixes = @CONF@")
    mta._write_old("users", "root ok\n")
    mta.must_run("postmap", f"hash:{mta.conf}/users")
    for level, services in (("enable-redirect", 0), ("enable-reindex", 1), ("enable-reindex", 1), ("enable-redirect", 0), ("disable", 0)):
        mta.must_run("postfix", "non-bdb", level)
        equal(mta.run("postfix", "non-bdb", "status").stdout, level + "\n", "status")
        equal((mta.conf / "master.cf").read_text().count("nbdb_reindexd"), services, f"services after {level}")
    check("non_bdb_migration_level" not in (mta.conf / "main.cf").read_text(), "the level is gone")
    check((mta.conf / "users.lmdb").exists(), "a table of commands is built at once")
    equal(mta.run("postfix", "non-bdb", "nonsense").status, 1, "another word")
    mta.set_main("default_database_type = hash")
    refused = mta.run("postfix", "non-bdb", "enable-reindex")
    equal(refused.status, 1, "with hash as the default")
    check("default_database_type is hash" in refused.stderr, refused.stderr)
