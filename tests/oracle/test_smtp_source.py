"""smtp-source: what it says to servers of every mood, and what it tells its caller, as Postfix's does."""
import os
import pathlib
import re
import subprocess
import tempfile

from support import check, equal, need_program
from support.test_programs import Recorder, Side, both


def send(side, arguments, script=(), lmtp=False, shown=True):
    """Notes each connection's lines, in the order in which they came to an end."""
    with Recorder(script, lmtp) as server:
        side.run("smtp-source", *arguments, f"127.0.0.1:{server.port}")
    for number, lines in enumerate(server.sessions):
        lines = lines if shown else [str(len(lines))]
        side.note(f"{arguments} {dict(script)} connection {number}", "\n".join(lines))


@both
def messages(side):
    texts = {"dots": b"From: x\nSubject: y\n\n.dot\n..two\nlong\r\nno line end", "empty": b"", "plain": b"From: x\n\nbody\n",
             "crlf": b"From: x\r\n\r\nbody\r\n.\r\n", "end": b"a\nb\n\n", "one": b"x", "big": b"x" * 3000 + b"\n.\n" * 3000}
    for name, text in texts.items():
        pathlib.Path(side.folder, name).write_bytes(text)
        send(side, ["-F", f"{side.folder}/{name}", "-S", "subject"])
    for length in (1, 79, 80, 81, 160, 161, 200, 3000):
        send(side, ["-M", "me.x", "-l", length])
    for options in ([], ["-N", "-r", "3"], ["-N", "-m", "2", "-d"], ["-r", "3", "-t", "x@y", "-f", ""], ["-t", "noat", "-f", "<a@b>"],
                    ["-o", "-S", "subject", "-l", "20"], ["-L", "-S", "subject", "-c"], ["-M", "me.x", "-m", "2"], ["-v"],
                    ["-M", "[1.2.3.4]", "-d", "-m", "3", "-c"], ["-m", "3", "-w", "1", "-d", "-c"], ["-m", "2", "-R", "1"], ["-4", "-T", "8000"],
                    ["-d", "-o", "-m", "2"]):
        send(side, options)
    send(side, ["-L", "-r", "2", "-c", "-m", "2", "-d"], lmtp=True)
    send(side, ["-m", "40", "-s", "8", "-c"], shown=False)


@both
def servers(side):
    """Each step refused, hung up at, or answered with nonsense: with and without -A."""
    cases = []
    for step in ("CONNECT", "HELO", "MAIL", "RCPT", "DATA", ".", "QUIT"):
        for reply in ("450 no", "550-a\r\n550 no way", "CLOSE", "garbage", "250", "2200 x", ""):
            for options in ([], ["-A"]):
                if not (options and step == "QUIT"):
                    cases.append((["-M", "x.y", *options], {step: reply}))
    for options, script in ((["-A", "-r", "2"], {"RCPT": ["450 no", "250 ok"]}), (["-A", "-r", "2"], {"RCPT": ["250 ok", "450 no"]}),
                            (["-A", "-r", "3", "-c"], {"RCPT": "450 no"}), (["-A", "-m", "2", "-d", "-c"], {"MAIL": ["450 no", "250 ok"]}),
                            (["-A", "-m", "2", "-d", "-c"], {"RCPT": ["450 no", "250 ok"]}), (["-A", "-m", "2", "-d", "-c"], {"DATA": ["450 no", "354 ok"]}),
                            (["-A", "-m", "2", "-d", "-c"], {".": ["450 no", "250 ok"]}), (["-m", "2", "-d", "-c"], {".": ["250 ok", "450 no"]}),
                            (["-L"], {"LHLO": "500 no"}), (["-o"], {"MAIL": "500 no"}), ([], {"CONNECT": "220-a\r\n220-b\r\n220 c"}),
                            ([], {"CONNECT": "220-a\r\n250 c"}), ([], {"CONNECT": "220"}), ([], {"CONNECT": b"220 x\n"}), (["-A"], {"CONNECT": "421 x"})):
        cases.append((["-M", "x.y", *options], script))
    side.each(lambda case: send(side, *case), cases)
    send(side, ["-M", "x.y", "-L", "-A", "-r", "2", "-m", "2", "-d", "-c"], {".": ["450 no", "250 ok"]}, lmtp=True)



@both
def mistakes(side):
    cases = [["-z"], ["a", "b"], [], *[[option, value, "127.0.0.1:1"] for option in ("-m", "-s", "-l", "-r", "-R", "-w", "-C", "-T")
                                       for value in ("x", "0", "-1", "2147483648")]]
    cases += [["127.0.0.1:1"], ["nosuch.invalid"], ["unix:/nosuch"], ["[::1]:1"], ["127.0.0.1:nosuch"], ["-4", "[::1]:1"], ["-C", "3", "127.0.0.1:1"],
              ["-R", "1", "-w", "1", "127.0.0.1:1"], ["-M", "a_b", "127.0.0.1:1"], ["-M", "a..b", "127.0.0.1:1"], ["-M", "", "127.0.0.1:1"],
              ["-M", "[1.2.3.4]", "127.0.0.1:1"], ["-M", "[1.2.3", "127.0.0.1:1"], ["-l", "10", "-F", "/etc/hosts", "127.0.0.1:1"],
              ["-m", "1x", "127.0.0.1:1"], ["127.0.0.1:1", "-v"], ["127.0.0.1:"]]
    side.run_each("smtp-source", *cases)


