"""Completion of command lines: what is offered, through bash's and zsh's own key."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

from support import ROOT, Skip, check, count_cases, equal
from support.instance import Instance
from support.room import room
from system.test_install import installed

PLACE = ROOT / "packaging/completion"
# Without options of their own, or with a synopsis that does not name them.
NO_SYNOPSIS = ("doveadm", "mailq", "newaliases", "postfix-collate", "postfix-tls", "sendmail")


def commands():
    return sorted(path.stem for path in (ROOT / "man/man1").glob("*.1") if path.stem != "postfix-tls")


def offered(mta, line):
    """What `candidates` prints for a line; the last word, which may be empty, is the one that is being written."""
    done = subprocess.run(["sh", PLACE / "candidates", *line.split(" ")], env=mta.environment(), capture_output=True, text=True, timeout=20)
    equal((done.returncode, done.stderr), (0, ""), line)
    return done.stdout.split("\n")[:-1]


def expect(mta, line, *wanted, without=()):
    found = offered(mta, line)
    check(set(wanted) <= set(found) and not set(without) & set(found), f"{line}: {found[:30]}")
    count_cases(1)


def letters(name):
    """The options in the synopsis of a manual page."""
    synopsis = re.search(r"\n\.Sh SYNOPSIS\n(.*?)\n\.Sh ", (ROOT / f"man/man1/{name}.1").read_text(), re.S)[1]
    groups = " ".join(re.findall(r"\bFl ((?:(?![A-Z][a-z]\b)\S+ ?)+)", synopsis)).split()
    return {letter for group in groups if not group.startswith("-") for letter in group if letter not in "|\\&"}


def test_options_are_those_of_the_manual_pages():
    mta = Instance()
    for name in commands():
        if name in NO_SYNOPSIS:
            continue
        found = {option[1:] for option in offered(mta, f"{name} -") if not option.startswith("--")}
        equal(sorted(found), sorted(letters(name)), f"options of {name}")
        count_cases(1)


def test_every_command_is_completed():
    """Each command with a manual page in section 1, in both shells."""
    bash = subprocess.run(["bash", "--norc", "-c", f"source {PLACE}/relais.bash; complete -p"], capture_output=True, text=True, check=True).stdout
    equal(sorted(re.findall(r"-F _relais (\S+)$", bash, re.M)), sorted(re.findall(r"\S+", first_line_of_zsh())), "bash and zsh")
    equal(set(commands()) - set(first_line_of_zsh().split()), set(), "commands without completion")


def first_line_of_zsh():
    return (PLACE / "_relais").read_text().split("\n")[0].removeprefix("#compdef ")


def test_words_of_a_fixed_kind():
    mta = Instance()
    expect(mta, "postfix ", "start", "reload", "set-permissions", "tls")
    expect(mta, f"postfix -c {mta.conf} ", "status")
    expect(mta, "postfix tls ", "new-server-cert", "output-server-tlsa", without=["start"])
    expect(mta, "postfix -c ", "%directories")
    expect(mta, "postmap ", "lmdb:", "pcre:", "%files")
    expect(mta, "postmap hash:/etc/vi", "%files", without=["lmdb:"])
    expect(mta, "postmulti -e ", "create", "destroy")
    expect(mta, "postmulti -i - -p ", "reload")
    expect(mta, "postlog -p ", "warn", "panic")
    expect(mta, "posttls-finger -l ", "dane-only")
    expect(mta, "relais ", "config", "dovecot")
    expect(mta, "relais config ", "sources", "unimplemented")
    expect(mta, "relais config unimplemented -", "--set")
    expect(mta, "relais -", "--version", "-c")
    expect(mta, "sendmail -N ", "never", "delay")
    expect(mta, "qshape ", "deferred", "hold")


def test_subcommands_of_relais_are_those_of_its_manual_page():
    mta = Instance()
    synopsis = re.search(r"\n\.Sh SYNOPSIS\n(.*?)\n\.Sh ", (ROOT / "man/man1/relais.1").read_text(), re.S)[1]
    forms = [line.split(" ") for line in re.findall(r"^\.Cm (.*)", synopsis, re.M)]
    equal(sorted(offered(mta, "relais ")), sorted({form[0] for form in forms}), "the first word")
    for first in {form[0] for form in forms if len(form) > 1}:
        wanted = {word for form in forms for word in form[1:] if form[0] == first and word != "|"}
        equal(set(offered(mta, f"relais {first} ")), wanted, first)


def test_parameters_and_services():
    mta = Instance(main="relayhost = [relay.test]:587\n")
    expect(mta, "postconf ", "myhostname", "relayhost")
    expect(mta, "postconf -n ", "relayhost", without=["soft_bounce"])
    expect(mta, "postconf -X ", "relayhost", without=["soft_bounce"])
    expect(mta, "postconf -e soft", "soft_bounce=")
    equal(offered(mta, "postconf -e relayhost="), ["relayhost=[relay.test]:587"], "the value in force")
    expect(mta, "postconf -M ", "cleanup/unix", "rewrite/unix")
    expect(mta, "postconf -C ", "builtin")
    expect(mta, "relais config sources ", "relayhost")
    equal(offered(mta, "postconf -c /nonexistent -e relayhost="), ["relayhost="], "a configuration that is not there")


def test_doveadm_and_doveconf():
    mta = Instance()
    expect(mta, "doveadm ", "mailbox", "pw", "fetch")
    expect(mta, "doveadm mailbox ", "list", "status", "-u")
    expect(mta, "doveadm pw -s ", "SHA512-CRYPT", "PLAIN")
    expect(mta, "doveadm -f ", "json")
    expect(mta, "doveconf ", "mail_location")


def test_queue_ids_and_sites():
    mta = Instance(main="defer_transports = smtp, local, virtual\n").start()
    for recipient in ("one@first.test", "two@second.test"):
        mta.must_run("sendmail", "-f", "a@b.test", recipient, input="Subject: x\n\nx\n")
    end = time.monotonic() + 15
    while mta.log_text().count("status=deferred") < 2 and time.monotonic() < end:
        time.sleep(0.1)
    ids = [word for word in offered(mta, "postsuper -d ") if word != "ALL"]
    equal(len(ids), 2, f"messages: {ids}")
    mta.must_run("postsuper", "-h", ids[0])
    expect(mta, "postsuper -H ", ids[0], "ALL", without=[ids[1]])
    expect(mta, f"postsuper -h {ids[1]} -h ", ids[1], without=[ids[0]])
    expect(mta, "postcat -vq ", *ids)
    expect(mta, "postqueue -i ", *ids)
    expect(mta, "postqueue -s ", "second.test")


def test_where_it_is_installed():
    """bash reads this directory before it looks for a file of a command's name, and so before those of the package bash-completion."""
    top = installed()
    for path in ("etc/bash_completion.d/relais", "usr/share/zsh/vendor-completions/_relais", "usr/share/relais/completion/candidates"):
        check((top / path).is_file(), path)
    for shell in ("relais.bash", "_relais"):
        check("/usr/share/relais/completion}" in (PLACE / shell).read_text(), shell)


