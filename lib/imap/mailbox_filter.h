// Which mailboxes a client means: those that NOTIFY watches (RFC 5465 6), those that ESEARCH looks
// into (RFC 7377 2.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/imap/scanner.h"

namespace relais::imap {

// A mailbox, as far as filters ask.
struct FilteredMailbox {
    std::string_view name;
    bool personal = true;  // in the user's own namespace
    bool subscribed = false;
};

struct MailboxFilter {
    enum class Kind {
        kSelected,
        kSelectedDelayed,
        kInboxes,
        kPersonal,
        kSubscribed,
        kSubtree,
        kSubtreeOne,  // the children, not what is below them
        kMailboxes,
    };
    Kind kind = Kind::kPersonal;
    std::vector<std::string> names;  // of the last three; sorted, for covers()

    bool is_selected() const { return kind == Kind::kSelected || kind == Kind::kSelectedDelayed; }

    // Whether a mailbox that is not looked at as the selected one is meant.  A name costs a look
    // into `names` for each of its levels.
    [[nodiscard]] bool covers(const FilteredMailbox& mailbox, char separator) const;
};

// "subtree (A B)"; the names as the client writes them.  Nothing, and the scanner somewhere, where
// it is no such thing.
[[nodiscard]] std::optional<MailboxFilter> parse_mailbox_filter(Scanner& scanner);

}  // namespace relais::imap
