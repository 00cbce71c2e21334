"""fetchmail and getmail, which fetch mail from a server that keeps it or not.

    server = Server("127.0.0.1", 1430, "bob", "IMAP")
    fetchmail(server, place, "keep")           # the subjects of what it delivers, which are numbers
    getmail(server, place, owner=(uid, gid))
"""
import os
import re
import subprocess
from typing import NamedTuple

from support import Skip, check, oracle
from support.imap import PASSWORD


DONE, NOTHING_NEW, LIMIT_REACHED = 0, 1, 13  # what fetchmail ends with


class Server(NamedTuple):
    address: str
    port: int
    user: str
    protocol: str


def subjects(text):
    return [int(number) for number in re.findall(rb"(?m)^Subject: (?:message )?(\d+)", text)]


def fetchmail(server, place, options=""):
    """Runs it once; what it remembers of earlier runs is in `place`."""
    place.mkdir(exist_ok=True)
    out = place / "out"
    out.write_bytes(b"")
    identifiers = "uidl" if server.protocol == "POP3" else ""
    (place / "rc").write_text(f"poll {server.address} service {server.port} protocol {server.protocol} {identifiers}\n"
                              f" username {server.user} password {PASSWORD} {options} mda \"cat >> {out}\"\n")
    os.chmod(place / "rc", 0o600)
    tree = oracle.tree("fetchers")
    command = [tree / "usr/bin/fetchmail", "-f", place / "rc", "--nodetach", "--nosyslog", "-i", place / "ids", "--pidfile", place / "pid", "-v"]
    done = _run(command, env={"FETCHMAILHOME": str(place), "HOME": str(place), "PATH": os.environ["PATH"], "LOGNAME": "tester", "USER": "tester",
                              "LD_LIBRARY_PATH": oracle.library_path(tree)})
    check(done.returncode in (DONE, NOTHING_NEW, LIMIT_REACHED), done.stdout.decode(errors="replace"))
    return subjects(out.read_bytes())


def getmail(server, place, owner, retriever="", options="delete = false"):
    """Runs it once as `owner`: it delivers nothing as root."""
    if not os.path.exists("/usr/bin/python3"):
        raise Skip("getmail needs the system's Python")
    tree = oracle.tree("fetchers")
    maildir = place / "mail"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True, exist_ok=True)
    before = set((maildir / "new").iterdir())
    _remember_for_any_port(place, server.port)
    (place / "rc").write_text(f"[retriever]\ntype = Simple{server.protocol}Retriever\nserver = {server.address}\nport = {server.port}\n"
                              f"username = {server.user}\npassword = {PASSWORD}\n{retriever}\n"
                              f"[destination]\ntype = Maildir\npath = {maildir}/\n[options]\nread_all = false\n{options}\n")
    for folder, _, names in os.walk(place):
        for name in [folder, *(os.path.join(folder, name) for name in names)]:
            os.chown(name, *owner)
    done = _run(["/usr/bin/python3", tree / "usr/bin/getmail", "--getmaildir", place, "--rcfile", place / "rc"],
                env={"PYTHONPATH": str(tree / "usr/lib/python3/dist-packages"), "HOME": str(place), "PATH": os.environ["PATH"]},
                user=owner[0], group=owner[1], extra_groups=[], cwd="/")
    check(not done.returncode, done.stdout.decode(errors="replace"))
    return sorted(number for path in set((maildir / "new").iterdir()) - before for number in subjects(path.read_bytes()))


def _remember_for_any_port(place, port):
    """What it has fetched it remembers by port, too."""
    for old in place.glob("oldmail-*"):
        wanted = place / re.sub(r"-\d+-", f"-{port}-", old.name)
        if wanted != old:
            old.rename(wanted)


def _run(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **more)
