"""The page "Serveur email" with users in MariaDB: PostfixAdmin's pages make a domain and mailboxes with Debian's programs running, and
Roundcube is used with ours in their place, both by Chromium.

support/howto_server.py has the configuration, and what of the page is wrong on Debian 12 itself."""
import re

from support import check, count_cases, equal
from support.browser import Browser
from support.howto_server import EXPUNGE, OURS, machine, put, with_database, with_web
from support.webmail import PostfixAdmin, Roundcube

ANNA, BERT = "anna@example.test", "bert@example.test"
SETUP, ADMIN, PASSWORD = "setup pass 12", "admin pass 34", "mot2passe34"
CLIENT = f"curl -s --max-time 20 --user {ANNA}:{PASSWORD}"
# A page says it; Debian's Roundcube talks to localhost:587 without TLS, where nobody may log in.
SUBMISSION = """
$config['smtp_host'] = 'tls://localhost:587';
$config['smtp_conn_options'] = ['ssl' => ['cafile' => '/etc/ssl/certs/mail.pem']];
"""
IMAPPROXY = ("sed -i 's/^server_hostname .*/server_hostname localhost/; s/^listen_port .*/listen_port 1143/; s/^server_port .*/server_port 143/' "
             "/etc/imapproxy.conf")


def administer(mx, browser):
    """setup.php, an administrator, a domain, mailboxes with and without a quota, an alias; the page's "Send Email"."""
    pages = PostfixAdmin(browser, "http://postfixadmin.example.test")
    pages.set_up(SETUP, lambda line: put(mx, "etc/postfixadmin/config.local.php", line + "\n", append=True))
    pages.add_superadmin(SETUP, "admin@example.test", ADMIN)
    pages.log_in("admin@example.test", ADMIN)
    pages.add("domain", "has been added", domain="example.test", mailboxes="0")
    for name, quota in (("anna", "10"), ("bert", "")):
        pages.add("mailbox", "has been added", local_part=name, password=PASSWORD, password2=PASSWORD, name=name.title(), quota=quota)
    pages.add("alias", "has been created", localpart="info", goto=ANNA)
    pages.send(BERT, "from PostfixAdmin")
    mx.wait(f"grep -qs 'from PostfixAdmin' -r /home/vmail/{BERT}")
    mx.wait(f"grep -qs 'Subject: Welcome' -r /home/vmail/{ANNA}")


def look_up(mx):
    """The page's queries, as they stand, through proxymap."""
    for table, key, wanted in (("virtual_alias_maps", "info@example.test", ANNA), ("virtual_domains_maps", "example.test", "example.test"),
                               ("virtual_domains_maps", "other.test", ""), ("virtual_mailbox_maps", ANNA, f"{ANNA}/")):
        equal(mx.attempt(f"postmap -q {key} proxy:mysql:/etc/postfix/{table}.cf").stdout.strip(), wanted, f"{table} {key}")
        count_cases(1)
    # Nothing of the page names this one, so that proxymap does not open it.
    equal(mx.run(f"postmap -q {ANNA} mysql:/etc/postfix/virtual_mailbox_limits.cf").strip(), "10240000", "the quota")
    said = mx.run(f"doveadm user -u {ANNA}; doveadm auth test {ANNA} {PASSWORD}")
    for line in (f"home      : /home/vmail/{ANNA}", f"mail      : maildir:/home/vmail/{ANNA}", "uid       : 5000", "quota     : dirsize:storage=10240000"):
        check(line in said, said)
    check(mx.attempt(f"doveadm auth test {ANNA} wrong").returncode, "a wrong password")


def switch(mx):
    before = mx.run("cd /home/vmail && find . -name '*,*' -o -path '*/new/*' | sort")
    said = mx.apt(f"install {OURS}")
    mx.wait("ss -Hltn 'sport = :993' | grep -q .")
    check("not carried over" not in mx.read("var/lib/postfix/dovecot-import.log").replace("ssl_dh", "").split("10-ssl")[0], said)
    mx.wait(f"{CLIENT} imap://localhost/")
    equal(mx.run("cd /home/vmail && find . -name '*,*' -o -path '*/new/*' | sort"), before, "the mail")


