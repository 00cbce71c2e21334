"""header_checks, mime_header_checks, nested_header_checks and body_checks in cleanup: what they are asked about,
every action, and what clients, logs and queue files show of it."""
import re
import socket
import threading
import urllib.parse

from support import check
from support.compare import scenario
from support.queuefile import Cleanup, shape

BOUNCE, FILTER, HOLD, BCC, MAP = 1, 2, 4, 16, 32
RULES = r"""
/^Subject: (reject|unread)$/ REJECT
/^Subject: reject text/ REJECT bad subject
/^Subject: reject code/ REJECT 5.7.9 own code
/^Subject: reject later/ REJECT 4.7.2 come again
/^Subject: reject well/ REJECT 2.1.5 all is well
/^Subject: reject lower/ reject lower case
/^Subject: reject reply/ REJECT 554 5.7.3 a whole reply
/^Subject: discard$/ DISCARD
/^Subject: discard text/ DISCARD with text
/^Subject: hold$/ HOLD
/^Subject: hold text/ HOLD with text
/^Subject: dunno/ DUNNO text
/^Subject: ok/ OK
/^Subject: filter$/ FILTER smtp:[@NET@.31]:2525
/^X-Filter: 2/ FILTER smtp:[@NET@.32]:2525
/^Subject: filter empty/ FILTER
/^Subject: filter bad/ FILTER nowhere
/^Subject: ignore/ IGNORE me
/^Subject: strip$/ STRIP
/^Subject: strip text/ STRIP because
/^Subject: info$/ INFO
/^Subject: info text/ INFO some text
/^Subject: warn$/ WARN
/^Subject: warn (.*)/ WARN about $1
/^Subject: prepend$/ PREPEND X-Before: one
/^Subject: prepend empty/ PREPEND
/^Subject: prepend bad/ PREPEND no header
/^Subject: prepend id/ PREPEND Message-Id: <prepended@x.test>
/^Subject: prepend to/ PREPEND To: bare
/^Subject: replace$/ REPLACE Subject: replaced
/^Subject: replace to/ REPLACE Cc: bare, Other <other>
/^Subject: replace empty/ REPLACE
/^Subject: replace bad/ REPLACE no header
/^Subject: replace long/ REPLACE X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccc dddd
/^Subject: redirect$/ REDIRECT u2@virt.test
/^Subject: redirect bad/ REDIRECT u2
/^Subject: redirect bare/ REDIRECT alice@
/^Subject: bcc$/ BCC u2@virt.test
/^X-Bcc: (.*)/ BCC $1
/^Subject: bcc bad/ BCC u2
/^Subject: pass$/ PASS
/^Subject: pass text/ PASS some text
/^Subject: unknown/ FROBNICATE it
/^Subject: delay/ DELAY 1h
/^Subject: a.*last line/ INFO many lines
/^X-Warn/ WARN
/^X-Reject: (.*)/ REJECT $1
/^To: bare$/ WARN not yet rewritten
/^Message-Id: <drop/ IGNORE
/^Content-Transfer-Encoding: 8bit/ IGNORE
/^X-Space-Before:/ WARN
/^X-Empty:$/ WARN
"""
BODY = r"""
/^reject text/ REJECT bad body
/^discard$/ DISCARD
/^ignore/ IGNORE
/^strip$/ STRIP
/^prepend$/ PREPEND before it
/^prepend empty/ PREPEND
/^replace$/ REPLACE in its place
/^replace header$/ REPLACE X: y
/^hold$/ HOLD
/^warn/ WARN text
/^info/ INFO
/^filter/ FILTER smtp:[@NET@.31]:2525
/^redirect/ REDIRECT u2@virt.test
/^bcc/ BCC u2@virt.test
/^pass/ PASS
/^$/ WARN an empty line
/^what/ WHAT
/^--/ WARN a boundary
"""
TABLES = dict(main="header_checks = regexp:@CONF@/rules\nbody_checks = regexp:@CONF@/body",
              files={"rules": RULES, "body": BODY})
SUBJECTS = [line.split("Subject: ")[1].split("/")[0].replace("$", "") for line in RULES.split("\n")
            if "/^Subject: " in line and "(" not in line and ".*" not in line] + ["warn me and more", "unread"]
ENVELOPE = (("T", "1795247898 402779"), ("A", "rewrite_context=local"), ("A", "log_message_origin=host.test[192.0.2.1]"),
            ("A", "log_helo_name=helo.test"), ("A", "log_protocol_name=ESMTP"), ("S", "a@b.test"), ("R", "u1@virt.test"))
