"""Namespaces, access control lists and annotations, ours alone: prefixes, hostile names, lists that cannot be read, many changes at once."""
import contextlib
import os
import shutil
import subprocess
import threading

from support import check, equal
from support.imap import ImapInstance
from support.imap_pair import Session

MAIN = """\
imap_acl = vfile
imap_acl_shared_dict = file:{place}/dict/shared
imap_namespaces = {{ type=private prefix=INBOX. inbox=yes }}, {{ type=private prefix= hidden=yes list=no }},
    {{ type=public prefix=Public. location=maildir:{place}/public subscriptions=yes list=children }},
    {{ type=shared prefix=user.%%u. location=maildir:{place}/%%u/Maildir subscriptions=no list=children }}
"""
MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Site:
    def __init__(self, main=MAIN):
        # The homes of the users are in a directory of the instance, whose name only the instance knows.
        self.mail = ImapInstance(main.format(place="$config_directory/../vmail"))
        self.place = self.mail.mta.vmail
        uid, gid = self.mail.mta.vmail_ids()
        for name in ("dict", "public", "public/.team"):
            (self.place / name).mkdir()
            os.chown(self.place / name, uid, gid)
        for part in ("cur", "new", "tmp"):
            (self.place / "public/.team" / part).mkdir()
            os.chown(self.place / "public/.team" / part, uid, gid)
        self.sessions = []

    def login(self, user):
        self.sessions.append(Session(self.mail.address, 1430, user))
        return self.sessions[-1]

    def write(self, path, text):
        path.write_text(text)
        os.chown(path, *self.mail.mta.vmail_ids())

    def done(self):
        for session in self.sessions:
            session.close()
        died = [line for line in self.mail.mta.log_text().splitlines() if "panic" in line or "killed by" in line]
        equal(died, [], "nothing died")
        self.mail.stop()


@contextlib.contextmanager
def site(main=MAIN):
    here = Site(main)
    try:
        yield here
    finally:
        here.done()


def ok(session, command):
    lines = session.command(command)
    check(b" OK" in lines[-1], f"{command}: {lines}")
    return lines


def listed(session, command='LIST "" "*"'):
    return sorted(line.rstrip().split(b" ")[-1].decode() for line in ok(session, command)[:-1])


