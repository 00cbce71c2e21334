"""Access control lists and namespaces, compared with Debian's Dovecot and its plug-ins acl and imap_acl."""
import os
import random

from support import equal
from support.acl_pair import MAIL, acl_house, exchange, people, same, told


def test_lists_of_ones_own():
    (alice,) = people(MAIL)
    same(alice, "NAMESPACE", 'LIST "" "*"', 'LIST "" "%"', 'LIST "" "Public/%"', "GETACL INBOX", "GETACL Box", "MYRIGHTS INBOX", "MYRIGHTS Nothing",
         "LISTRIGHTS Box u1", "SETACL Box u1 lrs", "GETACL Box", "SETACL Box -u1 w", "GETACL Box", "SETACL Box anyone lr",
         "SETACL Box u1 +z", "SETACL Box u1 +w", "GETACL Box", "CREATE Box/Child", "GETACL Box/Child", "SETACL Box u1 -w", "GETACL Box",
         "DELETEACL Box u1", "GETACL Box", "SETACL Box owner lr", "MYRIGHTS Box", "SETACL Box u0 lr", "GETACL Box", "SETACL Box u1 \"\"", "GETACL Box",
         "SETACL Box $staff lr", "SETACL Box !$staff lr", "SETACL Box #x lr", 'SETACL Box "a b" lr', "GETACL Box", "GETACL Nothing",
         'SETACL Box "" lr', "DELETEACL Box nobody", "SETACL Box u1 cd", "GETACL Box", "SETACL Box", "MYRIGHTS Public", "GETACL Public/ruled")
    alice.close()


def test_what_others_may():
    alice, bob = people(MAIL, {"cur/1.M1.h:2,S": b"Subject: his\n\ntext\n"})
    same(alice, "SETACL Box u1 lr", "SETACL INBOX u1 lr", "CREATE Box/Child", "SELECT Public/team", "CREATE Public/new", "CREATE Public/team/kid",
         "GETACL Public/team/kid", "CREATE shared/x", "CREATE shared/u1/x", "CREATE shared/nobody/x")
    same(bob, 'LIST "" "*"', 'LIST "" "%"', 'LIST "" "shared/%"', 'LIST "" "shared/%/%"', 'LIST "" "Public/*"', "SELECT shared/u0/Box",
         "FETCH 1 BODY[]", "STORE 1 +FLAGS (\\Seen)", "STORE 1 FLAGS (\\Flagged \\Seen)", "EXPUNGE", "UID MOVE 1 INBOX", "COPY 1 INBOX", "CLOSE",
         "SELECT shared/u0", "SELECT shared/u0/INBOX", "MYRIGHTS shared/u0/INBOX", "MYRIGHTS shared/u0", "APPEND shared/u0/Box {5+}\r\nhello",
         "APPEND shared/u0/Sent {5+}\r\nhello", "STATUS shared/u0/Sent (MESSAGES)", "STATUS shared/u0/Box (MESSAGES)", "CREATE shared/u0/Box/x",
         "DELETE shared/u0/Box", "DELETE shared/u0/Sent", "RENAME shared/u0/Box shared/u0/y", "RENAME shared/u0/Sent shared/u0/y",
         "GETACL shared/u0/Box", "GETACL shared/u0/Sent", "SETACL shared/u0/Box u1 a", "DELETEACL shared/u0/Box u0",
         "SUBSCRIBE shared/u0/Box", "SUBSCRIBE shared/u0/Sent", 'LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"', "SUBSCRIBE Public/team", 'LSUB "" "*"',
         "UNSUBSCRIBE Public/team", 'LSUB "" "*"', "STATUS INBOX (MESSAGES)")
    same(bob, "SELECT Public/notes", "FETCH 1 BODY[]", "STORE 1 +FLAGS (\\Seen)", "FETCH 1 FLAGS", "SELECT Public/hidden", "EXAMINE Public/hidden",
         "STATUS Public/hidden (MESSAGES)", "APPEND Public/drop {5+}\r\nhello", "SELECT Public/drop", "SUBSCRIBE Public/drop", "MYRIGHTS Public/drop",
         "MYRIGHTS Public/hidden", "GETACL Public/hidden", "COPY 1 Public/hidden", "SELECT Public/ruled", "MYRIGHTS Public/ruled",
         'LIST "" "%/%"', 'LIST "Public/" "%"', 'LIST "" Public', 'LIST "" shared')
    alice.close(), bob.close()


