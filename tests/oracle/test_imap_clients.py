"""Mail programs of people, each through a whole round on ours and on Debian's Dovecot: what it shows, and what the mailbox is afterwards."""
import contextlib
import imaplib
import re
import shutil
import subprocess
import threading

from support import Skip, check, equal, oracle
from support.certificates import directory as certificates
from support.fetchers import Server, fetchmail, getmail
from support.imap import PASSWORD
from support.imap_pair import imap_pair
from support.mail_clients import ACCENTED, Mailbox, Mbsync, Mutt, OfflineImap, first_mail, imapfilter, message, port

with contextlib.suppress(Skip):
    for tree in ("imap-clients", "fetchers"):
        oracle.tree(tree)  # before the room has a resolver of its own

SIDES = ("theirs", "ours")
# What the synchronising clients make of first_mail(), both on the server and at home.
SYNCHRONISED = {
    "INBOX": [("message 0", "S"), ("message 1", "FRS"), ("message 4", ""), ("message 5", ""), ("message 6", "S")],
    "Archive": [("message 10", "FS"), ("message 2", "")],
    ACCENTED: [("message 20", "RS")],
    "Lists": [("message 30", "FS")],
}


def same(box, wanted=None):
    """Both mailboxes are the same, and as wanted."""
    ours = box.picture("ours")
    equal(ours, box.picture("theirs"), "the mailbox at ours and at Dovecot")
    if wanted is not None:
        equal(ours, wanted, "the mailbox")


def change_at_home(copy):
    copy.flag("INBOX", 1, "FRS")
    copy.move(2, "INBOX", "Archive")
    copy.delete("INBOX", 3)
    copy.add("INBOX", 6)
    copy.make_folder("Lists")
    copy.add("Lists", 30, "FS")


def synchronise(client, box, whose):
    """Down, changes at home, up, changes at the server, down again."""
    client.sync()
    equal(client.picture(), box.picture(whose), f"down from {whose}")
    change_at_home(client.copy)
    said = client.sync()
    equal(box.picture(whose), SYNCHRONISED, f"up to {whose}\n{said}")
    client.sync()
    equal(box.picture(whose), SYNCHRONISED, f"nothing to do at {whose}")
    with at_server(box, whose) as server:
        server.select("INBOX")
        server.store("1", "-FLAGS", r"(\Seen)")
        server.uid("MOVE", "5", "Archive")
        server.append("INBOX", None, None, message(7).replace(b"\n", b"\r\n"))
        server.create("New")
    client.sync()
    equal(client.picture(), box.picture(whose), f"down from {whose} again")


@contextlib.contextmanager
def at_server(box, whose):
    client = imaplib.IMAP4(imap_pair().address, port(whose), timeout=20)
    client.login(box.user, PASSWORD)
    yield client
    client.logout()


def test_mbsync():
    box = Mailbox()
    for whose in SIDES:
        synchronise(Mbsync(box, whose), box, whose)
    same(box)


def test_offlineimap():
    box = Mailbox()
    for whose in SIDES:
        synchronise(OfflineImap(box, whose), box, whose)
    same(box)


def test_synchronising_with_tls():
    for client in (Mbsync, OfflineImap):
        box = Mailbox()
        synchronise(client(box, "ours", tls=True, mechanism="PLAIN"), box, "ours")
        imap_pair().mail.mta.wait_log(rf"Login: user=<{box.user}>, method=PLAIN, rip=\S+, lip=\S+, TLS")


def use_mutt(client):
    """Reads, flags, saves elsewhere, deletes, writes a draft; looks into another folder and leaves.  How many messages are there."""
    with client.open() as screen:
        screen.wait("message 5")
        screen.keys("2\n\n", "text 1")     # jump there, open it
        screen.keys("i", "message 1")
        screen.keys("F", "!")              # flagged
        screen.keys("3\ns", "Save to")
        screen.keys("=Archive\n", "message 2")
        screen.keys("4\nd", "D")
        screen.keys("m", "To:")
        screen.keys("somebody@d.test\n", "Subject:")
        screen.keys("draft\n", "(?i)y:Send|Compose")
        screen.keys("q", "(?i)postponed")
        screen.keys("$", "deleted|Mailbox is unchanged|kept")
        screen.keys("c", "(?i)open mailbox")
        shown = screen.keys("=Archive\n", r"Archive \[Msgs:\d+")
        screen.keys("q")
        equal(screen.end(), 0, "its exit status")
        return re.search(r"Msgs:(\d+)", shown)[1]


