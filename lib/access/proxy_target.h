// Where a user is sent whose mail is on another machine, as the fields of his entry say (host,
// port, ssl, starttls, destuser, pass, master, proxy_mech, proxy_timeout, proxy_haproxy).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/socket_address.h"
#include "lib/sasl/auth_lines.h"

namespace relais {

struct ProxyTarget {
    enum class Tls { kNone, kFromTheStart, kStartTls };
    enum class Certificate { kVerified, kAny };  // any-cert

    std::string host;       // as the field has it: also the name that its certificate must have
    SocketAddress address;  // with the port
    Tls tls = Tls::kNone;
    Certificate certificate = Certificate::kVerified;
    bool wants_header = false;  // of the PROXY protocol, version 2
    std::chrono::milliseconds timeout{};

    std::string user;       // there
    std::string master;     // who logs in for him; empty: himself
    std::string password;   // of either; may be missing
    std::string mechanism;  // in capitals; empty: whatever sends a password

    // Host and port, for the log.
    std::string name() const;
};

// The usual ports of a service.
struct ProxyPorts {
    std::uint16_t plain = 0;
    std::uint16_t tls = 0;  // where TLS begins with the first byte
};

// So many proxies may follow each other.
inline constexpr int kMostProxyHops = 5;

// How a client has come here.
struct ProxyPath {
    std::vector<SocketAddress> here;  // this service, as it is known to whoever has connected
    int hops_left = kMostProxyHops;

    void add(const std::optional<SocketAddress>& address) {
        if (address) {
            here.push_back(*address);
        }
    }
};

// kSyntax: what is missing or makes no sense, for the log.
[[nodiscard]] Result<ProxyTarget> proxy_target(const AuthParameters& fields, std::string_view user,
                                               ProxyPorts ports);

// The same, but for a target that is this very service, and for more proxies than make sense:
// nothing good would come of going on.
[[nodiscard]] Result<ProxyTarget> proxy_target(const AuthParameters& fields, std::string_view user,
                                               ProxyPorts ports, const ProxyPath& path);

}  // namespace relais
