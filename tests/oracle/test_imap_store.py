"""APPEND of several messages and of pieces, BINARY, PREVIEW and LIST with special uses, compared with Debian's Dovecot."""
from support import equal
from support.imap_pair import imap_pair

MIXED = (b"From: x@y\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\nContent-Type: text/plain\n"
         b"Content-Transfer-Encoding: base64\n\naGVsbG8Kd29ybGQ=\n--b\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=\nc\nd=00e\n"
         b"--b\nContent-Type: message/rfc822\n\nSubject: in\nContent-Transfer-Encoding: base64\n\nAAE=\n--b--\nepi\n")
HTML = (b"Subject: r\nContent-Type: text/html\n\n<html><head><title>T</title><style>x {y}</style></head><body><p>One &amp; two</p><br>"
        b"three&nbsp;four <!-- c --><script>a()</script><b>five</b></body></html>\n")
TEXTS = [MIXED, HTML, b"Subject: q\n\n> quoted\n> more\nown  text\n\tindented\n", b"Subject: q2\n\n> only quoted\n> more\n", b"Subject: e\n\n",
         b"Subject: u\nContent-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9 \xe9\n",
         b"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b\nContent-Type: text/plain\n\n"
         b"plain\n--b--\n",
         b"Subject: img\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\naGVsbG8Kd29ybGQ=\n",
         b"Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/alternative; boundary=b\n\n--b\n"
         b"Content-Type: text/plain\n\nnested\n--b--\n--o--\n",
         b"Content-Type: text/plain; charset=utf-8\n\n" + "é".encode() * 150 + b" " + "ü".encode() * 150 + b"\n",
         b"Subject: fl\n\nOn Monday x wrote:\n> q\nreply\n", b"Content-Type: text/html\n\nno tags &lt;here&gt; &unknown; &#228;\n",
         b"Content-Transfer-Encoding: x-foo\n\nxyz\n", b"Subject: short\n\nbody\n"]


def filled():
    files = {f"new/{1700000000 + i}.M1.h": text for i, text in enumerate(TEXTS)}
    account = imap_pair().account(files | {".Sent/": b""})
    account.same("SELECT INBOX")
    return account


def literal(text):
    return b"{%d+}\r\n" % len(text) + text


def test_binary():
    account = filled()
    account.same(*(f"FETCH 1 BINARY.PEEK[{part}]{some}" for part in ("", "1", "2", "3", "3.1") for some in ("", "<3.100>", "<0.5>", "<100.5>")),
                 "FETCH 1 (BINARY.SIZE[] BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[3] BINARY.SIZE[9])", "FETCH 8 BINARY.PEEK[1]",
                 "FETCH 8 (BINARY.PEEK[] BINARY.SIZE[])", "FETCH 14 (UID BINARY.PEEK[] BINARY.PEEK[1] BINARY.SIZE[1])",
                 "FETCH 13 (BINARY.PEEK[1])", "FETCH 13 BINARY.SIZE[1]", "FETCH 13 BINARY.PEEK[]", "FETCH 3 (FLAGS BINARY[1])", "UID FETCH 4 (UID FLAGS BINARY[])")
    # Dovecot takes sections that RFC 3516 does not have; a part that is not there is NIL with ours.
    for command in ("FETCH 1 BINARY[1.MIME]", "FETCH 1 BINARY[0]", "FETCH 1 BINARY.SIZE[1]<0.4>", "FETCH 1 BINARY[TEXT]"):
        equal(account.ours(command), [b"BAD"], command)
    equal(account.ours("FETCH 1 BINARY.PEEK[9]"), [b"* 1 FETCH (BINARY[9] NIL)", b"OK"], "no such part")
    account.close()


def test_preview():
    account = filled()
    account.same(*(f"FETCH {number} PREVIEW" for number in (*range(1, 12), 14)), "FETCH 1:3 (PREVIEW (LAZY))", "UID FETCH 4 (UID PREVIEW)")
    equal(account.ours("FETCH 12 PREVIEW"), [b'* 12 FETCH (PREVIEW "no tags <here> &unknown; \xc3\xa4")', b"OK"], "entities")
    # RFC 8970 3.1: LAZY is for what is known already; asking without it makes it so.
    lazy = account.ours("FETCH 13 PREVIEW (LAZY)"), account.ours("FETCH 13 PREVIEW"), account.ours("FETCH 13 PREVIEW (LAZY)")
    equal([answer[0].split(b"PREVIEW ")[1] for answer in lazy], [b"NIL)", b'"xyz")', b'"xyz")'], "LAZY before and after")
    equal(account.ours("FETCH 1 PREVIEW (FUZZY)"), [b"BAD"], "FUZZY was of a draft")
    account.close()


def test_several_messages():
    account = filled()
    account.same(b"APPEND Sent " + literal(b"A: 1\r\n") + b" " + literal(b"B: 2\r\n"),
                 b'APPEND Sent (\\Seen $x) "01-Jan-2020 00:00:00 +0000" ' + literal(b"A: 1\r\n") + b" (\\Flagged) " + literal(b"B: 2\r\n")
                 + b' "02-Jan-2021 10:00:00 +0000" ' + literal(b"C: 3\r\n"),
                 "STATUS Sent (MESSAGES UIDNEXT)", "EXAMINE Sent", "FETCH 3:5 (FLAGS RFC822.SIZE BODY.PEEK[])", "FETCH 3 INTERNALDATE",
                 "FETCH 5 INTERNALDATE", b"APPEND Missing " + literal(b"A: 1\r\n"), "APPEND Sent", "APPEND Sent (\\Seen)",
                 "STATUS Sent (MESSAGES)")
    account.close()


