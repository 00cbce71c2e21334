"""IMAP's answers, compared with those of Debian's Dovecot for the same Maildir and the same commands.  What is
normalised, and why, says tests/support/imap_pair.py."""
import random

from support import check, equal
from support.imap_pair import Session, imap_pair

SIMPLE = b"From: a@b.test\nTo: c@d.test\nSubject: simple\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\nbody\nline\n"


def mails(messages):
    return {f"new/{1700000000 + i}.M1.h": text for i, text in enumerate(messages)}


def folders(names, subscriptions=None):
    files = {b"." + (name if isinstance(name, bytes) else name.encode()) + b"/": b"" for name in names}
    return files | ({"subscriptions": subscriptions} if subscriptions is not None else {})


def literal(name):
    return b"{%d+}\r\n" % len(name) + name


# --- names of mailboxes

ODD_NAMES = ["Sale 50%", "a*b", "Entwürfe", "a&b", "tab\there", 'q"q', "back\\slash", "L" * 240, "INBOX.x",
             " lead", "trail ", "&AOk-", "&-", "&AGE-", "paren(s)", "br{3}", "a]b", "NIL", "\x7fdel", "\x01x", "p.q.r"]


def test_names_on_disk():
    pair = imap_pair()
    account = pair.account(folders(ODD_NAMES))
    account.same('LIST "" "*"', 'LIST "" "%"', 'LIST "" "%/%"', 'LIST "" "Entw&APw-*"', b'LIST "" "Entw\xc3\xbc*"',
                 'LIST "" "*b"', 'LIST "" "Entw&%"')
    for name in (b"Sale 50%", b"a*b", b'q"q', b"L" * 240, b"INBOX/x", b"inbox/x", b"&AOk-", b"NIL", b"paren(s)"):
        account.same(b"SELECT " + literal(name), b"EXAMINE " + literal(name))
    # Ours opens what Dovecot only lists.
    for name in ("Entw&APw-rfe", "a&-b", "tab&AAk-here", "&-AGE-", "&AH8-del"):
        check(account.ours(f'STATUS "{name}" (MESSAGES)')[-1] == b"OK", name)
    account.same('SELECT a*b', 'STATUS "Sale 50%" (MESSAGES)', 'CREATE "New 100%"', 'CREATE x*y', 'CREATE inbox/Sub',
                 'SELECT inbox/Sub', 'LIST "" "inbox*"', 'LIST "" "InBoX/%"', 'LIST "INBOX" "*"', 'LIST "" "*"')
    account.close()


def test_names_in_commands():
    pair = imap_pair()
    account = pair.account({})
    for name in ("Entwürfe", "a&b", "a//b", "x/", "/x", "", "/", "~tilde", "..", "../x", "x/..", "tmp", "&AGE-", "&",
                 "a.b", "inbox", "Inbox/", "a\nb", "*", "%", "&AOk-&AOk-", "&2D0-", "inbox/y/z", "x/y/z/", "a&", "M" * 250):
        name = name.encode()
        account.same(b"CREATE " + literal(name), b"SUBSCRIBE " + literal(name))
    account.same('LIST "" "*"', 'LSUB "" "*"', 'LIST "" "%"', 'LSUB "" "%"')
    account.close()


def test_root_of_a_reference():
    pair = imap_pair()
    account = pair.account({})
    account.same(*(f'LIST "{name}" ""' for name in ("", "INBOX/", "foo", "foo/bar/baz", "/foo", "nonex/", "/")))
    account.close()


# --- RENAME, subscriptions, LIST-EXTENDED

TREE = ["p.q", "p.q.r", "p.z", "solo", "top", "top.sub", "Sent"]


def test_rename():
    pair = imap_pair()
    for source, target in (("p/q", "p"), ("p/q/r", "p"), ("p", "n"), ("p", "solo"), ("solo", "p"), ("p/q", "p/z"),
                           ("top/sub", "top"), ("top", "top/new"), ("solo", "n/e/w"), ("nonex", "x"), ("nonex", "Sent"),
                           ("INBOX", "inbox"), ("solo", "INBOX"), ("solo", "inbox/s"), ("solo", "a//b"), ("solo", "SOLO")):
        account = pair.account(folders(TREE, b"V\t2\n\np\tq\nsolo\n"))
        account.same(f"RENAME {source} {target}", 'LIST "" "*"', 'LSUB "" "*"')
        account.close()


def test_subscriptions_files():
    pair = imap_pair()
    for text in (b"p.q\nSent\n", b"V\t2\n\np\tq\nSent\n", b"p.q\r\nSent\r\n", b"", b"p\tq\nSent\n", b"V\t1\n\nSent\n",
                 b"Entw&APw-rfe\nEntw\xc3\xbcrfe\n", b"inbox\nINBOX.y\ninbox.z\n", b"V\t2\n\na\x01tb\nc\x011d\n",
                 b"Sent\nSent\n", b"\xe9\nSent\n"):
        account = pair.account(folders(["p.q", "Sent"], text))
        account.same('LSUB "" "*"', 'LIST (SUBSCRIBED) "" "*"', 'LIST "" "*" RETURN (SUBSCRIBED)', "SUBSCRIBE p/q",
                     "UNSUBSCRIBE Sent", 'LSUB "" "*"')
        files = {whose: (home / "Maildir/subscriptions").read_bytes() for whose, home in account.homes.items()}
        if b"\r" not in text and b"\xe9" not in text:
            equal(files["ours"], files["theirs"], f"the file that was {text}")
        account.close()