PLAIN = ("Received: from x", "From: x@y.test", "To: bare", "Message-Id: <1@2>", "Date: d")


def put(mta, name, lines, envelope=ENVELOPE, extracted=(), flags=FILTER | HOLD | MAP | BCC, look=True):
    session = Cleanup(mta, flags)
    session.send(*envelope, ("M", ""), *(("N", line) if isinstance(line, str) else line for line in lines))
    session.send(("X", ""), *extracted, ("E", ""))
    mta.note(f"{name}: reply", session.finish())
    blob = session.file()
    if look:
        mta.note(f"{name}: file", "\n".join(shape(blob, session.id)) if blob else "none")


@scenario(**TABLES)
def every_action_on_a_header(mta):
    for subject in SUBJECTS:
        put(mta, subject, [*PLAIN, f"Subject: {subject}", "X-Warn: after it", "", "body"])


@scenario(**TABLES)
def every_action_on_a_body_line(mta):
    for line in ("reject text", "discard", "ignore", "strip", "prepend", "prepend empty", "replace", "replace header",
                 "hold", "warn", "info", "filter", "redirect", "bcc", "pass", "what"):
        put(mta, line, [*PLAIN, "Subject: s", "", "before", line, "warn at the end"])
    put(mta, "empty lines", [*PLAIN, "", "", "x", ""])
    put(mta, "no separator", [*PLAIN, "warn: no, this is a header", "warn this is not", "x"])
    put(mta, "long line", [*PLAIN, "", ("L", "x" * 100), ("L", "warn in a later piece"), "warn at its end", "x"])
    put(mta, "pieces", [*PLAIN, "", ("L", "replace"), ("L", "ignore"), "end", ("L", "ignore"), "ignore", "x"])
    put(mta, "NUL", [*PLAIN, "", "warn\0behind", "x\0warn"])
    put(mta, "8 bit", [*PLAIN, "", "warn \xe4\xf6", "warn " + "long " * 100])


@scenario(**TABLES)
def what_a_header_is(mta):
    put(mta, "folded", [*PLAIN, "Subject: a folded", "\tsubject with a", "  last line", "", "x"])
    put(mta, "blank before the colon", [*PLAIN, "X-Space-Before : x", "", "x"])
    put(mta, "empty", [*PLAIN, "X-Empty:", "", "x"])
    put(mta, "NUL", [*PLAIN, "X-Warn: a\0b", "", "x"])
    put(mta, "8 bit", [*PLAIN, "X-Warn: a\xe4\u20ac", "", "x"])
    put(mta, "long", [*PLAIN, "X-Warn: " + "long " * 100, "", "x"])
    put(mta, "rewritten only then", [*PLAIN, "X-Warn: y", "", "x"])
    put(mta, "missing headers", ["Received: from x", "", "x"])
    put(mta, "id dropped", ["Received: from x", "Message-Id: <drop@x.test>", "Date: d", "From: x@y.test", "", "x"])
    put(mta, "encoding dropped", [*PLAIN, "Content-Transfer-Encoding: 8bit", "", "x"])
    put(mta, "two filters", [*PLAIN, "Subject: filter", "X-Filter: 2", "", "x"])
    put(mta, "two copies", [*PLAIN, "Subject: bcc", "X-Bcc: u3@virt.test", "X-Bcc: u3@virt.test", "", "x"])
    put(mta, "filter and redirect", [*PLAIN, "Subject: filter", "X-Bcc: a@b.test", "Subject: redirect", "", "x"])
    put(mta, "nothing after a rejection", [*PLAIN, "X-Reject: first", "X-Reject: second", "", "reject text"])
    put(mta, "nothing after a pass", [*PLAIN, "Subject: pass", "X-Reject: second", "", "reject text"])
    put(mta, "not asked to check", [*PLAIN, "X-Reject: no", "", "reject text"], flags=HOLD | MAP)
    put(mta, "smtpd's wishes", [*PLAIN, "Subject: filter", "X-Bcc: z@virt.test", "", "x"],
        extracted=[("L", "smtp:[127.0.0.9]:1"), (">", "red@virt.test"), ("R", "more@virt.test")])
    bare = (("T", "1795247898 402779"), ("S", ""), ("R", "u1@virt.test"), ("R", "u2@virt.test"))
    put(mta, "nothing known of the client", ["Received: from x", "X-Warn: y", "", "x"], envelope=bare)
    late = (("T", "1795247898 402779"), ("S", "a@b.test"))
    put(mta, "no recipient yet", ["Received: from x", "X-Warn: y", "Subject: bcc", "", "x"], envelope=late,
        extracted=[("R", "u1@virt.test")])
    put(mta, "copies without recipients", ["Received: from x", "Subject: bcc", "", "x"], envelope=late)
    put(mta, "held by the client already", [*PLAIN, "Subject: hold", "", "x"])
    put(mta, "many lines replaced", [*PLAIN, "Subject: replace to", "Subject: replace", "Subject: strip", "", "x"])


