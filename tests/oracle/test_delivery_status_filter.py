"""default_delivery_status_filter and those of the agents: what a table may make of an outcome."""
from support.compare import scenario
from support.relay import PORT, send
from support.room import room

FILTER = r"""
/^2\.0\.0 delivered via well service$/ 2.1.5 well done
/^2\.0\.0 delivered via bare service$/ 2.2.2
/^2\.0\.0 delivered via tofail service$/ 5.7.1 success made a failure
/^2\.0\.0 delivered via tolater service$/ 4.7.1 success made a delay
/^2\.0\.0 delivered via nocode service$/ well done
/^5\.1\.1 user unknown\. Command output: soft /   4.7.1 soft now
/^5\.1\.1 user unknown\. Command output: good /   2.1.5 failure made a success
/^5\.1\.1 user unknown\. Command output: other / 5.7.9 other and more
/^5\.1\.1 user unknown\. Command output: junk / no code at all
/^5\.1\.1 user unknown\. Command output: six /  6.1.1 no such class
/^5\.1\.1 user unknown\. Command output: code / 5.5.5
/^4\.3\.0 temporary failure\. Command output: hard / 5.7.7 hard now
/^4\.3\.0 temporary failure\. Command output: later / 4.2.2 later still
/^4\.3\.5 mail system configuration error/ 5.3.5 misconfigured
/^5\.1\.1 unknown user: "(.*)"/ 5.2.1 mailbox $1 is closed
/^2\.0\.0 delivered to maildir/ 2.5.0 in the box
/^2\.0\.0 delivers to command/ 2.5.1 would be run
/^5\.4\.6 mail forwarding loop/ 4.4.6 loop
"""
WELL = ("well", "bare", "tofail", "tolater", "nocode", "plain")
FAIL = ("soft", "good", "other", "junk", "six", "code", "unlisted")
LATER = ("hard", "later", "laterunlisted")
ENTRIES = {name: "user=alice argv=/bin/true" for name in WELL}
ENTRIES |= {name: f"user=alice argv=/bin/sh -c {{echo {name}; exit 67}}" for name in FAIL}
ENTRIES |= {name: f"user=alice argv=/bin/sh -c {{echo {name}; exit 75}}" for name in LATER}
ENTRIES |= {"wrong": "user=alice argv=/bin/echo $nosuch"}
SERVICES = "".join(f"{name} unix - n n - - pipe {how}\n" for name, how in ENTRIES.items())
ROUTES = "transport_maps = inline:{" + " ".join(f"{name}.pipe.test={name}:" for name in ENTRIES) + "}\n"
MAIN = ROUTES + "local_recipient_maps =\nvirtual_mailbox_maps = inline:{u1@virt.test=u1/ u2@virt.test=u2/}\nnotify_classes =\n"


@scenario(main=MAIN + "pipe_delivery_status_filter = regexp:@CONF@/filter\n", master=SERVICES, files={"filter": FILTER})
def of_commands(mta):
    room().require_private("accounts")
    for name in ENTRIES:
        mta.mail("u2@virt.test", f"x@{name}.pipe.test")
    mta.settle()
    for name in WELL:
        with mta.smtp(client=100) as s:
            s.talk("EHLO c", "MAIL FROM:<u2@virt.test> RET=HDRS", f"RCPT TO:<y@{name}.pipe.test> NOTIFY=SUCCESS,FAILURE", "DATA", "Subject: x\r\n\r\nx\r\n.", "QUIT")
    for name in ("well", "soft"):
        mta.sendmail("-bv", "-f", "u2@virt.test", f"z@{name}.pipe.test", input="")
    mta.settle()
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=MAIN + "default_delivery_status_filter = regexp:@CONF@/filter\npipe_delivery_status_filter =\nerror_delivery_status_filter = static:{5.9.9 never}\n"
          "", master=SERVICES, files={"filter": FILTER})
def of_all_agents(mta):
    room().require_private("accounts")
    for to in ("x@well.pipe.test", "x@soft.pipe.test", "nosuch@example.test", "bob@example.test", "u1@virt.test"):
        mta.mail("u2@virt.test", to)
    mta.mail("u2@virt.test", "bob@example.test", "Delivered-To: bob@example.test\n\nx\n")
    mta.settle()
    mta.note_mail("u2", mta.virtual("u2"))


@scenario(main=MAIN + "pipe_delivery_status_filter = inline:{a=b}, fail:broken\nvirtual_delivery_status_filter = fail:broken\n", master=SERVICES)
def a_table_that_fails(mta):
    room().require_private("accounts")
    for name in ("well", "other", "later"):
        mta.mail("", f"x@{name}.pipe.test")
    mta.mail("", "u1@virt.test")
    mta.settle()


@scenario(main=MAIN + "soft_bounce = yes\npipe_delivery_status_filter = regexp:@CONF@/filter\n", master=SERVICES, files={"filter": FILTER})
def with_soft_bounce(mta):
    room().require_private("accounts")
    for name in ENTRIES:
        mta.mail("", f"x@{name}.pipe.test")
    mta.settle()


SERVERS = r"""
/^5\.1\.1 host \S+ said: 550 5\.1\.1 nobody/ 4.7.9 perhaps later
/^4\.2\.0 host \S+ said: 450 4\.2\.0 busy (.*)/ 5.2.2 never: $1
/^2\.6\.7 (.*)/ 2.1.5 taken, $1
/^4\.4\.1 connect to \S+ Connection refused/ 5.4.1 away for good
/^5\.4\.4 .*name=(\S+) / 4.4.4 $1 may come back
"""


@scenario(main=PORT + "\nsmtp_delivery_status_filter = regexp:@CONF@/filter\n", files={"filter": SERVERS})
def of_servers(mta):
    def rcpt(line):
        return {"a": "550 5.1.1 nobody", "b": "450 4.2.0 busy now", "c": "250 2.1.5 ok"}[line[9]]
    with mta.sink(31, RCPT=rcpt, **{".": "250 2.6.7 as 42"}):
        send(mta, ["a@one.test", "b@one.test", "c@one.test"])
    send(mta, ["a@two.test"])
    send(mta, ["a@nowhere.test"])
    mta.sendmail("-bv", "-f", "carol@example.test", "a@two.test", input="")
    mta.settle()
