"""sendmail and postdrop: what they leave in maildrop, what they print, how they end."""
import signal
import subprocess
import time

from support import check
from support.compare import scenario
from support.queuefile import parse, records

# A service that nothing wakes takes pickup's place, so that maildrop keeps what comes.
QUIET = "pickup_service_name = nobody"
MAIL = "From: a@b\nTo: b@c\nSubject: x\n\nhello\n"


def note_maildrop(mta, name):
    found = sorted(mta.queue.glob("maildrop/*"))
    if len(found) != 1:
        mta.note(f"{name}: files", len(found))
    for path in found:
        lines = [f"{k} {'TIME' if k == 'T' else d}" for _, k, d in parse(path.read_bytes())]
        mta.note(f"{name}: files", f"{path.stat().st_mode & 0o7777:o}\n" + "\n".join(lines))
        path.unlink()


def submit(mta, *arguments, input=MAIL, **options):
    mta.sendmail(*arguments, input=input, **options)
    note_maildrop(mta, " ".join(arguments))


@scenario(main=QUIET, log=False)
def envelope_options(mta):
    for options in (["bob"], ["bob", "carol@x.test, dave"], ["-f", "joe@x.test", "bob"], ["-f", "", "bob"],
                    ["-f", "<>", "bob"], ["-r", "Joe <joe@x.test>", "bob"], ["-fjoe", "--", "-bob"],
                    ["-F", "Al Q", "bob"], ["-N", "never", "bob"], ["-N", "success,delay", "bob", "carol"],
                    ["-N", "bogus", "bob"], ["-R", "hdrs", "bob"], ["-R", "full", "bob"], ["-R", "zz", "bob"],
                    ["-V", "ENVID1", "bob"], ["-V", "", "bob"], ["-XV", "-f", "a@b.c", "bob"], ["-XV+-", "bob"],
                    ["-XVab", "bob"], ["-Xq", "bob"], ["-B", "8BITMIME", "bob"], ["-B7BIT", "bob"], ["-B", "x", "bob"],
                    ["-G", "bob"], ["-o7", "bob"], ["-o8", "bob"], ["-v", "bob"], ["-bv", "bob"], ["-bv", "bob", "carol@x, <d@e>"], ["-bm", "bob"],
                    ["-oem", "-odb", "-h", "5", "-L", "lab", "-U", "-m", "-x", "-A", "c", "-O", "X=y", "bob"],
                    ["-n", "bob"], ["-i", "-oi", "bob"], ['"a b"@c.test', "group: x, y;"]):
        submit(mta, *options)


@scenario(main=QUIET, log=False)
def input_lines(mta):
    for name, text in (("crlf", "To: x\r\n\r\nhello\r\nbare\n"), ("dot", "To: x\n\na\n.\nb\n"),
                       ("from", "From me Sat\nTo: x\n\nFrom you\n"), ("from2", ">From me\nFrom x\nTo: y\n\n"),
                       ("long", "To: x\n\n" + "a" * 5000 + "\n" + "b" * 2048 + "\n" + "c" * 2049 + "\n"),
                       ("no newline", "To: x\n\nend"), ("empty", ""), ("only newline", "\n"), ("nul", "a\0b\n\nc\0\n"),
                       ("cr inside", "a: b\rc\n\nd\re\n")):
        mta.note("next", name)
        submit(mta, "bob", input=text)
    submit(mta, "-i", "bob", input="To: x\n\na\n.\nb\n")
    submit(mta, "bob", input=b"Subject: caf\xe9\n\n\xff\xfe\n")


@scenario(main=QUIET, log=False)
def recipients_from_headers(mta):
    for text in ("To: a, B <b@x>\nCc: c@x,\n\td@x\nBcc: e\nFrom: f\n\nTo: g\n", "Resent-To: a\nTo: b\nCc: c\n\n",
                 "Resent-From: q\nTo: b\n\n", "Subject: none\n\nx\n", "To: <>\n\n", "to: undisclosed:;\n\n",
                 "TO: x@y (comment)\nApparently-To: z\n\n", "To: " + ", ".join(f"u{i}" for i in range(100)) + "\n\n"):
        submit(mta, "-t", input=text)
        submit(mta, "-t", "-N", "never", "extra@x", input=text)


