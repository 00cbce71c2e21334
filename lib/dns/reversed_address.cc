#include "lib/dns/reversed_address.h"

#include <array>
#include <ranges>

#include <arpa/inet.h>

#include "lib/base/format.h"

namespace relais {

std::string reversed_address(std::string_view address) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    const std::string text(address);
    std::string reversed;
    if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
        return format("{}.{}.{}.{}", bytes[3], bytes[2], bytes[1], bytes[0]);
    }
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
        for (const auto byte : std::views::reverse(bytes)) {
            reversed += format("{}{:x}.{:x}", reversed.empty() ? "" : ".", byte & 15, byte >> 4);
        }
    }
    return reversed;
}

}  // namespace relais
