"""sendmail -bs: a session on standard input and output, whose mail goes through the maildrop."""
from support.compare import scenario


@scenario
def stand_alone_session(mta):
    mta.sendmail("-bs", user="alice" if mta.room.private else None, input=(
        "EHLO client.test\r\nMAIL FROM:<carol@remote.test>\r\nRCPT TO:<u1@virt.test>\r\n"
        "RCPT TO:<nosuch@virt.test>\r\nRSET\r\nMAIL FROM:<carol@remote.test>\r\nRCPT TO:<u1@virt.test>\r\nDATA\r\n"
        "Subject: by hand\r\n\r\nbody\r\n.\r\nQUIT\r\n"))
    mta.wait_log("status=sent")
    mta.note_mail("u1", mta.virtual("u1"))
