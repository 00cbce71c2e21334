"""Users of a database that cannot be listed, like static: what -A and a pattern say, which scripts look at and the howtos quote."""
from support.doveadm_pair import DoveadmPair
from support.dovecot import USERS_CONF

STATIC = "uid=1000 gid=1000 home=/nonexistent/%u"
THEIRS = f"userdb {{{{\n  driver = static\n  args = {STATIC}\n}}}}\n"
LISTING = ("expunge -A mailbox Trash savedbefore 15d", "search -A all", "search -u '*' all", "user '*'", "user 'a*' 'b*'")
# Everybody has a home there, and only who has a password exists.
UNKNOWN = ("user -u nobody", "user nobody", "user -f home u0 nobody", "expunge -u nobody mailbox Trash savedbefore 15d", "mailbox list -u nobody")


def compare(ours, theirs, lines=LISTING + UNKNOWN):
    pair = DoveadmPair(accounts=1, main=f"auth_userdb = {ours}\n", users=theirs)
    try:
        pair.same(*lines, sort=True)
    finally:
        pair.pair.dovecot.stop()
        pair.mail.stop()


def test_a_static_database():
    compare(f"{{ static:{STATIC} }}", USERS_CONF.partition("userdb")[0] + THEIRS)


def test_a_static_database_of_everybody():
    everybody = "allow_all_users=yes"
    compare(f"{{ static:{STATIC} {everybody} }}", USERS_CONF.partition("userdb")[0] + THEIRS.replace(STATIC, f"{STATIC} {everybody}"), UNKNOWN[:3])


def test_a_static_database_behind_another():
    compare(f"passwd-file:$config_directory/users, {{ static:{STATIC} }}", USERS_CONF + THEIRS)
