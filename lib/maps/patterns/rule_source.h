// Where the rules of a regexp, pcre or cidr table come from: a file, or the name itself
// ("cidr:{{192.0.2.0/24 reject}, {...}}", each group one line).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"

namespace relais {

struct RuleSource {
    std::string text;
    Error unreadable;            // the file could be opened, and no more; empty where all is well
    std::optional<uid_t> owner;  // of the file
};

// The errors carry Postfix's messages.  `type` is the table's.
[[nodiscard]] Result<RuleSource> read_rule_source(std::string_view type, const std::string& name);

// What a line says, told by its first word.
enum class Statement { kRule, kIf, kEndif };

// The statement of a line, whose word (if any) is removed from it, with the blanks behind.
[[nodiscard]] Statement take_statement(std::string_view& line);

// Pairs IF and ENDIF while rules are collected.
class RuleNesting {
  public:
    // An IF that stands at `index` of the list of rules.
    void open(std::size_t index, std::size_t line) { open_.push_back({index, line}); }

    bool is_open() const { return !open_.empty(); }

    // Ends the innermost IF; returns its index.
    std::size_t close();

    struct Open {
        std::size_t index;
        std::size_t line;
    };

    // Those that never ended, the innermost first.
    std::vector<Open> unfinished() const { return {open_.rbegin(), open_.rend()}; }

  private:
    std::vector<Open> open_;
};

}  // namespace relais
