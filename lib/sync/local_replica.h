// The mailboxes of a user on this machine, as a side of a synchronization.
#pragma once

#include <map>
#include <set>
#include <string>

#include "lib/access/user.h"
#include "lib/sync/replica.h"

namespace relais {

class LocalReplica : public Replica {
  public:
    // `user` outlives it.
    explicit LocalReplica(User& user) : user_(user) {}

    [[nodiscard]] Task<Result<std::vector<SyncMailbox>>> list() override;
    [[nodiscard]] Task<Result<MailboxContent>> look(std::string mailbox) override;
    [[nodiscard]] Task<Result<std::vector<SyncText>>> read(
        std::string mailbox, std::vector<std::uint32_t> uids) override;
    [[nodiscard]] Task<Result<void>> change_tree(TreeChange change) override;
    [[nodiscard]] Task<Result<void>> change(std::string mailbox, MailboxChange change) override;
    [[nodiscard]] Task<Result<void>> put(std::string mailbox,
                                         std::vector<SyncText> messages) override;

    // Messages are put under given UIDs into Maildirs alone.
    bool can_change() const override {
        return user_.tree().own().location().format == MailFormat::kMaildir;
    }

  private:
    // What a mailbox here is to the other side: a dot in a level becomes something else.
    std::string sync_name(const std::string& name);
    // "A.B" in the form of this user's tree.
    std::string own_name(std::string_view mailbox) const;
    [[nodiscard]] Result<std::string> own_mailbox(std::string_view mailbox) const;
    std::string known_guid(const std::string& name) const;
    [[nodiscard]] Task<Result<std::shared_ptr<OpenMailbox>>> synced(std::string mailbox);
    [[nodiscard]] Task<Result<void>> set_flags(
        std::shared_ptr<OpenMailbox> mailbox,
        std::vector<std::pair<std::uint32_t, SyncFlags>> flags);

    User& user_;
    std::map<std::string, std::string, std::less<>> dotted_;  // names here, by those that they got
    std::set<std::string> locked_;  // for so long that nobody waits for them again
};

}  // namespace relais
