"""The examples of the RFCs and what well-known clients send, compared with Debian's Dovecot; where an RFC prints the
answer, with that too."""
import re

from support import equal
from support.imap_pair import imap_pair

MAIL = b"From: %s@x.test\nSubject: %s\nDate: Mon, %d Jan 2024 10:00:00 +0000\nMessage-ID: <%d@x.test>\n%s\nbody %d\n"


def mails(count):
    def one(i):
        more = b"References: <%d@x.test>\n" % (i // 2) if i % 3 else b""
        return MAIL % (b"bzyax"[i % 5:i % 5 + 1], (b"Re: " if i % 3 else b"") + b"topic %d" % (i % 4), i % 28 + 1, i, more, i)
    return {f"new/{1700000000 + i * 100}.M1.h": one(i) for i in range(count)}


def select(account, count):
    """Some of the messages are seen, some deleted."""
    account.same("SELECT INBOX", f"STORE {','.join(map(str, range(1, count, 2)))} +FLAGS.SILENT (\\Seen)",
                 f"STORE {','.join(map(str, range(1, count, 7)))} +FLAGS.SILENT (\\Deleted)")


def folders(names):
    return {f".{name.replace('/', '.')}/": b"" for name in names}


def listed(account, command):
    """Names and their attributes, as ours lists them."""
    return {re.sub(rb".* ", b"", line): set(re.search(rb"\((.*?)\)", line)[1].split())
            for line in (re.sub(rb" \(CHILDINFO.*", b"", line) for line in account.ours(command)[:-1])}


# RFC 5258 5: the tree of its examples, and its subscriptions.
TREE = ("Fruit", "Fruit/Apple", "Fruit/Banana", "Tofu", "Vegetable", "Vegetable/Broccoli", "Vegetable/Corn")
SUBSCRIBED = b"V\t2\n\nFruit\tBanana\nFruit\tPeach\nVegetable\nVegetable\tBroccoli\n"


def test_extended_list():
    account = imap_pair().account(folders(TREE) | {"subscriptions": SUBSCRIBED})
    account.same('LIST "" "*"', 'LIST (SUBSCRIBED) "" "*"', 'LIST () "" "%" RETURN (CHILDREN)', 'LIST (REMOTE) "" "%" RETURN (CHILDREN)',
                 'LIST (REMOTE SUBSCRIBED) "" "*"', 'LIST (REMOTE SUBSCRIBED) "" "*" RETURN (CHILDREN)', 'LIST "" ("INBOX" "Drafts" "Sent/%")',
                 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%" RETURN (CHILDREN)',
                 'LIST (SUBSCRIBED) "" "*" RETURN (SUBSCRIBED)', 'LIST "" "%" RETURN (SUBSCRIBED CHILDREN)', 'LIST (RECURSIVEMATCH) "" "%"')
    equal(listed(account, 'LIST (SUBSCRIBED) "" "*"'),
          {b"Fruit/Banana": {b"\\Subscribed"}, b"Fruit/Peach": {b"\\Subscribed", b"\\NonExistent"}, b"Vegetable": {b"\\Subscribed"},
           b"Vegetable/Broccoli": {b"\\Subscribed"}}, "example 2")
    equal(listed(account, 'LIST () "" "%" RETURN (CHILDREN)'),
          {b"INBOX": {b"\\HasNoChildren"}, b"Fruit": {b"\\HasChildren"}, b"Tofu": {b"\\HasNoChildren"}, b"Vegetable": {b"\\HasChildren"}},
          "example 3")
    account.close()


# RFC 5258 5, examples 8 and 9: a subscribed child speaks through its parent.
def test_children_that_are_subscribed():
    account = imap_pair().account(folders(("Foo", "Foo/Bar", "Foo/Baz", "Moo")) | {"subscriptions": b"V\t2\n\nFoo\tBaz\n"})
    account.same('LIST "" "*"', 'LSUB "" "%"', 'LIST (SUBSCRIBED) "" "*"', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"')
    equal(account.ours('LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"'), [b'* LIST () "/" Foo (CHILDINFO ("SUBSCRIBED"))', b"OK"], "CHILDINFO")
    account.close()


# RFC 5819 3, RFC 8438 2
def test_list_with_status():
    account = imap_pair().account(folders(("foo", "foo2/bar")) | mails(17) | {"subscriptions": b"V\t2\n\nfoo2\tbar\n"})
    account.same('LIST "" % RETURN (STATUS (MESSAGES UNSEEN))', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (MESSAGES))',
                 'LIST "" * RETURN (STATUS (MESSAGES UIDNEXT SIZE))', 'STATUS INBOX (MESSAGES SIZE)')
    account.close()


# RFC 5182 2: a filter, what it found, and more of it; RFC 4731 3.1
def test_saved_search():
    account = imap_pair().account(mails(30) | folders(("Trash",)))
    select(account, 30)
    account.same('SEARCH RETURN (SAVE) SINCE 1-Feb-1994 NOT FROM "Smith"', "FETCH $ (UID RFC822.SIZE)",
                 "UID SEARCH RETURN (SAVE) UID 5:9 UNDELETED", "UID STORE $ +FLAGS.SILENT (\\Seen)", "SEARCH RETURN (SAVE) SINCE 1-Feb-1994 FROM z",
                 "SEARCH UID $ SMALLER 4096", "UID SEARCH RETURN (MIN MAX COUNT) OR $ UNSEEN", 'SEARCH RETURN (SAVE MIN MAX) UNSEEN', "COPY $ Trash",
                 "SEARCH RETURN (MIN COUNT) FLAGGED SINCE 1-Feb-1994 NOT FROM z", "SEARCH RETURN () UNSEEN", "SEARCH RETURN (ALL) NOT SEEN",
                 "UID SEARCH RETURN (COUNT ALL) 1:5", "FETCH $ (FLAGS)")
    account.close()


# RFC 5256 3, RFC 5267 2, and Roundcube, SnappyMail, himalaya
def test_sorts_and_threads_of_clients():
    account = imap_pair().account(mails(40))
    select(account, 40)
    account.same("SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994", "SORT (SUBJECT REVERSE DATE) UTF-8 ALL", 'SORT (SUBJECT) US-ASCII TEXT "not in mailbox"',
                 'THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000', 'THREAD REFERENCES US-ASCII TEXT "body"', "SORT RETURN (MIN MAX) (REVERSE DATE) UTF-8 UNSEEN",
                 "UID SORT RETURN (COUNT ALL) (REVERSE ARRIVAL) UTF-8 UNDELETED")
    account.same("UID SORT (ARRIVAL) US-ASCII ALL UNDELETED", "UID SORT RETURN (ALL COUNT) (DATE) US-ASCII ALL UNDELETED",
                 "UID THREAD REFS US-ASCII ALL UNDELETED", "UID THREAD REFERENCES UTF-8 ALL UNDELETED UNSEEN", "UID SORT (REVERSE DATE) UTF-8 ALL",
                 "UID SORT (REVERSE DATE REVERSE ARRIVAL) UTF-8 UID 1:*", "UID SEARCH RETURN (ALL) UID 1:* UNDELETED SINCE 1-Jan-2020",
                 "UID SORT (FROM) UTF-8 OR HEADER SUBJECT topic HEADER FROM z", 'UID SORT (TO) UTF-8 CHARSET', "UID SORT (SUBJECT) UTF-8 SUBJECT {7+}\r\ntopic 2",
                 "LIST (SUBSCRIBED) \"\" * RETURN (SPECIAL-USE)", 'LIST "" * RETURN (SUBSCRIBED SPECIAL-USE)', 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT UIDVALIDITY))',
                 "UID SEARCH RETURN (MAX) ALL", "UID FETCH 1:5 (UID RFC822.SIZE FLAGS INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT)])")
    account.close()


