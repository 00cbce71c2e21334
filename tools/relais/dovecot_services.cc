#include "tools/relais/dovecot_services.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kListSeparators = ", \t";

// Addresses of a listener: none stands for all that there are.
std::vector<std::string> addresses_of(std::string_view text) {
    std::vector<std::string> addresses;
    for (std::string_view address : split_words(text, kListSeparators)) {
        if (address == "*" || address == "::" || address == "[::]") {
            return {};
        }
        bool bare = address.contains(':') && !address.starts_with('[');
        addresses.push_back(bare ? format("[{}]", address) : std::string(address));
    }
    return addresses;
}

// Services whose ports others connect to, and that are here as well.
bool has_ports(std::string_view service) {
    constexpr std::array<std::string_view, 4> kNames = {"imap-login", "pop3-login", "lmtp",
                                                        "quota-status"};
    return std::ranges::find(kNames, service) != kNames.end();
}

// Where a listener says no port, and is one of the two that the login service has anyway.
bool has_usual_port(std::string_view service, std::string_view listener) {
    constexpr std::string_view kLogin = "-login";
    if (!service.ends_with(kLogin)) {
        return false;
    }
    service.remove_suffix(kLogin.size());
    return listener == service || listener == format("{}s", service);
}

// Where Postfix and others log users in when they run outside of a jail.
bool is_for_clients(const std::string& service, const DovecotSection& listener) {
    return service == "auth" && listener.name.ends_with("auth-client");
}

}  // namespace

void DovecotServices::take_addresses(const DovecotSetting& setting) {
    addresses_ = addresses_of(setting.value);
}

void DovecotServices::take(const DovecotSection& service) {
    const std::string within = "service " + service.name;
    for (const DovecotSetting& setting : service.settings) {
        bool same = service.name == "quota-status" && setting.name == "executable";
        if (!same) {
            leave_(setting, "how many processes there are, and as whom they run, master.cf says",
                   within);
        }
    }
    for (const DovecotSection& listener : service.sections) {
        bool taken = listener.type == "inet_listener" ? take_port(service.name, listener)
                                                      : take_socket(service.name, listener);
        if (!taken) {
            const std::string text =
                listener.name.empty() ? std::string(listener.get("port")) : listener.name;
            leave_({listener.type, text, listener.line, false, listener.file},
                   is_for_clients(service.name, listener)
                       ? "the same service is at private/auth (smtpd_sasl_path)"
                       : "there is no such service or socket",
                   within);
        }
    }
}

// 2.3 says "address" where 2.4 says "listen".  Without a port it is the usual one where there is
// such a one, else there is none, as with 0.
bool DovecotServices::take_port(const std::string& service, const DovecotSection& listener) {
    const std::string port(listener.get("port"));
    if (!has_ports(service)) {
        return port.empty() || port == "0";
    }
    Listener taken;
    taken.service = service;
    taken.name = listener.name;
    const bool usual = has_usual_port(service, listener.name);
    taken.place = (!port.empty() ? port : usual ? listener.name : "0") + " inet n";
    taken.behind_proxy = listener.get("haproxy") == "yes";
    for (const char* name : {"address", "listen"}) {
        if (const DovecotSetting* where = listener.find(name)) {
            taken.addresses = addresses_of(where->value);
        }
    }
    if (const DovecotSetting* tls = listener.find("ssl")) {
        taken.tls = tls->value == "yes";
    }
    if (!service.ends_with("-login")) {
        leave_what_others_lack(service, listener);
    }
    listeners_.push_back(std::move(taken));
    return true;
}

// Only the login services have ports that begin with TLS, or with what a load balancer says.
void DovecotServices::leave_what_others_lack(const std::string& service,
                                             const DovecotSection& listener) {
    for (const char* name : {"ssl", "haproxy"}) {
        const DovecotSetting* setting = listener.find(name);
        if (setting != nullptr && setting->value == "yes") {
            leave_(*setting, format("a port of {} has no such thing here", service),
                   "service " + service + "/inet_listener");
        }
    }
}

