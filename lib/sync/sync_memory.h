// What both sides of a synchronization had when it ended last: a file in the user's mail root, for
// each other side, by which the next one tells what has been deleted from what is new.
//
//     relais-sync 1
//     S NAME                        subscribed
//     M GUID NAME                   a mailbox; "-": no GUID
//     m GUID FLAGS [keyword ...]    its messages, the flags in hexadecimal
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/sync/mailbox_plan.h"
#include "lib/sync/tree_plan.h"

namespace relais {

class SyncMemory {
  public:
    // In the mail root; `other` tells which side it is about.
    SyncMemory(const std::string& root, std::string_view other);

    // Nothing is known where there is no such file, or one that makes no sense.
    void load();

    [[nodiscard]] Result<void> save() const;

    // Null where nothing is known.
    const SyncedTree* tree() const { return known_ ? &tree_ : nullptr; }

    // Whether these are the INBOXes of the two sides that it is about, as far as their GUIDs tell.
    bool is_of(const std::string& one_inbox, const std::string& other_inbox) const;

    // Nothing is known any longer.
    void forget();

    // By the GUID of the mailbox, or else its name.
    const SyncedMessages* messages(const std::string& name, const std::string& guid) const;

    void set_tree(SyncedTree tree);
    void set_messages(const std::string& name, SyncedMessages messages);

    // For load() and save(), and tests.
    [[nodiscard]] static std::optional<SyncMemory> parse(std::string_view text);
    [[nodiscard]] std::string serialize() const;

  private:
    SyncMemory() = default;

    std::string path_;
    bool known_ = false;
    SyncedTree tree_;
    std::map<std::string, SyncedMessages> messages_;  // by name
};

}  // namespace relais
