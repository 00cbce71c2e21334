"""The commands: what they print, how they end, what they leave behind."""
import re

from support.compare import Normaliser, scenario

TEXT = "Subject: from a command\n\nhello\n"


@scenario
def sendmail_as_root(mta):
    for arguments in (["u1@virt.test"], ["-f", "bob", "u1@virt.test"], ["-F", "Full Name", "-f", "x@y.test", "u1@virt.test"],
                      ["-i", "u1@virt.test"], ["-oi", "-oem", "u1@virt.test"], ["-r", "bob@example.test", "u1@virt.test"]):
        mta.sendmail(*arguments, input=TEXT)
        mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def sendmail_as_a_user(mta):
    mta.sendmail("u1@virt.test", input=TEXT, user="alice")
    mta.settle()
    mta.sendmail("-f", "", "u2@virt.test", input=TEXT, user="bob")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))


@scenario
def sendmail_dot_ends_the_message(mta):
    mta.sendmail("u1@virt.test", input="Subject: dot\n\nbefore\n.\nafter\n")
    mta.settle()
    mta.sendmail("-i", "u2@virt.test", input="Subject: dot\n\nbefore\n.\nafter\n")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))


@scenario
def sendmail_recipients_from_headers(mta):
    mta.sendmail("-t", input="From: alice\nTo: u1@virt.test, \"U2\" <u2@virt.test>\nBcc: box@virt.test\nSubject: t\n\nx\n")
    mta.settle()
    mta.sendmail("-t", "u2@virt.test", input="To: u1@virt.test\nResent-To: alice\nSubject: resent\n\nx\n")
    mta.settle()
    for box in ("u1", "u2", "box"):
        mta.note_mail(box, mta.virtual(box))
    mta.note_mail("alice", mta.local_mail("alice"))


@scenario
def sendmail_without_recipients(mta):
    mta.sendmail(input=TEXT)
    mta.sendmail("-t", input=TEXT)
    mta.sendmail("", input=TEXT)


@scenario
def sendmail_wrong_options(mta):
    mta.sendmail("-Z", "x", input=TEXT)
    mta.sendmail("-N", "wrong", "u1@virt.test", input=TEXT)
    mta.sendmail("-R", "wrong", "u1@virt.test", input=TEXT)
    mta.sendmail("-bz", input=TEXT)


@scenario
def sendmail_dsn_options(mta):
    mta.sendmail("-f", "u1@virt.test", "-N", "success,failure", "-R", "hdrs", "-V", "envelope+20id", "u2@virt.test", input=TEXT)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


# Postfix begins a notification here and drops it, which leaves a line of cleanup in the log.
@scenario(log=False)
def sendmail_notify_never(mta):
    mta.sendmail("-f", "u1@virt.test", "-N", "never", "nosuchuser", input=TEXT)
    mta.settle()
    mta.note_mail("u1 again", mta.virtual("u1"))


@scenario
def sendmail_crlf_and_no_final_newline(mta):
    mta.sendmail("u1@virt.test", input="Subject: crlf\r\n\r\nline\r\nlast without end")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def sendmail_nul_bytes_and_8bit(mta):
    mta.sendmail("u1@virt.test", input=b"Subject: \xe4 bytes\n\na\x00b\xff\n")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def sendmail_speaks_smtp(mta):
    mta.sendmail("-bs", input="EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\n"
                 "Subject: bs\r\n\r\nx\r\n.\r\nQUIT\r\n")
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main="authorized_submit_users = !bob, static:all")
def unauthorized_submission(mta):
    mta.sendmail("u1@virt.test", input=TEXT, user="bob")
    mta.sendmail("u1@virt.test", input=TEXT, user="alice")
    mta.settle()


# Postfix has a remark about its stream besides.
@scenario(main="message_size_limit = 1000", ignore="mail_stream_cleanup")
def sendmail_message_too_big(mta):
    output = mta.sendmail("u1@virt.test", input=TEXT + "x" * 3000 + "\n", record=False)
    mta.note("status", output.status)
    mta.note("said", re.sub("sendmail: warning: mail_stream_cleanup.*\n", "", output.stderr))


def with_stopped_queue(mta):
    """Three messages that stay in the queue, of known sender and recipient."""
    for to in ("x@slow.test", "y@slow.test, z@slow.test", "u@hold.test"):
        mta.sendmail("-f", "carol@example.test", *to.split(", "), input=TEXT)
        mta.settle()


SLOW = ("relay_domains = slow.test\ndefer_transports = relay\n"
        "recipient_canonical_maps =\ntransport_maps = inline:{{hold.test=retry:4.0.0 later}}\n")


def queue_id(mta, to=b"u@hold.test"):
    """The message to this recipient: order in the queue is by chance."""
    return next(p.name for p in mta.queue_files("deferred", "hold") if to in p.read_bytes())


