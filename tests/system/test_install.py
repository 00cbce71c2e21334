"""`make install DESTDIR=...`: what is where with which mode, and the installed suite carries mail."""
import shutil
import sqlite3
import subprocess
import time

from support import BUILD, ROOT, Skip, check, equal, mailbox, need_suite
from support.room import room

SETTINGS = """
queue_directory = @TOP@/var/spool/postfix
data_directory = @TOP@/var/lib/postfix
command_directory = @TOP@/usr/sbin
daemon_directory = @TOP@/usr/lib/postfix/sbin
sendmail_path = @TOP@/usr/sbin/sendmail
maillog_file = @TOP@/var/log/maillog
maillog_file_prefixes = @TOP@
mail_spool_directory = @TOP@/var/mail/
myhostname = mx.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
"""


def installed():
    """A fresh root with everything in it."""
    need_suite()
    if not shutil.which("make"):
        raise Skip("make is not here")
    top = room().scratch / f"root{room().next_instance()}"
    install(top)
    return top


def install(top):
    done = subprocess.run(["make", "-s", "-o", "all", "install", f"DESTDIR={top}", f"BUILD={BUILD.relative_to(ROOT)}"],
                          cwd=ROOT, capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, f"make install: {done.stderr}")


def mode(path):
    return oct(path.stat().st_mode & 0o7777)


def test_places_and_modes():
    top = installed()
    for path in ("usr/sbin/postfix", "usr/sbin/sendmail", "usr/lib/postfix/sbin/master", "usr/lib/postfix/sbin/lmtp"):
        equal(mode(top / path), "0o755", path)
    for path in ("etc/postfix/main.cf", "etc/postfix/master.cf", "etc/postfix/main.cf.proto",
                 "usr/share/man/man1/postfix.1", "usr/share/man/man5/postconf.5"):
        equal(mode(top / path), "0o644", path)
    for link, target in (("usr/bin/mailq", "usr/sbin/sendmail"), ("usr/bin/newaliases", "usr/sbin/sendmail"),
                         ("usr/lib/sendmail", "usr/sbin/sendmail")):
        equal((top / link).resolve(), (top / target).resolve(), link)
    set_gid = "0o2755" if room().private else "0o755"
    for name in ("postdrop", "postqueue", "postlog"):
        equal(mode(top / "usr/sbin" / name), set_gid, name)


def test_a_configuration_that_is_there_stays():
    top = installed()
    for name in ("main.cf", "master.cf"):
        (top / "etc/postfix" / name).write_text("# mine\n")
        (top / "etc/postfix" / f"{name}.proto").write_text("# of an older release\n")
    install(top)
    for name in ("main.cf", "master.cf"):
        equal((top / "etc/postfix" / name).read_text(), "# mine\n", name)
        equal((top / "etc/postfix" / f"{name}.proto").read_text(), (ROOT / "conf" / name).read_text(), f"{name}.proto")


def test_plugins_for_tables():
    """As Debian's packages have them: a line in dynamicmaps.cf for each, and the shared object."""
    top = installed()
    conf, library = top / "etc/postfix", top / "usr/lib/postfix"
    built = sorted(path.stem.removeprefix("postfix-") for path in (BUILD / "plugins").glob("*.so"))
    equal(mode(conf / "dynamicmaps.cf"), "0o644", "dynamicmaps.cf")
    lines = [line.split() for line in (conf / "dynamicmaps.cf").read_text().splitlines() if not line.startswith("#")]
    equal(lines, [[kind, f"postfix-{kind}.so", f"dict_{kind}_open"] for kind in built], "dynamicmaps.cf")
    run(top, "postconf", "-e", f"meta_directory = {conf}", f"shlib_directory = {library}")
    types = run(top, "postconf", "-m").stdout.split()
    check(set(built) <= set(types), f"postconf -m: {types}")
    if "sqlite" not in built:
        raise Skip("the plug-in for sqlite: is not built")
    with sqlite3.connect(top / "db") as database:
        database.executescript("CREATE TABLE t (k TEXT, v TEXT); INSERT INTO t VALUES ('a', 'b');")
    (conf / "t.cf").write_text(f"dbpath = {top}/db\nquery = SELECT v FROM t WHERE k = '%s'\n")
    equal(run(top, "postmap", "-q", "a", f"sqlite:{conf}/t.cf").stdout, "b\n", "an answer")
    install(top)
    equal(run(top, "postmap", "-q", "a", f"sqlite:{conf}/t.cf").stdout, "b\n", "after an upgrade")


def test_what_is_installed_carries_mail():
    """set-permissions, check, start, a message through the daemons in their jails, stop."""
    room().require_private("starting the installed suite")
    top = installed()
    for folder in ("var/log", "var/mail"):
        (top / folder).mkdir(parents=True)
    (top / "var/mail").chmod(0o1777)
    conf = top / "etc/postfix"
    run(top, "postconf", "-e", *SETTINGS.replace("@TOP@", str(top)).strip().splitlines())
    services = (conf / "master.cf").read_text()
    (conf / "master.cf").write_text(services.replace("\nsmtp      inet", f"\n{room().address(149)}:2525 inet"))
    room().allow_config(conf)
    run(top, "postfix", "post-install", "create-missing")  # as images do whose queue is an empty volume
    queue = top / "var/spool/postfix"
    equal({name: oct((queue / name).stat().st_mode & 0o777) for name in ("maildrop", "public", "hold", "pid")},
          {"maildrop": "0o730", "public": "0o710", "hold": "0o700", "pid": "0o755"}, "the modes of what post-install makes")
    for words, status in ((["foo"], 1), ([], 1), (["create-missing", "foo"], 1), (["mail_owner=nosuch", "set-permissions"], 1),
                          (["foo=bar", "create-missing"], 0), (["upgrade-configuration", "upgrade-permissions"], 0), (["first-install"], 0)):
        run(top, "postfix", "post-install", *words, status=status)
    run(top, "postfix", "set-permissions")
    equal(run(top, "postfix", "check").stderr, "", "what postfix check says")
    run(top, "postfix", "start")
    room().defer(lambda: run(top, "postfix", "stop", status=None))
    run(top, "sendmail", "alice@mx.example.test", input="Subject: installed\n\nhello\n", user="bob")
    end = time.monotonic() + 20
    while not (found := mailbox.read_maildir(top / "var/mail/alice")):
        check(time.monotonic() < end, lambda: (top / "var/log/maillog").read_text())
        time.sleep(0.05)
    check("Subject: installed" in str(found[0]), str(found[0]))
    run(top, "postfix", "stop")


def run(top, command, *arguments, input="", user=None, status=0):
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run([command, *arguments], executable=top / "usr/sbin" / command, input=input, text=True,
                          capture_output=True, timeout=30, cwd="/", **who,
                          env={"MAIL_CONFIG": str(top / "etc/postfix"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if status is not None:
        equal(done.returncode, status, f"{command} {arguments}: {done.stderr}")
    return done
