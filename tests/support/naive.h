// What property tests compare with: the same things done in the plainest way, and random input that
// is the same in every run.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace naive {

class Random {
  public:
    explicit Random(unsigned seed) : engine_(seed) {}

    // 0 to limit - 1.  Without <random>'s distributions, which differ between libraries.
    std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(engine_() % limit); }

    std::string text(std::size_t length, std::string_view of) {
        std::string out;
        for (std::size_t i = 0; i < length; ++i) {
            out += of[below(of.size())];
        }
        return out;
    }

    std::string bytes(std::size_t length) {
        std::string out;
        for (std::size_t i = 0; i < length; ++i) {
            out += static_cast<char>(below(256));
        }
        return out;
    }

  private:
    std::mt19937 engine_;
};

inline std::string lower(std::string_view text) {
    std::string out;
    for (char c : text) {
        out += std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ").find(c) != std::string_view::npos
                   ? static_cast<char>(c + 32)
                   : c;
    }
    return out;
}

inline std::string hex(char c, std::string_view before) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    auto byte = static_cast<unsigned char>(c);
    return std::string(before) + kDigits[byte / 16] + kDigits[byte % 16];
}

inline std::string utf8(std::uint32_t code) {
    auto byte = [](std::uint32_t value) { return std::string(1, static_cast<char>(value)); };
    if (code < 0x80) {
        return byte(code);
    }
    if (code < 0x800) {
        return byte(0xc0 + code / 64) + byte(0x80 + code % 64);
    }
    std::string tail = byte(0x80 + code / 64 % 64) + byte(0x80 + code % 64);
    return code < 0x10000 ? byte(0xe0 + code / 4096) + tail
                          : byte(0xf0 + code / 262144) + byte(0x80 + code / 4096 % 64) + tail;
}

// RFC 4648 section 4, a bit at a time.
inline std::string base64(std::string_view bytes) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bits;
    for (char c : bytes) {
        for (int i = 7; i >= 0; --i) {
            bits += (static_cast<unsigned char>(c) >> i & 1) != 0 ? '1' : '0';
        }
    }
    std::string out;
    for (std::size_t at = 0; at < bits.size(); at += 6) {
        std::string group = bits.substr(at, 6);
        group.resize(6, '0');
        out += kAlphabet[std::stoul(group, nullptr, 2)];
    }
    while (out.size() % 4 != 0) {
        out += '=';
    }
    return out;
}

}  // namespace naive
