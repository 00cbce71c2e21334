// The result of a regexp or pcre rule: text with $1, ${1} or $(1) for what the groups of the
// expression matched, and $$ for a dollar sign.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace relais {

class Replacement {
  public:
    struct Fault {
        enum class Kind { kMacro, kNotNumeric, kZero } kind;
        std::string text;  // kMacro: the whole message; otherwise the index as it stands
    };

    [[nodiscard]] static std::expected<Replacement, Fault> parse(std::string_view text);

    // The largest group that is asked for; 0 where the text is plain.  Absurd ones are negative.
    int highest_group() const { return highest_; }

    // `group(n)` is what a group matched.
    std::string expand(const std::function<std::string_view(int)>& group) const;

  private:
    struct Piece {
        std::string literal;
        int group = 0;  // behind the literal; 0: none
    };

    std::expected<void, Fault> add_group(std::string_view name);

    std::vector<Piece> pieces_;
    int highest_ = 0;
};

}  // namespace relais
