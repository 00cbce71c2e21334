#include "imapd/auth/proxied.h"

#include <string>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/socket_address.h"
#include "lib/base/strings.h"
#include "lib/event/inet_name.h"

namespace relais {

namespace {

// The address alone: the port is the login service's business.
Task<std::string> address_of(std::string host) {
    bool v6 = host.contains(':');
    auto found = co_await find_addresses(v6 ? format("[{}]:1", host) : format("{}:1", host));
    if (found.list.empty()) {
        log_warning("proxied user: host {} has no address", printable(host));
        co_return "";
    }
    co_return found.list.front().host();
}

// The connection came to the very place that it would be sent to, whatever a proxy before has said
// of that.
bool leads_here(const AuthQuery& query, const AuthParameters& fields) {
    bool said = query.parameters.has("real_lip");
    std::string_view here = query.parameters.get(said ? "real_lip" : "lip");
    std::string_view here_port = query.parameters.get(said ? "real_lport" : "lport");
    std::string_view port = fields.get("port");
    std::string_view user = fields.get("destuser");
    return !here.empty() && fields.get("hostip") == here && (port.empty() || port == here_port) &&
           (user.empty() || user == query.user);
}

bool is_about_proxies(std::string_view name) {
    return name == "host" || name == "hostip" || name == "port" || name == "destuser" ||
           name == "pass" || name == "master" || name == "ssl" || name == "starttls" ||
           name.starts_with("proxy");
}

}  // namespace

Task<bool> is_proxied(const AuthQuery* query, AuthParameters* fields) {
    if (!fields->has("proxy") && !fields->has("proxy_maybe")) {
        co_return false;
    }
    if (fields->get("hostip").empty() && !fields->get("host").empty()) {
        std::string address = co_await address_of(std::string(fields->get("host")));
        fields->set("hostip", address);
    }
    if (fields->has("proxy") || !leads_here(*query, *fields)) {
        co_return true;
    }
    AuthParameters rest;
    for (const auto& [name, value] : fields->all()) {
        if (!is_about_proxies(name)) {
            rest.set(name, value);
        }
    }
    *fields = std::move(rest);
    co_return false;
}

AuthParameters proxy_place(const AuthParameters& fields) {
    AuthParameters told;
    told.set("proxy", "");
    for (const auto& [name, value] : fields.all()) {
        bool secret = name == "pass" || name == "master";
        if (is_about_proxies(name) && !secret && name != "proxy" && name != "proxy_maybe") {
            told.set(name, value);
        }
    }
    return told;
}

AuthParameters proxy_login(const AuthQuery& query, const AuthParameters& fields) {
    AuthParameters told = proxy_place(fields);
    if (fields.has("master")) {
        told.set("master", fields.get("master"));
    }
    if (fields.has("pass")) {
        told.set("pass", fields.get("pass"));
    } else if (query.gave_password() && !query.password.empty()) {
        told.set("pass", query.password);
        if (query.gave_token() && !fields.has("proxy_mech")) {
            told.set("proxy_mech", query.response.mechanism);
        }
    }
    return told;
}

}  // namespace relais
