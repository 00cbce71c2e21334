"""Both postcats on the same queue files: plain, edited by a milter, with long lines, torn."""
import os

from support.compare import scenario
from support.queuefile import record, records

MIDDLE = [("T", "1795247898 402779"), ("A", "create_time=1795247898"), ("A", "rewrite_context=local"),
          ("F", "root"), ("S", "a@facts.example"), ("A", "notify_flags=10"),
          ("A", "dsn_orig_rcpt=rfc822;b@dest.example"), ("O", "b@dest.example"), ("R", "b@dest.example"),
          ("O", "c@dest.example"), ("D", "c@dest.example"), ("/", "d@dest.example"),
          ("W", "     1795262966"), ("V", "+="), ("L", "smtp:filter"), (">", "r@x"), ("K", "trace_flags=1"),
          ("M", "")]
CONTENT = [("N", "Received: by facts.example"), ("N", "\tid 62D97A84925"), ("N", "Subject: x"), ("N", ""),
           ("N", "hello world"), ("L", "one "), ("L", "two "), ("N", "three"), ("w", "   0"), ("N", "Not: header"),
           ("p", "              0"), ("N", "end")]
TAIL = [("X", ""), ("A", "encoding=8bit"), ("O", "e@x"), ("R", "e@x"), ("E", "")]
OPTIONS = ("", "-v", "-e", "-h", "-b", "-bh", "-o", "-d", "-od", "-r", "-rv", "-vo", "-eo", "-ev", "-he", "-rbo")


def size(content, offset):
    return record("C", "%15d %15d %15d %15d %15d %15d" % (content, offset, 2, 20, content, 0))


def plain_file(content=CONTENT):
    middle, text = records(*MIDDLE), records(*content)
    return size(len(text), 97 + len(middle)) + middle + text + records(*TAIL)


def pointer(target):
    return ("p", "%15d" % target)


def edited_file():
    """A header line replaced, and the body continued behind the end of the file."""
    middle = records(*MIDDLE)
    start = 97 + len(middle)
    old = records(("N", "Received: x"))
    end = start + len(old) + 17 + 17 + len(records(*TAIL))
    text = old + records(pointer(end), pointer(start + len(old) + 34))
    extracted = start + len(text)
    heap = records(("N", "Subject: changed"), ("N", ""), ("N", "new body"), pointer(extracted))
    return size(len(text), start) + middle + text + records(*TAIL) + heap


def show(mta, name, data, options=OPTIONS):
    path = mta.queue / "hold" / name
    path.write_bytes(data)
    os.chmod(path, 0o700)
    for option in options:
        output = mta.run("postcat", *([option] if option else []), path, record=False)
        # With -v Postfix also tells what it thinks.
        errors = "" if "v" in option else output.stderr
        mta.note(f"{name} {option}", f"{output.status}\n{output.stdout}\n{errors}")
    path.unlink()


@scenario(log=False)
def every_option(mta):
    show(mta, "plain", plain_file())
    show(mta, "edited", edited_file())


@scenario(log=False)
def odd_contents(mta):
    show(mta, "body1", plain_file([("N", ""), ("N", "body: only")]), ("", "-h", "-b"))
    show(mta, "body2", plain_file([("N", "body only")]), ("", "-h", "-b"))
    show(mta, "longhdr", plain_file([("L", "Subject: " + "x" * 100), ("N", "y"), ("N", "To: z"), ("N", "")]),
         ("", "-h", "-o"))
    show(mta, "nothing", plain_file([]), ("", "-h", "-b"))
    show(mta, "offset", plain_file(), ("-s0", "-s97", "-s116", "-sx"))


@scenario(log=False)
def long_lines(mta):
    """What was printed without its end is continued; what was not printed, or printed with its end, is not."""
    long = "x" * 60
    for name, content in {
            "body": [("L", long), ("L", long), ("N", long), ("N", "second")],
            "header": [("N", "A: b"), ("L", "B: " + long), ("L", "no colon"), ("N", "end"), ("N", "C: d"), ("N", ""), ("L", "x"), ("N", "y")],
            "blank": [("L", " " + long), ("L", long), ("N", "X: y"), ("N", "")],
            "empty": [("L", "A: b"), ("N", ""), ("N", "C: d"), ("N", ""), ("N", "e")],
            "unended": [("N", "A: b"), ("L", "C: d")],
            "unended_body": [("N", ""), ("L", "text")],
            "header_only": [("N", "A: b"), ("N", " c")]}.items():
        show(mta, name, plain_file(content), ("", "-h", "-b", "-bh", "-e", "-eh", "-eb", "-oh", "-ob", "-vh", "-vb", "-dh", "-db"))


@scenario(log=False)
def no_queue_files(mta):
    show(mta, "text", b"hello world, this is no queue file\n", ("", "-b"))
    show(mta, "empty", b"", ("",))
    mta.run("postcat", "-q", "NOSUCH123")
    mta.run("postcat", "-q", "../etc/passwd")
    mta.run("postcat", "/nonexistent/file")
    mta.run("postcat", "-Z")


@scenario(log=False)
def by_queue_id(mta):
    for queue, name in (("incoming", "AAAAA1234"), ("hold", "BBBBB1234"), ("deferred/C", "CCCCC1234")):
        (mta.queue / queue).mkdir(exist_ok=True)
        path = mta.queue / queue / name
        path.write_bytes(plain_file())
        os.chmod(path, 0o600)
        mta.run("postcat", "-q", name)
        path.unlink()
