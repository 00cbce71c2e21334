"""Our lmtpd, auth and quota-status in a real Postfix: its master starts them, its lmtp delivers to them, its smtpd asks them."""
from support import check, equal
from support.instance import Instance

MAIN = """
virtual_transport = lmtp:unix:public/lmtpd
virtual_mailbox_domains = virt.test
virtual_mailbox_maps = static:any
smtpd_relay_restrictions =
smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/quota-status
auth_users_file = $config_directory/users
imap_mail_location = maildir:~/
quota_root_name = q
quota_rules = *:messages=3
"""
MASTER = """\
lmtpd unix n - n - - lmtpd
auth unix - - n - 1 auth
quota-status unix - - n - - quota-status
"""


def carry(kind, swap, master=MASTER):
    mta = Instance(kind, swap, master=master)
    uid, gid = mta.vmail_ids()
    (mta.conf / "users").write_text("".join(f"{user}@virt.test:{{PLAIN}}x:{uid}:{gid}::{mta.vmail}/{user}::\n" for user in ("u1", "u2")))
    with open(mta.conf / "main.cf", "a") as main:
        main.write(MAIN)
    mta.start()
    mta.mail("carol@example.test", ["u1@virt.test", "u2@virt.test"], "Subject: x\n\n.\ny\n")
    mta.wait_log(r"to=<u[12]@virt.test>, relay=\S+\[public/lmtpd\], .*dsn=2.0.0, status=sent \(250 2.0.0 <u[12]@virt.test> \S+ Saved\)", 2)
    mta.mail("carol@example.test", ["u1@virt.test"], "Subject: x\n\n2\n")
    mta.mail("carol@example.test", ["u1@virt.test"], "Subject: x\n\n3\n")
    mta.wait_log(r"to=<u1@virt.test>.*status=sent", 3)
    with mta.smtp() as session:
        for line, wanted in (("EHLO c.test", 250), ("MAIL FROM:<carol@example.test> SIZE=100", 250), ("RCPT TO:<u2@virt.test>", 250),
                             ("RCPT TO:<u1@virt.test>", 554), ("RCPT TO:<nosuch@virt.test>", 554)):
            reply = str(session.command(line))
            check(str(wanted) in reply, f"{line}: {reply}")
    equal((len(mta.virtual("u1")), len(mta.virtual("u2"))), (3, 1), "messages")
    mta.wait_log(r"RCPT from \S+: 554 5.2.2 <u1@virt.test>: Recipient address rejected: Quota exceeded \(mailbox for user is full\)")
    mta.stop()


def test_in_a_real_postfix():
    carry("postfix", {"lmtpd": "ours", "auth": "ours", "quota-status": "ours"})


def test_the_lmtp_and_the_smtpd_of_postfix_in_ours():
    carry("ours", {"lmtp": "postfix", "smtpd": "postfix"})


def test_all_ours_in_the_jail():
    carry("ours", None, MASTER.replace("lmtpd unix n - n", "lmtpd unix n - y").replace("quota-status unix - - n", "quota-status unix - - y"))