def counted(side, sink_side, *options, messages=40, lmtp=False):
    """Our source and their sink, and every other pair: the sink has what the source sent."""
    path = f"{side.folder}/got"
    sink_options = ["-L"] if lmtp else []
    with sink_side.sink("smtp-sink", *sink_options, "-D", path, note=False) as sink:
        status = side.run("smtp-source", *options, "-m", str(messages), "-M", "me.x", sink.place)
    equal(status, 0, "status")
    got = pathlib.Path(path).read_bytes()
    pathlib.Path(path).unlink()
    equal(got.count(b"X-Mail-Args: <foo@me.x>"), messages, "messages")
    return got


def test_pairs():
    """Ours with Postfix's and the reverse; LMTP; pipelined or not, the same messages come."""
    with tempfile.TemporaryDirectory(prefix="rt.", dir="/tmp") as folder:
        os.chmod(folder, 0o777)
        theirs, mine = Side("postfix", folder), Side("ours", folder)
        for lmtp in (False, True):
            flag = ["-L"] if lmtp else []
            for source, sink in ((mine, theirs), (theirs, mine), (mine, mine)):
                for options in (["-s", "4", "-d", "-r", "3", "-l", "5000"], ["-s", "4"]):
                    plain = counted(source, sink, *flag, *options, lmtp=lmtp)
                    if source is mine:
                        piped = counted(source, sink, *flag, "-P", *options, lmtp=lmtp)
                        equal(normal(piped), normal(plain), "the dump of pipelined messages")


def normal(dump):
    dump = re.sub(rb"Proto: E?SMTP|with E?SMTP", b"SMTP", dump)
    return sorted(re.sub(rb"id [0-9a-f]{8};|Date: .*|\t\w+, .*|<[0-9a-f.]+@me.x>", b"N", dump).split(b"X-Client-Addr"))


def test_pipelining():
    """-P: one write for an envelope, and for a message with the next one's; a server that refuses gets nothing twice."""
    program = need_program("smtp-source")

    def run(*arguments, script=(), lmtp=False):
        with Recorder(script, lmtp) as server:
            done = subprocess.run(["smtp-source", "-P", "-M", "x.y", *arguments, f"127.0.0.1:{server.port}"], executable=program, capture_output=True, timeout=20)
        done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
        verbs = [[line.split(":")[0].split("\r")[0] for line in lines if line.split(" ")[0].strip("\r|") in
                  ("EHLO", "HELO", "LHLO", "MAIL", "RCPT", "DATA", ".", "RSET", "QUIT")] for lines in server.sessions]
        return done, verbs

    envelope = ["MAIL FROM", "RCPT TO", "RCPT TO", "DATA"]
    done, verbs = run("-r", "2", "-m", "2", "-d", "-c")
    equal(verbs, [["EHLO x.y", *envelope, ".", *envelope, ".", "QUIT"]], "commands")
    equal((done.returncode, done.stdout), (0, "1\r2\r\n"), "outcome")
    _, verbs = run("-r", "2", script={"EHLO": "250 x"})
    equal(verbs, [["EHLO x.y", *envelope, ".", "QUIT"]], "a server without pipelining")
    _, verbs = run("-r", "2", script={"EHLO": "500 what"})
    equal(verbs, [["EHLO x.y", "HELO x.y", *envelope, ".", "QUIT"]], "a server without EHLO")
    done, verbs = run("-r", "2", script={"RCPT": ["250 ok", "450 no"]})
    equal((done.returncode, done.stderr), (1, "smtp-source: fatal: recipient rejected: 450 no\n"), "a refusal")
    done, verbs = run("-A", "-r", "2", "-c", script={"RCPT": "450 no", "DATA": "503 none"})
    equal(verbs, [["EHLO x.y", *envelope, "RSET", "QUIT"]], "all recipients refused")
    done, verbs = run("-A", "-r", "2", "-c", script={"RCPT": "450 no"})
    equal(verbs, [["EHLO x.y", *envelope, ".", "RSET", "QUIT"]], "all recipients refused, and the content wanted")
    done, verbs = run("-A", "-r", "2", "-m", "2", "-d", "-L", "-c", lmtp=True, script={"RCPT": ["250 ok", "450 no", "250 ok"]})
    equal((done.stdout, verbs), ("1\r2\r\n", [["LHLO x.y", *envelope, ".", *envelope, ".", "QUIT"]]), "LMTP")
    done, verbs = run(script={"CONNECT": b"220 " + b"x" * 200000})
    check(done.returncode == 1 and "too long" in done.stderr, f"an endless reply: {done.stderr}")
    done, verbs = run(script={"CONNECT": b"220-x\r\n" * 40000})
    check(done.returncode == 1, f"endless reply lines: {done.stderr}")
