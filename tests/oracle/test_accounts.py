"""The accounts that main.cf names: what `postfix` and the daemons say where one cannot be used."""
import pathlib
import re
import subprocess

from support.compare import scenario

EXTRA_USERS = "twin:x:60901:60905::/:/bin/false\ngroupie:x:60911:0::/:/bin/false\nsame:x:60912:60901::/:/bin/false\n" \
              "dropper:x:60913:60902::/:/bin/false\n"
EXTRA_GROUPS = "twindrop:x:60902:\n"
CASES = [
    {"default_privs": "nosuchuser"}, {"default_privs": "root"}, {"default_privs": "groupie"}, {"default_privs": "postfix"},
    {"default_privs": "twin"}, {"default_privs": "same"}, {"default_privs": "dropper"},
    {"mail_owner": "nosuchuser"}, {"mail_owner": "root"}, {"mail_owner": "groupie"}, {"mail_owner": "twin"},
    {"mail_owner": "nobody"}, {"mail_owner": "dropper"},
    {"setgid_group": "nosuchgroup"}, {"setgid_group": "root"}, {"setgid_group": "twindrop"}, {"setgid_group": "postfix"},
    {"setgid_group": "nogroup"}, {"mail_owner": "nobody", "default_privs": "alice"},
    {"mail_owner": "root", "default_privs": "root", "setgid_group": "root"},
]


def furnish():
    """The room has an /etc of its own."""
    for path, lines in (("/etc/passwd", EXTRA_USERS), ("/etc/group", EXTRA_GROUPS)):
        text = pathlib.Path(path).read_text()
        if lines not in text:
            pathlib.Path(path).write_text(text + lines)


@scenario(ignore="^(?!.*fatal)")
def accounts_that_cannot_be_used(mta):
    """A configuration directory for each case, all at once: Postfix waits a second before it ends."""
    furnish()
    before, running = (mta.conf / "main.cf").read_text(), []
    for number, case in enumerate(CASES):
        text = before
        for name, value in case.items():
            text = re.sub(rf"(?m)^{name} = .*", f"{name} = {value}", text)
        folder = mta.root / f"case{number}"
        folder.mkdir(exist_ok=True)
        (folder / "main.cf").write_text(text)
        (folder / "master.cf").write_text((mta.conf / "master.cf").read_text())
        running.append(subprocess.Popen(["postfix", "status"], executable=mta.commands / "postfix",
                                        env={**mta.environment(), "MAIL_CONFIG": str(folder)}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    mta.note("statuses", [each.wait(30) for each in running])
    mta.settle()