def use_roundcube(mx, browser):
    page = Roundcube(browser, "http://roundcube.example.test")
    page.log_in(ANNA, PASSWORD)
    check("Welcome" in page.subjects(), page.subjects())
    page.create_folder("Work")
    page.write(BERT, "Bonjour déjà vu", "Première ligne\nDeuxième ligne")
    page.write("test@elsewhere.test", "dehors", "par relayhost")
    page.log_out()
    page.log_in(BERT, PASSWORD)
    page.wait_subject("Bonjour déjà vu")
    check("Deuxième ligne" in page.read("Bonjour déjà vu"), "what is read")
    page.flag()
    subject, quoted = page.answer("Merci !\n")
    equal((subject, "> Deuxième ligne" in quoted), ("Re: Bonjour déjà vu", True), "the answer")
    page.log_out()
    page.log_in(ANNA, PASSWORD)
    page.wait_subject("Re: Bonjour déjà vu")
    check("Merci !" in page.read("Re: Bonjour déjà vu"), "the answer is read")
    page.move("Re: Bonjour déjà vu", "Work")
    page.open_folder("Work")
    page.wait_subject("Re: Bonjour déjà vu")
    equal(page.subjects(), ["Re: Bonjour déjà vu"], "in the other folder")
    page.open_folder()
    equal(page.search("Welcome"), ["Welcome"], "what is found")
    page.open_folder()
    page.read("Welcome")
    page.delete("Welcome")
    page.open_folder("Sent")
    page.wait_subject("Bonjour déjà vu")
    equal(sorted(page.subjects()), ["Bonjour déjà vu", "dehors"], "what was sent")
    page.log_out()
    count_cases(9)


def look_at_maildirs(mx):
    flags = {}
    for line in mx.run("cd /home/vmail && find . -path '*/cur/*' -o -path '*/new/*'").splitlines():
        folder = re.match(rf"\./(anna|bert)@example.test/(?:\.(\w+)/)?", line)
        subject = re.search(r"(?m)^Subject: (.*)$", mx.read(f"home/vmail/{line}"))[1]
        flags[folder[1], folder[2] or "INBOX", re.sub(r"=\?.*", "encoded", subject)] = line.partition(":2,")[2]
    equal(flags.get(("bert", "INBOX", "encoded")), "FRS", f"flagged, answered and read: {flags}")
    answer = "Re: encoded" if ("anna", "Work", "Re: encoded") in flags else "encoded"  # as Roundcube encodes it
    equal(flags.get(("anna", "Work", answer)), "S", f"moved: {flags}")
    check(("anna", "Trash", "Welcome") in flags and ("anna", "INBOX", "Welcome") not in flags, f"deleted: {flags}")
    check(("anna", "Sent", "encoded") in flags and ("bert", "Sent", answer) in flags, f"sent: {flags}")


def look_at_logs(mx, was):
    """Roundcube logs in for each click; nobody minds."""
    log = mx.read("var/log/mail.log")[was:]
    logins = len(re.findall(r"imap-login: Login: user=<(?:anna|bert)@example\.test>, method=PLAIN, rip=(?:127\.0\.0\.1|::1),", log))
    check(logins >= 20, f"{logins} logins")
    equal(log.count("Disconnected: Logged out in="), logins, "each of them is ended")
    complaints = [line for line in log.splitlines() if re.search(r"(?i): (warning|error|fatal|panic): ", line)]
    equal(complaints, [], "complaints")
    errors = mx.run("cat /var/log/roundcube/errors* 2>/dev/null; true")
    equal(errors, "", "Roundcube's errors")


def tell_quotas(mx):
    """What user_query makes of PostfixAdmin's column, once quotas are on; in it are bytes, and the page takes them for kilobytes."""
    mx.run("postconf -e 'quota_root_name = User quota'; postfix reload")
    mx.wait(f"{CLIENT} imap://localhost/INBOX -X 'GETQUOTAROOT INBOX' | grep -q 'STORAGE [0-9]* 10240000'")
    for user, limit in ((ANNA, "10240000"), (BERT, "-")):
        said = mx.run(f"doveadm -f tab quota get -u {user}")
        check(re.search(rf"User quota\tSTORAGE\t\d+\t{limit}\t", said), said)
        count_cases(1)


