// What is to be done to the two sides so that they have the same mailboxes.  No I/O.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lib/sync/mailbox_plan.h"
#include "lib/sync/replica.h"

namespace relais {

// What both sides had when they were made the same last.
struct SyncedTree {
    struct Mailbox {
        std::string name;
        std::string guid;  // empty: it had none that both knew
    };

    std::vector<Mailbox> mailboxes;
    std::set<std::string> subscribed;
};

struct TreePlan {
    std::vector<TreeChange> source;
    std::vector<TreeChange> destination;
};

// `before` is null where nothing is known: no mailbox counts as deleted then.
[[nodiscard]] TreePlan plan_tree(const std::vector<SyncMailbox>& source,
                                 const std::vector<SyncMailbox>& destination,
                                 const SyncedTree* before, SyncMode mode);

}  // namespace relais