def test_list_extended():
    pair = imap_pair()
    account = pair.account(folders(TREE + ["x.y.z", "Entw&APw-rfe", "Drafts.1"],
                                   b"V\t2\n\np\tq\nx\ty\tz\ngone\nsome\tgone\nsolo\nEntw&APw-rfe\ntop\ntop\tsub\n"))
    for patterns in ('"%"', '"*"', '"x"', '"x/%"', '("top" "p" "some")', '("p/%" "x/%")', "p*", "*z"):
        account.same(*(f'LIST {select} "" {patterns}{returns}' for select, returns in (
            ("(SUBSCRIBED RECURSIVEMATCH)", ""), ("(SUBSCRIBED RECURSIVEMATCH)", " RETURN (CHILDREN)"), ("(SUBSCRIBED)", ""),
            ("()", ""), ("()", " RETURN (CHILDREN SUBSCRIBED)"), ("(SPECIAL-USE)", ""), ("(RECURSIVEMATCH)", ""),
            ("(REMOTE SUBSCRIBED )", ' RETURN ( CHILDREN )'), ("()", " RETURN (STATUS (MESSAGES ))"))))
    account.same(*(f'LSUB "" "{pattern}"' for pattern in ("%", "*", "p/%", "%/%", "x*", "some", "x/%", "top%", "*z", "%z", "")))
    account.close()


def test_generated_list_patterns():
    pair = imap_pair()
    pick = random.Random(7)
    levels = ["a", "b", "ab", "INBOX", "x y", "&AOk-", "50%", "*"]
    names = sorted({".".join(pick.choice(levels) for _ in range(pick.randrange(1, 4))) for _ in range(25)})
    subscribed = sorted({".".join(pick.choice(levels) for _ in range(pick.randrange(1, 4))) for _ in range(12)})
    account = pair.account(folders(names, "".join(f"{name}\n" for name in subscribed).encode()))
    pieces = ["a", "b", "ab", "inbox", "x y", "&AOk-", "50", "*", "%", "/", "/", "%", "*"]
    for _ in range(150):
        reference = pick.choice(["", "", "", "a", "a/", "inbox/", "b/a/"])
        pattern = "".join(pick.choice(pieces) for _ in range(pick.randrange(1, 6)))
        account.same(f'LIST "{reference}" "{pattern}"', f'LSUB "{reference}" "{pattern}"')
    account.close()


test_generated_list_patterns.seconds = 90


# --- forms of commands

LAX = ["NOOP ", 'LIST  "" *', 'LIST "" * ', 'LIST ""  *', 'LIST "" ( INBOX Sent )', "STATUS INBOX (MESSAGES )",
       "STATUS INBOX ( MESSAGES  UNSEEN )", "STATUS  INBOX  (MESSAGES)", "SELECT  INBOX ", "FETCH 1 (FLAGS )", "FETCH 1 ( FLAGS)",
       "FETCH 1 (FLAGS  UID)", "FETCH  1  FLAGS", "FETCH 1 FLAGS ", "FETCH 1 FLAGS UID", "FETCH 1 ()", "FETCH 1 (flags)",
       "FETCH 1 BODY.PEEK[]<2>", "FETCH 1 BODY.PEEK[]<0>", "FETCH 1 BODY.PEEK[]<2.0>", "FETCH 1 BODY.PEEK[]<2.3>",
       "FETCH 1 BODY.PEEK[]<1000.5>", "FETCH 1 BODY.PEEK[]<>", "FETCH 1 BODY.PEEK[]<.5>", "FETCH 1 BODY.PEEK[]<5.>",
       "FETCH 1 BODY.PEEK[HEADER.FIELDS (subject )]", "FETCH 1 BODY.PEEK[HEADER.FIELDS ( Subject  From)]",
       "FETCH 1 BODY.PEEK[HEADER.FIELDS  (Subject)]", "FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject) ]",
       'FETCH 1 BODY.PEEK[HEADER.FIELDS (")")]', "FETCH 1 BODY.PEEK[HEADER.FIELDS ()]", "FETCH 1 BODY.PEEK[ HEADER]",
       "FETCH 1,2, UID", "FETCH 1,,2 UID", "FETCH ,1 UID", "FETCH 3:2 UID", "FETCH 1,1 UID", "UID FETCH 100:* UID",
       "SEARCH  ALL ", "SEARCH ( ALL )", "SEARCH OR  SEEN UNSEEN", "SEARCH (OR SEEN (UNSEEN ))", "SEARCH (FROM a)(TO c)",
       "SEARCH UID 1,2,", "SEARCH RETURN ( COUNT ) 1:2", "SEARCH SINCE  1-jan-2020", 'SEARCH SINCE " 1-Jan-2020"', 'SEARCH FUZZY SUBJECT simple', "SEARCH NOT FUZZY (SUBJECT simple)", "SEARCH SUBJECT {6+}\r\nsimple",
       "STORE 1 +FLAGS.SILENT (\\Flagged )", "STORE 1  +FLAGS.SILENT  ( \\Answered  $x )", "STORE 1 +FLAGS.SILENT \\Seen $y ",
       "FETCH 1 FLAGS", "COPY  1  Sent ", "STATUS Sent (MESSAGES)", "APPEND  INBOX  ( \\Seen )  {4+}\r\nA: b",
       'APPEND INBOX " 1-Jan-2024 10:00:00 +0000"  {4+}\r\nA: b', "FETCH 4 FLAGS", 'CREATE  "blanks" ', "RENAME  blanks  other ",
       "DELETE  other ", "SUBSCRIBE  Sent ", 'LSUB  ""  * ', "CHECK ", "EXPUNGE ", "UNSELECT "]


