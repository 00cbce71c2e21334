// doveadm backup, sync: a user's mail is made the same as that at another place.
#include <algorithm>
#include <cstdio>

#include "lib/base/strings.h"
#include "lib/sync/local_replica.h"
#include "lib/sync/sync_state.h"
#include "lib/sync/synchronizer.h"

#include "tools/doveadm/auth_service.h"
#include "tools/doveadm/commands.h"
#include "tools/doveadm/mail_command.h"
#include "tools/doveadm/status.h"
#include "tools/doveadm/sync_lock.h"
#include "tools/doveadm/sync_options.h"
#include "tools/doveadm/sync_place.h"

namespace relais::doveadm {

namespace {

bool holds_the_same(const MailboxContent& here, const MailboxContent& there) {
    return std::ranges::equal(here.messages, there.messages,
                              [](const SyncMessage& a, const SyncMessage& b) {
                                  return a.uid == b.uid && a.guid == b.guid;
                              });
}

// What both sides have now, for -s; of a mailbox in which they differ, nothing is known.
Task<Result<std::string>> state_of(Replica* here, Replica* there) {
    auto mailboxes = co_await here->list();
    if (!mailboxes) {
        co_return fail_with(mailboxes);
    }
    std::vector<MailboxState> states;
    for (const SyncMailbox& mailbox : *mailboxes) {
        auto content = co_await here->look(mailbox.name);
        auto other = co_await there->look(mailbox.name);
        if (!content) {
            continue;  // it is only subscribed to
        }
        MailboxState state{content->numbers.guid, content->numbers.uid_validity, 0, 0};
        if (other && !content->messages.empty() && holds_the_same(*content, *other)) {
            state.last_uid = content->messages.back().uid;
            state.messages = static_cast<std::uint32_t>(content->messages.size());
        }
        states.push_back(std::move(state));
    }
    co_return serialize_sync_state(states);
}

// The names that mailboxes with this GUID have on the two sides.
Task<Result<std::set<std::string>>> names_of(Replica* here, Replica* there, std::string guid) {
    std::set<std::string> names;
    for (Replica* side : {here, there}) {
        auto mailboxes = co_await side->list();
        if (!mailboxes) {
            co_return fail_with(mailboxes);
        }
        for (const SyncMailbox& mailbox : *mailboxes) {
            if (mailbox.guid == guid) {
                names.insert(mailbox.name);
            }
        }
    }
    co_return names;
}

class Sync : public MailCommand {
  public:
    Sync(SyncMode mode, const Globals& globals) : mode_(mode), settings_(globals.settings) {}

    bool prepare(const OptionWords& options) override {
        if (options.rest().empty() && !options.has('d')) {
            return false;
        }
        options_ = SyncOptions::parse(options, mode_);
        if (options.has('d') && !options.rest().empty()) {
            print_error("", "Don't give mail location with -d parameter");
        }
        if (options_.place) {
            place_ = SyncPlace::parse(*options_.place, settings_, talk());
            if (!*place_) {
                end_with(kNotPossible, place_->error().message, "dsync");
            }
        }
        return true;
    }

    // Where the other place is an IMAP server.
    Reach reach() const override { return Reach::kServers; }

    void begin_for(const std::string& user) override {
        if (!options_.place) {
            place_ = replica_of(user);
        }
        if (place_ && *place_) {
            (*place_)->begin(user);
        }
    }

    void end_for() override {
        if (place_ && *place_) {
            (*place_)->end();
        }
    }

    Task<void> run(MailContext* context) override {
        if (!place_) {
            context->fail(kNotFound, "User has no mail_replica in userdb");
            co_return;
        }
        if (!*place_) {
            context->fail(kNotPossible, place_->error().message);
            co_return;
        }
        if (options_.needs_remote && !(*place_)->is_remote()) {
            context->fail(kTemporary, "-N parameter requires syncing with remote host");
            co_return;
        }
        std::optional<Result<SyncLock>> lock;
        if (options_.lock) {
            lock.emplace(SyncLock::take(context->user.home(), *options_.lock));
            if (!*lock) {
                context->fail(kTemporary, lock->error().message);
                co_return;
            }
        }
        co_await run_with(context, &**place_);
    }

