"""Evolix' "Howto Postfix", the chapters on the queue: every command and every recipe of sed and awk on a queue with mail in all states.

What is wrong in it on Debian 12: the recipe that leaves out mail on its way has a "v" where "^" is meant; `postsuper -d ALL` deletes and
does not reactivate; mail in "hold" is listed with an exclamation mark, so recipes that end their pattern behind the queue ID pass it by."""
import json
import re

from support import check, count_cases, equal
from support.howto import IN_FAR, Site, Soon, Typed, far_system, mail_for, walk

HOST = "hosting.domain.example"
ZONE = [f"{HOST}. A 198.51.100.1", *mail_for("later.example", "192.0.2.20"), "other.example. MX 5 mx.later.example.",
        "full.example. MX 5 mx2.full.example.", "mx2.full.example. A 192.0.2.30",
        *mail_for("silent.example", "192.0.2.40")]
MAIN = f"""
compatibility_level = 3.6
myhostname = {HOST}
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
alias_maps = hash:/etc/aliases
smtp_connect_timeout = 5s
minimal_backoff_time = 1h
maximal_backoff_time = 6h
fast_flush_domains = later.example
"""
FULL = "smtpd_recipient_restrictions = check_recipient_access static:{452 Too many incoming emails for this account}, reject\nsmtpd_delay_reject = yes"
SILENT = 'import socket, time; s = socket.create_server(("192.0.2.40", 25), backlog=500); time.sleep(600)'
# Who is meant: by the local part of the recipient.
MAIL = {"late1": ("user@example.example", "late1@later.example", "deferred"),
        "late2": ("someone@some.where.example", "late2@later.example", "deferred"),
        "late3": ("from@shop.example", "late3@other.example", "deferred"),
        "mail": ("", "mail@full.example", "deferred"),
        "held": ("sender@example.example", "held@other.example", "hold"),
        "going": ("someone@some.where.example", "going@silent.example", "active")}
ID = 'id() { postqueue -j | sed -n "s/.*\\"queue_id\\": \\"\\([^\\"]*\\)\\".*\\"$1@.*/\\1/p"; }\n'


def server():
    site = Site(ZONE, HOST)
    site.write("etc/postfix/main.cf", MAIN)
    far_system(site, "mx2.full.example", "192.0.2.30", FULL)
    site.run(f"{IN_FAR} ip addr add 192.0.2.40/32 dev lo && {{ {IN_FAR} setsid python3 -c '{SILENT}' >/dev/null 2>&1 & }}; newaliases; postfix start")
    return site


def queue(site):
    """Local part of the recipient -> queue."""
    listed = [json.loads(line) for line in site.run("postqueue -j").splitlines()]
    return {recipient["address"].partition("@")[0]: message["queue_name"] for message in listed for recipient in message["recipients"]}


def fill(site):
    site.run("postsuper -d ALL 2>/dev/null; true")
    for name, (sender, to, _) in MAIL.items():
        site.run(f"printf 'Subject: {name}\\n\\nkeyword-{name}\\n' | sendmail -f '{sender or '<>'}' {to}")
    site.wait("test $(postqueue -p | grep -c '^ *(.*)$') -ge 5")
    site.run(ID + "postsuper -h $(id held)")
    wanted = {name: state for name, (_, _, state) in MAIL.items()}
    equal(queue(site), wanted, "the queue as filled")
    return wanted


