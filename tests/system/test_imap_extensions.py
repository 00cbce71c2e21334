"""Extensions of IMAP that Dovecot does not have or answers otherwise: each with the examples of its RFC."""
import re
import socket
import threading
import time
import zlib

from support import check, equal
from support.imap import ImapInstance
from support.imap_client import Client, fill, literal

MESSAGE = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: hello\r\n\r\nbody line\r\n"


def test_capabilities():
    mail = ImapInstance("imap_append_size_limit = 1000\n")
    client = Client(mail)
    words = client.ok("CAPABILITY")[0].split()
    for name in (b"SEARCHRES", b"SORT=DISPLAY", b"THREAD=REFS", b"ESORT", b"LITERAL+", b"APPENDLIMIT=1000", b"COMPRESS=DEFLATE",
                 b"CREATE-SPECIAL-USE", b"UTF8=ACCEPT", b"INPROGRESS", b"REPLACE", b"PARTIAL", b"PREVIEW"):
        check(name in words, f"{name} in {words}")
    check(b"LITERAL-" not in words, "RFC 7888 5: one of the two")
    # RFC 7889
    equal(client.ok("STATUS INBOX (MESSAGES APPENDLIMIT)"), [b"* STATUS INBOX (MESSAGES 0 APPENDLIMIT 1000)"], "APPENDLIMIT")
    check(client.command(b"APPEND INBOX {1001}")[-1].startswith(b"NO [TOOBIG]"), "refused before it is sent")
    check(client.command(b"APPEND INBOX CATENATE (TEXT " + literal(b"x" * 600) + b" TEXT " + literal(b"y" * 600) + b")")[-1]
          .startswith(b"NO [TOOBIG]"), "the pieces together")
    equal(client.ok("STATUS INBOX (MESSAGES)"), [b"* STATUS INBOX (MESSAGES 0)"], "nothing was stored")
    mail.stop()


def test_without_limits():
    mail = ImapInstance("imap_append_size_limit = 0\nimap_literal_minus = yes\nimap_compress = no\n")
    client = Client(mail)
    words = client.ok("CAPABILITY")[0].split()
    check(b"LITERAL-" in words and b"LITERAL+" not in words and b"COMPRESS=DEFLATE" not in words, f"{words}")
    check(not any(word.startswith(b"APPENDLIMIT") for word in words), f"{words}")
    equal(client.ok("STATUS INBOX (APPENDLIMIT)"), [b"* STATUS INBOX (APPENDLIMIT NIL)"], "APPENDLIMIT")
    equal(client.command("COMPRESS DEFLATE")[-1][:3], b"BAD", "not offered")
    mail.stop()