  private:
    SyncPlace::Talk talk() const { return {options_.patience, options_.raw_log}; }

    // What the databases say of him.
    std::optional<Result<SyncPlace>> replica_of(const std::string& user) const {
        AuthReply reply = AuthService().user(user);
        std::string place(reply.parameters.get("mail_replica"));
        if (reply.kind != AuthReply::Kind::kSuccess || place.empty()) {
            return std::nullopt;
        }
        return SyncPlace::parse({place}, settings_, talk());
    }

    Task<void> run_with(MailContext* context, SyncPlace* place) {
        auto role = options_.reversed ? SyncPlace::Role::kSource : SyncPlace::Role::kDestination;
        auto there = co_await place->open(&context->user, role);
        if (!there) {
            context->fail(there.error().code == Errc::kNotFound ? kNotPossible : kTemporary,
                          there.error().message);
            co_return;
        }
        LocalReplica here(context->user);
        bool changes_source = options_.mode == SyncMode::kMerge;
        bool there_stays = options_.reversed && !changes_source;
        bool here_stays = !options_.reversed && !changes_source;
        if ((!there_stays && !(*there)->can_change()) || (!here_stays && !here.can_change())) {
            context->fail(
                kNotPossible,
                "IMAP servers, doveadm servers and formats other than Maildir can only be "
                "read from: with backup, or -1 for sync; a place, with -R");
            co_return;
        }
        co_await synchronize(context, &here, *there);
        place->close();
    }

    // What -m, -x and -g leave.
    Task<Result<void>> choose(User* user, Replica* here, Replica* there) {
        if (!options_.mailbox_guid.empty()) {
            auto names = co_await names_of(here, there, options_.mailbox_guid);
            if (!names) {
                co_return fail_with(names);
            }
            options_.choice.restrict_to(std::move(*names));
        }
        if (!options_.choice.takes_all()) {
            user->load_special_uses();
            const MailboxChoice& choice = options_.choice;
            options_.scope.mailboxes = [user, &choice](const std::string& name) {
                return choice.has(*user, name);
            };
        }
        co_return Result<void>();
    }

    Task<void> synchronize(MailContext* context, LocalReplica* here, Replica* there) {
        SyncMemory memory(context->user.root(), (*place_)->title());
        bool remembers = options_.mode != SyncMode::kMirror;
        if (remembers) {
            memory.load();
        }
        auto done = co_await choose(&context->user, here, there);
        Replica& source = options_.reversed ? *there : static_cast<Replica&>(*here);
        Replica& destination = options_.reversed ? static_cast<Replica&>(*here) : *there;
        Synchronizer synchronizer(source, destination, options_.mode, options_.scope,
                                  remembers ? &memory : nullptr);
        if (done) {
            done = co_await synchronizer.run();
        }
        tell_troubles(context, synchronizer.troubles());
        if (!done) {
            context->fail(kTemporary, done.error().message);
        } else if (options_.state) {
            co_await tell_state(context, here, there);
        }
    }

    // Every run looks at everything: an old state is only looked at.
    Task<void> tell_state(MailContext* context, Replica* here, Replica* there) {
        auto before = parse_sync_state(*options_.state);
        if (!before && !options_.state->empty()) {
            print_error(context->user.name(),
                        "Saved sync state is invalid, falling back to full sync: " +
                            before.error().message);
        }
        auto state = co_await state_of(here, there);
        if (!state) {
            context->fail("Sync state", state.error());
            co_return;
        }
        std::puts(state->c_str());
    }

    SyncMode mode_;
    const Settings& settings_;
    SyncOptions options_;
    std::optional<Result<SyncPlace>> place_;  // none: the databases name no place
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
