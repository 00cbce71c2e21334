"""Tables that are no indexed files: ours and Debian's postmap on the same tables and keys; answers,
messages and exit statuses must be equal.

A case is a command line and what stands on standard input ("" where nothing does)."""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import socketserver
import subprocess
import tempfile
import threading

from support import bound, check, count_cases, need_program, oracle

MAIN_CF = """compatibility_level = 3.6
mail_owner = daemon
setgid_group = mail
queue_directory = {folder}
data_directory = {folder}
shlib_directory = {plugins}
meta_directory = {listed}
"""


@contextlib.contextmanager
def place(files):
    """A folder with the tables and a configuration."""
    listed = oracle.plugin_list()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        plugins = oracle.tree() / "usr/lib/postfix"
        (folder / "main.cf").write_text(MAIN_CF.format(folder=folder, plugins=plugins, listed=listed))
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


def compare(cases, files=None, clean=lambda text: text):
    """Reports every case whose results differ.  `clean` takes out of a message what is by chance."""
    ours, theirs = need_program("postmap"), oracle.command("postmap")
    count_cases(len(cases))
    wrong = []
    # Postfix sleeps a second before it gives up.
    with place(files or {}) as folder, concurrent.futures.ThreadPoolExecutor(24) as pool:
        def one(job):
            result = run(job[0], folder, *job[1])
            result["errors"] = [clean(line) for line in result["errors"]]
            if job[1][0][0] == "-s":
                result["output"].sort()  # Postfix lists tables in memory in an order of chance
            return result
        results = pool.map(one, [(program, case) for case in cases for program in (ours, theirs)])
        for (arguments, _), got, wanted in zip(cases, results, results):
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
             "latin": b"/caf\xe9/ value\n/a(.)/ \xe9$1\n", "nul": b"/a/ b\n\0\n/h/\0 x\n\0/t/ y\n/u/ u\0v\n", "open": "if /a/\nif /b/\nif /c/\n/./ abc\nendif\n/./ ab\n"}
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
            each("cidr", rules, *ADDRESSES) + [asked("cidr:nul", *ADDRESSES)],
            {"networks": NETWORKS, "nul": b"1.2.3.4 one\n\0\n::1\0 x\n\0::2 x\n1.2.3.9 y\0z\n"})


def test_types_that_are_not_here():
    types = ["nosuch", "sdbm", "dbm", "nisplus", "dbz"]
    compare([case for kind in types for case in ((["-q", "x", f"{kind}:y"], ""), ([f"{kind}:y"], ""), (["-s", f"{kind}:y"], ""),
                                                 (["-d", "x", f"{kind}:y"], ""), (["-i", f"{kind}:y"], "a b\n"))] +
            [([f"{kind}:y"], "") for kind in ("regexp", "pcre", "cidr", "static", "inline")], {"y": "a b\n"})


def test_tables_of_tables():
    names = ["inline:{ }", "inline:{}", "inline:{ {} }", "inline:{ { } }", "inline:{{=b}}", "inline:{=b}", "inline:{,}", "inline:{{ = b } {a = b}}",
             "pipemap:{}", "pipemap:x", "pipemap:{x}", "pipemap:{x:y}", "pipemap:{static:a}", "pipemap:{static:a,inline:{a=b}}",
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
             "inline:{{key = v w}}", "inline:{key}", "inline:{key=}", 'inline:{ {"a b" = c} }', 'inline:{"a b"=c}', 'inline:{{"=b}}', "inline:{{a\\ b=c}}", "inline:{{\\=b}}",
             'inline:{{a"b c"d=e}}', 'inline:{{"a\\"b"=c}}', 'inline:{{"a}b"=c}}', 'inline:{{"key" b = c}}', "inline:{key=b} ", "inline:{{key\\}}", 'inline:{{key="v}}', "static:{a b}", "static:{a", "static:{a}b"]
    compare([asked(name, "key", "KEY", "q", "1.2.3.4", "\udce9", "é", '"a b"', "a\\ b", '"a\\"b"', 'a"b c"d', '"a}b"') for name in names] +
            [(["-s", name], "") for name in ("pipemap:{static:a}", "unionmap:{static:a}", "randmap:{a}")] +
            [(["-d", "a", name], "") for name in ("pipemap:{static:a}", "unionmap:{static:a}", "randmap:{a}")] +
            [(["-u", "-q", "KEY", name], "") for name in names if "pcre" in name])


