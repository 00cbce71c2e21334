// The mailboxes of a user at a doveadm server, as the side of a synchronization that is only read:
// by the commands that list mailboxes and fetch messages, which tell GUIDs, keywords and what POP3
// clients know messages by, as IMAP does not.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/sync/doveadm_client.h"
#include "lib/sync/replica.h"
#include "lib/sync/server_names.h"

namespace relais {

class DoveadmReplica : public ReadOnlyReplica {
  public:
    DoveadmReplica(DoveadmAccount account, std::string user, DoveadmClient::Log log)
        : user_(std::move(user)), client_(std::move(account), std::move(log)) {}

    // As of DoveadmClient.
    void set_connection(UniqueFd fd) { client_.set_connection(std::move(fd)); }

    [[nodiscard]] Task<Result<std::vector<SyncMailbox>>> list() override;
    [[nodiscard]] Task<Result<MailboxContent>> look(std::string mailbox) override;
    [[nodiscard]] Task<Result<std::vector<SyncText>>> read(
        std::string mailbox, std::vector<std::uint32_t> uids) override;

  private:
    using Row = std::vector<std::string>;
    using TakeRow = std::function<Result<void>(Row row)>;

    [[nodiscard]] Task<Result<void>> ask(std::vector<std::string> words, std::size_t columns,
                                         TakeRow take);

    // How its names are made.
    struct Spelling {
        char separator = '.';
        bool inbox_is_prefix = false;  // "INBOX/Sent" is nobody's child
    };

    // As `mailbox list` prints them for a mask or an option.
    [[nodiscard]] Task<Result<std::vector<std::string>>> names(std::string which);
    [[nodiscard]] Task<Result<Spelling>> spelling(std::vector<std::string> told);
    std::string our_name(const std::string& theirs, const Spelling& spelling);
    [[nodiscard]] Task<Result<std::vector<Row>>> states();
    [[nodiscard]] Result<MailboxNumbers> numbers_of(const std::string& mailbox) const;

    std::string user_;
    DoveadmClient client_;
    ServerNames names_;
    std::map<std::string, MailboxNumbers> numbers_;  // by our names
};

// A row that tells of a message: "uid guid flags date.received.unixtime size.physical pop3.uidl
// pop3.order", as `fetch` prints it.  Nothing for one that makes no sense.
[[nodiscard]] std::optional<SyncMessage> parse_fetched_row(const std::vector<std::string>& row);

}  // namespace relais
