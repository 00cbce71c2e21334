"""doveadm and Debian's: the same command lines, outputs and exit statuses."""
import re

from support import equal
from support.doveadm_pair import doveadm_pair

ONE = b"Subject: one\nFrom: a@x.test\n\nhello world one\n"
TWO = (b"Subject: two\nFrom: =?utf-8?q?J=C3=BCrg?= <b@x.test>\nMessage-ID: <2@x>\n"
       b"Date: Tue, 14 Nov 2023 10:00:00 +0100\n\nbody two\n")
THREE = (b"Subject: three\nMessage-ID: <2@x>\nDate: Tue, 14 Nov 2023 12:00:00 +0100\nMIME-Version: 1.0\n"
         b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=iso-8859-1\n\n<p>h\xe4llo</p>\n--b\n"
         b"Content-Type: application/octet-stream\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nAAEC\n--b--\n")
FILES = {"cur/1700000001.M1P1.h,S=45,W=49:2,S": ONE, "cur/1700000002.M2P1.h:2,": TWO, "cur/1700000003.M3P1.h:2,FT": THREE,
         "new/1700000004.M4P1.h": b"Subject: four\n\nfour\n", ".Sent/cur/1700000005.M5P1.h:2,Sa": b"Subject: five\n\nfive\n",
         ".Sent/dovecot-keywords": b"0 $Junk\n", ".Sent.Sub/cur/": b"", ".Trash/cur/1700000006.M6P1.h:2,S": b"Subject: six\n\nsix\n",
         ".&APw-ber/cur/": b"", "subscriptions": b"V\t2\n\nSent\nTrash\n"}
LEVELS = (b"Debug", b"Info", b"Warning", b"Error", b"Fatal")
FORMS = ("tab", "flow", "json", "pager", "table")


def filled():
    return doveadm_pair().account(FILES)


def test_mailbox_list():
    account = filled()
    account.same("mailbox list -u {user}", "mailbox list -u {user} 'S*'", "mailbox list -7 -u {user}", "mailbox list -8 -u {user}",
                 "mailbox list -u {user} %", "mailbox list -u {user} Sent/%", "mailbox list -s -u {user}", "mailbox list -u nobody1",
                 "mailbox list -u {user} Nope INBOX", "mailbox list -u 'nobody*'", "mailbox list", "mailbox list -x",
                 "mailbox list -u", sort=True)
    account.same("mailbox list -u {user} 'Sen*'", "mailbox list -u 'u[0]'", forms=FORMS, sort=True)


def test_mailbox_status():
    account = filled()
    account.same("mailbox status -u {user} 'messages unseen' '*'", "mailbox status -u {user} 'messages vsize' Sent INBOX",
                 "mailbox status -u {user} messages inbox", "mailbox status -u {user} foo '*'", "mailbox status -u {user} messages Nope",
                 "mailbox status -u {user} messages 'Nope*'", "mailbox status -u {user}", "mailbox status -u {user} all",
                 "mailbox status -u {user} -t 'messages vsize' '*'", sort=True)
    account.same("mailbox status -u {user} 'messages uidnext unseen vsize guid' INBOX", forms=FORMS)