def fail_to_send_without_tls(mx, browser):
    """The page's error: smtp_pass is set, and the port offers no logins; without it Roundcube sends as the machine itself."""
    put(mx, "etc/roundcube/config.inc.php", "$config['smtp_host'] = 'localhost:25';\n", append=True)
    page = Roundcube(browser, "http://roundcube.example.test")
    page.log_in(ANNA, PASSWORD)
    check("Authentication failed" in (said := page.fail_to_write(BERT, "not sent", "x")), said)
    mx.wait("grep -q 'SMTP server does not support authentication' /var/log/roundcube/errors*")
    put(mx, "etc/roundcube/config.inc.php", "$config['smtp_user'] = '';\n$config['smtp_pass'] = '';\n", append=True)
    page.write(BERT, "sent by the machine", "x")
    mx.wait(f"grep -qs '^Subject: sent by the machine' -r /home/vmail/{BERT}")
    page.log_out()


def with_imapproxy(mx, browser):
    """Keeps the connection for Roundcube: one login for many."""
    mx.run(f"{IMAPPROXY}; service imapproxy start")
    mx.wait(f"curl -s --max-time 5 --user {BERT}:{PASSWORD} imap://localhost:1143/")
    was = len(mx.read("var/log/mail.log"))
    put(mx, "etc/roundcube/config.inc.php", "$config['imap_host'] = ['localhost:1143'];\n", append=True)
    page = Roundcube(browser, "http://roundcube.example.test")
    page.log_in(ANNA, PASSWORD)
    for _ in range(3):
        page.open_folder("Work")
        page.open_folder()
    page.log_out()
    logins = mx.read("var/log/mail.log")[was:].count(f"Login: user=<{ANNA}>")
    check(1 <= logins <= 5, f"{logins} logins through imapproxy")


def expunge(mx):
    """-A asks for a table that PostfixAdmin does not have; with an iterate_query it does what the page's script is for."""
    put(mx, "root/expunge", EXPUNGE.replace("{users}", ""))
    equal(mx.run("sh /root/expunge").count("Failed to iterate through some users"), 2, "without an iterate_query")
    put(mx, "etc/dovecot/dovecot-sql.conf.ext", "iterate_query = SELECT username AS user FROM mailbox\n", append=True)
    mx.run("postfix reload")
    mx.wait("doveadm user '*' | sort | xargs | grep -q '^anna@example.test bert@example.test$'")
    said = mx.run("sh /root/expunge 2>&1; true")
    check("Failed to iterate" not in said, said)
    equal(mx.run(f"doveadm -f flow mailbox status -u {ANNA} messages Trash").strip(), "Trash messages=1", "what is young stays")
    mx.run("faketime -f +20d sh /root/expunge 2>&1; true")
    equal(mx.run(f"doveadm -f flow mailbox status -u {ANNA} messages Trash").strip(), "Trash messages=0", "what is left in 20 days")


def test_postfixadmin_and_roundcube():
    with machine(web=True) as mx:
        with_database(mx)
        with_web(mx)
        mx.run("setsid smtp-sink -u postfix 127.0.0.1:2525 10 >/dev/null 2>&1 & "
               "postconf -e smtpd_sasl_path=private/auth; postfix start; service dovecot start")
        put(mx, "etc/roundcube/config.inc.php", SUBMISSION, append=True)
        with Browser(mx) as browser:
            administer(mx, browser)
            look_up(mx)
            switch(mx)
            look_up(mx)
            was = len(mx.read("var/log/mail.log"))
            use_roundcube(mx, browser)
            mx.wait("grep -q 'to=<test@elsewhere.test>, relay=out.relay.test.*status=sent' /var/log/mail.log")
            look_at_maildirs(mx)
            look_at_logs(mx, was)
            expunge(mx)
            tell_quotas(mx)
            with_imapproxy(mx, browser)
            fail_to_send_without_tls(mx, browser)


test_postfixadmin_and_roundcube.seconds = 400
