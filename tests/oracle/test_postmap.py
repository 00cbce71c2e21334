"""Both postmaps, postaliases and newaliases: the same sources, options and keys.  A case is a few
commands in a directory of its own; what each prints, how it ends and what files there are then must
be equal.  Cases run side by side, as Postfix sleeps a second before a fatal end."""
import concurrent.futures
import functools
import os
import pwd
import re
import shutil
import subprocess
import time

from support import check, count_cases, mix_of, ours, table_types
from support.instance import Instance

TYPES = table_types.BUILT
UPDATED = ("hash", "btree", "lmdb")
SUFFIX = {"hash": ".db", "btree": ".db", "lmdb": ".lmdb", "cdb": ".cdb"}
PAST = time.time() - 1000


@functools.cache
def sides():
    kind, swap = mix_of(ours())
    both = Instance("postfix"), Instance(kind, swap)
    for side in both:
        table_types.offer(side, {"smtputf8_enable": "yes"})
    return both


class Case:
    """A directory on one side, and the record of what happened there."""

    def __init__(self, side, name):
        self.side, self.record = side, []
        self.folder = side.root / "cases" / name
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o777)

    def write(self, name, text, mode=0o644, owner=None):
        path = self.folder / name
        path.write_bytes(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
        path.chmod(mode)
        if owner:
            account = pwd.getpwnam(owner)
            os.chown(path, account.pw_uid, account.pw_gid)
        os.utime(path, (PAST, PAST))

    def run(self, line, input="", user=None, umask=0o022, quiet=False, conf=()):
        """A command line; words are split at blanks, and "''" is an empty one."""
        words = [word if word != "''" else "" for word in line.split(" ")]
        options = {"user": user, "group": user, "extra_groups": []} if user else {}
        if conf:
            self.reconfigure(conf)
        done = subprocess.run(
            words, executable=self.side.commands / words[0], cwd=self.folder, umask=umask,
            input=input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input,
            capture_output=True, timeout=50, env=self.environment(), **options)
        out, err = (self.clean(text.decode("latin-1")) for text in (done.stdout, done.stderr))
        self.record.append((line, f"status {done.returncode}" + (f"\n{out}--\n{err}" if not quiet else "")))
        return done

    def reconfigure(self, lines):
        conf = self.folder / ".conf"
        shutil.copytree(self.side.conf, conf, dirs_exist_ok=True)
        with open(conf / "main.cf", "a") as out:
            out.write("\n".join(lines) + "\n")
        os.utime(conf / "main.cf", (PAST, PAST))

    def environment(self):
        conf = self.folder / ".conf"
        return {**self.side.environment(), "MAIL_CONFIG": str(conf if conf.exists() else self.side.conf)}

    def clean(self, text):
        text = re.sub(r"(?m)^BDB\d+ .*\n", "", text.replace(str(self.side.root), "ROOT"))
        return re.sub(r"(YP_LAST_MODIFIED:?\t)\d{10}\b", r"\1TIME", text)

    def note(self, name, value):
        self.record.append((name, str(value)))

    def note_files(self):
        for path in sorted(self.folder.iterdir()):
            it = path.stat()
            owner = pwd.getpwuid(it.st_uid).pw_name
            self.note(f"file {path.name}", f"{it.st_mode:o} {owner}")


def cases(*arguments):
    """Makes a test of a function that runs one case for each of the arguments."""
    def mark(function):
        def test():
            def one(job):
                side, argument = job
                label = re.sub(r"\W+", "-", f"{function.__name__}-{arguments.index(argument)}")
                case = Case(side, label)
                function(case, *argument) if isinstance(argument, tuple) else function(case, argument)
                return case.record
            both = sides()
            jobs = [(side, argument) for argument in arguments for side in both]
            with concurrent.futures.ThreadPoolExecutor(24) as pool:
                records = list(pool.map(one, jobs))
            count_cases(len(arguments))
            wrong = []
            for argument, there, here in zip(arguments, records[::2], records[1::2]):
                for (name, theirs), (_, mine) in zip(there, here, strict=True):
                    if theirs != mine:
                        wrong.append(f"{argument!r}: {name}:\npostfix: {theirs}\nours:    {mine}")
            check(not wrong, lambda: f"{len(wrong)} differ:\n" + "\n".join(wrong))
        test.__name__ = function.__name__
        test.__doc__ = function.__doc__
        test.is_test = True
        return test
    return mark


SOURCES = (
    "a 1\nb 2\n", "a 1", "", "# nothing\n\n  \n", "a@X.Test one two\tthree  \n", "a\tb\nc \t d \t e\t\n",
    "a 1\n  continued\n\tagain\nb 2\n", "a 1\n# between\n  continued\n\n   more\nb 2\n", " starts with blank\na 1\n",
    "  # only a comment\n x\na 1\n", "novalue\na 1\n", "novalue   \nb 2\n", "a 1\na 2\nA 3\na 1\n", "a: 1\nb : 2\n",
    "\"quoted key\" value\n", "\"quoted\" k\"ey va\"lue\n", "\"unbalanced value\nb 2\n", "a \"unbalanced\nb 2\n",
    "\\\"a b\nc\\ d e\n", "a\\\\ b\n", "a 1 # no comment\n", "#a 1\n\\#a 2\n", "Ā 1\nÄb@é 2\n",
    "a \udcff\nb 2\n", "\udcff 1\nb 2\n", "a 1\r\nb 2\r\n", "a b\0c\nd e\n", "a\0b c\nd e\n", "a 1\n\0\nb 2\n", "\"\" 1\n",
    "\"a\\\" b\" c\n", "A.B.C 1\n.b.c 2\n@b.c 3\n1.2.3 4\n", "K 1\nK 2\n", "ß 1\nss 2\nẞ 3\n",
    "x" * 300 + " " + "y" * 3000 + "\n", "a " + "long " * 2000 + "\nb 2\n", "a\v1\nb\f2\n", "a  \n  1\nb 2\n",
    "".join(f"key{i} value {i}\n" for i in range(500)), "".join(f"K{i % 7}@x value {i}\n" for i in range(20)))


@cases(*((kind, source) for kind in ("hash", "cdb") for source in SOURCES))
def sources_of_maps(case, kind, source):
    case.write("m", source)
    case.run(f"postmap {kind}:m")
    if kind != "cdb":
        case.run(f"postmap -s {kind}:m")
    case.run(f"postmap -q - {kind}:m", input=keys_of(source))


@cases(*((kind, source) for kind in ("btree", "lmdb") for source in SOURCES[::3]))
def sources_in_sorted_tables(case, kind, source):
    case.write("m", source)
    case.run(f"postmap {kind}:m")
    case.run(f"postmap -s {kind}:m")


@cases(*SOURCES)
def sources_without_utf8(case, source):
    case.write("m", source)
    case.run("postmap -U btree:m", conf=["smtputf8_enable = no"])
    case.run("postmap -s btree:m")
    case.run("postmap -u hash:m")
    case.run("postmap -us hash:m")
    case.run("postmap -s hash:m")


@cases(*SOURCES[::2])
def sources_of_texthash(case, source):
    case.write("m", source)
    case.run("postmap -q - texthash:m", input=keys_of(source))
    case.run("postmap -q - texthash:m", input=keys_of(source), conf=["smtputf8_enable = no"])


def keys_of(source):
    """Likely and unlikely keys; empty ones are for a test of their own."""
    words = [re.split(r"[ \t\0]", line)[0] for line in source.split("\n")]
    words += [word.upper() for word in words] + [word.swapcase() for word in words] + ["no", "a", "b", "novalue"]
    return "\n".join(word for word in words if word and "\0" not in word) + "\n"


OPTIONS = ("-w", "-r", "-f", "-n", "-N", "-u", "-U", "-o", "-p", "-fn", "-rf", "-wn", "-rw", "-wr", "-nN", "-Nn", "-ou", "-Fw")


@cases(*((kind, option) for kind in TYPES for option in OPTIONS))
def building_options(case, kind, option):
    case.write("m", "a 1\nB 2\na 3\nb 4\nÄ 5\nx y\nzz m\n")
    case.write("2", "two\n")
    case.run(f"postmap {option} {kind}:m")
    for asked in ("", "f", "n", "N", "u"):
        case.run(f"postmap -{asked}q - {kind}:m", input="a\nA\nb\nB\nÄ\nä\nzz\nnone\n")


@cases(*((kind, option) for kind in UPDATED for option in ("", "-r", "-w", "-f", "-n", "-N")))
def incremental_updates(case, kind, option):
    case.write("m", "a 1\nb 2\n")
    case.run(f"postmap {kind}:m")
    option = option or "-i"
    case.run(f"postmap -i {option} {kind}:m", input="a 9\nA 8\nc 3\n  more\nbroken\n\"un b\n")
    case.run(f"postmap -s {kind}:m")
    case.run(f"postmap -i {option} {kind}:new", input="x 1\nx 2\n")
    case.run(f"postmap -s {kind}:new")
    case.run(f"postmap -q x {kind}:new")
    case.note_files()


@cases(*((kind, form) for kind in UPDATED for form in (("-d a", ""), ("-d A", ""), ("-d none", ""), ("-df A", ""), ("-d -", "a\nb\n"),
                                                      ("-d -", "none\n"), ("-d -", ""), ("-d -", "A\nnone\n"))))
def deletions(case, kind, form):
    case.write("m", "a 1\nb 2\nc 3\n")
    case.run(f"postmap {kind}:m")
    case.run(f"postmap {form[0]} {kind}:m", input=form[1])
    case.run(f"postmap -s {kind}:m")


@cases(*TYPES)
def several_tables(case, kind):
    case.write("m", "a 1\nb 2\n")
    case.write("n", "b 3\nc 4\n")
    case.run(f"postmap {kind}:m {kind}:n")
    case.run(f"postmap -q b {kind}:n {kind}:m")
    case.run(f"postmap -q c {kind}:m {kind}:n")
    case.run(f"postmap -q d {kind}:m {kind}:n inline:{{d=5}}")
    case.run(f"postmap -q - {kind}:m static:all {kind}:n", input="a\nb\nx\n")
    if kind != "cdb":
        case.run(f"postmap -s {kind}:m {kind}:n")
        case.run(f"postmap -d b {kind}:m {kind}:n")
        case.run(f"postmap -d - {kind}:m {kind}:n", input="a\nc\nx\n")
        case.run(f"postmap -s {kind}:n {kind}:m")


@cases("hash", "btree", "lmdb", "cdb")
def default_type(case, kind):
    case.reconfigure([f"default_database_type = {kind}"])
    case.write("m", "a 1\nb 2\n")
    case.run("postmap m")
    case.run("postmap -q a m")
    case.note_files()


FAILING = ("postmap", "postmap -x", "postmap nosuch", "postmap hash:nosuch", "postmap -q a hash:nosuch", "postmap -d a hash:nosuch",
           "postmap -s hash:nosuch", "postmap -q a lmdb:nosuch", "postmap -q a cdb:nosuch", "postmap -q a btree:nosuch",
           "postmap foo:m", "postmap -q a foo:m", "postmap static:m", "postmap texthash:m", "postmap regexp:m",
           "postmap -q a -d b hash:m", "postmap -s -q b hash:m", "postmap -q b -s hash:m", "postmap -s -d b hash:m",
           "postmap -h hash:m", "postmap -b -q a hash:m", "postmap -hq a hash:m", "postmap -mq - hash:m",
           "postmap -s static:x", "postmap -s cdb:m", "postmap -d a cdb:m", "postmap -i cdb:m", "postmap -d a texthash:m",
           "postmap -d a static:x", "postmap -s proxy:hash:m", "postmap proxy:hash:m",
           "postmap -q a hash:", "postmap -q a :m", "postmap hash:", "postmap -q a fail:x", "postmap -q a texthash:nosuch",
           "postmap -q a inline:{a=b} fail:x", "postmap -q b inline:{a=b} fail:x", "postmap -q a fail:x inline:{a=b}",
           "postmap -q a hash:folder", "postmap hash:folder/x", "postmap -c /nosuch hash:m", "postmap -Fq a hash:m",
           "postalias", "postalias -x", "postalias nosuch", "postalias -b hash:m", "postalias -F hash:m", "postalias -q a -d b hash:m",
           "postalias foo:m", "postalias static:m", "postalias -s hash:nosuch", "postalias -q a cdb:nosuch", "postalias -h hash:m",
           "postalias -U hash:m", "postalias -m hash:m")


@cases(*FAILING)
def failures(case, line):
    case.write("m", "a 1\n")
    (case.folder / "folder").mkdir()
    (case.folder / "folder.db").mkdir()
    case.run("postmap hash:m cdb:m", quiet=True)
    case.run(line)


TYPES_WITHOUT_FILES = ("fail", "static", "environ", "internal", "inline", "unix", "unionmap", "regexp")


@cases(*((kind, command) for kind in TYPES_WITHOUT_FILES for command in ("postmap", "postalias")))
def writing_to_what_is_no_file(case, kind, command):
    for name, text in (("m", "a 1\nb 2\n"), ("n", "a: 1\nb: 2\n"), ("empty", ""), ("bad", "x\n")):
        case.write(name, text)
        case.run(f"{command} {kind}:{name}")
    for source in ("a: 1\n", ""):
        case.run(f"{command} -i {kind}:m", input=source)
    case.run(f"{command} -d a {kind}:m")
    case.run(f"{command} -q - inline:{{a=b}} {kind}:x", input="a\n")
    case.run(f"{command} -q - {kind}:x inline:{{a=b}}", input="a\nb\na\n")
    case.note_files()


@cases(*((kind, content) for kind in TYPES for content in (b"text\n", b"x" * 9000)))
def files_of_another_format(case, kind, content):
    case.write(f"m{SUFFIX[kind]}", content)
    case.run(f"postmap -q a {kind}:m", quiet=kind in ("cdb", "lmdb"))
    case.write("m", "a 1\n")
    if kind == "cdb":
        case.run(f"postmap {kind}:m")
        case.run(f"postmap -q a {kind}:m")


@cases(("hash", "btree"), ("btree", "hash"))
def tables_of_the_other_kind(case, kind, other):
    case.write("m", "a 1\n")
    case.run(f"postmap {kind}:m")
    case.run(f"postmap -q a {other}:m")
    case.run(f"postmap -s {other}:m")
    case.run(f"postmap -d a {other}:m")
    case.run(f"postmap {other}:m")
    case.run(f"postmap -s {other}:m")


@cases(*TYPES)
def empty_old_file(case, kind):
    case.write("m", "a 1\n")
    case.write(f"m{SUFFIX[kind]}", "")
    case.run(f"postmap {kind}:m", quiet=kind == "lmdb")
    case.run(f"postmap -q a {kind}:m")


@cases(*((kind, mode, option) for kind in TYPES for mode in (0o644, 0o600, 0o640, 0o666, 0o444, 0o664) for option in ("", "-p")))
def modes(case, kind, mode, option):
    case.write("m", "a 1\n", mode)
    case.run(f"postmap {option} {kind}:m".replace("  ", " "))
    case.note_files()
    # A table that exists keeps its mode, unless it is one that Postfix always makes anew.
    case.write("m", "a 2\n", 0o600)
    if kind != "cdb":
        case.run(f"postmap {kind}:m")
        case.note_files()
    case.run(f"postmap -q a {kind}:m")


@cases(*((kind, option, owner) for kind in TYPES for option in ("", "-o") for owner in ("alice", "root")))
def owners(case, kind, option, owner):
    case.write("m", "a 1\n", 0o640, owner=owner)
    case.run(f"postmap {option} {kind}:m".replace("  ", " "))
    case.note_files()
    case.run(f"postmap -q a {kind}:m", user="alice")
    case.run(f"postalias {option} {kind}:m".replace("  ", " "))
    case.note_files()


@cases(*TYPES)
def an_ordinary_user(case, kind):
    case.write("m", "a 1\n", owner="alice")
    case.run(f"postmap {kind}:m", user="alice")
    case.note_files()
    case.run(f"postmap -q a {kind}:m", user="bob")
    case.write("secret", "a 1\n", 0o600)
    case.run(f"postmap {kind}:secret", user="alice")


# Ours keeps owner and permissions of a cdb table, so that it may not take the place of somebody else's.
@cases(*((kind, mode) for kind in TYPES if kind != "cdb" for mode in (0o644, 0)))
def a_table_of_somebody_else(case, kind, mode):
    case.write("m", "a 1\nb 2\n")
    case.run(f"postmap {kind}:m")
    table = next(path for path in case.folder.iterdir() if path.name != "m")
    for owner, user in ((None, "alice"), ("bob", "alice"), ("bob", "root")):
        if owner:
            account = pwd.getpwnam(owner)
            os.chown(table, account.pw_uid, account.pw_gid)
        table.chmod(mode)
        for action in ("-q a", "-q -", "-s", "-i", "-d b", "-r -i", ""):
            case.run(f"postmap {action} {kind}:m".replace("  ", " "), user=user, input="c 3\n")
    case.note_files()


@cases(*("hash", "btree"))
def a_folder_that_may_not_be_written(case, kind):
    case.write("m", "a 1\n", owner="alice")
    case.run(f"postmap {kind}:m", user="alice")
    case.folder.chmod(0o755)
    case.write("m", "a 2\n", owner="alice")
    case.run(f"postmap {kind}:m", user="alice")
    case.run(f"postmap -q a {kind}:m")
    case.write("other", "a 2\n", owner="alice")
    case.run(f"postmap {kind}:other", user="alice")


@cases(*TYPES)
def an_outdated_table(case, kind):
    case.write("m", "a 1\n")
    case.run(f"postmap {kind}:m")
    os.utime(case.folder / f"m{SUFFIX[kind]}", (PAST - 500, PAST - 500))
    case.run(f"postmap -q a {kind}:m")


FILES = ("k f1\n", "k f1 f2\n", "k f1, f2,f3\n", "k nosuch\nb f1\n", "k f1 nosuch\n", "K empty\n", "k\nb f2\n", "k big\n")


@cases(*((kind, source) for kind in ("hash", "cdb") for source in FILES))
def values_from_files(case, kind, source):
    for name, text in (("f1", "one\n"), ("f2", "two\nlines\n"), ("f3", "no end"), ("empty", ""), ("big", "x" * 5000)):
        case.write(name, text)
    case.write("m", source)
    case.run(f"postmap -F {kind}:m")
    if kind == "cdb" and "empty" in source:
        return  # Postfix 3.7 crashes
    case.run(f"postmap -q k {kind}:m")
    case.run(f"postmap -Fq k {kind}:m")
    case.run(f"postmap -Fq - {kind}:m", input="k\nb\n")
    if kind == "hash":
        case.run("postmap -Fs hash:m")
        case.run("postmap -s hash:m")


@cases("YWJj", "not base64!", "YWJ", "YW Jj", "YQ==")
def values_that_are_no_base64(case, value):
    case.write("m", f"k {value}\n")
    case.run("postmap hash:m")
    case.run("postmap -Fq k hash:m")
    case.run("postmap -Fs hash:m")


MESSAGE = ("From: a@b\nSubject: one\n two\nContent-Type: multipart/mixed; boundary=xx\n\npreamble\n--xx\nContent-Type: text/plain\n"
           "X-Part: p\n\nbody line\n--xx\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner body\n--xx--\nend\n")


@cases("-h", "-b", "-hb", "-hm", "-bm", "-hbm", "-m", "-hf", "-hu")
def messages_as_keys(case, option):
    case.write("r", "/^subject:/ REPLACE it\n/part/ WARN p\n/body/ b\n/end/ e\n/^from/ f\n/--xx/ boundary\n/preamble/ pre\n")
    case.run(f"postmap {option} -q - regexp:r", input=MESSAGE)
    case.run(f"postmap {option} -q - regexp:r", input="no header here\nSubject: x\n\nbody\n")
    case.run(f"postmap {option} -q - static:x", input="A: b\n\n")
    case.run(f"postmap {option} -q - inline:{{x=y}}", input="A: b\n\nc\n")


ALIASES = (
    "root: alice\n", "Root: Alice, BOB\n", "a: b\n c,\n  d\n", "a: \"|/bin/prog arg\"\n", "a: /file\nb: :include:/list\n",
    "\"quoted name\": x\n", "\"a b\"c: x\n", "a b: c\n", "a@b: c\n", "a%b: c\n", "nocolon\n", "a:\n", ": x\n", "a: b: c\n", "a: b;\n",
    "a: (comment) b\n", "(comment) a: b\n", "a: b (c)\n", "a: <b@c>\n", "a: \"b c\"@d\n", "a: b, , c\n", "a: b c d\n", "a: b,c,d\n",
    "a: b\na: c\nA: d\n", "a.b: c\n", "a-b_c+d: e\n", "ä: x\n", "a: ä@ö\n", "a: \udcff\nb: c\n", "# c\n\na: b\n",
    " blank: first\na: b\n", "a : b\n", "a: \\\"b\n", "a: \"b\n", "\"a: b\n", "a: b\r\n", "a: \"/file name\"\n", "a: |prog\n",
    "a: \"|prog \\\"x y\\\" z\"\n", "a: [1.2.3.4]\n", "owner-a: b\na-request: c\n", "a: user@[1.2.3.4]\n", "@: x\n", "a: b\\\\c\n",
    "a: b !c\n", "a: b@c d@e\n", "YP_MASTER_NAME: x\n", "a\\b: c\n", "\"\": x\n", "a: \"\"\n", "a:" + " b" * 300 + "\n")


@cases(*ALIASES)
def sources_of_aliases(case, source):
    case.write("al", source)
    case.run("postalias hash:al")
    case.run("postalias -s hash:al")
    case.run("postalias -q - hash:al", input="a\nA\nroot\na b\nquoted name\n@\nYP_MASTER_NAME\n")


@cases(*((kind, option) for kind in TYPES for option in ("-w", "-r", "-f", "-n", "-N", "-u", "-o", "-p", "-v")))
def alias_options(case, kind, option):
    case.write("al", "a: 1\nB: 2\na: 3\nb: 4\nÄ: 5\n", 0o640)
    case.run(f"postalias {option} {kind}:al", quiet=option == "-v")
    for asked in ("", "f", "n", "N"):
        case.run(f"postalias -{asked}q - {kind}:al", input="a\nA\nb\nB\n@\nYP_MASTER_NAME\nä\n")
    case.note_files()


@cases(*UPDATED)
def alias_changes(case, kind):
    case.write("al", "a: 1\nb: 2\n")
    case.run(f"postalias {kind}:al")
    case.run(f"postalias -i {kind}:al", input="c: 3\na: 4\nbroken\n")
    case.run(f"postalias -ir {kind}:al", input="a: 5\n")
    case.run(f"postalias -s {kind}:al")
    case.run(f"postalias -q c {kind}:al")
    case.run(f"postalias -q none {kind}:al")
    case.run(f"postalias -d a {kind}:al")
    case.run(f"postalias -d a {kind}:al")
    case.run(f"postalias -d - {kind}:al", input="b\nc\n")
    case.run(f"postalias -s {kind}:al")


@cases(*((kind, option) for kind in TYPES for option in ("-p", "-w", "-r", "-i")))
def signatures_of_aliases(case, kind, option):
    if option == "-i" and kind == "cdb":
        return
    case.write("al", "a: 1\nYP_MASTER_NAME: x\n\"@\": y\nyp_last_modified: z\n")
    case.write("map", "YP_MASTER_NAME x\n@ z\n")
    case.run(f"postmap {kind}:map")
    table = f"{kind}:map" if option == "-i" else f"{kind}:al"
    case.run(f"postalias {option} {table}", input="a: 1\nyp_master_name: x\n")
    for asked in ("-fq", "-q"):
        case.run(f"postalias {asked} - {table}", input="a\n@\nYP_MASTER_NAME\nyp_master_name\nyp_last_modified\n")


@cases(("hash:FOLDER/al",), ("hash:FOLDER/al, cdb:FOLDER/bl",), ("FOLDER/al",), ("",), ("hash:FOLDER/nosuch",))
def newaliases(case, tables):
    case.write("al", "a: 1\n")
    case.write("bl", "b: 1\nbroken\n")
    case.reconfigure([f"alias_database = {tables.replace('FOLDER', str(case.folder))}"])
    case.run("newaliases")
    case.run("sendmail -bi")
    case.run("postalias -q a hash:al", quiet=True)
    case.note_files()


def exchange(kind, tool, text):
    """What one side wrote is read by the other: the same answers and listings."""
    results = []
    count_cases(4)
    keys = "".join(f"key{i}\n" for i in range(0, 4000, 37)) + "other\nlong\n"
    for number, writer in enumerate(sides()):
        for reader in sides():
            case = Case(reader, f"exchange-{kind}-{tool}-{number}")
            case.write("m", text)
            made = Case(writer, f"made-{kind}-{tool}-{number}-{reader.root.name}")
            made.write("m", text)
            made.run(f"{tool} {kind}:m")
            shutil.copy(made.folder / f"m{SUFFIX[kind]}", case.folder)
            case.run(f"{tool} -q - {kind}:m", input=keys)
            case.run(f"{tool} -q key8 {kind}:m")
            if kind != "cdb":
                case.run(f"{tool} -s {kind}:m")
                case.run(f"{tool} -ir {kind}:m", input="key8: new\nadded: x\n" if tool == "postalias" else "key8 new\nadded x\n")
                case.run(f"{tool} -d key9 {kind}:m")
                case.run(f"{tool} -s {kind}:m")
            results.append((f"written by {writer.kind}, read by {reader.kind}", [
                (name, "\n".join(sorted(text.split("\n")))) for name, text in case.record]))
    for name, record in results[1:]:
        for (line, wanted), (_, got) in zip(results[0][1], record):
            check(wanted == got, lambda: f"{kind}: {name}: {line}: {wanted[:500]} / {got[:500]}")


def interchange_of_files():
    small = "".join(f"key{i} value {i}\n" for i in range(300)) + "long " + "v" * 9000 + "\n"
    large = "".join(f"key{i} value {i}\n" for i in range(12000)) + "other " + "v" * 9000 + "\n"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(exchange, kind, "postmap", text) for kind, text in zip(TYPES, (large,) * 4)]
        for job in jobs:
            job.result()
    aliases = "".join(f"key{i}: value{i}, {i}@x\n" for i in range(300)) + "long: " + "v" * 900 + "\n"
    for kind in TYPES:
        exchange(kind, "postalias", aliases)
        exchange_small(kind, small)


def exchange_small(kind, text):
    """Small tables are even listed in the same order."""
    listings = []
    for side in sides():
        case = Case(side, f"small-{kind}")
        case.write("m", text)
        case.run(f"postmap {kind}:m")
        case.run(f"postmap -s {kind}:m")
        listings.append(case.record)
    check(listings[0] == listings[1], f"{kind}: {listings[0][1][1][:300]} / {listings[1][1][1][:300]}")


interchange_of_files.is_test = True
