"""Settings of access control, compared with Debian's Dovecot: the administrator's lists in a directory, groups in a user's entry, and what
is everybody's on INBOX holding for all."""
from support.acl_pair import MAIL, acl_house, people, same

RULES = {"Public/ruled": "user=u0 lrwstipekxa\nanyone lr\n", "Public/closed": "anyone\n", "Public/deep/.DEFAULT": "anyone lri\n",
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
