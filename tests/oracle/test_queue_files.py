"""Queue files: each postcat reads the files of either side, and reads the same in them."""
from support import check, oracle
from support.compare import Normaliser, scenario
import re
import subprocess

SLOW = "defer_transports = relay\nrelay_domains = slow.test\n"
TEXT = "From: carol@example.test\nTo: x@slow.test\nSubject: waiting\n\nbody\n\nlast\n"


def dump(mta, postcat, path, *options):
    done = subprocess.run([postcat, "-c", mta.conf, *options, path], capture_output=True, env=mta.environment())
    text = done.stdout.decode("latin-1")
    if not any("v" in option for option in options):  # -v: debugging output
        text += done.stderr.decode("latin-1")
    text = re.sub(r"message_size: +\d+ +\d+ ", "message_size: N OFFSET ", text)
    text = re.sub(r"(create_time=|arrival_time=|rewrite_time=)\S+", r"\1TIME", text)
    return re.sub(r"(log_client_port|client_port)=\d+", r"\1=PORT", text)


def dumps(mta, *options):
    """Every queue file of the side through its own postcat and through Debian's."""
    mine = mta.commands / "postcat"
    clean = Normaliser(mta)
    for path in mta.queue_files("deferred", "hold", "incoming"):
        theirs = dump(mta, oracle.command("postcat"), path, *options)
        mta.note("through Debian's postcat", theirs)
        if mine.exists():
            own = dump(mta, mine, path, *options)
            check(clean(own) == clean(theirs), lambda: f"postcat differs:\n{own}\n--- Debian's:\n{theirs}")


@scenario(main=SLOW)
def from_smtp(mta):
    mta.mail("carol@example.test", ["x@slow.test", "y@slow.test"], TEXT)
    mta.settle()
    dumps(mta)
    dumps(mta, "-e")
    dumps(mta, "-h")
    dumps(mta, "-b")
    dumps(mta, "-ev")


@scenario(main=SLOW)
def from_a_stranger(mta):
    mta.mail("carol@remote.test", "x@slow.test", TEXT, client=128)
    mta.settle()
    dumps(mta, "-v")


@scenario(main=SLOW)
def with_dsn_parameters(mta):
    with mta.smtp(client=100) as s:
        s.talk("EHLO c.test", "MAIL FROM:<carol@example.test> RET=HDRS ENVID=id+20x BODY=8BITMIME SIZE=100",
               "RCPT TO:<x@slow.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o+40p.test", "RCPT TO:<y@slow.test> NOTIFY=NEVER")
        s.data(TEXT)
        s.command("QUIT")
    mta.settle()
    dumps(mta)


@scenario(main=SLOW)
def from_sendmail(mta):
    mta.sendmail("-f", "carol@example.test", "-F", "Carol C", "x@slow.test", input=TEXT)
    mta.settle()
    dumps(mta)


@scenario(main=SLOW)
def from_sendmail_held(mta):
    mta.sendmail("-f", "carol@example.test", "x@slow.test", input=TEXT, user="alice")
    mta.settle()
    mta.run("postsuper", "-h", "ALL")
    dumps(mta)
    mta.run("postsuper", "-d", "ALL")


@scenario(main=SLOW + "virtual_alias_domains = alias.test\n"
          "virtual_alias_maps = inline:{{many@alias.test=x@slow.test, y@slow.test}}")
def after_alias_expansion(mta):
    mta.mail("carol@example.test", "many@alias.test", TEXT)
    mta.settle()
    dumps(mta)


@scenario(main=SLOW)
def null_sender_long_lines_and_8bit(mta):
    mta.mail("", "x@slow.test", b"Subject: \xe4\n\n" + b"z" * 5000 + b"\n\x00nul\n")
    mta.settle()
    dumps(mta)
    dumps(mta, "-e")


@scenario(main=SLOW)
def one_recipient_done_one_deferred(mta):
    mta.mail("carol@example.test", ["u1@virt.test", "x@slow.test"], TEXT)
    mta.settle()
    dumps(mta)
    dumps(mta, "-v")


@scenario(main=SLOW)
def modes_and_owners(mta):
    mta.mail("carol@example.test", "x@slow.test", TEXT)
    mta.settle()
    mta.sendmail("-f", "carol@example.test", "x@slow.test", input=TEXT)
    mta.settle()
    for folder in ("deferred", "defer"):
        for path in mta.queue_files(folder):
            found = path.stat()
            mta.note(f"a file in {folder}", f"{found.st_mode:o} {found.st_uid} {found.st_gid}")
            mta.note("depth", len(path.relative_to(mta.queue).parts))


@scenario(main=SLOW)
def defer_log(mta):
    mta.mail("carol@example.test", ["x@slow.test", "y@slow.test"], TEXT)
    mta.settle()
    for path in mta.queue_files("defer"):
        text = re.sub(r"(offset|size)=\d+", r"\1=N", path.read_text("latin-1"))
        mta.note("defer log", text)


@scenario(main=SLOW + "enable_long_queue_ids = yes")
def long_queue_ids(mta):
    mta.mail("carol@example.test", "x@slow.test", TEXT)
    mta.settle()
    names = [p.name for p in mta.queue_files("deferred")]
    mta.note("lengths", [len(n) > 12 for n in names])
    check(all(re.fullmatch(r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+z[0-9A-Za-z]+", n) for n in names), f"long ids: {names}")
