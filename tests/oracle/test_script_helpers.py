"""Commands for scripts: postkick, rmail, postfix-collate, postfix-add-filter, postfix-add-policy."""
import pathlib
import re
import shutil

from support import check, equal, oracle
from support.compare import scenario


@scenario(log=False)
def postkick(mta):
    # Where the service hangs up first, the reference may be killed by SIGPIPE: none of those here.
    for arguments in (["public", "pickup", "W"], ["public", "nosuch", "W"], ["nonclass", "pickup", "W"],
                      ["../x", "pickup", "W"], ["public", "../nosuch", "W"], ["public", "pickup"], [], ["a", "b", "c", "d"],
                      ["-z", "public", "pickup", "W"], ["-c", "/nonexistent", "public", "pickup", "W"], ["-c"]):
        mta.run("postkick", *arguments)
    for kind in ("public", "private"):
        mta.run("postkick", kind, "pickup", "W", user="alice")


@scenario
def postkick_wakes_the_queue_manager(mta):
    """A message that is put into incoming behind its back is found on request."""
    mta.sendmail("-f", "carol@example.test", "u1@virt.test", input="Subject: kick\n\nhello\n")
    mta.settle()
    output = mta.run("postkick", "public", "qmgr", "I", record=False)
    check(output.status in ((0, -13) if mta.kind == "postfix" else (0,)), output)  # SIGPIPE, as above
    mta.note_mail("u1", mta.virtual("u1"))


FROM_LINES = (
    "From user Sat Jan  1 00:00:00 2000 remote from host1\nSubject: x\n\nbody\n",
    "From user Sat Jan  1 00:00:00 2000\n>From x!y Sat Jan  1 00:00:00 2000 remote from host0\nSubject: x\n",
    "From a!b!user Sat Jan  1 00:00:00 2000 remote from host1\n\n", "From user@dom.test Sat Jan 1 2000 remote from host1\n\nx\n",
    "From user Sat remote from host1\n>From user2 Sat remote from host2\n>From user3 Sat remote from host3\nX\n",
    "From user Sat Jan  1 00:00:00 2000\nSubject: x\n\n", "From user  \n\nx\n", "From user@ \n\nx\n", "From a!b!user\n\nx\n",
    "From a!b!user x remote from c  \n\nx\n", "From a!b!user x remote from c d\n\nx\n", "From a x remote from c remote from d\n\nx\n",
    "From a!b!user remote from c\n\nx\n", "From user@x!y\n\nx\n", "From user! x\n\nx\n", ">From user x remote from q\n\nx\n",
    "From  user x remote from q\n\nx\n", "From user\tx remote from q\n\nx\n", "From user x remote from q!r\n\nx\n",
    "From user x remote from q\nFrom user2 x remote from r\n\nx\n", "From user x\n>From user2 x\n\nx\n",
    "From user x\n>From user2 x remote from r\n>From user3 x\n\nx\n", "From user x\n>From h!user2 x\n>From user3 x\n\nx\n",
    "From user x\n>From\nx\n", "From user x remote from\n\nx\n", "From user x remote from \n\nx\n", "From -user x remote from -host\n\n",
)
NO_FROM_LINES = ("Subject: x\n\n", "", "From \n\nx\n", "From !user x\n\nx\n", "From-user x\n\nx\n", "From user x\n>From \nx\n",
                 "From user x remote from host1", "From " + "u" * 3000 + " x\n\n", "From u\0v x remote from q\n\n")


@scenario(log=False)
def rmail_finds_the_sender(mta):
    """-T shows how sendmail is called (which is not there to be called, in the reference)."""
    for number, text in enumerate(FROM_LINES):
        output = mta.run("rmail", "-T", "a@virt.test", input=text, record=False)
        arguments = [line for line in output.stderr.splitlines() if line.startswith("\t")]
        mta.note(f"{number}", "\n".join(arguments[1:]))
    output = mta.run("rmail", "-T", "-D", "dom", "a,b", "a b", 'x"y', "(c)", "<a,b>", ",", "a!b,c", input=FROM_LINES[0], record=False)
    mta.note("recipients", "\n".join(line for line in output.stderr.splitlines() if line.startswith("\t") and "/" not in line))


