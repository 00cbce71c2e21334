// What a login service is told about its protocol: imap-login and pop3-login are the same program
// but for the conversation and for the names of their parameters.
#pragma once

#include <chrono>
#include <string>

#include "lib/access/proxy_target.h"

namespace relais {

struct LoginSettings {
    std::string protocol;         // "imap": as auth is told, and what parameters' names begin with
    std::string program;          // "imap-login"
    std::string auth_service;     // names of sockets in private/
    std::string session_service;  // where connections go
    int connection_limit = 0;
    ProxyPorts proxy_ports;
    std::chrono::milliseconds login_timeout{};
    std::string upstream_proxy_protocol;  // empty: clients connect directly
    std::chrono::milliseconds upstream_proxy_timeout{};

    std::string tls_security_level;
    std::string tls_cert_file;
    std::string tls_key_file;
    std::string tls_chain_files;
    std::string tls_protocols;
    std::string tls_loglevel;
    std::string tls_ca_file;
    bool tls_ask_ccert = false;
    bool tls_auth_only = true;
    bool tls_wrappermode = false;
};

}  // namespace relais