def test_flags_apart():
    """RFC 4314 4: s, t and w each let change some flags, in STORE, in APPEND, and in COPY."""
    alice, bob = people(MAIL, {"cur/1.M1.h:2,FST": b"Subject: his\n\ntext\n"})
    for rights in ("lrs", "lrt", "lrw", "lrst", "lri", "lrswi", "lre", "lrte", "lrsi", "lrswtie"):
        same(alice, f"SETACL Box u1 {rights}")
        same(bob, "SELECT shared/u0/Box", "STORE 1:* +FLAGS.SILENT (\\Seen \\Deleted \\Flagged)", "FETCH 1:* FLAGS",
             "STORE 1:* FLAGS.SILENT (\\Answered)", "FETCH 1:* FLAGS", "STORE 1:* -FLAGS.SILENT (\\Answered)", "FETCH 1:* FLAGS",
             "APPEND shared/u0/Box (\\Seen \\Deleted \\Flagged) {5+}\r\nhello", "NOOP", "FETCH 1:* FLAGS",
             "SELECT INBOX", "COPY 1 shared/u0/Box", "EXAMINE shared/u0/Box", "FETCH 1:* FLAGS", "UNSELECT")
        bob.close()  # Dovecot looks at a list again after half a minute, or in a new session
    alice.close()


def test_the_files_of_both():
    """Lists that one server has written hold on the other one: the Maildirs are exchanged."""
    alice, bob = people(MAIL, {})
    same(alice, "SETACL Box u1 lrs", "SETACL Box -u1 s", "SETACL Box $staff lr", "SETACL Box !$staff l", 'SETACL Box "a b" lrw', "CREATE Box/Child",
         "SETACL INBOX u1 l", "SUBSCRIBE Public/team")
    same(bob, "SUBSCRIBE shared/u0/Box")
    exchange(alice, bob)
    same(alice, "GETACL Box", "GETACL Box/Child", "GETACL INBOX", 'LSUB "" "*"', "SETACL Box u1 +e", "DELETEACL Box $staff", "GETACL Box",
         'LIST "" "*"', "UNSUBSCRIBE Public/team", 'LSUB "" "*"')
    same(bob, 'LIST "" "*"', "MYRIGHTS shared/u0/Box", "MYRIGHTS shared/u0", "SELECT shared/u0", 'LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"')
    exchange(alice, bob)
    same(alice, "GETACL Box", "SETACL Sent u1 lr", "DELETE Box/Child")
    same(bob, 'LIST "" "*"', "SELECT shared/u0/Sent")
    alice.close(), bob.close()


def test_who_is_in_the_shared_dictionary():
    alice, bob, carol = people(MAIL, {}, {})
    house = acl_house()
    same(alice, "SETACL Box u1 lr", "SETACL Sent u1 l", "SETACL Box u2 r", "SETACL Sent $staff lr", "SETACL INBOX u0 lrswipkxtea")
    same(bob, 'LIST "" "shared/*"')
    same(carol, 'LIST "" "shared/*"')

    def shared(side):
        lines = (house.place / f"dict-{side}" / "shared").read_text().split("\n")
        return sorted(zip(lines[::2], lines[1::2]))
    equal(shared("ours"), shared("theirs"), "who sees whose")
    same(alice, "DELETEACL Box u1", "DELETEACL Sent u1", "SETACL Box u2 lr")
    equal(shared("ours"), shared("theirs"), "who sees whose")
    bob.close(), carol.close()
    same(bob, 'LIST "" "shared/*"')
    same(carol, 'LIST "" "shared/*"')
    alice.close(), bob.close(), carol.close()


def test_lists_by_chance():
    """Lists put together by chance: what each of three people may do, and what he sees.  (Not STATUS, for which Dovecot sometimes wants no
    right to read, as RFC 4314 4 does.)"""
    chance = random.Random(int(os.environ.get("RELAIS_TEST_SEED", "4314")))
    alice, bob, carol = people(MAIL | {".Box.Sub/cur/": b""}, {}, {})
    for _ in range(int(os.environ.get("RELAIS_TEST_RUNS", "6"))):
        for _ in range(8):
            box = chance.choice(("INBOX", "Box", "Box/Sub", "Sent"))
            who = chance.choice(("", "-")) + chance.choice(("u0", "u1", "u1", "u2", "owner", "$staff", "u3"))
            rights = chance.choice(("", "", "+", "-")) + "".join(sorted(chance.sample("lrswtipekxacd", chance.randrange(1, 8))))
            same(alice, f"SETACL {box} {who} {rights}" if chance.random() < 0.8 else f"DELETEACL {box} {who}")
            alice.close()
        same(alice, *(f"{command} {box}" for box in ("INBOX", "Box", "Box/Sub", "Sent") for command in ("GETACL", "MYRIGHTS")))
        for person in (bob, carol):
            # Names that are there only for what is below them: Dovecot leaves some out.
            seen = [sorted(line.split(b" ")[-1] for line in told(answer('LIST "" "*"')) if b"Noselect" not in line and b"u0" not in line.split(b"/")[-1])
                    for answer in (person.ours, person.theirs)]
            equal(*seen, "what he sees")
            same(person, *(command.format(box) for box in ("shared/u0", "shared/u0/Box", "shared/u0/Box/Sub", "shared/u0/Sent")
                                          for command in ("MYRIGHTS {}", "SELECT {}", "UNSELECT", "GETACL {}")))
            person.close()
    alice.close()