def test_types_without_a_file():
    names = ["environ:x", "environ:", "internal:x", "fail:x", "fail:", "static:x", "unix:passwd.byname", "unix:group.byname", "unix:other",
             "inline:{PATH=y}", "texthash:t"]
    compare([asked(name, "PATH", "path", "root", "Root", "nobody-here", "MAIL_CONFIG") for name in names if not name.startswith("environ")] +
            [asked("environ:x", "PATH", "path", "none", "a=b")] +
            [case for name in names for case in (([f"-q", "root", name], ""), (["-s", name], ""), (["-d", "root", name], ""),
                                                 (["-i", name], "a b\n"), ([name], ""), (["-f", "-q", "ROOT", name], ""))
             # What is there in the environment is by chance; a type that cannot be built is told before its empty name.
             if case[0] != ["-s", "environ:x"] and not ("fail" in name and len(case[0]) < 3 and case[0][0] != "-s") and case[0] != ["-i", "environ:"]], {"t": "root 1\nPATH 2\nroot 3\n", "x": "a b\n"})


def test_values_that_name_files():
    files = {"one": "hello\n", "two": "two\nlines\n", "text": "k one\nk2 one, two\nk3 nosuch\n",
             "expressions": "/a/ one two\n/b/ nosuch\n/(c)/ $1\n/d/\n/e/ one\n", "networks": "1.2.3.4 one\n1.2.3.5 nosuch\n"}
    tables = {"texthash:text": "k k2 k3", "regexp:expressions": "a b c d e", "pcre:expressions": "a b c d e",
              "cidr:networks": "1.2.3.4 1.2.3.5", "static:one": "x", "static:nosuch": "x", "inline:{k=one}": "k", "inline:{k=nosuch}": "k",
              "randmap:{one,one}": "k", "randmap:{one,nosuch}": "k", "unix:passwd.byname": "root",
              "unionmap:{static:one,inline:{k=two}}": "k", "pipemap:{inline:{k=one},static:two}": "k", "fail:x": "k"}
    compare([(["-F", "-q", key, table], "") for table, keys in tables.items() for key in keys.split()], files)


class Server(socketserver.ThreadingTCPServer):
    """Answers each request with what `answer` says; None hangs up."""
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 100

    def __init__(self, take, answer):
        super().__init__(("127.0.0.1", 0), Talk)
        self.take, self.answer, self.requests = take, answer, set()
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Talk(socketserver.BaseRequestHandler):
    def handle(self):
        got = b""
        with contextlib.suppress(OSError):
            while more := self.request.recv(65536):
                got += more
                while (taken := self.server.take(got)) is not None:
                    request, got = taken
                    self.server.requests.add(request)
                    reply = self.server.answer(request)
                    if reply is None:
                        return
                    self.request.sendall(reply)


def take_line(got):
    line, newline, rest = got.partition(b"\n")
    return (line, rest) if newline else None


def take_netstring(got):
    length, colon, rest = got.partition(b":")
    if not colon or len(rest) <= int(length):
        return None
    return rest[:int(length)], rest[int(length) + 1:]


def without_chance(text):
    """Postfix gives the error of whatever system call failed last."""
    return re.sub(r"(query error|delete error|I/O error): .*", r"\1: ERROR",
                  re.sub(r"unexpected EOF \(.*", "unexpected EOF (ERROR)", text))


TCP_REPLIES = {
    "cr": b"200 a  b \r\n", "x": b"200x\n", "20": b"20 x\n", "close": None, "tab": b"200\tv\n", "nul": b"200 a\0b\n",
    "long": b"200 " + b"v" * 4091 + b"\n", "long1": b"200 " + b"v" * 4092 + b"\n", "hex": b"200 %41%0a%0D%00z\n",
    "hex2": b"200 a%4\n", "hex3": b"200 a%zz\n", "hi": "200 é\n".encode(), "two": b"200 a\n200 b\n", "bin": b"200 \xff\n",
    "500": b"500 %zz\n", "501": b"501 none\n", "400": b"400 no\n", "4": b"400\n", "399": b"399 x\n", "sp": b"200   v\n",
    "up A": b"200 upper\n", "pct": b"200 50%25\n", "600": b"600 x\n", "empty": b"\n", "none": b"200 \n", "fine": b"200 value\n"}