def use_mutt_again(client, box, whose):
    """What it keeps of the headers (QRESYNC) is made true, and what comes while it waits (IDLE) is shown.  What it shows of a folder."""
    with at_server(box, whose) as server:
        server.select("INBOX")
        server.store("1", "+FLAGS", r"(\Flagged)")
        server.uid("MOVE", "5", "Archive")
        server.append("INBOX", None, None, message(7).replace(b"\n", b"\r\n"))
    with client.open() as screen:
        shown = screen.wait(r"INBOX \[Msgs:\d+[^]]*\]")
        box.deliver(whose, 8)
        screen.wait("message 8")
        screen.keys("q")
        equal(screen.end(), 0, "its exit status")
    for command in (r"CHANGEDSINCE \d+ VANISHED", r"\d IDLE\r?\n"):
        check(re.search(command, client.said()), f"{command} is not in {client.said()[-4000:]}")
    return [bool(re.search(rf"{flag}\s+message {number}", shown)) for number, flag in ((0, "!"), (1, "!"), (4, ""), (5, "N"), (7, "N"))]


def mailbox_for_drafts():
    """neomutt does not make the folder."""
    return Mailbox(first_mail() | {".Drafts/cur/": b""})


def check_mutt(program):
    box = mailbox_for_drafts()
    clients = {whose: Mutt(box, whose, program) for whose in SIDES}
    for whose, client in clients.items():
        equal(use_mutt(client), "2", f"what {program} shows the folder at {whose}")
    wanted = {"INBOX": [("message 0", "S"), ("message 1", "FS"), ("message 4", ""), ("message 5", "")],
              "Archive": [("message 10", "FS"), ("message 2", "")], ACCENTED: [("message 20", "RS")]}
    drafts = box.picture("ours").get("Drafts")
    equal([name for name, _ in drafts or []], ["draft"], "the draft")
    same(box, wanted | {"Drafts": drafts})
    for whose, client in clients.items():
        equal(use_mutt_again(client, box, whose), [True, True, False, True, True], f"what {program} shows the second time at {whose}")
    same(box)


def test_mutt():
    check_mutt("mutt")


def test_neomutt():
    check_mutt("neomutt")


def test_mutt_with_tls():
    for program in ("mutt", "neomutt"):
        box = mailbox_for_drafts()
        use_mutt(Mutt(box, "ours", program, tls=True, mechanism="plain"))
        imap_pair().mail.mta.wait_log(rf"Login: user=<{box.user}>, method=PLAIN, rip=\S+, lip=\S+, TLS")


SORTING = """
function show(name, found) print(name .. ' ' .. #found) end
inbox = account.INBOX
show('all', inbox:select_all())
show('unseen', inbox:is_unseen())
show('subject', inbox:contain_subject('message 1'))
show('both', inbox:is_unseen() * inbox:contain_body('text 4'))
show('older', inbox:is_older(30))
show('header', inbox:match_header('^Subject: message [0-3]'))
show('matched body', inbox:match_body('text [45]'))
print(inbox[1]:fetch_header())
print(inbox[2]:fetch_body())
account:create_mailbox('Sorted')
account:create_mailbox('Empty')
account:rename_mailbox('Empty', 'Renamed')
account:delete_mailbox('Renamed')
mailboxes, folders = account:list_all()
table.sort(mailboxes)
print(table.concat(mailboxes, ','))
inbox:contain_subject('message 1'):mark_flagged()
inbox:contain_subject('message 1'):add_flags({ '\\\\Answered' })
inbox:contain_subject('message 2'):move_messages(account.Sorted)
inbox:contain_subject('message 3'):delete_messages()
inbox:contain_subject('message 0'):copy_messages(account.Archive)
inbox:is_new():mark_seen()
account.Archive:append_message('Subject: by hand\\r\\n\\r\\nx\\r\\n')
show('sorted', account.Sorted:select_all())
show('archive', account.Archive:select_all())
"""


def test_imapfilter():
    """Its own log, which names sequence numbers and times, is left out."""
    box, said = Mailbox(), {}
    for whose in SIDES:
        text = imapfilter(box, whose, SORTING).replace(f":{port(whose)}", "")
        said[whose] = [line for line in text.splitlines() if not line.startswith(("S (", "C ("))]
    equal(said["ours"], said["theirs"], "what the script prints")
    for line in ("all 6", "subject 1", "both 1", "matched body 2", "sorted 1", "archive 3"):
        check(line in said["ours"], f"{line}: {said['ours']}")
    same(box, {"INBOX": [("message 0", "S"), ("message 1", "FR"), ("message 4", ""), ("message 5", "")], "Sorted": [("message 2", "")],
               "Archive": [("by hand", ""), ("message 0", "S"), ("message 10", "FS")], ACCENTED: [("message 20", "RS")]})


