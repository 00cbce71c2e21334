#include "lib/maps/network.h"

#include <array>

#include <arpa/inet.h>

#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

std::string address_text(const std::string& bytes) {
    std::array<char, INET6_ADDRSTRLEN> text = {};
    int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    return ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? ""
                                                                                  : text.data();
}

// Clears what is right of the mask.
std::string masked(std::string bytes, std::size_t bits) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::size_t left = i * 8;
        if (left >= bits) {
            bytes[i] = '\0';
        } else if (left + 8 > bits) {
            auto byte = static_cast<unsigned char>(bytes[i]);
            bytes[i] = static_cast<char>(byte & (0xff00U >> (bits - left)));
        }
    }
    return bytes;
}

}  // namespace

std::optional<std::string> address_bytes(std::string_view text) {
    if (text.size() >= INET6_ADDRSTRLEN || text.contains('\0')) {
        return std::nullopt;
    }
    std::string terminated(text);
    std::string bytes(text.contains(':') ? 16 : 4, '\0');
    int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    if (::inet_pton(family, terminated.c_str(), bytes.data()) != 1) {
        return std::nullopt;
    }
    return bytes;
}

Result<Network> Network::parse(std::string_view text) {
    std::string_view pattern = text;
    if (pattern.starts_with('[')) {
        std::size_t close = pattern.find(']');
        if (close == std::string_view::npos) {
            return fail(Errc::kSyntax, format("missing ']' character after \"{}\"", pattern));
        }
        std::string_view after = pattern.substr(close + 1);
        if (!after.empty() && after.front() != '/') {
            return fail(Errc::kSyntax,
                        format("garbage after \"[{}]\"", pattern.substr(1, close - 1)));
        }
        auto slash = after.empty() ? std::string() : std::string(after);
        return parse(std::string(pattern.substr(1, close - 1)) + slash);
    }
    auto parts = split_first(pattern, '/');
    std::string_view address = parts ? parts->first : pattern;
    Network network;
    auto bytes = address_bytes(address);
    if (!bytes) {
        return fail(Errc::kSyntax,
                    parts ? format("bad net/mask pattern: \"{}/{}\"", parts->first, parts->second)
                          : format("bad address pattern: \"{}\"", pattern));
    }
    network.bytes_ = std::move(*bytes);
    network.bits_ = network.bytes_.size() * 8;
    if (!parts) {
        return network;
    }
    auto bits = parse_uint(parts->second);
    if (!bits || *bits > network.bits_) {
        return fail(Errc::kSyntax,
                    format("bad net/mask pattern: \"{}/{}\"", parts->first, parts->second));
    }
    network.bits_ = static_cast<std::size_t>(*bits);
    std::string cleared = masked(network.bytes_, network.bits_);
    if (cleared != network.bytes_) {
        return fail(Errc::kSyntax,
                    format("non-null host address bits in \"{}/{}\", perhaps you should use "
                           "\"{}/{}\" instead",
                           parts->first, parts->second, address_text(cleared), network.bits_));
    }
    return network;
}

bool Network::contains(std::string_view address) const {
    return address.size() == bytes_.size() && masked(std::string(address), bits_) == bytes_;
}

}  // namespace relais
