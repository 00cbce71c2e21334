// The macros that say which machine this is and who the client is, to filters of smtpd and of
// cleanup alike.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relais::milter {

struct ClientNames {
    const std::string& name;          // verified
    const std::string& reverse_name;  // as the address claims it
    const std::string& address;
    const std::string& port;
};

// {j}, {v}, {daemon_name}, {_}, {client_name}, {client_port}, {client_ptr}; nothing for another
// name.
[[nodiscard]] std::optional<std::string> client_macro(std::string_view name,
                                                      const ClientNames& client);

}  // namespace relais::milter