LOOKS = [
    Typed("all queues", "sendmail -bp", r"^-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n[0-9A-F]+\*  +\d+ \w{3} \w{3} +\d+ [\d:]{8}  someone@some\.where"),
    Typed("in the order active, deferred, hold", "mailq | grep '^[0-9A-F]' | cut -d' ' -f1", r"\A[0-9A-F]+\*\n([0-9A-F]+\n){4}[0-9A-F]+!\n\Z"),
    Typed("with a reason in brackets, and recipients last", "mailq", r"^[0-9A-F]+  +\d+ \w{3} \w{3} +\d+ [\d:]{8}  MAILER-DAEMON\n"
          r" *\(host mx2\.full\.example\[192\.0\.2\.30\] said: 452 .*Too many incoming emails for this account \(in reply to RCPT TO command\)\)\n {41}mail@full\.example\n"),
    Typed("a total", "mailq", r"^-- \d+ Kbytes in 6 Requests\.\n\Z"),
    Typed("a message", ID + "postcat -vq $(id late1)",
          r"(?s)\*\*\* ENVELOPE RECORDS .*named_attribute: .*\*\*\* MESSAGE CONTENTS .*keyword-late1.*\*\*\* HEADER EXTRACTED .*\*\*\* MESSAGE FILE END"),
    Typed("by recipient's domain", "qshape deferred", r"^ +T +5 10 20 40 80 160 320 640 1280 1280\+\n +TOTAL +4 +4 +0 .*\n +later\.example +2 +2 +0"),
    Typed("by sender's", "qshape -s deferred", r"^ +TOTAL +4 .*\n(.*\n)* +MAILER-DAEMON +1 +1 "),
    Typed("of mail on its way", "qshape active", r"^ +TOTAL +1 .*\n +silent\.example +1 "),
    Typed("only the IDs", "mailq | sed -E -n 's/^([[:alnum:]]+)[[:blank:]].*/\\1/gp'", r"\A([0-9A-F]+\n){4}\Z"),
    Typed("which message has a word in it", """keyword="keyword-late2"
ids=$(mailq | sed -E -n 's/^([[:alnum:]]+)[[:blank:]].*/\\1/gp')
for id in $ids; do
  mail_content=$()
  if postcat -q $id | grep -q $keyword; then
    echo "$id contains $keyword"
  fi
done""", r"\A[0-9A-F]+ contains keyword-late2\n\Z"),
    Typed("without mail on its way, as typed", "mailq | sed -E '/v[[:alnum:]]+\\*[[:blank:]]/,+2d'", "going@silent"),
    Typed("and as meant", "mailq | sed -E '/^[[:alnum:]]+\\*[[:blank:]]/,+2d'", r"\A(?!(.|\n)*going@silent)(.|\n)*late1@later"),
    Typed("how many of each sender", "mailq | awk '$1 ~ /^[0-9A-F]+$/ { a[$NF]++ } END { for (i in a) printf \"%d %s\\n\", a[i], i }' | sort -n | sort",
          r"\A1 MAILER-DAEMON\n1 from@shop\.example\n1 someone@some\.where\.example\n1 user@example\.example\n\Z"),
    Typed("and of each sender of all mail", "mailq | awk '/^[0-9A-F]+[*!]? /{a[$NF]++}END{for(i in a)print a[i],i | \"sort -n\"}' | tail -1",
          r"\A2 someone@some\.where\.example\n\Z"),
]
# The command of the document -> what becomes of whom; of nobody else.  "gone" is deleted.
RECIPES = [
    ("postsuper -d $(id late1)", {"late1": "gone"}),
    ("postsuper -d ALL deferred", {"late1": "gone", "late2": "gone", "late3": "gone", "mail": "gone"}),
    ("postsuper -d ALL && mailq -q", dict.fromkeys(MAIL, "gone")),
    ("postsuper -h $(id late2)", {"late2": "hold"}),
    ("postsuper -h ALL", dict.fromkeys(MAIL, "hold")),
    ("postsuper -h ALL deferred", {"late1": "hold", "late2": "hold", "late3": "hold", "mail": "hold"}),
    ("postsuper -H $(id held)", {"held": "deferred"}),
    ("postsuper -H ALL", {"held": "deferred"}),
    ("postsuper -p && postsuper -s", {}),
    (r"mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /user@example\.example/ { print $1 }' | tr -d '*!' | postsuper -h -", {"late1": "hold"}),
    (r"mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /other\.example/ { print $1 }' | tr -d '*!' | postsuper -d -", {"late3": "gone", "held": "gone"}),
    (r"mailq | awk '/^[0-9A-Z]+/&&/from@shop\.example$/{print $1}' | tr -d '*!' | postsuper -h -", {"late3": "hold"}),
    (r"mailq | awk '/^[0-9A-Z]+/&&/some.where\.example$/{print $1}' | tr -d '*!' | postsuper -d -", {"late2": "gone", "going": "gone"}),
    ("cd /root && mailq > mailq.log ; for var in $(grep user@example.example mailq.log | cut -b '1-12'); do postsuper -d $var; done", {"late1": "gone"}),
    (r"mailq | awk '/^[0-9A-F]+[!*]? /&&/someone@some\.where\.example$/{gsub(\"[!*]\", \"\", $1); print $1 | \"postsuper -d -\"}'",
     {"late2": "gone", "going": "gone"}),
    (r"mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /@other\.example$/ { r = $1; gsub(/[!*]/, \"\", r); print r }' | postsuper -d -",
     {"late3": "gone", "held": "gone"}),
    ("mailq | awk '/^[0-9A-F]+/&&/MAILER-DAEMON$/{id=$1} /mail@full.example$/{print id}' | postsuper -d -", {"mail": "gone"}),
]