@scenario(main=QUIET, log=False)
def refusals_and_other_modes(mta):
    for options in ([], ["-bm"], ["-bt"], ["-bz"], ["-Z", "x"], ["-bp", "extra"], ["-q30m"], ["-qR", "x.test"], ["-qSx"],
                    ["-bh"], ["-bH"], ["-C", "/nonexist", "bob"], ["-I"], ["-bi"], ["-qI"], ["-oA"], ["-B"]):
        submit(mta, *options)
    submit(mta, "bob", input="x" * 100, env={"NAME": "From Environment"})


@scenario(main=QUIET + "\nauthorized_submit_users = !bob, static:anyone\nmessage_size_limit = 3000", log=False)
def who_may_and_how_much(mta):
    submit(mta, "alice@x.test", user="alice")
    submit(mta, "alice@x.test", user="bob")
    big = mta.sendmail("alice@x.test", input="a\n" * 2000, record=False)
    mta.note("too big", f"{big.status} {big.stderr.splitlines()[-1]}")
    note_maildrop(mta, "too big")
    mta.run("postdrop", user="bob", input=b"")


@scenario(main=QUIET + "\nsendmail_fix_line_endings = strict", log=False)
def line_ends_by_the_first_line(mta):
    submit(mta, "bob", input="To: x\r\n\r\nhello\r\nbare\n")
    submit(mta, "bob", input="To: x\n\nhello\r\nbare\n")


def drop(mta, name, *pairs, tail=b"", user="alice"):
    output = mta.run("postdrop", "-r", input=records(*pairs) + tail, user=user, record=False)
    words = output.stdout.split("\0")
    mta.note(f"{name}: status", f"{output.status} {words[:2]} {words[4:]}")
    mta.note(f"{name}: errors", output.stderr)
    if name.startswith("no "):
        # Postfix leaves the file of an incomplete message behind; ours does not.
        for path in mta.queue.glob("maildrop/*"):
            check(path.stat().st_mode & 0o700 != 0o700, "not to be taken for a message")
            path.unlink()
    note_maildrop(mta, name)


@scenario(main=QUIET, log=False)
def records_that_users_may_set(mta):
    good = [("A", "rewrite_context=local"), ("S", "a@b"), ("R", "c@d"), ("M", ""), ("N", "x"), ("X", ""), ("E", "")]
    drop(mta, "good", *good)
    drop(mta, "own time", ("T", "1 2"), *good)
    for attribute in ("encoding=7bit", "encoding=9bit", "encoding=", "envelope_id=x", "notify_flags=2",
                      "trace_flags=1024", "rewrite_context=remote", "rewrite_context=x", "log_client_name=x", "novalue"):
        drop(mta, attribute, ("A", attribute), *good)
    drop(mta, "no sender", *good[2:])
    drop(mta, "no recipient", *good[:2], *good[3:])
    drop(mta, "no end", *good[:-1])
    drop(mta, "redirect", (">", "x@y"), *good)
    drop(mta, "filter", ("L", "x:y"), *good)
    drop(mta, "done", ("D", "x@y"), *good)
    drop(mta, "pointer", ("p", "              0"), *good)
    drop(mta, "torn", *good[:3], tail=b"N\x30short")
    drop(mta, "recipient in content", *good[:4], ("R", "x"), *good[4:])
    drop(mta, "long record", *good[:4], ("N", "x" * 3000), *good[4:])
    drop(mta, "junk behind", *good, tail=b"more bytes")
    drop(mta, "nothing")


def interrupted(mta, name, number, ignored):
    """postdrop gets a signal in the middle of a message."""
    def ignore():
        for each in ignored:
            signal.signal(each, signal.SIG_IGN)

    text = records(("S", "a@b.test"), ("R", "bob"), ("M", ""), ("N", "hello"), ("X", ""), ("E", ""))
    child = subprocess.Popen(["postdrop", "-r"], executable=mta.commands / "postdrop", env=mta.environment(), cwd="/",
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=ignore)
    child.stdin.write(text[:12])
    child.stdin.flush()
    child.stdout.read(10)  # by now it has begun its file
    time.sleep(0.2)
    child.send_signal(number)
    time.sleep(0.2)
    try:
        child.communicate(text[12:], timeout=20)
    except BrokenPipeError:
        pass
    mta.note(f"{name}: status", child.wait())
    note_maildrop(mta, name)


@scenario(main=QUIET, log=False)
def signals_in_the_middle(mta):
    for name in ("SIGHUP", "SIGTERM", "SIGINT", "SIGQUIT"):
        number = getattr(signal, name)
        interrupted(mta, name, number, [])
        interrupted(mta, name + ", which the caller ignores", number, [number])
