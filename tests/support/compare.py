"""Runs one scenario on two mail systems and compares everything that came out.

    @scenario
    def unknown_recipient(mta):
        with mta.smtp() as s:
            s.talk("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<nobody@example.test>")

A scenario does not say what it expects: the transcripts of its SMTP sessions, the outputs of its
commands, the log lines and whatever it gives to mta.note() are recorded on both sides, freed of
what must differ (queue ids, dates, pids, ports, delays), and must then be equal.  It may also
assert what must hold on any side, with plain `check`.

`tests/run --ours MIX` says what stands for ours: "ours", "postfix" (the harness against itself)
or "postfix+smtpd,cleanup" (a real Postfix with those of ours).
"""
import concurrent.futures
import contextlib
import difflib
import functools
import re

from support import check, maillog, mix_of, ours
from support.instance import Instance

_pairs = {}
LOG_IGNORE = (r"^postfix/(master|postfix-script|anvil|postlogd|scache|tlsmgr) |"
              r"file system clock is|resetting file time stamps")


class Side(Instance):
    """An instance that also records what scenarios note."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.notes = []

    def note(self, name, value):
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        self.notes.append((name, str(value)))

    @contextlib.contextmanager
    def sink(self, host=31, port=2525, **script):
        """A scripted SMTP server at NET.host; what it got is noted at the end."""
        from support.sink import SmtpSink
        server = SmtpSink(self.room.address(host), port, script)
        try:
            yield server
        finally:
            server.stop()
        self.note(f"commands at the sink {host}", "\n".join(server.commands))
        for number, got in enumerate(server.transactions, 1):
            self.note(f"message {number} at the sink {host}",
                      "\n".join([got.helo, got.mail, *got.rcpts, ""]) + got.data.decode("latin-1"))

    def forget_mail(self):
        """Empties queue and mailboxes behind the system's back, for the next scenario."""
        for path in self.queue_files("incoming", "active", "deferred", "hold", "maildrop", "defer",
                                     "bounce", "trace", "corrupt"):
            path.unlink(missing_ok=True)
        self.empty_mailboxes()

    def note_mail(self, name, messages):
        self.note(f"{name}: number of messages", len(messages))
        clean = Normaliser(self)
        for number, text in enumerate(sorted(clean(m.decode("latin-1")) for m in messages), 1):
            self.note(f"{name}: message {number}", text)

    def mark(self):
        super().mark()
        self.notes = []


def pair(**options):
    """(reference, ours), started; shared by the scenarios of a file that want the same options."""
    key = repr(sorted(options.items()))
    if key not in _pairs:
        kind, swap = mix_of(ours())
        both = Side("postfix", **options), Side(kind, swap, **options)
        while len(_pairs) >= 3:  # the oldest make room
            for side in _pairs.pop(next(iter(_pairs))):
                side.stop()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Side.start, both))
        _pairs[key] = both
    return _pairs[key]


def scenario(function=None, *, log=True, ignore=None, transcripts=True, **options):
    """Makes a test of a scenario; options go to Instance (main=, master=, aliases=, files=).
    log=False leaves the log out of the comparison, ignore= its lines that match."""
    if function is None:
        return functools.partial(scenario, log=log, ignore=ignore, transcripts=transcripts, **options)

    def test():
        sides = pair(**options)
        records, id_lengths = [], set()
        for side in sides:
            side.mark()
            try:
                function(side)
                side.settle()
                if side is sides[1]:
                    side.check_sane()
                records.append(record_of(side, log, ignore, transcripts))
                id_lengths |= id_lengths_of(side)
            finally:
                side.forget_mail()
        if len(id_lengths) > 1:
            # Headers carry queue ids, so that sizes differ where those of the files' inodes do.
            records = [[(name, re.sub(r"\bsize=\d+", "size=N", text)) for name, text in record]
                       for record in records]
        compare(*records)

    test.__name__ = function.__name__
    test.__doc__ = function.__doc__
    test.is_test = True
    test.seconds = getattr(function, "seconds", 60)
    return test


def id_lengths_of(side):
    """How many characters the queue ids in the log have."""
    return {len(found) for line in side.log()
            for found in re.findall(rf"^({maillog.QUEUE_ID}):", line.text)}


def record_of(side, log, ignore, transcripts):
    """[(name, normalised text)] of everything that happened on a side."""
    clean = Normaliser(side)
    record = []
    if transcripts:
        for number, transcript in enumerate(side.transcripts, 1):
            record.append((f"SMTP session {number}", clean("\n".join(transcript))))
    for output in side.outputs:
        record.append((clean(" ".join(output.argv)), clean(str(output))))
    for name, value in side.notes:
        record.append((name, clean(value)))
    if log:
        record.append(("log", "\n".join(log_lines(side, clean, ignore))))
    return record


