"""Our auth service in a real Postfix: its smtpd asks it over the Dovecot auth protocol."""
import base64

from support import check, sasl
from support.instance import Instance

MAIN = """
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
auth_users_file = @CONF@/users
auth_failure_delay = 1s
"""
USERS = """\
bob@virt.test:{PLAIN}secret:1000:1000::/tmp::
ssha@virt.test:{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0:1000:1000::/tmp::
crypt@virt.test:{SHA512-CRYPT}$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1:1000:1000::/tmp::
blf@virt.test:{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a:1000:1000::/tmp::
"""


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(user, password):
    return b64(f"\0{user}\0{password}")


def instance():
    mta = Instance("postfix", {"auth": "ours"}, files={"users": USERS},
                   master="auth unix - - n - 1 auth\n")
    path = mta.conf / "main.cf"
    path.write_text(path.read_text() + MAIN.replace("@CONF@", str(mta.conf)))
    mta.start()
    return mta


def test_postfix_smtpd_asks_our_auth():
    mta = instance()
    with mta.smtp() as s:
        s.command("EHLO client.test")
        check("AUTH PLAIN LOGIN" in "\n".join(s.transcript), "mechanisms are offered")
        reply = s.command("AUTH PLAIN " + plain("bob@virt.test", "wrong"))
        check(reply.code == "535", f"a wrong password is refused: {reply}")
        reply = s.command("AUTH PLAIN " + plain("nobody@virt.test", "secret"))
        check(reply.code == "535", f"an unknown user is refused: {reply}")
        reply = s.command("AUTH PLAIN " + plain("bob@virt.test", "secret"))
        check(reply.code == "235", f"the right password is taken: {reply}")
        reply = s.command("MAIL FROM:<bob@virt.test>")
        check(s.command("RCPT TO:<x@elsewhere.test>").code == "250", "and may relay")
    mta.wait_log(r"sasl_method=PLAIN, sasl_username=bob@virt.test")
    mta.stop()


def test_login_and_all_schemes():
    mta = instance()
    for user in ("bob", "ssha", "crypt", "blf"):
        with mta.smtp() as s:
            s.command("EHLO client.test")
            check(s.command("AUTH LOGIN").lines[0] == "334 VXNlcm5hbWU6", "asks for the name")
            check(s.command(b64(f"{user}@virt.test")).lines[0] == "334 UGFzc3dvcmQ6",
                  "asks for the password")
            reply = s.command(b64("secret"))
            check(reply.code == "235", f"{user}: {reply}")
    with mta.smtp() as s:
        s.command("EHLO client.test")
        s.command("AUTH LOGIN")
        check(s.command("*").code == "501", "an aborted exchange")
        reply = s.command("AUTH PLAIN " + plain("BOB@virt.test", "secret"))
        check(reply.code == "235", f"names are lowered: {reply}")
    mta.stop()


def test_users_file_changes_while_running():
    mta = instance()
    with mta.smtp() as s:
        s.command("EHLO client.test")
        check(s.command("AUTH PLAIN " + plain("new@virt.test", "pw")).code == "535", "not yet")
    users = mta.conf / "users"
    users.write_text(users.read_text() + "new@virt.test:{PLAIN}pw:1:1::/tmp::\n")
    users.chmod(0o600)
    with mta.smtp() as s:
        s.command("EHLO client.test")
        reply = s.command("AUTH PLAIN " + plain("new@virt.test", "pw"))
        check(reply.code == "235", f"the new user, though only root may read the file: {reply}")
    mta.stop()


def test_our_smtpd_asks_cyrus_sasl_in_a_real_postfix():
    sasl.need_plugins()
    files = {"sasl/smtpd.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: @CONF@/sasldb2\n"
                                "mech_list: PLAIN LOGIN SCRAM-SHA-256\n"}
    mta = Instance("postfix", {"smtpd": "ours"}, main="smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = cyrus\n", files=files).start()
    sasl.make_sasldb(mta.conf / "sasldb2", {"joe": "secret"})
    with mta.smtp() as s:
        s.command("EHLO client.test")
        check("AUTH PLAIN LOGIN SCRAM-SHA-256" in "\n".join(s.transcript), "mechanisms are offered")
        check(s.command("AUTH PLAIN " + plain("joe", "wrong")).code == "535", "a wrong password")
        check(sasl.log_in(s, "SCRAM-SHA-256", "joe", "secret").code == "235", "the right one")
        s.mail("joe@virt.test", "u1@virt.test", "Subject: x\n\nbody\n", hello="NOOP")
    mta.wait_log(r"sasl_method=SCRAM-SHA-256, sasl_username=joe")
    mta.wait_log("status=sent")
    mta.stop()
