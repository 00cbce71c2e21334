// pop3-login: POP3 connections until somebody has logged in.  It talks to strangers, so it has no
// rights: it runs as mail_owner, and may be chrooted.  Passwords go to the auth service; a
// connection that has logged in goes to the pop3 service.  TLS sessions stay, and are relayed.
#include "lib/access/login_daemon.h"
#include "lib/config/config.h"

#include "imapd/pop3-login/session.h"

namespace relais {
namespace {

LoginSettings pop3_settings() {
    LoginSettings settings;
    settings.protocol = "pop3";
    settings.program = "pop3-login";
    settings.auth_service = conf().imap_auth_service_name();
    settings.session_service = conf().pop3_service_name();
    settings.proxy_ports = {110, 995};
    settings.connection_limit = conf().pop3_client_connection_limit();
    settings.login_timeout = conf().pop3_login_timeout();
    settings.upstream_proxy_protocol = conf().pop3_upstream_proxy_protocol();
    settings.upstream_proxy_timeout = conf().pop3_upstream_proxy_timeout();
    settings.tls_security_level = conf().pop3_tls_security_level();
    settings.tls_cert_file = conf().pop3_tls_cert_file();
    settings.tls_key_file = conf().pop3_tls_key_file();
    settings.tls_chain_files = conf().pop3_tls_chain_files();
    settings.tls_protocols = conf().pop3_tls_protocols();
    settings.tls_loglevel = conf().pop3_tls_loglevel();
    settings.tls_ca_file = conf().pop3_tls_CAfile();
    settings.tls_ask_ccert = conf().pop3_tls_ask_ccert();
    settings.tls_auth_only = conf().pop3_tls_auth_only();
    settings.tls_wrappermode = conf().pop3_tls_wrappermode();
    return settings;
}

}  // namespace
}  // namespace relais

int main(int argc, char** argv) {
    return relais::run_login_daemon<relais::Pop3LoginSession>(argc, argv, "pop3-login",
                                                              &relais::pop3_settings);
}