def test_what_is_in_the_queue():
    with server() as site:
        fill(site)
        walk(site, LOOKS)


def test_recipes():
    with server() as site:
        for command, changes in RECIPES:
            wanted = fill(site) | changes
            said = site.run(ID + command.replace('\\"', '"'))
            wanted = {name: state for name, state in wanted.items() if state != "gone"}
            equal(settled(site, wanted), wanted, f"{command}\n{said}")
            count_cases(1)


def settled(site, wanted):
    """The queue when it is as wanted, or after a while."""
    for _ in range(50):
        if (found := queue(site)) == wanted:
            break
        site.run("sleep 0.1")
    return found


AGAIN = [
    # -r: into maildrop, and through all of it again, with a new ID.
    Typed("deliver one anew", ID + "id late1 > /root/old; postsuper -r $(id late1) 2>&1", r"postsuper: [0-9A-F]+: requeued\n(postsuper: )?Requeued: 1 message"),
    # Not at once, the document says: the next message wakes pickup(8).
    Typed("more mail", "printf 'Subject: more\\n\\nx\\n' | sendmail -f user@example.example more@later.example"),
    Soon("it has another ID", ID + "test -n \"$(id late1)\" && test \"$(id late1)\" != \"$(cat /root/old)\" && echo other", "^other$"),
    Typed("deliver all anew", "postsuper -r ALL 2>&1", r"Requeued: 7 messages"),
    Typed("more mail", "printf 'Subject: more\\n\\nx\\n' | sendmail -f user@example.example more@nowhere.example"),
    Soon("and all are there", "mailq", r"in [78] Requests\."),
    Typed("flush", "mailq -q"),
    Typed("flush, once more", "sendmail -q"),
    Typed("flush a site of fast_flush_domains", "postqueue -s later.example"),
    Typed("flush another", "postqueue -s shop.example 2>&1", r"Flush failed|not eligible|[Uu]navailable|is not configured", 69),
    Typed("an ID that is not there", "postsuper -d 0123456789A 2>&1", r"\Apostsuper: Deleted: 0 messages\n\Z"),
]


def test_again():
    with server() as site:
        fill(site)
        walk(site, AGAIN)
        before = len(re.findall("to=<late1@later.example>", site.log()))
        site.run("postqueue -s later.example")
        site.wait(f"test $(grep -c 'to=<late1@later.example>' /var/log/mail.log) -gt {before}")
        check("Connection refused" in site.log(), "why")


for test in (test_what_is_in_the_queue, test_recipes, test_again):
    test.seconds = 300
