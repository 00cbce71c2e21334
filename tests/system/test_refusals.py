"""smtpd_reject_filter_maps (Postfix 3.11), and footers from tables in another process."""
from support import check, equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance

RULES = ("/^550 5\\.1\\.1 .*User unknown/ 550 5.1.1 no such person\n/^454/ 250 2.0.0 welcome\n/^500/ nonsense\n/^503/ 421 4.7.0 that is enough\n")


def started(kind):
    need_program("smtpd")
    base, swap = mix_of(ours())
    files = {"rules": RULES, "footers": "/no such person/ ask $$server_name\n"}
    main = (f"smtpd_reject_filter_maps = {kind}regexp:@CONF@/rules\nsmtpd_reject_footer_maps = {kind}regexp:@CONF@/footers\n"
            f"proxy_read_maps = $smtpd_reject_filter_maps $smtpd_reject_footer_maps\n")
    return Instance(base, swap, main=main, files=files).start()


def filtered(kind):
    def test():
        mta = started(kind)
        with mta.smtp() as s:
            # Pipelined: what waits for a table keeps its place.
            s.send("EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<nobody@virt.test>\r\nRCPT TO:<u1@virt.test>\r\nRCPT TO:<x@elsewhere.test>\r\nBOGUS\r\nMAIL FROM:<>\r\nNOOP\r\n")
            replies = [str(s.read()) for _ in range(7)]
            equal(replies[1:], ["250 2.1.0 Ok", "550-5.1.1 no such person\n550 5.1.1 ask mx.example.test", "250 2.1.5 Ok",
                                "454 4.7.1 <x@elsewhere.test>: Relay access denied", "500 5.5.2 Error: command not recognized", "421 4.7.0 that is enough"], "replies")
            equal(s.read().code, "EOF", "after a 421")
        log = mta.log_text()
        check("User unknown in virtual mailbox table\" with \"550 5.1.1 no such person\"" in log, log)
        check("not a reply that refuses: \"250 2.0.0 welcome\"" in log, log)
        check("not a reply that refuses: \"nonsense\"" in log, log)
        mta.check_sane()
    return test


test_refusals_are_replaced = filtered("")
test_refusals_are_replaced_by_tables_in_proxymap = filtered("proxy:")
