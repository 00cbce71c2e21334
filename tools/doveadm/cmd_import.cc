// doveadm import: copies messages from another mail location (of any format that can be read, or an
// IMAP server) into mailboxes below one of the user.
#include <unistd.h>

#include "lib/access/message_copy.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/import_source.h"
#include "tools/doveadm/message_command.h"
#include "tools/doveadm/status.h"
#include "tools/doveadm/sync_place.h"

namespace relais::doveadm {

namespace {

class Import : public MessageCommand {
  public:
    explicit Import(const Settings& settings) : settings_(settings) {}

    bool prepare(const OptionWords& options) override {
        const Words& words = options.rest();
        if (words.size() < 3) {
            return false;
        }
        subscribe_ = options.has('s');
        source_name_ = options.get('U');
        location_ = words[0];
        parent_ = words[1];
        auto usable = ImportSource::check(location_, settings_);
        if (!usable) {
            end_with(kTemporary,
                     "Import namespace initialization failed: Initializing mail storage from "
                     "mail_location parameter failed: " +
                         usable.error().message,
                     format("doveadm({})", ::getpid()));
        }
        return take_query(words, 2);
    }

    std::string other_user() const override { return source_name_; }

    Reach reach() const override { return ImportSource::reach_of(location_); }

  protected:
    User* source() override { return source_ ? source_->user() : nullptr; }

    // The place is the other user's by its variables and "~" only.
    Task<bool> begin(MailContext* context) override {
        std::unique_ptr<User> other = context->other ? open_other_user(*context) : nullptr;
        const User& whose = other ? *other : context->user;
        source_.emplace(context->user);
        auto ready = co_await source_->open(whose, location_, settings_, *query_);
        if (!ready) {
            context->fail("Import namespace initialization failed", ready.error());
        }
        tell_troubles(context, source_->troubles());
        co_return ready.has_value();
    }

    void finish() override { source_.reset(); }

    Task<void> take(MailContext* context, Selected* selected,
                    std::vector<std::uint32_t> uids) override {
        User& user = context->user;
        std::string name = selected->mailbox().name;
        for (char& c : name) {
            c = c == source_->user()->separator() ? user.separator() : c;
        }
        std::string parent = mailbox_from_word(user, parent_);
        std::string to = parent_.empty() ? name : parent + user.separator() + name;
        auto made = user.tree().exists(to) ? Result<void>() : user.tree().create(to);
        if (!made) {
            context->fail("Couldn't create mailbox " + mailbox_to_word(to), made.error());
            co_return;
        }
        auto target = user.open(to);
        auto copied =
            co_await copy_messages(selected->shared_mailbox(), access(), target, std::move(uids));
        if (!copied) {
            context->fail("Copying messages to mailbox " + mailbox_to_word(to) + " failed",
                          copied.error());
            co_return;
        }
        if (subscribe_) {
            co_await subscribe(context, to);
        }
    }

  private:
    static Task<void> subscribe(MailContext* context, std::string name) {
        auto done = co_await context->user.subscribe(std::move(name));
        if (!done) {
            context->fail("Can't subscribe mailbox", done.error());
        }
    }

    bool subscribe_ = false;
    std::string source_name_;
    std::string location_;
    std::string parent_;
    const Settings& settings_;
    std::optional<ImportSource> source_;
};

}  // namespace

int cmd_import(const Command& command, Words words, const Globals& globals) {
    Import import(globals.settings);
    return run_mail_command(command, std::move(words), globals, import);
}

}  // namespace relais::doveadm