@scenario(log=False)
def rmail_refuses(mta):
    for text in NO_FROM_LINES:
        mta.run("rmail", "a@virt.test", input=text)
    for arguments in ([], ["-Z", "a"], ["--", "-a"], ["a", "-b"]):
        mta.run("rmail", *arguments, input=FROM_LINES[0])


LOG = """\
Nov 29 23:22:33 mx postfix/smtpd[36]: warning: log begins here
Nov 29 23:22:34 mx postfix/smtpd[36]: connect from a[1.2.3.4]
Nov 29 23:22:34 mx postfix/smtpd[37]: connect from b[1.2.3.5]
Nov 29 23:22:34 mx postfix/smtpd[36]: Anonymous TLS connection established from a
Nov 29 23:22:34 mx postfix/smtpd[36]: NOQUEUE: reject: x
Nov 29 23:22:34 mx postfix/smtpd[36]: A000512345A: client=a[1.2.3.4]
Nov 29 23:22:34 mx postfix/smtpd[36]: A000512345A: reject: y
Nov 29 23:22:34 mx postfix/smtpd[36]: warning: inside
Nov 29 23:22:34 mx postfix/cleanup[41]: A000512345A: message-id=<1>
Nov 29 23:22:34 mx postfix/smtpd[36]: NOQUEUE: reject: after first
Nov 29 23:22:34 mx postfix/smtpd[36]: B000512345A: client=a[1.2.3.4]
Nov 29 23:22:34 mx dovecot: imap-login: unrelated
Nov 29 23:22:34 mx postfix/qmgr[14]: A000512345A: from=<>, size=2357, nrcpt=1 (queue active)
Nov 29 23:22:34 mx postfix/smtpd[36]: lost connection after DATA from a[1.2.3.4]
Nov 29 23:22:35 mx postfix/smtpd[37]: NOQUEUE: reject: RCPT from b
Nov 29 23:22:35 mx postfix/smtpd[36]: disconnect from a[1.2.3.4]
Nov 29 23:22:35 mx postfix/smtpd[36]: connect from z[1.2.3.4]
Nov 29 23:22:35 mx postfix/local[27]: A000512345A: to=<x@One.Test>, status=sent (forwarded as C000512345A)
Nov 29 23:22:35 mx postfix/cleanup[41]: C000512345A: message-id=<1>
Nov 29 23:22:35 mx postfix/qmgr[14]: C000512345A: from=<>, size=2357, nrcpt=1 (queue active)
Nov 29 23:22:35 mx postfix/qmgr[14]: A000512345A: removed
Nov 29 23:22:35 mx postfix/smtpd[37]: disconnect from b[1.2.3.5]
Nov 29 23:22:35 mx postfix/smtp[70]: connect to x[1.1.1.1]:25: Connection refused
Nov 29 23:22:35 mx postfix/smtp[71]: D000512345A: to=<q>, status=sent
Nov 29 23:22:35 mx postfix/smtp[70]: C000512345A: to=<q>, status=deferred
Nov 29 23:22:35 mx postfix/smtp[70]: C000512345A: to=<r>, status=deferred
Nov 29 23:22:36 mx postfix/bounce[27]: C000512345A: sender delay notification: E000512345A
Nov 29 23:22:36 mx postfix/bounce[27]: C000512345A: sender delivery status notification: F000512345A
Nov 29 23:22:36 mx postfix/bounce[27]: C000512345A: postmaster non-delivery notification: F100512345A
Nov 29 23:22:36 mx postfix/qmgr[14]: E000512345A: from=<>, size=2357, nrcpt=1 (queue active)
Nov 29 23:22:36 mx postfix/pickup[50]: 3D129A90912: uid=0 from=<root>
Nov 29 23:22:37 mx postfix/cleanup[41]: 3D129A90912: message-id=<y>
Nov 29 23:22:37 mx postfix/virtual[72]: 3D129A90912: to=<x>, status=sent
Nov 29 23:22:37 mx postfix/qmgr[14]: 3D129A90912: removed
Nov 29 23:22:37 mx postfix/smtpd[36]: B100512345A: client=z
Nov 29 23:22:37 mx postfix/cleanup[41]: B100512345A: milter-reject: x
Nov 29 23:22:37 mx postfix/smtpd[36]: timeout after END
Nov 29 23:22:37 mx postfix/smtpd[36]: disconnect from z[1.2.3.4]
Nov 29 23:22:37 mx postfix/postsuper[99]: C000512345A: removed
Nov 29 23:22:37 mx postfix-in/smtpd[38]: connect from other
Nov 29 23:22:37 mx postfix-in/smtpd[38]: B200512345A: client=other
Nov 29 23:22:38 mx postfix/submission/smtpd[81]: connect from localhost[127.0.0.1]
Nov 29 23:22:38 mx postfix/submission/smtpd[81]: 4jWlGt2fJTz1c7BP: client=d[1.2.3.4]
Nov 29 23:22:38 mx postfix/error[83]: F300512345A: to=<q>, status=sent
Nov 29 23:22:38 mx opendkim[83]: 4jWlGt2fJTz1c7BP: DKIM-Signature field added
Nov 29 23:22:39 mx postfix/submission/smtpd[81]: disconnect from localhost[127.0.0.1]
Nov 29 23:22:39 mx postfix/qmgr[14]: 4jWlGt2fJTz1c7BP: removed
Nov 29 23:22:39 mx postfix/qmgr[14]: F300512345A: removed
garbage line

Nov 29 23:22:40 mx postfix/smtp[71]: warning: at the end
"""