MIME_RULES = {"primary": "/./ INFO header\n", "mime": "/^X-Mime-Warn/ WARN mime\n/name=/ REPLACE Content-Type: text/x-replaced\n"
              "/^X-Gone/ IGNORE\n/^X-Pre/ PREPEND X-Prepended: y\n/./ INFO mime\n",
              "nested": "/^X-Gone/ STRIP\n/./ INFO nested\n", "lines": "/./ INFO line\n"}
MIME_MAIN = ("header_checks = regexp:@CONF@/primary\nmime_header_checks = regexp:@CONF@/mime\n"
             "nested_header_checks = regexp:@CONF@/nested\nbody_checks = regexp:@CONF@/lines\n")
MIME = """Received: from x
Subject: s
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"
Content-Description: d
X-Gone: but not here

preamble
--outer
Content-Type: text/plain;
 name="a.exe"
X-Gone: 1
X-Pre: 1

text one
 indented
--outer
X-Mime-Warn: y

text two
--outer
Content-Type: message/rfc822

From: inner
X-Gone: 2
Content-Type: multipart/alternative; boundary=inner

inner preamble
--inner

no headers
--inner
Content-Type: image/gif; name=b

R0lGOD
--inner--
inner epilogue
--outer
Content-Type: multipart/digest; boundary=dig

--dig

Subject: digested

digest text
--dig--
--outer
not a header
Content-Type: text/plain; name=c
--outer--
epilogue
--outer
after the end""".split("\n")


@scenario(main=MIME_MAIN, files=MIME_RULES)
def parts_of_a_message(mta):
    put(mta, "parts", MIME)
    put(mta, "cut short in a header", MIME[:10])
    put(mta, "cut short in a body", MIME[:15])
    put(mta, "headers only", MIME[:5])


@scenario(main=MIME_MAIN + "disable_mime_input_processing = yes", files=MIME_RULES)
def parts_that_are_not_looked_for(mta):
    put(mta, "parts", MIME)


@scenario(main=MIME_MAIN + "mime_nesting_limit = 1\nmime_boundary_length_limit = 4\nheader_size_limit = 60\n"
          "body_checks_size_limit = 20", files=MIME_RULES)
def limits_of_what_is_checked(mta):
    put(mta, "parts", MIME)
    put(mta, "after the last part", ["Received: from x", "Content-Type: multipart/mixed; boundary=abcd", "", "--abcd", "",
                                     "nine lett", "ten letter", "--abcd--", "twelve lettr", "then", "nothing", "else"])
    put(mta, "long header", ["Received: from x", "Subject: " + "long " * 20, "X: " + "y" * 40, " " + "z" * 40, " more", "",
                             *(f"line {n}" for n in range(9)), "", "end"])


@scenario(main="header_checks = regexp:@CONF@/rules, regexp:@CONF@/more\nnested_header_checks =\nmime_header_checks =",
          files={"rules": RULES, "more": "/^Subject: s$/ WARN of the second table\n/^(Content-)/ WARN $1\n"})
def which_tables(mta):
    put(mta, "both tables", [*PLAIN, "Subject: s", "X-Warn: first table", "", "x"])
    put(mta, "no MIME checks", MIME)


@scenario(main="header_checks = hash:@CONF@/exact, static:DUNNO", files={})
def exact_keys(mta):
    mta.table("exact", "Subject:\\ exact REJECT an exact key\nsubject:x WARN\n")
    put(mta, "exact", [*PLAIN, "Subject: exact", "", "x"])


@scenario(main="header_checks = fail:later", ignore="^postfix/cleanup .*(tcp|connect)")
def a_table_that_cannot_answer(mta):
    put(mta, "no answer", [*PLAIN, "Subject: s", "", "x"])