def test_prefixes():
    with site() as here:
        bob = here.login("bob")
        equal(ok(bob, "NAMESPACE")[0], b'* NAMESPACE (("INBOX." ".")) (("user." ".")) (("Public." "."))\r\n', "NAMESPACE")
        ok(bob, "CREATE INBOX.Sent.2024")
        check((here.place / "bob/Maildir/.Sent.2024/cur").is_dir(), "no prefix on disk")
        equal(listed(bob), ["INBOX", "INBOX.Sent", "INBOX.Sent.2024"], "LIST")
        # The hidden alias: the same mailboxes by other names, for who knows them.
        ok(bob, "SELECT Sent.2024")
        lines = ok(bob, b"APPEND INBOX.Sent.2024 {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        check(b"* 1 EXISTS\r\n" in lines, f"one mailbox: {lines}")
        ok(bob, "SUBSCRIBE INBOX.Sent.2024")
        equal((here.place / "bob/Maildir/subscriptions").read_text(), "V\t2\n\nSent\t2024\n", "subscriptions without the prefix")
        equal(listed(bob, 'LSUB "" "*"'), ["INBOX.Sent.2024"], "LSUB")
        equal(listed(bob, 'LIST (SUBSCRIBED) "" "*"'), ["INBOX.Sent.2024"], "LIST (SUBSCRIBED)")
        ok(bob, "CREATE INBOX.Sent")
        equal(listed(bob, 'LIST (SPECIAL-USE) "" "*"'), ["INBOX.Sent"], "special uses are those of one's own mailboxes")
        ok(bob, "DELETE INBOX.Sent")
        ok(bob, "UNSELECT")
        ok(bob, "RENAME INBOX.Sent.2024 Kept")
        equal(listed(bob), ["INBOX", "INBOX.Kept"], "LIST")
        ok(bob, "DELETE INBOX.Kept")
        check(b"NO [CANNOT]" in bob.command("CREATE INBOX.INBOX")[-1], "the INBOX has one name")


def test_public_with_its_own_subscriptions():
    with site() as here:
        here.write(here.place / "public/.team/dovecot-acl", "anyone lrsk\nuser=alice lrsa\n")
        bob = here.login("bob")
        equal(listed(bob), ["INBOX", "Public", "Public.team"], "LIST")
        ok(bob, "SUBSCRIBE Public.team")
        equal((here.place / "public/subscriptions").read_text(), "V\t2\n\nteam\n", "in its root")
        equal(listed(bob, 'LSUB "" "*"'), ["Public.team"], "LSUB")
        lines = ok(bob, "SELECT Public.team")
        check(any(b"[PERMANENTFLAGS (\\Seen)]" in line for line in lines), f"s alone: {lines}")
        check(b"[READ-WRITE]" in lines[-1], "s is enough")
        ok(bob, "CREATE Public.team.kid")
        equal((here.place / "public/.team.kid/dovecot-acl").read_text(), "anyone lrsk\nuser=alice lrsa\n", "a child begins with what is above")
        check(b"NO [NOPERM]" in bob.command("CREATE Public.other")[-1], "k on the namespace is nobody's")
        check(b"NO [CANNOT]" in bob.command("CREATE Public")[-1], "the prefix")
        rights = ok(bob, 'LIST "" "Public.%" RETURN (MYRIGHTS)')  # RFC 8440
        check(b"* MYRIGHTS Public.team lrskc\r\n" in rights, f"{rights}")


def test_hostile_names():
    """Names that would lead elsewhere lead nowhere: nothing is opened, made or removed outside of the namespaces, nor another's mail read."""
    with site() as here:
        alice = here.login("alice")
        ok(alice, "CREATE Secret")
        ok(alice, b"APPEND Secret {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        before = sorted(str(path) for path in here.place.rglob("*") if "/bob" not in str(path))
        bob = here.login("bob")
        names = ["user.alice.Secret", "user.alice", "user.alice.INBOX", "user.ALICE.Secret", "user..alice.Secret", "user.../alice.Secret",
                 "user.../alice/Maildir.INBOX", "user.alice/Maildir/.Secret", "user.alice/../alice.Secret", "user.", "user", "user.nobody.x",
                 "user.%.Secret", "user.*", "user.&AC4ALg-.x", "../alice/Maildir/.Secret", "INBOX.../../alice/Maildir/.Secret", "Public...x",
                 "Public./etc", "Public", "Public.", "INBOX./etc/passwd", "user.alice..Secret", "user.bob/../alice.Secret", "user.\x7f.x", "/etc",
                 "user.alice.&AC8-x", "user." + "a" * 300 + ".x", "INBOX.INBOX", "INBOX..", ".", "", "user.%u.INBOX", "user.%%u.INBOX", "user.%h.INBOX"]
        commands = ["SELECT {}", "EXAMINE {}", "STATUS {} (MESSAGES)", "DELETE {}", "GETACL {}", "SETACL {} bob lra", "DELETEACL {} bob",
                    "RENAME {} INBOX.mine", "GETMETADATA {} /private/comment", 'SETMETADATA {} (/shared/comment "x")', "SUBSCRIBE {}",
                    "COPY 1 {}", "MYRIGHTS {}", "LISTRIGHTS {} bob", "CREATE {}", "RENAME INBOX.Own {}", "APPEND {} {{4+}}\r\nbody"]
        ok(bob, "CREATE INBOX.Own")
        for name in names:
            for command in commands:
                if command.startswith("COPY"):
                    ok(bob, "SELECT INBOX")
                line = bob.command(command.format('"' + name + '"'))[-1]
                server = name == "" and "METADATA" in command  # "" is the server's annotations
                check(b" OK " not in line or server, f"{command} {name}: {line}")
        equal(sorted(str(path) for path in here.place.rglob("*") if "/bob" not in str(path)), before, "nothing was made")
        equal([name for name in listed(bob) if "alice" in name], [], "nothing is seen")


def test_a_list_that_cannot_be_read():
    """What is not understood opens nothing to anybody, the owner included (who may have taken rights from himself)."""
    with site() as here:
        alice, bob = here.login("alice"), here.login("bob")
        ok(alice, "CREATE Box")
        ok(alice, "SETACL Box bob lrwstipekxa")
        ok(bob, "SELECT user.alice.Box")
        path = here.place / "alice/Maildir/.Box/dovecot-acl"
        for spoil in (lambda: here.write(path, "user=bob lrQ\n"), lambda: here.write(path, "nonsense\n"),
                      lambda: (path.unlink(), path.mkdir()), lambda: (path.rmdir(), path.symlink_to(path))):
            spoil()
            for session, name in ((bob, "user.alice.Box"), (alice, "Box")):
                for command in ("SELECT {}", "STATUS {} (MESSAGES)", "DELETE {}", "SETACL {} bob lr", "APPEND {} {{4+}}\r\nbody"):
                    line = session.command(command.format(name))[-1]
                    check(b" NO " in line, f"{command} {name}: {line}")
            equal([name for name in listed(bob) if "Box" in name], [], "not seen")
        path.unlink()
        ok(alice, "SELECT Box")
        check(b" NO " in bob.command("SELECT user.alice.Box")[-1], "no list, no rights")


def test_a_list_that_is_full():
    """RFC 5530 3: LIMIT.  A list that could not be read any longer would shut everybody out."""
    with site() as here:
        alice = here.login("alice")
        ok(alice, "CREATE Box")
        path = here.place / "alice/Maildir/.Box/dovecot-acl"
        here.write(path, "owner lrwstipekxa\n" + "".join(f"user=u{i:04} lr\n-user=u{i:04} w\n" for i in range(998)))
        ok(alice, "SETACL Box u0003 lrs")
        ok(alice, "SETACL Box u1000 lr")
        check(b" NO [LIMIT]" in alice.command("SETACL Box u1001 lr")[-1], "one more")
        ok(alice, "SETACL Box u1000 lrs")
        ok(alice, "SELECT Box")
        equal(ok(alice, "GETACL Box")[0].count(b"u1"), 1, "what the list has")
        ok(alice, "DELETEACL Box u1000")
        ok(alice, "SETACL Box u1001 lr")
        # And not only many.
        here.write(path, "owner lrwstipekxa\n" + "".join(f"user={'u' * 2000}{i:04} lr\n" for i in range(520)))
        full = [alice.command(f"SETACL Box {'v' * 250}{i} lr")[-1] for i in range(10)]
        check(b" OK" in full[0] and b" NO [LIMIT]" in full[-1], f"a file that is too large: {full}")
        ok(alice, "SELECT Box")


def test_rights_that_go_while_a_mailbox_is_open():
    with site() as here:
        alice, bob = here.login("alice"), here.login("bob")
        ok(alice, "CREATE Box")
        ok(alice, b"APPEND Box {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        ok(alice, "SETACL Box bob lrwste")
        ok(bob, "SELECT user.alice.Box")
        ok(bob, "STORE 1 +FLAGS (\\Deleted)")
        ok(alice, "SETACL Box bob lr")
        ok(bob, "STORE 1 +FLAGS (\\Flagged)")
        ok(bob, "EXPUNGE")
        check(b"NO [NOPERM]" in bob.command("MOVE 1 INBOX")[-1], "MOVE needs e")
        ok(bob, "CLOSE")
        lines = ok(alice, "SELECT Box")
        check(b"* 1 EXISTS\r\n" in lines, "the message is still there")
        equal(ok(alice, "FETCH 1 FLAGS")[0].replace(b"\\Recent", b"").replace(b" )", b")"), b"* 1 FETCH (FLAGS (\\Deleted))\r\n", "and not flagged")


def test_many_changes_at_once():
    """Each change of a list, of annotations and of the shared dictionary is there in the end."""
    with site() as here:
        main = here.login("alice")
        ok(main, "CREATE Box")
        sessions = [here.login("alice") for _ in range(4)]

        def change(number, session):
            for i in range(10):
                ok(session, f"SETACL Box u{number}x{i} lr")
                ok(session, f'SETMETADATA Box (/private/e{number}x{i} "v")')
        threads = [threading.Thread(target=change, args=each) for each in enumerate(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        equal(ok(main, "GETACL Box")[0].count(b" lr"), 41, "entries, and the owner's")
        equal(b"".join(ok(main, "GETMETADATA (DEPTH 1) Box /private")).count(b"/private/e"), 40, "annotations")
        equal((here.place / "dict/shared").read_text().count("/alice\n"), 40, "in the dictionary")


def test_limits_of_annotations():
    """RFC 5464 4.2.1, 4.3: LONGENTRIES, MAXSIZE, TOOMANY."""
    with site("") as here:
        bob = here.login("bob")
        check(b" METADATA" in ok(bob, "CAPABILITY")[0] and b" ACL" not in ok(bob, "CAPABILITY")[0], "no lists, no ACL")
        check(b"BAD" in bob.command("GETACL INBOX")[-1], "ACL is off")
        ok(bob, 'SETMETADATA INBOX (/private/comment "My own comment")')
        # RFC 9590: names that are no mailboxes have none, and entries that are not there are NIL.
        ok(bob, "CREATE meta.sub")
        listed = ok(bob, 'LIST "" (INBOX meta*) RETURN (METADATA (/private/comment "/shared/vendor/x"))')[:-1]
        wanted = b'* METADATA %s (/private/comment %s /shared/vendor/x NIL)'
        equal([line.strip() for line in listed if b"METADATA" in line],
              [wanted % (b"INBOX", b"{14}\r\nMy own comment"), wanted % (b"meta.sub", b"NIL")], "LIST-METADATA")
        ok(bob, "DELETE meta.sub")
        for bad in ("METADATA", "METADATA ()", "METADATA /private/comment", "METADATA (comment)", "METADATA (/private/comment"):
            check(b"BAD" in bob.command(f'LIST "" * RETURN ({bad})')[-1], bad)
        check(b"OK [METADATA LONGENTRIES 14]" in ok(bob, "GETMETADATA (MAXSIZE 5) INBOX /private/comment")[-1], "LONGENTRIES")
        # The examples of RFC 5464 4.2.1 have the options behind the mailbox.
        check(b"LONGENTRIES" in ok(bob, "GETMETADATA INBOX (MAXSIZE 5) (/shared/comment /private/comment)")[-1], "as in the examples")
        big = b"x" * 60001
        check(b"NO [METADATA MAXSIZE 60000]" in bob.command(b"SETMETADATA INBOX (/private/big {%d+}\r\n%s)" % (len(big), big))[-1], "MAXSIZE")
        for i in range(4):
            entries = " ".join(f'/private/e{i}x{j} "v"' for j in range(50))
            line = bob.command(f"SETMETADATA INBOX ({entries})")[-1]
            check(b" OK" in line if i < 3 else b"NO [METADATA TOOMANY]" in line, f"{i}: {line}")
        path = here.place / "bob/Maildir/dovecot-attributes"
        shutil.copy(path, here.place / "copy")
        path.write_text(path.read_text()[:-7])  # torn: what is whole is read
        ok(bob, "GETMETADATA (DEPTH infinity) INBOX /private")


def test_a_file_of_annotations_that_is_full():
    """It stays one that can be read."""
    with site("") as here:
        bob = here.login("bob")
        ok(bob, 'SETMETADATA INBOX (/private/comment "mine")')
        path = here.place / "bob/Maildir/dovecot-attributes"
        line = "priv/" + "0" * 32 + "/vendor/x%04d\n" + "v" * 60000 + "\n"
        path.write_text(path.read_text() + "".join(line % i for i in range((32 * 2**20 - 30000) // (60000 + len(line % 0) - 60000))))
        before = path.stat().st_size
        check(32 * 2**20 - 100000 < before < 32 * 2**20, before)
        full = [bob.command(b'SETMETADATA INBOX (/private/big%d {50000+}\r\n%s)' % (i, b"x" * 50000))[-1] for i in range(3)]
        check(b" NO [METADATA TOOMANY]" in full[-1], full)
        check(path.stat().st_size <= 32 * 2**20, "the file grows")
        check(b"mine" in b"".join(ok(bob, "GETMETADATA INBOX /private/comment")), "what it has")
        ok(bob, "SETMETADATA INBOX (/private/comment NIL)")


def test_the_quota_of_the_owner():
    """What is put into another's mailbox counts with him and has to fit there; what comes from there has to fit into one's own mail."""
    with site(MAIN + "quota_root_name = User quota\nquota_rules = *:messages=3\n") as here:
        alice, bob = here.login("alice"), here.login("bob")
        one = b"{%d+}\r\n%s" % (len(MESSAGE), MESSAGE)
        ok(alice, "CREATE Box")
        ok(alice, "SETACL Box bob lrie")
        ok(alice, b"APPEND Box " + one)
        for _ in range(2):
            ok(bob, b"APPEND user.alice.Box " + one)
        check((here.place / "alice/Maildir/maildirsize").read_text().startswith("3C\n"), "the owner's limit")
        check(b"NO [OVERQUOTA]" in bob.command(b"APPEND user.alice.Box " + one)[-1], "APPEND")
        check(b"NO [OVERQUOTA]" in alice.command(b"APPEND INBOX " + one)[-1], "it counts with her")
        ok(bob, b"APPEND INBOX " + one)
        ok(bob, "SELECT INBOX")
        check(b"NO [OVERQUOTA]" in bob.command("COPY 1 user.alice.Box")[-1], "COPY")
        check(b"NO [OVERQUOTA]" in bob.command("MOVE 1 user.alice.Box")[-1], "MOVE")
        ok(bob, "SELECT user.alice.Box")
        check(b"NO [OVERQUOTA]" in bob.command("MOVE 1:3 INBOX")[-1], "MOVE to one's own")
        ok(bob, "MOVE 1 INBOX")
        ok(bob, b"APPEND user.alice.Box " + one)
        equal(ok(bob, "GETQUOTAROOT user.alice.Box")[:-1], [b"* QUOTAROOT user.alice.Box\r\n"], "no root of his")


def test_annotations_that_cannot_be_watched():
    """NOTIFY works all the same, for those that can be."""
    main = MAIN.replace("imap_namespaces", "imap_metadata_file = annotations/file\nimap_namespaces")
    with site(main) as here:
        for folder in (here.place / "bob/Maildir/annotations", here.place / "public/annotations"):
            folder.mkdir(parents=True)
            os.chown(folder, *here.mail.mta.vmail_ids())
            os.chown(folder.parent, *here.mail.mta.vmail_ids())
        public = here.place / "public/annotations"
        bob, other = here.login("bob"), here.login("bob")
        ok(other, "CREATE INBOX.box")

        def works(why):
            ok(bob, "NOTIFY SET (personal (MailboxName MailboxMetadataChange)) (subtree Public (MailboxMetadataChange))")
            ok(other, f'SETMETADATA INBOX.box (/private/comment "{why}")')
            equal(bob._read_line(), b"* METADATA INBOX.box /private/comment\r\n", why)

        works("all can be watched")
        here.write(public / "file", "")
        (public / "file").chmod(0)
        works("a file that cannot be read")
        public.chmod(0o311)
        works("a directory that cannot be read")
        public.rename(public.with_name("elsewhere"))
        works("a directory that is not there")


def test_what_is_watched_and_searched():
    """NOTIFY (RFC 5465), ESEARCH (RFC 7377) and URLs (RFC 4467) show of others' mail what the user may read, and no more."""
    with site(MAIN + "imap_urlauth_host = example.com\n") as here:
        alice, bob = here.login("alice"), here.login("bob")
        ok(alice, "CREATE INBOX.box")
        ok(alice, b"APPEND INBOX.box {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))

        def told(command):
            return ok(bob, command)[:-1]

        asks = "NOTIFY SET STATUS (subtree user.alice (MessageNew MessageExpunge))"
        for rights, seen in (("l", 0), ("lr", 1), ("l", 0)):
            ok(alice, f"SETACL INBOX.box bob {rights}")
            equal(len(told("ESEARCH IN (subtree user.alice) ALL")), seen, f"ESEARCH with {rights}")
            equal(len(told("ESEARCH IN (mailboxes user.alice.box) ALL")), seen, f"by its name, with {rights}")
            equal(len(told(asks)), seen, f"NOTIFY with {rights}")
        equal(told("ESEARCH IN (personal) ALL"), [], "that is not his own")
        equal(told("NOTIFY SET STATUS (mailboxes user.alice.INBOX (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge))"),
              told("NOTIFY SET STATUS (personal (MessageNew MessageExpunge))"), "nothing of what he may not even see")
        ok(alice, "SETACL INBOX.box bob lrswit")
        for name in ("user.alice.box", "user/alice/box", "..%2Falice%2FMaildir"):
            check(bob.command(f'GENURLAUTH "imap://bob@example.com/{name}/;uid=1;urlauth=anonymous" INTERNAL')[-1].split()[1] == b"BAD", name)
        check(bob.command("RESETKEY user.alice.box")[-1].split()[1] == b"NO", "another one's key")
        # What is told between commands, by the names that clients use; until the right is gone
        ok(bob, "NOTIFY SET (mailboxes user.alice.box (MessageNew MessageExpunge)) (personal (MailboxName))")
        ok(here.login("bob"), "CREATE INBOX.new")
        equal(bob._read_line(), b'* LIST (\\HasNoChildren) "." INBOX.new\r\n', "MailboxName")
        equal(bob._read_line(), b'* LIST (\\HasChildren) "." INBOX\r\n', "its parent")
        ok(alice, b"APPEND INBOX.box {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        line = bob._read_line()
        check(line.startswith(b"* STATUS user.alice.box (MESSAGES 2 UIDNEXT 3"), f"MessageNew: {line}")
        ok(alice, "DELETEACL INBOX.box bob")
        ok(alice, b"APPEND INBOX.box {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        equal(told("NOOP"), [], "he may not read it any longer")


OWN_SEEN = MAIN.replace("{place}/public subscriptions", "{place}/public:INDEXPVT=~/seen subscriptions")


def doveadm(here, *words):
    mta = here.mail.mta
    done = subprocess.run([mta.commands / "doveadm", "-c", mta.conf, *words], env=mta.environment(), capture_output=True, text=True, timeout=60)
    equal((done.returncode, done.stderr), (0, ""), f"{words}")
    return done.stdout


def test_what_each_user_has_seen():
    """Of mailboxes for all: other processes of the user hear of it, it goes where the mailbox goes, and without a place nothing is marked."""
    with site(OWN_SEEN) as here:
        here.write(here.place / "public/.team/dovecot-acl", "anyone lrwstipekxa\n")
        bob, alice = here.login("bob"), here.login("alice")
        ok(bob, "CREATE Public.team.old")
        for name in ("1.M1.h:2,S", "2.M2.h:2,"):
            here.write(here.place / "public/.team.old/cur" / name, MESSAGE.decode())
        ok(alice, "SELECT Public.team.old")
        ok(bob, "SELECT Public.team.old")
        bob.sock.sendall(b"i IDLE\r\n")
        check(bob.file.readline().startswith(b"+"), "idles")
        doveadm(here, "flags", "add", "-u", "bob", "\\Seen", "mailbox", "Public.team.old", "all")
        told = sorted(bob.file.readline() for _ in range(2))
        equal([line.split(b" (FLAGS (")[0] for line in told], [b"* 1 FETCH", b"* 2 FETCH"], f"{told}")
        check(all(b"\\Seen" in line for line in told), f"{told}")
        bob.sock.sendall(b"DONE\r\n")
        bob.file.readline()
        equal(ok(alice, "SEARCH SEEN")[0], b"* SEARCH\r\n", "hers")
        equal(ok(alice, "NOOP")[:-1], [], "she is told nothing")
        seen = here.place / "bob/seen"
        equal((seen / ".team.old/relais.seen").read_text().splitlines()[1:], ["1:2"], "his file")
        equal(sorted(path.name for path in (here.place / "public/.team.old/cur").iterdir()), ["1.M1.h:2,S", "2.M2.h:2,"], "the names of files")
        # With the mailbox, and nothing of somebody else's.
        here.write(seen / "notes", "mine")
        for session in (bob, alice):
            ok(session, "UNSELECT")
        ok(bob, "RENAME Public.team.old Public.team.crew")
        check(not (seen / ".team.old").exists(), "it has moved")
        equal(ok(bob, "STATUS Public.team.crew (MESSAGES UNSEEN)")[0], b"* STATUS Public.team.crew (MESSAGES 2 UNSEEN 0)\r\n", "renamed")
        ok(bob, "DELETE Public.team.crew")
        equal(sorted(path.name for path in seen.iterdir() if path.name != ".team"), ["notes"], "deleted")
        # No place for it.
        ok(bob, "CREATE Public.team.new")
        ok(bob, b"APPEND Public.team.new {%d+}\r\n%s" % (len(MESSAGE), MESSAGE))
        shutil.rmtree(seen)
        here.write(seen, "a file")
        ok(bob, "SELECT Public.team.new")
        check(b" NO" in bob.command("STORE 1 +FLAGS (\\Seen \\Flagged)")[-1], "cannot be marked")
        check(any(b"body" in line for line in ok(bob, "FETCH 1 BODY[TEXT]")), "can be read")
        equal(ok(bob, "FETCH 1 FLAGS")[0], b"* 1 FETCH (FLAGS (\\Flagged \\Recent))\r\n", "what else was said is done")
