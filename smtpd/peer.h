// Who is at the other end of a session, and what it said of itself.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lib/base/socket_address.h"

namespace relais::smtpd {

// How far a client's host name can be trusted, as one digit of an SMTP reply: 2 verified, 4 could
// not be found out now, 5 there is none, 6 its addresses are others.
struct Peer {
    std::string name = "unknown";          // verified in both directions
    std::string reverse_name = "unknown";  // as the address claims it
    std::string address = "unknown";
    std::string port = "0";
    int family = 0;  // AF_INET, AF_INET6
    int name_code = 5;
    int reverse_name_code = 5;
    std::string label;  // "name[address]": log lines and replies

    // Makes the label from name and address.
    void make_label();

    // The address as Received: headers carry it: "IPv6:" before IPv6 addresses.
    std::string literal() const;
};

// True for an address of this machine, in print (inet_interfaces).
[[nodiscard]] bool is_own_address(std::string_view address);

// What XFORWARD told about the client that our client serves.
struct ForwardedClient {
    std::string name = "unknown", address = "unknown", port = "unknown";
    std::string protocol = "unknown";
    std::string helo;  // "": none is known
    std::string ident, domain;
    // One of the above was told but ident and domain: what was not is unknown then, and not that of
    // our own client.
    bool described = false;

    // "name[address]" for the log, "name" without an address.
    std::string label() const;
};

// The login of an authenticated session.
struct Login {
    std::string method;
    std::string user;
    std::optional<std::string> tried_user;  // of the last failed attempt
    bool refused = false;                   // the last attempt, by the auth server and for good

    bool authenticated() const { return !user.empty() || !method.empty(); }
};

}  // namespace relais::smtpd