// One of Postfix's queue.
bool DovecotServices::take_socket(const std::string& service, const DovecotSection& listener) {
    for (std::string_view place : {"/private/", "/public/"}) {
        const std::string directory = queue_ + std::string(place);
        if ((service == "lmtp" || service == "quota-status") &&
            listener.name.starts_with(directory)) {
            const char* access = place == "/private/" ? " unix -" : " unix n";
            listeners_.push_back({service,
                                  listener.name,
                                  listener.name.substr(directory.size()) + access,
                                  {},
                                  false});
            return true;
        }
    }
    return is_own_socket(service, listener);
}

// The sockets of the auth service that our own is, or that nobody needs here.
bool DovecotServices::is_own_socket(const std::string& service,
                                    const DovecotSection& listener) const {
    bool postfix = service == "auth" && listener.name == queue_ + "/private/auth";
    bool inner =
        !listener.name.starts_with('/') && service != "lmtp" && !is_for_clients(service, listener);
    return postfix || inner;
}

std::vector<std::string> DovecotServices::lines(const std::set<std::string>& protocols) const {
    std::vector<std::string> lines;
    if (protocols.contains("lmtp")) {
        add_others(lines, "lmtp", "lmtpd");
    }
    for (const char* protocol : {"imap", "pop3"}) {
        if (protocols.contains(protocol)) {
            add_logins(lines, protocol);
            lines.push_back(format("{} unix - - n - 1 {}", protocol, protocol));
        }
    }
    add_others(lines, "quota-status", "quota-status");
    lines.emplace_back("auth unix - - n - 1 auth");
    lines.emplace_back("anvil unix - - n - 1 anvil");
    return lines;
}

// The usual two ports, unless the configuration says something else of them, and its own.
void DovecotServices::add_logins(std::vector<std::string>& lines,
                                 const std::string& protocol) const {
    std::vector<Listener> listeners;
    for (const std::string& name : {protocol, protocol + "s"}) {
        listeners.push_back({protocol + "-login", name, name + " inet n", {}, name != protocol});
    }
    for (const Listener& said : listeners_) {
        if (said.service != protocol + "-login") {
            continue;
        }
        auto usual = said.name.empty() ? listeners.end()
                                       : std::ranges::find(listeners, said.name, &Listener::name);
        Listener& into = usual != listeners.end() ? *usual : listeners.emplace_back();
        bool tls = said.tls.value_or(into.tls.value_or(false));
        into = said;
        into.tls = tls;
    }
    for (const Listener& listener : listeners) {
        std::string rest = format(" - n - - {}-login", protocol);
        rest += *listener.tls ? format(" -o {}_tls_wrappermode=yes", protocol) : "";
        rest +=
            listener.behind_proxy ? format(" -o {}_upstream_proxy_protocol=haproxy", protocol) : "";
        add_line(lines, listener, rest);
    }
}

void DovecotServices::add_others(std::vector<std::string>& lines, std::string_view service,
                                 std::string_view program) const {
    for (const Listener& listener : listeners_) {
        if (listener.service == service) {
            add_line(lines, listener, format(" - n - - {}", program));
        }
    }
}

// A line for each address; port 0 is none.
void DovecotServices::add_line(std::vector<std::string>& lines, const Listener& listener,
                               const std::string& rest) const {
    bool inet = listener.place.ends_with(" inet n");
    if (listener.place.starts_with("0 ") || listener.place.starts_with(' ')) {
        return;
    }
    std::vector<std::string> addresses;
    if (inet) {
        addresses = listener.addresses.value_or(addresses_);
    }
    if (addresses.empty()) {
        lines.push_back(listener.place + rest);
    }
    for (const std::string& address : addresses) {
        lines.push_back(format("{}:{}{}", address, listener.place, rest));
    }
}

}  // namespace relais
