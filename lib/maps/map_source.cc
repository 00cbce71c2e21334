#include "lib/maps/map_source.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::size_t kQuotedText = 30;
constexpr std::size_t kReadSize = std::size_t{1} << 16;
constexpr std::size_t kLongestLine = std::size_t{1} << 30;

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

LogicalLines::LogicalLines(int fd, std::string path) : path_(std::move(path)), fd_(fd) {
    read_on();
}

// The line may lie where the next bytes of the file are going to be.
void LogicalLines::own_line() {
    if (!is_joined_) {
        joined_.assign(line_);
        line_ = joined_;
        is_joined_ = true;
    }
}

// Adds to rest_ what comes next in the file; at its end there is no fd_ any more.
void LogicalLines::read_on() {
    own_line();
    buffer_.erase(0, buffer_.size() - rest_.size());
    const std::size_t had = buffer_.size();
    const std::size_t most = std::max(had, kReadSize);  // a long line is not looked through often
    ssize_t got = 0;
    buffer_.resize_and_overwrite(had + most, [&](char* data, std::size_t) {
        do {
            got = ::read(fd_, data + had, most);
        } while (got < 0 && errno == EINTR);
        return had + static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    });
    if (got < 0) {
        trouble_ = fail_errno("read " + path_).error();
    } else if (buffer_.size() > kLongestLine) {
        trouble_ = fail(Errc::kTooLarge, "read " + path_ + ": a line is too long").error();
    }
    if (got <= 0 || trouble_) {
        fd_ = -1;
    }
    rest_ = trouble_ ? std::string_view() : buffer_;
}

// Whether there is another physical line; all of it is in rest_ then.
bool LogicalLines::has_more() {
    while (fd_ >= 0 && rest_.find('\n') == std::string_view::npos) {
        read_on();
    }
    return !rest_.empty();
}

std::string_view LogicalLines::take_physical() {
    std::string_view taken = physical();
    rest_.remove_prefix(std::min(taken.size() + 1, rest_.size()));
    ++number_;
    return taken;
}

bool LogicalLines::next() {
    while (has_more()) {
        is_joined_ = false;
        line_ = take_physical();
        if (is_dropped(line_)) {
            continue;
        }
        first_number_ = last_number_ = number_;
        join_continuations();
        line_ = line_.substr(0, line_.find('\0'));
        if (!continues(line_)) {
            return !trouble_;
        }
        log_warning("{}: logical line must not start with whitespace: \"{}{}\"", path_,
                    line_.substr(0, kQuotedText), line_.size() > kQuotedText ? "..." : "");
    }
    return false;
}

// Copies only where there is something to join.
void LogicalLines::join_continuations() {
    while (has_more()) {
        if (is_dropped(physical())) {
            take_physical();
            continue;
        }
        if (!continues(physical())) {
            return;
        }
        own_line();
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
