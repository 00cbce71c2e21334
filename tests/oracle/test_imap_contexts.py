"""Searches that are kept up to date (CONTEXT=SEARCH, RFC 5267), compared with Debian's Dovecot, with changes by chance
(RELAIS_TEST_SEED, RELAIS_TEST_COUNT).  Dovecot leaves out the positions that SORT has to tell, and with several
such searches its process ends when a message arrives: tests/system/test_imap_contexts has both."""
import os
import random

from support.imap_pair import imap_pair

SEED, COUNT = int(os.environ.get("RELAIS_TEST_SEED", "1")), int(os.environ.get("RELAIS_TEST_COUNT", "60"))
FILES = {f"new/{1700000000 + i}.M1.h": b"Subject: %s\n\n%s\n" % ((b"alpha", b"beta", b"gamma")[i % 3], b"x" * 40 * i) for i in range(1, 13)}


def account(*commands):
    found = imap_pair().account(FILES)
    found.same("SELECT INBOX", *commands)
    return found


def test_answers():
    found = account("SEARCH RETURN (UPDATE) FLAGGED", "UID SEARCH RETURN (UPDATE COUNT) FLAGGED", "SEARCH RETURN (UPDATE CONTEXT MIN) 1:3",
                    "SEARCH RETURN (UPDATE (UID FLAGS) ALL) ALL", "UID SEARCH RETURN (PARTIAL 1:2 UPDATE) ALL", "SEARCH RETURN (UPDATE UPDATE) ALL",
                    "SEARCH RETURN (UPDATE MODSEQ) ALL", "SEARCH RETURN (UPDATE (FROB)) ALL", "CANCELUPDATE", "CANCELUPDATE nix", 'CANCELUPDATE "nix"',
                    'CANCELUPDATE "x3"', 'CANCELUPDATE "x3"', 'CANCELUPDATE "x4" "x5"', "STORE 1:4 +FLAGS.SILENT (\\Flagged)", "SELECT INBOX",
                    "STORE 1:4 -FLAGS.SILENT (\\Flagged)", 'CANCELUPDATE "x6"')
    found.close()


def test_changes():
    chance = random.Random(SEED)
    found = account("STORE 2 +FLAGS.SILENT ($Junk)", "SEARCH RETURN (UPDATE ALL) FLAGGED", "UID SEARCH RETURN (UPDATE COUNT) FLAGGED UNSEEN", "SEARCH RETURN (UPDATE) ALL",
                    "UID SEARCH RETURN (UPDATE ALL) SUBJECT alpha", "UID SEARCH RETURN (UPDATE) OR DELETED KEYWORD $Junk",
                    "SEARCH RETURN (UPDATE) NOT LARGER 200")
    for _ in range(COUNT):
        kind, uid = chance.randrange(6), chance.randrange(1, 13)
        if kind == 1:
            found.same(chance.choice(("EXPUNGE", "NOOP", "CHECK")))
        else:
            flags = chance.choice(("\\Flagged", "\\Seen", "\\Deleted", "$Junk", "\\Seen \\Flagged"))
            found.same(f"UID STORE {uid}:{uid + chance.randrange(4)} {chance.choice('+-')}FLAGS.SILENT ({flags})")
    found.close()