# -- through the shells -----------------------------------------------------------------------------------------


def read_until(terminal, wanted, seconds=20):
    seen, end = b"", time.monotonic() + seconds
    while not re.search(wanted, seen):
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        check(ready, f"the shell does not say {wanted}: {seen[-600:]!r}")
        seen += os.read(terminal, 65536)
    return seen


class Shell:
    """An interactive one on a terminal of its own; `set_up` is typed first."""

    def __init__(self, mta, argv, set_up):
        environment = {**mta.environment(), "RELAIS_COMPLETION": str(PLACE), "TERM": "dumb", "PS1": "", "HOME": str(room().scratch)}
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(mta.conf)
            os.execvpe(argv[0], argv, environment)
        os.write(self.terminal, f"{set_up}\necho rea''dy\n".encode())
        read_until(self.terminal, rb"ready")

    def complete(self, line):
        """The line as it is after the key, which the shell is then told to print and not to run."""
        os.write(self.terminal, line.encode() + b"\t")
        time.sleep(1)
        os.write(self.terminal, b"\x01echo '<<' \x05 '>>'\r")
        seen = read_until(self.terminal, rb"\n<< (.*?) >>").decode(errors="replace")
        return re.search(r"\n<< (.*?) >>", seen)[1].rstrip()

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def completes(shell, conf):
    try:
        for typed, wanted in (("postfix set-p", "postfix set-permissions"), ("postconf -e soft_b", "postconf -e soft_bounce="),
                              ("postmap lmd", "postmap lmdb:"), ("postmap lmdb:./mast", "postmap lmdb:./master.cf"),
                              (f"postfix -c {conf} relo", f"postfix -c {conf} reload"), ("postlog -p pan", "postlog -p panic")):
            equal(shell.complete(typed), wanted, typed)
            count_cases(1)
    finally:
        shell.close()


def test_the_key_in_bash():
    mta = Instance()
    completes(Shell(mta, ["bash", "--norc", "--noprofile", "-i"], f"bind 'set enable-bracketed-paste off'; source {PLACE}/relais.bash"), mta.conf)


def test_the_key_in_zsh():
    if not shutil.which("zsh"):
        raise Skip("zsh is not here")
    mta = Instance()
    set_up = f"unsetopt zle_bracketed_paste prompt_cr prompt_sp; fpath=({PLACE} $fpath); autoload -Uz compinit; compinit -u -d {room().scratch}/dump; bindkey -e"
    completes(Shell(mta, ["zsh", "-f", "-i"], set_up), mta.conf)
