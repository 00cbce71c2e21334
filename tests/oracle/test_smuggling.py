"""SMTP smuggling: what looks like an end of data to one server and not to the next; and clients that do not
wait for replies."""
import itertools

from support import check
from support.compare import scenario

HELLO = "EHLO client.test"
ENVELOPE = ("MAIL FROM:<carol@remote.test>", "RCPT TO:<u1@virt.test>")
SMUGGLED = b"MAIL FROM:<evil@remote.test>\r\nRCPT TO:<u2@virt.test>\r\nDATA\r\nSubject: smuggled\r\n\r\ngot you\r\n"
BEFORE = (b"\r\n", b"\n", b"\r", b"\r\n\0", b"\0\r\n", b"\r\r\n")
AFTER = (b"\r\n", b"\n", b"\r", b"\0\r\n", b"\r\0\n", b"\r\r\n")
VARIANTS = [end for end in (before + b"." + after for before, after in itertools.product(BEFORE, AFTER)) if b"\r\n.\r\n" not in end] + [
    b"\r\n..\r\n", b"\n..\n", b"\r\n. \r\n", b"\r\n.\x0b\r\n", b"\r\n.\t\r\n", b"\r\n.\r \n"]
LENIENT = ("smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000\nsmtpd_hard_error_limit = 1000\n"
           "smtpd_forbid_unauth_pipelining = no\n")


def smuggle(mta):
    check(len(VARIANTS) == 39, len(VARIANTS))
    for variant in VARIANTS:
        with mta.smtp() as s:
            s.talk(HELLO, *ENVELOPE, "DATA")
            s.send(b"Subject: outer\r\n\r\nabc" + variant + SMUGGLED + b".\r\nQUIT\r\n", repr(variant))
            while s.read_line() is not None:
                pass
    mta.settle()
    for user in ("u1", "u2"):
        mta.note_mail(user, mta.virtual(user))


for mode in ("no", "normalize", "reject"):
    name = f"ends_of_data_{mode}"
    globals()[name] = scenario(main=LENIENT + f"smtpd_forbid_bare_newline = {mode}\n",
                               ignore="improper command pipelining|message-id=<>")(smuggle)
    globals()[name].__name__ = name


STRICT = "smtpd_error_sleep_time = 0\nsmtpd_forbid_unauth_pipelining = yes\n"
EAGER = (b"EHLO c.test\r\nNOOP\r\n", b"HELO c.test\r\nMAIL FROM:<a@b.test>\r\n", b"NOOP\r\nNOOP\r\n", b"RSET\r\nRSET\r\n",
         b"FOO\r\nNOOP\r\n", b"VRFY u1\r\nNOOP\r\n", b"QUIT\r\nNOOP\r\n", b"MAIL FROM:<a@b.test>\r\nQUIT\r\n", b"\r\nNOOP\r\n",
         b"RSET\r\nQUIT\r\n")


def eager(mta):
    for hello in (None, "HELO client.test", HELLO):
        for burst in EAGER:
            with mta.smtp() as s:
                if hello:
                    s.command(hello)
                s.send(burst)
                s.socket.shutdown(1)
                while s.read_line() is not None:
                    pass
    with mta.smtp() as s:
        s.talk(HELLO)
        s.send("".join(line + "\r\n" for line in (*ENVELOPE, "DATA", "Subject: x", "", "x", ".", "QUIT")))
        s.socket.shutdown(1)
        while s.read_line() is not None:
            pass
    mta.settle()
    mta.note_mail("u1", mta.virtual("u1"))


@scenario(main=STRICT)
def clients_that_do_not_wait(mta):
    eager(mta)


@scenario(main=LENIENT)
def clients_that_need_not_wait(mta):
    eager(mta)


@scenario(main=LENIENT + "smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_reject_code = 521\n"
          "smtpd_forbid_bare_newline_exclusions = @NET@.129\n")
def bare_newlines_in_commands(mta):
    for client in (128, 129):
        for lines in ("EHLO c.test\n", "NOOP\n", "\n", "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\nNOOP\n",
                      "EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u1@virt.test>\r\nRCPT TO:<u2@virt.test>\nRSET\n",
                      "FOO\n", "EHLO c.test\r\nBDAT 3\n", "DATA\n"):
            with mta.smtp(client=client) as s:
                s.send(lines + "QUIT\r\n")
                while s.read_line() is not None:
                    pass
    mta.settle()
