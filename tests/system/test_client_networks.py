"""smtpd_client_ipv4_prefix_length (Postfix 3.8): neighbours are one client for the limits."""
from support import equal, need_program
from support.compare import mix_of, ours
from support.instance import Instance


def codes(main):
    """What four strangers in a row hear at MAIL, of whom two share a network of 25 bits with the first."""
    need_program("smtpd")
    kind, swap = mix_of(ours())
    mta = Instance(kind, swap, main="smtpd_client_message_rate_limit = 2\n" + main).start()
    heard = []
    for client in (130, 140, 150, 130):
        with mta.smtp(client=client) as s:
            heard.append(s.talk("EHLO client.test", "MAIL FROM:<a@b.test>", "QUIT")[1].code)
    mta.check_sane()
    return heard


def test_each_address_is_a_client_by_default():
    equal(codes(""), ["250", "250", "250", "250"], "replies")


def test_neighbours_are_one_client():
    equal(codes("smtpd_client_ipv4_prefix_length = 25\n"), ["250", "250", "450", "450"], "replies")
