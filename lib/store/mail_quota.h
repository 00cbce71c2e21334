// The quota of one user's mail: his limits and what his mailboxes hold.  These calls block, and may
// be made on a helper thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mail_tree.h"
#include "lib/store/quota_rules.h"

namespace relais {

enum class QuotaVerdict { kFits, kOver, kTooLarge };

// What people are told of the last one.
inline constexpr std::string_view kMailTooLarge =
    "Mail size is larger than the maximum size allowed by server configuration";

// Deliveries may exceed a limit once, by a little (quota_grace); clients may not.
enum class Grace { kNone, kAllowed };

// A command to be run when a limit is passed (quota_warnings).
struct QuotaWarning {
    bool messages = false;  // else bytes
    bool below = false;     // run when the mailbox falls below it
    QuotaValue threshold;
    std::vector<std::string> argv;

    [[nodiscard]] static Result<QuotaWarning> parse(std::string_view text);
};

struct QuotaSettings {
    std::string root_name;  // empty: there are no quotas
    QuotaValue grace;
    std::int64_t max_mail_size = 0;
    std::vector<QuotaWarning> warnings;

    // Of quota_root_name, quota_grace, quota_max_mail_size and quota_warnings.
    [[nodiscard]] static Result<QuotaSettings> from_configuration();
};

class MailQuota {
  public:
    // `settings` and the tree of the mailboxes outlive this.
    MailQuota(const QuotaSettings& settings, QuotaRules rules, const MailTree& tree);

    // Without a limit nothing is counted.
    bool limited() const;

    const QuotaRules& rules() const { return rules_; }

    [[nodiscard]] Result<QuotaAmount> usage() const;
    // The same by counting.
    [[nodiscard]] Result<QuotaAmount> recount() const;

    // Whether messages of that size may come into the folder, when `usage` is there.
    QuotaVerdict judge(const QuotaAmount& usage, std::string_view folder, QuotaAmount more,
                       Grace grace) const;

    // The command to be run after that change, with its % variables; empty: none.
    std::vector<std::string> warning(const QuotaAmount& before, const QuotaAmount& after) const;

    // What is put into it, or taken from it, counts.
    bool counts(std::string_view folder) const { return !rules_.ignores(folder); }

  private:
    [[nodiscard]] Result<std::vector<std::string>> counted_directories() const;
    bool passes(const QuotaWarning& warning, const QuotaAmount& before,
                const QuotaAmount& after) const;

    const QuotaSettings& settings_;
    QuotaRules rules_;
    const MailTree& tree_;
};

// The rules of a user: those of quota_rules, where his own take the place of those of their number
// (quota_rule the first, quota_rule2 the second, ...).
[[nodiscard]] Result<QuotaRules> quota_rules_of(const std::vector<std::string>& own);

}  // namespace relais