def test_imapfilter_waits_for_mail():
    box = Mailbox()
    for whose in SIDES:
        delivery = threading.Timer(2, box.deliver, (whose, 8))
        delivery.start()
        said = imapfilter(box, whose, "account.INBOX:enter_idle()\nprint('came ' .. #account.INBOX:contain_subject('message 8'))\n")
        delivery.join()
        check("came 1" in said.splitlines(), f"{whose}: {said}")


def test_imapfilter_with_tls():
    box = Mailbox()
    check("all 6" in imapfilter(box, "ours", SORTING, tls=True), "with STARTTLS")
    imap_pair().mail.mta.wait_log(rf"Login: user=<{box.user}>, method=\S+, rip=\S+, lip=\S+, TLS")


def server(box, whose):
    return Server(imap_pair().address, port(whose), box.user, "IMAP")


def fetch_with_fetchmail(box, whose, place):
    """The numbers that come with each run."""
    came = [fetchmail(server(box, whose), place, "keep sslproto ''"), fetchmail(server(box, whose), place, "keep sslproto ''")]
    came.append(fetchmail(server(box, whose), place, "keep fetchall sslproto '' folder Archive"))
    box.deliver(whose, 6)
    came.append(fetchmail(server(box, whose), place, "nokeep sslproto ''"))
    came.append(fetchmail(server(box, whose), place, "nokeep fetchall limit 10 sslproto ''"))  # all are larger
    came.append(fetchmail(server(box, whose), place, "nokeep fetchall batchlimit 2 fetchlimit 3 expunge 1 sslproto ''"))
    return came


def test_fetchmail():
    box, came = Mailbox(), {}
    for whose in SIDES:
        came[whose] = fetch_with_fetchmail(box, whose, box.scratch("fetchmail"))
    equal(came["ours"], [[1, 2, 3, 4, 5], [], [10], [6], [], [0, 1, 2]], "what comes")
    equal(came["ours"], came["theirs"], "what comes")
    same(box, {"INBOX": [("message 3", "S"), ("message 4", "S"), ("message 5", "S")], "Archive": [("message 10", "FS")], ACCENTED: [("message 20", "RS")]})


def test_fetchmail_with_tls():
    box = Mailbox()
    tls = f"sslproto 'TLS1.2+' sslcertck sslcertfile {certificates()}/ca.pem sslcommonname mx.example.test"
    equal(fetchmail(server(box, "ours"), box.scratch("fetchmail"), f"keep {tls}"), [1, 2, 3, 4, 5], "with STARTTLS")
    imap_pair().mail.mta.wait_log(rf"Login: user=<{box.user}>, method=\S+, rip=\S+, lip=\S+, TLS")


def fetch_with_getmail(box, whose, place):
    owner = (imap_pair().uid, imap_pair().gid)
    both = 'mailboxes = ("INBOX", "Archive")'
    came = [getmail(server(box, whose), place, owner, both), getmail(server(box, whose), place, owner, both)]
    box.deliver(whose, 6)
    came.append(getmail(server(box, whose), place, owner, both + '\nmove_on_delete = "Archive"', "delete = true"))
    return came


def test_getmail():
    box, came = Mailbox(), {}
    for whose in SIDES:
        came[whose] = fetch_with_getmail(box, whose, box.scratch("getmail"))
    equal(came["ours"], came["theirs"], "what comes")
    equal(came["ours"][:2], [[0, 1, 2, 3, 4, 5, 10], []], "what comes")
    same(box)