@scenario(main=SLOW)
def empty_queue(mta):
    mta.run("mailq")
    mta.run("postqueue", "-p")
    mta.run("postqueue", "-j")


@scenario(main=SLOW)
def queue_listing(mta):
    with_stopped_queue(mta)
    clean = Normaliser(mta)
    for arguments in (("mailq",), ("postqueue", "-p"), ("sendmail", "-bp")):
        output = mta.run(*arguments, record=False)
        # Spool order is directory order: the header and footer stay in place, messages are sorted.
        body, _, footer = clean(output.stdout).rpartition("\n-- ")
        head, _, rest = body.partition("\n")
        mta.note(" ".join(arguments), "\n".join([head, *sorted(e.strip("\n") for e in rest.split("\n\n")), footer, str(output.status)]))
    output = mta.run("mailq", record=False, user="bob")
    mta.note("as a user", f"{output.status} {output.stderr} {len(output.stdout.splitlines())}")


@scenario(main=SLOW)
def queue_listing_as_json(mta):
    import json
    with_stopped_queue(mta)
    output = mta.run("postqueue", "-j", record=False)
    entries = [json.loads(line) for line in output.stdout.splitlines()]
    for entry in entries:
        mta.note("types", {k: type(v).__name__ for k, v in entry.items()})
        entry["queue_id"] = entry["arrival_time"] = 0
    mta.note("entries", "\n".join(sorted(json.dumps(e) for e in entries)))


@scenario(main=SLOW)
def held_and_released(mta):
    with_stopped_queue(mta)
    one = queue_id(mta)
    mta.run("postsuper", "-h", one)
    mta.note("held", len(mta.queue_files("hold")))
    mta.run("postsuper", "-H", one)
    mta.note("held", len(mta.queue_files("hold")))
    mta.run("postsuper", "-h", "ALL")
    mta.note("held", len(mta.queue_files("hold")))
    mta.note("mark", mta.run("postqueue", "-p", record=False).stdout.count("!"))
    mta.run("postsuper", "-H", "ALL")
    mta.note("deferred", len(mta.queue_files("deferred")))


@scenario(main=SLOW)
def deleted(mta):
    with_stopped_queue(mta)
    mta.run("postsuper", "-d", queue_id(mta))
    mta.run("postsuper", "-d", "NOSUCHID")
    mta.run("postsuper", "-d", "-", input=queue_id(mta, b"x@slow.test") + "\nABCDEF\n")
    mta.run("postsuper", "-d", "ALL", "deferred")
    mta.note("left", len(mta.queue_files()))
    mta.note("defer logs", len(mta.queue_files("defer")))


@scenario(main=SLOW)
def requeued(mta):
    with_stopped_queue(mta)
    mta.run("postsuper", "-r", queue_id(mta))
    mta.run("postqueue", "-f")
    mta.settle()
    mta.note("deferred", len(mta.queue_files("deferred")))


@scenario(main=SLOW)
def postsuper_wrong_arguments(mta):
    mta.run("postsuper", "-d", "../../etc/passwd")
    mta.run("postsuper", "-d", "ALL", "nosuchqueue")
    mta.run("postsuper", "-Z")
    mta.run("postsuper", "-d", "ALL", user="alice")


@scenario(main=SLOW)
def postsuper_structure_check(mta):
    with_stopped_queue(mta)
    path = mta.queue_files("deferred")[0]
    path.rename(path.with_name("ABCDEF012345"))
    mta.run("postsuper", "-s", "deferred")
    mta.run("postsuper", "-p")


@scenario(main=SLOW)
def postqueue_options(mta):
    with_stopped_queue(mta)
    mta.run("postqueue")
    mta.run("postqueue", "-x")
    mta.run("postqueue", "-i", "NOSUCHID")
    mta.run("postqueue", "-i", "bad/id")
    mta.run("postqueue", "-f", "-p")
    mta.settle()


@scenario
def postmap_queries(mta):
    table = mta.table("colours", "red\t#f00\nGreen  #0f0\n# comment\nblue\n   #00f\nuser@domain.test yes\n")
    mta.run("postmap", "-q", "red", table)
    mta.run("postmap", "-q", "GREEN", table)
    mta.run("postmap", "-q", "nosuch", table)
    mta.run("postmap", "-q", "-", table, input="red\nnosuch\nblue\n")
    mta.run("postmap", "-s", table)
    mta.run("postmap", "-fs", table)
    mta.run("postmap", "-q", "red", f"texthash:{mta.conf}/colours")
    mta.run("postmap", "-q", "x", "static:always")
    mta.run("postmap", "-q", "a", "inline:{a=b, {c = d e}}")
    mta.run("postmap", "-q", "c", "inline:{a=b, {c = d e}}")
    mta.run("postmap", "-q", "root", "unix:passwd.byname")


