"""URLAUTH (RFC 4467) and URLAUTH=BINARY (RFC 5524): who may fetch what by a URL, for how long."""
import re
import time

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill

MESSAGE = (b"From: joe@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n"
           b"Content-Transfer-Encoding: quoted-printable\r\n\r\nSi vis pacem, para bellum=2E\r\n--b\r\nContent-Type: image/png\r\n"
           b"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-blurdybloop\r\n\r\nx\r\n--b--\r\n")
HOST = "imap_urlauth_host = example.com\n"


def start():
    mail = ImapInstance(HOST)
    bob = Client(mail)
    fill(bob, [MESSAGE])
    return mail, bob


def make(client, rump):
    answer = client.ok(f'GENURLAUTH "{rump}" INTERNAL')[0]
    found = re.fullmatch(rb'\* GENURLAUTH "(\S+)"', answer)
    check(found and found[1].startswith(rump.encode() + b":internal:"), f"{answer}")
    check(re.fullmatch(rb"[0-9a-f]{32,}", found[1].rpartition(b":")[2]), f"{answer}")
    return found[1].decode()


def fetch(client, argument):
    """What stands behind the URL in the answer."""
    answer = b"\r\n".join(client.ok(f"URLFETCH {argument}"))
    url = argument.strip("()").split(" ")[0].strip('"')
    head = f'* URLFETCH "{url}" '.encode()
    check(answer.startswith(head), f"{answer}")
    return answer[len(head):]


def test_examples():
    mail, bob = start()
    check(all(word in bob.ok("CAPABILITY")[0].split() for word in (b"URLAUTH", b"URLAUTH=BINARY")), "offered")
    url = make(bob, "imap://bob@example.com/INBOX/;uid=1/;section=1;urlauth=submit+bob")
    equal(fetch(bob, f'"{url}"'), b"{28}\r\nSi vis pacem, para bellum=2E", "URLFETCH")
    equal(fetch(bob, f'("{url}")'), b"{28}\r\nSi vis pacem, para bellum=2E", "without parameters")
    equal(make(bob, url.partition(":internal")[0]), url, "the same key, the same token")
    # RFC 5524 4
    equal(fetch(bob, f'("{url}" BINARY)'), b"(BINARY {26}\r\nSi vis pacem, para bellum.)", "BINARY")
    equal(fetch(bob, f'("{url}" BODY)'), b"(BODY {28}\r\nSi vis pacem, para bellum=2E)", "BODY")
    image = make(bob, "imap://bob@example.com/INBOX/;uid=1/;section=2;urlauth=anonymous")
    equal(fetch(bob, f'("{image}" BINARY BODYPARTSTRUCTURE)'),
          b'(BODYPARTSTRUCTURE ("image" "png" NIL NIL NIL "binary" 3)) (BINARY ~{3}\r\n\x00\x01\x02)', "decoded, and it says so")
    equal(fetch(bob, f'("{image}" BODYPARTSTRUCTURE BODY)'), b'(BODYPARTSTRUCTURE ("image" "png" NIL NIL NIL "base64" 4)) (BODY {4}\r\nAAEC)', "as it is")
    odd = make(bob, "imap://bob@example.com/INBOX/;uid=1/;section=3;urlauth=authuser")
    answer = fetch(bob, f'("{odd}" BODYPARTSTRUCTURE BINARY)')
    check(b'"x-blurdybloop"' in answer and answer.endswith(b"(BINARY NIL)"), f"{answer}")
    gone = make(bob, "imap://bob@example.com/INBOX/;uid=1/;section=200;urlauth=anonymous")
    equal(fetch(bob, f'("{gone}" BODYPARTSTRUCTURE BODY)'), b"NIL", "no such part")
    part = make(bob, "imap://bob@example.com/INBOX/;uid=1/;section=1/;partial=3.3;urlauth=anonymous")
    equal(fetch(bob, f'"{part}"'), b"{3}\r\nvis", "PARTIAL")
    equal(len(bob.ok(f'URLFETCH "{url}" "{image}"')), 1, "several in one answer")
    bob.ok("SELECT INBOX")
    check(b"Seen" not in bob.ok("FETCH 1 FLAGS")[0], "not read by that")
    mail.stop()


