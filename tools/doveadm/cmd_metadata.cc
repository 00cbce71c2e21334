// doveadm mailbox metadata get, set, unset, list.
#include "lib/access/annotations.h"
#include "lib/imap/metadata.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

// A command about the annotations of one mailbox, which comes first of its arguments; with -s it
// may be "", the server.
class MetadataCommand : public MailCommand {
  public:
    MetadataCommand(std::size_t words, std::string what)
        : words_needed_(words), what_(std::move(what)) {}

    bool prepare(const OptionWords& options) override {
        words_ = options.rest();
        server_ = options.has('s');
        if (words_.size() < words_needed_) {
            return false;
        }
        std::string key = words_.size() > 1 ? words_[1] : "/private";
        auto entry = imap::MetadataEntry::parse(key);
        if (!entry) {
            end_with(kUsage,
                     "Invalid metadata key '" + key + "': Must begin with /private or /shared");
        }
        entry_ = std::move(*entry);
        return true;
    }

    Task<void> run(MailContext* context) override {
        const std::string& word = words_[0];
        bool server = word.empty();
        if (server && !server_) {
            context->fail(kUsage, what_ + ": mailbox name cannot be empty");
            co_return;
        }
        std::string name = server ? "INBOX" : mailbox_from_word(context->user, word);
        if (!context->user.tree().exists(name)) {
            context->fail(kNotFound, what_ + ": " + missing_mailbox(word));
            co_return;
        }
        auto mailbox = context->user.open(name);
        auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
        if (!synced || mailbox->box.guid().empty()) {
            context->fail(kTemporary, what_ + ": the mailbox cannot be opened");
            co_return;
        }
        AnnotationScope scope{server ? "" : name, mailbox->box.guid(), entry_.shared};
        co_await run_on(context, std::move(scope), entry_.name);
    }

  protected:
    virtual Task<void> run_on(MailContext* context, AnnotationScope scope, std::string entry) = 0;

    static Annotations annotations_of(MailContext* context) {
        return {context->user.name(), context->user.home(), context->user.tree()};
    }

    Task<void> store(MailContext* context, AnnotationScope scope, Annotation annotation) {
        Annotations annotations = annotations_of(context);
        std::vector<Annotation> changes;
        changes.push_back(std::move(annotation));
        auto stored = co_await annotations.store(std::move(scope), std::move(changes));
        if (!stored) {
            context->fail(what_, stored.error());
        }
    }

    const Words& words() const { return words_; }

    const std::string& what() const { return what_; }

  private:
    std::size_t words_needed_;
    std::string what_;  // has failed
    Words words_;
    bool server_ = false;
    imap::MetadataEntry entry_;
};

class Get : public MetadataCommand {
  public:
    Get() : MetadataCommand(2, "Failed to get attribute") {}

    std::vector<Column> columns() const override { return {{"value", "", true}}; }

  private:
    Task<void> run_on(MailContext* context, AnnotationScope scope, std::string entry) override {
        Annotations annotations = annotations_of(context);
        auto all = annotations.load(scope);
        if (!all) {
            context->fail(what(), all.error());
            co_return;
        }
        auto found = all->find(entry);
        context->begin_row();
        context->printer.value(found == all->end() ? "" : found->second);
    }
};

class Set : public MetadataCommand {
  public:
    Set() : MetadataCommand(3, "Failed to set attribute") {}

  private:
    Task<void> run_on(MailContext* context, AnnotationScope scope, std::string entry) override {
        return store(context, std::move(scope), {std::move(entry), words()[2]});
    }
};

class Unset : public MetadataCommand {
  public:
    Unset() : MetadataCommand(2, "Failed to unset attribute") {}

  private:
    Task<void> run_on(MailContext* context, AnnotationScope scope, std::string entry) override {
        return store(context, std::move(scope), {std::move(entry), std::nullopt});
    }
};

class List : public MetadataCommand {
  public:
    List() : MetadataCommand(1, "Failed to list attributes") {}

    std::vector<Column> columns() const override { return {{"key", "Key", true}}; }

  private:
    // Those of the user and those for all, without what tells them apart, as Dovecot lists them.
    Task<void> run_on(MailContext* context, AnnotationScope scope, std::string entry) override {
        Annotations annotations = annotations_of(context);
        for (bool shared : {false, true}) {
            scope.shared = shared;
            auto all = annotations.load(scope);
            if (!all) {
                context->fail(what(), all.error());
                co_return;
            }
            for (const auto& [name, value] : *all) {
                if (name.starts_with(entry)) {
                    context->begin_row();
                    context->printer.value(name);
                }
            }
        }
    }
};

}  // namespace

int cmd_mailbox_metadata_get(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Get>(command, std::move(words), globals);
}

int cmd_mailbox_metadata_set(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Set>(command, std::move(words), globals);
}

int cmd_mailbox_metadata_unset(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Unset>(command, std::move(words), globals);
}

int cmd_mailbox_metadata_list(const Command& command, Words words, const Globals& globals) {
    return run_for_users<List>(command, std::move(words), globals);
}

}  // namespace relais::doveadm
