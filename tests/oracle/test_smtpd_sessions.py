"""SMTP sessions made by chance: replies, log lines and mail must be those of Postfix.  RELAIS_TEST_SEEDS says how many."""
import os
import random

from support.compare import scenario

PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 10000\nsmtpd_hard_error_limit = 10000\nsmtpd_junk_command_limit = 10000\n"
MAIN = PATIENT + """smtpd_discard_ehlo_keywords =
smtputf8_enable = yes
fast_flush_domains = virt.test
relay_domains =
smtpd_authorized_verp_clients = static:all
message_size_limit = 3000
virtual_mailbox_domains = virt.test, bücher.test
virtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/ info@bücher.test=u2/}
"""
SENDERS = ("carol@remote.test", "", "jörg@remote.test", "x@ü.test", "a b@c.test", "u1@virt.test")
RECIPIENTS = ("u1@virt.test", "u2@virt.test", "nobody@virt.test", "info@bücher.test", "jörg@virt.test", "x@elsewhere.test", "")
MAIL_OPTIONS = ("", "", "", " SIZE=100", " SIZE=5000", " BODY=8BITMIME", " BODY=7BIT", " SMTPUTF8", " RET=HDRS ENVID=x", " XVERP", " XVERP=+=",
                " FOO=BAR", " SIZE=x")
RCPT_OPTIONS = ("", "", "", " NOTIFY=NEVER", " ORCPT=rfc822;x@y.test", " NOTIFY=x", " FOO")
BODIES = (b"Subject: x\r\n\r\nhello\r\n", b"", b"x", b"\r\n", b"a\nb\r\n", b"Subject: gr\xc3\xbc\xc3\x9fe\r\n\r\n..x\r\n.y\r\n", b"y" * 1500, b"z\r\n" * 600,
          b"a\0b\r\n", b"\r", b"From x\r\n")


class Session:
    """Says something that may make sense at this point, mostly."""

    def __init__(self, seed):
        self.pick, self.utf8 = random.Random(seed), False

    def run(self, s):
        pick = self.pick
        s.command(pick.choice(("EHLO c.test", "EHLO c.test", "HELO c.test", "NOOP")))
        for _ in range(pick.randrange(4, 14)):
            self.step(s)
        s.command("QUIT")

    def step(self, s):
        pick, chance = self.pick, self.pick.random()
        if self.utf8:
            s.command("RSET")  # Postfix takes SMTPUTF8 from a transaction into which another MAIL comes
            self.utf8 = False
        if chance < 0.45:
            self.transaction(s)
        elif chance < 0.65:
            self.chunk(s, self.pick.choice(BODIES), pick.random() < 0.5)
        elif chance < 0.9:
            s.command(pick.choice(("RSET", "NOOP", "NOOP x", "EHLO d.test", "HELO d.test", "VRFY u1@virt.test", "VRFY jörg@virt.test SMTPUTF8",
                                   "VRFY <nobody@virt.test>", "ETRN virt.test", "ETRN #x.test", "ETRN", "FOO", "DATA x", "RSET x", "BDAT 0",
                                   "MAIL FROM:<a@b.test>", "RCPT TO:<u1@virt.test>")))
        else:
            self.pipeline(s)

    def mail(self):
        option = self.pick.choice(MAIL_OPTIONS)
        self.utf8 = "UTF8" in option
        return f"MAIL FROM:<{self.pick.choice(SENDERS)}>{option}"

    def rcpt(self):
        return f"RCPT TO:<{self.pick.choice(RECIPIENTS)}>{self.pick.choice(RCPT_OPTIONS)}"

    def transaction(self, s):
        s.command(self.mail())
        for _ in range(self.pick.randrange(0, 4)):
            s.command(self.rcpt())
        if self.pick.random() < 0.5:
            for _ in range(self.pick.randrange(0, 3)):
                self.chunk(s, self.pick.choice(BODIES), False)
            self.chunk(s, self.pick.choice(BODIES), self.pick.random() < 0.8)
        elif self.pick.random() < 0.8 and s.command("DATA").code == "354":
            s.body(self.pick.choice(BODIES))

    def chunk(self, s, body, last):
        s.send(f"BDAT {len(body)}{' LAST' if last else ''}\r\n".encode() + body, f"BDAT {len(body)}{' LAST' if last else ''}")
        self.end(s, s.read(), last)

    def end(self, s, reply, last=True):
        """Where the last chunk was refused, Postfix 3.7.11 remembers recipients, and dies of the next chunk."""
        if last and not reply.code.startswith("2"):
            s.command("RSET")

    def pipeline(self, s):
        body = self.pick.choice(BODIES)
        lines = [self.mail(), self.rcpt(), self.rcpt()]
        s.send("".join(line + "\r\n" for line in lines).encode() + f"BDAT {len(body)} LAST\r\n".encode() + body, " | ".join(lines) + " | BDAT")
        self.end(s, [s.read() for _ in range(4)][-1])


def talk(mta, seeds):
    for seed in seeds:
        with mta.smtp(client=128 if seed % 3 else 100) as s:
            Session(seed).run(s)
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


COUNT = int(os.environ.get("RELAIS_TEST_SEEDS", 60))
# Notifications do not fit into message_size_limit; messages that are dropped may have come to cleanup, or not; Postfix remarks a large one in other words.
IGNORE = "bounce failed|bounce service: the request|message file too big|message-id=|mail_stream_cleanup|queue file size limit|from=<>, size|improper command pipelining"


@scenario(main=MAIN + "smtpd_forbid_bare_newline = normalize\n", ignore=IGNORE)
def sessions_by_chance(mta):
    talk(mta, range(COUNT))


@scenario(main=MAIN + "smtpd_forbid_bare_newline = no\nstrict_smtputf8 = yes\n", ignore=IGNORE)
def sessions_by_chance_with_bare_newlines(mta):
    talk(mta, range(1000, 1000 + COUNT // 2))
