// doveadm index, force-resync, purge: what is found out about mailboxes, once for all.
#include <cerrno>

#include <unistd.h>

#include "lib/access/message_facts.h"
#include "lib/base/strings.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// A command on the mailboxes that fit one pattern.
class MaskCommand : public MailCommand {
  public:
    bool prepare(const OptionWords& options) override {
        most_recent_ = parse_uint(options.get('n'));
        mask_ = options.rest().size() == 1 ? options.rest()[0] : "";
        return options.rest().size() == 1;
    }

    Task<void> run(MailContext* context) override {
        User& user = context->user;
        auto names = user.tree().list();
        if (!names) {
            context->fail("Listing mailboxes failed", names.error());
            co_return;
        }
        imap::ListPattern pattern(imap::utf8_to_utf7(mask_).value_or(mask_), user.separator());
        for (const std::string& name : *names) {
            if (pattern.match(name) == imap::ListMatch::kYes) {
                co_await take(context, name);
            }
        }
    }

  protected:
    virtual Task<void> take(MailContext* context, std::string name) = 0;

    static Task<bool> sync(MailContext* context, OpenMailbox* mailbox, MailboxAccess access) {
        auto synced = co_await mailbox->box.sync(access);
        if (!synced) {
            context->fail("Mailbox " + mailbox_to_word(mailbox->name) + ": Mailbox sync failed",
                          synced.error());
        }
        co_return synced.has_value();
    }

    std::optional<std::uint64_t> most_recent_;

  private:
    std::string mask_;
};

// Reads the messages that nobody has looked at, so that the next client need not wait for it.
class Index : public MaskCommand {
    Task<void> take(MailContext* context, std::string name) override {
        auto mailbox = context->user.open(name);
        bool good = co_await sync(context, mailbox.get(), MailboxAccess::kReadOnly);
        if (!good || (most_recent_ && recent_in(mailbox->box) > *most_recent_)) {
            co_return;
        }
        Mailbox::Uids uids = mailbox->box.uids();
        for (std::size_t i = 0; i < uids->size(); ++i) {
            co_await gather_ahead(*mailbox, *uids, i, WantedFacts::kAll);
            const MailMessage* message = mailbox->box.find((*uids)[i]);
            auto facts = message == nullptr ? Result<MessageFacts>(MessageFacts())
                                            : facts_of(*mailbox, *message);
            if (!facts && facts.error().sys_errno != ENOENT) {
                context->fail("Mailbox " + mailbox_to_word(name), facts.error());
                break;
            }
        }
        mailbox->cache.flush();
        mailbox->box.save_index();
    }

    static std::uint64_t recent_in(const Mailbox& box) {
        bool known = box.first_recent() != 0 && box.first_recent() < box.next_uid();
        return known ? box.next_uid() - box.first_recent() : 0;
    }
};

// Everything that was concluded from the files is concluded anew.
class ForceResync : public MaskCommand {
    Task<void> take(MailContext* context, std::string name) override {
        std::string directory = context->user.tree().place_of(name).index_directory();
        for (const char* file : {"/relais.index", "/relais.cache"}) {
            ::unlink((directory + file).c_str());
        }
        context->user.forget(name);
        auto mailbox = context->user.open(name);
        co_await sync(context, mailbox.get(), MailboxAccess::kReadWrite);
    }
};

// In a Maildir a message that is expunged is gone: nothing is left to be freed.
class Purge : public MailCommand {
  public:
    Task<void> run(MailContext* /*context*/) override { co_return; }
};

// Of Dovecot's alternative storage a Maildir has none: nothing moves.
class Altmove : public MailCommand {
  public:
    bool prepare(const OptionWords& options) override {
        if (options.rest().empty()) {
            return false;
        }
        static_cast<void>(Query::parse(options.rest()));  // ends the process where it is none
        return true;
    }

    Task<void> run(MailContext* /*context*/) override { co_return; }
};

}  // namespace

int cmd_index(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Index>(command, std::move(words), globals);
}

int cmd_altmove(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Altmove>(command, std::move(words), globals);
}

// Texts are searched without an index: nothing is to be looked after, for users who exist.
int cmd_fts(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Purge>(command, std::move(words), globals);
}

int cmd_force_resync(const Command& command, Words words, const Globals& globals) {
    return run_for_users<ForceResync>(command, std::move(words), globals);
}

int cmd_purge(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Purge>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