def curl(box, whose, path, *options, scheme="imap"):
    if not shutil.which("curl") or b"imap" not in subprocess.run(["curl", "--version"], capture_output=True).stdout:
        raise Skip("no curl that speaks IMAP")
    command = ["curl", "-s", "-k", "--user", f"{box.user}:{PASSWORD}", *options, f"{scheme}://{imap_pair().address}:{port(whose)}/{path}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, sorted(re.sub(rb" ?\\(Recent|Archive)|(?<=COPYUID )[\d ]+", b"", line) for line in done.stdout.splitlines())


def curl_round(letter):
    return (("", ()), ("INBOX;UID=2", ()), ("INBOX;MAILINDEX=3", ()), ("INBOX;UID=2;SECTION=TEXT", ()), ("INBOX;UID=3;SECTION=HEADER", ()),
            ("INBOX;MAILINDEX=4;PARTIAL=0.10", ()), ("INBOX?SUBJECT%20%22message%201%22", ()), ("INBOX?UNSEEN", ()), ("INBOX;UID=99", ()), ("Nowhere;UID=1", ()),
            ("INBOX", ("-X", "FETCH 1:3 (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")), ("", ("-X", "CREATE Letters")),
            ("INBOX", ("-X", r"STORE 2 +FLAGS.SILENT (\Flagged)")), ("INBOX", ("-X", "UID MOVE 3 Archive")), ("INBOX", ("-X", r"UID STORE 4 +FLAGS.SILENT (\Deleted)")),
            ("INBOX", ("-X", "EXPUNGE")), ("Letters", ("-T", str(letter))), ("", ("-X", "STATUS Letters (MESSAGES)")), ("", ("-X", 'LSUB "" *')),
            ("INBOX;UID=1", ("--login-options", "AUTH=PLAIN")), ("INBOX;UID=1", ("--login-options", "AUTH=LOGIN")), ("INBOX", ("-X", "XYZ")))


def test_curl():
    box = Mailbox()
    letter = box.scratch("curl") / "letter"
    letter.write_bytes(message(9).replace(b"\n", b"\r\n"))
    for path, options in curl_round(letter):
        equal(curl(box, "ours", path, *options), curl(box, "theirs", path, *options), f"{path} {options}")
    same(box, {"INBOX": [("message 0", "S"), ("message 1", "FS"), ("message 4", ""), ("message 5", "")], "Archive": [("message 10", "FS"), ("message 2", "S")],
               ACCENTED: [("message 20", "RS")], "Letters": [("message 9", "S")]})
    equal(curl(box, "ours", "INBOX;UID=1", "--ssl-reqd"), curl(box, "ours", "INBOX;UID=1"), "STARTTLS")


def in_order(answer):
    return answer[0], sorted(answer[1], key=lambda line: line.split()[-1])


def use_imaplib(client):
    """The answers of a whole session."""
    said = [client.select("INBOX"), client.search(None, "UNSEEN"), client.fetch("1:3", "(FLAGS RFC822.SIZE)"), client.fetch("2", "(BODY.PEEK[])"),
            client.store("2", "+FLAGS", r"(\Flagged \Seen $Label1)"), client.copy("1:2", "Archive"), client.create("Later"), client.subscribe("Later"),
            client.uid("MOVE", "3", "Later"), client.append("Later", r"(\Seen)", '" 1-Feb-2024 10:00:00 +0100"', message(8).replace(b"\n", b"\r\n")),
            client.store("3", "+FLAGS", r"(\Deleted)"), client.expunge(), client.sort("(REVERSE DATE)", "UTF-8", "ALL"),
            client.thread("REFERENCES", "UTF-8", "ALL"), client.status("Later", "(MESSAGES UNSEEN UIDNEXT)"), client.rename("Later", "Done"),
            in_order(client.lsub()), in_order(client.list('""', "%")), client.noop(), client.check(), client.uid("FETCH", "1:*", "(UID FLAGS)"), client.unselect(),
            client.select("Done", readonly=True), client.fetch("1:*", "(INTERNALDATE)"), client.close(), client.delete("Done")]
    try:
        said.append(client.select("Done"))
    except imaplib.IMAP4.error as error:
        said.append(type(error).__name__)
    return said


def plainly(said):
    """Without the words for people, and what each server decides for itself."""
    def line(text):
        if not isinstance(text, bytes):
            return text
        return b"" if b" completed" in text else re.sub(rb" ?\\(Recent|Archive)|UIDVALIDITY \d+", b"", text)
    answers = [answer if isinstance(answer, tuple) else (answer, []) for answer in said]
    return [(status, [] if status == "NO" else [tuple(map(line, part)) if isinstance(part, tuple) else line(part) for part in parts])
            for status, parts in answers]


def test_imaplib():
    box, said = Mailbox(), {}
    for whose in SIDES:
        with at_server(box, whose) as client:
            said[whose] = plainly(use_imaplib(client))
    for number, (ours, theirs) in enumerate(zip(said["ours"], said["theirs"], strict=True)):
        equal(ours, theirs, f"answer {number}")
    same(box, {"INBOX": [("message 0", "S"), ("message 1", "FS"), ("message 4", ""), ("message 5", "")],
               "Archive": [("message 0", "S"), ("message 1", "FS"), ("message 10", "FS")], ACCENTED: [("message 20", "RS")]})


for test in (test_mbsync, test_offlineimap, test_synchronising_with_tls, test_mutt, test_neomutt, test_mutt_with_tls, test_fetchmail, test_getmail):
    test.seconds = 120
