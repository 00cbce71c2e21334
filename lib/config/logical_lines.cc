#include "lib/config/logical_lines.h"

#include "lib/base/strings.h"

namespace relais {

namespace {

bool is_comment_or_empty(std::string_view line) {
    auto content = trim_left(line);
    return content.empty() || content.front() == '#';
}

}  // namespace

std::vector<LogicalLine> read_logical_lines(std::string_view text) {
    std::vector<LogicalLine> lines;
    int number = 0;
    while (!text.empty()) {
        ++number;
        auto end = text.find('\n');
        auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (is_comment_or_empty(line)) {
            continue;
        }
        bool continues = is_blank(line.front()) && !lines.empty();
        if (!continues) {
            lines.push_back({std::string(line), number, number});
        } else {
            lines.back().text += line;
            lines.back().last_line = number;
        }
    }
    for (auto& line : lines) {
        line.text.resize(trim_right(line.text).size());
    }
    return lines;
}

std::string excerpt(std::string_view line) {
    constexpr std::size_t kShown = 30;
    return std::string(line.substr(0, kShown)) + (line.size() > kShown ? "..." : "");
}

}  // namespace relais
