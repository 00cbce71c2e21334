// message_reject_characters and message_strip_characters: bytes that raw content must not have.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

namespace relais::cleanup {

class Characters {
  public:
    // `text` in C notation: \a \b \f \n \r \t \v, \ and up to three octal digits, \\.
    explicit Characters(std::string_view text);

    bool empty() const { return set_.none(); }

    bool any_in(std::string_view line) const;

    // Takes them out.
    void strip(std::string& line) const;

  private:
    bool has(char c) const { return set_.test(static_cast<unsigned char>(c)); }

    std::bitset<256> set_;
};

}  // namespace relais::cleanup
