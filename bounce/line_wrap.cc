#include "bounce/line_wrap.h"

#include <algorithm>

#include "lib/base/strings.h"

namespace relais::bounce {

namespace {

constexpr std::size_t kWidth = 79;
constexpr std::string_view kIndent = "    ";

}  // namespace

std::vector<std::string> wrap_line(std::string_view text) {
    std::vector<std::string> lines;
    std::size_t start = 0;
    std::size_t word = 0;
    auto put_line = [&](std::size_t end) {
        std::string_view indent = lines.empty() ? "" : kIndent;
        lines.push_back(std::string(indent) +
                        std::string(trim_right(text.substr(start, end - start))));
    };
    for (;;) {
        std::size_t blank = std::min(text.find_first_of(" \t", word), text.size());
        std::size_t width = lines.empty() ? kWidth : kWidth - kIndent.size();
        if (word > start && blank - start > width) {
            put_line(word);
            while (word < text.size() && is_blank(text[word])) {
                ++word;
            }
            start = word;
            blank = std::max(blank, word);
        }
        if (blank == text.size()) {
            break;
        }
        word = blank + 1;
    }
    put_line(text.size());
    return lines;
}

}  // namespace relais::bounce
