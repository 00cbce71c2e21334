#include "tools/postfix-collate/log_line.h"

#include <algorithm>

#include "lib/base/strings.h"
#include "lib/queue/queue_id.h"

namespace relais {

namespace {

constexpr std::size_t kShortestId = 6;

bool is_upper_hex(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'F');
}

}  // namespace

bool looks_like_queue_id(std::string_view word) {
    if (word.size() < kShortestId || !valid_queue_id(word)) {
        return false;
    }
    return std::ranges::all_of(word, is_upper_hex) || is_long_queue_id(word);
}

std::optional<CollatedLine> parse_collated_line(std::string_view line) {
    std::size_t close = line.find("]: ");
    std::size_t open = close == std::string_view::npos ? close : line.rfind('[', close);
    if (open == std::string_view::npos) {
        return std::nullopt;
    }
    CollatedLine out;
    out.process = line.substr(open + 1, close - open - 1);
    std::string_view tag = line.substr(0, open);
    tag = tag.substr(tag.rfind(' ') + 1);  // npos + 1 is 0
    std::size_t slash = tag.rfind('/');
    if (slash == std::string_view::npos || !parse_uint(out.process)) {
        return std::nullopt;
    }
    out.program = tag.substr(slash + 1);
    out.text = line.substr(close + std::string_view("]: ").size());
    if (auto parts = split_first(out.text, ':'); parts && looks_like_queue_id(parts->first)) {
        out.queue_id = parts->first;
        out.text = trim_left(parts->second);
    }
    return out;
}

}  // namespace relais
