"""Rows about access control: twelve restrictions over hash, cidr and pcre tables, and one policy service."""
import subprocess

from support.c_programs import compiled
from support.room import room

PLACE = 33, 9998

RESTRICTIONS = """\
smtpd_client_restrictions = check_client_access cidr:@CONF@/networks, check_client_access hash:@CONF@/clients, check_reverse_client_hostname_access pcre:@CONF@/patterns
smtpd_helo_restrictions = check_helo_access hash:@CONF@/clients, check_helo_access pcre:@CONF@/patterns
smtpd_sender_restrictions = check_sender_access hash:@CONF@/addresses, check_sender_access pcre:@CONF@/patterns, reject_non_fqdn_sender
smtpd_recipient_restrictions = check_recipient_access hash:@CONF@/addresses, check_recipient_access pcre:@CONF@/patterns,
    reject_non_fqdn_recipient, reject_unauth_destination
"""
POLICY = "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service inet:@NET@.{}:{}\n".format(*PLACE)


def prepare(mta):
    """Builds the tables, none of which has what the load asks for."""
    mta.table("clients", "".join(f"host{n}.example.com REJECT\n" for n in range(10000)))
    mta.table("addresses", "".join(f"user{n}@example.com REJECT\n" for n in range(10000)))
    (mta.conf / "networks").write_text("".join(f"10.{n // 256}.{n % 256}.0/24 REJECT\n" for n in range(500)))
    (mta.conf / "patterns").write_text("".join(f"/^(host|user){n}[-.@].*\\.example\\.org$/ REJECT\n" for n in range(50)))
    if mta.kind == "postfix":
        from support import oracle
        mta.set_main(f"meta_directory = {oracle.plugin_list()}")


def policy_service():
    """A service in C, so that its own time, which is in both systems' figures, is small."""
    return subprocess.Popen([compiled("policy_server"), room().address(PLACE[0]), str(PLACE[1])])
