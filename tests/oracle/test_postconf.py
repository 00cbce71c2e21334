"""postconf: the same configuration and command line through ours and Debian's, every byte compared.

Standard error is compared as a set of lines: Postfix repeats warnings and gives them in the order of
a hash table.  What may differ otherwise, and why, stands in REASONS and in NOT_COMPARED."""
import concurrent.futures
import os
import pathlib
import random
import re
import subprocess
import tempfile

from support import ROOT, bound, check, need_program, oracle

CONFIGURATIONS = pathlib.Path(__file__).parent / "postconf"
ALL = sorted(p.name.removesuffix(".main.cf") for p in CONFIGURATIONS.glob("*.main.cf"))

# Case by case: (configuration or "*", the first words of the command line) -> why they may differ.
REASONS = {
    ("*", "-X mail_name mail_name"): "Postfix crashes",
    ("long", "-Fh"): "Postfix leaves out the blank behind the command",
}

# Warnings that 3.7.11 does not have: ours are those of 3.8, 3.9 and 3.11, which
# system/test_deprecated.py compares with what those releases document.
NEW_WARNINGS = re.compile(r"(: support for parameter \"\w+\" will be removed; instead, "
                          r"|: #comment after other text is not allowed: |: See https://www.postfix.org/DEPRECATION_README)")


def names_that_differ():
    """Parameters that are new, or have another default, in the release whose level ours has; and
    those whose value is a fact about the program."""
    names = {"mail_version", "mail_release_date", "milter_macro_v", "service_name", "process_id"}
    for line in (ROOT / "conf/parameters.tsv").read_text().splitlines():
        cells = line.split("\t")
        if not line.startswith("#") and cells[6] != "3.7":
            names.add(cells[0])
    return names | CHANGED_DEFAULTS


# Defaults that another release than 3.7 brought: 3.8 to 3.11, as postconf(5) tells.
CHANGED_DEFAULTS = {
    "address_verify_map", "alias_database", "alias_maps", "import_environment", "milter_default_action",
    "postscreen_cache_map", "proxy_read_maps", "smtp_tls_dane_insecure_mx_policy", "smtp_tls_security_level",
    "smtpd_forbid_bare_newline", "smtpd_forbid_unauth_pipelining", "tls_eecdh_auto_curves",
    "tls_export_cipherlist", "tls_high_cipherlist", "tls_low_cipherlist", "tls_medium_cipherlist",
    "tls_null_cipherlist", "tlsproxy_client_policy_maps", "tlsproxy_client_security_level"}

NOT_COMPARED = names_that_differ()


# What "plain+KEY" has at the ends of the files of "plain".
ADDED = {}


def add(main, master=""):
    key = f"{len(ADDED)} {main!r}{' and ' if master else ''}{master}"
    ADDED[key] = (f"{main}\n", f"x unix - - n - - smtp {master}\n" if master else "")
    return f"plain+{key}"


def run(program, name, arguments, files):
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "conf"
        folder.mkdir()
        base, _, added = name.partition("+")
        for file, more in zip(("main.cf", "master.cf"), ADDED.get(added, ("", ""))):
            (folder / file).write_bytes((CONFIGURATIONS / f"{base}.{file}").read_bytes() + more.encode())
            os.utime(folder / file, (1e9, 1e9))  # Postfix waits when a file is new
        done = subprocess.run(["postconf", *arguments], executable=program, cwd=scratch, text=True,
                              errors="replace", capture_output=True, stdin=subprocess.DEVNULL,
                              env={"PATH": "/usr/bin:/bin", "MAIL_CONFIG": "conf", **oracle_environment()})
        left = {p.name: p.read_text(errors="replace") for p in sorted(folder.glob("*.cf"))} if files else {}
        return {"status": done.returncode, "output": compared(done.stdout),
                "errors": sorted(set(done.stderr.splitlines())), "files": left}


def oracle_environment():
    return {"LD_LIBRARY_PATH": str(oracle.tree() / "usr/lib/postfix")}


def compared(output):
    """Without the parameters that are not compared, continuation lines included."""
    kept, keep = [], True
    for line in output.splitlines():
        if not line.startswith("    "):
            keep = re.split(r"[ =]", line)[0] not in NOT_COMPARED
        if keep:
            kept.append(line)
    return kept


def comparable(errors):
    return [line for line in errors if "usage:" not in line and not NEW_WARNINGS.search(line)]


