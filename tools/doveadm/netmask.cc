#include "tools/doveadm/netmask.h"

#include <array>
#include <cstddef>

#include <arpa/inet.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais::doveadm {

namespace {

// The bits that do not count, cleared.
std::string without_host(std::string bytes, std::size_t bits) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::size_t counting = bits > i * 8 ? std::min<std::size_t>(bits - i * 8, 8) : 0;
        auto mask = static_cast<unsigned char>(0xff00U >> counting);
        bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) & mask);
    }
    return bytes;
}

}  // namespace

std::optional<Network> netmask_of(std::string_view text) {
    auto parts = split_first(text, '/');
    auto bytes = address_bytes(parts ? parts->first : text);
    if (!bytes) {
        return std::nullopt;
    }
    auto bits = parts ? parse_uint(parts->second) : std::optional<std::uint64_t>(bytes->size() * 8);
    if (!bits || *bits > bytes->size() * 8) {
        return std::nullopt;
    }
    std::string address = without_host(*bytes, static_cast<std::size_t>(*bits));
    std::array<char, INET6_ADDRSTRLEN> shown{};
    ::inet_ntop(address.size() == 4 ? AF_INET : AF_INET6, address.data(), shown.data(),
                shown.size());
    auto network = Network::parse(format("{}/{}", shown.data(), *bits));
    return network ? std::optional(*network) : std::nullopt;
}

}  // namespace relais::doveadm