def log_lines(side, clean, ignore):
    """Log lines without date, host and pid, sorted: processes write in any order."""
    lines = []
    for line in side.log():
        text = clean(f"{line.tag} {line.text}")
        if "warning:" in text and text in lines:
            continue  # how often the same thing is remarked depends on who asks whom
        if not re.search(LOG_IGNORE, text) and not (ignore and re.search(ignore, text)):
            lines.append(text)
    return sorted(lines)


def numbered(record):
    """Names that come more than once get a number from the second on."""
    seen, out = {}, []
    for name, text in record:
        seen[name] = seen.get(name, 0) + 1
        out.append((f"{name} ({seen[name]})" if seen[name] > 1 else name, text))
    return out


def compare(reference, ours_record):
    wrong = []
    reference, ours_record = numbered(reference), numbered(ours_record)
    here_by_name = dict(ours_record)
    names, names_here = [name for name, _ in reference], [name for name, _ in ours_record]
    if names != names_here:
        wrong.append(f"only there: {[n for n in names if n not in names_here]}, "
                     f"only here: {[n for n in names_here if n not in names]}")
    for name, there in reference:
        here = here_by_name.get(name, there)
        if there != here:
            diff = difflib.unified_diff(there.split("\n"), here.split("\n"), "postfix", "ours",
                                        lineterm="", n=3)
            wrong.append(f"{name} differs:\n" + "\n".join(diff))
    if wrong:
        raise AssertionError("\n".join(wrong))


MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"


def short_ids(side):
    """Queue ids of fewer digits than the general rule wants, where files have small numbers: those in the log."""
    ids = {line.id for line in side.log() if 6 <= len(line.id) < 9}
    return [(re.compile(rf"(?<![\w.@-])(?:{'|'.join(sorted(ids))})(?![\w@-])"), "QID"),
            (re.compile(rf"STAMP\.(?:{'|'.join(sorted(ids))})@"), "STAMP.QID@")] if ids else []


class Normaliser:
    """Replaces what differs between two right answers by a word that says what stood there."""

    def __init__(self, side):
        place = re.escape(str(side.root))
        net = re.escape(side.room.net)
        # Berkeley DB's own remarks on standard error are not the programs'.
        # The harness sets requiretls_enable, which only ours knows.
        self.rules = [(re.compile(r"(?m)^BDB\d+ .*\n|\n[^\n]*\brequiretls_enable ?= ?no$"), "")] + [(re.compile(pattern), new) for pattern, new in (
            # The words to people in a notification are our own.
            (r"(?s)(This is the mail system at host [^\n]*\n).*?(?= {19}The mail system\r?\n)", r"\1WORDS\n"),
            (place, "ROOT"),
            (re.escape(side.address) + r"\b", "SERVER"),
            (rf"{net}\.", "NET."),
            (rf"(?:{DAYS}), [ \d]\d (?:{MONTHS}) \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}} \(\w+\)", "DATE"),
            (rf"(?:{DAYS}), [ \d]\d (?:{MONTHS}) \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}}", "DATE-WITHOUT-ZONE"),
            (rf"(?:{DAYS}) (?:{MONTHS}) [ \d]\d \d\d:\d\d:\d\d(?: \d{{4}})?", "DATE-C"),
            (rf"(?m)^(?:{MONTHS}) [ \d]\d \d\d:\d\d:\d\d", "DATE-LOG"),
            (r"delay=\d+(?:\.\d+)?, delays=\d+(?:\.\d+)?(?:/\d+(?:\.\d+)?){3}", "delay=N, delays=N/N/N/N"),
            (rf"<\d{{14}}\.({maillog.QUEUE_ID})@", r"<STAMP.\1@"),
            (r"\b\d{10}\.P\d+\.", "TIME.PID."),
            (r"\b\d{10}\.V[0-9a-f]+I[0-9a-f]+M\d+\.", "TIME.FILE."),
            (r"\.P\d+\.", ".PID."),
            (rf"(deferred|defer)/[0-9A-F]/(?={maillog.QUEUE_ID})", r"\1/X/"),
            (rf"\b{maillog.QUEUE_ID}\.\d{{9,11}}/", "QID.TIME/"),
            (rf"(?<![\w.@-])[0-9A-F]{{9,15}}(?![\w@-])", "QID"),
            (r"\b(?=\w*\d)[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,11}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{3,8}\b",
             "LONGID"),
            (r"STAMP\.[0-9A-F]{9,15}@", "STAMP.QID@"),
            (r"(?<=[a-z])\[\d+\]:", "[PID]:"),
            (r"pid=\d+|pid \d+", "pid=PID"),
            (r"(?<=[\dR]\]):?\d{4,5}\b", ":PORT"),  # of a client, in postscreen's words
            (r"\b(HANGUP|PREGREET \d+) after [\d.]+ from", r"\1 after N from"),
        )] + short_ids(side)

    def __call__(self, text):
        for pattern, new in self.rules:
            text = pattern.sub(new, text)
        return text
