"""Annotations (RFC 5464), compared with Debian's Dovecot, and the file that both keep them in."""
import re

from support import equal
from support.acl_pair import MAIL, exchange, people


def sorted_values(lines):
    """METADATA responses with the entries in one order."""
    def one(line):
        if not line.startswith(b"* METADATA "):
            return line
        head, entries = re.match(rb'(\* METADATA (?:"[^"]*"|[^ ]+)) \((.*)\)$', line, re.S).groups()
        return head + b" " + b" ".join(sorted(b"=".join(each) for each in re.findall(rb'(/[^ ]+) ("(?:[^"\\]|\\.)*"|NIL)', entries)))
    return [one(line) for line in lines]


def same_values(account, *commands):
    for command in commands:
        equal(sorted_values(account.ours(command)), sorted_values(account.theirs(command)), f"{account.user}: {command}")


def test_entries():
    (alice,) = people(MAIL)
    same_values(
        alice, 'SETMETADATA Box (/private/comment "My own comment")', 'GETMETADATA Box /private/comment',
        'SETMETADATA Box (/shared/comment "shared one" /private/x {3+}\r\na\tb)', 'GETMETADATA "" /shared/comment',
        'SETMETADATA "" (/shared/comment "srv")', 'SETMETADATA "" (/private/comment "srv")', 'SETMETADATA "" (/private/vendor/foo/bar "srv")',
        'GETMETADATA "" (/shared/comment /private/comment /shared/admin)', "GETMETADATA (DEPTH infinity) Box (/private /shared)",
        "GETMETADATA (DEPTH 1) Box (/private)", "GETMETADATA Box (/private/comment /shared/comment /private/none)",
        "GETMETADATA (MAXSIZE 5) Box (/private/comment /private/x)", 'SETMETADATA Box (/private/a/b "1" /private/a/b/c "2" /private/ab "3")',
        "GETMETADATA (DEPTH 1) Box /private/a", "GETMETADATA (DEPTH infinity) Box /private/a", "GETMETADATA (DEPTH 0) Box /private/a",
        "SETMETADATA Box (/private/comment NIL)", "GETMETADATA Box /private/comment", "GETMETADATA Sent /private/specialuse",
        'SETMETADATA Box (/private/specialuse "\\\\Drafts")', "GETMETADATA Nothing /private/comment", 'SETMETADATA Nothing (/private/comment "x")',
        'SETMETADATA Box (/foo/bar "x")', 'SETMETADATA Box (private "x")', "GETMETADATA Box (/private/com*)", "GETMETADATA Box (/private/co%)",
        'SETMETADATA Box (/private/co//x "a")', 'SETMETADATA Box (/PRIVATE/Comment "caps")', "GETMETADATA Box /private/comment",
        "GETMETADATA (MAXSIZE 1 DEPTH 0) \"\" /private/comment", "GETMETADATA (DEPTH 2) Box /private", "GETMETADATA Box", "SETMETADATA Box /private/x",
        'SETMETADATA Box (/private/lines {4+}\r\na\r\nb /private/quote "a\\"b")', "GETMETADATA Box (/private/lines /private/quote)",
        'SETMETADATA Box (/private/comment "")', "GETMETADATA Box /private/comment", 'GETMETADATA "" ("/private/comment")')
    alice.close()


def test_the_file_of_both():
    """What one server has written the other one reads: the same Maildir is given to each in turn."""
    (alice,) = people(MAIL)
    values = 'SETMETADATA Box (/private/comment {5+}\r\na\tb\r\n /shared/comment "for all" /private/vendor/x/y "z")'
    same_values(alice, values, 'SETMETADATA "" (/private/comment "mine")')
    ask = "GETMETADATA (DEPTH infinity) Box (/private /shared)"
    told = sorted_values(alice.ours(ask))
    exchange(alice)
    equal(sorted_values(alice.ours(ask)), told, "ours, of Dovecot's file")
    equal(sorted_values(alice.theirs(ask)), told, "Dovecot, of our file")
    same_values(alice, 'GETMETADATA "" /private/comment', 'SETMETADATA Box (/private/comment NIL /private/new "n")', ask)
    exchange(alice)
    same_values(alice, ask, 'GETMETADATA "" /private/comment')
    alice.close()


def test_whose_annotations():
    alice, bob = people(MAIL, {})
    same_values(alice, "SETACL Box u1 lrw", "SETACL INBOX u1 lr", 'SETMETADATA Box (/private/comment "hers" /shared/comment "all")')
    same_values(bob, "GETMETADATA shared/u0/Box (/private/comment /shared/comment)", 'SETMETADATA shared/u0/Box (/private/comment "his")',
                "GETMETADATA shared/u0/Box (/private/comment /shared/comment)", 'SETMETADATA shared/u0/Box (/shared/comment "changed")',
                "GETMETADATA Public/hidden /private/comment", "GETMETADATA shared/u0/Sent /private/comment",
                'SETMETADATA shared/u0/Sent (/private/comment "x")')
    same_values(alice, "GETMETADATA Box (/private/comment /shared/comment)")
    # RFC 5464 5: w is needed for what all see
    equal(bob.ours('SETMETADATA shared/u0 (/shared/comment "x")'), [b"NO NOPERM"], "without w")
    equal(bob.ours('SETMETADATA Public/notes (/shared/comment "x")'), [b"NO NOPERM"], "without w")
    alice.close(), bob.close()
