#include "cleanup/client_attributes.h"

#include <algorithm>

namespace relais::cleanup {

namespace {

// In the order of ClientAttribute.
constexpr std::array<std::string_view, static_cast<std::size_t>(ClientAttribute::kCount)> kNames = {
    "client_name", "reverse_client_name", "client_address", "client_address_type",
    "client_port", "helo_name",           "server_address", "server_port",
    "sasl_method", "sasl_username",       "sasl_sender",
};

}  // namespace

void ClientAttributes::note(std::string_view name, std::string_view value) {
    const auto* found = std::ranges::find(kNames, name);
    if (found != kNames.end()) {
        values_[static_cast<std::size_t>(found - kNames.begin())] = value;
    }
}

}  // namespace relais::cleanup
