// Takes little-endian numbers and strings off bytes from outside.  What is read behind the end is
// zero or empty, and good() is false from then on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace relais {

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : left_(bytes), whole_(bytes.size()) {}

    bool good() const { return good_; }

    bool at_end() const { return left_.empty(); }

    std::size_t offset() const { return whole_ - left_.size(); }

    std::size_t size() const { return left_.size(); }

    std::string_view take(std::size_t size) {
        good_ = good_ && size <= left_.size();
        std::string_view taken = good_ ? left_.substr(0, size) : std::string_view();
        left_.remove_prefix(taken.size());
        return taken;
    }

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }

    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }

    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

    // Up to a multiple of `unit`, counted from the beginning.
    void align(std::size_t unit) { take(std::min((unit - offset() % unit) % unit, left_.size())); }

  private:
    std::uint64_t number(std::size_t size) {
        std::uint64_t value = 0;
        std::string_view bytes = take(size);
        for (std::size_t i = bytes.size(); i > 0; --i) {
            value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
        }
        return value;
    }

    std::string_view left_;
    std::size_t whole_;
    bool good_ = true;
};

}  // namespace relais
