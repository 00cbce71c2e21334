// Where the mail of a virtual recipient goes, and as whom it is delivered there: what
// virtual_mailbox_maps, virtual_uid_maps and virtual_gid_maps say.
#pragma once

#include <expected>
#include <string>

#include "lib/base/safe_open.h"
#include "lib/mail/dsn.h"
#include "lib/rules/address_lookup.h"

namespace relais::virtual_agent {

struct Mailbox {
    std::string path;
    FileOwner owner;

    bool is_maildir() const { return path.ends_with('/'); }
};

class MailboxMaps {
  public:
    // Opens the tables.
    MailboxMaps();

    // The status says why there is none.
    [[nodiscard]] std::expected<Mailbox, DeliveryStatus> find(const std::string& recipient) const;

  private:
    [[nodiscard]] std::expected<std::string, DeliveryStatus> find_path(
        const std::string& recipient) const;
    [[nodiscard]] std::expected<long, DeliveryStatus> find_id(const AddressLookup& maps,
                                                              const TableSet& tables,
                                                              const std::string& recipient,
                                                              std::string_view what,
                                                              long least) const;

    LocalDomains local_domains_;
    TableSet mailbox_tables_;
    TableSet uid_tables_;
    TableSet gid_tables_;
    AddressLookup mailboxes_;
    AddressLookup uids_;
    AddressLookup gids_;
};

}  // namespace relais::virtual_agent
