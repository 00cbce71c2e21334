"""The IMAP server, driven by Python's imaplib."""
import imaplib
import socket
import threading
import time

from support import check, equal
from support.imap import IMAP, PASSWORD, ImapInstance

MESSAGE = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\n\r\nbody line\r\n"


def ok(answer, what=""):
    check(answer[0] == "OK", f"{what}: {answer}")
    return answer[1]


def refused(function, *arguments):
    try:
        answer = function(*arguments)
    except imaplib.IMAP4.error as error:
        return str(error)
    check(answer[0] != "OK", f"was accepted: {arguments}: {answer}")
    return str(answer)


def test_login_and_capabilities():
    mail = ImapInstance()
    client = mail.connect()
    check("AUTH=PLAIN" in client.capabilities, f"capabilities: {client.capabilities}")
    check("AUTHENTICATIONFAILED" in refused(client.login, "bob", "wrong"), "a wrong password")
    check("AUTHENTICATIONFAILED" in refused(client.login, "nobody", PASSWORD), "an unknown user")
    ok(client.login("bob", PASSWORD), "login")
    ok(client.capability())
    check("UIDPLUS" in client.capabilities or b"UIDPLUS" in client.capability()[1][0], "capabilities after login")
    client.logout()
    client = mail.connect()
    ok(client.authenticate("PLAIN", lambda _: b"\0bob\0" + PASSWORD.encode()), "AUTHENTICATE PLAIN")
    client.logout()
    check(refused(mail.connect().select), "SELECT before login")
    mail.stop()


def test_tls():
    mail = ImapInstance()
    client = mail.connect_tls()
    ok(client.login("bob", PASSWORD), "login over TLS")
    ok(client.append("INBOX", None, None, MESSAGE * 5000), "a large message through the relay")
    ok(client.select("INBOX"))
    got = ok(client.fetch("1", "(BODY[])"))
    check(got[0][1] == MESSAGE * 5000, f"unchanged, {len(got[0][1])} bytes")
    client.logout()
    import ssl
    client = mail.connect()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client.starttls(context)
    ok(client.login("bob", PASSWORD), "login after STARTTLS")
    client.logout()
    mail.stop()


def test_plaintext_needs_tls():
    mail = ImapInstance("imap_tls_security_level = encrypt\n")
    client = mail.connect()
    check("LOGINDISABLED" in client.capabilities, f"{client.capabilities}")
    check("PRIVACYREQUIRED" in refused(client.login, "bob", PASSWORD), "LOGIN in the clear")
    client.logout()
    ok(from_the_same_address(mail).login("bob", PASSWORD), "LOGIN of who comes from where he connects to")
    mail.stop()


def from_the_same_address(mail):
    """As webmail on the same machine comes."""
    class Client(imaplib.IMAP4):
        def _create_socket(self, timeout):
            return socket.create_connection((self.host, self.port), timeout, source_address=(self.host, 0))
    return Client(mail.address, IMAP, timeout=20)


