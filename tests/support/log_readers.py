"""Programs of Debian that read mail logs: fail2ban's filters, logwatch, pflogsumm.  What they make of a log."""
import os
import re
import subprocess

from support import Skip, oracle

PYTHON = "/usr/bin/python3"  # whose modules fail2ban is


def fail2ban(log, rule):
    """The addresses that the filter finds in a log file, one for each line that counts."""
    tree = oracle.tree("log-readers")
    if not os.path.exists(PYTHON):
        raise Skip(f"fail2ban needs {PYTHON}")
    done = subprocess.run([PYTHON, tree / "usr/bin/fail2ban-regex", "-c", tree / "etc/fail2ban", "-o", "ip", log, rule], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree / "usr/lib/python3/dist-packages")}, timeout=60)
    assert done.returncode in (0, 255), done  # 255: nothing was found
    return done.stdout.split()


def logwatch(log, service="dovecot"):
    """Its report, without the parts that name no fact."""
    tree = oracle.tree("log-readers") / "usr/share/logwatch"
    scripts, settings = tree / "scripts", (tree / f"default.conf/services/{service}.conf").read_text()
    only = re.search(r"^\*OnlyService = (.*)$", settings, re.M)[1]
    headers = re.search(r'^\*RemoveHeaders = "(.*)"$', settings, re.M)[1]
    environment = {"PATH": "/usr/bin:/bin", "LOGWATCH_DETAIL_LEVEL": "10", "LOGWATCH_NUMERIC": "1", "LOGWATCH_DEBUG": "0", "LC_ALL": "C"}
    text = log
    for script in ([scripts / "shared/onlyservice", only], [scripts / "shared/removeheaders", headers], [scripts / f"services/{service}"]):
        done = subprocess.run(["perl", *script], input=text, capture_output=True, text=True, env=environment, timeout=60)
        assert done.returncode == 0, done
        text = done.stdout
    return text


def pflogsumm(log):
    program = oracle.tree("log-readers") / "usr/sbin/pflogsumm"
    done = subprocess.run(["perl", "-I", oracle.tree("log-readers") / "usr/lib/x86_64-linux-gnu/perl5/5.36", program, "--no_no_msg_size"],
                          input=log, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


def as_syslog(dovecot_log):
    """Dovecot's lines as it gives them to syslog: here it writes a file of its own."""
    return re.sub(r"(?m)^(\w{3} [ \d]\d [\d:]{8}) (.*?): (?:Info|(Warning|Error|Fatal|Debug)): ",
                  lambda m: f"{m[1]} mx dovecot: {m[2]}: " + (f"{m[3]}: " if m[3] else ""), dovecot_log)
