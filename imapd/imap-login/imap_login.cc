// imap-login: IMAP connections until somebody has logged in.  It talks to strangers, so it has no
// rights: it runs as mail_owner, and may be chrooted.  Passwords go to the auth service; a
// connection that has logged in goes to the imap service.  TLS sessions stay, and are relayed.
#include "lib/access/login_daemon.h"
#include "lib/config/config.h"

#include "imapd/imap-login/session.h"

namespace relais {
namespace {

LoginSettings imap_settings() {
    LoginSettings settings;
    settings.protocol = "imap";
    settings.program = "imap-login";
    settings.auth_service = conf().imap_auth_service_name();
    settings.session_service = conf().imap_service_name();
    settings.proxy_ports = {143, 993};
    settings.connection_limit = conf().imap_client_connection_limit();
    settings.login_timeout = conf().imap_login_timeout();
    settings.upstream_proxy_protocol = conf().imap_upstream_proxy_protocol();
    settings.upstream_proxy_timeout = conf().imap_upstream_proxy_timeout();
    settings.tls_security_level = conf().imap_tls_security_level();
    settings.tls_cert_file = conf().imap_tls_cert_file();
    settings.tls_key_file = conf().imap_tls_key_file();
    settings.tls_chain_files = conf().imap_tls_chain_files();
    settings.tls_protocols = conf().imap_tls_protocols();
    settings.tls_loglevel = conf().imap_tls_loglevel();
    settings.tls_ca_file = conf().imap_tls_CAfile();
    settings.tls_ask_ccert = conf().imap_tls_ask_ccert();
    settings.tls_auth_only = conf().imap_tls_auth_only();
    settings.tls_wrappermode = conf().imap_tls_wrappermode();
    return settings;
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    return relais::run_login_daemon<relais::ImapLoginSession>(argc, argv, "imap-login",
                                                              &relais::imap_settings);
}