def test_mailbox_changes():
    account = filled()
    account.same("mailbox create -u {user} New/Deep", "mailbox create -u {user} New", "mailbox create -u {user} New",
                 "mailbox create -s -u {user} Subbed A B", "mailbox create -u {user}", "mailbox create -u {user} INBOX",
                 "mailbox create -u {user} ''", "mailbox create -u {user} a//b", "mailbox create -u {user} 'ünï'",
                 "mailbox create -u {user} Dir/", "mailbox create -u nobody1 X", "mailbox list -u {user}",
                 "mailbox rename -u {user} New Newer", "mailbox rename -u {user} Nope X", "mailbox rename -u {user} Sent Trash",
                 "mailbox rename -u {user}", "mailbox rename -s -u {user} Subbed Subbed2", "mailbox rename -u {user} INBOX Moved",
                 "mailbox list -s -u {user}", "mailbox delete -u {user} Newer", "mailbox delete -u {user} Nope",
                 "mailbox delete -u {user} INBOX", "mailbox delete -u {user} -e Trash", "mailbox delete -u {user}",
                 "mailbox delete -s -u {user} Subbed2", "mailbox delete -u {user} A B", "mailbox list -u {user}",
                 "mailbox subscribe -u {user} Trash", "mailbox subscribe -u {user} Nope", "mailbox unsubscribe -u {user} Nope",
                 "mailbox unsubscribe -u {user} Zzz", "mailbox subscribe -u {user}", "mailbox subscribe -u {user} 'ünï' Sent/Sub",
                 "mailbox list -s -u {user}", "mailbox delete -r -u {user} Sent", "mailbox list -u {user}", sort=True)
    equal(*(sorted((home / "Maildir/subscriptions").read_bytes().split(b"\n")) for home in account.homes.values()), "subscriptions")


def test_names():
    account = filled()
    account.same("mailbox mutf7 'ünï' 'a&b'", "mailbox mutf7 -8 'ünï'", "mailbox mutf7 -7 '&APw-n&AO8-'", "mailbox mutf7",
                 "mailbox mutf7 -7 '&x'", "mailbox path -u {user} INBOX", "mailbox path -u {user} Sent/Sub",
                 "mailbox path -u {user} -t index INBOX", "mailbox path -u {user} -t control INBOX",
                 "mailbox path -u {user} -t foo INBOX", "mailbox path -u {user} Nope", "mailbox path -u {user}",
                 "mailbox path -u {user} 'ünï'", "mailbox", "mailbox foo")


QUERIES = """\
all|mailbox INBOX|mailbox INBOX all|mailbox Sent|mailbox 'S*'|mailbox INBOX seen|unseen|mailbox INBOX savedbefore 15d|larger 1MB|smaller 1KiB|larger 10b|larger '1 k'|larger 1x
mailbox INBOX savedsince 1d|mailbox INBOX before 15d|mailbox INBOX before 2023-11-15|mailbox INBOX before 14-Nov-2023
mailbox INBOX on 14-Nov-2023|mailbox INBOX on 2023-11-14|mailbox INBOX since 1700000000|mailbox INBOX since 1700000001
mailbox INBOX before 1700000000|mailbox INBOX before 1700000001|mailbox INBOX on 1700000000|mailbox INBOX on 1699950000
mailbox INBOX since 1w|mailbox INBOX since 9999d|mailbox INBOX since 10years|mailbox INBOX since 10weeks|mailbox INBOX since foo
mailbox INBOX since '5 weeks'|mailbox INBOX since 5m|mailbox INBOX since 1wk|mailbox INBOX since 5msecs|mailbox INBOX since 2023-11-4
foo|mailbox|mailbox INBOX or seen flagged|( mailbox INBOX or mailbox Sent )|mailbox INBOX OR mailbox Sent
mailbox INBOX ( seen or flagged )|mailbox INBOX not seen|mailbox INBOX NOT ( seen OR flagged )|mailbox INBOX from jürg
mailbox INBOX subject three|mailbox INBOX body hello|mailbox INBOX text hällo|mailbox INBOX header message-id 2@x
mailbox INBOX uid 2:3|mailbox INBOX 2:3|mailbox INBOX larger 100|mailbox INBOX smaller 30|mailbox INBOX larger 1k
mailbox INBOX larger 1b|mailbox INBOX larger x|mailbox INBOX uid x
smaller 1ki|smaller 1Mi|smaller '10000 '|smaller '1k '|smaller '10000 b'|smaller 1000000bb|smaller 1000000bib|smaller 1000000bi|smaller 1kbi|smaller 1kx|smaller 1\tk|smaller ' 1k'
smaller 16777215T|smaller 16777216T|smaller 17179869183g|smaller 17179869184g|smaller 18446744073709551615|smaller 18446744073709551616|smaller 1e|smaller ''|smaller k
mailbox INBOX senton 14-Nov-2023|mailbox INBOX sentsince 20000d|keyword '$Junk'|mailbox-guid abc
mailbox INBOX guid 1700000002.M2P1.h|mailbox NOPE|( seen|mailbox INBOX )
mailbox INBOX ( seen )|mailbox INBOX deleted|mailbox INBOX savedon 2023-11-14|mailbox INBOX younger 5d|mailbox INBOX older 500
mailbox INBOX sentbefore 1d|mailbox INBOX sentbefore 1700000000|mailbox INBOX senton 0|mailbox INBOX not sentsince 1700000000
mailbox INBOX seen mailbox Sent|mailbox INBOX seen OR mailbox Sent seen|mailbox INBOX before 15 d
mailbox inbox|mailbox INBOX flagged unanswered undraft undeleted unkeyword x|mailbox INBOX subject|MAILBOX INBOX SEEN
mailbox INBOX cc x bcc y to z|mailbox INBOX savedbefore 2hours|mailbox INBOX savedbefore 5|mailbox INBOX savedbefore 5mins
mailbox 'Sent/*'|mailbox sent|mailbox INBOX uid 9|not seen|mailbox INBOX or|mailbox INBOX seen or|mailbox INBOX not
unseen mailbox %|mailbox '"INBOX"'|mailbox INBOX subject 'two three'|not not seen|mailbox INBOX '!seen'|mailbox INBOX body ''
mailbox INBOX header subject ''|mailbox INBOX header subject|not mailbox INBOX|mailbox INBOX and seen|mailbox INBOX '(seen)'"""


