"""docs/: every command of the documents, typed in their order on a machine of its own.

A block that begins with ```sh is one that a reader types.  What cannot be as in the document stands in STAND_INS."""
import os
import re
import subprocess

from support import ROOT, check, count_cases, equal
from support.package_root import HOST, REPOSITORY, Machine, built, installing, layers

CERTIFICATE = (f"mkdir -p /etc/letsencrypt/live/{HOST} && cd /etc/letsencrypt/live/{HOST} && openssl req -x509 -nodes -newkey rsa:2048 "
               f"-days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} -keyout privkey.pem -out fullchain.pem")
# The beginning of a line -> what is run in its place: there are no packages to download beforehand, and no authority that knows the machine.
STAND_INS = (("cd build/deb", ":"), ("dpkg-deb -x", f"cd /{REPOSITORY} && dpkg-deb -x postfix_*_amd64.deb /root/relais"),
             ("apt install certbot", ":"), ("certbot certonly", CERTIFICATE))
PASSWORD = "correct horse battery"


def blocks(document):
    """The commands of each block, with the names of the test's machine."""
    text = (ROOT / "docs" / document).read_text().replace("mail.example.com", HOST).replace("example.com", "example.test")
    return re.findall(r"^```sh\n(.*?)^```$", text, re.S | re.M)


def packages(arguments):
    """"./relais_*.deb" -> "relais": the machine's apt has ours in a repository."""
    return re.sub(r"\./([a-z0-9-]+)_\*\.deb", r"\1", arguments)


def typed(mx, line):
    for beginning, other in STAND_INS:
        if line.startswith(beginning):
            return mx.run(other)
    if line.startswith("apt install "):
        return mx.apt(packages(line.removeprefix("apt ")))
    if line.startswith("apt-get satisfy "):
        return mx.apt(f"satisfy \"$(cd /{REPOSITORY} && dpkg-deb -f postfix_*_amd64.deb Depends)\"")
    return mx.run(line)


def type_block(mx, block):
    """What each line says; a line that ends in a backslash goes on in the next one."""
    said = []
    for line in block.replace("\\\n", " ").splitlines():
        said.append(typed(mx, line))
        count_cases(1)
    return "".join(said)


def type_all(mx, document, between=None):
    """`between`: what to do before the block with this number."""
    said = []
    for number, block in enumerate(blocks(document)):
        if between and number in between:
            between[number]()
        said.append(type_block(mx, block))
    return said


def test_links_between_documents():
    """Each leads somewhere in the sources, and in the package of the documents, which has the same tree."""
    listed = subprocess.run(["dpkg-deb", "-c", next(path for path in built() if path.name.startswith("relais-doc_"))],
                            capture_output=True, text=True, check=True).stdout
    packed = set(re.findall(r"\./usr/share/doc/relais/(\S+\.md)$", listed, re.M))
    for document in ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").iterdir()))):
        check(document in packed, f"{document} is not in {sorted(packed)}")
        for link in re.findall(r"\]\(([^):]+)\)", (ROOT / document).read_text()):
            target = os.path.normpath(os.path.join(os.path.dirname(document), link))
            check((ROOT / target).exists(), f"{document}: {link}")
            check(target in packed or not target.startswith("docs/"), f"{document}: {link} is not in the package")


def test_a_first_server():
    with Machine(*layers(installing("swaks libnet-ssleay-perl libio-socket-ssl-perl curl procps"))) as mx:
        mx.offer()
        arrived = "grep -rq 'Subject: the first one' /srv/mail/anna@example.test/Maildir/new"
        said = type_all(mx, "first-server.md", {6: lambda: mx.wait(arrived)})
        check("auth succeeded" in said[5], said[5])
        check("the first one" in said[6] and "saved mail to INBOX" in said[6], said[6])
        login = f"-au anna@example.test -ap '{PASSWORD}'"
        mx.run(f"swaks --silent 2 --server {HOST} --tls-on-connect -p 465 {login} --from anna@example.test --to postmaster@example.test "
               "--header 'Subject: from the phone'")
        read = f"curl -sk --user 'anna@example.test:{PASSWORD}' 'imaps://{HOST}/INBOX' -X 'SEARCH SUBJECT \"from the phone\"' | grep -q 'SEARCH [0-9]'"
        mx.wait(read)
        refused = mx.attempt(f"swaks --silent 2 --server {HOST} --tls-on-connect -p 465 --from anna@example.test --to anna@example.test")
        check(refused.returncode, "465 without a login")
        refused = mx.attempt(f"swaks --server {HOST} --from a@b.test --to nobody@example.test")
        check("550 5.1.1" in refused.stdout, refused.stdout)


