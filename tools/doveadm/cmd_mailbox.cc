// doveadm mailbox create, delete, rename, subscribe, unsubscribe, list, path, mutf7.
#include <algorithm>
#include <cstdio>
#include <set>

#include "lib/base/strings.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"
#include "lib/store/subscriptions.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"

namespace relais::doveadm {

namespace {

enum class Change { kAdd, kRemove };

// Why there can be no mailbox of that name, in the words that scripts know; empty: it can be.
std::string invalid_name(const User& user, const Namespaces& tree, const std::string& name) {
    char separator = user.separator();
    if (name.empty()) {
        return "Invalid mailbox name: Name is empty";
    }
    if (name.find(std::string(2, separator)) != std::string::npos) {
        return "Invalid mailbox name: Has adjacent hierarchy separators";
    }
    std::string why = tree.invalid_because(name);
    bool whole = why.empty() || why.starts_with("Character not allowed");
    return whole ? why : "Invalid mailbox name: " + why;
}

// A command that does the same to each mailbox named.
class NamesCommand : public MailCommand {
  public:
    bool prepare(const OptionWords& options) override {
        subscribe_ = options.has('s');
        recursive_ = options.has('r');
        if_empty_ = options.has('e');
        words_ = options.rest();
        return !words_.empty();
    }

    Task<void> run(MailContext* context) override {
        for (const std::string& word : words_) {
            co_await change(context, word, mailbox_from_word(context->user, word));
        }
    }

  protected:
    virtual Task<void> change(MailContext* context, std::string word, std::string name) = 0;

    static Task<void> subscribe(MailContext* context, std::string word, std::string name,
                                Change change) {
        Result<void> done;
        if (change == Change::kAdd) {
            done = co_await context->user.subscribe(std::move(name));
        } else {
            done = co_await context->user.unsubscribe(std::move(name));
        }
        if (!done) {
            context->fail("Can't " + std::string(change == Change::kAdd ? "" : "un") +
                              "subscribe mailbox " + word,
                          done.error());
        }
    }

    bool subscribe_ = false;
    bool recursive_ = false;
    bool if_empty_ = false;

  private:
    Words words_;
};

class Create : public NamesCommand {
    Task<void> change(MailContext* context, std::string word, std::string name) override {
        Namespaces& tree = context->user.tree();
        if (name.size() > 1 && name.back() == context->user.separator()) {
            name.pop_back();
        }
        std::string what = "Can't create mailbox " + word + ": ";
        if (std::string why = invalid_name(context->user, tree, name); !why.empty()) {
            context->fail(kUsage, what + why);
            co_return;
        }
        if (tree.exists(name)) {
            context->fail(kNotPossible, what + "Mailbox already exists");
            co_return;
        }
        auto made = tree.create(name);
        if (!made) {
            context->fail(what.substr(0, what.size() - 2), made.error());
            co_return;
        }
        if (subscribe_) {
            co_await subscribe(context, word, name, Change::kAdd);
        }
    }
};

class Delete : public NamesCommand {
    Task<void> change(MailContext* context, std::string word, std::string name) override {
        std::string what = "Can't delete mailbox " + word + ": ";
        std::vector<std::string> names = with_children(*context, name);
        if (name == "INBOX") {
            context->fail(kNotPossible, what + "INBOX can't be deleted.");
            co_return;
        }
        if (names.empty()) {
            context->fail(kNotFound, what + missing_mailbox(word));
            co_return;
        }
        for (const std::string& each : names) {
            bool gone = co_await remove_one(context, what, each);
            if (gone && subscribe_) {
                co_await subscribe(context, word, each, Change::kRemove);
            }
        }
    }

    // The deepest ones first.
    std::vector<std::string> with_children(MailContext& context, const std::string& name) const {
        std::vector<std::string> names;
        std::string prefix = name + context.user.separator();
        auto all = context.user.tree().list();
        for (const std::string& each : all ? *all : std::vector<std::string>()) {
            if (each == name || (recursive_ && each.starts_with(prefix))) {
                names.push_back(each);
            }
        }
        std::ranges::reverse(names);
        return names;
    }

    Task<bool> remove_one(MailContext* context, std::string what, std::string name) {
        if (if_empty_) {
            auto mailbox = context->user.open(name);
            auto synced = co_await mailbox->box.sync(MailboxAccess::kReadOnly);
            if (!synced || !mailbox->box.messages().empty()) {
                context->fail(kNotPossible, what + "Mailbox isn't empty");
                co_return false;
            }
        }
        auto removed = context->user.tree().remove(name);
        context->user.forget(name);
        if (!removed) {
            context->fail(what.substr(0, what.size() - 2), removed.error());
        }
        co_return removed.has_value();
    }
};

template <Change What>
class Subscribe : public NamesCommand {
    Task<void> change(MailContext* context, std::string word, std::string name) override {
        co_await subscribe(context, std::move(word), std::move(name), What);
    }
};

class Rename : public MailCommand {
  public:
    bool prepare(const OptionWords& options) override {
        subscribe_ = options.has('s');
        words_ = options.rest();
        return words_.size() == 2;
    }