def compare(cases, files=False):
    """`cases`: (configuration, arguments).  Reports every case that differs."""
    ours, theirs = need_program("postconf"), oracle.command("postconf")
    wrong = []
    cases = [(name, arguments) for name, arguments in cases
             if not any(n in (name, "*") and " ".join(arguments).startswith(start) for n, start in REASONS)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:  # Postfix waits a second before it dies
        both = pool.map(lambda case: [run(program, *case, files) for program in (ours, theirs)], cases)
    for (name, arguments), (got, wanted) in zip(cases, both):
        for result in (got, wanted):
            result["errors"] = comparable(result["errors"])
        for part in got:
            if got[part] != wanted[part]:
                wrong.append(f"{name}: postconf {' '.join(arguments)}: {part}\n"
                             f"  ours    {difference(got[part], wanted[part])}\n"
                             f"  Postfix {difference(wanted[part], got[part])}")
    check(not wrong, lambda: f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:20]))


def difference(one, other):
    if isinstance(one, dict):
        one, other = ([f"{file}: {line}" for file, text in files.items() for line in text.split("\n")]
                      for files in (one, other))
    if isinstance(one, list):
        return [line for line in one if line not in other][:5] or "(another order)"
    return one


def everywhere(lines):
    return [(name, line.split()) for name in ALL for line in lines]


@bound(240)
def test_main_cf_values():
    compare(everywhere(["", "-d", "-n", "-H", "-x", "-xd", "-nx", "-p", "-nH", "-hn", "-hnx"]))


def test_folding():
    compare(everywhere(["-f", "-nf", "-df", "-Mf", "-Ff", "-Pf", "-nfh"]))
    lengths = [("plain", [options, "-o", f"mail_name={'a' * n} {'b' * 20} {tail}", "mail_name"])
               for n in range(30, 60, 2) for tail in ("x", "xy", "x y", "x y z") for options in ("-f", "-fh")]
    compare(lengths)


def test_classes_of_parameters():
    compare(everywhere(["-C builtin", "-C service", "-C user", "-C all", "-n -C user", "-d -C user",
                        "-d -C service", "-nC service", "-C builtin,user"]))


def test_chosen_names():
    compare(everywhere(["myhostname", "mail_name nosuch", "-n mail_name", "-d mail_name nosuch", "-x mydestination",
                        "-h mail_name queue_directory", "-d myhostname mydomain mynetworks",
                        "myhostname mydomain mynetworks", "-x mynetworks_style", "-H mail_name", "smtpd_banner x=y"]))


def test_overrides():
    compare(everywhere(["-o mail_name=x mail_name smtpd_banner", "-x -o mail_name=x smtpd_banner",
                        "-n -o mail_name=x", "-o a=b -o mail_name=zz mail_name", "-o x", "-o = mail_name"]))


def chain(length, last):
    """c0 is c1 is c2 ... is `last`."""
    return "\n".join(["relayhost = <$c0>"] + [f"c{n} = ${{c{n + 1}}}" for n in range(length)] + [f"c{length} = {last}"])


# (main.cf, the options of a service): values that cannot be expanded.
BROKEN = [(f"{name} = {value}", "") for name in ("relayhost", "myhostname", "smtpd_restriction_classes", "forward_path", "user",
                                                 "maximal_queue_lifetime") for value in ("${", "${a!b}", "$a\na = $b\nb = $a")]
BROKEN += [("relayhost = $user\nuser = ${}", ""), ("relayhost = ${user?{x}}\nuser = $user", ""), ("mydomain = $(", ""),
           ("relayhost = $nosuch ${", ""), ("relayhost = ${{a} ~ {b}}", ""), ("smtpd_restriction_classes = c\nc = ${", ""),
           ("smtpd_restriction_classes = $c\nc = a, b\na = x\nb = y", ""), ("", "-o relayhost=${"), ("", "-o user=${"),
           ("", "-o relayhost=$a -o a=$a"), ("", "-o smtpd_restriction_classes=${x"), ("x_destination_rate_delay = ${", "-v")]
BROKEN += [(chain(length, "lit"), "") for length in (98, 99, 100, 101)]


@bound(240)
def test_values_that_cannot_be_expanded():
    names = [add(*broken) for broken in BROKEN]
    compare([(name, ["-n"]) for name in names] +
            [(names[0], line.split()) for line in ("-x relayhost", "-M smtp/unix", "-d relayhost", "-Px", "-F", "-e a=b", "-l",
                                                   "-n -o relayhost=x", "-n -o myhostname=$myhostname", "-nC user")])


