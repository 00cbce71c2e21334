// Commands on the messages that a query finds, mailbox by mailbox.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/access/selected.h"

#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query.h"

namespace relais::doveadm {

class MessageCommand : public MailCommand {
  public:
    [[nodiscard]] Task<void> run(MailContext* context) override;

  protected:
    // Before the first mailbox; false: nothing can be done for this user.
    virtual Task<bool> begin(MailContext* /*context*/) { co_return true; }

    // Behind the last one, and where begin() was in vain.
    virtual void finish() {}

    // The messages of one mailbox, UIDs ascending; not called where there are none.
    virtual Task<void> take(MailContext* context, Selected* selected,
                            std::vector<std::uint32_t> uids) = 0;

    virtual MailboxAccess access() const { return MailboxAccess::kReadOnly; }

    // What is said of a mailbox that the query names and that is not there; empty: nothing.
    virtual std::string missing_text(const std::string& word) const {
        return "Mailbox " + word + ": Mailbox sync failed: " + missing_mailbox(word);
    }

    // Whose mail is looked through, if not that of the user for whom the command runs.
    virtual User* source() { return nullptr; }

    // True where there is a query.
    [[nodiscard]] bool take_query(const Words& words, std::size_t from);

    std::optional<Query> query_;

  private:
    [[nodiscard]] Task<void> look_through(MailContext* context);
    [[nodiscard]] Task<void> run_in(MailContext* context, User* user, std::string name);
};

}  // namespace relais::doveadm
