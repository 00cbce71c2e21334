"""lmtpd's answers and what it delivers, compared with those of Debian's Dovecot."""
import threading
import time

from support import check, equal
from support.imap import PASSWORD
from support.lmtp_pair import LmtpPair, Session

MAIL, U1, U2 = "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>", "RCPT TO:<u2@virt.test>"
TEXT = "Subject: x\r\n\r\nbody\r\n."
_pairs = {}


def stop_all():
    for other in _pairs.values():
        other.stop()
    _pairs.clear()


def pair(main="", theirs="", rules=None):
    key = (main, theirs, str(rules))
    if key not in _pairs:
        stop_all()
        _pairs[key] = LmtpPair(main, theirs, rules)
    return _pairs[key]


def test_commands():
    p = pair()
    p.same()
    for line in ("HELO x", "EHLO x", "NOOP", "noop x", "LHLO", "LHLO c.test", "lhlo [192.0.2.1]", "VRFY u1", "VRFY", "RSET", "FOO", "", " ",
                 "DATA", "RCPT TO:<u1@virt.test>", "BDAT 0 LAST", "QUIT", "EXPN x", "HELP", "TURN", "AUTH PLAIN x", "XCLIENT NAME=x"):
        p.same(line, "NOOP")


def test_envelopes():
    p = pair()
    for sender in ("<>", "<a@b.test>", "a@b.test", "<a@b.test", "bad", "<a@b.test> FOO", "<a@b.test> FOO=bar", "<a@b.test> BODY=8BITMIME",
                   "<a@b.test> BODY=7BIT", "<a@b.test> BODY=BINARYMIME", "<\"a b\"@c.test>", "<a> ", "<@x.test:a@b.test>"):
        p.same("LHLO c.test", f"MAIL FROM:{sender}", "NOOP")
    for to in ("<u1@virt.test>", "<nosuch@virt.test>", "<>", "x", "<u1@virt.test> FOO=bar", "<u1@virt.test> NOTIFY=NEVER",
               "<u1@virt.test> ORCPT=rfc822;x@y.test", "<U1@VIRT.TEST>", "<u1@other.test>", "<u1>", "<u1+x@virt.test>", "<u1@virt.test"):
        p.same("LHLO c.test", MAIL, f"RCPT TO:{to}", "NOOP")
    p.same("LHLO c.test", MAIL, MAIL, U1, MAIL, "RSET", U1, MAIL, "DATA", "NOOP")
    p.same("LHLO c.test", MAIL, "RCPT TO:<nosuch@virt.test>", "DATA", "NOOP")
    p.same("LHLO c.test", MAIL, U1, "LHLO d.test", U1)


def test_deliveries():
    p = pair("recipient_delimiter = +\n", "recipient_delimiter = +\n")
    p.same("LHLO c.test", MAIL, U1, "DATA", TEXT, MAIL, "RCPT TO:<u1+x@virt.test>", "DATA", TEXT, "MAIL FROM:<>", U2, "DATA", TEXT)
    p.same_mail()
    p.same("LHLO c.test", MAIL, U1, U2, "DATA", TEXT, MAIL, U1, U2, U2, "RCPT TO:<nosuch@virt.test>", "DATA", TEXT)
    p.same_mail()
    for text in ("", "\r\n", "no header\r\n", "A: b\r\n\r\n..\r\n...x\r\n", "X: y\r\n" + "long " * 2000 + "\r\n", "a\nbare\nlf\r\n", "a\rb\r\n",
                 "8bit: \udce4\udcff\r\n\r\n\udc80\r\n", "Return-Path: <old@x.test>\r\nDelivered-To: u9@x.test\r\n\r\nx\r\n", "x\r\n" * 5000):
        p.same("LHLO c.test", "MAIL FROM:<a@b.test> BODY=8BITMIME", U1, "DATA", text + ".")
        p.same("LHLO c.test", "MAIL FROM:<\"a b\"@b.test> BODY=8BITMIME", U1, U2, "DATA", text + ".")
    p.same_mail()


def test_chunks():
    p = pair("recipient_delimiter = +\n", "recipient_delimiter = +\n")
    for chunks in ((b"Subject: c\r\n\r\nx\r\n",), (b"Subject:", b" c\r", b"\n\r\nx\r\n", b""), (b"no end",), (b"a\nb\r\n.\r\n..x\r\n",)):
        content = [b"BDAT %d%s\r\n%s" % (len(c), b" LAST" if i == len(chunks) - 1 else b"", c) for i, c in enumerate(chunks)]
        p.same("LHLO c.test", MAIL, U1, *content, MAIL, U1, U2, *content, "NOOP")
    p.same_mail()
    p.same("LHLO c.test", b"BDAT 4\r\nNOOP", "RSET", MAIL, U1, b"BDAT 4 LAST\r\nNOOP", "NOOP")
    p.same("LHLO c.test", MAIL, b"BDAT 4\r\nNOOP", U1, "RSET", MAIL, U1, b"BDAT 4 LAST\r\nNOOP")
    p.same_mail()