@scenario(log=False)
def collate(mta):
    half = LOG.index("Nov 29 23:22:36")
    (mta.root / "log.1").write_text(LOG[:half])
    (mta.root / "log").write_text(LOG[half:])
    mta.note("from standard input", mta.run("postfix-collate", input=LOG, record=False).stdout)
    mta.note("from files", mta.run("postfix-collate", mta.root / "log.1", mta.root / "log", record=False).stdout)
    mta.note("the later half", mta.run("postfix-collate", mta.root / "log", record=False).stdout)
    mta.note("nothing", mta.run("postfix-collate", input="", record=False))


def note_master_cf(mta, name, before):
    folder = mta.conf if mta.kind != "postfix" else pathlib.Path("/etc/postfix")
    copies = sorted(path for path in folder.glob("master.cf.*") if path.suffix[1:].isdigit())
    mta.note(name, (folder / "master.cf").read_text())
    mta.note(f"{name}: the old one", [(path.read_text() == before, oct(path.stat().st_mode)) for path in copies])
    for path in copies:
        path.unlink()
    (folder / "master.cf").write_text(before)


@scenario(log=False)
def services_are_added(mta):
    """The reference knows /etc/postfix alone, ours obeys MAIL_CONFIG; its texts are its own."""
    folder = mta.conf if mta.kind != "postfix" else pathlib.Path("/etc/postfix")
    running = (mta.conf / "master.cf").read_text()
    text = (oracle.tree() / "usr/share/postfix/master.cf.dist").read_text() + "odd.example:10099 inet n - - - - smtpd\n"
    (folder / "master.cf").write_text(text)
    try:
        for tool, lists in (("postfix-add-filter", (["amavisfeed", "10025"], ["smtp", "10025"], ["filter", "10099"], ["a"], [], ["a", "b", "c"])),
                            ("postfix-add-policy", (["pol", "nobody", "/usr/bin/true"], ["pol", "nobody", "/usr/bin/perl /x -a"],
                                                    ["smtp", "a", "b"], ["pol"], [], ["a", "b", "c", "d"]))):
            for arguments in lists:
                output = mta.run(tool, *arguments, record=False)
                mta.note(f"{tool} {arguments} status", output.status)
                mta.note(f"{tool} {arguments} says something", bool(output.stdout))
                note_master_cf(mta, f"{tool} {arguments}", text)
    finally:
        (mta.conf / "master.cf").write_text(running)
        shutil.rmtree("/etc/postfix/master.cf", ignore_errors=True)
    check(re.search("usage|To add", mta.run("postfix-add-filter", record=False).stdout), "no usage")
    equal((mta.conf / "master.cf").read_text(), running, "the instance's own")
