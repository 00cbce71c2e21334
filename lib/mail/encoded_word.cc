#include "lib/mail/encoded_word.h"

#include <algorithm>

#include "lib/base/base64.h"
#include "lib/base/format.h"

namespace relais {

namespace {

constexpr std::size_t kLongestWord = 75;

// RFC 2047 5(3): what may stand for itself in a phrase.
bool is_plain(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!*+-/").contains(c);
}

std::string q_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += is_plain(c) ? std::string(1, c)
               : c == ' '  ? "_"
                           : format("={:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// As many whole characters from the front as fit into `room` when they are encoded; at least one.
std::size_t piece_that_fits(std::string_view text, std::size_t room,
                            std::string (*encode)(std::string_view)) {
    std::size_t fits = 0;
    std::size_t end = 0;
    while (end < text.size()) {
        ++end;
        while (end < text.size() && is_continuation(text[end])) {
            ++end;
        }
        if (fits > 0 && encode(text.substr(0, end)).size() > room) {
            break;
        }
        fits = end;
    }
    return fits;
}

std::string words(std::string_view text, std::string_view before,
                  std::string (*encode)(std::string_view)) {
    const std::size_t around = before.size() + 2;
    const std::size_t room = kLongestWord > around ? kLongestWord - around : 1;
    std::string out;
    while (!text.empty()) {
        const std::size_t size = piece_that_fits(text, room, encode);
        out += format("{}{}{}?=", out.empty() ? "" : " ", before, encode(text.substr(0, size)));
        text.remove_prefix(size);
    }
    return out;
}

}  // namespace

std::string encoded_words(std::string_view text, std::string_view charset) {
    std::string q = words(text, format("=?{}?Q?", charset), q_encoded);
    std::string b = words(text, format("=?{}?B?", charset), base64_encode);
    return b.size() < q.size() ? b : q;
}

}  // namespace relais