def test_pieces():
    account = filled()
    pieces = [b'TEXT ' + literal(b"A: 1\r\n"), b'URL "/INBOX/;UID=1/;SECTION=TEXT"', b"URL /INBOX/;UID=1/;SECTION=1.MIME",
              b"URL /INBOX/;UID=1/;SECTION=1", b"URL /INBOX/;UID=1", b"URL " + literal(b"/INBOX/;UID=2/;SECTION=HEADER"),
              b"URL /INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=0.5", b"URL /INBOX/;UID=1/;SECTION=3.HEADER", b"URL ;UID=3/;SECTION=HEADER",
              b"URL ;UID=9/;SECTION=HEADER", b'URL "/INBOX/;UID=3/;SECTION=HEADER.FIELDS%20(SUBJECT)"', b"TEXT " + literal(b"end\r\n"),
              b"URL /inbox/;uid=3/;section=header", b"URL /INBOX/;UID=1/;PARTIAL=10.20"]
    for first, second in zip(pieces, pieces[1:] + pieces[:1]):
        account.same(b"APPEND Sent CATENATE (" + first + b" " + second + b")")
    account.same(b"APPEND Sent (\\Seen) CATENATE (" + b" ".join(pieces) + b") " + literal(b"A: 1\r\n"), b"EXAMINE Sent",
                 "FETCH 1:* (FLAGS BODY.PEEK[])", "SELECT INBOX")
    for url in (b"/INBOX;UIDVALIDITY=1/;UID=1", b"/INBOX/;UID=999", b"/Nope/;UID=1", b"imap://u@host/INBOX/;UID=1",
                b"/INBOX/;UID=1/;FOO=1", b"/INBOX/;UID=0", b"/INBOX/;UID=1/;PARTIAL=x"):
        account.same(b"APPEND Sent CATENATE (TEXT " + literal(b"A: 1\r\n") + b" URL " + url + b")")
    account.same("APPEND Sent CATENATE ()", "APPEND Sent CATENATE (FOO x)")
    equal(account.ours("STATUS Sent (MESSAGES)"), [b"* STATUS Sent (MESSAGES %d)" % (len(pieces) + 2), b"OK"], "nothing of what was refused")
    # Of what follows the first literal of a command that it refuses, Dovecot makes further commands.
    equal(account.ours(b"APPEND Missing CATENATE (TEXT " + literal(b"A: 1\r\n") + b")"), [b"NO TRYCREATE"], "no such mailbox")
    # A list that does not end, which Dovecot takes in one form, and a part that is not there, for which it takes nothing.
    for tail in (b"", b" TEXT)", b" URL)", b" URL /INBOX/;UID=1 ", b") junk"):
        equal(account.ours(b"APPEND Sent CATENATE (TEXT " + literal(b"A: 1\r\n") + tail), [b"BAD"], f"{tail}")
    for url in ("/INBOX/;UID=1/;SECTION=9", "/INBOX/;UID=1/;SECTION=X", "/INBOX/;UID=1/;SECTION=0", "/;UID=9"):
        equal(account.ours(f"APPEND Sent CATENATE (URL {url})"), [b"NO BADURL"], url)
    account.close()


def test_binary_messages():
    account = filled()
    picture = b"Content-Transfer-Encoding: binary\r\nContent-Type: image/png\r\n\r\na\0b\nc\r\r\n\xff"
    account.same(b"APPEND Sent ~" + literal(picture), b"APPEND Sent ~" + literal(b"Subject: x\r\n\r\nplain\r\n"))
    account.same("SELECT Sent", "FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])", "FETCH 2 (BINARY.PEEK[1] BODY.PEEK[])",
                 "FETCH 1 BODY.PEEK[HEADER]")
    account.close()


def test_lists():
    pair = imap_pair()
    account = pair.account({".Sent/": b"", ".a.b/": b"", ".c/": b"", "subscriptions": b"V\t2\n\na\tb\nSent\n"})
    # RFC 5258 5, with other names
    account.same(*(f'LIST {select}"" {pattern}{returns}' for pattern in ("*", "%", '("Sent" "a/%")')
                   for select, returns in (("", " RETURN (SPECIAL-USE)"), ("(SPECIAL-USE) ", ""), ("(SUBSCRIBED SPECIAL-USE) ", ""),
                                           ("(SUBSCRIBED) ", " RETURN (CHILDREN SPECIAL-USE)"), ("", " RETURN (STATUS (MESSAGES SIZE))"),
                                           ("", " RETURN (SUBSCRIBED STATUS (UIDNEXT UNSEEN) CHILDREN)"), ("(SPECIAL-USE) ", " RETURN (STATUS (SIZE))"),
                                           ("(SUBSCRIBED RECURSIVEMATCH) ", " RETURN (SPECIAL-USE)"))))
    account.same('LIST (FOO) "" *', 'LIST "" * RETURN (FOO)', 'LIST "" * RETURN (STATUS ())', 'LIST "" * RETURN STATUS',
                 "STATUS Sent (SIZE MESSAGES)", "STATUS Sent (FOO)", "STATUS Sent ()")
    account.close()
