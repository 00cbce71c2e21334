// Patterns for the answers of DNS lists: "127.0.0.2", "127.0.[0..255].[1;4..6]".  Each of the four
// numbers stands for itself, or in "[]" for a choice of numbers and ranges.
#pragma once

#include <array>
#include <bitset>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

class AddressPattern {
  public:
    // The error says what is wrong and where: `need decimal number 0..255 at "127.0.0.>x<"`.
    [[nodiscard]] static Result<AddressPattern> parse(std::string_view text);

    // `address` is an IPv4 address in print.
    bool matches(std::string_view address) const;

  private:
    std::array<std::bitset<256>, 4> numbers_;
};

}  // namespace relais
