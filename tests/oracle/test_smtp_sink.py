"""smtp-sink: what it answers, refuses, dumps, counts and logs, as Postfix's does."""
import os
import subprocess
import time

from support import check, need_program
from support.test_programs import both, free_port, user_options

EHLO, MAIL, RCPT, DATA, TEXT, QUIT = (b"EHLO a.b\r\n", b"MAIL FROM:<a@b>\r\n", b"RCPT TO:<c@d>\r\n", b"DATA\r\n", b"hi\r\n.\r\n", b"QUIT\r\n")
ALL = EHLO + MAIL + RCPT + DATA + TEXT + QUIT
COMMANDS = (b"EHLO a.b\r\nHELO c.d\r\nNOOP\r\nVRFY x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhi\r\n.\r\nrset\r\nXCLIENT NAME=x\r\n"
            b"XFORWARD NAME=x\r\nAUTH PLAIN AGEAYg==\r\nfoo\r\nEXPN x\r\nHELP\r\nETRN x\r\nSTARTTLS\r\nBDAT 4 LAST\r\nabcd\r\nRCPT TO:<c@d>\r\n"
            b"DATA\r\nx\r\n.\r\nLHLO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\nEHLO\r\nMAIL x\r\nRCPT y\r\nHELO again\r\nDATA\r\n"
            b"EHLO x y\r\nNOOP\nNOOP\0x\r\nNOOP\0x\r\n\r\n  NOOP\r\nNOOP\tx\r\nNOOP:x\r\nCONNECT\r\n.\r\nQUIT now\r\nNOOP\r\n")


@both
def commands(side):
    for options in ([], ["-L"], ["-8"], ["-a"], ["-C"], ["-e"], ["-E"], ["-F"], ["-N"], ["-p"], ["-P"], ["-h", "foo.bar"], ["-L", "-e", "-p", "-N"]):
        with side.sink("smtp-sink", "-c", "-v", *options) as sink:
            side.note(f"{options}", sink.say(COMMANDS.replace(b"HELO c.d", b"LHLO c.d") if "-L" in options else COMMANDS))


@both
def failures(side):
    for option in ("-q", "-Q", "-r", "-f"):
        for at in ("CONNECT", "EHLO", "mail", "RCPT", "DATA", ".", "RSET", "QUIT", "XCLIENT , AUTH MAIL"):
            with side.sink("smtp-sink", "-c", option, at) as sink:
                side.note(f"{option} {at}", sink.say(ALL[:-6] + b"RSET\r\nXCLIENT\r\n" + ALL))
    for options in (["-r", "MAIL,RCPT", "-f", "RCPT", "-b", "451 x", "-B", "551-y"], ["-q", "NOOP", "-f", "QUIT"], ["-f", "MAIL", "-Q", "MAIL"],
                    ["-q", "MAIL", "-Q", "MAIL"], ["-A", "0"], ["-A", "1"], ["-q", ""], ["-L", "-r", "."], ["-L", "-f", "."], ["-L", "-A", "0"]):
        hello = EHLO.replace(b"EHLO", b"LHLO") if "-L" in options else EHLO
        with side.sink("smtp-sink", *options) as sink:
            rest = b"" if "-A" in options else TEXT + MAIL + RCPT + QUIT
            side.note(f"{options}", sink.say(hello + MAIL + RCPT + RCPT + DATA + rest, half_close="-A" not in options))


def files(side):
    found = {}
    for folder, _, names in os.walk(side.folder):
        for name in names:
            if name == "socket":
                continue
            path = os.path.join(folder, name)
            shown = path[:-8] + "ID" if name[-8:].strip("0123456789abcdef") == "" and len(name) >= 8 else path
            shown = shown.replace(side.folder, "FOLDER")
            found.setdefault(f"{shown} {os.stat(path).st_mode:o}", []).append(open(path, "rb").read())
    for name in sorted(found):
        side.note(name, b"\n=====\n".join(sorted(found[name])))


