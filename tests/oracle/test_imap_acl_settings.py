"""Settings of access control, compared with Debian's Dovecot: the administrator's lists in a directory, groups in a user's entry, and what
is everybody's on INBOX holding for all; \\Seen of one's own in mailboxes for all."""
import shutil

from support import equal
from support.acl_pair import MAIL, acl_house, people, same

RULES = {"Own/look": "anyone lr\n", "Own/mark": "anyone lrw\n", "Public/ruled": "user=u0 lrwstipekxa\nanyone lr\n", "Public/closed": "anyone\n", "Public/deep/.DEFAULT": "anyone lri\n",
         "Public/team": "group=team lrs\n"}
PUBLIC = {".ruled/cur/1.M1.h:2,": b"Subject: x\n\ntext\n", ".closed/": b"", ".closed/dovecot-acl": b"anyone lr\n", ".deep/": b"", ".deep.er/": b"",
          ".team/": b"", ".staff/dovecot-acl": b"group=staff lrw\n", ".strangers/dovecot-acl": b"group=strangers lr\n",
          ".over/dovecot-acl": b"user=u0 lrwi\ngroup-override=staff l\n", ".both/dovecot-acl": b"anyone lr\n-group=team r\n"}
SETTINGS = {"main": "imap_acl_defaults_from_inbox = yes\n", "theirs": "plugin {\n  acl_defaults_from_inbox = yes\n}\n", "rules": RULES,
            "fields": "userdb_acl_groups=team,staff"}
ASKED = [f"Public/{name}" for name in ("ruled", "closed", "deep", "deep/er", "team", "staff", "strangers", "over", "both", "new")]


def test_lists_in_a_directory_and_groups():
    house = acl_house(**SETTINGS)
    alice, bob = people(MAIL, MAIL)
    house.public(PUBLIC)
    for who in (alice, bob):
        same(who, *(f"MYRIGHTS {name}" for name in ASKED), 'LIST "" Public/*', *(f"STATUS {name} (MESSAGES)" for name in ASKED))
    same(alice, *(f"GETACL {name}" for name in ASKED), "SELECT Public/ruled", "STORE 1 +FLAGS (\\Seen)", "CREATE Public/ruled/kid",
         "SETACL Public/staff u1 lr", "SETACL Public/ruled u1 lrs", "GETACL Public/ruled")
    same(bob, "SELECT Public/ruled", "STORE 1 +FLAGS (\\Flagged)", "SELECT Public/over", "SELECT Public/both", "SELECT Public/team")
    alice.close(), bob.close()


def test_rights_on_inbox_hold_for_all():
    house = acl_house(**SETTINGS)
    alice, bob = people(MAIL, {"cur/1.M1.h:2,S": b"Subject: his\n\ntext\n"})
    house.public(PUBLIC)
    same(alice, "SETACL INBOX u1 lrs", "GETACL INBOX", "GETACL Box", "MYRIGHTS Box")
    same(bob, "MYRIGHTS shared/u0/INBOX", "MYRIGHTS shared/u0/Box", "SELECT shared/u0/Box", "FETCH 1 BODY.PEEK[TEXT]", "STORE 1 +FLAGS (\\Seen)",
         "STORE 1 +FLAGS (\\Deleted)", "CLOSE")
    bob.close()  # Dovecot keeps lists for half a minute
    same(alice, "SETACL Box u1 l", "GETACL Box", "CREATE Box/Child", "GETACL Box/Child", "CREATE Fresh", "GETACL Fresh")
    same(bob, "MYRIGHTS shared/u0/Box", "SELECT shared/u0/Box", "MYRIGHTS shared/u0/Fresh", 'LIST "" shared/u0/*', "MYRIGHTS INBOX")
    alice.close(), bob.close()


def messages(flags):
    return {f"cur/{i}.M{i}.h:2,{letters}": b"Subject: x\n\ntext\n" for i, letters in enumerate(flags, 1)}


FOR_ALL = {**{".team/" + path: text for path, text in messages(("S", "F", "S", "F", "")).items()}, ".team/dovecot-acl": b"anyone lrwstipekxa\n",
           **{f".{name}/{path}": text for name in ("look", "mark") for path, text in messages(("S", "")).items()}}
APPEND = "APPEND Own/team (\\Seen \\Flagged) {14+}\r\nSubject: b\r\n\r\n"
ALL_FLAGS = "FETCH 1:* FLAGS"


def test_seen_is_each_users_own():
    """What files say of it counts for nobody; all other flags are everybody's."""
    house = acl_house(**SETTINGS)
    alice, bob = people(MAIL, MAIL)
    house.public(FOR_ALL, "own")
    same(alice, "STATUS Own/team (MESSAGES UNSEEN)", "SELECT Own/team", ALL_FLAGS, "STORE 1:3 +FLAGS (\\Seen)",
         "STORE 2 +FLAGS.SILENT (\\Answered \\Seen)", ALL_FLAGS, "STATUS Own/team (MESSAGES UNSEEN)", "STORE 3 -FLAGS (\\Seen)",
         "STORE 4 FLAGS (\\Seen)", "STORE 4 FLAGS (\\Flagged)")
    alice.ours("FETCH 5 BODY[TEXT]"), alice.theirs("FETCH 5 BODY[TEXT]")
    same(alice, "COPY 1:3 Own/team", ALL_FLAGS, "SEARCH UNSEEN", "SEARCH SEEN")
    same(bob, "STATUS Own/team (MESSAGES UNSEEN)", "SELECT Own/team", ALL_FLAGS, "STORE 1 +FLAGS (\\Seen)", "COPY 1:3 INBOX", APPEND, ALL_FLAGS,
         "SELECT INBOX", ALL_FLAGS, "COPY 1:* Own/team", "SELECT Own/look", ALL_FLAGS, "STORE 1 +FLAGS (\\Seen)", ALL_FLAGS, "SELECT Own/mark",
         "STORE 1 +FLAGS (\\Seen)", "STORE 1 FLAGS (\\Seen \\Flagged)", ALL_FLAGS, "STATUS Own/team (MESSAGES UNSEEN)")
    same(alice, "NOOP", ALL_FLAGS, "STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "SEARCH SEEN")
    for who in (alice, bob):
        who.close()
        same(who, "SELECT Own/team", ALL_FLAGS)
        who.close()
    names = {side: sorted(path.name.partition(":")[2] for path in (house.place / f"own-{side}/.team/cur").iterdir()) for side in ("ours", "theirs")}
    equal(names["ours"], names["theirs"], "the names of files")


def test_what_dovecot_knows_of_seen_messages_is_taken_over():
    house = acl_house(**SETTINGS)
    alice, bob = people(MAIL, MAIL)
    house.public(FOR_ALL, "own")
    alice.theirs("SELECT Own/team"), alice.theirs("STORE 2,4:5 +FLAGS (\\Seen)"), alice.theirs("STORE 4 -FLAGS (\\Seen)")
    alice.close()
    for source, target in ((house.place / "own-theirs", house.place / "own-ours"), *((alice.homes[side] / "own" for side in ("theirs", "ours")),)):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    house.own(house.place)
    same(alice, "SELECT Own/team", ALL_FLAGS, "STORE 1 +FLAGS (\\Seen)")
    alice.close()
    same(alice, "STATUS Own/team (UNSEEN)", "SELECT Own/team", ALL_FLAGS)
    same(bob, "STATUS Own/team (UNSEEN)")
    alice.close(), bob.close()