def test_from_postfix():
    with Machine(*layers(installing("postfix postfix-pcre postfix-mysql swaks iproute2 procps"))) as mx:
        mx.run("postconf -e 'maillog_file = /var/log/mail.log' 'alias_maps = hash:/etc/aliases'; newaliases; postfix start; "
               "postconf -e 'transport_maps = inline:{later.test=smtp:[127.0.0.1]:2}'; postfix reload")
        mx.run("printf 'Subject: waiting\\n\\nx\\n' | sendmail x@later.test")
        mx.wait("postqueue -p | grep -q later.test")
        mx.offer()
        said = type_all(mx, "from-postfix.md")
        check("no difference found" in said[1], said[1])
        looked = said[3]
        check("relais" in looked.lower() and "the same parameters" in looked and "the same files" in looked and "later.test" in looked, looked)
        mx.wait("grep -q 'after the change' /var/mail/root /var/mail/nobody 2>/dev/null")
        check("later.test" in said[6], said[6])
        equal(mx.attempt("dpkg -l relais | grep -q ^ii").returncode, 1, "relais is gone")
        mx.run("postfix status")


MAILBOX = """
postconf -e 'home_mailbox = Maildir/' 'mydestination = mx.example.test, localhost' 'maillog_file = /var/log/mail.log' 'alias_maps = hash:/etc/aliases' \
    'virtual_mailbox_domains = virt.test' 'virtual_mailbox_maps = inline:{{alice@virt.test=x}}' 'virtual_transport = lmtp:unix:private/dovecot-lmtp'
sed -i 's|^mail_location.*|mail_location = maildir:~/Maildir|' /etc/dovecot/conf.d/10-mail.conf
printf 'auth_username_format = %%Ln\\nservice lmtp {\\n unix_listener /var/spool/postfix/private/dovecot-lmtp {\\n mode = 0666\\n }\\n}\\n' > /etc/dovecot/local.conf
useradd -m alice; echo 'alice:secret' | chpasswd; newaliases
postfix start; dovecot >/dev/null 2>&1
"""


def fetched(mx):
    """UIDs and flags in alice's INBOX, in their order; curl tells each of them twice."""
    said = mx.run("curl -sk --user alice:secret imap://localhost/INBOX -v -X 'UID FETCH 1:* (UID FLAGS)' 2>&1").replace("\\Recent", "")
    return list(dict.fromkeys(re.findall(r"UID \d+ FLAGS \([^)]*\)", said)))


def deliver(mx, subject, to):
    mx.run(f"printf 'Subject: {subject}\\n\\nx\\n' | sendmail -f a@b.test {to}")
    mx.wait(f"grep -rqs '^Subject: {subject}' /home/alice/Maildir")


def test_from_dovecot():
    with Machine(*layers(installing("postfix dovecot-imapd dovecot-pop3d dovecot-lmtpd swaks curl procps"))) as mx:
        mx.run(MAILBOX)
        for number in (1, 2):
            deliver(mx, f"message {number}", "alice")
        mx.run("curl -sk --user alice:secret imap://localhost/INBOX -X 'STORE 1 +FLAGS (\\Flagged \\Seen)'")
        before = fetched(mx)
        mx.offer()
        mx.apt("install relais")
        said = type_all(mx, "from-dovecot.md", {3: lambda: deliver(mx, "by lmtp", "alice@virt.test"), 4: lambda: equal(fetched(mx)[:2], before, "UIDs and flags")})
        check("auth_passdb = { pam: }" in said[1], said[1])
        check("INBOX" in said[3] and "messages=3" in said[3], said[3])
        mx.wait("doveadm -v user alice")
        mx.wait("curl -sk --user alice:secret imap://localhost/INBOX -X 'NOOP'")
        equal(fetched(mx)[:2], before, "UIDs and flags, back at Dovecot")
        deliver(mx, "by Dovecot", "alice")


for test in (test_a_first_server, test_from_postfix, test_from_dovecot):
    test.seconds = 600