DETAIL = ("folder", "a/b", "a.b", "INBOX", "../../x", "~x", "", "&AOQ-", "x" * 300, "a+b", ".x", "x*y", "a..b", "x.", "with space", "%2e", "{", "}")


def details(main, theirs, names):
    p = pair("recipient_delimiter = +\n" + main, "recipient_delimiter = +\n" + theirs)
    for name in names:
        local = f'"u1+{name}"' if " " in name or ".." in name or name.startswith(".") or name.endswith(".") else f"u1+{name}"
        p.same("LHLO c.test", MAIL, f"RCPT TO:<{local}@virt.test>", "DATA", TEXT)
    p.same_mail()
    read = lambda root: [line for line in (root / "u1/subscriptions").read_text().splitlines()] if (root / "u1/subscriptions").exists() else []
    equal(read(p.ours.mail), read(p.dovecot.root / "mail"), "subscriptions")


def test_details_that_are_folders():
    details("lmtpd_save_to_detail_mailbox = yes\nlmtpd_mailbox_autocreate = yes\nlmtpd_mailbox_autosubscribe = yes\n",
            "lmtp_save_to_detail_mailbox = yes\nlda_mailbox_autocreate = yes\nlda_mailbox_autosubscribe = yes\n", DETAIL)


def test_details_without_folders():
    details("lmtpd_save_to_detail_mailbox = yes\n", "lmtp_save_to_detail_mailbox = yes\n", DETAIL[:4])


def test_delivered_to():
    for value in ("original", "none"):
        p = pair(f"lmtpd_delivery_address = {value}\n", f"lmtp_hdr_delivery_address = {value}\n")
        p.same("LHLO c.test", MAIL, U1 + " ORCPT=rfc822;orig@x.test", "DATA", TEXT, MAIL, U1, "DATA", TEXT)
        p.same_mail()


def test_both_into_one_mailbox():
    """Dovecot gives UIDs at once, we leave that to the next session: nobody's mail is lost, seen twice, or miscounted."""
    stop_all()
    p = LmtpPair("quota_root_name = q\nquota_rules = *:storage=10M\n", "plugin {\n  quota_rule = *:storage=10M\n}\n", rules={})
    uid, gid = p.ours.mta.vmail_ids()
    root = p.dovecot.root / "mail/u1"
    (p.ours.mta.conf / "users").write_text(f"u1@virt.test:{{PLAIN}}{PASSWORD}:{uid}:{gid}::{root}::\n")
    time.sleep(1.1)
    text = [f"Subject: {i}\r\n\r\n{'x' * i}\r\n" for i in range(30)]

    def deliver(where, numbers):
        for i in numbers:
            with Session(where) as session:
                check(session.deliver("u1@virt.test", text[i])[0].startswith("250"), i)
    deliver(p.ours.socket, range(1))
    deliver(p.dovecot.socket, range(1, 2))
    threads = [threading.Thread(target=deliver, args=(p.ours.socket if i % 2 else p.dovecot.socket, range(i, 30, 4))) for i in range(2, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    uids = lambda box: box.uid("search", "ALL")[1][0].split()
    box = p.ours.login("u1@virt.test", "INBOX")
    seen = uids(box)
    equal(len(seen), 30, "messages")
    deliver(p.dovecot.socket, [0])
    deliver(p.ours.socket, [1])
    box.noop()
    equal(uids(box)[:30], seen, "UIDs stay")
    equal(len(uids(box)), 32, "messages")
    lines = (root / "dovecot-uidlist").read_text().splitlines()[1:]
    names = [line.split(":", 1)[1] for line in lines]
    equal(len(names), len(set(names)), "names in the list")
    sizes = [line.split() for line in (root / "maildirsize").read_text().splitlines()[1:]]
    there = [path for part in ("new", "cur") for path in (root / part).iterdir()]
    equal([sum(int(words[i]) for words in sizes) for i in (0, 1)], [sum(path.stat().st_size for path in there), 32], "maildirsize")
    p.stop()


def test_mailboxes_that_cannot_be_written():
    """Dovecot adds the moment to what it says about its log."""
    stop_all()
    p = LmtpPair(rules={})
    p.deliver("u1@virt.test")
    for root in (p.ours.mail, p.dovecot.root / "mail"):
        (root / "u2").write_text("no directory")
    codes = lambda whose: [line[:9] + line[9:].split(">")[0] for line in p.talk(whose, ("LHLO c.test", MAIL, U1, U2, "DATA", TEXT))]
    equal(codes("ours"), codes("theirs"), "replies")
    p.same_mail()
    p.stop()
