"""The page "Serveur email" with users in text files: first Debian's programs as configured by it, then ours in their place.

support/howto_server.py has the configuration, and what of the page is wrong on Debian 12 itself."""
import re

from support import check, count_cases, equal
from support.howto_server import EXPUNGE, OURS, PASSWORD, machine, put, with_text_files

USERS = ("user1@example.test", "user2@example.test")
TELNET = ("ehlo localhost", "mail from: root@localhost", "rcpt to: {to}", "data", "Subject: Test", "Test", ".", "quit")
AS_USER = "-k -s --max-time 20 --user {user}:" + PASSWORD


def start(mx):
    with_text_files(mx)
    mx.run("postmap /etc/postfix/transport; postmap /etc/postfix/virtual_mailbox_maps; postmap /etc/postfix/virtual_alias_maps; "
           "postmap /etc/postfix/recipient_bcc_maps; cd /etc/postfix && postmap hash:sender_access")
    mx.run("mkdir -m 1777 /tmp/out; setsid smtp-sink -u postfix -d /tmp/out/%M 127.0.0.1:2525 10 >/dev/null 2>&1 & postfix start; service dovecot start")
    mx.wait("curl -k -s imaps://localhost/ --user user1@example.test:" + PASSWORD)


def by_telnet(mx, to, subject):
    """The page's session, a line at a time."""
    lines = [line.format(to=to).replace("Subject: Test", f"Subject: {subject}") for line in TELNET]
    typed = "; ".join(f"sleep 0.3; echo '{line}'" for line in lines)
    return mx.run(f"( sleep 0.5; {typed}; sleep 0.5 ) | telnet localhost 25 2>&1 || true")


def in_maildir(mx, user, subject):
    mx.wait(f"grep -rqs '^Subject: {subject}$' /home/vmail/{user}")


def switch(mx):
    said = mx.apt(f"install {OURS}")
    check("relais" in mx.run("postconf -hd mail_version"), said)
    mx.wait("ss -Hltn 'sport = :993' | grep -q .")


def refuse_logins_at_its_socket(mx):
    """As the page has smtpd_sasl_path, nobody can log in: Dovecot lets Postfix not in there, and ours is not there."""
    said = mx.attempt(f"swaks --server localhost -p 587 -tls -au user1@example.test -ap {PASSWORD} --quit-after AUTH")
    check(said.returncode, said.stdout)
    mx.wait("grep -q \"Connect to Dovecot auth socket '/var/run/dovecot/auth-client' failed\" /var/log/mail.log")


def log_in(mx):
    for user in USERS:
        mx.run(f"swaks --server localhost -p 587 -tls -au {user} -ap {PASSWORD} --quit-after AUTH")
        said = mx.run(f"curl {AS_USER.format(user=user)} imaps://localhost/ -X 'STATUS INBOX (MESSAGES)'")
        check("MESSAGES" in said, said)
        count_cases(2)
    check(mx.attempt("swaks --server localhost -p 587 -tls -au user1@example.test -ap wrong --quit-after AUTH").returncode, "a wrong password at 587")
    check(mx.attempt("curl -k -s --user user1@example.test:wrong imaps://localhost/").returncode, "a wrong password at 993")
    plain = mx.run("swaks --server localhost --quit-after EHLO")
    check("AUTH" not in plain and "STARTTLS" not in plain, plain)  # the page turns TLS on for port 587 alone


def carry_mail(mx, word):
    """To a user, to an alias, to root by the table, with a copy elsewhere, out by the transport table, refused by the list of senders."""
    said = by_telnet(mx, "user1@example.test", f"{word} telnet")
    check("250 2.1.0 Ok" in said and "queued as" in said and "221 2.0.0 Bye" in said, said)
    in_maildir(mx, "user1@example.test", f"{word} telnet")
    for to, places in (("user3@example.test", USERS[:1]), ("root@example.test", USERS), ("root", USERS)):
        subject = f"{word} to {to}"
        mx.run(f"printf 'Subject: {subject}\\n\\nx\\n' | sendmail -f a@remote.test {to}")
        for user in places:
            in_maildir(mx, user, subject)
    mx.run(f"printf 'Subject: {word} copied\\n\\nx\\n' | sendmail -f a@remote.test user2@example.test")
    mx.run(f"printf 'Subject: {word} out\\n\\nx\\n' | sendmail -f user1@example.test test@elsewhere.test")
    for subject in (f"{word} copied", f"{word} out"):
        mx.wait(f"grep -qs '^Subject: {subject}' /tmp/out/*")
    mx.wait("grep -q 'to=<archive@relay.test>, relay=out.relay.test' /var/log/mail.log")
    count_cases(7)


