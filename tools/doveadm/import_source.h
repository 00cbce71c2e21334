// Where doveadm import takes mail from: a mail location here, or an IMAP server (imapc:), of which
// the mailboxes that are asked for are brought into a Maildir for the time being.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/access/user.h"
#include "lib/daemon/sandbox.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/query.h"
#include "tools/doveadm/settings.h"

namespace relais::doveadm {

class ImportSource {
  public:
    // In the mail of `here` there is room for what has to be brought; it outlives this.
    explicit ImportSource(const User& here) : here_(here) {}

    ImportSource(const ImportSource&) = delete;
    ImportSource& operator=(const ImportSource&) = delete;
    ~ImportSource();

    // Whether the text can name a place at all.
    [[nodiscard]] static Result<void> check(const std::string& location, const Settings& settings);

    // Which other machines open() asks.
    [[nodiscard]] static Reach reach_of(const std::string& location);

    // Variables and "~" in the location are those of `whose`; both outlive the task.
    [[nodiscard]] Task<Result<void>> open(const User& whose, const std::string& location,
                                          const Settings& settings, const Query& query);

    // After open().
    User* user() { return user_.get(); }

    // Mailboxes and messages that could not be had.
    const std::vector<SyncTrouble>& troubles() const { return troubles_; }

  private:
    [[nodiscard]] Task<Result<void>> bring(ImapAccount account, const Query* query);

    const User& here_;
    std::string directory_;  // that goes with this; empty: none
    std::unique_ptr<User> user_;
    std::vector<SyncTrouble> troubles_;
};

}  // namespace relais::doveadm