def test_search():
    account = filled()
    account.same("mailbox status -u {user} messages '*'", sort=True)
    for query in QUERIES.replace("\n", "|").split("|"):
        account.same("search -u {user} " + query.replace("( ", "'(' ").replace(" )", " ')'").replace("''(' ", "'(").replace(" ')'''", ")'"),
                     sort=True)
    account.same("search -u {user} mailbox INBOX", forms=FORMS)
    account.same("search -u {user} mailbox INBOX uid 9", forms=("tab", "json", "table"))
    account.same("search -u nobody1 all", "search", "search -u {user}")


def test_fetch():
    account = filled()
    account.same("mailbox status -u {user} messages '*'", sort=True)
    box = "mailbox INBOX"
    account.same(*(f"fetch -u {{user}} '{fields}' {box}" for fields in (
        "uid", "uid flags", "user mailbox mailbox-guid seq uid guid", "date.received date.sent date.received.unixtime date.sent.unixtime",
        "size.physical size.virtual", "hdr.subject hdr.from", "hdr.Subject hdr.FROM.utf8", "hdr body", "text", "hdr.from.utf8", "hdr.from.address",
        "hdr.from.address_name.utf8", "body.text", "body.header", "pop3.uidl pop3.order refcount storageid", "HDR.subject")))
    account.same(f"fetch -u {{user}} 'body.1 body.preview' {box} uid 3", f"fetch -u {{user}} 'binary.1 binary.2 binary.2.mime' {box} uid 3",
                 f"fetch -u {{user}} text.utf8 {box} uid 2", f"fetch -u {{user}} 'imap.envelope imap.body imap.bodystructure' {box} uid 2",
                 f"fetch -u {{user}} foo {box}", "fetch -u {user}", "fetch -u {user} text", f"fetch -u {{user}} uid {box} uid 99",
                 "fetch -u {user} uid mailbox Nope", f"fetch -u {{user}} uid,seq {box}")
    account.same(f"fetch -u {{user}} 'uid guid seq' {box}", f"fetch -u {{user}} 'uid hdr.subject hdr.from' {box}", forms=FORMS)
    account.same(f"fetch -u {{user}} 'uid text flags' {box}", forms=("tab", "json", "pager", "flow"))
    account.same(f"-f table fetch -u {{user}} text {box}")


