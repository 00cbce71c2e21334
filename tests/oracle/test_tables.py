"""Tables that are no indexed files: ours and Debian's postmap on the same tables and keys; answers,
messages and exit statuses must be equal.

A case is a command line and what stands on standard input ("" where nothing does)."""
import concurrent.futures
import contextlib
import os
import pathlib
import socketserver
import subprocess
import tempfile
import threading

from support import bound, check, need_program, oracle

MAIN_CF = """compatibility_level = 3.6
mail_owner = daemon
setgid_group = mail
queue_directory = {folder}
data_directory = {folder}
shlib_directory = {plugins}
meta_directory = {folder}
"""


@contextlib.contextmanager
def place(files):
    """A folder with the tables and a configuration."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        plugins = oracle.tree() / "usr/lib/postfix"
        (folder / "main.cf").write_text(MAIN_CF.format(folder=folder, plugins=plugins))
        (folder / "dynamicmaps.cf").write_text("pcre\tpostfix-pcre.so\tdict_pcre_open\n")
        for file, text in files.items():
            (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
        for file in folder.iterdir():
            os.utime(file, (1e9, 1e9))  # Postfix waits when a file is new
        yield folder


def run(program, folder, arguments, keys):
    done = subprocess.run(["postmap", *arguments], executable=program, cwd=folder, timeout=60,
                          input=keys.encode("utf-8", "surrogateescape"), capture_output=True,
                          env={"PATH": "/usr/bin:/bin", "MAIL_CONFIG": str(folder),
                               "LD_LIBRARY_PATH": str(oracle.tree() / "usr/lib/postfix")})
    return {"status": done.returncode, "output": lines_of(done.stdout), "errors": lines_of(done.stderr)}


def lines_of(output):
    lines = output.decode("utf-8", "surrogateescape").split("\n")
    return [line for line in lines if "usage:" not in line and not line.startswith("BDB")]


def compare(cases, files=None, before=None):
    """Reports every case whose results differ.  `before` runs ahead of each run."""
    ours, theirs = need_program("postmap"), oracle.command("postmap")
    wrong = []
    # Postfix sleeps a second before it gives up.
    with place(files or {}) as folder, concurrent.futures.ThreadPoolExecutor(1 if before else 12) as pool:
        def both(case):
            results = []
            for program in (ours, theirs):
                if before:
                    before()
                results.append(run(program, folder, case[0], case[1]))
            return results
        for (arguments, _), (got, wanted) in zip(cases, pool.map(both, cases)):
            if not any(wanted["output"]) and "fatal:" in str(wanted["errors"]):
                got["output"] = wanted["output"]  # Postfix forgets what it has not written yet
            for part in got:
                if got[part] != wanted[part]:
                    wrong.append(f"postmap {' '.join(arguments)}: {part}\n  ours    {got[part]}\n"
                                 f"  Postfix {wanted[part]}")
    check(not wrong, lambda: f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:20]))


def asked(table, *keys):
    """All keys by one process."""
    return (["-q", "-", table], "".join(key + "\n" for key in keys))


def each(table_type, rules, *keys):
    """One table in its own name for each rule, asked for the keys."""
    return [asked(f"{table_type}:{{{rule}}}", *keys) for rule in rules]


EXPRESSIONS = r"""# every fault of the syntax, and some rules that work
/a/
/b
/c/z r
/d/ $0
/e(.)/ $1$2
/f(.)/ ${1
/g(.)/ abc$(1
/h(.)/ ${}
/h2(.)/ ${1}x$(1)y$$z
!/i(.)/ $1
foo bar
if /j/ extra
  /k/ contin
endif  trailing
endif
if
if /x
IF/l/
/lm/ in-l
ENDIF
if !/zz/
/nn/ notzz
endif
if /open1/
if !
iffy /x/ y
endiffy
/o/
! !/p!/ double
/q\/q/ slash
:q2: colon
=q3\=q=i equal
/r(/ bad
/s(.)(.)/ $2$1 $3
/y11(.)/ $99999999999
/y12/   spaces   kept   
/neg5/ !/neg6/ text
/u/qX
/u2/X text
/$/ end
"""

RESULTS = r"""/^h2(.)/ ${1}x$(1)y$$z
/^t(x)?$/ <$1>
/^s(.)(.)$/ $2$1
/^u$/i case
/^v.w$/m em
/^w+$/x basic
/^ww+$/ixm all
/^y1$/ $$
/^y2$/ a$$b
/^y3$/ a$$b$$
/^y4(.)$/ a$$b$1
/^y5(.)$/ $01
  and $1
# a comment between

  /more/
/^y6$/	tab	inside
!/[a-z0-9]/ negated
if /^if/
if /^ifa/
/b$/ ifa-b
if !/c$/
/./ ifa-not-c
endif
endif
/x$/ if-x
endif
/^(((((((((((a)b)c)d)e)f)g)h)i)j)k)$/ $11-$10-$1
/^A B$/ blank
//i empty
"""

KEYS = ["", " ", "h2x", "h2$", "t", "tx", "sab", "u", "U", "v\tw", "vxw", "VxW", "www", "w+", "WW", "ww+", "y1", "y2", "y3", "y4x",
        "y5z", "y6", "-", "--", "ifab", "ifac", "ifad", "ifx", "if", "ifa", "ifaxx", "abcdefghijk", "a b", "A B", "nothing",
        "LM", "qq", "q/q", "q2", "q3=q", "neg5", "é", "É", "\udce9"]


def test_files_of_expressions():
    files = {"faults": EXPRESSIONS, "results": RESULTS, "empty": "", "comment": "# nothing\n\n   # more\n",
             "bad-start": "  /a/ begins with a blank\n/b/ fine\n", "no-newline": "/a/ b", "crlf": "/a/ b\r\n",
             "latin": b"/caf\xe9/ value\n/a(.)/ \xe9$1\n", "open": "if /a/\nif /b/\nif /c/\n/./ abc\nendif\n/./ ab\n"}
    compare([case for kind in ("regexp", "pcre")
             for case in [asked(f"{kind}:{file}", *KEYS) for file in files] +
             [asked(f"{kind}:nosuchfile", "a"), (["-s", f"{kind}:empty"], ""), (["-d", "a", f"{kind}:empty"], ""),
              asked(f"{kind}:open", "abc", "ab", "a", "b"), asked(f"{kind}:latin", "ax", "caf\udce9"),
              (["-u", *asked(f"{kind}:latin", "ax")[0]], "ax\ncaf\udce9\n"), (["-q", "h2x", f"{kind}:results"], ""),
              (["-q", "zzz", f"{kind}:no-newline"], ""), (["-q", "zzz", f"{kind}:empty", f"{kind}:results"], ""),
              (["-f", "-q", "U", f"{kind}:results"], ""), (["-q", "a", f"{kind}:"], ""), (["-q", "a", kind], "")]], files)


def test_expressions_in_the_name():
    rules = ["", "{", "{x", "x", "{{x", " {/a/ b} ", "{/a/ b},{bad}", "{/a/ b}{/c/ d}", "{/a/ b} , x", "{/a/ b}} y", ",", " ", "{}",
             "{ }", "{#comment}", "{/a/b}", "{ /a/   b  }, {/b/}", "{/{/ b}", "{/a/ {b} }", "{if /a/},{/b/ ab},{endif},{/./ other}",
             "{!/a(.)/!/q/ text$1}", "{/a(.)/!!/b/ text$1}", "{/a(.)/!/(q/ text$1}", "{/a(.)/! text$1}", "{/a(.)/!}",
             "{/a/ !/b/ text}", "{/a/!/b/ text}", "{!/a/!/b/ text}", "{if /a/!/b/},{/./ t},{endif}", "{/a/!/b/i!/c/ x}",
             "{/(.)/ $foo ${x} $9}", "{/(.)/ $11111111111111111111111}", "{/(.)/ $0x}", "{/^.$/ one}", "{/É/ big}",
             "{/^[[:alpha:]]$/ alpha}", "{/(a)(b)?/ <$2$1>}", "{/a*?/ x$$}", "{/[/ x}", "{/a\\/ x}", "{/\\/ x}", "{/x/ $}", "{/x/ $-}",
             "{/(x)/ ${1?x}}", "{/(x)/ ${1?{x}:{y}}}", "{/(x)/ ${(1)}}", "{/(x)/ $(1}", "{/(x)/ $1_}", "{/(x)/ $1-$(1)}", "{/a{2}/ two}",
             "{|a|b| text}", "{/ab/ixm text}", "{/a/ii text}", "{/a/I text}", "{(a( text}", "{\"a\" text}", "{'a' text}", "{/a/\ttab}"]
    compare(each("regexp", rules, "a", "ab", "aa", "x", "A", "é", "b") + each("pcre", rules, "a", "ab", "aa", "x", "A", "é", "b"))


def test_expressions_of_perl():
    rules = [r"{/(?<n>.)/ $1}", r"{/^\w$/ word}", r"{/(*UTF)^.$/ one}", r"{/(*UTF)é/ e}", r"{/(*UTF8)é/ e}", r"{/^a.b$/ dot}",
             r"{/^a.b$/s no-dot}", r"{/b/A anchored}", r"{/a+/U ungreedy}", r"{/(a+)(a*)/U $1-$2}", r"{/a $/x extended}",
             r"{/ab$/E end}", r"{/^b/m multi}", r"{/a/X extra}", r"{/a/iX extra}", r"{/(?i)AB/i inner}", r"{/(?=ab\K)/ x}",
             r"{/a\Kb/ x}", r"{/(a)\K(b)/ $1$2}", r"{/^(a+)+$/ x},{/./ y}", r"{/^(?!owner-)(.*)-out/ ${1}!}", r"{/(?R)/ x},{/a/ b}",
             r"{/\p{Lu}/i upper}", r"{/(?|(a)|(b))/ $1}", r"{/a(?#comment)b/ ab}", r"{/\x61\142/ escaped}", r"{/(a)|(b)/ $1$2}",
             r"{/[[:^alpha:]]/ notalpha}", r"{/\//  slash}", r"{/^(?:a|b)++$/ possessive}", r"{/(*FAIL)/ x},{/(*ACCEPT)/ y}",
             r"{/a(?<=b)/ x}", r"{/(?<x>a)(?P=x)/ twice}", r"{/\Qa.b\E/ quoted}", r"{/(/ x}", r"{/a{2,1}/ x}", r"{/[b-a]/ x}", r"{/\1(a)/ x}"]
    keys = ["a", "ab", "aa", "b", "AB", "é", "É", "\udce9", "a\tb", "a.b", "owner-x-out", "list-out", "a" * 40 + "b", "/", "1"]
    compare(each("pcre", rules, *keys))


NETWORKS = """# every fault of the syntax, and some rules that work
1.2.3.4 one
1.2.3.0/24 net
1.2.3.4/24 hostbits
1.2.3/24 short
1.2.3.4/33 long
1.2.3.4/ nomask
1.2.3.4/a alpha
1.2.3.4/-1 neg
1.2.3.4
1.2.3.4/32
/24 x
! x
::1 v6
[::1] v6b
[::2]/128 v6c
[::3 v6d
[::4]x v6e
[::4]/x v6f
[1.2.3.5] br4
2001:db8::/32 doc
2001:db8::1/32 docbits
::ffff:1.2.3.4 mapped
if 10.0.0.0/8
10.1.0.0/16 ten-one
  10.2.0.0/16 cont
if !10.2.0.0/15
10.0.0.0/8 ten-low
endif
10.3.0.0/16   ten   three  
ENDIF
if !11.0.0.0/8 extra
endif trailing
endif
if
IF 1.1.1.1/40
iffy x
endiffy y
IF10.0.0.0/8
if(10.0.0.0/8
endif/
01.2.3.4 lead
1.2.3.256 big
0/0 zero
1.2.3.4:25 port
{1.2.3.4} brace
1.2.3.4/24/24 two
256.1.1.1/8 s
!1.1.1.1 notone
if [::1]/128
::/0 all6
if 1.1.1.1
0.0.0.0/0 all4
"""
ADDRESSES = ["1.2.3.4", "1.2.3.9", "::1", "::2", "0:0::1", "10.1.2.3", "10.2.2.3", "10.3.2.3", "10.4.0.1", "1.1.1.1", "::ffff:1.2.3.4",
             "2001:DB8::5", "[::1]", "1.2.3", "name.example", "", "1.2.3.4 ", "::5", "fe80::1%lo"]


def test_networks():
    rules = ["{foo}", "{!}", "{! }", "{if !}", "{if 1.0.0.0/8},{if 2.0.0.0/8}", "{1.2.3.4/99999999999999999999 x}",
             "{1.2.3.4/000024 x}", "{1.2.3.0/000024 x}", "{[1.2.3.4 x}", "{[] x}", "{[]/8 x}", "{::1/64 x}", "{1.2.3.4$1 x}",
             "{endif x}", "{-1 x}", "{[::1]/129 x}", "{!::1}", "{1.2.3/44444 x}", "{", "x", "{x}} y", "", "{}", "{#x}", "{1.2.3.4 $1}",
             "{if !::1/128},{0.0.0.0/0 inif},{endif},{!1.2.3.5 neg4},{!::/128 neg6}", "{!!1.2.3.4 twice}", "{! 1.2.3.4 not}",
             "{if !1.2.3.4},{0.0.0.0/0 other},{endif},{::/0 six}", "{0.0.0.0/0 x}", "{::/0 x}", "{1.2.3.4/32 x}", "{1.2.3.4/31 x}"]
    compare([asked("cidr:networks", *ADDRESSES), asked("cidr:nosuchfile", "1.2.3.4"), asked("cidr:.", "1.2.3.4"), (["-s", "cidr:networks"], ""),
             (["-d", "1.2.3.4", "cidr:networks"], ""), (["-q", "1.2.3.4", "cidr:networks"], "")] +
            each("cidr", rules, *ADDRESSES), {"networks": NETWORKS})


def test_types_that_are_not_here():
    types = ["nosuch", "sdbm", "dbm", "nisplus", "dbz"]
    compare([case for kind in types for case in ((["-q", "x", f"{kind}:y"], ""), ([f"{kind}:y"], ""), (["-s", f"{kind}:y"], ""),
                                                 (["-d", "x", f"{kind}:y"], ""), (["-i", f"{kind}:y"], "a b\n"))] +
            [([f"{kind}:y"], "") for kind in ("regexp", "pcre", "cidr", "static", "inline")], {"y": "a b\n"})


def test_tables_of_tables():
    names = ["pipemap:{}", "pipemap:x", "pipemap:{x}", "pipemap:{x:y}", "pipemap:{static:a}", "pipemap:{static:a,inline:{a=b}}",
             "pipemap:{static:a,inline:{c=b}}", "pipemap:{static:a inline:{a=b c=d}}", "pipemap:{static:a,fail:x}",
             "pipemap:{{static:a}}", "pipemap:{static:a", "pipemap:{static:a}x", "pipemap:{,}", "pipemap:{static:,static:b}",
             "pipemap:{regexp:{{/(.*)/ <$1>}},regexp:{{/(.*)/ [$1]}}}", "pipemap:{static:a,static:b}:c", "pipemap:{static:A,inline:{a=b}}",
             "pipemap:{inline:{key=a,KEY=b},cidr:{{1.2.3.4 x}}}", "pipemap:{pipemap:{static:a,static:b},inline:{b=c}}",
             "unionmap:{}", "unionmap:{x}", "unionmap:{static:a,static:b}", "unionmap:{static:a,inline:{q=z},inline:{key=v}}",
             "unionmap:{inline:{q=z}}", "unionmap:{static:a,fail:x}", "unionmap:{fail:x,static:a}", "unionmap:{inline:{q=z},fail:x}",
             "unionmap:{static:{a, b},static:c}", "unionmap:{{static:a b}}", "unionmap:{,}", "unionmap:{hash:/nonexist}",
             "unionmap:{regexp:/nonexist,static:a}", "unionmap:{static:}", "unionmap:{static:a,static:}",
             "unionmap:{unionmap:{static:a,static:b},static:c}", "unionmap:{static:a,nosuch:b}", "unionmap:{inline:{Key=v},pcre:{{/K/i w}}}",
             "unionmap:{static:a,pcre:{{/K/i w}}}", "unionmap:{pcre:{{/K/i w}},static:a}", "unionmap:{pcre:{{/K/i w}},cidr:{}}",
             "unionmap:{inline:{Key=v},inline:{Key=V}}", "pipemap:{pcre:{{/(K)/i $1}},pcre:{{/K/i w}}}", "pipemap:{inline:{key=K},pcre:{{/K/i w}}}",
             "randmap:{}", "randmap:{a}", "randmap:{a", "randmap:a", "randmap:{{a b}}", "randmap:{ { a b } }", "randmap:{{a}x}",
             "randmap:{,}", "randmap:{a}x", "randmap:{a=b}", "randmap:{a,a,a}", "inline:{", "inline:{a=b}x", "inline:{ key = v }",
             "inline:{{key = v w}}", "inline:{key}", "inline:{key=}", "static:{a b}", "static:{a", "static:{a}b"]
    compare([asked(name, "key", "KEY", "q", "1.2.3.4", "\udce9", "é") for name in names] +
            [(["-s", name], "") for name in ("pipemap:{static:a}", "unionmap:{static:a}", "randmap:{a}")] +
            [(["-d", "a", name], "") for name in ("pipemap:{static:a}", "unionmap:{static:a}", "randmap:{a}")] +
            [(["-u", "-q", "KEY", name], "") for name in names if "pcre" in name])