    Task<void> run(MailContext* context) override {
        std::string what = "Can't rename mailbox " + words_[0] + " to " + words_[1] + ": ";
        std::string from = mailbox_from_word(context->user, words_[0]);
        std::string to = mailbox_from_word(context->user, words_[1]);
        Namespaces& tree = context->user.tree();
        if (std::string why = invalid_name(context->user, tree, to); !why.empty()) {
            context->fail(kUsage, what + why);
        } else if (!tree.exists(from)) {
            context->fail(kNotFound, what + missing_mailbox(words_[0]));
        } else if (from == "INBOX") {
            context->fail(kNotPossible, what + "Renaming INBOX isn't supported.");
        } else if (tree.exists(to)) {
            context->fail(kNotPossible, what + "Target mailbox already exists");
        } else if (auto renamed = tree.rename(from, to); !renamed) {
            context->fail(what.substr(0, what.size() - 2), renamed.error());
        } else if (subscribe_) {
            context->user.forget(from);
            auto left = co_await context->user.unsubscribe(from);
            auto taken = co_await context->user.subscribe(to);
            if (!left || !taken) {
                context->fail("Can't change subscriptions", left ? taken.error() : left.error());
            }
        }
    }

  private:
    bool subscribe_ = false;
    Words words_;
};

class List : public MailCommand {
  public:
    std::vector<Column> columns() const override { return {{"mailbox", "", true}}; }

    bool prepare(const OptionWords& options) override {
        encoded_ = options.has('7');
        subscribed_ = options.has('s');
        words_ = options.rest();
        return true;
    }

    Task<void> run(MailContext* context) override {
        auto names = names_of(context->user);
        if (!names) {
            context->fail("Listing mailboxes failed", names.error());
            co_return;
        }
        if (words_.empty()) {
            print(*context, *names, "*");
        }
        for (const std::string& word : words_) {
            if (words_.size() == 1 && word.find_first_of("*%") == std::string::npos) {
                context->begin_row();  // whoever asks for one knows its name
                context->printer.value(word);
            } else {
                print(*context, *names, word);
            }
        }
    }

  private:
    // INBOX last, as Dovecot has it; levels above a mailbox are there with it.
    Result<std::vector<std::string>> names_of(User& user) const {
        if (subscribed_) {
            const MailTree& own = user.tree().own();
            auto list = Subscriptions::load(own.subscriptions_path(), own.disk_names());
            if (!list) {
                return fail_with(list);
            }
            auto names = list->names();
            std::ranges::sort(names);
            return names;
        }
        auto all = user.tree().list();
        if (!all) {
            return all;
        }
        std::set<std::string> names(all->begin(), all->end());
        for (const std::string& name : *all) {
            for (std::size_t at = 0; (at = name.find(user.separator(), at)) != std::string::npos;
                 ++at) {
                names.insert(name.substr(0, at));
            }
        }
        names.erase("INBOX");
        std::vector<std::string> list(names.begin(), names.end());
        list.emplace_back("INBOX");
        return list;
    }

    void print(MailContext& context, const std::vector<std::string>& names,
               const std::string& word) const {
        imap::ListPattern pattern(imap::utf8_to_utf7(word).value_or(word),
                                  context.user.separator());
        for (const std::string& name : names) {
            if (pattern.match(name) == imap::ListMatch::kYes) {
                context.begin_row();
                context.printer.value(encoded_ ? name : mailbox_to_word(name));
            }
        }
    }

    bool encoded_ = false;
    bool subscribed_ = false;
    Words words_;
};

class Path : public MailCommand {
  public:
    std::vector<Column> columns() const override { return {{"path", "", true}}; }

    bool prepare(const OptionWords& options) override {
        std::string type = options.get('t');
        bool known = type.empty() || type == "dir" || type == "mailbox" || type == "index" ||
                     type == "control";
        words_ = options.rest();
        return known && words_.size() == 1;
    }

    Task<void> run(MailContext* context) override {
        std::string name = mailbox_from_word(context->user, words_[0]);
        context->begin_row();
        context->printer.value(context->user.tree().place_of(name).directory);
        co_return;
    }

  private:
    Words words_;
};

}  // namespace

int cmd_mailbox_create(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Create>(command, std::move(words), globals);
}

int cmd_mailbox_delete(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Delete>(command, std::move(words), globals);
}

int cmd_mailbox_rename(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Rename>(command, std::move(words), globals);
}

int cmd_mailbox_subscribe(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Subscribe<Change::kAdd>>(command, std::move(words), globals);
}

int cmd_mailbox_unsubscribe(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Subscribe<Change::kRemove>>(command, std::move(words), globals);
}

int cmd_mailbox_list(const Command& command, Words words, const Globals& globals) {
    return run_for_users<List>(command, std::move(words), globals);
}

int cmd_mailbox_path(const Command& command, Words words, const Globals& globals) {
    return run_for_users<Path>(command, std::move(words), globals);
}

int cmd_mailbox_mutf7(const Command& command, Words words, const Globals& /*globals*/) {
    OptionWords options(command, std::move(words));
    if (options.rest().empty()) {
        command_usage(command);
    }
    int status = kOk;
    for (const std::string& word : options.rest()) {
        bool decode = options.has('7');
        auto other = decode ? imap::utf7_to_utf8(word) : imap::utf8_to_utf7(word);
        if (!other) {
            print_error("", std::string("Mailbox name not valid ") +
                                (decode ? "mUTF-7: " : "UTF-8: ") + word);
            status = kNotPossible;
        }
        std::puts(other.value_or("").c_str());
    }
    return status;
}

}  // namespace relais::doveadm
