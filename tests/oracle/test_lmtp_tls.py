"""The LMTP client's TLS, with Debian's Dovecot as the server: every level, and a certificate that nobody has signed."""
from support import certificates
from support.compare import scenario
from support.dovecot_lmtp import DovecotLmtp
from support.room import room

LEVELS = ("none", "may", "encrypt", "fingerprint", "verify", "secure", "wrongname")
MAIN = """\
lmtp_tls_loglevel = 1
lmtp_tls_fingerprint_digest = sha256
lmtp_tls_CAfile = @CONF@/ca.pem
lmtp_tls_policy_maps = regexp:@CONF@/policies
transport_maps = regexp:@CONF@/transport
lmtp_tls_session_cache_database = btree:@ROOT@/data/lmtpsessions
lmtp_connection_cache_on_demand = no
lmtp_reply_filter = regexp:@CONF@/replies
notify_classes =
"""
REPLIES = "/^250 2\\.0\\.0 (<[^>]*>) .* Saved/ 250 2.0.0 $1 Saved\n"  # without the session's id


def policies():
    lines = [f"/{level}\\.wild\\.test/ {level}\n" for level in LEVELS if level not in ("fingerprint", "wrongname")]
    print_ = certificates.fingerprint(certificates.public_key("mx"))
    lines += [f"/fingerprint\\.wild\\.test/ fingerprint match={print_}\n", "/wrongname\\.wild\\.test/ secure match=elsewhere.test\n"]
    return "".join(lines)


FILES = {**certificates.files(), "policies": policies(), "replies": REPLIES, "transport": ""}


def deliver(mta, address, name):
    for level in LEVELS:
        room().dns.replace(f"{level}.wild.test", "A", address)
    server = DovecotLmtp(mta, address, name)
    try:
        for level in LEVELS:
            (mta.conf / "transport").write_text(f"/@virt\\.test/ lmtp:[{level}.wild.test]:2424\n")
            mta.reload()
            mta.mail("", ["u1@virt.test", "u2@virt.test"], f"Subject: {level}\n\nbody\n")
            mta.settle()
        mta.note("arrived", sorted(text.split(b"Subject: ")[1].split(b"\n")[0] for text in server.mail("u1")))
    finally:
        server.stop()


@scenario(main=MAIN, files=FILES, ignore="smtpd|reload|replacing server reply", transcripts=False)
def every_level(mta):
    deliver(mta, room().address(90), "mx")


@scenario(main=MAIN, files=FILES, ignore="smtpd|reload|replacing server reply", transcripts=False)
def a_stranger(mta):
    certificates.self_signed()
    deliver(mta, room().address(91), "self")