def test_flags():
    account = filled()
    show = "fetch -u {user} 'uid flags' mailbox INBOX"
    account.same("flags add -u {user} '\\Flagged' mailbox INBOX uid 1", "flags add -u {user} '\\Seen $Foo Bar' mailbox INBOX uid 2", show,
                 "flags remove -u {user} '\\Seen' mailbox INBOX", show, "flags replace -u {user} '\\Draft' mailbox INBOX uid 2",
                 "flags replace -u {user} '' mailbox INBOX uid 1", show, "flags add -u {user}", "flags add -u {user} '\\Foo' mailbox INBOX",
                 "flags add -u {user} 'a]b' mailbox INBOX", "flags add -u {user} '\\Seen' mailbox INBOX uid 99", "flags",
                 "flags add -u {user} '\\Seen' mailbox Nope", "flags add -u {user} '\\Seen' mailbox 'Nope*'",
                 "flags add -u {user} '\\seen' mailbox INBOX uid 2", show)


def test_copy_and_move():
    account, other = filled(), filled()
    show = "fetch -u {user} 'mailbox uid flags guid hdr.subject' '(' mailbox INBOX or mailbox Sent or mailbox Trash ')'"
    account.same(show, sort=True)
    account.same("copy -u {user} Trash mailbox INBOX uid 1:2", "copy -u {user} Nope mailbox INBOX", "copy -u {user}", "copy -u {user} Trash",
                 "move -u {user} Sent mailbox INBOX uid 2", "move -u {user} NewBox mailbox INBOX uid 1", "move -u {user} Sent mailbox Sent",
                 "move -u {user} Sent seen", "move -u {user} Sent all", "copy -u {user} Sent mailbox Nope uid 1",
                 "move -u {user} Sent mailbox Nope uid 1", f"copy -u {{user}} Sent user {other.user} mailbox INBOX uid 1",
                 f"move -u {{user}} Sent user {other.user} mailbox INBOX uid 2")
    account.same(show, sort=True)
    other.same(show, sort=True)


def test_expunge():
    account = filled()
    count = "mailbox status -u {user} messages '*'"
    account.same("expunge -u {user} mailbox INBOX uid 3", "expunge -u {user} mailbox INBOX uid 99", "expunge -u {user} all",
                 "expunge -u {user} seen", "expunge -u {user}", "expunge -u {user} mailbox INBOX", "expunge -u {user} mailbox Nope all",
                 "expunge -u {user} not mailbox INBOX", "expunge -u {user} mailbox '*' savedbefore 1d", count,
                 "expunge -u {user} mailbox INBOX before 30d", count, "expunge -u {user} '(' mailbox INBOX OR mailbox Sent ')' all",
                 "expunge -u {user} -d mailbox Trash all", count, sort=True)


def test_save():
    account = filled()
    show = "fetch -u {user} 'mailbox flags hdr body' '(' mailbox INBOX or mailbox Sent ')'"
    account.same("save -u {user} -m Sent", "save -u {user}", input=b"Subject: saved\r\n\r\nx\r\n")
    account.same("save -u {user} -m Nope", input=b"x")
    account.same("save -u {user} a b")
    account.same(show, sort=True)


def test_deduplicate_and_the_rest():
    account = filled()
    show = "fetch -u {user} 'uid hdr.message-id' mailbox INBOX"
    account.same("deduplicate -u {user} mailbox INBOX", show, "deduplicate -u {user}", "deduplicate -u {user} mailbox Nope",
                 "index -u {user} INBOX", "index -u {user} '*'", "index -u {user} Nope", "index -u {user}", "index -q -u {user} INBOX",
                 "index -n 5 -u {user} INBOX", "force-resync -u {user} INBOX", "force-resync -u {user} '*'", "force-resync -u {user} Nope",
                 "force-resync -u {user}", show, "purge -u {user}", "purge -u {user} x")


