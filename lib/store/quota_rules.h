// The limits of a mailbox, in Dovecot's notation (quota_rule):
//
//     *:storage=1G:messages=10000     all folders together
//     Trash:storage=+100M             that folder may have so much more
//     Trash:storage=110%              the same, as a part of the limit of all
//     Spam:ignore                     does not count
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace relais {

// What mailboxes hold, or may hold.  As a limit, 0 is none.
struct QuotaAmount {
    std::int64_t bytes = 0;
    std::int64_t messages = 0;

    friend bool operator==(const QuotaAmount&, const QuotaAmount&) = default;

    QuotaAmount& operator+=(const QuotaAmount& more) {
        bytes += more.bytes;
        messages += more.messages;
        return *this;
    }
};

// A size or number as settings have it: absolute, or a part of something in per cent.
struct QuotaValue {
    std::int64_t number = 0;
    bool percent = false;

    // `of` is what the percentage refers to.
    std::int64_t resolve(std::int64_t of) const;

    // "10M", "95%"; `unit` is that of a number without one.
    [[nodiscard]] static std::optional<QuotaValue> parse(std::string_view text, std::int64_t unit);
};

class QuotaRules {
  public:
    // Of several rules with the same mask, what a later one says counts.  The error names the rule.
    [[nodiscard]] static Result<QuotaRules> parse(const std::vector<std::string>& rules);

    // Of all folders together.
    QuotaAmount limit() const { return limit_; }

    // How full all of it may be when something is put into this folder.
    QuotaAmount limit_for(std::string_view folder) const;

    // The folder does not count.
    bool ignores(std::string_view folder) const;

    // Nothing limits anything.
    bool unlimited() const { return limit_ == QuotaAmount(); }

  private:
    struct Part {
        QuotaValue value;
        bool added = false;  // to the limit of all
    };

    struct Rule {
        std::string mask;
        std::optional<Part> bytes;
        std::optional<Part> messages;
        bool ignore = false;
    };

    [[nodiscard]] static bool take_word(std::string_view word, Rule& rule);
    const Rule* rule_for(std::string_view folder) const;
    Rule& rule_named(std::string_view mask);
    static std::int64_t apply(const std::optional<Part>& part, std::int64_t limit);

    std::vector<Rule> rules_;
    QuotaAmount limit_;
};

}  // namespace relais
