// Network patterns: "192.0.2.0/24", "2001:db8::/32", single addresses; with or without brackets.
// mynetworks and cidr tables use them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// An IP address as 4 or 16 bytes in network order; nothing where the text is none.
[[nodiscard]] std::optional<std::string> address_bytes(std::string_view text);

class Network {
  public:
    // The error is Postfix's text.
    [[nodiscard]] static Result<Network> parse(std::string_view text);

    // `address` is what address_bytes() gives.
    bool contains(std::string_view address) const;

    std::size_t prefix() const { return bits_; }

  private:
    std::string bytes_;
    std::size_t bits_ = 0;
};

}  // namespace relais
