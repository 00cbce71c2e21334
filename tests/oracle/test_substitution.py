"""In which tables of patterns the text of an address may become part of the result."""
from support.compare import scenario

TABLES = """transport_maps sender_dependent_relayhost_maps sender_dependent_default_transport_maps relocated_maps virtual_alias_maps canonical_maps
sender_canonical_maps recipient_canonical_maps sender_bcc_maps recipient_bcc_maps smtp_generic_maps smtp_tls_policy_maps
fallback_transport_maps mailbox_transport_maps mailbox_command_maps alias_maps virtual_mailbox_maps virtual_uid_maps virtual_gid_maps
local_recipient_maps relay_recipient_maps smtpd_discard_ehlo_keyword_address_maps smtp_discard_ehlo_keyword_address_maps mynetworks
relay_domains virtual_mailbox_domains virtual_alias_domains masquerade_exceptions address_verify_transport_maps
address_verify_sender_dependent_relayhost_maps address_verify_sender_dependent_default_transport_maps smtpd_client_event_limit_exceptions
local_header_rewrite_clients authorized_submit_users authorized_verp_clients smtp_connection_cache_destinations lmtp_generic_maps""".split()
MAIN = "".join(f"{name} = regexp:@CONF@/{name}\n" for name in TABLES) + """default_transport = smtp:[@NET@.31]:2525
local_transport = local:x
"""


NEEDED = {"mynetworks": "/./ x\n", "local_recipient_maps": "/./ x\n", "virtual_mailbox_domains": "/^virt.test$/ x\n",
          "virtual_mailbox_maps": "/^u1@virt.test$/ u1/\n", "virtual_uid_maps": "/./ 60905\n", "virtual_gid_maps": "/./ 60905\n"}


@scenario(main=MAIN + "mydestination = example.test, localhost, mx.example.test\n", log=False,
          files={name: "/^(nobody)$/ $1\n" + NEEDED.get(name, "") for name in TABLES})
def tables_without_substitution(mta):
    with mta.sink():
        for recipient in ("alice@example.test", "nosuchuser@example.test", "u1@virt.test", "far@away.test"):
            with mta.smtp(client=100) as s:
                s.mail("carol@remote.test", recipient, "Subject: x\n\nx\n")
                s.command("QUIT")
            mta.settle()
    mta.note("refused", "\n".join(sorted({line.text for line in mta.log() if "substitution" in line.text})))
