#include "lib/imap/list_pattern.h"

#include <bitset>
#include <vector>

#include "lib/base/strings.h"
#include "lib/imap/utf7.h"

namespace relais::imap {

namespace {

constexpr std::size_t kMaxPattern = 2000;
constexpr std::string_view kInbox = "INBOX";

enum class Case { kExact, kIgnored };

// The set of positions in the pattern that can be reached, after each character of the name.
// Linear in both, so a pattern of a thousand stars costs nothing special.
class Matcher {
  public:
    Matcher(std::string_view pattern, char separator)
        : pattern_(pattern), separator_(separator), states_(pattern.size() + 1) {
        states_[0] = true;
        close();
    }

    void step(char c, Case compare = Case::kExact) {
        std::vector<bool> next(states_.size());
        for (std::size_t i = 0; i < pattern_.size(); ++i) {
            if (!states_[i]) {
                continue;
            }
            char p = pattern_[i];
            if (p == '*' || (p == '%' && c != separator_)) {
                next[i] = true;
            } else if (p != '%' &&
                       (p == c || (compare == Case::kIgnored && to_lower(p) == to_lower(c)))) {
                next[i + 1] = true;
            }
        }
        states_.swap(next);
        close();
    }

    bool matched() const { return states_.back(); }

    bool alive() const {
        for (std::size_t i = 0; i < pattern_.size(); ++i) {
            if (states_[i]) {
                return true;
            }
        }
        return false;
    }

    // True when a further level could still match.
    bool accepts_separator() const {
        Matcher copy = *this;
        copy.step(separator_);
        return copy.matched() || copy.alive();
    }

  private:
    // Wildcards may match nothing.
    void close() {
        for (std::size_t i = 0; i < pattern_.size(); ++i) {
            if (states_[i] && (pattern_[i] == '*' || pattern_[i] == '%')) {
                states_[i + 1] = true;
            }
        }
    }

    std::string_view pattern_;
    char separator_;
    std::vector<bool> states_;
};

}  // namespace

ListPattern::ListPattern(std::string pattern, char separator)
    : pattern_(utf7_to_utf8(pattern).value_or(pattern)), separator_(separator) {
    if (pattern_.size() > kMaxPattern) {
        pattern_.resize(kMaxPattern);
    }
}

ListMatch ListPattern::match(std::string_view encoded) const {
    auto decoded =
        encoded.find('&') == std::string_view::npos ? std::nullopt : utf7_to_utf8(encoded);
    std::string_view name = decoded ? std::string_view(*decoded) : encoded;
    bool inbox = name == kInbox || (name.starts_with(kInbox) && name[kInbox.size()] == separator_);
    Matcher matcher(pattern_, separator_);
    ListMatch parent = ListMatch::kNo;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] == separator_ && matcher.matched()) {
            parent = ListMatch::kParent;
        }
        matcher.step(name[i], inbox && i < kInbox.size() ? Case::kIgnored : Case::kExact);
    }
    if (matcher.matched()) {
        return ListMatch::kYes;
    }
    if (parent == ListMatch::kParent) {
        return parent;
    }
    return matcher.accepts_separator() ? ListMatch::kChildren : ListMatch::kNo;
}

}  // namespace relais::imap