class TcpTable:
    """tcp_table(5): answers as the rules above do."""

    def __init__(self, mta, rules):
        self.rules = [re.match(r"/(.*?)/ (.*)", line).groups() for line in rules.split("\n") if line]
        self.connections = 0
        self.listener = socket.create_server((mta.room.address(60), 2600), reuse_port=True)
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        with peer, peer.makefile("rb") as lines:
            for line in lines:
                key = urllib.parse.unquote(line.decode()[4:-1])
                found = [value for pattern, value in self.rules if re.search(pattern, key, re.I)]
                if found[:1] == ["LATER"]:
                    peer.sendall(b"400 later\n")
                else:
                    peer.sendall(b"200 " + urllib.parse.quote(found[0]).encode() + b"\n" if found else b"500 no\n")


SLOW = ("/^Subject: s$/ PREPEND X-Before: one\n/^To:/ REPLACE Cc: bare, x@y.test\n/^X-Gone/ IGNORE\n/^X-Reject/ REJECT no\n/^X-Pass/ PASS\n"
        "/^Content-Type/ WARN mime\n/^drop/ IGNORE\n/^new/ REPLACE newer\n/^before/ PREPEND in front\n/^stop/ REJECT stop\n/^X-Later/ LATER\n"
        "/^From:/ DUNNO\n")


@scenario(main="header_checks = tcp:@NET@.60:2600\nbody_checks = tcp:@NET@.60:2600", ignore="postfix/cleanup warning: .*(400|LATER|tcp)")
def tables_that_make_wait(mta):
    with TcpTable(mta, SLOW) as table:
        put(mta, "changes", [*PLAIN, "Subject: s", "X-Gone: y", "Reply-To: bare", "", "drop", "new", "before", "", "end"])
        put(mta, "no separator", [*PLAIN, "Subject: s", "before the body", "drop"])
        put(mta, "parts", MIME)
        put(mta, "rejected", [*PLAIN, "X-Reject: y", "X-Later: y", "", "stop"])
        put(mta, "rejected late", [*PLAIN, "", "new", "stop", "new"])
        put(mta, "passed", [*PLAIN, "X-Pass: y", "X-Reject: y", "", "stop"])
        put(mta, "later", [*PLAIN, "X-Later: y", "", "x"])
        put(mta, "pieces", [*PLAIN, "", ("L", "new"), ("L", "drop"), "end", ("L", "drop"), "x"])
        with mta.smtp() as s:
            s.mail("a@b.test", "u1@virt.test", "Subject: s\nTo: x\n\n" + "drop\nnew\n" * 300)
            s.mail("a@b.test", "u1@virt.test", "Subject: s\n\n" + "new\n" * 300 + "stop\n" + "new\n" * 3000)
            s.command("QUIT")
        mta.settle()
        mta.note_mail("u1", mta.virtual("u1"))
        check(table.connections < 100, f"{table.connections} connections for thousands of lookups")


@scenario(**TABLES)
def replies_at_the_end_of_data(mta):
    for subject in ("reject", "reject text", "reject code", "reject later", "reject well",
                    "reject reply", "discard", "hold", "redirect", "bcc", "replace", "prepend", "warn", "pass"):
        with mta.smtp(client=128) as s:
            s.mail("carol@remote.test", ["u1@virt.test", "box@virt.test"], f"Subject: {subject}\nTo: bare\n\nx\n")
            s.command("QUIT")
    with mta.smtp(client=128) as s:
        for line in ("reject text", "discard", "redirect"):
            s.mail("carol@remote.test", "u1@virt.test", f"Subject: x\n\n{line}\n")
        s.mail("", "u1@virt.test", "Subject: x\n\nreject text\n", hello="HELO old.test")
        s.command("QUIT")
    mta.settle()
    for box in ("u1", "u2", "box"):
        mta.note_mail(box, mta.virtual(box))


@scenario(**TABLES, ignore="come again|postfix/pickup|service unavailable")
def mail_of_local_users(mta):
    for subject in ("reject", "reject text", "reject later", "discard", "redirect", "replace", "hold"):
        mta.sendmail("-f", "alice@example.test", "u1@virt.test", input=f"Subject: {subject}\n\nx\n")
    mta.sendmail("-f", "alice@example.test", "-t", input="To: u1@virt.test, u2@virt.test\nX-Reject: no\n\nx\n")
    mta.wait_log(r"reject: header X-Reject")
    mta.wait_log(r"come again")
    for path in mta.queue_files("maildrop"):
        path.unlink(missing_ok=True)  # picked up meanwhile
    mta.settle()
    for box in ("u1", "u2"):
        mta.note_mail(box, mta.virtual(box))
    mta.note_mail("alice", mta.local_mail("alice"))