def without_modseq(lines):
    return [line for line in lines if b"MODSEQ" not in line]


def test_forms_that_clients_send():
    pair = imap_pair()
    account = pair.account(mails([SIMPLE] * 3) | folders(["Sent"]))
    account.same("SELECT INBOX")
    for command in LAX:
        equal(without_modseq(account.ours(command)), without_modseq(account.theirs(command)), command)
    account.close()


def test_id_before_login():
    pair = imap_pair()
    largest = " ".join(f'"{"k%d" % i:x<30}" "{"v" * 1024}"' for i in range(30))
    for port in (1430, pair.their_port):
        session = Session(pair.address, port, "", login=False)
        for text in (f"ID ({largest})", "ID NIL", "ID ()", 'ID ("name" NIL )', 'ID ("name" {3+}\r\nabc)'):
            answer = session.command(text)
            check(answer[0].startswith(b"* ID (") and b" OK" in answer[-1], f"{port}: {text[:30]}: {answer}")
        session.close()


# --- what messages look like

PARAMETERS = [
    b'name*0="Rechnung Nr. 2026-11 "; name*1="final.pdf"', b"n*0*=UTF-8''%C3%9Cb%20;\n n*1*=gr%C3%B6; n*2=\".pdf\"",
    b"name*=UTF-8''%e2%82%ac; charset=x", b"name*1=b; name*0=a", b"name*0=a; name*2=c", b"name*0=a; name=whole; name*1=b",
    b"name*0=a; name*0=b", b"NAME*0=a; name*1=b", b"name*0=plain%20; name*1*=utf-8''%e9", b"name*00=a; name*01=b",
    b"name*=; x=y", b"name*x=a", b"name*0=", b"name*-1=a", b"name*0*0=a", b"*0=a; *1=b",
    b"name*0=a; other=b; name*1=c; z*0=1; z*1=2", b"name*0*=''a; name*1*=b", b"name*0*=utf-8'a; name*1=b",
    b'name*0*="utf-8\'\'%e9"; name*1*="%41"', b'name*0="a\\"b"; name*1="c\\\\d"', b"name*0=a;name*1=\xe9"]


def test_continued_parameters():
    pair = imap_pair()
    texts = [b"MIME-Version: 1.0\n%s; %s\n\nx\n" % (field, parameter) for parameter in PARAMETERS
             for field in (b"Content-Type: a/b", b"Content-Disposition: attachment")]
    account = pair.account(mails(texts))
    account.same("SELECT INBOX", f"FETCH 1:{len(texts)} BODYSTRUCTURE")
    account.close()


ADDRESSES = [b"a@b.test", b"Bob <bob@x.test>", b'"Last, First" <l@x.test>', b"=?utf-8?B?w6k=?= <e@x.test>",
             b"undisclosed-recipients:;", b"Group: a@b, c@d;", b"(comment) a@b.test", b"a@b.test (Name Here)",
             b"a@b.test (nested (c) x)", b"<a@b.test>", b"<a>", b"a", b"a b", b"a@", b"<@r1,@r2:a@b>", b"a @ b . test",
             b'"q\\"uo\\\\ted" <q@x>', b"a@[127.0.0.1]", b"a@[IPv6:::1]", b"a..b@c", b".a@b", b"\xc3\xa9 <x@y>",
             b"J\xf6rg <j@x>", b"x\ty <a@b>", b"Name\n  Folded <a@b>", b'""<a@b>', b"a<b@c>", b'"a" "b" <c@d>',
             b"Dr. X <c@d>", b"!#$%&'*+-/=?^_`{|}~@x", b"x" * 300 + b"@y", b"<a @b>", b"g:;", b"a@\xc3\xa9.test"]
TEXTS = [b"hello", b"  lead", b"a  b", b"a\tb", b"fold\n ed", b"fold\n\ted", b"8bit \xc3\xa9", b"\xff\xfe", b"nul\0x",
         b"=?utf-8?q?a=20b?=", b'quo"te', b"back\\slash", b"x" * 1200, b"{5}", b"cr\rinside", b"del\x7f", b"\x01\x02",
         b"<id@x> <id2@x>", b"<a\n b@c>", b"NIL", b"a\n b\n c"]
TYPES = [b"text/plain", b"text/html; charset=utf-8", b'TEXT/HTML; CHARSET="UTF-8"', b'application/pdf; name="a b.pdf"',
         b"text/plain;", b"text/plain; charset", b"text/plain; charset=", b'text/plain; charset=""', b"text/plain; a=b; a=c",
         b"text/plain;charset=utf-8;format=flowed", b"text /plain", b"text/plain; charset = utf-8", b"(c) text/plain",
         b"text/plain; charset=utf-8 (comment)", b'text/plain; x="a\\"b"', b"text/plain; x=a b; y=z",
         b'text/plain; x="a\n b"', b"text/plain;\n charset=utf-8", b"text/plain; x=\xc3\xa9", b"message/delivery-status",
         b"text/x-a.b+c", b"*/*", b"te\xc3\xa9/x"]
PART_FIELDS = {b"Content-Disposition": [b"attachment", b"inline; filename=a.txt", b'attachment; filename="a b"', b"attachment;",
                                        b"attachment filename=x", b'"attachment"; x=y', b"; filename=x",
                                        b"(c) attachment (d); x=y", b"attachment; filename=\xc3\xa9"],
               b"Content-Transfer-Encoding": [b"7bit", b"BASE64", b"quoted-printable", b'"base64"', b"x-unknown", b"base64 (c)",
                                              b"", b"8\xc3\xa9"],
               b"Content-Language": [b"en", b"en, de", b"", b"en,,de", b"(c) en", b"en;q=1", b'"en"', b","],
               b"Content-ID": TEXTS, b"Content-Description": TEXTS, b"Content-MD5": TEXTS, b"Content-Location": TEXTS}


