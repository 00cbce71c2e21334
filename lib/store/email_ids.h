// What identifies a message in all mailboxes that it is copied or moved to (EMAILID of RFC 8474):
// made of its GUID, which the uidlist has where it is not the file's name, as Dovecot keeps it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/store/mailbox.h"

namespace relais {

class EmailIds {
  public:
    // Reads the mailbox's list the first time: one object for a command.
    [[nodiscard]] std::string id_of(const Mailbox& box, const MailMessage& message);

  private:
    std::optional<std::vector<UidListEntry>> entries_;
};

}  // namespace relais
