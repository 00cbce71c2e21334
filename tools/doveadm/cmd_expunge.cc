// doveadm expunge: removes the messages that a query finds.
#include "tools/doveadm/commands.h"
#include "tools/doveadm/message_command.h"

namespace relais::doveadm {

namespace {

class Expunge : public MessageCommand {
  public:
    bool prepare(const OptionWords& options) override {
        if (!take_query(options.rest(), 0)) {
            return false;
        }
        query_->expect_care("expunge");
        delete_empty_ = options.has('d');
        return true;
    }

  protected:
    MailboxAccess access() const override { return MailboxAccess::kReadWrite; }

    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        auto gone = co_await selected->box().expunge(std::move(uids));
        std::string name = selected->mailbox().name;
        if (!gone) {
            context->fail("Mailbox " + mailbox_to_word(name) + ": Expunging failed", gone.error());
            co_return;
        }
        if (delete_empty_ && selected->box().messages().empty() && name != "INBOX") {
            auto removed = context->user.tree().remove(name);
            if (!removed) {
                context->fail("Can't delete mailbox " + mailbox_to_word(name), removed.error());
            }
            context->user.forget(name);
        }
    }

    std::string missing_text(const std::string& word) const override {
        return "Syncing mailbox '" + word + "' failed: " + missing_mailbox(word);
    }

  private:
    bool delete_empty_ = false;
};

}  // namespace

int cmd_expunge(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Expunge>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