# RFC 3502, RFC 4469 4, RFC 3516 5
def test_appends():
    pair = imap_pair()
    draft = (b"From: Fred Foobar <foobar@example.test>\nSubject: afternoon meeting\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=d3438gr7324\n\n"
             b"--d3438gr7324\n\ntext of the draft\n--d3438gr7324\nContent-Type: image/jpeg\nContent-Transfer-Encoding: base64\n\nAAECAwQF\n--d3438gr7324--\n")
    account = pair.account({"new/1700000000.M1.h": draft} | folders(("Drafts", "Sent")))

    def literal(text):
        return b"{%d+}\r\n%s" % (len(text), text)
    first = b"Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nFrom: Fred Foobar <foobar@example.test>\r\nSubject: afternoon meeting\r\n\r\nHello Joe\r\n"
    account.same("SELECT INBOX", b"APPEND Sent (\\Seen) " + literal(first) + b' (\\Seen) " 7-Feb-1994 22:43:04 -0800" ' + literal(first),
                 b'APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL "/INBOX/;UID=1/;section=HEADER" TEXT ' + literal(b"--d3438gr7324\r\n\r\nnew text\r\n")
                 + b' TEXT ' + literal(b"--d3438gr7324\r\n") + b' URL "/INBOX/;UID=1/;section=2.MIME" URL "/INBOX/;UID=1/;section=2" TEXT '
                 + literal(b"\r\n--d3438gr7324--\r\n") + b")",
                 b'APPEND Drafts CATENATE (URL "/INBOX/;UID=9/;section=1")',
                 "EXAMINE Drafts", "FETCH 1 (FLAGS BODYSTRUCTURE BODY.PEEK[])", "FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])",
                 "EXAMINE Sent", "FETCH 1:2 (FLAGS ENVELOPE)", "FETCH 2 INTERNALDATE", "FETCH 1 PREVIEW")
    account.close()