@both
def dumps(side):
    content = b"hi: x\r\n\r\n..dot\r\n.x\r\nbare\nlf\rcr\0nul\r\n.\r\n"
    one = MAIL.replace(b">\r", b"> SIZE=3\r") + RCPT + b"rcpt   foo : <e:f>  \r\n" + DATA + content
    for number, options in enumerate((["-d", "%Y/x."], ["-D", "y"], ["-D", "a/b/y", "-S", "From x\\n\\101\\q\\7\\\\z\\t\\08\n"], ["-d", "y", "-r", "."],
                                      ["-d", "y", "-q", "."], ["-d", "y", "-q", "DATA"], ["-d", "y", "-r", "RCPT"], ["-D", "y", "-h", "host.x"])):
        template = options[1] = f"{side.folder}/{number}{options[1]}"
        with side.sink("smtp-sink", *options) as sink:
            side.note(f"{options}".replace(template, ""), sink.say(one + b"EHLO  me  there \r\n" + one + MAIL + RCPT + b"RSET\r\n" + MAIL + b"HELO\r\n" + one
                                                                   + MAIL + RCPT + DATA + b"half of a message\r\n"))
    for number, body in enumerate((b"x\n.\n", b"x\r\n.\n", b"x\n.\r\n", b"x\r\r\n.\r\n", b"x\r\n.\r\r\n", b"x\r\n\r.\r\n", b".\n", b"\r\n.\r.\r\n", b"x\r.\r\n",
                                   b"..\r\n.", b"\r\n\n.\r\n", b"big\r\n" * 40000)):
        with side.sink("smtp-sink", "-D", f"{side.folder}/body{number}") as sink:
            side.note(f"body {number}", sink.say(b"MAIL a:b:c \r\n" + RCPT + DATA, body, b"\r\nzz\r\n.\r\n", QUIT, pause=0.01))
    for number, place in enumerate((f"unix:{side.folder}/socket", f"[::1]:{free_port('::1')}")):
        with side.sink("smtp-sink", "-L", "-v", "-D", f"{side.folder}/place{number}", place=place) as sink:
            side.note(f"place {number}", sink.say(b"LHLO x\r\n" + MAIL + RCPT + RCPT + DATA + TEXT + QUIT))
    files(side)


@both
def limits(side):
    """-M, -n, -m, -t and what is too long."""
    with side.sink("smtp-sink", "-c", "-M", "2") as sink:
        side.note("-M 2", sink.say(MAIL + RCPT + DATA + TEXT + MAIL + RCPT + DATA + TEXT + QUIT))
        side.note("status", sink.process.wait(timeout=10))
    with side.sink("smtp-sink", "-c", "-n", "2") as sink:
        side.note("-n 2", sink.say(QUIT) + sink.say(ALL))
        side.note("status", sink.process.wait(timeout=10))
    with side.sink("smtp-sink", "-t", "1") as sink:
        side.note("-t 1", sink.say(EHLO, half_close=False))
    with side.sink("smtp-sink", "-c") as sink:
        for size in (2046, 2047, 100000):
            side.note(f"{size} bytes", sink.say(b"NOOP " + b"x" * (size - 5) + b"\r\n" + QUIT))
    with side.sink("smtp-sink", "-m", "1") as sink:
        with sink.connect() as first, sink.connect() as second:
            check(first.recv(99).startswith(b"220"), "the first client is served")
            second.settimeout(0.3)
            try:
                side.note("second client", second.recv(99))
            except TimeoutError:
                side.note("second client", "waits")
            first.close()
            second.settimeout(10)
            side.note("then", second.recv(99))


