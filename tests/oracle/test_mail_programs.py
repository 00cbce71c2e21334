"""The programs that people put behind local(8) and pipe(8), as their manuals and the howtos have them: procmail, vacation,
dovecot-lda, spamc with sendmail behind it, mlmmj."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import types

from support import Skip, oracle
from support.compare import scenario
from support.room import ACCOUNTS, room

with contextlib.suppress(Skip):
    oracle.tree("agents")  # before the room has a resolver of its own

PROCMAILRC = """\
DEFAULT=$HOME/procmail-in
LOGFILE=$HOME/procmail-log
SENDMAIL=/usr/sbin/sendmail
:0
* ^Subject:.*refused
{
  EXITCODE=77
  :0
  /dev/null
}
:0
* ^Subject:.*later
{
  EXITCODE=75
  :0
  /dev/null
}
:0
* ^Subject:.*elsewhere
! u1@virt.test
:0 fhw
* ^Subject:.*marked
| sed -e '1iX-Arguments: 1'
"""
SENDMAIL = "#!/bin/sh\nexec ${MAIL_CONFIG%/etc}/bin/sendmail \"$@\"\n"
PRIVATE = {}


def programs():
    """The folder with copies that everybody may run; /usr/sbin/sendmail is the one of the system that asks, here alone."""
    room().require_private("accounts")
    folder = room().scratch / "programs"
    if not folder.exists():
        tree = oracle.tree("agents")
        folder.mkdir(mode=0o755)
        for path in (tree / "usr/bin").iterdir():
            shutil.copy(path, folder / path.name)
        shadow = room().scratch / "sbin"
        shadow.mkdir()
        (shadow / "sendmail").write_text(SENDMAIL)
        (shadow / "sendmail").chmod(0o755)
        mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={shadow}:/usr/sbin", "/usr/sbin"], capture_output=True, text=True)
        if mounted.returncode:
            raise Skip(f"a /usr/sbin/sendmail of its own needs an overlay mount: {mounted.stderr.strip()}")
    return folder


def home_file(user, name, text, mode=0o644):
    path = room().home(user) / name
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, ACCOUNTS[user], ACCOUNTS[user])
    return path


def empty_homes():
    for user in ("alice", "bob"):
        for path in room().home(user).iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)


def note_home_file(mta, user, name):
    from support.compare import Normaliser
    path = room().home(user) / name
    mta.note(f"{user}'s {name}", Normaliser(mta)(path.read_text("latin-1")) if path.exists() else "missing")


MAIN = "local_recipient_maps =\nvirtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/}\nnotify_classes =\n"


def subjects(mta, to, *words):
    for word in words:
        mta.mail("u2@virt.test", to, f"From: u2@virt.test\nTo: {to}\nMessage-Id: <{word}@test>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: {word}\n\nbody\nFrom here\n")
        mta.settle()


@scenario(main=MAIN)
def procmail_in_a_forward_file(mta):
    folder = programs()
    home_file("bob", ".procmailrc", PROCMAILRC)
    home_file("bob", ".forward", f"\"|IFS=' ' && p={folder}/procmail && test -f $p && exec $p -f- || exit 75 #bob\"\n")
    subjects(mta, "bob@example.test", "plain", "refused", "later", "elsewhere", "marked")
    home_file("bob", ".forward", f"\"|IFS=' ' && exec {folder}/nowhere -f- || exit 75 #bob\"\n")
    subjects(mta, "bob@example.test", "lost")
    note_home_file(mta, "bob", "procmail-in")
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("u2", mta.virtual("u2"))
    empty_homes()


@scenario(main=MAIN + "mailbox_command = @ROOT@/../programs/procmail -a \"$EXTENSION\" DEFAULT=$HOME/procmail-in\nmailbox_command_maps = inline:{alice=/bin/false}\n")
def procmail_as_the_mailbox_command(mta):
    programs()
    home_file("bob", ".procmailrc", PROCMAILRC + ":0\n* ? test \"$1\" = lists\nlists-in\n")
    subjects(mta, "bob@example.test", "plain", "refused")
    subjects(mta, "bob+lists@example.test", "of-a-list")
    subjects(mta, "alice@example.test", "by-the-table")
    for name in ("procmail-in", "lists-in"):
        note_home_file(mta, "bob", name)
    mta.note_mail("u2", mta.virtual("u2"))
    empty_homes()


@scenario(main=MAIN, ignore="uid=60904")
def vacation_in_a_forward_file(mta):
    folder = programs()
    home_file("bob", ".vacation.msg", "Subject: away: $SUBJECT\n\nI am away.\n")
    home_file("bob", ".forward", f"\\bob, \"|{folder}/vacation bob\"\n")
    subprocess.run([folder / "vacation", "-I"], user="bob", group="bob", extra_groups=[], env={"HOME": str(room().home("bob")), "USER": "bob", "LOGNAME": "bob"}, check=False)
    subjects(mta, "bob@example.test", "first", "second")  # who has been told is not told again
    mta.note_mail("bob", mta.local_mail("bob"))
    mta.note_mail("u2", mta.virtual("u2"))
    empty_homes()


class Spamd:
    """What spamc talks to: answers PROCESS with the message and a header more, and hangs up on whoever says hang."""

    def __init__(self):
        self.listener = socket.create_server((room().address(90), 7830))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as lines:
            size = 0
            while (line := lines.readline().strip()):
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            message = lines.read(size)
            if b"Subject: hang" in message:
                return
            message = b"X-Spam-Checked: yes\n" + message
            client.sendall(b"SPAMD/1.1 0 EX_OK\r\nContent-length: %d\r\nSpam: False ; 1.0 / 5.0\r\n\r\n" % len(message) + message)


FILTERS = """\
spam unix - n n - - pipe user=alice argv=@ROOT@/../programs/spamc -d @NET@.90 -p 7830 --connect-retries=1 -f -e /usr/sbin/sendmail -oi -f ${sender} ${recipient}
strict unix - n n - - pipe flags=Rq user=alice null_sender= argv=@ROOT@/../programs/spamc -d @NET@.90 -p 7830 -x -e /usr/sbin/sendmail -G -i -f ${sender} -- ${recipient}
@ADDRESS@:2526 inet n - n - - smtpd -o content_filter=spam
@ADDRESS@:2527 inet n - n - - smtpd -o content_filter=strict:dummy
"""


@scenario(main=MAIN + "export_environment = TZ LANG MAIL_CONFIG\n", master=FILTERS)
def spamc_hands_on_to_sendmail(mta):
    programs()
    if "spamd" not in PRIVATE:
        PRIVATE["spamd"] = Spamd()
    for port in (2526, 2527):
        for sender, to, subject in (("u2@virt.test", ["u1@virt.test", "bob@example.test"], "fine"), ("", ["u1@virt.test"], "from-nobody"), ("u2@virt.test", ["u1@virt.test"], "hang")):
            with mta.smtp(port=port, client=100) as s:
                s.mail(sender, to, f"From: a@test\nMessage-Id: <{port}@test>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: {subject}\n\nbody\n.\n..\nFrom x\n")
            mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))
    mta.note_mail("bob", mta.local_mail("bob"))


@scenario(main=MAIN + "transport_maps = inline:{lda.test=dovecot: old.test=deliver:}\ndovecot_destination_recipient_limit = 1\ndeliver_destination_recipient_limit = 1\n",
          master="dovecot unix - n n - - pipe flags=DRhu user=vmail:vmail argv=@ROOT@/../lda -f ${sender} -d ${user} -m ${extension}\n"
          "deliver unix - n n - - pipe flags=DRhu user=vmail:vmail argv=@ROOT@/../lda -e -f ${sender} -a ${original_recipient} -d ${recipient}\n")
def dovecot_lda(mta):
    room().require_private("accounts")
    homes = room().scratch / "lda-homes"
    if "dovecot" not in PRIVATE:
        from support.dovecot import Dovecot
        homes.mkdir(exist_ok=True)
        os.chown(homes, ACCOUNTS["vmail"], ACCOUNTS["vmail"])
        place = types.SimpleNamespace(mta=mta, address=room().address(91), home=lambda user: homes / user)
        PRIVATE["dovecot"] = Dovecot(place, complaints=False, more="service auth {\n  unix_listener auth-userdb {\n    mode = 0666\n  }\n}\n"
                                     "protocol lda {\n  postmaster_address = postmaster@example.test\n  lda_mailbox_autocreate = yes\n}\n")
        config = room().scratch / "dovecot/dovecot.conf"
        (room().scratch / "dovecot/dovecot.log").chmod(0o666)
        lda = room().scratch / "lda"
        lda.write_text(f"#!/bin/sh\nexec {oracle.tree('dovecot')}/usr/lib/dovecot/dovecot-lda -c {config} \"$@\"\n")
        lda.chmod(0o755)
    subjects(mta, "Bob@lda.test", "plain")
    subjects(mta, "bob+Lists@LDA.test", "extension")
    subjects(mta, "nosuch@lda.test", "unknown")
    subjects(mta, "bob@old.test", "by-address")
    mta.mail("", "bob@lda.test", "Subject: from nobody\n\nx\n")
    mta.settle()
    from support.compare import Normaliser
    for path in sorted(homes.rglob("new/*"), key=lambda path: path.read_text()):
        mta.note(f"in {path.parent.parent.relative_to(homes)}", Normaliser(mta)(path.read_text()))
    mta.note_mail("u2", mta.virtual("u2"))
    shutil.rmtree(homes / "bob", ignore_errors=True)


MLMMJ = """\
mlmmj unix - n n - - pipe flags=ORhu user=vmail argv=@ROOT@/../programs/mlmmj-receive -F -L @ROOT@/../lists/${nexthop}
"""


@scenario(main=MAIN + "transport_maps = inline:{lists.test=mlmmj:talk}\nmlmmj_destination_recipient_limit = 1\nmynetworks = 127.0.0.0/8\n", master=MLMMJ)
def mlmmj_makes_a_list(mta):
    programs()
    place = room().scratch / "lists/talk"
    shutil.rmtree(place, ignore_errors=True)
    for name in ("incoming", "queue", "queue/discarded", "archive", "text", "subconf", "unsubconf", "bounce", "control", "moderation", "subscribers.d", "digesters.d", "requeue", "nomailsubs.d"):
        (place / name).mkdir(parents=True)
    (place / "index").write_text("")
    (place / "subscribers.d/u").write_text("u1@virt.test\nu2@virt.test\n")
    for name, text in (("listaddress", "talk@lists.test"), ("owner", "u2@virt.test"), ("relayhost", mta.address), ("smtpport", "2525"), ("prefix", "[talk]"), ("noarchive", "")):
        (place / "control" / name).write_text(text + "\n")
    subprocess.run(["chown", "-R", "vmail:vmail", place.parent], check=True)
    subjects(mta, "talk@lists.test", "hello")
    mta.wait_log("to=<u2@virt.test>.*status=sent")
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))