class Messages:
    """Messages made by chance, the same ones for the same seed."""

    def __init__(self, seed):
        self.pick = random.Random(seed)

    def header(self):
        pick, lines = self.pick, []
        for field in (b"From", b"To", b"Cc", b"Bcc", b"Sender", b"Reply-To"):
            for _ in range(pick.choice([0, 1, 1, 1, 2])):
                some = b", ".join(pick.choice(ADDRESSES) for _ in range(pick.choice([1, 1, 2, 3])))
                lines.append(pick.choice([field, field.lower()]) + pick.choice([b": ", b":", b" : ", b":\t"]) + some)
        for field in (b"Subject", b"Date", b"Message-ID", b"In-Reply-To"):
            for _ in range(pick.choice([0, 1, 1, 2])):
                lines.append(field + pick.choice([b": ", b":"]) + pick.choice(TEXTS))
        pick.shuffle(lines)
        return b"\n".join(lines) + b"\n"

    def part_header(self, kind=None):
        pick = self.pick
        lines = [b"Content-Type: " + (kind or pick.choice(TYPES))] if kind or pick.random() < 0.85 else []
        lines += [field + b": " + pick.choice(values) for field, values in PART_FIELDS.items() if pick.random() < 0.25]
        pick.shuffle(lines)
        return b"".join(line + b"\n" for line in lines) + b"\n"

    def entity(self, depth=0):
        pick, chance = self.pick, self.pick.random()
        if depth < 4 and chance < 0.35:
            return self.multipart(depth)
        if depth < 4 and chance < 0.45:
            inner = b"MIME-Version: 1.0\n" + self.header() + self.part_header()
            return self.part_header(b"message/rfc822; x=y") + inner + b"text\n"
        body = [b"", b"text", b"a\nb\n", b"\n", b"--\n", b"--x\n", b"\xc3\xa9\n", b"a\0b\n", b"cr\rx\n", b"mixed\r\nends\n"]
        return self.part_header() + pick.choice(body)

    def multipart(self, depth):
        pick = self.pick
        boundary = pick.choice([b"b%d" % pick.randrange(3), b"x", b"=_a/b", b"a b", b"x" * 70, b"in%d" % depth, b"bb"])
        kind = pick.choice([b"multipart/mixed", b"multipart/alternative", b"MULTIPART/Report; report-type=x"])
        text = self.part_header(kind + b';\n boundary="' + boundary + b'"') + pick.choice([b"", b"preamble\n", b"\n"])
        for _ in range(pick.choice([1, 2, 2, 3])):
            delimiter = b"--" + boundary + pick.choice([b"", b"", b"", b" ", b"\t", b"x"])
            text += delimiter + b"\n" + self.entity(depth + 1) + b"\n"
        return text + pick.choice([b"--" + boundary + b"--\n", b"--" + boundary + b"--\nepilogue\n", b""])

    def message(self):
        text = b"MIME-Version: 1.0\n" + self.header() + self.entity()
        return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if self.pick.random() < 0.2 else text


def damaged(pick, text):
    """As relays, disks and programs damage messages: bytes lost, put in, changed, repeated; the end missing."""
    text = bytearray(text)
    for _ in range(pick.choice([1, 1, 2, 3, 6])):
        at = pick.randrange(len(text)) if text else 0
        kind = pick.randrange(6)
        if kind == 0:
            del text[at:at + pick.choice([1, 3, 20])]
        elif kind == 1:
            text[at:at] = pick.choice([b"\n", b"\n\n", b"\r\n", b" ", b"\t", b"--", b"--x", b":", b";", b'"', b"(", b"\\", b"\xff", b"=", b"Content-Type: message/rfc822\n",
                                       b"Content-Type: multipart/mixed; boundary=x\n\n"])
        elif kind == 2:
            text[at:at + 1] = bytes([pick.randrange(0x20, 0x100)])
        elif kind == 3:
            there = pick.randrange(len(text)) if text else 0
            text[at:at] = text[there:there + pick.choice([5, 40, 200])]
        elif kind == 4:
            text[at:at + 1] = b"\n"
        else:
            text = text[:at]
    return bytes(text)


def sections_alike(line):
    """A part that is not there: NIL with ours, an empty string with Dovecot."""
    return line.replace(b"] NIL", b'] ""')


def test_generated_messages():
    pair = imap_pair()
    source = Messages(20261129)
    texts = [source.message() for _ in range(250)]
    account = pair.account(mails(texts))
    account.same("SELECT INBOX")
    for item in ("ENVELOPE", "BODYSTRUCTURE", "BODY", "RFC822.SIZE", "BODY.PEEK[]", "BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]",
                 "BODY.PEEK[1]", "BODY.PEEK[2]", "BODY.PEEK[1.HEADER]", "BODY.PEEK[2.MIME]", "BODY.PEEK[1.2]",
                 "BODY.PEEK[HEADER.FIELDS (FROM to X)]", "BODY.PEEK[]<10.200>"):
        rows = zip(account.ours(f"FETCH 1:* ({item})"), account.theirs(f"FETCH 1:* ({item})"))
        for (ours, theirs), text in zip(rows, texts):
            equal(sections_alike(ours), sections_alike(theirs), f"{item} of\n{text}\n")
    account.close()


test_generated_messages.seconds = 90


# --- messages as people have them: broken by programs, by hand, and by relays

