#include "lib/config/interfaces.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/values.h"

namespace relais {

namespace {

struct FreeAddresses {
    void operator()(ifaddrs* list) const { ::freeifaddrs(list); }

    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::string address_bytes(const sockaddr* address) {
    std::string bytes;
    if (address != nullptr && address->sa_family == AF_INET) {
        bytes.resize(4);
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    } else if (address != nullptr && address->sa_family == AF_INET6) {
        bytes.resize(16);
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, 16);
    }
    return bytes;
}

bool is_loopback(const InterfaceAddress& address) {
    if (address.family == AF_INET) {
        return address.bytes.front() == 127;
    }
    static const std::string loopback = std::string(15, '\0') + '\1';
    return address.bytes == loopback;
}

bool same_address(const InterfaceAddress& a, const InterfaceAddress& b) {
    return a.family == b.family && a.bytes == b.bytes;
}

void add_once(std::vector<InterfaceAddress>& list, const InterfaceAddress& address) {
    if (std::ranges::none_of(list, [&](const auto& had) { return same_address(had, address); })) {
        list.push_back(address);
    }
}

Result<std::vector<InterfaceAddress>> resolve(const std::string& name, ProtocolFamilies families) {
    addrinfo hints{};
    hints.ai_family = families.ipv4 && families.ipv6 ? AF_UNSPEC
                      : families.ipv6                ? AF_INET6
                                                     : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &raw);
    if (error != 0) {
        return fail(Errc::kSyntax,
                    format("config variable inet_interfaces: host not found: {}", name));
    }
    std::unique_ptr<addrinfo, FreeAddresses> list(raw);
    std::vector<InterfaceAddress> found;
    for (const addrinfo* each = list.get(); each != nullptr; each = each->ai_next) {
        add_once(found, {each->ai_family, address_bytes(each->ai_addr), {}});
    }
    return found;
}

// The prefix that the historical address classes give an IPv4 address.
int class_prefix(unsigned char first) {
    return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}

int mask_prefix(const std::string& mask) {
    int bits = 0;
    for (char c : mask) {
        bits += std::popcount(static_cast<unsigned char>(c));
    }
    return bits;
}

void clear_host_bits(std::string& bytes, int prefix) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        int keep = std::clamp(prefix - static_cast<int>(8 * i), 0, 8);
        auto byte = static_cast<unsigned char>(bytes[i]);
        bytes[i] = static_cast<char>(byte & (0xff00U >> keep));
    }
}

std::string without_brackets(const std::string& word) {
    return word.starts_with('[') && word.ends_with(']') ? word.substr(1, word.size() - 2) : word;
}

}  // namespace

Result<ProtocolFamilies> parse_inet_protocols(std::string_view text) {
    ProtocolFamilies families;
    for (const auto& word : split_list(text)) {
        if (iequals(word, "all")) {
            families = {true, true};
        } else if (iequals(word, "ipv4")) {
            families.ipv4 = true;
        } else if (iequals(word, "ipv6")) {
            families.ipv6 = true;
        } else {
            return fail(Errc::kSyntax,
                        format("unknown inet_protocols value \"{}\" in \"{}\"", word, text));
        }
    }
    return families;
}

std::vector<InterfaceAddress> local_addresses(ProtocolFamilies families) {
    std::vector<InterfaceAddress> found;
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) {
        return found;
    }
    std::unique_ptr<ifaddrs, FreeAddresses> list(raw);
    for (const ifaddrs* each = list.get(); each != nullptr; each = each->ifa_next) {
        if ((each->ifa_flags & IFF_UP) == 0 || each->ifa_addr == nullptr) {
            continue;
        }
        int family = each->ifa_addr->sa_family;
        if ((family == AF_INET && families.ipv4) || (family == AF_INET6 && families.ipv6)) {
            add_once(found,
                     {family, address_bytes(each->ifa_addr), address_bytes(each->ifa_netmask)});
        }
    }
    return found;
}

Result<std::vector<InterfaceAddress>> resolve_interfaces(std::string_view list,
                                                         ProtocolFamilies families) {
    std::vector<InterfaceAddress> addresses;
    for (const auto& word : split_list(list)) {
        auto found = resolve(without_brackets(word), families);
        if (!found) {
            return found;
        }
        for (auto& address : *found) {
            add_once(addresses, address);
        }
    }
    return addresses;
}

Result<std::vector<InterfaceAddress>> select_interfaces(std::string_view list,
                                                        ProtocolFamilies families) {
    auto local = local_addresses(families);
    std::vector<InterfaceAddress> chosen;
    for (const auto& word : split_list(list)) {
        if (iequals(word, "all")) {
            return local;
        }
        if (iequals(word, "loopback-only")) {
            std::ranges::copy_if(local, std::back_inserter(chosen), is_loopback);
            continue;
        }
        auto found = resolve(without_brackets(word), families);
        if (!found) {
            return found;
        }
        for (auto& address : *found) {
            auto same = std::ranges::find_if(
                local, [&](const auto& own) { return same_address(own, address); });
            if (same == local.end()) {
                return fail(Errc::kSyntax,
                            format("parameter inet_interfaces: no local interface found for {}",
                                   address_text(address)));
            }
            add_once(chosen, *same);
        }
    }
    return chosen;
}

std::string address_text(const InterfaceAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::inet_ntop(address.family, address.bytes.data(), text.data(), text.size()) == nullptr) {
        return {};
    }
    return text.data();
}

Result<std::string> networks_of(const std::vector<InterfaceAddress>& addresses,
                                std::string_view style) {
    bool by_class = iequals(style, "class");
    bool by_subnet = iequals(style, "subnet");
    if (!by_class && !by_subnet && !iequals(style, "host")) {
        return fail(Errc::kSyntax,
                    format("bad value for parameter mynetworks_style: \"{}\"", style));
    }
    std::vector<std::string> networks;
    for (auto address : addresses) {
        int prefix = static_cast<int>(8 * address.bytes.size());
        if (by_class && address.family == AF_INET) {
            prefix = class_prefix(static_cast<unsigned char>(address.bytes.front()));
        } else if (by_class || by_subnet) {
            prefix = mask_prefix(address.mask);
        }
        clear_host_bits(address.bytes, prefix);
        auto text = address_text(address);
        auto network = address.family == AF_INET6 ? format("[{}]/{}", text, prefix)
                                                  : format("{}/{}", text, prefix);
        if (std::ranges::find(networks, network) == networks.end()) {
            networks.push_back(std::move(network));
        }
    }
    return join(networks, " ");
}

}  // namespace relais