def test_import():
    account, other = filled(), filled()
    account.same("import -u {user}", "import -u {user} foo:/x '' all")
    place = {whose: other.homes[whose] / "Maildir" for whose in other.homes}
    for words in ("maildir:%s Imp mailbox INBOX", "-s maildir:%s Imp2 mailbox 'S*'", "%s Imp3 mailbox INBOX uid 1"):
        ours = account.ours("import -u {user} " + words % place["ours"])
        theirs = account.theirs("import -u {user} " + words % place["theirs"])
        equal(tuple(ours), tuple(theirs), words)
    account.same(f"import -u {{user}} -U {other.user} maildir:~/Maildir Imp4 mailbox INBOX", "mailbox list -s -u {user}",
                 "mailbox status -u {user} messages 'Imp*'", "fetch -u {user} 'flags guid' mailbox 'Imp*'", sort=True)


def test_users():
    account = filled()
    account.same("user {user}", forms=("tab", "flow", "json", "pager"))  # the homes are not as long
    account.same("user", "user nobody1", "user {user} nobody1", "user -f home {user}", "user -f foo {user}", "user -f home {user} {user}",
                 "user -e 'x%u %n' {user}", "user -x service=imap {user}", "user -p {user}", "user 'nob*'", "user -f home '{user}*'",
                 "user {user} -f home", "-f xx user {user}", "-f")
    account.same("user '*'", "user 'u?'", "user 'u*'", sort=True)
    shouted = account.user.upper()  # who is typed so is the same user
    account.same("user -u {user}", f"user -u {shouted}", "user -u nobody1", "user -u {user} nobody1", "user -u {user} {user}", "user -u -f home {user}",
                 "user -u -f mail {user}", "user -u -f user {user}", "user -u -f home nobody1", "user -f home -e x%u {user}", "user -u -e x%u {user}",
                 "user -u -f home -e x%u {user}", "user -u -e x 'u*'", "user -e x", sort=True)
    account.same(f"user {shouted}", f"user -f home {shouted}", f"mailbox list -u {shouted}", f"search -u {shouted} all", sort=True)


def test_auth():
    account = filled()
    account.same("auth test {user} secret", "auth test nobody1 x", "auth test -x service=imap {user} secret",
                 "auth", "auth test", "auth lookup {user}", "auth lookup nobody1", "auth lookup {user} {user}", "auth lookup -f user {user}",
                 "auth lookup", "auth login", "auth test -A {user} secret",
                 "auth test {user} wrong", "auth login {user} wrong")
    for line in ("auth cache flush {user}", "auth cache flush"):
        ours = account.ours(line)
        assert re.fullmatch(rb"\d+ cache entries flushed\n", ours.out) and not ours.status, ours.out
    ours = account.ours("auth login {user} secret")
    equal(ours.status, 0, "status of auth login")
    assert f"passdb: {account.user} auth succeeded".encode() in ours.out and b"\n  home=" in ours.out, ours.out


def test_all_users():
    pair = doveadm_pair()
    accounts = [filled(), filled()]
    listed = pair.mail.mta.root / "some"
    listed.write_text("".join(f"{account.user}\n" for account in accounts))
    pair.same(f"mailbox status -F {listed} messages INBOX", f"search -F {listed} mailbox INBOX seen",
              f"fetch -F {listed} uid mailbox INBOX uid 1:2", forms=FORMS)
    pair.same("mailbox list -F /nonexistent")
    for account in accounts:
        account.same("mailbox status -u '{user}*' messages 'S*'", sort=True)
    ours = pair.ours("mailbox status -A messages INBOX")
    assert {f"{account.user} INBOX messages=4".encode() for account in accounts} <= set(ours.out.split(b"\n")), ours.out


