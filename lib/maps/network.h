// Network patterns: "192.0.2.0/24", "2001:db8::/32", single addresses; with or without brackets.
// mynetworks and cidr tables use them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"

namespace relais {

// An IP address as 4 or 16 bytes in network order; nothing where the text is none.
[[nodiscard]] std::optional<std::string> address_bytes(std::string_view text);

class Network {
  public:
    // The error is Postfix's text.
    [[nodiscard]] static Result<Network> parse(std::string_view text);

    // "ADDRESS" or "ADDRESS/BITS", where any address of the network stands for it, as Dovecot has
    // it; nothing where the text is none.
    [[nodiscard]] static std::optional<Network> around(std::string_view text);

    // `address` is what address_bytes() gives.
    bool contains(std::string_view address) const;

    // True where `address` is of this network's family, IPv4 or IPv6.
    bool is_comparable(std::string_view address) const { return address.size() == bytes_.size(); }

    std::size_t prefix() const { return bits_; }

  private:
    explicit Network(std::string bytes) : bytes_(std::move(bytes)), bits_(bytes_.size() * 8) {}

    static Result<Network> parse_address(std::string_view text);
    static Result<Network> parse_masked(std::string_view text, std::size_t slash);

    std::string bytes_;
    std::size_t bits_;
};

}  // namespace relais
