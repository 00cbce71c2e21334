// Makes two sides the same (replica.h), mailbox by mailbox.  Whatever ends it early, the next run
// goes on from what is there: no message is lost, and none is there twice.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/sync/mailbox_plan.h"
#include "lib/sync/replica.h"
#include "lib/sync/sync_memory.h"

namespace relais {

// Messages with a flag, or those without it.
struct SyncFlag {
    bool wanted = true;
    std::uint8_t system = 0;  // 0: it is the keyword
    std::string keyword;

    bool fits(const SyncFlags& flags) const;
};

// What takes part.  The rest is left alone, on both sides.
struct SyncScope {
    std::function<bool(const std::string& mailbox)> mailboxes;  // null: all
    std::optional<std::int64_t> since;                          // received
    std::optional<std::int64_t> until;
    std::optional<std::uint64_t> largest;  // bytes
    std::optional<SyncFlag> flag;

    bool has(const SyncMessage& message) const {
        return (!since || message.received >= *since) && (!until || message.received < *until) &&
               (!largest || message.size <= *largest) && (!flag || flag->fits(message.flags));
    }
};

// What could not be done, for now (kTemporary) or at all.
struct SyncTrouble {
    Errc code = Errc::kDenied;
    std::string text;
};

class Synchronizer {
  public:
    // The sides and the memory outlive it; the latter is null for mirrors.
    Synchronizer(Replica& source, Replica& destination, SyncMode mode, SyncScope scope,
                 SyncMemory* memory)
        : source_(source),
          destination_(destination),
          mode_(mode),
          scope_(std::move(scope)),
          memory_(memory) {}

    // An error ends it.  What concerns one mailbox or message alone goes into troubles().
    [[nodiscard]] Task<Result<void>> run();

    const std::vector<SyncTrouble>& troubles() const { return troubles_; }

  private:
    struct Trees {
        std::vector<SyncMailbox> source;
        std::vector<SyncMailbox> destination;
    };

    [[nodiscard]] Task<Result<Trees>> list_all();
    void narrow(Trees& trees) const;  // to what takes part
    [[nodiscard]] Task<Result<Trees>> list();
    void check_memory(const Trees& trees);
    std::set<std::string> leave_out(MailboxContent& source, MailboxContent& destination) const;
    // The mailboxes that are to go come last, when all the others have what they should.
    [[nodiscard]] Task<Result<void>> make_trees_same();
    [[nodiscard]] Task<Result<void>> make_all_same(Trees trees);
    [[nodiscard]] Task<Result<void>> change_tree(Replica* side, std::vector<TreeChange> changes);
    // Whether all its messages were on both sides once, so that it may go.
    [[nodiscard]] Task<Result<bool>> holds_nothing_new(Replica* side, std::string name);
    [[nodiscard]] Task<Result<void>> make_same(std::string name);
    [[nodiscard]] Task<Result<void>> transfer(Replica* from, Replica* to, std::string name,
                                              const MailboxContent* sizes, SidePlan plan);
    // True where the run can go on.
    bool note(const std::string& mailbox, const Error& error);
    void remember(const Trees& trees);

    Replica& source_;
    Replica& destination_;
    SyncMode mode_;
    SyncScope scope_;
    SyncMemory* memory_;
    std::vector<TreeChange> deletions_;  // in the destination of a mirror
    std::vector<SyncTrouble> troubles_;
};

}  // namespace relais