def test_pw():
    pair = doveadm_pair()
    pair.same("pw -p x -s plain", "pw -s foo -p x", "pw -s plain.b64 -p x", "pw -t '{PLAIN}x' -p x", "pw -t '{PLAIN}x' -p y", "pw -x",
              "pw -s plain -p x foo", "pw -t x -p y", "pw -s DIGEST-MD5 -p x", "pw -s DIGEST-MD5 -u a@b -p x", "pw -t '{FOO}x' -p y",
              "pw -s sha256 -p x", "pw -s sha1 -p x", "pw -s sha512 -p x", "pw -s sha.hex -p x", "pw -s plain-md5 -p x",
              "pw -s plain-md5.b64 -p x", "pw -s ldap-md5 -p x", "pw -s cram-md5 -p x", "pw -s hmac-md5 -p x", "pw -s clear -p x",
              "pw -s cleartext -p x", "pw -s ssha.foo -p x", "pw -u", "pw -s plain -V -p x")
    pair.same("pw -s plain", "pw -t '{PLAIN}pp'", input=b"pp\npp\n")
    pair.same("pw -t '{MD5}9dd4e461268c8034f5c8564e155c67a6' -p x")
    schemes = pair.ours("pw -l").out.split()
    equal(sorted(set(pair.theirs("pw -l").out.split()) - set(schemes)), [], "schemes that only theirs has")
    pair.same("pw -t '{PLAIN-TRUNC}4-pass' -p password", "pw -t '{PLAIN-TRUNC}4-pass' -p pas", "pw -t '{PLAIN-TRUNC}8-pass' -p pass",
              "pw -s plain-md4 -p x", "pw -s plain-trunc -p x")
    schemes.remove(b"PLAIN-TRUNC")  # what is made has no length, and so is not taken
    for scheme in [name.decode() for name in schemes] + ["BLF-CRYPT -r 6", "SHA512-CRYPT -r 6000", "SHA256-CRYPT -r 10", "SSHA.hex",
                                                         "PBKDF2 -r 100", "ARGON2I -r 3", "SCRAM-SHA-256 -r 5000"]:
        check_made(pair, scheme)


def check_made(pair, scheme):
    """Each side makes the same form of it, and takes the other's."""
    def form(text):
        text = re.sub(r"[A-Za-z0-9+/=.]{8,}", lambda m: "x" * len(m[0].rstrip("=")), text)
        return re.sub(r"[A-Za-z0-9+/.]{22}$", "x", text)
    line = f"pw -u a@b -p pass -s {scheme}"
    ours, theirs = pair.ours(line), pair.theirs(line)
    equal((form(ours.out.decode()), ours.status), (form(theirs.out.decode()), theirs.status), line)
    for maker, judge in ((ours, pair.theirs), (theirs, pair.ours)):
        stored = maker.out.decode().strip()
        right, wrong = (judge(["pw", "-u", "a@b", "-t", stored, "-p", password]) for password in ("pass", "fail"))
        equal((right.status, right.out), (0, stored.encode() + b" (verified)\n"), f"{scheme}: {stored}: {right.err}")
        equal(wrong.status, 75, f"{scheme}: {stored} and another password")


def test_mount():
    """The howtos' backup scripts call it, and Dovecot 2.3 does not know it any more."""
    doveadm_pair().same("mount add /path/folder ignore", "mount add '/path/*' ignore", "mount list", "foo", "", "-h", "help", "help mailbox list")


def test_log():
    pair = doveadm_pair()
    ours = pair.ours("log find")
    path = ours.out.split(b"\n")[0].removeprefix(b"Debug: ")
    equal((ours.out, ours.status), (b"".join(b"%s: %s\n" % (level, path) for level in LEVELS), 0), "log find")
    pair.ours("log test")
    assert b"doveadm" in open(path, "rb").read()
    pair.same("log", "log errors foo", "reload x", "stop x", "log reopen")


def test_config():
    pair = doveadm_pair()
    pair.same("config mail_location", "config -h mail_location", "config -n mail_location protocols", "config -S mail_location",
              "config foo", "config -h protocols", "config auth_mechanisms")
    assert b"driver = passwd-file" in pair.ours("config passdb").out
    lines = pair.ours("config -n").out.split(b"\n")
    assert b"protocols = imap" in lines and b"namespace inbox {" in lines and b"  separator = /" in lines, lines
    equal(pair.ours("config -z").status, 89, "a wrong option")
