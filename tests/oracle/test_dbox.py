"""sdbox and mdbox, written by Dovecot: doveadm import brings all of it over, flags, keywords and times as well."""
import os
import re
import subprocess

from support import check, equal
from support.dovecot import Dovecot
from support.imap import ImapInstance
from support.imap_pair import Session

FIELDS = "mailbox flags date.received text"


def fetched(text):
    """What a fetch has printed, without the numbers of the place where it is."""
    def flags(found):
        return "flags: " + " ".join(sorted(set(found[1].split()) - {"\\Recent"}))
    rows = [re.sub(r"(?m)^flags: (.*)$", flags, row.replace("\r", "").strip()) for row in text.split("\f")]
    return sorted(row for row in rows if row)


def doveadm(mail, *words):
    done = subprocess.run([mail.mta.commands / "doveadm", "-c", mail.mta.conf, *words], capture_output=True, text=True, timeout=60, env=mail.mta.environment())
    equal(done.returncode, 0, done.stderr)
    return done.stdout


def append(number):
    body = b"Subject: m%d\r\nFrom: a@b\r\n\r\nbody %d\r\n" % (number, number) + b"x" * (number * 500)
    return (b"APPEND INBOX (\\Seen kw%d) \"0%d-Jan-2020 00:00:00 +0000\" {%d+}\r\n" % (number % 3, number % 9 + 1, len(body))) + body


def bring_over(kind, commands, more="", settings=""):
    mail = ImapInstance()
    wanted = filled_by_dovecot(mail, commands, f"mail_location = {kind}:~/{kind}{more}\n{settings}")
    doveadm(mail, "import", "-u", "bob", "-s", f"{kind}:~/{kind}{more}", "", "all")
    ours = doveadm(mail, "fetch", "-u", "bob", FIELDS, "all")
    equal(fetched(ours), fetched(wanted), "what has come over")
    again = doveadm(mail, "fetch", "-u", "bob", "uid", "mailbox", "INBOX", "keyword", "kw1")
    check("uid" in again, again)
    return wanted


def filled_by_dovecot(mail, commands, settings):
    """What its doveadm says of it."""
    theirs = Dovecot(mail, separator=".", complaints=False, more=settings)
    try:
        session = Session(mail.address, theirs.port, "bob")
        for command in commands:
            answer = session.command(command)
            check(b" OK" in answer[-1] or b" BYE" in answer[-1], answer)
        session.close()
        return theirs.run("doveadm", "fetch", "-u", "bob", FIELDS, "all").stdout
    finally:
        theirs.stop()


COMMANDS = [append(i) for i in range(12)] + [
    "CREATE a.b", "SELECT INBOX", "STORE 2 +FLAGS (\\Deleted)", "STORE 3 +FLAGS ($Forwarded \\Answered)", "STORE 1 -FLAGS (\\Seen)", "EXPUNGE",
    "COPY 1:4 a.b", "STORE 5 FLAGS (other \\Draft \\Flagged)", "SELECT a.b", "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "LOGOUT"]


def test_sdbox():
    bring_over("sdbox", COMMANDS)


def test_mdbox():
    bring_over("mdbox", COMMANDS)


def test_indexes_elsewhere():
    bring_over("mdbox", COMMANDS, more=":INDEX=~/indexes")
    bring_over("sdbox", COMMANDS, more=":INDEX=~/indexes2:DIRNAME=msgs")


def test_many():
    """Enough for a snapshot beside the log, and for more than one file of messages."""
    commands = [append(i % 12) for i in range(700)]
    for i in range(40):
        commands += ["SELECT INBOX", f"STORE {i * 7 + 1}:{i * 7 + 5} +FLAGS (\\Flagged k{i % 20})", f"STORE {i * 11 + 1} FLAGS (\\Deleted)"]
    bring_over("mdbox", commands + ["EXPUNGE", "LOGOUT"])


GZIP = "mail_plugins = zlib\nplugin {\n  zlib_save = gz\n}\n"


def test_compressed():
    """Dovecot's zlib plugin."""
    bring_over("sdbox", COMMANDS, settings=GZIP)
    bring_over("mdbox", COMMANDS, settings=GZIP)


def test_compressed_maildir():
    """It compresses what comes into Maildirs as well."""
    mail = ImapInstance()
    wanted = filled_by_dovecot(mail, COMMANDS, "mail_location = maildir:~/Maildir\n" + GZIP)
    texts = [path.read_bytes() for part in ("cur", "new") for path in (mail.maildir("bob") / part).iterdir()]
    check(len(texts) > 9 and all(text.startswith(b"\x1f\x8b") for text in texts), "it has compressed them")
    equal(fetched(doveadm(mail, "fetch", "-u", "bob", FIELDS, "all")), fetched(wanted), "what we read")
    box = mail.login("bob", "INBOX")
    sizes = [int(size) for size in re.findall(rb"RFC822.SIZE (\d+)", b" ".join(box.fetch("1:*", "(RFC822.SIZE)")[1]))]
    equal(sizes, [len(part[1]) for part in box.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)], "sizes")
    check(len(box.search(None, "TEXT", '"body 11"')[1][0].split()) == 1, "a search")
    box.logout()
    for path in (mail.maildir("bob") / "cur").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    mail.mta.reload()
    box = mail.login("bob", "INBOX")
    equal(box.fetch("1", "(BODY.PEEK[])")[0], "NO", "a damaged one")
    mail.mta.wait_log("a compressed message: it is damaged")
    mail.stop()


def test_compressed_by_what_we_cannot_read():
    """It is told of, and nothing comes that is no message."""
    for method in ("zstd", "lz4", "bz2"):
        mail = ImapInstance()
        filled_by_dovecot(mail, COMMANDS, "mail_location = sdbox:~/sdbox\n" + GZIP.replace("gz\n", method + "\n"))
        done = subprocess.run([mail.mta.commands / "doveadm", "-c", mail.mta.conf, "import", "-u", "bob", "-s", "sdbox:~/sdbox", "", "all"],
                              capture_output=True, text=True, timeout=60, env=mail.mta.environment())
        check(done.returncode != 0 and f"compressed with {method}, which we cannot read" in done.stderr, f"{done}")
        equal(doveadm(mail, "fetch", "-u", "bob", "uid", "all"), "", "messages")
        mail.stop()


def test_many_keywords():
    """More than a Maildir has letters: Dovecot's index has any number of them."""
    bring_over("sdbox", [append(i) for i in range(3)] + ["SELECT INBOX", f"STORE 1,3 +FLAGS ({' '.join(f'many{i}' for i in range(60))})", "LOGOUT"])