def test_services():
    compare(everywhere(["-M", "-Mx", "-M smtp", "-M smtp/inet", "-M nosuch", "-M */unix", "-M a/b/c",
                        "-M smtp/inet smtp/unix nosuch/inet"]))


def test_fields():
    compare(everywhere(["-F", "-Fx", "-FH", "-F smtp", "-F smtp/inet", "-F smtp/inet/chroot", "-F smtp/*/chroot",
                        "-F */*/command", "-F smtp/inet/nosuch", "-F nosuch", "-F a/b/c/d", "-Fh smtp/inet/chroot"]))


def test_service_settings():
    compare(everywhere(["-P", "-Px", "-Ph", "-PH", "-P smtp", "-P smtp/inet", "-P smtp/inet/nosuch",
                        "-P */*/smtpd_banner", "-P a/b/c/d", "-P nosuch"]))


@bound(300)
def test_pairs_of_options():
    letters = "adeFMnpX#"
    pairs = [("plain", [f"-{one}{other}"]) for at, one in enumerate(letters) for other in letters[at + 1:]]
    compare(pairs + [("plain", line.split()) for line in ("-deX", "-efx", "-Pdn", "-aMde", "-n a=b", "-x a=b", "-MF", "-C", "-T",
                                                  "-C foo", "-C builtin,foo", "-o x -e a=b", "-o a=b -X c", "-aT x")])


EDITED = ("plain", "repeated")

EDITS = [["a=b"], ["-e", "mail_name=x y"], ["-e", "myhostname = q", "foo=1"], ["-X", "myhostname"],
         ["-#", "mydomain"], ["-#", "mail_name", "smtpd_banner"], ["-X", "nosuch"], ["-e", "foo"], ["-e", "=x"],
         ["-e", "a b=c"], ["-e", "a\nb=c"], ["-e"], ["-X"], ["-#"], ["-X", "a=b"], ["-e", "mail_name=1", "mail_name=2"],
         ["-X", "mail_name", "mail_name"], ["-e", " mail_name = 1 "], ["-e", "mail_name  =  a   b  "],
         ["-e", "x$y=1"], ["-e", "mail_name=$x"], ["-e", ""], ["-X", ""], ["-ef", "a=b"], ["-c", "conf", "-e", "a=b"],
         ["-c", "nosuchdir", "-e", "a=b"], ["-c", "nosuchdir", "-n"], ["-c", "nosuchdir", "-d", "mail_name"],
         ["-e", "#mail_name=x"], ["-e", " # x"], ["-X", "#a"], ["-#", "mail_name", " #a"], ["-e", "a=#b"], ["-e", "a#b=c"], ["-e", "#a\nb=c"],
         ["-e", "zz", "#b=c"], ["-X", "#a", ""], ["-e", "", "#a=b"], ["mail_name=x", "nosuch"], ["nosuch", "mail_name=x"]]


@bound(240)
def test_edits_of_main_cf():
    compare([(name, edit) for name in EDITED for edit in EDITS], files=True)


