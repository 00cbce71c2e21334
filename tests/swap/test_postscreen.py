"""postscreen and those it works with: each of ours beside Postfix's, and the reverse."""
import time

from support import BUILD, Skip, certificates, check, need_suite
from support.instance import Instance
from support.postscreen import HELPERS, cache, list_address, service
from support.room import room

PROGRAMS = ("postscreen", "dnsblog", "tlsproxy", "smtpd", "master")
MASTER = HELPERS + service(2641, postscreen_dnsbl_sites="swap.test", postscreen_dnsbl_action="enforce",
                           postscreen_pipelining_enable="yes")
MAIN = "smtpd_tls_cert_file = @CONF@/mx.pem\nsmtpd_tls_key_file = @CONF@/mx.key\nsmtpd_tls_security_level = may\nsmtpd_tls_loglevel = 1\n"
MAIL = ("MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>")


def run_mixture(kind, swap, name):
    mta = Instance(kind, swap, main=MAIN, master=MASTER, files=certificates.files())
    mta.start()
    try:
        strangers_are_screened(mta)
        if name != "dnsblog":
            check(mta.processes(name), f"{name} runs: {mta.processes()}")
    finally:
        mta.destroy()


def strangers_are_screened(mta):
    list_address(171, "swap.test", "127.0.0.2")
    with mta.smtp(port=2641, client=171) as listed:
        replies = listed.talk("EHLO x", *MAIL, "QUIT")
    check(str(replies[2]).startswith("550 5.7.1 Service unavailable; client ["), f"listed: {replies[2]}")
    mta.wait_log(r"dnsblog\[\d+\]: addr \S+ listed by domain swap.test as 127.0.0.2")
    with mta.smtp(port=2641, client=172) as fresh:
        fresh.starttls()
        replies = fresh.talk(*MAIL, "QUIT")
    check(replies[1].code == "450" and replies[2].code == "221", f"a new client in TLS: {replies}")
    mta.wait_log(r"tlsproxy\[\d+\]: Anonymous TLS connection established from")
    mta.wait_log("PASS NEW")
    time.sleep(0.1)
    check(room().address(172) in cache(mta, 2641), "the new client is in the cache")
    with mta.smtp(port=2641, client=172) as known:
        reply = known.mail("a@b.test", "alice@example.test", "Subject: screened\n\nhello\n")
        known.talk("QUIT")
    check(reply.code == "250", f"the client that came back: {reply}")
    mta.wait_log("PASS OLD")
    mta.wait_log("status=sent")
    mta.wait_log(rf"disconnect from \S+\[{room().address(172)}\]")


def ours_in_postfix(name):
    def test():
        if not (BUILD / "bin" / name).exists():
            raise Skip(f"{name} is not built")
        run_mixture("postfix", {name: "ours"}, name)
    test.seconds = 60
    return test


def postfix_in_ours(name):
    def test():
        need_suite()
        run_mixture("ours", {name: "postfix"}, name)
    test.seconds = 60
    return test


def test_ours_alone():
    need_suite()
    run_mixture("ours", {}, "postscreen")


for _name in PROGRAMS:
    globals()[f"test_our_{_name}_in_postfix"] = ours_in_postfix(_name)
    globals()[f"test_postfixs_{_name}_in_ours"] = postfix_in_ours(_name)
