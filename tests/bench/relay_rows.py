"""Rows about relaying to a server that wants TLS, or a login: one of ours, behind which smtp-sink throws the mail away.  Its part of the
CPU is on neither side's account, but it has its share of the machine, and so of the time: on two cores the CPU tells more."""
from support import certificates
from support.instance import Instance

PLACE = 31, 2525  # of smtp-sink
TLS = "smtp_tls_security_level = encrypt\nsmtp_tls_connection_reuse = yes\n"
LOGIN = """\
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = static:joe:secret
"""
BOTH = TLS.replace("reuse = yes", "reuse = no") + LOGIN
SERVER = """\
mynetworks = 127.0.0.0/8
relay_domains = far.test
smtpd_proxy_filter = inet:[@NET@.{}]:{}
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
auth_users_file = @CONF@/users
smtpd_sasl_security_options = noanonymous
""".format(*PLACE)


AUTH = "auth unix - - n - 1 auth\n"
USERS = "joe:{PLAIN}secret:1000:1000::/tmp::\n"


class Server:
    """The far end, started when it is first needed."""

    def __init__(self):
        self.mta = None

    def start(self):
        if not self.mta:
            place = certificates.directory()
            keys = f"smtpd_tls_cert_file = {place}/mx.pem\nsmtpd_tls_key_file = {place}/mx.key\n"
            self.mta = Instance("ours", main=SERVER + keys, master=AUTH, files={"users": USERS})
            self.mta.start()
        return self.mta

    def stop(self):
        if self.mta:
            self.mta.destroy()


server = Server()


def prepare(mta):
    mta.set_main(f"relay_transport = smtp:[{server.start().address}]:2525")


def rows(scale, throughput):
    for name, main in (("TLS kept open", TLS), ("with a login", LOGIN), ("TLS and a login", BOTH)):
        for sessions in (20, 100):
            yield (f"SMTP -> SMTP, {sessions} connections, 4 KB, {name}",
                   lambda m, s=sessions: throughput(m, s, 4, int(1500 * scale), "x@far.test"), main)