ODD_ADDRESSES = """\
<> | < > | "" <> | a b c | a b@c.test | a@b@c | @b.test | @b.test,@c.test:x@y.test | <@b.test,@c.test:x@y.test> | <@b.test:> | Name <a@b.test | Name a@b.test>
<a@b.test> x, c@d | a@b x, c@d | Name <a@b.test> (comment) | Name (c1) <a@b.test> (c2) | (c1) Name <a@b.test> | a@b.test (unclosed | "unclosed <a@b.test>
a@b.test, , c@d.test | ,,a@b.test | a@b.test, | ; | : | Group: | Group: ; | Group: a@b.test | Group: a@b.test; c@d.test | Group: a@b.test;, c@d.test
Group: Nested: a@b.test;; | Group: <>; | a; b | a@b.test; c@d.test | a@b.test c@d.test | "a@b.test" <a@b.test> | a@b.test <a@b.test> | 'a@b.test' <a@b.test>
A. B. C <x@y.test> | <a@b.test>, <c@d.test> | <a@b.test> <c@d.test> | <<a@b.test>> | <a@b.test>> | [a@b.test] | a@[1.2.3.4 | a@[1.2.3.4]x | a@b. | a@.b | a@b..c
a@b,c@d | a@[1[2.3] | a@[1.2]3 | <@r1,:a@b> | <@r1,,@r2:a@b> | a\\@b@c.test | "a b"@c.test | "a"."b"@c.test | "a".b@c.test | a."b"@c.test | "" @c.test | ""@c.test | a @b.test | a@b .test | a . b@c.test
a(c)@b.test | a@(c)b.test | a@b(c).test | (c) | () | () <a@b.test> | <a b@c.test> | <a@b c.test> | <mailto:a@b.test> | mailto:a@b.test | MAILER-DAEMON
MAILER-DAEMON (Mail System) | root@x (Cron) | undisclosed recipients: ; | "undisclosed-recipients":; | none:; (no To) | To: a@b.test | a@b.test\\ | "a\\
"a" b "c" <d@e.test> | "a"b <d@e.test> | a"b"c@e.test | \\<a@b.test\\> | a!b!c | {5} | "  x   y " <a@b> | a@b (  x   y ) | a@b (x) (y) | a@b (x\\)y)
a@b.test, "c, d" <e@f.test>, G: h@i.test, j@k.test;, l@m.test | c<a@b.test>d<e@f.test> | g:a;h:b; | g:a,h:b; | g:(c); | g(c):a@b;(c) | :a@b.test; | g@h:a@b.test;
<g>:a@b.test; | a@b.test> | >a@b.test | < | > | " | ( | ) | \\ | , | @ | . | .. | .@. | a.@b | .a.@b | "a"@ | <a@> | <@b> | <@> | <a@b>x<c | "a" | "a" b | a "un
&eacute; <a@b.test> | \t,c | a@b.test,\n c@d.test | <a@\n b> | "a\n b" <c@d> | (a\n b) c@d | a\0b@c.test | "a\0b" <c@d> | a\x01b@c | a\x7f@b | \xff <a@b>
a@[1\\]2] | a@[1\n 2] | a@[1\\[2] | a@[1\\\\] | a@[1\\ | a@[1\n 2 | a@[1\\2\n 3 | a@[1\\\n 2] | x <a@[1\n 2> | x <a@[1\\2\n 3]>, c@d | <@[1\n 2],@[1\\]2]:a@b> | a@[1\n 2[3] | a (b\\c\n d\\e | a (b\n c"""


def odd_addresses():
    for each in ODD_ADDRESSES.replace("\n ", "\0FOLD").replace("\n", " | ").split(" | "):
        yield each.replace("\0FOLD", "\n ").encode("latin-1")
    pick = random.Random(11)
    pieces = [b"a", b"Name", b" ", b" ", b"@", b"@", b"<", b">", b",", b";", b":", b".", b'"q s"', b"(c)", b"[", b"]", b"x.y", b"\xc3\xa9", b"=", b"\t", b"a@b.c", b"<a@b.c>"]
    for _ in range(600):
        yield b"".join(pick.choice(pieces) for _ in range(pick.randrange(1, 9))).strip() or b"x"


def same_items(account, texts, *items):
    for item in items:
        rows = zip(account.ours(f"FETCH 1:* ({item})"), account.theirs(f"FETCH 1:* ({item})"), strict=True)
        for (ours, theirs), text in zip(rows, texts):
            equal(sections_alike(ours), sections_alike(theirs), f"{item} of\n{text}\n")


def test_addresses_of_every_kind():
    account = imap_pair().account(mails(texts := [b"From: " + address + b"\nTo: x@y\n\nb\n" for address in odd_addresses()]))
    account.same("SELECT INBOX")
    same_items(account, texts, "ENVELOPE")
    account.same("SORT (FROM) UTF-8 1:120", "SORT (DISPLAYFROM) UTF-8 1:120")
    account.close()


ODD_TYPES = [b"", b" ", b"text", b"text/", b"/plain", b"/", b"text/plain/x", b"text plain", b"text;charset=x", b"text/plain charset=x", b"text/plain;;charset=x", b"text/plain; =x",
             b"text/plain; charset==x", b'text/plain; charset="x"y; a=b', b"text/plain; name=a/b", b"text/plain; name=a,b", b"text/plain; name=<a>", b"text/plain; name=a@b",
             b"text/plain; name=[a]", b"text/plain; name=a?b", b"text/plain; name=a\\b", b'text/plain; name="a', b'text/plain; name="a\\', b"text/plain; name==?utf-8?q?x?=",
             b"text/plain; name=\x01", b"text\0/plain", b'"text"/"plain"', b"text/plain; a; b=c", b"multipart", b"message", b"text.plain", b"text/x;" + b" a=b;" * 200,
             b"multipart/mixed boundary=x", b"multipart/mixed, boundary=x", b"multipart/mixed; foo; boundary=x", b"multipart/mixed; boundary=x=y", b"multipart/mixed; boundary=x:y"]
