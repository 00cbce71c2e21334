#include "lib/milter/client_macros.h"

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais::milter {

std::optional<std::string> client_macro(std::string_view name, const ClientNames& client) {
    if (name == "{j}") {
        return conf().myhostname();
    }
    if (name == "{v}") {
        return conf().milter_macro_v();
    }
    if (name == "{daemon_name}") {
        return conf().milter_macro_daemon_name();
    }
    if (name == "{_}") {
        const bool forged = !iequals(client.name, client.reverse_name);
        return format("{} [{}]{}", client.reverse_name, client.address,
                      forged ? " (may be forged)" : "");
    }
    if (name == "{client_name}") {
        return client.name;
    }
    if (name == "{client_port}") {
        return client.port == "unknown" ? "0" : client.port;
    }
    if (name == "{client_ptr}") {
        return client.reverse_name;
    }
    return std::nullopt;
}

}  // namespace relais::milter