@scenario
def postmap_changes(mta):
    table = mta.table("t", "a 1\nb 2\n", "btree")
    mta.run("postmap", "-d", "a", table)
    mta.run("postmap", "-d", "a", table)
    mta.run("postmap", "-i", table, input="c 3\na 4\n")
    mta.run("postmap", "-r", "-i", table, input="b 5\n")
    mta.run("postmap", "-i", table, input="b 6\n")
    mta.run("postmap", "-s", table)
    mta.run("postmap", "-d", "-", table, input="a\nzz\n")
    mta.run("postmap", "-s", table)


@scenario
def postmap_bad_input(mta):
    for name, text in (("dup", "a 1\nA 2\n"), ("empty", ""), ("novalue", "a\nb 2\n"), ("quoted", '"q w" 1\n: 2\n'),
                       ("cont", "  leading 1\nb 2\n")):
        (mta.conf / name).write_text(text)
        mta.run("postmap", f"hash:{mta.conf}/{name}")
        mta.run("postmap", "-s", f"hash:{mta.conf}/{name}")
    mta.run("postmap", f"hash:{mta.conf}/nosuchfile")
    mta.run("postmap", "-q", "x", f"hash:{mta.conf}/nosuchfile")
    mta.run("postmap", "-q", "x", f"nosuchtype:{mta.conf}/a")
    mta.run("postmap")


@scenario
def postmap_not_a_database(mta):
    (mta.conf / "junk.db").write_text("this is no database\n" * 100)
    mta.run("postmap", "-q", "x", f"hash:{mta.conf}/junk")
    mta.run("postmap", "-q", "x", f"btree:{mta.conf}/junk")


@scenario
def postalias_tables(mta):
    (mta.conf / "al").write_text("# comment\none: two\nThree: \"four five\", six\n list2: a,\n   b\nlist: a,\n   b\nbad line\n")
    mta.run("postalias", f"hash:{mta.conf}/al")
    mta.run("postalias", "-q", "one", f"hash:{mta.conf}/al")
    mta.run("postalias", "-q", "THREE", f"hash:{mta.conf}/al")
    mta.run("postalias", "-s", f"hash:{mta.conf}/al")
    mta.run("newaliases")
    mta.run("sendmail", "-bi")


@scenario(main="message_size_limit = 1234567\nmy_own = $myhostname and ${mydomain}")
def postconf_values(mta):
    mta.run("postconf", "myhostname", "message_size_limit", "queue_run_delay")
    mta.run("postconf", "-h", "myhostname", "mydestination")
    mta.run("postconf", "-x", "mydestination")
    mta.run("postconf", "-d", "queue_run_delay", "message_size_limit", "mydestination")
    mta.run("postconf", "-n", "message_size_limit", "queue_run_delay")
    mta.run("postconf", "nosuchparameter")
    mta.run("postconf", "-h", "nosuchparameter")


@scenario(main="message_size_limit = 1234567")
def postconf_non_defaults(mta):
    mta.run("postconf", "-n")


@scenario(main="message_size_limit = 1234567\n# a comment\nqueue_run_delay = 301s",
          ignore="overriding earlier entry")
def postconf_edits(mta):
    """A daemon that happens to start between the edits may tell of them."""
    mta.run("postconf", "-e", "message_size_limit=7654321", "relayhost = [new.test]:25")
    mta.run("postconf", "message_size_limit = 99")
    mta.run("postconf", "-#", "queue_run_delay")
    mta.run("postconf", "-X", "relayhost")
    mta.note("main.cf", (mta.conf / "main.cf").read_text())
    mta.run("postconf", "-e", "noequals")


@scenario
def postconf_master_cf(mta):
    mta.run("postconf", "-M", "pickup/unix")
    mta.run("postconf", "-F", "pickup/unix")
    mta.run("postconf", "-P")


@scenario
def postcat_of_queue_files(mta):
    mta.sendmail("-f", "carol@example.test", "u1@virt.test", input=TEXT)
    mta.settle()
    mta.run("postcat", "-q", "NOSUCHID")
    mta.run("postcat", "/nonexistent/file")
    (mta.conf / "torn").write_bytes(b"C\x10not a queue file")
    mta.run("postcat", mta.conf / "torn")


@scenario
def postlog_lines(mta):
    mta.run("postlog", "hello", "world")
    mta.run("postlog", "-p", "warn", "-t", "mytag", "careful")
    mta.run("postlog", input="line one\nline two\n")


@scenario
def postdrop_wrong_input(mta):
    mta.run("postdrop", input="garbage")
    mta.run("postdrop", input="")
    mta.run("postdrop", "-x")