PART = b"Content-Type: multipart/mixed; boundary=i\n\n--i\n\na\n"
ODD_BODIES = [(b"multipart/mixed; boundary=x", body) for body in
              (b"--x\n\na\n--x\n\nb\n--x--\n", b"--x\n\na\n--x\n\nb", b"--x", b"--x--", b"", b"no parts", b"--x\n--x\n--x--\n", b"--x\n\n--x\n\n--x--\n", b"--x\nA: b\n--x\nA: b\n\n--x--\n",
               b"--xy\n\na\n--x\n\nb\n--xy--\n--x--\n", b"--x\n\na\n--x--garbage\nmore\n", b"--x\nContent-Type: message/rfc822\n\nSubject: in\n--x\n\nouter\n--x--\n",
               b"--x\nContent-Type: message/rfc822\n\n--x\n\nouter\n--x--\n", b"--x\nContent-Type: message/rfc822\n\n" + PART + b"--i--\n--x--\n", b"--x\n" + PART + b"--i--\n--x\n\nb\n--x--\n",
               b"--x\n" + PART + b"--i--\n\n--x--\n", b"--x\n" + PART + b"--i--\nepilogue\n--x--\n", b"--x\n" + PART + b"--x\n\nb\n--x--\n", b"--x\n" + PART.replace(b"=i", b"=none") + b"--x--\n",
               b"--x\nContent-Type: multipart/mixed; boundary=i\n\n--x--\n")]
