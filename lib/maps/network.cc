#include "lib/maps/network.h"

#include <algorithm>
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
    auto slash = pattern.find('/');
    return slash == std::string_view::npos ? parse_address(pattern) : parse_masked(pattern, slash);
}

std::optional<Network> Network::around(std::string_view text) {
    auto parts = split_first(text, '/');
    auto bytes = address_bytes(parts ? parts->first : text);
    auto bits = parts && bytes ? parse_uint(parts->second) : std::nullopt;
    if (!bytes || (parts && (!bits || *bits > bytes->size() * 8))) {
        return std::nullopt;
    }
    Network network(std::move(*bytes));
    if (bits) {
        network.bits_ = static_cast<std::size_t>(*bits);
        network.bytes_ = masked(std::move(network.bytes_), network.bits_);
    }
    return network;
}

Result<Network> Network::parse_address(std::string_view text) {
    auto bytes = address_bytes(text);
    if (!bytes) {
        return fail(Errc::kSyntax, format("bad address pattern: \"{}\"", text));
    }
    return Network(std::move(*bytes));
}

Result<Network> Network::parse_masked(std::string_view text, std::size_t slash) {
    std::string_view address = text.substr(0, slash);
    std::string_view mask = text.substr(slash + 1);
    if (mask.empty() || !std::ranges::all_of(mask, is_digit)) {
        return fail(Errc::kSyntax, format("bad mask value in \"{}\"", text));
    }
    auto bits = parse_uint(mask);
    if (!bits || *bits > (address.contains(':') ? 128 : 32)) {
        return fail(Errc::kSyntax, format("bad mask length in \"{}\"", text));
    }
    auto bytes = address_bytes(address);
    if (!bytes) {
        return fail(Errc::kSyntax, format("bad network value in \"{}\"", text));
    }
    Network network(std::move(*bytes));
    network.bits_ = static_cast<std::size_t>(*bits);
    std::string cleared = masked(network.bytes_, network.bits_);
    if (cleared != network.bytes_) {
        return fail(Errc::kSyntax,
                    format("non-null host address bits in \"{}\", perhaps you should use "
                           "\"{}/{}\" instead",
                           text, address_text(cleared), network.bits_));
    }
    return network;
}

bool Network::contains(std::string_view address) const {
    return address.size() == bytes_.size() && masked(std::string(address), bits_) == bytes_;
}

}  // namespace relais
