"""Ours and Dovecot side by side with access control lists, annotations, and three kinds of namespaces: the users' own, Public/ and
shared/USER/; in Own/, which is for all as well, each user sees his own \\Seen (INDEXPVT=).

    alice, bob = people(MAIL, {})          # two users; the mail of the first
    same(alice, "SETACL INBOX u1 lr")      # the same answer of both servers
"""
import os
import re
import shutil

from support import equal
from support.imap_pair import ImapPair, fill_maildir
from support.room import room

OURS = """\
imap_acl = vfile:{place}/global
imap_acl_shared_dict = file:{place}/dict-ours/shared
imap_namespaces = {{ type=public prefix=Own/ location=maildir:{place}/own-ours:INDEXPVT=~/own subscriptions=no }},
    {{ type=public prefix=Public/ location=maildir:{place}/public-ours subscriptions=no }},
    {{ type=shared prefix=shared/%%u/ location=maildir:{place}/%%u-ours/Maildir subscriptions=no list=children }}
imap_mail_location = maildir:{place}/%u-ours/Maildir
"""

THEIRS = """\
mail_plugins = acl
mail_location = maildir:{place}/%u-theirs/Maildir
protocol imap {{
  mail_plugins = acl imap_acl
  imap_metadata = yes
}}
mail_attribute_dict = file:%h/Maildir/dovecot-attributes
namespace public {{
  type = public
  prefix = Public/
  separator = /
  location = maildir:{place}/public-theirs:INDEX={place}/%u-theirs/public
  subscriptions = no
  list = yes
}}
namespace shared {{
  type = shared
  prefix = shared/%%u/
  separator = /
  location = maildir:{place}/%%u-theirs/Maildir:INDEX={place}/%u-theirs/shared/%%u
  subscriptions = no
  list = children
}}
namespace own {{
  type = public
  prefix = Own/
  separator = /
  location = maildir:{place}/own-theirs:INDEXPVT=%h/own
  subscriptions = no
  list = yes
}}
plugin {{
  acl = vfile:{place}/global
  acl_shared_dict = file:{place}/dict-theirs/shared
}}
"""

SIDES = ("ours", "theirs")

# A user's mail, and the mailboxes for all.
MAIL = {"cur/1.M1.h:2,S": b"Subject: one\n\ntext\n", ".Box/cur/1.M1.h:2,": b"Subject: boxed\n\ntext\n", ".Sent/": b""}
PUBLIC = {".team/cur/1.M1.h:2,": b"Subject: team\n\ntext\n", ".team/dovecot-acl": b"user=u0 lrwstipekxa\nanyone lr\n",
          ".hidden/cur/1.M1.h:2,": b"Subject: hidden\n\ntext\n", ".drop/dovecot-acl": b"anyone ip\n", ".ruled/cur/": b"",
          ".notes/cur/1.M1.h:2,": b"Subject: notes\n\ntext\n", ".notes/dovecot-acl": b"authenticated lrs\n-user=u1 s\n"}


# The administrator's lists: a file, or a directory of files.
RULES = "Public/ruled user=u0 lrwstipekxa\nPublic/ruled anyone lr\n"


class AclHouse:
    """`main` is added to our configuration, `theirs` to Dovecot's, `fields` to each user's entry in both."""

    def __init__(self, accounts=40, main="", theirs="", rules=RULES, fields=""):
        self.place = room().scratch / "house"
        self.place.mkdir()
        for name, text in (rules if isinstance(rules, dict) else {"": rules}).items():
            path = self.place / "global" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.pair = ImapPair(accounts, main=OURS.format(place=self.place) + main, theirs=THEIRS.format(place=self.place) + theirs)
        self.pair.fields = fields
        for side in SIDES:
            for part in ("public-", "dict-", "own-"):
                (self.place / f"{part}{side}").mkdir()
        # The homes are where the locations of the shared namespaces look for them.
        self.pair.root = self.place
        for path, side in ((self.pair.mail.mta.conf / "users", "ours"), (self.pair.dovecot.root / "users", "theirs")):
            self.pair._write_users(path, side)
        self.own(self.place)

    def own(self, path):
        for folder, names, files in os.walk(path):
            for each in [folder] + [os.path.join(folder, name) for name in names + files]:
                os.chown(each, self.pair.uid, self.pair.gid)

    def people(self, *maildirs):
        return [self.pair.account(files) for files in maildirs]

    def public(self, files, space="public"):
        """Mailboxes for all, anew: {".team/cur/1.M1.h:2,": bytes, ".team/dovecot-acl": bytes}."""
        for side in SIDES:
            root = self.place / f"{space}-{side}"
            shutil.rmtree(root)
            root.mkdir()
            fill_maildir(root, files, self.pair.uid, self.pair.gid)
            for part in ("cur", "new", "tmp"):
                os.rmdir(root / part)
            self.own(root)

    def file(self, account, side, name):
        path = account.homes[side] / "Maildir" / name
        return path.read_text() if path.exists() else None


_house = None


def acl_house(**settings):
    global _house
    _house = _house or AclHouse(**settings)
    return _house


def sorted_rights(lines):
    """ACL responses with the letters, and the entries, in one order: each server has its own."""
    out = []
    for line in lines:
        words = re.findall(rb'"[^"]*"|[^ ]+', line)
        if line.startswith(b"* ACL "):
            # Dovecot keeps some entries from which all rights were taken.
            entries = sorted((words[i], bytes(sorted(words[i + 1]))) for i in range(3, len(words) - 1, 2) if words[i + 1] != b'""')
            line = b" ".join(words[:3] + [b"%s=%s" % entry for entry in entries])
        elif line.startswith(b"* MYRIGHTS "):
            line = b" ".join(words[:-1] + [bytes(sorted(words[-1]))])
        out.append(line)
    return out


def told(lines):
    """Without what is recent: in cur/ each server's own index knows that."""
    return sorted_rights(re.sub(rb" ?\\Recent", b"", line).replace(b"( ", b"(") for line in lines if not line.endswith(b" RECENT"))


def same(account, *commands):
    for command in commands:
        ours, theirs = told(account.ours(command)), told(account.theirs(command))
        equal(ours, theirs, f"{account.user}: {command}")


def people(*maildirs):
    """Users u0, u1, ... with these files, and nothing left of the tests before."""
    house = acl_house()
    house.pair.used = 0
    for side in SIDES:
        for path in house.place.glob(f"u*-{side}"):
            shutil.rmtree(path)
        for path in (house.place / f"dict-{side}").iterdir():
            path.unlink()
    house.public(PUBLIC)
    return house.people(*maildirs)


def exchange(*accounts):
    """Each server gets the Maildirs of the other one."""
    for account in accounts:
        account.close()
        ours, theirs = (account.homes[side] / "Maildir" for side in SIDES)
        spare = ours.with_name("spare")
        ours.rename(spare)
        theirs.rename(ours)
        spare.rename(theirs)
