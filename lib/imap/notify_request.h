// What NOTIFY asks for (RFC 5465 3.1, 8).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/imap/fetch_items.h"
#include "lib/imap/mailbox_filter.h"
#include "lib/imap/scanner.h"

namespace relais::imap {

struct NotifyEvents {
    bool message_new = false;
    bool message_expunge = false;
    bool flag_change = false;
    bool mailbox_name = false;
    bool subscription_change = false;
    bool mailbox_metadata_change = false;
    bool server_metadata_change = false;

    // What happens in a mailbox, and not to it.
    bool in_mailbox() const { return message_new || message_expunge || flag_change; }

    bool about_names() const { return mailbox_name || subscription_change; }

    bool about_metadata() const { return mailbox_metadata_change || server_metadata_change; }

    bool any() const { return in_mailbox() || about_names() || about_metadata(); }

    void add(const NotifyEvents& more);
};

struct NotifyGroup {
    MailboxFilter filter;
    NotifyEvents events;
    FetchItems fetch;  // of new messages in the selected mailbox
};

struct NotifyRequest {
    bool status = false;  // tell the state of the mailboxes at once
    std::optional<NotifyGroup> selected;
    std::vector<NotifyGroup> others;

    // All that is wanted of a mailbox other than the selected one.
    [[nodiscard]] NotifyEvents events_for(const FilteredMailbox& mailbox, char separator) const;

    // All that is wanted of any of them.
    [[nodiscard]] NotifyEvents events() const;
};

// The events that there are, for BADEVENT; the latter with METADATA.
constexpr std::string_view kNotifyEventNames =
    "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange";
constexpr std::string_view kMetadataEventNames = "MailboxMetadataChange ServerMetadataChange";

// "SET STATUS (selected (MessageNew MessageExpunge))" or "NONE", up to the end; the latter is an
// empty request.  Errors: kSyntax; kDenied for events that are not told here; kTooLarge for more
// groups than anybody needs.
[[nodiscard]] Result<NotifyRequest> parse_notify(Scanner& scanner);

}  // namespace relais::imap