def test_what_is_refused():
    mail, bob = start()
    for arguments in ("", ' "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous"', ' "imap://bob@example.com/INBOX/;uid=1" INTERNAL',
                      ' "imap://alice@example.com/INBOX/;uid=1;urlauth=anonymous" INTERNAL', ' "imap://bob@elsewhere/INBOX/;uid=1;urlauth=anonymous" INTERNAL',
                      ' "imap://bob@example.com/missing/;uid=1;urlauth=anonymous" INTERNAL', ' "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous" XSAMPLE',
                      ' "imap://bob@example.com/INBOX/;uid=1;urlauth=user+" INTERNAL', ' "imap://bob@example.com/INBOX/;uid=1;urlauth=everybody" INTERNAL',
                      ' "imap://bob@example.com/INBOX/;uid=1;expire=tomorrow;urlauth=anonymous" INTERNAL',
                      ' "imap://bob@example.com/..%2F..%2Falice/Maildir/;uid=1;urlauth=anonymous" INTERNAL',
                      ' "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous:internal:0123456789abcdef" INTERNAL'):
        check(bob.command("GENURLAUTH" + arguments)[-1].startswith(b"BAD"), arguments)
    rump = "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous"
    url = make(bob, rump)
    token = url.rpartition(":")[2]
    other = make(bob, "imap://bob@example.com/INBOX/;uid=1;urlauth=user+alice")
    late = make(bob, "imap://bob@example.com/INBOX/;uid=1;expire=2006-07-25T11:00:00Z;urlauth=anonymous")
    flipped = url[:-1] + ("0" if url[-1] != "0" else "1")
    for wrong in (flipped, url[:-8], url + "00", url.replace("uid=1", "uid=2"), url.replace("anonymous", "authuser"), other, late, rump,
                  late.replace("2006", "2030"), url.replace("internal", "xsample"), f"imap://alice@example.com/INBOX/;uid=1;urlauth=anonymous:internal:{token}",
                  "imap://bob@example.com/", "nonsense"):
        equal(fetch(bob, f'"{wrong}"'), b"NIL", wrong)
    for arguments in ("", " (", f' ("{url}" BODY BINARY)', f' ("{url}" BODY BODY)', f' ("{url}" FROB)', f' ("{url}"'):
        check(bob.command("URLFETCH" + arguments)[-1].startswith(b"BAD"), arguments)
        bob.ok("NOOP")
    # Another user, whatever the URL says
    alice = Client(mail, "alice")
    equal(fetch(alice, f'"{url}"'), b"NIL", "nobody reads another one's mail")
    equal(fetch(alice, f'"{other}"'), b"NIL", "not even when it is meant so")
    mail.stop()


def test_time_and_keys():
    mail, bob = start()
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    url = make(bob, f"imap://bob@example.com/INBOX/;uid=1;EXPIRE={soon};urlauth=user+bob")
    check(fetch(bob, f'"{url}"').startswith(b"{"), "in time")
    key = mail.maildir("bob") / "relais.urlkey"
    equal(key.stat().st_mode & 0o777, 0o600, "for the user alone")
    bob.ok("CREATE Work")
    fill(bob, [MESSAGE], b"Work")
    lasting = make(bob, "imap://bob@example.com/INBOX/;uid=1;urlauth=user+bob")
    work = make(bob, "imap://bob@example.com/Work/;uid=1;urlauth=user+bob")
    time.sleep(3.5)
    equal(fetch(bob, f'"{url}"'), b"NIL", "expired")
    check(bob.command("RESETKEY INBOX")[-1].startswith(b"OK [URLMECH INTERNAL]"), "RESETKEY")
    equal(fetch(bob, f'"{lasting}"'), b"NIL", "its key is gone")
    check(fetch(bob, f'"{work}"').startswith(b"{"), "another mailbox has another key")
    check(make(bob, "imap://bob@example.com/INBOX/;uid=1;urlauth=user+bob") != lasting, "a new key")
    bob.ok("RESETKEY")
    equal(fetch(bob, f'"{work}"'), b"NIL", "all keys are gone")
    for command, wanted in (("RESETKEY missing", b"NO"), ("RESETKEY INBOX XSAMPLE", b"NO"), ("RESETKEY INBOX INTERNAL", b"OK"), ("RESETKEY (", b"BAD")):
        check(bob.command(command)[-1].startswith(wanted), command)
    # A key that is none opens nothing.
    make(bob, "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous")
    key.write_text("")
    check(bob.command('GENURLAUTH "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous" INTERNAL')[-1].startswith(b"NO"), "damaged")
    equal(fetch(bob, f'"{lasting}"'), b"NIL", "damaged")
    bob.ok("RESETKEY INBOX")
    make(bob, "imap://bob@example.com/INBOX/;uid=1;urlauth=anonymous")
    mail.stop()


def test_switched_off():
    mail = ImapInstance("imap_urlauth_host =\n")
    bob = Client(mail)
    check(b"URLAUTH" not in bob.ok("CAPABILITY")[0], "not offered")
    for command in ('GENURLAUTH "imap://bob@/INBOX/;uid=1;urlauth=anonymous" INTERNAL', "RESETKEY", 'URLFETCH "x"'):
        check(bob.command(command)[-1].startswith(b"BAD"), command)
    mail.stop()
