// The mailboxes of a user at any IMAP server, as the side of a synchronization that is only read.
#pragma once

#include <string>

#include "lib/sync/imap_client.h"
#include "lib/sync/imap_responses.h"
#include "lib/sync/replica.h"
#include "lib/sync/server_names.h"

namespace relais {

class ImapReplica : public ReadOnlyReplica {
  public:
    explicit ImapReplica(ImapAccount account);

    [[nodiscard]] Task<Result<std::vector<SyncMailbox>>> list() override;
    [[nodiscard]] Task<Result<MailboxContent>> look(std::string mailbox) override;
    [[nodiscard]] Task<Result<std::vector<SyncText>>> read(
        std::string mailbox, std::vector<std::uint32_t> uids) override;

  private:
    struct Examined {
        MailboxNumbers numbers;
        std::uint32_t exists = 0;
    };

    using Listed = std::vector<imap::ListedMailbox>;

    [[nodiscard]] Task<Result<Listed>> ask_list(std::string command);
    [[nodiscard]] Task<Result<Examined>> examine(std::string mailbox);
    // Whether it is the INBOX, or below the prefix that the others have.
    bool takes_part(const imap::ListedMailbox& listed) const;
    std::string name_for(const imap::ListedMailbox& listed);
    SyncMessage describe(const std::string& mailbox, const imap::FetchedMessage& fetched) const;

    std::string account_;  // for GUIDs
    std::string list_prefix_;
    ImapClient client_;
    ServerNames names_;
    std::string examined_;
    std::uint32_t uid_validity_ = 0;  // of that one
};

}  // namespace relais