def refuse_senders(mx):
    mx.run("cp /etc/postfix/main.cf /root/main.cf; postfix reload; "
           "postconf -e 'smtpd_recipient_restrictions = check_sender_access hash:/etc/postfix/sender_access'")
    refused = mx.attempt("swaks --server localhost --from bad@remote.test --to user1@example.test")
    check("554 5.7.1 <bad@remote.test>: Sender address rejected: Access denied" in refused.stdout, refused.stdout)
    mx.run("swaks --silent 2 --server localhost --from good@remote.test --to user1@example.test")
    mx.run("cp /root/main.cf /etc/postfix/main.cf; postfix reload")


def refuse_relaying(mx):
    """Of who is no address of the machine itself."""
    mx.run("ip link add outside type veth peer name inside && ip addr add 192.0.2.1/24 dev inside && ip link set inside up && "
           "(setsid unshare -n sleep 300 & echo $! > /root/outside.pid); sleep 0.5; ip link set outside netns $(cat /root/outside.pid) && "
           "nsenter -n -t $(cat /root/outside.pid) sh -c 'ip link set lo up; ip addr add 192.0.2.9/24 dev outside; ip link set outside up'")
    mx.run("postfix reload")
    swaks = "nsenter -n -t $(cat /root/outside.pid) swaks --server 192.0.2.1 --helo nextcloud.example.test --from user@example.test"
    refused = mx.attempt(f"{swaks} --to user@externalmail.test")
    check("554 5.7.1 <user@externalmail.test>: Relay access denied" in refused.stdout, refused.stdout)
    line = (r"NOQUEUE: reject: RCPT from unknown\[192.0.2.9\]: 554 5.7.1 <user@externalmail.test>: Relay access denied; "
            r"from=<user@example.test> to=<user@externalmail.test> proto=ESMTP helo=<nextcloud.example.test>")
    check(re.search(line, mx.read("var/log/mail.log")), line)
    mx.run(f"{swaks} --to user1@example.test")
    mx.run(f"{swaks} -tls -p 587 -au user1@example.test -ap {PASSWORD} --to user@externalmail.test")
    mx.wait("grep -q 'to=<user@externalmail.test>, relay=out.relay.test' /var/log/mail.log")
    outside = "nsenter -n -t $(cat /root/outside.pid) curl -s --max-time 5"
    check(mx.attempt(f"{outside} --user user1@example.test:{PASSWORD} imap://192.0.2.1/").returncode, "IMAP from outside without TLS")
    refused = mx.attempt(f"printf 'a LOGIN user1@example.test {PASSWORD}\\r\\nb LOGOUT\\r\\n' | {outside} telnet://192.0.2.1:143; true")
    check("LOGINDISABLED" in refused.stdout and "PRIVACYREQUIRED" in refused.stdout, refused.stdout)


def tell_of_a_wrong_owner(mx):
    mx.run("mkdir -p /home/vmail/wrong && mv /home/vmail/user2@example.test /root/ && chown root:root /home/vmail && chmod 700 /home/vmail")
    mx.run("printf 'Subject: no\\n\\nx\\n' | sendmail -f a@remote.test user2@example.test")
    line = "maildir access problem for UID/GID=5000/5000: create maildir file /home/vmail/user2@example.test/tmp/"
    mx.wait(f"grep '{line}' /var/log/mail.log | grep -q 'Permission denied'")
    mx.run("chown vmail:vmail /home/vmail && chmod 750 /home/vmail && mv /root/user2@example.test /home/vmail/ && postqueue -f")
    in_maildir(mx, "user2@example.test", "no")


def make_passwords(mx):
    """The page's four lines; each hash fits, and with each a user can log in."""
    for words, scheme in (("-p password", "{CRYPT}$2y$"), ("-s ssha -p password", "{SSHA}"), ("-s SHA512-CRYPT -p password", "{SHA512-CRYPT}$6$"),
                          ("-s BLF-CRYPT -p password", "{BLF-CRYPT}$2y$")):
        hashed = mx.run(f"doveadm pw {words}").strip()
        check(hashed.startswith(scheme), f"{words}: {hashed}")
        mx.run(f"doveadm pw -t '{hashed}' -p password")
        put(mx, "etc/dovecot/passwd", f"new@example.test:{hashed}\n", append=True)
        mx.wait("doveadm auth test new@example.test password")
        mx.run("sed -i /new@/d /etc/dovecot/passwd")
        count_cases(1)