def test_append_fetch_store_expunge():
    mail = ImapInstance()
    client = mail.login()
    answer = ok(client.append("INBOX", r"(\Flagged $Work)", '" 1-Feb-2020 10:00:00 +0100"', MESSAGE), "append")
    check(b"APPENDUID" in answer[0], f"{answer}")
    equal(ok(client.select("INBOX")), [b"1"], "messages")
    got = ok(client.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
    check(got[0][1] == MESSAGE, f"{got}")
    check(b'INTERNALDATE "01-Feb-2020 09:00:00 +0000"' in got[0][0], f"{got[0][0]}")
    check(b"$Work" in got[0][0] and f"RFC822.SIZE {len(MESSAGE)}".encode() in got[0][0], f"{got[0][0]}")
    got = ok(client.fetch("1", "(BODY[TEXT])"))
    check(b"\\Seen" in got[-1] or b"\\Seen" in got[0][0], f"fetching sets seen, and tells: {got}")
    got = ok(client.uid("STORE", "1", "-FLAGS", r"(\Flagged)"))
    check(b"\\Flagged" not in got[0] and b"UID 1" in got[0], f"{got}")
    got = ok(client.store("1", "+FLAGS", r"(\Deleted)"))
    check(b"\\Deleted" in got[0], f"{got}")
    equal(ok(client.expunge()), [b"1"], "expunged")
    client.logout()
    mail.stop()


def test_mailboxes():
    mail = ImapInstance()
    client = mail.login()
    for name in ("Sent", "A.B", "Entw&APw-rfe"):
        ok(client.create(name), f"create {name}")
    check("ALREADYEXISTS" in refused(client.create, "Sent"), "twice")
    for bad in ("a/b", "x..y", ".x", "../up"):
        check("CANNOT" in refused(client.create, bad), f"create {bad}")
    listed = b"\n".join(ok(client.list()))
    check(b"\\Noselect" in listed and b"\\Sent" in listed, f"{listed}")
    ok(client.subscribe("A.B"))
    check(b"A.B" in ok(client.lsub())[0], "lsub")
    ok(client.rename("A", "Z"), "rename a parent that is none itself")
    check(b"Z.B" in b"\n".join(ok(client.list())), "renamed")
    ok(client.delete("Z.B"))
    refused(client.delete, "Z.B")
    refused(client.delete, "INBOX")
    ok(client.append("INBOX", None, None, MESSAGE))
    ok(client.rename("INBOX", "Old"), "rename INBOX")
    equal(ok(client.select("Old")), [b"1"], "the messages went along")
    equal(ok(client.select("INBOX")), [b"0"], "INBOX is there and empty")
    client.logout()
    mail.stop()


def test_copy_and_move():
    mail = ImapInstance()
    client = mail.login()
    ok(client.create("Archive"))
    for number in range(5):
        ok(client.append("INBOX", r"(\Seen $Label)", None, b"Subject: %d\r\n\r\nx\r\n" % number))
    ok(client.select("INBOX"))
    ok(client.copy("1:2", "Archive"))
    answer = ok(client.uid("MOVE", "3:4", "Archive"), "move")
    check("EXPUNGE" in client.untagged_responses or client.response("EXPUNGE")[1], f"expunges are told: {answer}")
    check("TRYCREATE" in refused(client.copy, "1", "Nowhere"), "copy to nowhere")
    equal(ok(client.select("INBOX")), [b"3"], "left")
    equal(ok(client.select("Archive")), [b"4"], "arrived")
    got = b" ".join(ok(client.fetch("1:*", "(FLAGS)")))
    equal(got.count(b"$Label"), 4, "keywords went along")
    client.logout()
    mail.stop()


def test_search():
    mail = ImapInstance()
    client = mail.login()
    texts = [b"From: bob@x.test\r\nSubject: first\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\napples\r\n",
             b"From: eve@x.test\r\nSubject: =?utf-8?B?w4RwZmVs?=\r\n\r\nBananas\r\n",
             b"From: bob@x.test\r\nSubject: third\r\nContent-Type: text/plain; charset=utf-8\r\n"
             b"Content-Transfer-Encoding: base64\r\n\r\nY2hlcnJpZXM=\r\n"]
    for text in texts:
        ok(client.append("INBOX", None, None, text))
    ok(client.select("INBOX"))
    ok(client.store("2", "+FLAGS", r"(\Seen)"))

    def found(*keys):
        return ok(client.search(None, *keys))[0]
    equal(found("ALL"), b"1 2 3", "all")
    equal(found("FROM", "BOB"), b"1 3", "from")
    equal(found("SEEN"), b"2", "seen")
    equal(found("UNSEEN", "FROM", "bob"), b"1 3", "and")
    equal(found("OR", "SEEN", "SUBJECT", "first"), b"1 2", "or")
    equal(found("NOT", "SEEN"), b"1 3", "not")
    equal(found("BODY", "apples"), b"1", "body")
    equal(found("TEXT", "banana"), b"2", "text, without case")
    equal(found("BODY", "cherries"), b"3", "base64 is decoded")
    equal(found("SENTBEFORE", "2-Jan-2024"), b"1 2 3", "sent date; 2 and 3 have none")
    equal(found("LARGER", "100"), b"3", "size")
    equal(found("2:*"), b"2 3", "sequence set")
    client.literal = "äpfel".encode()
    equal(ok(client.search("UTF-8", "SUBJECT"))[0], b"2", "encoded words, decoded, without case")
    check("BADCHARSET" in refused(client.search, "X-UNKNOWN", "ALL"), "unknown charset")
    equal(ok(client.uid("SEARCH", "RETURN", "(MIN MAX COUNT)", "ALL")), [None], "ESEARCH has no SEARCH line")
    client.logout()
    mail.stop()


def read_until(sock, text, seconds=10):
    sock.settimeout(seconds)
    data = b""
    while text not in data:
        more = sock.recv(4096)
        check(more, f"hung up; so far {data}")
        data += more
    return data


def raw_login(mail, user="bob", extra=b""):
    sock = socket.create_connection((mail.address, 1430), timeout=10)
    read_until(sock, b"\r\n")
    sock.sendall(b"a LOGIN %s %s\r\n" % (user.encode(), PASSWORD.encode()) + extra)
    return sock


def test_idle_tells_of_new_mail_and_of_others_changes():
    mail = ImapInstance()
    mail.login().logout()
    sock = raw_login(mail, extra=b"b SELECT INBOX\r\nc IDLE\r\n")
    read_until(sock, b"+ idling")
    start = time.monotonic()
    mail.deliver("bob", b"Subject: x\n\ny\n")
    read_until(sock, b"* 1 EXISTS")
    check(time.monotonic() - start < 3, "soon")
    other = mail.login(mailbox="INBOX")
    ok(other.store("1", "+FLAGS", r"(\Flagged)"))
    read_until(sock, b"FETCH (FLAGS (\\Flagged")
    ok(other.store("1", "+FLAGS", r"(\Deleted)"))
    ok(other.expunge())
    read_until(sock, b"* 1 EXPUNGE")
    sock.sendall(b"DONE\r\nd LOGOUT\r\n")
    read_until(sock, b"c OK")
    sock.close()
    mail.stop()


def test_a_refusal_does_not_tell_whether_the_user_exists():
    mail = ImapInstance(main="auth_failure_delay = 4s\n")
    # Checking this password takes most of a second.
    with open(mail.mta.conf / "users", "a") as users:
        users.write("dave:{SHA512-CRYPT}$6$rounds=1500000$salt$" + "x" * 86 + ":1001:1001::/tmp::\n")
    took = {}

    def refuse(user):
        client = mail.connect()
        start = time.monotonic()
        check("AUTHENTICATIONFAILED" in refused(client.login, user, "wrong"), "refused")
        took[user] = time.monotonic() - start

    threads = [threading.Thread(target=refuse, args=(user,)) for user in ("dave", "nobody")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(abs(took["dave"] - took["nobody"]) < 0.4, f"seconds: {took}")
    mail.stop()


def test_a_message_that_comes_back_has_no_number_until_the_next_select():
    mail = ImapInstance()
    mail.login().logout()
    for i in range(3):
        mail.deliver("bob", b"Subject: n%d\n\ny\n" % i, name=f"100000000{i}.x.host")
    client = mail.login(mailbox="INBOX")
    second = next((mail.maildir("bob") / "cur").glob("1000000001*"))
    aside = mail.home("bob") / "aside"
    second.rename(aside)
    equal(ok(client.noop()), [b"NOOP completed."], "noop")
    equal(client.response("EXPUNGE")[1], [b"2"], "it is told to be gone")
    aside.rename(second)
    ok(client.noop())
    exists = client.response("EXISTS")[1]
    equal(ok(client.fetch("2", "(UID)")), [b"2 (UID 3)"], f"the numbers still hold (EXISTS {exists})")
    equal(ok(client.search(None, "ALL")), [b"1 2"], "search")
    equal(ok(client.select("INBOX")), [b"3"], "found again")
    equal(ok(client.fetch("2", "(UID)")), [b"2 (UID 2)"], "in its place")
    client.logout()
    mail.stop()


def test_idle_in_a_mailbox_that_is_renamed_and_named_back():
    mail = ImapInstance()
    other = mail.login()
    ok(other.create("M"))
    sock = raw_login(mail, extra=b"b SELECT M\r\nc IDLE\r\n")
    read_until(sock, b"+ idling")
    time.sleep(0.3)
    # The second object for the same directories must not take the first one's watch away.
    ok(other.rename("M", "N"))
    ok(other.rename("N", "M"))
    second = raw_login(mail, extra=b"b SELECT M\r\nc IDLE\r\n")
    read_until(second, b"+ idling")
    time.sleep(0.3)
    mail.deliver("bob", b"Subject: x\n\ny\n", folder=".M")
    read_until(second, b"* 1 EXISTS")
    read_until(sock, b"* 1 EXISTS", seconds=5)
    second.sendall(b"DONE\r\nd LOGOUT\r\n")
    read_until(second, b"d OK")
    mail.deliver("bob", b"Subject: x\n\ny\n", folder=".M")
    read_until(sock, b"* 2 EXISTS", seconds=5)
    for each in (sock, second):
        each.close()
    other.logout()
    mail.stop()


def test_a_message_with_a_header_too_large_for_the_cache():
    mail = ImapInstance()
    mail.login().logout()
    lines = b"".join(b"Keywords: %s\n" % (b"x" * 900) for _ in range(1500))
    mail.deliver("bob", b"Subject: large\n" + lines + b"\nbody\n")
    client = mail.login(mailbox="INBOX")
    answer = client.fetch("1", "(UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    check(answer[0] == "OK" and b'"large"' in answer[1][0], f"{str(answer)[:300]}")
    client.logout()
    mail.stop()


def test_a_message_file_that_is_cut_short_while_it_goes_out():
    mail = ImapInstance()
    other = mail.login(mailbox="INBOX")
    size = 48 << 20  # more than the sockets hold
    mail.deliver("bob", b"Subject: s\n\n" + (b"x" * 63 + b"\n") * (size // 64), name="1.M1.h")
    sock = raw_login(mail)
    sock.sendall(b"s SELECT INBOX\r\n")
    read_until(sock, b"s OK")
    sock.sendall(b"f FETCH 1 BODY.PEEK[]\r\n")
    read_until(sock, b"xxx")
    time.sleep(0.5)  # until nothing more goes out
    [path] = (mail.maildir("bob") / "cur").iterdir()
    with open(path, "r+b") as file:
        file.truncate(100)
    rest = 0
    data = b""
    while b"f OK" not in data[-100:]:
        got = sock.recv(1 << 20)
        check(got, f"hung up after {rest} bytes")
        rest += len(got)
        data = data[-100:] + got
    check(rest > size - (1 << 20), f"{rest} bytes")
    ok(other.noop(), "the other session")
    sock.sendall(b"g FETCH 1 BODY.PEEK[TEXT]\r\n")
    check(b"{%d}" % (100 - len(b"Subject: s\n\n") + 1) in read_until(sock, b"g OK"), "what the file has now")
    sock.close()
    mail.stop()


def test_pipelined_commands_behind_the_login():
    mail = ImapInstance()
    sock = raw_login(mail, extra=b"b CREATE X\r\nc LIST \"\" *\r\nd LOGOUT\r\n")
    data = read_until(sock, b"d OK")
    check(data.index(b"a OK") < data.index(b"b OK") < data.index(b"c OK"), f"in order: {data}")
    sock.close()
    mail.stop()


def test_two_sessions_share_a_mailbox():
    mail = ImapInstance()
    one, two = mail.login(mailbox="INBOX"), mail.login(mailbox="INBOX")
    ok(one.append("INBOX", None, None, MESSAGE))
    ok(two.noop())
    equal(two.untagged_responses.get("EXISTS")[-1], b"1", "the other one hears of it")
    ok(two.store("1", "+FLAGS", r"(\Deleted)"))
    ok(two.expunge())
    answer = one.fetch("1", "(FLAGS)")
    check(answer[0] == "NO" or answer[1] == [None], f"the message is gone: {answer}")
    ok(one.noop())
    check(len(mail.mta.processes("imap")) >= 2, "broker and workers")
    for client in (one, two):
        client.logout()
    mail.stop()


def test_bad_input():
    mail = ImapInstance()
    for junk in (b"\0\0\0\0\r\n", b"a\r\n", b"a LOGIN\r\n", b"a LOGIN {3}\r\n", b"\xff\xfe x\r\n",
                 b"a AUTHENTICATE PLAIN !!!\r\n", b"a FETCH 1 BODY[]\r\n", b"a LOGIN {999999999999+}\r\n",
                 b"x" * 100000 + b"\r\n"):
        sock = socket.create_connection((mail.address, 1430), timeout=5)
        read_until(sock, b"\r\n")
        try:
            sock.sendall(junk)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
        except OSError:
            pass  # closed while there was more to read
        sock.close()
    sock = raw_login(mail)
    read_until(sock, b"a OK")
    for junk in (b"b FETCH\r\n", b"b SELECT\r\n", b"b SEARCH (((\r\n", b"b APPEND INBOX {0+}\r\n\r\n",
                 b"b STORE 1 FLAGS\r\n", b"b UID\r\n", b"b UID NOOP\r\n", b"b LIST (\r\n"):
        sock.sendall(junk)
        got = read_until(sock, b"\r\n")
        check(b"BAD" in got or b"NO" in got, f"{junk}: {got}")
    sock.sendall(b"c APPEND INBOX {100000000000+}\r\n")
    check(read_until(sock, b"\r\n"), "an answer")
    sock.close()
    client = mail.login()
    ok(client.noop(), "still there")
    client.logout()
    died = [line for line in mail.mta.log_text().splitlines() if "panic" in line or "killed by" in line]
    equal(died, [], "nothing died")
    mail.stop()


def test_messages_of_a_refused_append_are_not_taken_for_commands():
    """Nor those of a REPLACE that is refused before it is looked at: no mailbox is selected."""
    mail = ImapInstance()
    sock = raw_login(mail, extra=b"b APPEND INBOX {5+}\r\nhello (\\Wrong) {16+}\r\nz CREATE Taken\r\n\r\n"
                     b"c APPEND INBOX {5+}\r\nhello (\\Seen) {2+}\r\nab {0+}\r\n {16+}\r\ny CREATE Taken\r\n\r\n"
                     b"g REPLACE 1 INBOX {16+}\r\nx CREATE Taken\r\n\r\n"
                     b"h APPEND Missing CATENATE (TEXT {16+}\r\nw CREATE Taken\r\n URL {16+}\r\nv CREATE Taken\r\n)\r\n"
                     b"i APPEND INBOX CATENATE (URL /INBOX/;UID=9 TEXT {16+}\r\nu CREATE Taken\r\n)\r\n"
                     b"d LIST \"\" *\r\ne STATUS INBOX (MESSAGES)\r\n")
    data = read_until(sock, b"e OK")
    check(b"b BAD" in data and b"c NO" in data and b"g BAD" in data and b"h NO [TRYCREATE]" in data and b"i NO [BADURL" in data
          and b"Taken" not in data, f"refused: {data}")
    check(b"MESSAGES 0" in data and b"z " not in data, f"nothing was stored: {data}")
    sock.close()
    mail.stop()


def test_many_sessions_at_once():
    mail = ImapInstance()
    mail.login().logout()
    clients = [mail.login(mailbox="INBOX") for _ in range(50)]
    for client in clients:
        ok(client.noop())
    workers = len(mail.mta.processes("imap"))
    check(workers <= 4, f"one process for all sessions of a user, not {workers}")
    for client in clients:
        client.logout()
    mail.stop()


def test_logins_in_parallel():
    mail = ImapInstance()
    errors = []

    def go(user):
        try:
            for _ in range(10):
                mail.login(user, "INBOX").logout()
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=go, args=(user,)) for user in ("bob", "alice", "carol") for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(errors, [], "all logins went well")
    mail.stop()
