"""smtpd and qmgr resolve plain addresses themselves; trivial-rewrite, which is started when it is asked, stays the judge of all
others, and wherever its settings may not be those of main.cf as these two have read it."""
import os
import time

from support import check, equal, need_suite
from support.instance import Instance

TEXT = "Subject: direct\n\nhello\n"
MAIN = "transport_maps = hash:@CONF@/transport\nrelay_domains = far.test\n"


def instance(main=MAIN):
    need_suite()
    mta = Instance("ours", main=main)
    mta.table("transport", "far.test discard:first\n")
    return mta


def mail(mta, to):
    mta.mail("carol@remote.test", to, TEXT)
    mta.settle()


def test_plain_addresses_take_no_question():
    mta = instance().start()
    mail(mta, ["u1@virt.test", "x@far.test"])
    equal(len(mta.virtual("u1")), 1, "delivered")
    mta.wait_log(r"to=<x@far.test>.*\(first\)")
    equal(mta.processes("trivial-rewrite"), {}, "nobody was asked")
    with mta.smtp() as session:
        session.talk("EHLO c.test", "MAIL FROM:<carol@remote.test>", "RCPT TO:<far.test!x@mx.example.test>", "QUIT")
    equal(len(mta.processes("trivial-rewrite")), 1, "a route is for trivial-rewrite to read")
    mta.destroy()


def test_settings_of_the_service_are_heeded():
    mta = instance()
    path = mta.conf / "master.cf"
    path.write_text(path.read_text().replace("trivial-rewrite", "trivial-rewrite -o transport_maps=inline:{far.test=discard:second}"))
    mta.start()
    mail(mta, "x@far.test")
    mta.wait_log(r"to=<x@far.test>.*\(second\)")
    mta.destroy()


def test_what_changes_later_is_heeded():
    mta = instance().start()
    mail(mta, "x@far.test")
    mta.wait_log(r"to=<x@far.test>.*\(first\)")
    mta.table("transport", "far.test discard:second\n")
    os.utime(mta.conf / "transport.db")
    time.sleep(1.2)
    mail(mta, "y@far.test")
    mta.wait_log(r"to=<y@far.test>.*\(second\)")
    main = mta.conf / "main.cf"
    main.write_text(main.read_text() + "transport_maps = inline:{far.test=discard:third}\n")
    time.sleep(1.2)
    mail(mta, "z@far.test")
    mta.wait_log(r"to=<z@far.test>.*\(third\)")
    check(mta.processes("trivial-rewrite"), "main.cf is another: trivial-rewrite was asked")
    mta.destroy()