@bound(120)
def test_tcp_servers():
    replies = {key.encode().replace(b" ", b"%20"): reply for key, reply in TCP_REPLIES.items()}
    with Server(take_line, lambda line: replies.get(line[4:], b"500 none\n")) as server:
        table = f"tcp:127.0.0.1:{server.port}"
        compare([asked(table, key, "fine") for key in TCP_REPLIES] +
                [asked(table, "UP A", "é", "%25", "a" * 5000, "fine", "none of these"), (["-s", table], ""), (["-d", "x", table], ""),
                 (["-q", "fine", table], ""), (["-q", "zzz", table, f"pipemap:{{{table},{table}}}"], ""),
                 asked(f"unionmap:{{{table},static:x}}", "fine", "zzz"), asked("tcp:127.0.0.1:1", "x"),
                 asked("tcp:nosuch.invalid:1", "x"), asked("tcp:localhost:nosuchport", "x"), asked("tcp:x", "x")], clean=without_chance)
        check(b"get UP%20A" in server.requests and b"get %C3%A9" in server.requests and b"get %2525" in server.requests,
              f"keys were sent as {server.requests}")


def netstring(text):
    return b"%d:%s," % (len(text), text)


SOCKETMAP_REPLIES = {
    "ok": netstring(b"OK value"), "oknone": netstring(b"OK"), "oksp": netstring(b"OK "), "ok2": netstring(b"OK  two  sp "),
    "nf": netstring(b"NOTFOUND "), "nf2": netstring(b"NOTFOUND"), "nf3": netstring(b"NOTFOUND text"), "temp": netstring(b"TEMP try later"),
    "temp2": netstring(b"TEMP"), "timeout": netstring(b"TIMEOUT slow"), "perm": netstring(b"PERM never"), "perm2": netstring(b"PERM"),
    "bad": netstring(b"FOO bar"), "low": netstring(b"ok value"), "empty": netstring(b""), "sp": netstring(b" OK x"), "close": None,
    "nocomma": b"8:OK value.", "garbage": b"garbage\n", "neg": b"-1:x,", "lead0": b"08:OK value,", "huge": b"100009:",
    "big": netstring(b"OK " + b"v" * 99997), "big1": netstring(b"OK " + b"v" * 99998), "nul": netstring(b"OK a\0b"),
    "nl": netstring(b"OK a\nb"), "bin": netstring(b"OK \xff"), "hi": netstring("OK é".encode()), "tab": netstring(b"OK\tvalue"),
    "tempnl": netstring(b"TEMP a\nb"), "two": netstring(b"OK 1") + netstring(b"OK 2"), "nodigit": b":x,", "lots": b"99999999999999999:",
    "tempbin": netstring(b"TEMP \xff\x01"), "blank": b" 8:OK value,"}


@bound(120)
def test_socketmap_servers():
    replies = {key.encode(): reply for key, reply in SOCKETMAP_REPLIES.items()}
    with Server(take_netstring, lambda text: replies.get(text.partition(b" ")[2], netstring(b"NOTFOUND "))) as server:
        table = f"socketmap:inet:127.0.0.1:{server.port}:map"
        compare([asked(table, key, "ok") for key in SOCKETMAP_REPLIES] +
                [asked(table, "UP A", "é", "a" * 9000, "ok"), (["-s", table], ""), (["-d", "x", table], ""),
                 asked("socketmap:inet:127.0.0.1:1:n", "x"), asked("socketmap:inet:nosuch.invalid:1:n", "x")] +
                [asked(name, "x") for name in ("socketmap:x", "socketmap:inet:x", "socketmap:inet:x:1", "socketmap:unix:/nosuch:n",
                                               "socketmap:unix:/nosuch", "socketmap:foo:bar:n", "socketmap:127.0.0.1:1:n")],
                clean=without_chance)
        check({b"map UP A", "map é".encode()} <= server.requests, f"keys were sent as {server.requests}")


MEMCACHE_REPLIES = {
    "crlf": b"VALUE crlf 0 5\r\nvalue\r\nEND\r\n", "close": None, "err": b"ERROR\r\n", "srv": b"SERVER_ERROR no\r\n",
    "lf": b"VALUE lf 0 5\nvalue\nEND\n", "other": b"VALUE zz 0 5\r\nvalue\r\nEND\r\n", "noend": b"VALUE noend 0 5\r\nvalue\r\nFOO\r\n",
    "short": b"VALUE short 0 5\r\nvaluexx\r\nEND\r\n", "big": b"VALUE big 0 10240\r\n" + b"v" * 10240 + b"\r\nEND\r\n",
    "big1": b"VALUE big1 0 10241\r\n" + b"v" * 10241 + b"\r\nEND\r\n", "neg": b"VALUE neg 0 -1\r\n\r\nEND\r\n",
    "nolen": b"VALUE nolen 0\r\nvalue\r\nEND\r\n", "zero": b"VALUE zero 0 0\r\n\r\nEND\r\n", "longline": b"VALUE " + b"x" * 2000 + b"\r\n",
    "cas": b"VALUE cas 0 5 99\r\nvalue\r\nEND\r\n", "nul": b"VALUE nul 0 3\r\na\0b\r\nEND\r\n", "alpha": b"VALUE alpha 0 x\r\nEND\r\n",
    "empty": b"\r\n", "é": "VALUE é 0 2\r\né\r\nEND\r\n".encode(), "bin": b"VALUE bin 0 1\r\n\xff\r\nEND\r\n"}


