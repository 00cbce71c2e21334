"""SMTP sessions with one scripted filter (support.milter), whose view of them is noted for comparison."""
from support.milter import MilterServer

HELLO = "EHLO client.test"
FROM = "MAIL FROM:<carol@remote.test>"
TO = "RCPT TO:<u1@virt.test>"
TO2 = "RCPT TO:<u2@virt.test> NOTIFY=NEVER"
MILTER = "smtpd_milters = inet:@NET@.33:8891\nmilter_default_action = tempfail\nmilter_macro_v = one\n"
TEXT = ("Subject: hello\nFrom: carol@remote.test\nX-Long: one\n two\n\tthree\nx-space:   three\nX-Tab:\ttab\n\n"
        "line one\n\nline two\n")


def serve(mta, script=None, **more):
    return MilterServer((mta.room.address(33), 8891), script, **more)


def ended(s):
    return s.transcript[-1].startswith(("S: 421", "S: 521", "S: <EOF>"))


def session(mta, title, script, *commands, text=TEXT, **more):
    """One SMTP session with a filter of its own; what it saw is noted.  Where DATA is refused there is no message."""
    with serve(mta, script, **more) as f:
        with mta.smtp() as s:
            for command in commands or (HELLO, FROM, TO, TO2):
                if not ended(s):
                    s.talk(command)
            if text and not ended(s):
                s.data(text)
            if not ended(s):
                s.talk("QUIT")
        mta.note(title, f.text())


def note_queue(mta, *queues):
    """The held messages as postcat shows them, without what differs by design."""
    mta.settle()
    for number, path in enumerate(sorted(mta.queue_files(*queues), key=lambda p: p.stat().st_mtime), 1):
        shown = mta.must_run("postcat", "-q", path.name, record=False).stdout
        drop = ("message_size:", "pointer_record:", "named_attribute: client_port", "named_attribute: log_client_port", "create_time",
                "message_arrival_time", "padding")
        kept = [line for line in shown.split("\n") if not line.startswith(drop)]
        split = next(i for i, line in enumerate(kept) if line.startswith("*** MESSAGE CONTENTS"))
        extracted = next(i for i, line in enumerate(kept) if line.startswith("*** HEADER EXTRACTED"))
        mta.note(f"message {number}: envelope", "\n".join(sorted(kept[:split] + kept[extracted:])))
        mta.note(f"message {number}: content", "\n".join(kept[split:extracted]))