MASTER_EDITS = """
-M|-e|submission/inet=submission inet n - y - - smtpd -o x=y -o {a = b c}
-Me|smtp/inet=smtp inet n - n - 1 smtpd -v
-Me|smtp/inet = smtp inet n - n - 1
-Me|smtp/inet = foo inet n - n - 1 smtpd
-Me|smtp/inet=
-Me|smtp/inet=a inet - - - - - b|smtp/unix=a unix - - - - - c
-Me|*/inet=a inet - - - - - b
-Me|smtp/inet=a inet - - - - - b|smtp/inet=c inet - - - - - d
-Me|smtp/inet
-M|smtp/inet/x=x
-MX|relay/unix
-M#|relay/unix
-MX|nosuch/unix
-MX|relay
-MX|*/unix
-M#|*/*
-MX|smtp/inet|smtp/unix
-F|relay/unix/chroot=n
-F|*/inet/chroot=n
-F|relay/unix/command=smtp -v
-F|relay/unix/command=smtp -v -o a=b -o {c=d e} x
-F|relay/unix/service=x y
-F|relay/unix/*=x
-F|relay/unix/private=q
-F|relay/unix/wakeup=5?
-F|relay/unix/process_limit=5x
-F|nosuch/unix/wakeup=5
-F|smtp/inet/nosuch=x
-F|pickup/unix/chroot=n|pickup/unix/private=y|relay/unix/private=y
-F|smtp/inet/chroot
-Fe|smtp/inet/chroot
-F|smtp/inet=x
-F|smtp/inet/service=new|smtp/inet/type=unix
-P|relay/unix/syslog_name=foo
-P|relay/unix/new=a b
-P|relay/unix/*=a
-P|*/*/new=a
-P|nosuch/unix/x=y
-P|pickup/unix/x=y|pickup/unix/z=y|smtp/inet/q=
-P|smtp/inet/x
-Pe|smtp/inet/x
-P|smtp/inet=x
-P|maildrop/unix/flags=x
-P|*/inet/x={a}
-P|smtp/inet/x=a=b
-PX|relay/unix/syslog_name
-PX|relay/unix/*
-PX|relay/unix/nosuch
-PX|relay/unix/a=b
-Me|#x/inet=#x inet n - - - - smtpd
-Me|smtp/inet=#x inet n - - - - smtpd
-Me|y|#x
-MX| #relay/unix
-M#||#x
-MX|
-Fe|
-P|#relay/unix/a=b
-P|relay/unix/#a=b
-Pe|=x
"""


@bound(240)
def test_edits_of_master_cf():
    compare([("plain", [option, text]) for text in ("x/inet=a\nb", "#x/inet/a\n") for option in ("-Me", "-MX", "-P", "-F")], files=True)
    compare([(name, line.split("|")) for name in EDITED for line in MASTER_EDITS.split("\n") if line], files=True)


# (main.cf, the options of a service): which names are used, and which undefined.
USES = [
    ("relayhost = $rr\nunus = 1", "-o rr=1 -o zz=2 -o unus=4"), ("relayhost = x", "-o relayhost=$rr -o rr=$zz -o zz=$rr2"),
    ("smtpd_restriction_classes = ca cb\nca = permit", "-o cb=permit -o cx=1"),
    ("cx = 1", "-o smtpd_restriction_classes=ca,cx,cz -o ca=1"), ("smtpd_restriction_classes = $c\nc=a,b\na=1\nb=2", "-o a=1"),
    ("transport_maps = $mine\nmine = ldap:aa\naa_server_host = x\nbb_scope = y", "-o mydomain=ldap:bb -o bb_server_host=1 -o dd=ldap:ee"
     " -o ee_scope=2"), ("transport_maps = ldap:$mine mysql:${mine}b\nmine = aa\naa_scope = x\naab_hosts = y", ""),
    ("transport_maps = ldap:aa", "-o aa_scope=1"), ("mine = pgsql:aa\naa_hosts = x", "-o transport_maps=$mine"),
    ("transport_maps = randmap:{ldap:a, {ldap:b}} foo:{ldap:c} {ldap:d} inline:{a=ldap:e {b = ldap:f}} proxy:{ldap:g} :{ldap:h}\n" +
     "\n".join(f"{c}_scope = 1" for c in "abcdefgh"), ""),
    ("transport_maps = pipemap:{ldap:a\na_scope = 1", ""), ("transport_maps = pipemap:{ldap:a}x {ldap:b}y\na_scope = 1\nb_scope = 1", ""),
    ("mydestination = {ldap:a\na_scope = 1", "-o transport_maps=randmap:{ldap:b} -o b_scope=1 -o {relay_domains=unionmap:{ldap:c}"),
    ("x = pipemap:{ldap:a\na_scope = 1", ""), ("virtual_maps = ldap:a\na_scope = 1\nfallback_relay = $b", "-o virtual_maps=ldap:c"),
    ("relayhost = ${myhostname?{$t1}:{$t2}} ${nosuch?{$t3}:{$t4}} ${{a}=={b}?{$t5}:{$t6}} ${{$t7}<{$t8}}", "-o mydomain=${x?$y}"),
]


@bound(240)
def test_used_names():
    names = [add(*use) for use in USES]
    compare([(name, line.split()) for name in names for line in ("-n", "-nx", "-M", "-P")])


