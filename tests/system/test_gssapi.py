"""Kerberos logins where no Postfix can be started beside ours: of an ordinary user's smtpd and SMTP client."""
from support import check, equal, need_program
from support.test_programs import free_port
from support.instance import Instance
from support.kerberos import GssapiClient, Kdc, plugins
from support.sasl import b64, challenge_bytes

HOST = "gss.example.test"
MAIN = """\
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH={plugins}
    KRB5_CONFIG={kdc}/krb5.conf KRB5_KTNAME={kdc}/smtp_{host}.keytab KRB5CCNAME=FILE:{kdc}/joe.cache
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
cyrus_sasl_config_path = @CONF@/sasl
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:joe:
smtp_sasl_security_options = mutual_auth
smtp_host_lookup = native
relayhost = [localhost]:{port}
"""
MASTER = "127.0.0.1:{port} inet n - n - - smtpd -o myhostname=localhost -o content_filter=discard: -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n"


def test_server_and_client():
    need_program("smtpd")
    kdc, port = Kdc(), free_port()
    kdc.add("joe", f"smtp/{HOST}", "smtp/localhost")
    kdc.keytab(f"smtp/{HOST}", "smtp/localhost")
    tickets = kdc.tickets("joe")
    main = f"myhostname = {HOST}\n" + MAIN.format(plugins=plugins(), kdc=kdc.folder, host=HOST, port=port)
    mta = Instance("ours", main=main, master=MASTER.format(port=port), files={"sasl/smtpd.conf": "mech_list: GSSAPI\n"}).start()
    with mta.smtp() as s:
        check("250-AUTH GSSAPI" in s.command("EHLO client.test").lines, "it is offered")
        client = GssapiClient(kdc, tickets, HOST)
        reply = s.command("AUTH GSSAPI " + b64(client.start()))
        while reply.code == "334":
            reply = s.command(b64(client.step(challenge_bytes(reply))))
        equal(str(reply), "235 2.7.0 Authentication successful", "the login")
    mta.mail(f"carol@{HOST}", "x@one.test")
    mta.wait_log("relay=localhost.*status=sent")
    mta.wait_log("sasl_method=GSSAPI, sasl_username=joe")
    mta.stop()
