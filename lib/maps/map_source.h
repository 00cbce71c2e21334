// The text that postmap and postalias read: logical lines (comments dropped, continuation lines
// joined), and "key value" entries in them.  main.cf, alias files and pattern tables share the
// logical lines.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace relais {

// Cuts text into logical lines.  A line that starts with white space continues the line before;
// blank lines and lines whose first non-blank is '#' are dropped, even between the two.
class LogicalLines {
  public:
    // `path` names the source in warnings.
    LogicalLines(std::string_view text, std::string path);

    // Of a file, which is not held in memory; `fd` must stay open.  Begins to read.
    LogicalLines(int fd, std::string path);

    LogicalLines(const LogicalLines&) = delete;
    LogicalLines& operator=(const LogicalLines&) = delete;

    // False at the end, or where the file cannot be read.  A logical line that starts with white
    // space is warned about and left out.
    bool next();

    // Valid until the next call of next().
    std::string_view line() const { return line_; }

    // The number of its first and its last physical line.
    std::size_t number() const { return first_number_; }

    std::size_t last_number() const { return last_number_; }

    // Why the file could not be read to its end.
    const std::optional<Error>& trouble() const { return trouble_; }

  private:
    bool has_more();

    std::string_view physical() const { return rest_.substr(0, rest_.find('\n')); }

    std::string_view take_physical();
    void join_continuations();
    void own_line();
    void read_on();

    std::string_view rest_;
    std::string path_;
    std::string_view line_;
    std::string joined_;  // the line, where it does not lie in the text as it is
    bool is_joined_ = false;
    int fd_ = -1;
    std::string buffer_;  // what of the file is rest_, and what was before it
    std::optional<Error> trouble_;
    std::size_t number_ = 0;
    std::size_t first_number_ = 0;
    std::size_t last_number_ = 0;
};

struct SourceEntry {
    std::string_view key;
    std::string_view value;
};

enum class SourceFault { kUnbalancedQuote, kIncomplete };

// "key value": the key ends at the first white space outside quotes, and keeps its quotes.
[[nodiscard]] std::expected<SourceEntry, SourceFault> parse_map_entry(std::string_view line);

// The syntax that a source is written in: "key value" or "key: value, ...".  A guess from the first
// line that tells, for who does not know what the table is for.
enum class SourceSyntax { kMap, kAliases };

[[nodiscard]] SourceSyntax guess_syntax(std::string_view text, const std::string& path);

}  // namespace relais
