"""Evolix' "Howto Postfix", what users do themselves: .forward, procmail, vacation, and files of a Maildir found by their dates.

What is wrong in it on Debian 12: "exec procmail || exit 75" does not put mail off when procmail is away, as a shell whose exec fails ends."""
from support.howto import CLIENT, IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", *CLIENT,
        *mail_for("bigmail.example", "192.0.2.20")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
myorigin = domain.example
mydestination = $myhostname, localhost, domain.example
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
home_mailbox = Maildir/
recipient_delimiter = +
"""
PROCMAIL = '"| IFS=\' \' && exec /usr/bin/procmail -f- || exit 75"\n'
PROCMAILRC = "MAILDIR=$HOME/Maildir\nDEFAULT=$MAILDIR/\n:0\n* ^Subject: sort me\n.sorted/\n"
VACATION_MESSAGE = """From: John Doe <foo@domain.example>
Subject: John Doe / Example - Absence
Content-Type: text/plain; charset=UTF-8

Je suis en cong\u00e9, veuillez joindre mon coll\u00e8gue.
"""
SWAKS = f"{IN_FAR} swaks -s 198.51.100.1 -h client.example -f jane@client.example --silent 2"


def server():
    site = Site(ZONE, HOST)
    site.write("etc/postfix/main.cf", MAIN)
    site.run("useradd -m foo; useradd -m jdoe; useradd -m proc; newaliases; postfix start")
    far_system(site, "mx.bigmail.example", "192.0.2.20")
    return site


def forward(user, text):
    return f"cat > /home/{user}/.forward <<'END'\n{text}END\nchown {user}: /home/{user}/.forward"


FORWARDING = [
    Typed("everything to another address", forward("foo", "jdoe@bigmail.example\n")),
    Typed("mail", f"{SWAKS} -t foo@domain.example --header 'Subject: one'"),
    Soon("is there", "cat /srv/mx/Maildir/new/*", r"^Delivered-To: foo@domain\.example$(.|\n)*^Subject: one$"),
    Typed("to another address, and a copy here", forward("foo", "\\foo,jdoe@bigmail.example\n")),
    Typed("mail", f"{SWAKS} -t foo+ext@domain.example --header 'Subject: two'"),
    Soon("is there", "cat /srv/mx/Maildir/new/*", r"^Subject: two$"),
    Soon("and here", "cat /home/foo/Maildir/new/*", r"^Delivered-To: foo\+ext@domain\.example$(.|\n)*^Subject: two$"),
    Typed("through procmail", forward("proc", PROCMAIL)),
    Typed("mail", f"for s in 'sort me' 'leave me'; do {SWAKS} -t proc@domain.example --header \"Subject: $s\"; done"),
    Soon("is sorted", "cat /home/proc/Maildir/.sorted/new/*", r"^Subject: sort me$"),
    Soon("or not", "cat /home/proc/Maildir/new/*", r"^Subject: leave me$"),
    Typed("who delivered", "cat /var/log/mail.log",
          r"to=<proc@domain\.example>, relay=local, .*status=sent \(delivered to command:  ?IFS=' ' && exec /usr/bin/procmail -f- \|\| exit 75\)"),
    # A shell whose exec fails is gone before it comes to "exit 75".
    Typed("when procmail is away", "mv /usr/bin/procmail /usr/bin/procmail.away; " + f"{SWAKS} -t proc@domain.example --header 'Subject: never'"),
    Soon("mail is returned", "cat /var/log/mail.log",
          r"to=<proc@domain\.example>, relay=local, .*dsn=5\.3\.0, status=bounced \(Command died with status 127: "),
    Typed("with a shell's own 75", forward("proc", '"| IFS=\' \' && /usr/bin/procmail -f- || exit 75"\n') + f"\n{SWAKS} -t proc@domain.example --header 'Subject: later'"),
    Soon("it is put off", "cat /var/log/mail.log", r"to=<proc@domain\.example>, relay=local, .*dsn=4\.3\.0, status=deferred \(temporary failure"),
    Typed("and comes when procmail is back", "mv /usr/bin/procmail.away /usr/bin/procmail; mailq -q"),
    Soon("indeed", "cat /home/proc/Maildir/new/*", r"^Subject: later$"),
]
ABSENCE = [
    Typed("an absence, and a copy here", forward("jdoe", '\\jdoe,"|/usr/bin/vacation jdoe"\n')),
    Typed("its message", "cat /root/message > /home/jdoe/.vacation.msg; chown jdoe: /home/jdoe/.vacation.msg; su jdoe -c 'cd; vacation -i'"),
    Typed("mail", f"{SWAKS} -t jdoe@domain.example --header 'Subject: hello'"),
    Soon("is here", "cat /home/jdoe/Maildir/new/*", r"^Subject: hello$"),
    Soon("and answered", "cat /srv/mx/Maildir/new/*",
          r"^Delivered-To: jane@client\.example$(.|\n)*^Subject: John Doe / Example - Absence$(.|\n)*^Je suis en congé"),
    Typed("once", f"{SWAKS} -t jdoe@domain.example --header 'Subject: hello again'"),
    Soon("the second", "cat /home/jdoe/Maildir/new/*", r"^Subject: hello again$"),
    Typed("has no answer", "grep -l 'Example - Absence' /srv/mx/Maildir/new/* | wc -l", "^1$"),
    Typed("who has been answered", "su jdoe -c 'cd; vacation -l'", r"jane@client\.example"),
    Typed("another name needs -a", "printf 'john.doe: jdoe\\n' >> /etc/aliases; newaliases; " + forward("jdoe", '\\jdoe,"|/usr/bin/vacation -a john.doe -a jdoe jdoe"\n')),
    Typed("mail to that", f"{SWAKS.replace('jane@', 'june@')} -t john.doe@domain.example --header 'Subject: by name'"),
    Soon("is answered", "cat /srv/mx/Maildir/new/*", r"^Delivered-To: june@client\.example$(.|\n)*Example - Absence$"),
]
DATES = [
    Typed("mail", f"{SWAKS} -t foo@domain.example --header 'Subject: today'; rm -f /home/foo/.forward; {SWAKS} -t foo@domain.example --header 'Subject: today'"),
    Soon("is in the Maildir", "find /home/foo/Maildir/ -type f -newermt yesterday | wc -l", "^[1-9]"),
    Typed("not before it came", "find /home/foo/Maildir/ -type f -newermt 2016-05-18 ! -newermt 2016-09-11 | wc -l", "^0$"),
    Typed("dated when it came", "test $(( $(date +%s) - $(stat -c %Y $(ls -d /home/foo/Maildir/new/* | tail -1)) )) -lt 60"),
    Typed("and seen by nobody else", "stat -c '%a %U' /home/foo/Maildir /home/foo/Maildir/new/*", r"\A700 foo\n(600 foo\n)+\Z"),
]


def test_forwarding():
    with server() as site:
        site.write("home/proc/.procmailrc", PROCMAILRC)
        site.run("mkdir /home/proc/Maildir && chown -R proc: /home/proc")
        walk(site, FORWARDING + DATES)


def test_absence():
    with server() as site:
        site.write("root/message", VACATION_MESSAGE)
        site.run("postconf -e 'transport_maps = inline:{client.example=smtp:[mx.bigmail.example]}' && postfix reload")
        walk(site, ABSENCE)


for test in (test_forwarding, test_absence):
    test.seconds = 300
