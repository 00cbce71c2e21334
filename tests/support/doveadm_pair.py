"""Our doveadm and Dovecot's side by side: the same mail for each, the same command lines to each.

    pair = doveadm_pair()
    account = pair.account({"cur/1.M1.h:2,S": b"Subject: x\\n\\ny\\n"})
    account.same("mailbox list -u {user}", "fetch -u {user} text all")
"""
import re
import shlex
import subprocess

from support import oracle
from support.dovecot import USERS_CONF
from support.imap_pair import ImapPair


class Outcome:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __iter__(self):
        return iter((self.status, self.out, self.err))


class DoveadmPair:
    def __init__(self, accounts=20, main="", more="", users=USERS_CONF):
        """`main` is added to our configuration, `more` to Dovecot's; `users`: its databases."""
        self.pair = ImapPair(accounts, main=main, theirs=more, users=users)
        self.mail, self.names = self.pair.mail, self.pair.names
        self.theirs_program = oracle.tree("dovecot") / "usr/bin/doveadm"
        self.compared = 0

    def account(self, files):
        return Account(self, self.pair.account(files))

    def ours(self, words, input=b""):
        """As root; the words are a list, or a line as a shell takes it."""
        mta = self.mail.mta
        return self._run([mta.commands / "doveadm", "-c", mta.conf], words, input, mta.environment())

    def theirs(self, words, input=b""):
        return self._run([self.theirs_program, "-c", self.pair.dovecot.root / "dovecot.conf"], words, input, None)

    def _run(self, program, words, input, environment):
        words = shlex.split(words) if isinstance(words, str) else words
        environment = dict(environment or {"PATH": "/usr/bin:/bin"})
        environment.pop("USER", None)
        return Outcome(subprocess.run([*program, *words], input=input, capture_output=True, timeout=60, env=environment))

    def same(self, *lines, sort=False, input=b"", forms=()):
        """All of them, before it says which differ."""
        differences = []
        for line in [f"-f {form} {line}" if form else line for line in lines for form in (forms or ("",))]:
            ours, theirs = self.ours(line, input), self.theirs(line, input)
            self.compared += 1
            both = [(plain(side.out, sort), plain_error(side.err), side.status) for side in (ours, theirs)]
            if both[0] != both[1]:
                differences.append(f"doveadm {line}\n   ours:   {both[0]}\n   theirs: {both[1]}")
        assert not differences, "\n".join(differences)


def plain(out, sort):
    """Without what each side chooses: GUIDs of mailboxes, homes, times of arrival here, padding for them."""
    out = re.sub(rb"\b[0-9a-f]{32}\b", b"GUID", out)
    out = re.sub(rb"-(ours|theirs)/", b"/", out)
    out = re.sub(rb"-(ours|theirs)\b", b"", out)
    out = re.sub(rb"uidvalidity=\d+", b"uidvalidity=", out)
    # A mailbox that no server has seen is recent to Dovecot as a whole, to us what is in new/.
    out = re.sub(rb" ?\\\\?Recent\b", b"", out)
    out = re.sub(rb"^flags: +", b"flags: ", out, flags=re.M)
    lines = [line.rstrip(b" ") for line in out.split(b"\n")]
    return sorted(lines) if sort else lines


def plain_error(err):
    """The usage of all commands has ours alone; a process's number is its own."""
    err = re.sub(rb"<\d+><[^>]*>|\(\d+\)", b"", err)
    err = re.sub(rb"^(?:/usr/bin/)?(\S*?)doveadm: ", rb"doveadm: ", err, flags=re.M)
    err = err.replace(b" flags modseq ", b" flags ")
    if err.startswith(b"usage: doveadm"):
        return [err.split(b"\n")[0]]
    if re.match(rb"doveadm [a-z]", err):
        return [b"usage of " + err.split(b" [")[0].split(b" <")[0].strip()]
    return err.split(b"\n")


class Account:
    """A user of both, by the same name."""

    def __init__(self, pair, account):
        self.pair, self.account, self.user = pair, account, account.user
        self.homes = account.homes

    def same(self, *lines, **how):
        self.pair.same(*(line.replace("{user}", self.user) for line in lines), **how)

    def ours(self, line, **how):
        return self.pair.ours(line.replace("{user}", self.user), **how)

    def theirs(self, line, **how):
        return self.pair.theirs(line.replace("{user}", self.user), **how)


_pairs = {}


def doveadm_pair():
    """One for all tests of a file."""
    if not _pairs:
        _pairs["one"] = DoveadmPair()
    return _pairs["one"]
