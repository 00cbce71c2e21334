// What is to be done to the two sides of a mailbox so that they hold the same messages.  Looks at
// lists alone: no I/O.
//
// Messages are the same that have the same GUID.  UIDs are the same on both sides afterwards, but
// where the source may not be changed and its UID is another message's already, and in a mirror
// where that is a message which takes no part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/sync/replica.h"

namespace relais {

enum class SyncMode {
    kMirror,  // the destination becomes what the source is
    kPush,    // what is new in the source comes into the destination; the source stays
    kMerge,   // what has changed on either side changes on the other
};

// What both sides had when they were made the same last, by GUID.
using SyncedMessages = std::multimap<std::string, SyncFlags>;

// A message that one side gets from the other.
struct SyncTransfer {
    std::uint32_t from = 0;  // UID on the other side, once that has changed
    std::uint32_t to = 0;

    friend bool operator==(const SyncTransfer&, const SyncTransfer&) = default;
};

struct SidePlan {
    MailboxChange change;           // comes first
    std::vector<SyncTransfer> get;  // ordered by `to`
};

struct MailboxPlan {
    SidePlan source;
    SidePlan destination;
    SyncedMessages after;  // what both sides have then
};

// `before` is null where nothing is known: no message counts as deleted then.  kDenied where there
// are no UIDs left for the messages that need one.
[[nodiscard]] Result<MailboxPlan> plan_mailbox(const MailboxContent& source,
                                               const MailboxContent& destination,
                                               const SyncedMessages* before, SyncMode mode);

// Both have the same flags; keywords without regard to case.
[[nodiscard]] bool same_flags(const SyncFlags& a, const SyncFlags& b);

}  // namespace relais
