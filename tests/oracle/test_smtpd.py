"""Replies of the SMTP server, command by command."""
from support import check
from support.compare import scenario


@scenario
def greeting_and_hello(mta):
    with mta.smtp() as s:
        s.talk("EHLO client.test", "HELO client.test", "EHLO", "HELO", "EHLO  two words", "NOOP",
               "NOOP foo", "RSET", "RSET x", "QUIT")


@scenario
def mail_to_maildir(mta):
    mta.mail("carol@remote.test", "u1@virt.test", "Subject: one\n\nhello\n")
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))
    check(len(mta.virtual("u1")) == 1, "one message in u1")