def test_compress():
    mail = ImapInstance()
    client = Client(mail)
    equal(client.command("COMPRESS LZW")[-1][:3], b"BAD", "another mechanism")
    # What is sent behind the command without waiting was not compressed: it is no command.
    client.sock.sendall(b"i COMPRESS DEFLATE\r\nj CREATE Injected\r\n")
    client.answer(b"i")
    client.squeeze, client.expand = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)
    equal(client.ok('LIST "" *'), [b'* LIST (\\HasNoChildren) "." INBOX'], "nothing was made")
    check(client.command("COMPRESS DEFLATE")[-1].startswith(b"NO [COMPRESSIONACTIVE]"), "RFC 4978 3: once")
    check(b"COMPRESS=DEFLATE" not in client.ok("CAPABILITY")[0], "no longer offered")
    fill(client, [MESSAGE, MESSAGE * 5000])
    client.ok("SELECT INBOX")
    check(client.ok("FETCH 2 BODY.PEEK[]")[0].endswith(MESSAGE * 5000 + b")"), "a large message both ways")
    # IDLE, which waits for the descriptor itself
    client.send(b"k IDLE\r\n")
    equal(client.line(), b"+ idling\r\n", "IDLE")
    fill(Client(mail), [MESSAGE])
    equal(client.line(), b"* 3 EXISTS\r\n", "told while idle")
    client.send(b"DONE\r\n")
    client.answer(b"k")
    # What is no DEFLATE ends the session, and a bomb costs no memory.
    client.sock.sendall(b"\xff" * 100)
    client.sock.settimeout(20)
    while client.sock.recv(65536):
        pass
    bomb = Client(mail)
    bomb.compress()
    before = memory(mail)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = squeeze.compress(b"x" * (200 << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    try:
        bomb.sock.sendall(data)
        bomb.sock.settimeout(20)
        while bomb.sock.recv(65536):
            pass
    except OSError:
        pass
    check(memory(mail) - before < 20000, f"from {before} to {memory(mail)} KB")
    Client(mail).ok("NOOP")
    mail.stop()


def memory(mail):
    """The most that a process of the users' sessions has had, in KB."""
    return max(int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) for pid in mail.mta.processes("imap"))


def test_replace():
    mail = ImapInstance()
    client = Client(mail)
    equal(client.command(b"REPLACE 1 INBOX " + literal(MESSAGE))[-1], b"BAD No mailbox selected.", "not selected")
    client.ok("CREATE Drafts")
    fill(client, [b"Subject: %d\r\n\r\n" % i for i in range(4)])
    client.ok("SELECT INBOX")
    # RFC 8508 3.5, with the numbers that are here
    lines = client.command(b"REPLACE 4 Drafts (\\Seen \\Draft) " + literal(MESSAGE))
    check(re.match(rb"\* OK \[APPENDUID \d+ 1\]", lines[0]) and lines[1] == b"* 4 EXPUNGE" and lines[-1].startswith(b"OK"), f"{lines}")
    lines = client.command(b"UID REPLACE 2 INBOX " + literal(MESSAGE))
    check(re.match(rb"\* OK \[APPENDUID \d+ 5\]", lines[0]) and b"* 2 EXPUNGE" in lines and b"* 3 EXISTS" in lines, f"{lines}")
    equal(client.ok("UID SEARCH ALL"), [b"* SEARCH 1 3 5"], "what is there")
    for command, wanted in ((b"REPLACE 9 INBOX ", b"NO"), (b"REPLACE 1:2 INBOX ", b"NO"), (b"UID REPLACE 2 INBOX ", b"NO"), (b"REPLACE 1 Missing ",
                            b"NO [TRYCREATE]"), (b"REPLACE 1 INBOX (\\Wrong) ", b"BAD")):
        check(client.command(command + literal(MESSAGE))[-1].startswith(wanted), f"{command}")
    check(client.command(b"REPLACE 1 INBOX " + literal(MESSAGE) + b" " + literal(MESSAGE))[-1].startswith(b"BAD"), "two messages")
    client.ok("EXAMINE INBOX")
    check(client.command(b"REPLACE 1 INBOX " + literal(MESSAGE))[-1].startswith(b"NO [READ-ONLY]"), "read-only")
    equal(client.ok("STATUS INBOX (MESSAGES)"), [b"* STATUS INBOX (MESSAGES 3)"], "nothing of it was stored")
    client.send(b"s UID REPLACE 1 INBOX {%d}\r\n" % len(MESSAGE))
    check(client.answer(b"s")[-1].startswith(b"NO [READ-ONLY]"), "refused before the message is sent")
    mail.stop()


def test_partial():
    mail = ImapInstance()
    client = Client(mail)
    fill(client, [b"Subject: %d\r\n\r\n" % i for i in range(10)])
    client.ok("SELECT INBOX")
    # RFC 9394 3.1, 3.2
    equal(client.command("UID SEARCH RETURN (PARTIAL -1:-3) 2:9")[0], b'* ESEARCH (TAG "a4") UID PARTIAL (-1:-3 7:9)', "from the end")
    equal(client.command("SEARCH RETURN (PARTIAL -9:-20 COUNT) 2:9")[0], b'* ESEARCH (TAG "a5") PARTIAL (-9:-20 NIL) COUNT 8', "nothing there")
    equal(client.ok("UID FETCH 1:* (UID) (PARTIAL -1:-2)"), [b"* 9 FETCH (UID 9)", b"* 10 FETCH (UID 10)"], "FETCH from the end")
    equal(client.ok("UID FETCH 2:* (UID) (PARTIAL 2:3)"), [b"* 3 FETCH (UID 3)", b"* 4 FETCH (UID 4)"], "FETCH from the front")
    equal(client.ok("UID FETCH 1:* UID (PARTIAL 11:12)"), [], "beyond the end")
    equal(client.ok("UID SEARCH RETURN (SAVE PARTIAL 2:3) ALL")[0].split(b"UID ")[1], b"PARTIAL (2:3 2:3)", "saved")
    equal(client.ok("FETCH $ UID"), [b"* 2 FETCH (UID 2)", b"* 3 FETCH (UID 3)"], "what was saved")
    equal(client.ok("UID SORT RETURN (PARTIAL -1:-2) (REVERSE SUBJECT) UTF-8 ALL")[0].split(b"UID ")[1], b"PARTIAL (-1:-2 2,1)", "in sorted order")
    for bad in ("FETCH 1 UID (PARTIAL 0:1)", "FETCH 1 UID (PARTIAL 1:2 PARTIAL 1:2)", "FETCH 1 UID (FOO)", "FETCH 1 UID ()",
                "SEARCH RETURN (PARTIAL -1:2) ALL", "FETCH 1 UID (PARTIAL 1:2) x"):
        equal(client.command(bad)[-1][:3], b"BAD", bad)
    mail.stop()


def test_special_uses():
    mail = ImapInstance("imap_hierarchy_separator = /\n")
    client = Client(mail)
    # RFC 6154 5.3 and 5.4
    client.ok("CREATE MySpecial (USE (\\Drafts \\Sent))")
    check(client.command("CREATE Everything (USE (\\All))")[-1].startswith(b"NO [USEATTR]"), "not supported")
    for bad in ("CREATE x (USE)", "CREATE x (USE \\Sent)", "CREATE x (FOO (\\Sent))", "CREATE x (USE (\\Sent)", "CREATE x (USE (\\Sent)) y"):
        equal(client.command(bad)[-1][:3], b"BAD", bad)
    client.ok("CREATE plain (USE ())")
    client.ok("CREATE Junk")
    equal(client.ok('LIST (SPECIAL-USE) "" *'), [b'* LIST (\\Junk) "/" Junk', b'* LIST (\\Drafts \\Sent) "/" MySpecial'], "LIST")
    # What has been given to a mailbox is not what a configured name has any more.
    client.ok("CREATE Sent")
    client.ok("CREATE Trash")
    equal(client.ok('LIST "" (Sent Trash) RETURN (SPECIAL-USE)'), [b'* LIST () "/" Sent', b'* LIST (\\Trash) "/" Trash'], "configured ones")
    client.ok("RENAME MySpecial top")
    client.ok("RENAME top a/b")
    equal(Client(mail).ok('LIST (SPECIAL-USE) "" a/*'), [b'* LIST (\\Drafts \\Sent) "/" a/b'], "another session, another name")
    equal(client.ok('XLIST "" *')[0:2], [b'* XLIST (\\HasNoChildren \\Inbox) "/" INBOX', b'* XLIST (\\HasNoChildren \\Spam) "/" Junk'], "XLIST")
    equal(client.ok('XLIST "" ""'), [b'* XLIST (\\Noselect) "/" ""'], "XLIST of the root")
    equal(client.command('XLIST "" * RETURN (CHILDREN)')[-1][:3], b"BAD", "XLIST has no options")
    client.ok("DELETE a/b")
    equal(client.ok('LIST (SPECIAL-USE) "" *'), [b'* LIST (\\Junk) "/" Junk', b'* LIST (\\Sent) "/" Sent', b'* LIST (\\Trash) "/" Trash'],
          "after DELETE")
    mail.stop()


def test_special_uses_of_names_with_blanks():
    mail = ImapInstance("imap_special_use = Junk=\\Junk, { Sent Messages=\\Sent }, { Old, older = \\Archive }, { Wrong }\n")
    client = Client(mail)
    for name in ("Junk", '"Sent Messages"', '"Old, older"', "Wrong"):
        client.ok(f"CREATE {name}")
    equal(client.ok('LIST (SPECIAL-USE) "" *'), [b'* LIST (\\Junk) "." Junk', b'* LIST (\\Archive) "." "Old, older"', b'* LIST (\\Sent) "." "Sent Messages"'], "LIST")
    mail.mta.wait_log('imap_special_use: "{ Wrong }" is not NAME=')
    mail.stop()


def test_utf8():
    mail = ImapInstance()
    plain, client = Client(mail), Client(mail)
    equal(client.ok("ENABLE UTF8=ACCEPT X-NONE"), [b"* ENABLED UTF8=ACCEPT"], "ENABLE")
    equal(client.ok("ENABLE UTF8=ACCEPT"), [b"* ENABLED"], "again")
    client.ok('CREATE "Entwürfe"')
    client.ok('CREATE "a&b"')
    def listed(who, pattern="*"):
        return sorted(line.split(b'"." ')[1] for line in who.ok(f'LIST "" "{pattern}"'))
    equal(listed(client), ['"Entwürfe"'.encode(), b'"a&b"', b"INBOX"], "UTF-8")
    equal(listed(plain), [b"Entw&APw-rfe", b"INBOX", b"a&-b"], "UTF-7")
    equal(listed(client, "a&*"), [b'"a&b"'], "an ampersand in a pattern")
    equal(listed(client, "Entwü%"), ['"Entwürfe"'.encode()], "UTF-8 in a pattern")
    message = "Subject: Grüße\r\n\r\nbody\r\n".encode()
    client.ok('APPEND "Entwürfe" UTF8 (~'.encode() + literal(message) + b")")
    equal(client.ok('STATUS "Entwürfe" (MESSAGES)'), ['* STATUS "Entwürfe" (MESSAGES 1)'.encode()], "STATUS")
    client.ok('SELECT "Entwürfe"')
    check(client.ok("FETCH 1 BODY.PEEK[]")[0].endswith(message + b")"), "as it came")
    equal(client.ok('SEARCH SUBJECT "GRÜ"'), [b"* SEARCH 1"], "SEARCH in UTF-8")
    equal(client.command("SEARCH CHARSET UTF-8 ALL")[-1][:3], b"BAD", "RFC 6855 3: no CHARSET")
    equal(client.command(b'STATUS "\xff" (MESSAGES)')[-1][:3], b"BAD", "no UTF-8")
    client.ok('SUBSCRIBE "Entwürfe"')
    equal(plain.ok('LSUB "" *'), [b'* LSUB () "." Entw&APw-rfe'], "LSUB")
    mail.stop()


def test_repeated_sorts_read_no_messages():
    mail = ImapInstance()
    subjects = [b"%d x" % ((i * 7) % 20) for i in range(20)]
    for i, subject in enumerate(subjects):
        mail.deliver("bob", b"Subject: " + subject + b"\nMessage-ID: <%d@x>\nReferences: <%d@x>\n\nbody\n" % (i, i // 2), name=f"{1700000000 + i}.M1.h")
    client = Client(mail)
    client.ok("SELECT INBOX")
    commands = ("SORT (SUBJECT) UTF-8 ALL", "SORT (DATE FROM SIZE ARRIVAL) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL", "THREAD REFS UTF-8 ALL",
                "SORT (DISPLAYFROM REVERSE SUBJECT) UTF-8 ALL")
    first = [client.ok(command) for command in commands]
    client.command("LOGOUT")
    # The same files with other words in them: whoever reads them again sees those.
    for path in (mail.maildir("bob") / "cur").iterdir():
        path.write_bytes(path.read_bytes().translate(bytes.maketrans(b"0123456789", b"9876543210")))
    time.sleep(12)  # until the mailbox is let go of, and what is known is in its file only
    client = Client(mail)
    client.ok("SELECT INBOX")
    equal([client.ok(command) for command in commands], first, "from the cache")
    mail.stop()


def test_progress():
    """RFC 9585 4, with a search that takes long because there is so much to look for."""
    mail = ImapInstance("imap_progress_interval = 1s\nimap_command_size_limit = 200000\n")
    client = Client(mail)
    fill(client, [b"Subject: %d\r\n\r\n" % i + b"some words of text\r\n" * 400 for i in range(60)])
    client.ok("SELECT INBOX")
    other = Client(mail)
    search = "SEARCH " + " ".join(f"NOT TEXT {i:040d}" for i in range(2500))
    done = []
    worker = threading.Thread(target=lambda: done.append(client.ok(search)))
    worker.start()
    started = time.monotonic()
    other.ok("NOOP")
    check(time.monotonic() - started < 10, "others are served meanwhile")
    worker.join(60)
    check(done, "the search ends")
    told = [line for line in done[0] if b"INPROGRESS" in line]
    if not told:
        check(time.monotonic() - started < 3, f"no progress was told in {time.monotonic() - started:.1f} s")
    for line in told:
        check(re.match(rb'\* OK \[INPROGRESS \("a4" \d+ 60\)\]', line), f"{line}")
    check(done[0][-1].startswith(b"* SEARCH 1 2 3 "), f"{done[0][-1]}")
    mail.stop()


def test_bounds():
    mail = ImapInstance()
    client = Client(mail)
    fill(client, [b"Subject: %d\r\n\r\n" % i for i in range(20)])
    client.ok("SELECT INBOX")
    started = time.monotonic()
    ranges = ",".join(["1:4294967295"] * 1000)
    equal(len(client.ok(f"UID FETCH {ranges} UID")), 20, "ranges")
    equal(client.ok(f"SEARCH RETURN (COUNT) UID {ranges}")[0][-8:], b"COUNT 20", "in SEARCH")
    for bad in ("SEARCH " + "(" * 1000 + "ALL" + ")" * 1000, "SEARCH " + "NOT " * 1000 + "ALL", "SEARCH " + "ALL " * 6000 + "ALL",
                "SORT (" + "(" * 1000, "THREAD REFS UTF-8 " + "OR ALL " * 200 + "ALL", "FETCH 1 BINARY[" + "1." * 500 + "1]"):
        equal(client.command(bad)[-1][:3], b"BAD", bad[:30])
    client.ok("SORT (" + "REVERSE DATE " * 3000 + "SUBJECT) UTF-8 ALL")
    pieces = b" ".join([b"URL /INBOX/;UID=1"] * 3000)
    check(client.command(b"APPEND INBOX CATENATE (" + pieces + b")")[-1].startswith(b"OK"), "many pieces")
    many = b"APPEND INBOX" + b"".join(b" " + literal(b"A: 1\r\n") for _ in range(1001))
    check(client.command(many)[-1].startswith(b"NO [LIMIT]"), "a thousand messages at most")
    check(b"(MESSAGES 21)" in client.ok("STATUS INBOX (MESSAGES)")[-1], "none of them")
    check(not list((mail.maildir("bob") / "tmp").iterdir()), "nothing is left in tmp/")
    check(time.monotonic() - started < 30, "it takes long")
    mail.stop()


def test_threads_as_long_as_the_mailbox():
    mail = ImapInstance()
    for i in range(2000):
        mail.deliver("bob", b"Subject: x\nMessage-ID: <%d@x>\nIn-Reply-To: <%d@x>\n\n\n" % (i, i - 1), name=f"{1700000000 + i}.M{i:06d}.h")
    client = Client(mail)
    client.ok("SELECT INBOX")
    answer = client.ok("THREAD REFERENCES UTF-8 ALL")[0]
    equal(answer, b"* THREAD (" + b" ".join(b"%d" % (i + 1) for i in range(2000)) + b")", "one conversation")
    mail.stop()
