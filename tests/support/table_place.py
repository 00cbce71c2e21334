"""Tables of one type, and both ways to ask them: our postmap with our plug-in, and Postfix's with Debian's."""
import concurrent.futures
import os
import subprocess
import time

from support import BUILD, Skip, check, equal, need_program, oracle
from support.instance import group_of_nobody
from support.room import room

# Those that are plug-ins.
TYPES = ("ldap", "mongodb", "mysql", "pgsql", "sqlite")


def plugins():
    folder = BUILD / "plugins"
    if not folder.is_dir():
        raise Skip("the plug-ins for tables are not built")
    return folder


def need_plugin(kind):
    if not (plugins() / f"postfix-{kind}.so").exists():
        raise Skip(f"the plug-in for {kind}: is not built (its client library is not here)")


def dynamic_maps(folder):
    return "".join(f"{kind}\t{folder}/postfix-{kind}.so\tdict_{kind}_open\n" for kind in TYPES)


def write_old(path, text):
    """Postfix waits until what it reads is not brand-new."""
    path.write_text(text)
    past = time.time() - 10
    os.utime(path, (past, past))


def configuration(folder, library, listed=None):
    """A directory for MAIL_CONFIG whose dynamicmaps.cf names the plug-ins in `library`, or that of the directory `listed`."""
    folder.mkdir()
    write_old(folder / "main.cf", f"compatibility_level = 3.6\nmail_owner = games\ndefault_privs = daemon\n"
                                    f"setgid_group = {group_of_nobody()}\nqueue_directory = {folder}\ndata_directory = {folder}\n"
                                    f"meta_directory = {listed or folder}\nshlib_directory = {library}\nsmtputf8_enable = yes\n")
    (folder / "dynamicmaps.cf").write_text(dynamic_maps(library))
    return folder


class Place:
    """`access` is what each table's settings begin with, `tables` name -> the rest."""

    def __init__(self, kind, access, tables):
        if kind in TYPES:
            need_plugin(kind)
        self.kind, self.access = kind, access
        self.folder = room().scratch / kind
        self.folder.mkdir()
        self.tables = tables
        self.ours = configuration(self.folder / "ours", plugins())
        for name, text in tables.items():
            self.table(name, text)
        try:
            self.theirs, self.why_not = None, ""
            self.theirs = configuration(self.folder / "theirs", oracle.tree("plugins") / "usr/lib/postfix", oracle.plugin_list())
        except Skip as why:
            self.why_not = str(why)

    def table(self, name, text, access=None):
        """Writes a table's settings and returns type:name."""
        path = self.folder / f"{name}.cf"
        write_old(path, f"{self.access if access is None else access}\n{text}\n")
        return f"{self.kind}:{path}"

    def named(self, name):
        return f"{self.kind}:{self.folder}/{name}.cf"

    def run(self, program, environment, table, keys):
        done = subprocess.run([program, "-q", "-", table], input="".join(k + "\n" for k in keys).encode(),
                              capture_output=True, timeout=50, env={"PATH": "/usr/bin:/bin", **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def ask(self, table, *keys):
        """(exit status, output, messages) of ours."""
        return self.run(need_program("postmap"), {"MAIL_CONFIG": str(self.ours)}, table, keys)

    def ask_postfix(self, table, *keys):
        if not self.theirs:
            raise Skip(self.why_not)
        environment = {"MAIL_CONFIG": str(self.theirs), "LD_LIBRARY_PATH": str(oracle.tree() / "usr/lib/postfix")}
        return self.run(oracle.command("postmap"), environment, table, keys)

    def found(self, name, *keys):
        """The values that are found, without their keys."""
        _, output, errors = self.ask(self.named(name), *keys)
        check("fatal" not in errors, errors)
        return [line.rsplit("\t", 1)[1] for line in output.splitlines()]

    def like_postfix(self, table, keys):
        """Status, answers and warnings are those of Postfix."""
        ours, theirs = self.ask(table, *keys), self.ask_postfix(table, *keys)
        if "fatal" in theirs[2]:  # answers before the fatal error: Postfix loses those in its buffer
            ours, theirs = (ours[0], "", ours[2]), (theirs[0], "", theirs[2])
        equal(ours[:2], theirs[:2], f"{table}: {ours[2]} / {theirs[2]}")
        got, wanted = warnings(ours[2]), warnings(theirs[2])
        differ = [(a, b) for a, b in zip(got, wanted) if a != b] or (got, wanted)
        check(got == wanted, f"{table}: messages: {differ[:4]}")


    def tables_like_postfix(self, keys, *, without=()):
        """All of them; Postfix pauses before each fatal error."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: self.like_postfix(self.named(name), keys), [n for n in self.tables if n not in without]))


def warnings(text):
    """Behind "query error" Postfix names what happens to be in errno, and it cuts long lines."""
    return [line.partition(": query error")[0][:1500] for line in text.splitlines() if "warning: " in line or "error: " in line or "fatal: " in line]
