"""pipe(8) of ours in a real Postfix, and Postfix's in ours: a command that stores, one that says no, and a filter that hands mail on to sendmail."""
from support import check, equal, need_suite
from support.instance import Instance
from support.room import room

# As the documents about simple filters have it.
FILTER = """#!/bin/sh
trap "rm -f in.$$" 0 1 2 3 15
cd @ROOT@/out || exit 75
{ echo "X-Filtered: yes"; cat; } > in.$$ || exit 75
@ROOT@/bin/sendmail -G -i "$@" < in.$$
exit $?
"""
STORE = """#!/bin/sh
{ echo "$@"; cat; } >> @ROOT@/out/store
"""
MAIN = "transport_maps = inline:{store.test=store: no.test=no: later.test=later:}\nexport_environment = TZ LANG MAIL_CONFIG\n"
MASTER = """store unix - n n - - pipe flags=DFRXhu user=alice argv=@CONF@/store.sh -f ${sender} -- $recipient
no unix - n n - - pipe user=alice argv=/bin/sh -c {cat > /dev/null; echo not me; exit 67}
later unix - n n - - pipe user=alice argv=/bin/sh -c {exit 75}
filter unix - n n - 10 pipe flags=Rq user=alice null_sender= argv=@CONF@/filter.sh -f ${sender} -- ${recipient}
@ADDRESS@:2526 inet n - n - - smtpd -o content_filter=filter:dummy
"""


def run(kind, swap):
    room().require_private("accounts")
    mta = Instance(kind, swap, main=MAIN + "store_destination_recipient_limit = 1\n", master=MASTER, files={"filter.sh": FILTER, "store.sh": STORE})
    out = mta.root / "out"
    out.mkdir()
    out.chmod(0o777)
    for name in ("filter.sh", "store.sh"):
        (mta.conf / name).chmod(0o755)
    mta.start()
    try:
        mta.mail("u2@virt.test", ["Al+x@STORE.test", "be@store.test"], "Subject: x\n\nhello\n")
        mta.mail("u2@virt.test", ["c@no.test", "d@later.test"], "Subject: x\n\nhello\n")
        with mta.smtp(port=2526, client=100) as s:
            equal(s.mail("u2@virt.test", ["u1@virt.test", '"b c"@store.test'], "Subject: filtered\n\nhello\n").code, "250", "a message")
        mta.wait_log("status=sent .delivered via (filter|store) service", 5)
        mta.settle()
        stored = (out / "store").read_text()
        equal(sorted(line for line in stored.split("\n") if line.startswith("-f")),
              ["-f u2@virt.test -- al+x@store.test", "-f u2@virt.test -- b c@store.test", "-f u2@virt.test -- be@store.test"], "command lines")
        check("\nDelivered-To: Al+x@STORE.test\n" in stored and stored.count("\nhello\n") == 3, stored)
        check(any(b"\nX-Filtered: yes\n" in message for message in mta.virtual("u1")), mta.virtual("u1"))
        mta.wait_log(r"to=<c@no.test>, relay=no, .*dsn=5\.1\.1, status=bounced \(user unknown. Command output: not me \)")
        mta.wait_log(r"to=<d@later.test>, relay=later, .*dsn=4\.3\.0, status=deferred \(temporary failure\)")
        equal(len(mta.virtual("u2")), 1, "notifications")
        equal(len(mta.queue_files()), 1, "messages in the queue")
        mta.check_sane()
    finally:
        mta.destroy()


def test_our_pipe_in_postfix():
    need_suite()
    run("postfix", {"pipe": "ours"})


def test_postfixs_pipe_in_ours():
    need_suite()
    run("ours", {"pipe": "postfix"})


def test_postfix_alone():
    run("postfix", {})


def test_ours_alone():
    need_suite()
    run("ours", {})
