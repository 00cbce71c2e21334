#include "lib/maps/map_source.h"

#include <algorithm>
#include <optional>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kQuotedText = 30;

bool is_dropped(std::string_view physical) {
    std::string_view text = trim_left(physical);
    return text.empty() || text.front() == '#';
}

bool continues(std::string_view physical) {
    return !physical.empty() && is_blank(physical.front());
}

}  // namespace

LogicalLines::LogicalLines(std::string_view text, std::string path)
    : rest_(text), path_(std::move(path)) {
}

std::string_view LogicalLines::take_physical() {
    std::size_t end = rest_.find('\n');
    std::string_view physical = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return physical;
}

bool LogicalLines::next() {
    while (!rest_.empty()) {
        std::string_view physical = take_physical();
        if (is_dropped(physical)) {
            continue;
        }
        line_ = physical;
        first_number_ = last_number_ = number_;
        join_continuations();
        line_ = line_.substr(0, line_.find('\0'));
        if (!continues(line_)) {
            return true;
        }
        log_warning("{}: logical line must not start with whitespace: \"{}{}\"", path_,
                    line_.substr(0, kQuotedText), line_.size() > kQuotedText ? "..." : "");
    }
    return false;
}

// Copies only where there is something to join.
void LogicalLines::join_continuations() {
    bool copied = false;
    while (!rest_.empty()) {
        std::string_view physical = rest_.substr(0, rest_.find('\n'));
        if (is_dropped(physical)) {
            take_physical();
            continue;
        }
        if (!continues(physical)) {
            return;
        }
        if (!copied) {
            joined_.assign(line_);
            copied = true;
        }
        joined_ += take_physical();
        last_number_ = number_;
        line_ = joined_;
    }
}

std::expected<SourceEntry, SourceFault> parse_map_entry(std::string_view line) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < line.size(); ++end) {
        char c = line[end];
        if (c == '\\') {
            ++end;  // a backslash hides the next character, a quote or a blank
        } else if (c == '"') {
            quoted = !quoted;
        } else if (is_blank(c) && !quoted) {
            break;
        }
    }
    if (quoted) {
        return std::unexpected(SourceFault::kUnbalancedQuote);
    }
    end = std::min(end, line.size());
    SourceEntry entry{line.substr(0, end), trim(line.substr(end))};
    if (entry.key.empty() || entry.value.empty()) {
        return std::unexpected(SourceFault::kIncomplete);
    }
    return entry;
}

namespace {

std::optional<SourceSyntax> syntax_of(std::string_view line) {
    auto entry = parse_map_entry(line);
    if (!entry) {
        // "root:alice" is no entry of a map; of two colons, it may be an address.
        bool is_alias = std::ranges::count(line, ':') == 1 && !line.contains('"');
        return is_alias ? std::optional(SourceSyntax::kAliases) : std::nullopt;
    }
    // A transport may begin with a colon: "example.com :[gateway]".
    bool blank_after_colon =
        entry->value.starts_with(':') && entry->value.size() > 1 && is_blank(entry->value[1]);
    bool is_alias = entry->key.ends_with(':') || entry->key.ends_with(',') || blank_after_colon;
    return is_alias ? SourceSyntax::kAliases : SourceSyntax::kMap;
}

}  // namespace

SourceSyntax guess_syntax(std::string_view text, const std::string& path) {
    LogicalLines lines(text, path);
    while (lines.next()) {
        if (auto syntax = syntax_of(lines.line())) {
            return *syntax;
        }
    }
    return SourceSyntax::kMap;
}

}  // namespace relais
