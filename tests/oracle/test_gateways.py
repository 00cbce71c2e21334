"""maildrop and uux of Debian's packages behind pipe(8), with the flags and arguments of Debian's master.cf."""
import contextlib
import os
import re

from support import ROOT, Skip, mailbox, oracle
from support.compare import Normaliser, scenario
from support.room import ACCOUNTS, room

with contextlib.suppress(Skip):
    oracle.tree("gateways")  # before the room has a resolver of its own

FILTER = """\
SHELL="/bin/sh"
DEFAULT="@ROOT@/drop/in"
if (/^Subject: refused/)
{
  EXITCODE=77
  exit
}
if (/^Subject: later/)
{
  EXITCODE=75
  exit
}
if (/^Subject: marked/)
{
  xfilter "sed -e '1iX-Marked: yes'"
}
"""
UUCP = "nodename here\nspool @ROOT@/drop/uucp\npubdir @ROOT@/drop\nlockdir @ROOT@/drop\nlogfile @ROOT@/drop/uulog\nstatfile @ROOT@/drop/uustat\nsysfile @CONF@/uusys\n"
SYSTEMS = "system far.test\ncommands rmail rbsmtp\n"
TEXT = "From: a@example.test\nSubject: {subject}\n\nhello\nFrom here\n.\n"


def debians(service):
    """What Debian's master.cf has behind "pipe"."""
    text = re.sub(r"\n[ \t]+", " ", (ROOT / "conf/master.cf").read_text())
    return re.search(rf"(?m)^{service} .*? pipe (.*)", text)[1]


def program(name):
    """Runs one of the packages; pipe(8) lets no variable through, and a set-gid program would not look at this one."""
    tree = oracle.tree("gateways")
    with contextlib.suppress(OSError):
        (tree / "usr/bin" / name).chmod(0o755)
    paths = f"{oracle.library_path(tree)}:{tree}/usr/lib:{tree}/usr/lib/courier-authlib"
    return f'#!/bin/sh\nLD_LIBRARY_PATH="{paths}"\nexport LD_LIBRARY_PATH\nexec {tree}/usr/bin/{name} "$@"\n'


SERVICES = {
    "maildrop": debians("maildrop").replace("/usr/bin/maildrop", "@CONF@/maildrop"),
    "filtered": "flags=DRXhu user=vmail argv=@CONF@/maildrop -V 0 @CONF@/filter",
    "uucp": debians("uucp").replace("user=uucp argv=uux", "user=vmail argv=@CONF@/uux -I @CONF@/uuconf"),
    "bsmtp": "flags=Fq. user=vmail argv=@CONF@/uux -I @CONF@/uuconf -r -n -z - $nexthop!rbsmtp",
}
MAIN = "notify_classes =\ntransport_maps = inline:{" + " ".join(f"{name}.gate.test={name}:far.test" for name in SERVICES) + "}\n" + "".join(
    f"{name}_destination_recipient_limit = 1\n" for name in ("maildrop", "filtered"))
MASTER = "".join(f"{name} unix - n n - - pipe {how}\n" for name, how in SERVICES.items())
FILES = {"maildrop": program("maildrop"), "uux": program("uux"), "filter": FILTER, "uuconf": UUCP, "uusys": SYSTEMS}


def prepare(mta):
    room().require_private("accounts")
    folder = mta.root / "drop"
    if not folder.exists():
        for path in (folder, folder / "in", folder / "uucp", *(folder / "in" / part for part in ("cur", "new", "tmp"))):
            path.mkdir()
            os.chown(path, ACCOUNTS["vmail"], ACCOUNTS["vmail"])
    for name, mode in (("maildrop", 0o755), ("uux", 0o755), ("filter", 0o600), ("uuconf", 0o644)):
        (mta.conf / name).chmod(mode)
    os.chown(mta.conf / "filter", ACCOUNTS["vmail"], ACCOUNTS["vmail"])
    return folder


@scenario(main=MAIN, master=MASTER, files=FILES)
def mail_for_maildrop(mta):
    folder = prepare(mta)
    for subject in ("plain", "refused", "later", "marked"):
        for service in ("filtered", "maildrop"):
            mta.mail("u1@virt.test", f"Joe+x@{service}.gate.test", TEXT.format(subject=subject))
            mta.settle()
    mta.note_mail("maildrop's", mailbox.read_maildir(folder / "in"))
    mta.note_mail("the sender's", mta.virtual("u1"))


@scenario(main=MAIN, master=MASTER, files=FILES)
def mail_for_uucp(mta):
    folder = prepare(mta)
    for service in ("uucp", "bsmtp"):
        mta.mail("u1@virt.test", [f"Joe+x@{service}.gate.test", f'"b c"@{service}.gate.test'], TEXT.format(subject=service))
        mta.mail("", f"null@{service}.gate.test", TEXT.format(subject=service))
        mta.settle()
    clean = Normaliser(mta)
    jobs = [clean(path.read_text("latin-1")) for path in (folder / "uucp").rglob("*") if path.is_file()]
    mta.note("jobs", len(jobs))
    mta.note("what uux has queued", "\n--\n".join(sorted(re.sub(r"\b[CDX]\.\w*|\d{9,}", "JOB", text) for text in jobs)))