@both
def delays(side):
    """Each holds up its reply by a second, and nothing else."""
    for options, at in ((["-w", "1"], DATA), (["-W", "RCPT:1"], RCPT), (["-W", ".:1"], TEXT), (["-W", "NOOP:1:0"], b"NOOP\r\n"), (["-H", "1"], TEXT),
                        (["-W", "CONNECT:1"], b"")):
        with side.sink("smtp-sink", *options) as sink, sink.connect() as client:
            for step in (b"", EHLO, MAIL, RCPT, b"NOOP\r\n", DATA, TEXT, QUIT):
                start = time.monotonic()
                client.sendall(step)
                got = client.recv(9999)
                side.note(f"{options} {step}", f"{got} {'late' if time.monotonic() - start > 0.8 else ''}")
                check((time.monotonic() - start > 0.8) == (step == at), f"{options}: {step} took {time.monotonic() - start}")


@both
def mistakes(side):
    cases = [["-z"], [], [":2525"], [":2525", "x"], [":2525", "-1"], [":2525", "0"], [":2525", "10", "x"], ["-n", "0"], ["-n", "x"], ["-M", "0"],
                      ["-m", "0"], ["-m", "x"], ["-w", "-1"], ["-w", "x"], ["-A", "x"], ["-H", "x"], ["-T", "x"], ["-T", "0"], ["-t", "0"], ["-t", "x"],
                      ["-W", "RCPT"], ["-W", "RCPT:x"], ["-W", "FOO:1"], ["-W", "RCPT:0"], ["-W", "RCPT:1:100"], ["-W", "RCPT:-1"], ["-W", ""],
                      ["-s", "foo"], ["-r", "foo"], ["-q", "MAIL,foo"], ["-b", "xx"], ["-b", "550 x"], ["-B", "450 xx"], ["-B", "5x0 x"],
                      ["-d", "x", "-D", "y"]]
    who = user_options()
    cases += [[*who, *case] for case in (["nosuch.invalid:2599", "10"], [":nosuchport", "10"], ["inet:127.0.0.1", "10"], ["", "10"], [":", "10"],
                      ["-6", "127.0.0.1:2599", "10"], ["-4", "[::1]:2599", "10"], ["-4", "-6", "127.0.0.1:2599", "10"], ["192.0.2.1:2599", "10"],
                      ["unix:/nosuch/dir/socket", "10"])]
    if who:
        cases += [[":2599", "10"], ["-u", "nosuchuser", f"127.0.0.1:{free_port()}", "10"],
                          ["-u", "nobody", "-R", "/nosuch", f"127.0.0.1:{free_port()}", "10"]]
    side.run_each("smtp-sink", *cases)


def test_ten_thousand_clients():
    """Idle ones, and such as send half a line each, cost little."""
    count = min(10000, int(open("/proc/sys/fs/file-max").read()) // 4)
    program, port = need_program("smtp-sink"), free_port()
    script = ("import resource, socket, sys, time\n"
              "h = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (h, h))\n"
              "all = []\n"
              "for n in range(int(sys.argv[2])):\n"
              "    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20); s.sendall(b'MAIL FROM:<' + b'x' * 1000); all.append(s)\n"
              "for s in all[::500]: assert s.recv(9) == b'220 smtp-'\n"
              "print(len(all), flush=True); sys.stdin.read()\n")
    sink = subprocess.Popen([program, *user_options(), "-m", str(count + 10), f"127.0.0.1:{port}", "1000"])
    try:
        time.sleep(0.3)
        clients = subprocess.Popen(["python3", "-c", script, str(port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = clients.stdout.readline()
        if not line and b"Too many open files" in (errors := clients.stderr.read()):
            from support import Skip
            raise Skip(errors.decode().splitlines()[-1])
        check(int(line) == count, "all were served")
        kilobytes = int(next(x for x in open(f"/proc/{sink.pid}/status") if x.startswith("VmRSS")).split()[1])
        check(kilobytes < 12000 + 6 * count, f"{kilobytes} KB for {count} clients")
        clients.stdin.close()
        clients.wait(timeout=20)
    finally:
        sink.kill()
        sink.wait()
