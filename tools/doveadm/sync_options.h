// The options of doveadm sync and backup.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "lib/access/user.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/command.h"

namespace relais::doveadm {

// The mailboxes that -m, -x and -g leave.
class MailboxChoice {
  public:
    MailboxChoice() = default;

    MailboxChoice(Words only, Words excluded)
        : only_(std::move(only)), excluded_(std::move(excluded)) {}

    bool takes_all() const { return only_.empty() && excluded_.empty() && !named_; }

    // Only those of these names, in the form of the synchronization.
    void restrict_to(std::set<std::string> names) { named_ = std::move(names); }

    bool has(const User& user, const std::string& mailbox) const;

  private:
    Words only_;
    Words excluded_;
    std::optional<std::set<std::string>> named_;
};

struct SyncOptions {
    SyncMode mode = SyncMode::kMerge;
    bool reversed = false;                     // -R
    SyncScope scope;                           // -t, -e, -I, -O
    MailboxChoice choice;                      // -m, -x
    std::string mailbox_guid;                  // -g; empty: all
    std::chrono::seconds patience{600};        // -T
    std::optional<std::chrono::seconds> lock;  // -l: how long to wait for other runs
    std::optional<std::string> state;          // -s: what an earlier run has printed
    std::string raw_log;                       // -r; empty: none
    bool needs_remote = false;                 // -N
    std::optional<Words> place;                // none: the user's mail_replica (-d)

    // Ends the process where an option makes no sense.
    static SyncOptions parse(const OptionWords& options, SyncMode mode);
};

// -T; `usual` without it.  Ends the process where it makes no sense.
[[nodiscard]] std::chrono::seconds patience_option(const OptionWords& options,
                                                   std::chrono::seconds usual);

}  // namespace relais::doveadm
