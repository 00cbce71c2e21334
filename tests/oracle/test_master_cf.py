"""What is said of lines in master.cf that nobody can use: by whoever reads it, and wherever the log goes."""
import concurrent.futures
import os
import re
import shutil

from support import check, maillog
from support.compare import scenario

# What is added to master.cf.
BAD_LINES = {
    "few fields": "badline inet n - n", "one field": "badline", "seven fields": "badline inet n - n - -",
    "type": "x foo n - n - - smtpd", "upper case type": "x INET n - n - - smtpd", "private": "x inet q - n - - smtpd",
    "private inet": "x inet y - n - - smtpd", "private by default": "2599 inet - - n - - smtpd", "unprivileged": "x unix - z n - - smtp",
    "chroot": "x unix - - Y - - smtp", "wakeup": "x unix - - n soon - smtp", "negative wakeup": "x unix - - n -5 - smtp",
    "limit": "x unix - - n - many smtp", "negative limit": "x unix - - n - -1 smtp", "huge limit": "x unix - - n - 99999999999 smtp",
    "no name": "- unix - - n - - smtp", "no type": "x - - - n - - smtp", "no command": "x unix - - n - - -",
    "-o alone": "x unix - - n - - smtp -o",
    "open brace": "x unix - - n - - smtp -o { a = b", "brace and more": "x unix - - n - - smtp -o {a = b}c",
    "duplicate": "showq unix n - n - - showq -v", "indented": "#\n\n",
    "port": "nosuchservice inet n - n - - smtpd", "host": "nosuch.invalid:2598 inet n - n - - smtpd",
    "command": "2597 inet n - n - - nosuchcommand",
}


def copy_of_configuration(mta, number, line, log):
    folder = mta.root / f"bad{number}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(mta.conf, folder)
    with open(folder / "master.cf", "a") as file:
        file.write(line + "\n")
    with open(folder / "main.cf", "a") as file:
        file.write("biff = no\n")  # said before anybody knows where the log goes: it was set already
        file.write("" if log else "maillog_file =\n")
    os.utime(folder / "main.cf", (1e9, 1e9))
    return folder


READERS = (("postconf", "-M"), ("postconf", "-MX", "nosuch/unix"), ("postconf", "-F", "x/unix"), ("postconf", "-P"), ("postconf", "-n"),
           ("postfix", "check"))


# The instance's own settings seem old to us, and new to Postfix; its script asks whether a person sees it.
OURS_ALONE = re.compile(r"/etc/postfix/|^(postfix|master|postfix/postfix-script|postsuper): |overriding earlier entry|[Bb]ackwards|"
                        r"COMPATIBILITY_README")


def normal(text):
    text = re.sub(r"cannot execute \S+/postconf!|Postfix integrity check failed!", "UNUSABLE", text)
    return re.sub(r"line \d+:", "line N:", re.sub(r"/bad\d+/", "/bad/", text))


def essence(mta, result):
    """Status and words of postconf, each once: the script of Postfix calls it many times, by its path."""
    text = normal(result.stderr).replace(f"{mta.commands}/postconf:", "postconf:")
    lines = [line for line in text.splitlines() if not OURS_ALONE.search(line)]
    return "\n".join([f"status {result.status}", *dict.fromkeys(lines)])


@scenario(log=False)
def lines_that_nobody_can_use(mta):
    def one(case):
        number, (name, line) = case
        folder = copy_of_configuration(mta, number, line, True)
        return name, [(words, mta.run(*words, record=False, env={"MAIL_CONFIG": str(folder)})) for words in READERS]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # Postfix waits a second before it dies
        for name, results in pool.map(one, enumerate(BAD_LINES.items())):
            for words, result in results:
                mta.note(f"{name}: {' '.join(words)}", essence(mta, result))


lines_that_nobody_can_use.seconds = 150

REFUSED_BEFORE = ("few fields", "limit")  # before master is started
STARTS = ("few fields", "private inet", "limit", "no command", "port", "host")


@scenario(log=False)
def starts_that_fail(mta):
    """What is said, and what maillog_file has of it, where there is one."""
    mta.stop()
    for log in (True, False):
        for number, name in enumerate(STARTS):
            before = mta.maillog.stat().st_size
            folder = copy_of_configuration(mta, number, BAD_LINES[name], log)
            result = mta.run("postfix", "start", record=False, env={"MAIL_CONFIG": str(folder)})
            mta.note(f"{name}, log {log}", essence(mta, result))
            text = mta.maillog.read_bytes()[before:].decode()
            lines = [normal(f"{line.tag} {line.text}") for line in maillog.parse(text)]
            fatal = [line for line in lines if line.startswith("postfix/master fatal: ")]
            check(not log or fatal or mta.kind == "postfix" or name in REFUSED_BEFORE, f"{name}: master's reason is not in {text}")
            mta.note(f"{name}, maillog_file {log}", "\n".join(line for line in lines if " warning: " not in line and
                                                              line not in fatal and not OURS_ALONE.search(line)))
            mta.note(f"{name}, other lines {log}", len(text.splitlines()) - len(lines))
    mta.start()


starts_that_fail.seconds = 150
