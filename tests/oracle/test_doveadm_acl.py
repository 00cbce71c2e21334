"""doveadm acl and Debian's: the same command lines, outputs and exit statuses, and the same files behind it."""
from support import equal, oracle
from support.acl_pair import MAIL, acl_house, people, same
from support.doveadm_pair import Account, DoveadmPair


def pair():
    made = DoveadmPair.__new__(DoveadmPair)
    made.pair = acl_house().pair
    made.mail, made.names = made.pair.mail, made.pair.names
    made.theirs_program = oracle.tree("dovecot") / "usr/bin/doveadm"
    made.compared = 0
    return made


def test_commands():
    alice, bob = people(MAIL, {})
    account = Account(pair(), alice)
    account.same("acl get -u {user} Box", "acl rights -u {user} Box", "acl set -u {user} Box user=u1 lookup read", "acl get -u {user} Box",
                 "acl add -u {user} Box user=u1 write -insert", "acl get -u {user} Box", "acl remove -u {user} Box user=u1 write",
                 "acl get -u {user} Box", "acl set -u {user} Box group=staff all", "acl get -u {user} Box", "acl get -u {user} -m Box",
                 "acl get -u {user} Nope", "acl set -u {user} Nope user=u1 lookup", "acl rights -u {user} Public/ruled", "acl get -u {user} Public/ruled",
                 "acl get -u {user}", "acl set -u {user} Box user=u1", "acl delete -u {user} Box", "acl delete -u {user} Box user=u1",
                 "acl get -u {user} Box", "acl recalc -u {user}", "acl rights -u u1 Public/team", "acl get -u nobody1 Box", "acl rights -u {user} INBOX")
    account.same("acl get -u {user} Box", forms=("tab", "flow", "json", "pager", "table"))
    same(alice, "GETACL Box")
    house = acl_house()
    equal(house.file(alice, "ours", ".Box/dovecot-acl"), "group=staff lrwstipekxa\n", "the file")
    alice.close(), bob.close()


def test_metadata():
    (alice,) = people(MAIL)
    account = Account(pair(), alice)
    account.same("mailbox metadata set -u {user} Box /private/comment 'my own'", "mailbox metadata get -u {user} Box /private/comment",
                 "mailbox metadata set -u {user} Box /shared/comment all", "mailbox metadata set -u {user} Box /private/vendor/x/y z",
                 "mailbox metadata get -u {user} Box /private/none", "mailbox metadata unset -u {user} Box /private/comment",
                 "mailbox metadata get -u {user} Box /private/comment", "mailbox metadata get -u {user} Nope /private/comment",
                 "mailbox metadata get -u {user} Box", "mailbox metadata get -u {user} Box comment", "mailbox metadata set -u {user} Box /private/a",
                 "mailbox metadata set -u {user} '' /private/comment server", "mailbox metadata get -u {user} '' /private/comment",
                 "mailbox metadata set -s -u {user} '' /private/comment server", "mailbox metadata get -s -u {user} '' /private/comment")
    # Dovecot lists specialuse, too, whether there is one or not.
    for line in ("mailbox metadata list -u {user} Box",):
        ours, theirs = account.ours(line), account.theirs(line)
        keys = [sorted(set(side.out.split()) - {b"specialuse"}) for side in (ours, theirs)]
        equal((keys[0], ours.status), (keys[1], theirs.status), line)
    same(alice, 'GETMETADATA "" /private/comment', "GETMETADATA Box /shared/comment")
    alice.close()
