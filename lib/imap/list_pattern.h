// The patterns of LIST and LSUB: "*" matches anything, "%" anything within one level of the
// hierarchy (RFC 3501 6.3.8).
#pragma once

#include <string>
#include <string_view>

namespace relais::imap {

enum class ListMatch {
    kNo,
    kYes,
    kParent,    // not the name, but a parent of it
    kChildren,  // none of these, but names below it may match
};

class ListPattern {
  public:
    // In modified UTF-7, or raw UTF-8.
    ListPattern(std::string pattern, char separator);

    // INBOX, also as the first level, matches without regard to case.  A wildcard stands for
    // characters, not for those that encode them: the name is in modified UTF-7.
    [[nodiscard]] ListMatch match(std::string_view name) const;

    const std::string& text() const { return pattern_; }

  private:
    std::string pattern_;
    char separator_;
};

}  // namespace relais::imap
