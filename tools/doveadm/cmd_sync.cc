// doveadm backup, sync: a user's mail is made the same as that at another place.
#include <algorithm>
#include <ctime>

#include "lib/base/strings.h"
#include "lib/imap/list_pattern.h"
#include "lib/imap/utf7.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/query_words.h"
#include "tools/doveadm/status.h"
#include "tools/doveadm/sync_place.h"

namespace relais::doveadm {

namespace {

constexpr std::uint64_t kPatience = 600;

std::optional<std::int64_t> date_option(const OptionWords& options, char option) {
    if (!options.has(option)) {
        return std::nullopt;
    }
    auto date = parse_query_date(options.get(option), std::time(nullptr));
    if (!date) {
        end_with(kUsage, format("Invalid -{} parameter: {}", option, options.get(option)));
    }
    return date->time;
}

// The mailboxes that -m and -x leave.
class Choice {
  public:
    Choice(Words only, Words excluded) : only_(std::move(only)), excluded_(std::move(excluded)) {}

    bool takes_all() const { return only_.empty() && excluded_.empty(); }

    bool has(const User& user, std::string name) const {
        for (char& c : name) {
            c = c == '.' ? user.separator() : c;
        }
        bool wanted = only_.empty() || std::ranges::any_of(only_, [&](const std::string& word) {
                          return mailbox_from_word(user, word) == name;
                      });
        return wanted && std::ranges::none_of(excluded_, [&](const std::string& word) {
                   return word.starts_with('\\') ? user.special_use(name) == word
                                                 : fits(user, name, word);
               });
    }

  private:
    static bool fits(const User& user, const std::string& name, const std::string& word) {
        imap::ListPattern pattern(imap::utf8_to_utf7(word).value_or(word), user.separator());
        return pattern.match(name) == imap::ListMatch::kYes;
    }

    Words only_;
    Words excluded_;
};

class Sync : public MailCommand {
  public:
    Sync(SyncMode mode, const Globals& globals) : mode_(mode), settings_(globals.settings) {}

    bool prepare(const OptionWords& options) override {
        if (options.rest().empty()) {
            return false;
        }
        if (!options.get('n').empty()) {
            end_with(kUsage, "Namespace not found: " + printable(options.get('n')));
        }
        if (options.has('I') && !parse_query_size(options.get('I'))) {
            end_with(kUsage, "Invalid -I parameter: " + printable(options.get('I')));
        }
        auto patience = options.has('T') ? parse_uint(options.get('T')) : kPatience;
        if (!patience || *patience == 0 || *patience > 86400) {
            end_with(kUsage, "Invalid -T parameter: " + printable(options.get('T')));
        }
        mode_ = options.has('1') ? SyncMode::kPush : mode_;
        reversed_ = options.has('R');
        choice_.emplace(options.all('m'), options.all('x'));
        scope_.since = date_option(options, 't');
        scope_.until = date_option(options, 'e');
        scope_.largest = options.has('I') ? parse_query_size(options.get('I')) : std::nullopt;
        place_.emplace(options.rest(), settings_, std::chrono::seconds(*patience));
        return true;
    }

    void begin_for(const std::string& user) override { place_->begin(user); }

    void end_for() override { place_->end(); }

    Task<void> run(MailContext* context) override {
        auto role = reversed_ ? SyncPlace::Role::kSource : SyncPlace::Role::kDestination;
        auto there = co_await place_->open(&context->user, role);
        if (!there) {
            context->fail(there.error().code == Errc::kNotFound ? kNotPossible : kTemporary,
                          there.error().message);
            co_return;
        }
        bool changes_there = !reversed_ || mode_ == SyncMode::kMerge;
        if (changes_there && !(*there)->can_change()) {
            context->fail(kNotPossible,
                          "An IMAP server can only be read from: with -R, and -1 for sync");
            co_return;
        }
        co_await synchronize(context, *there);
        place_->close();
    }

  private:
    Task<void> synchronize(MailContext* context, Replica* there) {
        User& user = context->user;
        LocalReplica here(user);
        SyncMemory memory(user.root(), place_->title());
        bool remembers = mode_ != SyncMode::kMirror;
        if (remembers) {
            memory.load();
        }
        if (!choice_->takes_all()) {
            user.load_special_uses();
            const Choice& choice = *choice_;
            scope_.mailboxes = [&user, &choice](const std::string& name) {
                return choice.has(user, name);
            };
        }
        Replica& source = reversed_ ? *there : static_cast<Replica&>(here);
        Replica& destination = reversed_ ? static_cast<Replica&>(here) : *there;
        Synchronizer synchronizer(source, destination, mode_, scope_,
                                  remembers ? &memory : nullptr);
        auto done = co_await synchronizer.run();
        for (const std::string& trouble : synchronizer.troubles()) {
            context->fail(kNotPossible, trouble);
        }
        if (!done) {
            context->fail(kTemporary, done.error().message);
        }
    }

    SyncMode mode_;
    std::map<std::string, std::string> settings_;
    bool reversed_ = false;
    SyncScope scope_;
    std::optional<Choice> choice_;
    std::optional<SyncPlace> place_;
};

}  // namespace

int cmd_backup(const Command& command, Words words, const Globals& globals) {
    Sync sync(SyncMode::kMirror, globals);
    return run_mail_command(command, std::move(words), globals, sync);
}

int cmd_sync(const Command& command, Words words, const Globals& globals) {
    Sync sync(SyncMode::kMerge, globals);
    return run_mail_command(command, std::move(words), globals, sync);
}

}  // namespace relais::doveadm
