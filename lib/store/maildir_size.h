// maildirsize, the file of Maildir++ that tells how much all mailboxes of a tree hold, as Dovecot,
// maildrop and Courier keep it in the root:
//
//     10240S,1000C          the limits; a part without a limit is left out, "0S" is none at all
//     4170 1                bytes and messages, what has come and gone; the sum is what is there
//
// Who adds or removes messages appends a line, and takes no lock.  Who finds that the limits are
// other ones, that the file has grown long, or that it cannot be, counts all messages anew.
// These calls block, and may be made on a helper thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/quota_rules.h"
#include "lib/store/shared_lock.h"

namespace relais {

inline constexpr std::string_view kMaildirSize = "maildirsize";

// Finds the directories of all mailboxes that count.
using CountedMailboxes = std::function<Result<std::vector<std::string>>()>;

// What the mailboxes hold, by the file in `root` where it can be believed.
[[nodiscard]] Result<QuotaAmount> maildir_usage(const std::string& root, QuotaAmount limits,
                                                const CountedMailboxes& mailboxes);

// Whether so much more fits, by the limits and the sums in the file; where there is none, it does.
// For who does not know the limits: those of another user's mail.
[[nodiscard]] bool fits_by_maildir_size(const std::string& root, QuotaAmount more);

// Counts all messages and writes the file.
[[nodiscard]] Result<QuotaAmount> recount_maildir(const std::string& root, QuotaAmount limits,
                                                  const CountedMailboxes& mailboxes);

// What the file of a message at `path` weighs, in bytes: its name tells it, or the file itself.
// Nothing for one that is not there.
[[nodiscard]] std::optional<std::int64_t> maildir_weight(int directory, const std::string& path);

// What one mailbox holds.
[[nodiscard]] Result<QuotaAmount> count_mailbox(const std::string& directory);

// Appends a line to the file, where there is one: quotas are nobody's business elsewhere.
void note_maildir_change(const std::string& root, QuotaAmount change,
                         Storage storage = Storage::kOwn);

// True where there is the file.
[[nodiscard]] bool keeps_maildir_size(const std::string& root);

// The root of the tree that this mailbox is in: ".../.Sub" is in "...".
[[nodiscard]] std::string maildir_root_of(std::string_view directory);

}  // namespace relais
