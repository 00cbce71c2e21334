// doveadm acl get, rights, set, add, remove, delete, recalc.
#include <algorithm>

#include "lib/base/strings.h"
#include "lib/store/acl.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

std::vector<std::string> sorted_names(std::optional<AclRights> rights) {
    auto names = acl_right_names(rights.value_or(AclRights()));
    std::ranges::sort(names);
    return names;
}

// "lookup read -write": given and denied.
std::string rights_words(const AclEntry& entry) {
    std::string text = join(sorted_names(entry.rights), " ");
    for (const std::string& name : sorted_names(entry.denied)) {
        text += (text.empty() ? "-" : " -") + name;
    }
    return text;
}

// A command about one mailbox, which comes first of its arguments.
class MailboxCommand : public MailCommand {
  public:
    explicit MailboxCommand(std::size_t words) : words_needed_(words) {}

    std::string_view form() const override { return "table"; }

    bool prepare(const OptionWords& options) override {
        words_ = options.rest();
        mine_alone_ = options.has('m');
        return words_.size() >= words_needed_;
    }

    Task<void> run(MailContext* context) override {
        if (!context->user.access().on()) {
            context->fail(kNotFound, "ACL not enabled for " + context->user.name());
            co_return;
        }
        std::string name = mailbox_from_word(context->user, words_.front());
        if (!context->user.tree().exists(name)) {
            context->fail(kNotFound, "Can't open mailbox " + words_.front() + ": " +
                                         missing_mailbox(words_.front()));
            co_return;
        }
        co_await run_on(context, std::move(name));
    }

  protected:
    virtual Task<void> run_on(MailContext* context, std::string name) = 0;

    // What follows the mailbox.
    const std::string& word(std::size_t number) const { return words_[number]; }

    std::size_t words() const { return words_.size(); }

    bool mine_alone() const { return mine_alone_; }

  private:
    std::size_t words_needed_;
    Words words_;
    bool mine_alone_ = false;
};

class Get : public MailboxCommand {
  public:
    Get() : MailboxCommand(1) {}

    std::vector<Column> columns() const override {
        return {{"id", "ID"}, {"global", "Global"}, {"rights", "Rights"}};
    }

  private:
    Task<void> run_on(MailContext* context, std::string name) override {
        const AccessControl& access = context->user.access();
        auto list = access.list_of(name);
        auto where = context->user.tree().locate(name);
        if (!list || !where) {
            context->fail(kTemporary, "ACL iteration failed");
            co_return;
        }
        AclSubject me = access.subject_on(*where);
        for (const AclEntry& entry : list->entries()) {
            if (mine_alone() && !me.is(entry.identifier)) {
                continue;
            }
            context->begin_row();
            context->printer.value(entry.identifier.to_string());
            context->printer.value(entry.global ? "global" : "");
            context->printer.value(rights_words(entry));
        }
    }
};

class Rights : public MailboxCommand {
  public:
    Rights() : MailboxCommand(1) {}

    std::vector<Column> columns() const override { return {{"rights", "Rights"}}; }

  private:
    Task<void> run_on(MailContext* context, std::string name) override {
        context->begin_row();
        context->printer.value(join(acl_right_names(context->user.access().rights_on(name)), " "));
        co_return;
    }
};

enum class How { kReplace, kAdd, kRemove };

void apply(std::optional<AclRights>& part, How how, AclRights rights) {
    AclRights before = part.value_or(AclRights());
    AclRights after = how == How::kReplace ? rights
                      : how == How::kAdd   ? before | rights
                                           : before - rights;
    part = after.empty() ? std::nullopt : std::optional(after);
}

template <How how>
class Change : public MailboxCommand {
  public:
    Change() : MailboxCommand(3) {}

  private:
    Task<void> run_on(MailContext* context, std::string name) override {
        auto identifier = AclIdentifier::parse(word(1));
        AclRights given;
        AclRights denied;
        for (std::size_t i = 2; i < words(); ++i) {
            bool negative = word(i).starts_with('-');
            auto rights = acl_rights_named(word(i).substr(negative ? 1 : 0));
            if (!rights) {
                context->fail(kUsage, "Invalid right '" + word(i) + "'");
                co_return;
            }
            AclRights& part = negative ? denied : given;
            part = part | *rights;
        }
        if (!identifier) {
            context->fail(kUsage, "Unknown ID: " + word(1));
            co_return;
        }
        auto change = [&](AclList& list) {
            const AclEntry* old = list.find(*identifier);
            AclEntry entry = old != nullptr ? *old : AclEntry{*identifier, {}, {}, {}, false};
            apply(entry.rights, how, given);
            apply(entry.denied, how, denied);
            list.set(std::move(entry));
            return true;
        };
        auto changed = co_await context->user.access().change(std::move(name), change);
        if (!changed) {
            context->fail("Failed to set ACL", changed.error());
        }
    }
};

class Delete : public MailboxCommand {
  public:
    Delete() : MailboxCommand(2) {}

  private:
    Task<void> run_on(MailContext* context, std::string name) override {
        auto identifier = AclIdentifier::parse(word(1));
        if (!identifier) {
            context->fail(kUsage, "Unknown ID: " + word(1));
            co_return;
        }
        auto change = [&](AclList& list) {
            bool there = list.find(*identifier) != nullptr;
            list.set({*identifier, {}, {}, {}, false});
            return there;
        };
        auto changed = co_await context->user.access().change(std::move(name), change);
        if (!changed) {
            context->fail("Failed to delete ACL", changed.error());
        }
    }
};

class Recalculate : public MailCommand {
  public:
    Task<void> run(MailContext* context) override {
        auto own = context->user.tree().locate("INBOX");
        if (!context->user.access().on() || !own) {
            context->fail(kNotFound, "ACL not enabled for " + context->user.name());
            co_return;
        }
        auto noted = co_await context->user.access().note_sharing(std::move(*own));
        if (!noted) {
            context->fail("Failed to recalculate ACL dicts", noted.error());
        }
    }
};

}  // namespace

int cmd_acl_get(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Get>(command, std::move(words), globals);
}

int cmd_acl_rights(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Rights>(command, std::move(words), globals);
}

int cmd_acl_set(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Change<How::kReplace>>(command, std::move(words), globals);
}

int cmd_acl_add(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Change<How::kAdd>>(command, std::move(words), globals);
}

int cmd_acl_remove(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Change<How::kRemove>>(command, std::move(words), globals);
}

int cmd_acl_delete(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Delete>(command, std::move(words), globals);
}

int cmd_acl_recalc(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Recalculate>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
