"""Senders, names and recipients as programs write them on sendmail's command line."""
import concurrent.futures

from support.compare import scenario

MAIL = "Subject: test\n\nbody\n"
SENDERS = ("a@b.test", "<a@b.test>", "Joe <a@b.test>", "a@b.test (Joe)", "a@b.test,c@d.test", "a@b.test, c@d.test", "a@b.test c@d.test",
           "a@b.test;c@d.test", "<a@b.test> <c@d.test>", '"a b"@c.test', "a b@c.test", '"a"@c.test', '"a\\"b"@c.test', '""@c.test',
           "", "<>", "< >", " ", ",", "joe", "@b.test", "joe@", "a@b@c.test", "<@r.test:a@b.test>", "group: a@b.test;", "group:;",
           "j\xf6rg@c.test", "\xf6@\xfc.test", "a@b.test\n", "a@b.test\nX: y", "a@[192.0.2.1]", "a%b@c.test", "host!user", "<a@b.test",
           "a@b.test>", "a@b.test (", '"a@b.test', "a..b@c.test", ".a@c.test", "-f", "a,b@c.test", "a@b.test,", ", a@b.test", "a" * 300 + "@b.test")
RECIPIENTS = ("u1@virt.test,u2@virt.test", "u1@virt.test u2@virt.test", "Joe <u1@virt.test>", "<u1@virt.test>", "<u1@virt.test", "", "<>", ",",
              '"u1"@virt.test', "u1@virt.test (Joe)", "group: u1@virt.test, u2@virt.test;", "nobody@", '"a b"@virt.test', "-u1@virt.test")
# Beyond ASCII it is encoded since 3.10: system/later_parameters.
NAMES = ("Joe", "", "Joe Smith", 'Joe "x" Smith', "Joe\nX: y", "Joe (Smith)", "a.b", "Joe, S")


def submit(mta, *arguments, text=MAIL):
    result = mta.run("sendmail", *arguments, input=text, record=False)
    # Postfix's remark on a pipe between its own programs.
    said = result.stderr.replace("sendmail: warning: mail_stream_cleanup: close error\n", "")
    return f"status {result.status}\n{result.stdout}{said}"


@scenario
def senders(mta):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        cases = [("-f", sender) for sender in SENDERS] + [("-r", "a@b.test,c@d.test"), ("-f", "a@b.test", "-r", "c@d.test")]
        for case, said in zip(cases, pool.map(lambda case: submit(mta, *case, "u1@virt.test"), cases)):
            mta.note(f"{case!r}", said)
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


senders.seconds = 150


@scenario
def recipients(mta):
    for recipient in RECIPIENTS:
        mta.note(repr(recipient), submit(mta, "-f", "a@b.test", "--", recipient))
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario
def names(mta):
    for name in NAMES:
        mta.note(repr(name), submit(mta, "-F", name, "-f", "a@b.test", "u1@virt.test"))
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


LISTS = ("virtual_alias_maps = inline:{{list@virt.test=u1@virt.test u2+x@virt.test} {deep@virt.test=list@virt.test}"
         " {one@virt.test=two@virt.test} {two@virt.test=one@virt.test}}\n")


@scenario(main=LISTS)
def verp_of_aliases(mta):
    """The sender's address names whom the list wrote to, not where that went."""
    mta.note("-XV", submit(mta, "-XV", "-f", "lst@b.test", "list@virt.test", "deep@virt.test", "U1@virt.test"))
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


@scenario(main=LISTS)
def verp_as_it_was_asked_for_once(mta):
    for number, options in enumerate((["-V", "ab"], ["-V", "-i"], ["-Vab"], ["-V+="], ["-V-+"], ["-Vabc"], ["-V", "abc"], ["-V", "a"], ["-V", ""], ["-V"])):
        sender = f"lst{number}@b.test"
        mta.note(f"{options}", submit(mta, "-f", sender, *options, "u1@virt.test"))
        mta.note(f"{options} first", submit(mta, *options, "-f", sender, "u1@virt.test"))
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=LISTS, log=False)
def what_cleanup_has_said_pickup_does_not_repeat(mta):
    mta.run("sendmail", "-f", "a@b.test", "one@virt.test", input=MAIL)
    mta.wait_log("unreasonable virtual_alias_maps map nesting")
    for path in mta.queue_files("maildrop"):
        path.unlink(missing_ok=True)
    # pickup takes one after the other: what it had to say of the first stands before this.
    mta.run("sendmail", "-f", "next@b.test", "u1@virt.test", input=MAIL)
    mta.wait_log(r"pickup\[\d+\]: \w+: uid=\d+ from=<next@b\.test>")
    mta.settle()
    mta.note("pickup's warnings", "pickup" in mta.log_text() and "error writing" in mta.log_text())


@scenario(main="message_size_limit = 2000", ignore="mail_stream_cleanup: close error")
def too_big(mta):
    for sender in ("joe@example.org", '"a b"@example.org', "", "Joe <joe@example.org>"):
        mta.note(sender, submit(mta, "-f", sender, "u1@virt.test", text=MAIL + "x" * 70 + "\n" + ("y" * 70 + "\n") * 50))
    mta.note("-", submit(mta, "u1@virt.test", text=MAIL + ("y" * 70 + "\n") * 50))
    mta.note("no recipients", submit(mta, "-f", "joe@example.org"))
    mta.note("no recipients -t", submit(mta, "-f", "joe@example.org", "-t"))