class Cache:
    """A small memcached, with some keys that have odd answers."""

    def __init__(self):
        self.values = {}
        self.odd = {key.encode(): reply for key, reply in MEMCACHE_REPLIES.items()}

    @staticmethod
    def take(got):
        taken = take_line(got)
        if taken and taken[0].startswith(b"set "):
            size = int(taken[0].split()[4]) + 2
            return (taken[0] + b"\n" + taken[1][:size], taken[1][size:]) if len(taken[1]) >= size else None
        return taken

    def answer(self, request):
        words = request.split()
        if words[0] == b"get" and words[1] in self.odd:
            return self.odd[words[1]]
        if words[0] == b"get":
            value = self.values.get(words[1])
            return b"END\r\n" if value is None else b"VALUE %s 0 %d\r\n%s\r\nEND\r\n" % (words[1], len(value), value)
        if words[0] == b"set":
            self.values[words[1]] = request.partition(b"\n")[2][:-2]
            return b"STORED\r\n"
        return b"DELETED\r\n" if self.values.pop(words[1], None) is not None else b"NOT_FOUND\r\n"


ADDRESSED = ("user@sub.example.com", "user", "@example.com", "example.com", "User@EXAMPLE.com", "a b@example.com", "@", "a@")


@bound(120)
def test_memcache_servers():
    cache = Cache()
    formats = ["%u", "%d", "%u-%d", "%1.%2", "%%%s", "%S%U%D", "%x", "%", "lit", "$foo%s", "a b%s", "%9", "pre:%s"]
    bounds = ["max_try=x", "max_try=0", "max_try=1\nretry_pause=0", "timeout=1x", "line_size_limit=5", "nonsense = x", "flags=x",
              "backup = nosuch:x", "backup = hash:/nosuch", "backup=fail:x", "data_size_limit=3", "bad line", "max_try = 1", "max_try = 3"]
    with Server(cache.take, cache.answer) as server:
        head = f"memcache = inet:127.0.0.1:{server.port}\n"
        files = {"plain": head, "dom": head + "domain = example.com\n", "fixed": head + "backup = inline:{one=1,two=2}\nkey_format = b:%s\n",
                 "foo": "memcache = foo\n", "unix": "memcache = unix:/nosuch\n", "down": "memcache = inet:127.0.0.1:1\n",
                 "union": head + "backup = unionmap:{static:a,inline:{one=1}}\nkey_format = u:%s\nttl = 7\nflags = 3\n"}
        files |= {f"format{number}": head + f"key_format = {text}\n" for number, text in enumerate(formats)}
        files |= {f"bound{number}": head + f"{text}\n" for number, text in enumerate(bounds)}
        cache.values |= {b"com.example": b"labels", b"user": b"local", b"lit": b"literal", b"example.com": b"domain", b"pre:user": b"prefixed",
                         b"user@example.com": b"whole", b"%user": b"percent", b"user-sub.example.com": b"dash"}
        compare([asked("memcache:./plain", key) for key in MEMCACHE_REPLIES] +
                [asked("memcache:./plain", "a b", "UP", "x" * 250, "a\tb", *ADDRESSED), asked("memcache:./dom", *ADDRESSED)] +
                [asked(f"memcache:./format{number}", *ADDRESSED) for number in range(len(formats))] +
                [asked(f"memcache:./bound{number}", "crlf", key) for number in range(len(bounds)) for key in ("close", "err", "short")] +
                [asked(f"memcache:./{name}", "one") for name in ("foo", "unix", "down", "nosuchfile")] +
                [asked("memcache:./fixed", "one", "one", "three", "two", "two"), asked("memcache:./union", "one", "one"),
                 (["-s", "memcache:./fixed"], ""), (["-s", "memcache:./plain"], ""), (["-d", "nosuch", "memcache:./plain"], ""),
                 (["memcache:./plain"], ""), (["-d", "a b", "memcache:./plain"], ""), (["-d", "user@x.y", "memcache:./dom"], "")],
                files, clean=without_chance)
        check(b"set u:one 3 7 3\r\na,1\r\n" in server.requests, f"was sent: {server.requests}")
