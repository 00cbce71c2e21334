#include "lib/smtp/reject_footer.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "lib/smtp/reply.h"

namespace relais::smtp {

std::string add_footer(std::string_view reply, std::string_view footer) {
    constexpr std::string_view kContinue = "\\c", kNewLine = "\\n";
    std::string whole(reply);
    if (footer.empty()) {
        return whole;
    }
    const auto parts = split_reply(reply);
    const std::string dsn = parts.dsn ? parts.dsn->to_string() + " " : "";
    bool fresh_line = true;
    if (footer.starts_with(kContinue)) {
        footer.remove_prefix(kContinue.size());
        fresh_line = false;
    }
    for (bool more = true; more;) {
        const auto escaped = footer.find(kNewLine);
        const auto plain = footer.find('\n');
        const auto end = std::min(escaped, plain);
        whole += fresh_line ? "\n" + dsn : "";
        whole += footer.substr(0, end);
        fresh_line = true;
        more = end != std::string_view::npos;
        footer = more ? footer.substr(end + (end == escaped ? kNewLine.size() : 1)) : footer;
    }
    return whole;
}

std::string footer_time() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    ::localtime_r(&now, &local);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%b %d %H:%M:%S", &local)};
}

}  // namespace relais::smtp