def expunge(mx):
    """The page's script: users that cannot be listed are an error of -A, and the loop does what it is for."""
    for folder in ("Trash", "Junk"):
        for user in USERS:
            mx.run(f"doveadm mailbox create -u {user} {folder}; printf 'Subject: in {folder}\\n\\nx\\n' | doveadm save -u {user} -m {folder}")
    put(mx, "root/expunge", EXPUNGE.replace("{users}", " ".join(USERS)))
    said = mx.run("sh /root/expunge")
    equal(said.count("User listing returned failure"), 2, said)
    equal(said.count("Error: Failed to iterate through some users"), 2, said)
    equal(left(mx), ["1"] * 4, "what is young stays")
    mx.run("faketime -f +20d sh /root/expunge")
    equal(left(mx), ["0"] * 4, "what is left in 20 days")


def left(mx):
    return [mx.run(f"doveadm -f flow mailbox status -u {user} messages {folder}").strip().rpartition("=")[2]
            for user in USERS for folder in ("Trash", "Junk")]


def same_answers(mx):
    """Commands whose answers must be Dovecot's and Postfix's, before and after; what they answer."""
    said = {}
    for command in ("doveadm mount add /path/folder ignore", "doveadm mount add '/path/*' ignore", "doveadm user '*'",
                    "doveadm user -u user1@example.test", "doveadm log reopen",
                    "doveadm expunge -u nobody@example.test mailbox Trash savedbefore 15d",
                    "postconf -n | grep -Ev '^(auth|imap|login)_'", "postconf -nf >/dev/null",
                    "postmap -q '*' hash:/etc/postfix/transport", "postmap -q user3@example.test hash:/etc/postfix/virtual_alias_maps",
                    "postmap -q bad@remote.test hash:/etc/postfix/sender_access", "postmap /etc/postfix/transport", "postconf -pf >/dev/null",
                    "postconf -df >/dev/null"):
        done = mx.attempt(command)
        text = "usage" if done.stdout.startswith("usage: doveadm") else done.stdout
        said[command] = (done.returncode, text)
    return said


def with_openssl(mx):
    for port, protocol in ((587, "smtp"), (143, "imap")):
        said = mx.run(f"sleep 1 | openssl s_client -connect localhost:{port} -starttls {protocol} -CAfile /etc/ssl/certs/mail.pem -verify_return_error 2>&1")
        check("Verify return code: 0 (ok)" in said, said)
        count_cases(1)
    said = mx.run("(sleep 1; printf 'a LOGOUT\\r\\n'; sleep 1) | openssl s_client -quiet -crlf -connect localhost:993 -CAfile /etc/ssl/certs/mail.pem 2>&1")
    check("* OK [CAPABILITY IMAP4rev1" in said and "* BYE" in said, said)


def test_users_in_text_files():
    with machine() as mx:
        start(mx)
        refuse_logins_at_its_socket(mx)
        mx.run("postconf -e smtpd_sasl_path=private/auth; postfix reload")
        carry_mail(mx, "before")
        before = same_answers(mx)
        switch(mx)
        equal(same_answers(mx), before, "answers")
        equal(before["doveadm mount add /path/folder ignore"], (64, "usage"), "there is no such command in 2.3")
        log_in(mx)
        carry_mail(mx, "after")
        refuse_senders(mx)
        with_openssl(mx)
        make_passwords(mx)
        expunge(mx)
        mx.run("logrotate -f /etc/logrotate.d/dovecot; logrotate -f /etc/logrotate.d/syslog-ng")
        refuse_relaying(mx)
        tell_of_a_wrong_owner(mx)
        log = mx.read("var/log/mail.log").splitlines()
        complaints = [line for line in log if re.search(r"(?i)(dovecot|postfix/(imap|auth|pop3)\S*)\[\d+\].*: (warning|error|fatal|panic): ", line)]
        equal(complaints, [], "what the mailbox server complains about")


test_users_in_text_files.seconds = 400