ODD_BODIES += [(b'multipart/mixed; boundary=""', b"--\n\na\n----\n"), (b"multipart/mixed; boundary=", b"--\n\na\n--\n\nb\n"), (b"multipart/mixed", b"--x\n\na\n--x--\n"), (b"multipart/mixed; boundary=" + b"x" * 100, b"--" + b"x" * 100 + b"\n\na\n--" + b"x" * 100 + b"--\n"),
               (b"multipart/digest; boundary=x", b"--x\n\nSubject: in\n\nb\n--x\nContent-Type: text/plain\n\nnot\n--x--\n"), (b"message/rfc822", b""), (b"message/rfc822", b"no header\nat all\n"),
               (b"message/rfc822", b"Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: deep\n\nx\n"), (b"message/rfc822", b"Content-ID: <no mime>\n\nb\n"),
               (b"multipart/mixed; boundary=b", b"".join(b"--b%s\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (b"%d" % (i - 1) if i else b"", i) for i in range(110)))]
ODD_BODIES += [(b"multipart/mixed; boundary=x", body) for body in (  # headers that run into a delimiter
               b"--x\nContent-Type: multipart/mixed; boundary=i\n--x--\n", b"--x\nContent-Type: multipart/mixed; boundary=i\n--x\n\nb\n--x--\n",
               b"--x\nContent-Type: message/rfc822\n--x--\n", b"--x\nContent-Type: message/rfc822\nContent-ID: <i>\n--x\n\nb\n--x--\n",
               b"--x\nContent-Type: multipart/digest; boundary=i\n\n--i\n--x--\n", b"--x\nContent-Type: multipart/digest; boundary=i\n\n--i\nA: b\n--i--\n--x--\n",
               b"--x\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=i\n--x--\n", b"--x\nContent-Type: message/rfc822\n\nContent-Type: message/rfc822\n--x--\n",
               b"--x\nContent-Type: multipart\n--x--\n", b"--x\n" + PART[:-3] + b"--x--\n", b"--x\n" + PART[:-3] + b"A: b\n--i--\nepilogue\n--x--\n",
               b"--x\n" + PART[:-3] + b"Content-Type: multipart/mixed; boundary=j\n--x--\n", b"--x\nContent-Type: message/rfc822\n\n" + PART[:-3] + b"Content-Type: message/rfc822\n--x--\n")]
ODD_HEADERS = [b"", b"\n", b"\n\n", b"no header\nat all\n", b"From a@b Mon Jan  1 00:00:00 2024\nSubject: mbox\n\nb\n", b">From a@b\nSubject: quoted\n\nb\n", b"Subject: no end", b"Subject: no end\n",
               b"Subject: a\r\rbody", b" lead\nSubject: x\n\ny\n", b"Subject\n\nx\n", b"Subject: x\nnocolon\nTo: a@b\n\ny\n", b": empty\nSubject: x\n\ny", b"Subject:x\n \n \n\ny\n",
               b"Subject: 1\nFrom: a@b x\nSubject: 2\nFrom: c@d\nDate: 1\nDate: 2\nMessage-ID: <1>\nMessage-ID: <2>\n\nx"]
ODD_HEADERS += [field + b":" + value + b"\nX: y\n\nb\n" for field in (b"Date", b"Message-ID", b"Subject", b"MIME-Version: 1.0\nContent-ID", b"Content-Description")
                for value in (b"", b" ", b"  ", b"   ", b"\t", b" \t ", b" \tx ", b"\n x", b"  \n  x", b" x\n ", b" x \n y ", b"\n \n", b" \n \n x")]
NOT_MIME = [b"Content-ID: <a>", b"Content-Description: d", b"Content-Transfer-Encoding: base64", b"Content-Disposition: inline", b"Content-MD5: x", b"Content-Language: en",
            b"Content-Location: l", b"Content-Type: text/html; charset=x\nContent-ID: <a>"]
ENTITIES = [b"Content-Transfer-Encoding: " + v for v in (b"x y", b"x;y=z", b"7bit, x", b"base64 (c)", b"x/y", b"x=y")]
ENTITIES += [b"Content-Disposition: " + v for v in (b"", b" ", b";", b'attachment; filename="a b', b"foo/bar; x=y", b"=x", b"(x)", b'"attach"', b"attachment; ;filename=x", b'attachment; filename=a"b"c')]
ENTITIES += [b"Content-Disposition: " + b"\nContent-Disposition: ".join(each) for each in ((b"a", b"b; x=y", b"c; z=z"), (b"a; x=y", b"b"), (b"a", b"b"))]
ENTITIES += [b"Content-Language: " + v for v in (b"x/y", b"x=y", b"en-us, de", b"=?utf-8?q?x?=")]


def odd_messages():
    head = b"Subject: s\nMIME-Version: 1.0\n"
    yield from ODD_HEADERS
    yield from (head + b"Content-Type: " + kind + b"\n\n" + body for kind, body in [(kind, b"--x\n\na\n--x--\n") for kind in ODD_TYPES] + ODD_BODIES)
    yield from (head + field + b"\n\nb\n" for field in ENTITIES)
    yield from (b"Subject: s\n" + field + b"\n\nb\n" for field in NOT_MIME)


def test_odd_messages():
    account = imap_pair().account(mails(texts := list(odd_messages())))
    account.same("SELECT INBOX")
    same_items(account, texts, "ENVELOPE", "BODYSTRUCTURE", "BODY", "RFC822.SIZE", *(f"BODY.PEEK[{section}]" for section in (
        "", "HEADER", "TEXT", "1", "1.1", "1.1.1", "1.2", "2", "2.1", "1.MIME", "1.HEADER", "1.TEXT", "2.MIME", "HEADER.FIELDS (Subject X)", "HEADER.FIELDS.NOT (Subject)")))
    account.close()


# (item, which message).  Where a comment behind a media type has no end, ours still says the type; and a delimiter behind an inner
# multipart begins an empty part with us where it is the last line of all.
KNOWN_DAMAGE = {("BODYSTRUCTURE", 350), ("BODYSTRUCTURE", 365)}


def test_damaged_messages():
    pair, pick, source = imap_pair(), random.Random(1000), Messages(1000)
    texts = [damaged(pick, source.message()) for _ in range(400)]
    account = pair.account(mails(texts))
    account.same("SELECT INBOX")
    for item in ("ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", *(f"BODY.PEEK[{section}]" for section in (
            "", "HEADER", "TEXT", "1", "2", "1.1", "1.2", "2.1", "1.MIME", "2.MIME", "1.HEADER", "1.TEXT", "HEADER.FIELDS.NOT (From)"))):
        (*ours, our_end), (*theirs, their_end) = account.ours(f"FETCH 1:* ({item})"), account.theirs(f"FETCH 1:* ({item})")
        equal(our_end, their_end, item)
        rows = [tuple(map(sections_alike, row)) for row in zip(ours, theirs, strict=True)]
        differences = {number for number, row in enumerate(rows) if row[0] != row[1]}
        expected = {number for name, number in KNOWN_DAMAGE if name == item}
        equal(differences, expected, f"{item}, where {[(texts[number], *rows[number]) for number in sorted(differences ^ expected)[:1]]}")
    account.close()


DATES = [b"Mon, 1 Jan 2024 00:00:00 +0000", b"", b"bad", b"1 Jan 2024", b"1 Jan 2024 10:00", b"1 Jan 24 10:00:00 GMT", b"Mon 1 Jan 2024 10:00:00 EST", b"Mon, 01 Jan 2024 10:00:00 -0500 (EST)",
         b"Mon, 1 Jan 2024 24:00:00 +0000", b"32 Jan 2024 10:00:00 +0000", b"Mon, 1 January 2024 10:00:00 +0000", b"Mon, 1-Jan-2024 10:00:00 +0000", b"2024-01-01T10:00:00Z",
         b"Mon Jan  1 10:00:00 2024", b"Mon, 1 Jan 2024 1:2:3 +0000", b"Mon, 1 Jan 2024 1:02 A", b"Mon, 1 Jan 124 10:00:00 +0000", b"Mon, 1 Jan 99 10:00:00 +0000", b"Mon, 1 Jan 50 10:00:00 +0000",
         b" Mon , 1 Jan 2024 10 : 00 : 00 PDT", b"(c) Mon, 1 (c) Jan 2024 10:00:00 +0000", b"Mon, 1 Jan 2024\n 10:00:00 +0000", b"1 Jan 2024 10:00:00 +0000 more", b"Mon, 1 Jan 2024 10.00.00 +0000",
         b"Mon, 29 Feb 2023 10:00:00 +0000", b"Mon, 0 Jan 2024 10:00:00 +0000", b"Mon, 1 Jan 2024 10:00:00.123 +0000", b'Mon, 1 Jan 2024 10:00:00 "GMT"', b"Mon, 1 Jan 20245 10:00:00 +0000",
         b"Mon, 1 Jan 2024 23:30:00 -0100", b"Tue, 2 Jan 2024 00:30:00 +0100"]


def test_days_of_sending():
    account = imap_pair().account(mails([b"Date: " + date + b"\n\nb\n" for date in DATES] + [b"Subject: none\n\nb\n"]))
    account.same("SELECT INBOX", *(f"SEARCH {key} {day}" for key in ("SENTBEFORE", "SENTON", "SENTSINCE") for day in ("1-Jan-2024", "2-Jan-2024", "31-Dec-2023", "1-Jan-1970", "15-Nov-2023", "1-Jan-2050")),
                 "SORT (DATE) UTF-8 ALL")
    account.close()


# --- SEARCH

# Where a text is: in the body, or only in headers of parts and of attached messages, in which a name of an attachment is found.
IN_PARTS = [b"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\npre\n--o\nX-Part: partheader\n\npartbody\n--o\nContent-Type: application/pdf; name=Rechnung.pdf\n\nbinary\n--o--\nepi\n",
            b"Subject: s\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\nSubject: innersubject\nFrom: inner@x.test\n\ninnerbody\n",
            b"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BF|K\\\x1b(B kana\n", b"Content-Type: text/plain; charset=utf-7\n\ncaf+AOk-\n",
            b"Content-Type: text/html; charset=utf-8\n\n<p>caf&eacute;</p>\n"]


def test_texts_in_parts():
    account = imap_pair().account(mails(IN_PARTS))
    account.same("SELECT INBOX", *(b"SEARCH CHARSET UTF-8 " + key + literal(text.encode()) for key in (b"BODY ", b"TEXT ") for text in (
        "partheader", "X-Part", "partbody", "Rechnung.pdf", "binary", "pre", "epi", "innersubject", "inner@x.test", "innerbody", "日本", "kana", "café", "caf+AOk", "eacute")))
    account.close()


SEARCHED = [b"From: a@b.test (Comment Name)\n", b'From: "Last, First" <l@x.test>\n', b"From: Very\n Long <folded@x.test>\n",
            b"From: Very\n\tTab <tab@x.test>\n", b"From: =?utf-8?B?w6k=?=\n =?utf-8?B?w6k=?= <e@x.test>\n",
            b"From: =?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M?= <j@x.test>\n", b"From: a @ b . test\n",
            b"From: Group: a@b.test, c@d.test;\n", b"From: a@b.test (nested (deep) c)\n",
            b"From: =?utf-8?Q?First=2C_Last?= <fl@x.test>\n", b"To: a@b.test\nTo: second@b.test\n",
            b"Subject: fold\n ed line\n", b"Subject: fold\n\ted line\n", b"Subject: two  blanks\n", b"Subject: tab\there\n",
            b"Subject: =?utf-8?q?sp?= =?utf-8?q?lit?=\n", b"Subject:\n", b"X-Foo: bar\n", b"References: <a@x>\n\t<b@x>\n"]
QUESTIONS = [b"FROM " + literal(key.encode()) for key in
             ("Comment Name", "a@b.test", "a@b", "Last, First", "First Last", "very long", "very tab", "folded@x",
              "<folded@x.test>", "é", "éé", "jörg m", "JÖRG", "c@d.test", "deep", "nested", "b.test", "First, Last", "")]
QUESTIONS += [b"SUBJECT " + literal(key) for key in (b"fold ed", b"folded", b"two blanks", b"tab here", b"split", b"")]
QUESTIONS += [b"HEADER " + key for key in (b'X-FOO bar', b'X-Foo ""', b'References "<a@x> <b@x>"', b'Nonex ""',
                                           b'From "Very Long <folded@x.test>"')]
QUESTIONS += [b"TO second", b"TEXT " + literal(b"fold ed"), b"TEXT " + literal(b"very long"), b'TEXT "X-Foo: bar"',
              b'KEYWORD "foo"', b"BODY body", b"NOT (FROM a)", b"SMALLER 4294967296", b"LARGER 18446744073709551615", b"SMALLER 18446744073709551616"]


# Letters that Unicode has in several ways: i;unicode-casemap.
LETTERS = ("Ärger", "a\u0308rger", "ÄRGER", "argerl", "STRASSE", "straße", "ﬁsch", "fisch", "①②", "12", "ΣΊΣΥΦΟΣ", "σίσυφος", "ŽIVOT", "život", "ǆep", "Ǆep",
           "Ǆ", "İstanbul", "istanbul", "ISTANBUL", "ı", "ångstrom", "Kelvin \u212a", "가나", "\u1100\u1161", "Ⅷ", "ⅷ", "viii", "ﬀ", "½", "1⁄2",
           "Ёлка", "ЁЛКА", "елка", "ＡＢＣ", "abc", "\U00010428", "\U00010400", "x\u0301", "é", "e", "ª", "ß", "ẞ", "ss", "…", "...", "\u00a0", "日本語")


def test_search_for_letters():
    pair = imap_pair()
    text = "Subject: {}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{}\n"
    account = pair.account(mails([text.format(letters, "body").encode() for letters in LETTERS] + [text.format("x", letters).encode() for letters in LETTERS]))
    account.same("SELECT INBOX")
    for letters in LETTERS:
        for key in (b"SUBJECT ", b"BODY ", b"TEXT "):
            command = b"SEARCH CHARSET UTF-8 " + key + literal(letters.encode())
            equal(account.ours(command), [line for line in account.theirs(command) if b"FLAGS" not in line], f"{key} {letters}")
    account.close()


def test_search_in_headers():
    pair = imap_pair()
    account = pair.account(mails([header + b"\nbody\n" for header in SEARCHED]))
    account.same("SELECT INBOX")
    for question in QUESTIONS:
        command = b"SEARCH CHARSET UTF-8 " + question
        equal(account.ours(command), [line for line in account.theirs(command) if b"FLAGS" not in line], f"{question}")
    account.close()
