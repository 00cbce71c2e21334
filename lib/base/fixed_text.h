// Text put together in a fixed place, for signal handlers: no memory, no lock, no errno.  What does
// not fit is cut off.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace relais {

template <std::size_t kMost>
class FixedText {
  public:
    static constexpr std::size_t kCapacity = kMost;

    FixedText& operator<<(std::string_view text) {
        const std::size_t taken = std::min(text.size(), kMost - size_);
        std::copy_n(text.begin(), taken, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += taken;
        return *this;
    }

    // With blanks in front where it has fewer digits than `width`.
    FixedText& number(long long value, std::size_t width = 0, char filler = ' ') {
        std::array<char, 24> digits{};
        const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
        const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
        for (std::size_t have = text.size(); have < width; ++have) {
            *this << std::string_view(&filler, 1);
        }
        return *this << text;
    }

    FixedText& printable(std::string_view text) {
        for (const char each : text) {
            const char shown = each >= ' ' && each <= '~' ? each : '?';
            *this << std::string_view(&shown, 1);
        }
        return *this;
    }

    std::string_view view() const { return {bytes_.data(), size_}; }

  private:
    std::array<char, kMost> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace relais
