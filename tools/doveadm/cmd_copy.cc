// doveadm copy, move: into another mailbox of the user, also from another user's.
#include "lib/access/message_copy.h"
#include "lib/base/strings.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/message_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

enum class Afterwards { kKeep, kExpunge };

template <Afterwards What>
class Copy : public MessageCommand {
  public:
    bool prepare(const OptionWords& options) override {
        const Words& words = options.rest();
        if (words.empty()) {
            return false;
        }
        target_word_ = words[0];
        std::size_t from = 1;
        if (words.size() > 2 && iequals(words[1], "user")) {
            source_name_ = words[2];
            from = 3;
        }
        if (!take_query(words, from)) {
            return false;
        }
        if (What == Afterwards::kExpunge) {
            query_->expect_care("move");
        }
        return true;
    }

    std::string other_user() const override { return source_name_; }

  protected:
    MailboxAccess access() const override {
        return What == Afterwards::kExpunge ? MailboxAccess::kReadWrite : MailboxAccess::kReadOnly;
    }

    User* source() override { return source_.get(); }

    Task<bool> begin(MailContext* context) override {
        if (context->other) {
            source_ = open_other_user(*context);
        }
        std::string name = mailbox_from_word(context->user, target_word_);
        if (std::string why = context->user.tree().invalid_because(name); !why.empty()) {
            context->fail(kUsage, "Can't open mailbox '" + target_word_ + "': " + why);
            co_return false;
        }
        if (!context->user.tree().ready(name)) {
            context->fail(kNotFound, "Can't open mailbox '" + target_word_ +
                                         "': " + missing_mailbox(target_word_));
            co_return false;
        }
        target_ = context->user.open(name);
        auto synced = co_await target_->box.sync(MailboxAccess::kReadOnly);
        if (!synced) {
            context->fail("Can't open mailbox '" + target_word_ + "'", synced.error());
        }
        co_return synced.has_value();
    }

    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        std::string where = mailbox_to_word(selected->mailbox().name);
        bool itself = selected->shared_mailbox() == target_;
        if (itself && What == Afterwards::kExpunge) {
            co_return;  // they are there
        }
        auto copied = co_await copy_messages(selected->shared_mailbox(), access(), target_, uids);
        if (!copied) {
            context->fail("Copying messages from mailbox " + where + " failed", copied.error());
            co_return;
        }
        if (What == Afterwards::kExpunge) {
            auto gone = co_await selected->box().expunge(std::move(uids));
            if (!gone) {
                context->fail("Mailbox " + where + ": Expunging failed", gone.error());
            }
        }
    }

  private:
    std::string target_word_;
    std::string source_name_;
    std::unique_ptr<User> source_;
    std::shared_ptr<OpenMailbox> target_;
};

}  // namespace

int cmd_copy(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Copy<Afterwards::kKeep>>(command, std::move(words), globals);
}

int cmd_move(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Copy<Afterwards::kExpunge>>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
