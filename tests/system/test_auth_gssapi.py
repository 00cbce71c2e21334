"""Kerberos tickets for IMAP and POP3, with Debian's KDC."""
import base64

from support import auth_client, check, equal
from support.imap import ImapInstance
from support.kerberos import GssapiClient, Kdc, plugins

HOST = "gss.example.test"


def converse(client, service, kdc, tickets, host=HOST):
    """What auth says in the end to who has these tickets."""
    sasl = GssapiClient(kdc, tickets, host, service)
    client.number += 1
    client.say("AUTH", client.number, "GSSAPI", f"service={'pop3' if service == 'pop' else service}", "resp=" + base64.b64encode(sasl.start()).decode())
    while (answer := client.read())[0] == "CONT":
        response = sasl.step(base64.b64decode(answer[2]) if len(answer) > 2 else b"")
        client.say("CONT", client.number, base64.b64encode(response or b"").decode())
    return answer[0], dict(field.partition("=")[::2] for field in answer[2:])


def test_tickets():
    kdc = Kdc()
    kdc.add("bob", "stranger", f"imap/{HOST}", f"pop/{HOST}", f"smtp/{HOST}")
    keytab = kdc.keytab(f"imap/{HOST}", f"pop/{HOST}")
    mail = ImapInstance(f"import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH={plugins()}\n"
                        f"    KRB5_CONFIG={kdc.environment['KRB5_CONFIG']} KRB5_KTNAME={keytab}\nmyhostname = {HOST}\n"
                        "auth_mechanisms = plain, gssapi\nauth_failure_delay = 0s\n")
    client = auth_client.of(mail.mta)
    check("GSSAPI" in client.mechanisms, client.mechanisms)
    for service in ("imap", "pop"):
        word, fields = converse(client, service, kdc, kdc.tickets("bob"))
        equal((word, fields.get("user")), ("OK", "bob"), service)
    equal(converse(client, "imap", kdc, kdc.tickets("stranger"))[0], "FAIL", "nobody here")
    equal(client.login("GSSAPI", b"nonsense")[0], "FAIL", "no ticket")
    equal(client.login("PLAIN", b"\0bob\0secret")[0], "OK", "a password")
    client.close()
    mail.stop()


def test_without_the_plug_in_it_is_not_offered():
    mail = ImapInstance("import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME SASL_PATH=/nonexistent\n"
                        "auth_mechanisms = plain, gssapi\n")
    client = auth_client.of(mail.mta)
    equal(sorted(client.mechanisms), ["PLAIN"], "what is offered")
    client.close()
    mail.mta.wait_log("auth_mechanisms: GSSAPI needs its plug-in")
    mail.stop()
