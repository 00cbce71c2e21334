// doveadm save: puts a message from standard input, or a file, into a mailbox.
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "lib/access/incoming_message.h"
#include "lib/base/file.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

constexpr std::size_t kLargest = std::size_t{1} << 30;

class Save : public MailCommand {
  public:
    // Read as whoever calls, before anybody's identity is taken on.
    bool prepare(const OptionWords& options) override {
        options.expect_at_most(1);
        mailbox_ = options.has('m') ? options.get('m') : "INBOX";
        message_ = options.rest().empty() ? read_all(STDIN_FILENO, kLargest)
                                          : read_file(options.rest()[0], kLargest);
        if (options.has('S') && !message_) {
            end_with(kTemporary, "read(msg input) failed: " + message_.error().message);
        }
        return true;
    }

    std::optional<std::string> input() const override { return message_.value_or(""); }

    Task<void> run(MailContext* context) override {
        if (!message_) {
            context->fail(kTemporary, "read(msg input) failed: " + message_.error().message);
            co_return;
        }
        std::string name = mailbox_from_word(context->user, mailbox_);
        if (!context->user.tree().ready(name)) {
            context->fail(kNotFound,
                          "Failed to open mailbox " + mailbox_ + ": " + missing_mailbox(mailbox_));
            co_return;
        }
        auto mailbox = context->user.open(name);
        IncomingMessage incoming(mailbox->box);
        incoming.write(*message_);
        auto made = co_await incoming.finish(std::time(nullptr));
        if (!made) {
            context->fail("Mailbox " + mailbox_ + ": Saving mail", made.error());
            co_return;
        }
        std::vector<NewMessage> messages;
        messages.push_back(std::move(*made));
        auto added = co_await mailbox->box.add(std::move(messages));
        if (!added) {
            context->fail("Mailbox " + mailbox_ + ": Saving mail", added.error());
        }
    }

  private:
    std::string mailbox_;
    Result<std::string> message_;
};

}  // namespace

int cmd_save(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Save>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