FILES = {
    "good": "user = x\ntimeout = 1\n", "strange": "foo = bar\nsearch_filter = x\nresult_format = %s\nwhere_field = 1\n",
    "twice": "foo = {\n a\nfoo = b\nfoo = b\nquery = c\nquery = d\n", "no-equals": "user x\n", "indented": " user = x\nfoo =\n",
    "everything": "".join(f"{name} = 1\n" for name in "server_host search_base domain scope table dbpath dbname memcache ttl lookup_wildcards "
                          "sizelimit backup select_function option_group tls_CAfile bind_dn max_try additional_conditions".split())}


def test_files_of_tables():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            pathlib.Path(folder, name).write_text(text)
        names = [add(f"transport_maps = proxy:{type}:{folder}/{name} {type}:./none")
                 for type in ("ldap", "mysql", "pgsql", "sqlite", "memcache", "hash") for name in [*FILES, "", "nosuch"]]
        compare([(name, ["-n"]) for name in names] + [(add("", f"-o transport_maps=randmap:{{ldap:{folder}/strange}}"), ["-P"])])


def test_every_name():
    """Each parameter that the defaults of Postfix use or have is set: which of them are unused?"""
    done = subprocess.run([oracle.command("postconf"), "-d"], capture_output=True, text=True, check=True, env=oracle_environment())
    names = set(re.findall(r"\$\{?(\w+)|^(\w+) =", done.stdout, re.M)) - {("", "config_directory"), ("", "compatibility_level")}
    compare([(add("\n".join(sorted({f"{a or b} = 1" for a, b in names}))), ["-n"])])


class Chance:
    """A configuration made by chance of names, references and tables that may use each other."""
    OWN = ["aa", "bb", "cc", "dd", "cl1", "cl2"]
    BUILT_IN = ["relayhost", "transport_maps", "mydestination", "smtpd_restriction_classes", "virtual_maps", "header_checks",
                "smtpd_client_restrictions", "forward_path", "smtpd_use_tls", "x_destination_rate_delay", "syslog_name"]
    TYPES = ["ldap", "mysql", "pgsql", "sqlite", "memcache", "hash", "proxy:ldap", "proxy:proxy:mysql", "nosuch", "inline", "pipemap"]
    ATTRIBUTES = ["_scope", "_hosts", "_dbpath", "_domain", "_time_limit", "_memcache", "_nosuch"]

    def __init__(self, seed):
        self.pick = random.Random(seed)

    def setting(self):
        """A name, and those its value may use: none that uses it in turn, which ends both at different places."""
        where = self.pick.random()
        if where < 0.5:
            at = self.pick.randrange(len(self.OWN))
            return self.OWN[at], self.OWN[at + 1:]
        return (self.pick.choice(self.BUILT_IN) if where < 0.75 else
                self.pick.choice(self.OWN) + self.pick.choice(self.ATTRIBUTES)), self.OWN

    def word(self, names, depth=0):
        kind = self.pick.randrange(10 if depth < 4 and names else 4 if names else 1)
        more = self.words(names, depth + 1) if kind > 3 else ""
        type, name = self.pick.choice(self.TYPES), self.pick.choice(names or ["lit"])
        close = "" if depth == 0 and self.pick.random() < 0.1 else "}"
        return (name, f"${name}", f"${{{name}}}", f"{type}:{name}", f"${{{name}?{{{more}}}:{{{more}}}}}", f"${{{name}?x{more}}}",
                f"${{{{{more}}} == {{{name}}}?{{{more}}}}}", f"{{{more}{close}", f"{type}:{{{more}{close}",
                f"{type}:{{{more}}}{name}")[kind]

    def words(self, names, depth=0):
        return self.pick.choice([" ", ", "]).join(self.word(names, depth) for _ in range(self.pick.randint(1, 3)))

    def line(self, depth=0):
        name, others = self.setting()
        return f"{name} = {self.words(others, depth)}"

    def configuration(self):
        return ("\n".join(self.line() for _ in range(self.pick.randint(1, 9))),
                " ".join(f"-o {{{self.line(1)}}}" for _ in range(self.pick.randint(0, 4))))


@bound(420)
def test_names_used_by_chance():
    made = [add(*Chance(seed).configuration()) for seed in range(int(os.environ.get("RELAIS_TEST_SEEDS", 150)))]
    compare([(name, [f"-{options}"]) for n, name in enumerate(made) for options in ("n", ("nx", "M", "P", "Px", "Mx")[n % 5])])


def test_lists():
    compare([("plain", line.split()) for line in ("-l", "-l x", "-t a b", "-b a b")])
