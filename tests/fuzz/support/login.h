// A login service without TLS, for sessions before login.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "lib/access/login_session.h"
#include "lib/access/login_site.h"
#include "lib/event/task_group.h"

#include "tests/fuzz/support/conversation.h"
#include "tests/fuzz/support/services.h"

namespace relais::fuzz {

// What main.cf and the services have to be for it.
inline void prepare_logins() {
    configure("auth_client_failure_limit = 0\nlogin_trusted_networks = 127.0.0.0/8\n");
    offer("private/auth", &serve_auth);
    offer("private/imap", &serve_handoffs);
    offer("private/pop3", &serve_handoffs);
}

inline LoginSite& login_site(const std::string& protocol) {
    static auto* const shared = [&protocol] {
        LoginSettings settings;
        settings.protocol = protocol;
        settings.program = protocol + "-login";
        settings.auth_service = "auth";
        settings.session_service = protocol;
        settings.login_timeout = std::chrono::seconds(60);
        settings.upstream_proxy_protocol = "haproxy";
        settings.upstream_proxy_timeout = std::chrono::seconds(60);
        settings.tls_security_level = "none";
        settings.tls_auth_only = false;
        return new LoginSite(settings);
    }();
    return *shared;
}

// Sessions of one kind, whatever the daemon is called.
template <class Session>
Task<void> serve_login(UniqueFd fd, const std::string* protocol) {
    TaskGroup task;
    Session session(login_site(*protocol), std::move(fd), task);
    task.spawn(session.run());
    co_await task.join();
    co_await task.close();
}

template <class Session>
void converse_before_login(std::string_view input, const std::string& protocol) {
    // So that it comes from a network that is trusted.
    const std::string all = "PROXY TCP4 127.0.0.1 127.0.0.2 1 2\r\n" + std::string(input);
    converse(all,
             [&protocol](UniqueFd fd) { return serve_login<Session>(std::move(fd), &protocol); });
}

}  // namespace relais::fuzz
