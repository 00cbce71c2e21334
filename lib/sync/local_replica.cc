#include "lib/sync/local_replica.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <deque>
#include <map>

#include <unistd.h>

#include "lib/access/incoming_message.h"
#include "lib/access/message_copy.h"
#include "lib/access/message_facts.h"
#include "lib/access/message_file.h"
#include "lib/base/strings.h"
#include "lib/event/task_group.h"
#include "lib/store/mailbox_name.h"
#include "lib/store/subscriptions.h"
#include "lib/store/uid_placement.h"

namespace relais {

namespace {

SyncMessage describe(OpenMailbox& mailbox, const MailMessage& message, const UidList& list) {
    SyncMessage found;
    const Mailbox& box = mailbox.box;
    found.uid = message.uid;
    found.guid = as_sync_guid(message_guid(list, message, box.base_name(message)));
    found.flags.system = message.system;
    found.flags.keywords = box.keywords_of(message);
    std::ranges::sort(found.flags.keywords);
    found.received = received_of(mailbox, message).value_or(0);
    found.size = box.stored_size(message);
    auto at = std::ranges::lower_bound(list.entries, message.uid, {}, &UidListEntry::uid);
    if (at != list.entries.end() && at->uid == message.uid) {
        found.extensions = pop3_extensions(at->extensions);
    }
    return found;
}

// A message that is being stored.  Several become durable at once: one commit does for many.
struct Arrival {
    Arrival(const Mailbox& box, SyncMessage described) : message(std::move(described)), file(box) {}

    Task<void> finish() {
        std::int64_t date = message.received > 0 ? message.received : std::time(nullptr);
        made = co_await file.finish(date);
        if (made) {
            made->flags.system = message.flags.system;
            made->extensions = "G" + as_sync_guid(message.guid);
            std::string words = pop3_extensions(message.extensions);
            made->extensions += words.empty() ? "" : " " + words;
        }
    }

    SyncMessage message;
    IncomingMessage file;
    Result<NewMessage> made;
};

// What was concluded from messages whose UIDs others have now.
void forget_conclusions(const MailboxPlace& place) {
    for (const char* file : {"/relais.index", "/relais.cache"}) {
        ::unlink((place.index_directory() + file).c_str());
    }
}

}  // namespace

std::string LocalReplica::sync_name(const std::string& name) {
    std::string given = mailbox_to_disk(name, {user_.separator()});
    if (user_.separator() == '.' || !name.contains('.')) {
        return given;
    }
    given = name;
    std::ranges::replace(given, '.', '_');
    given = mailbox_to_disk(given, {user_.separator()});
    auto is_taken = [&] {
        auto dotted = dotted_.find(given);
        return dotted == dotted_.end() ? user_.tree().exists(own_name(given))
                                       : dotted->second != name;
    };
    while (is_taken()) {
        given += '_';
    }
    dotted_[given] = name;
    return given;
}

std::string LocalReplica::own_name(std::string_view mailbox) const {
    if (auto dotted = dotted_.find(mailbox); dotted != dotted_.end()) {
        return dotted->second;
    }
    std::string name(mailbox);
    std::ranges::replace(name, '.', user_.separator());
    return canonical_mailbox(name, user_.separator());
}

// The other side names it: it may be nobody else's, and nothing that is no mailbox.
Result<std::string> LocalReplica::own_mailbox(std::string_view mailbox) const {
    std::string name = own_name(mailbox);
    std::string why = user_.tree().exists(name) ? "" : user_.tree().invalid_because(name);
    if (why.empty() && !user_.is_own(name)) {
        why = "The mailbox is not the user's own";
    }
    return why.empty() ? Result<std::string>(std::move(name)) : fail(Errc::kDenied, why);
}

// Of a mailbox that somebody has locked.
std::string LocalReplica::known_guid(const std::string& name) const {
    auto list = user_.tree().open(name)->list();
    return list ? list->guid : std::string();
}

// What cannot be seen would be taken for deleted.
Task<Result<std::vector<SyncMailbox>>> LocalReplica::list() {
    auto all = user_.tree().own().list();
    auto names = all ? user_.tree().list() : std::move(all);
    if (!names) {
        co_return fail_with(names);
    }
    std::erase_if(*names, [this](const std::string& name) { return !user_.is_own(name); });
    const MailTree& own = user_.tree().own();
    auto subscriptions = Subscriptions::load(own.subscriptions_path(), own.disk_names());
    if (!subscriptions) {
        co_return fail_with(subscriptions);
    }
    std::vector<SyncMailbox> found;
    for (const std::string& name : *names) {
        std::string called = sync_name(name);
        auto content = co_await synced(called);
        bool locked = !content && content.error().code == Errc::kTemporary;
        if (!content && !locked) {
            co_return fail_with(content);
        }
        auto guid = locked ? known_guid(name) : (*content)->box.guid();
        found.push_back({std::move(called), std::move(guid), true, subscriptions->contains(name)});
    }
    for (const std::string& name : subscriptions->names()) {
        if (user_.is_own(name) && std::ranges::find(*names, name) == names->end()) {
            found.push_back({sync_name(name), "", false, true});
        }
    }
    co_return found;
}

Task<Result<std::shared_ptr<OpenMailbox>>> LocalReplica::synced(std::string mailbox) {
    auto name = own_mailbox(mailbox);
    if (!name || !user_.tree().ready(*name)) {
        co_return name ? fail(Errc::kNotFound, "Mailbox doesn't exist") : fail_with(name);
    }
    if (locked_.contains(*name)) {
        co_return fail(Errc::kTemporary, "it was locked by another process");
    }
    auto opened = user_.open(*name);
    auto done = co_await opened->box.sync(MailboxAccess::kReadOnly);
    if (!done) {
        if (done.error().code == Errc::kTemporary) {
            locked_.insert(*name);
        }
        co_return fail_with(done);
    }
    co_return opened;
}

Task<Result<MailboxContent>> LocalReplica::look(std::string mailbox) {
    auto opened = co_await synced(std::move(mailbox));
    if (!opened) {
        co_return fail_with(opened);
    }
    Mailbox& box = (*opened)->box;
    auto list = box.list();
    if (!list) {
        co_return fail_with(list);
    }
    MailboxContent content{{box.uid_validity(), box.next_uid(), box.guid()}, {}};
    if (!box.takes_keywords()) {
        content.last_keywords = box.keyword_names();
    }
    for (std::size_t i = 0; i < box.messages().size(); ++i) {
        MailMessage message = box.messages()[i];
        content.messages.push_back(describe(**opened, message, *list));
    }
    co_return content;
}

Task<Result<std::vector<SyncText>>> LocalReplica::read(std::string mailbox,
                                                       std::vector<std::uint32_t> uids) {
    std::vector<SyncText> texts;
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto opened = co_await synced(mailbox);
        auto list = opened ? (*opened)->box.list() : Result<UidList>(fail_with(opened));
        if (!list) {
            co_return fail_with(list);
        }
        bool renamed = false;
        texts.clear();
        for (std::uint32_t uid : uids) {
            const MailMessage* message = (*opened)->box.find(uid);
            if (message == nullptr) {
                continue;
            }
            MailMessage copy = *message;
            auto file = MessageFile::open((*opened)->box, copy);
            if (!file && file.error().code != Errc::kNotFound) {
                co_return fail_with(file);
            }
            renamed |= !file;
            if (file) {
                texts.push_back({describe(**opened, copy, *list), std::string(file->text())});
                texts.back().message.received = file->received();
            }
        }
        if (!renamed) {
            break;
        }
    }
    co_return texts;
}

Task<Result<void>> LocalReplica::change_tree(TreeChange change) {
    auto own = own_mailbox(change.name);
    if (!own) {
        co_return fail_with(own);
    }
    const std::string& name = *own;
    switch (change.kind) {
        case TreeChange::Kind::kCreate: {
            auto made = user_.tree().exists(name) ? Result<void>() : user_.tree().create(name);
            if (!made || change.guid.empty()) {
                co_return made;
            }
            co_return co_await change_numbers(user_.tree().place_of(name), {0, 0, change.guid});
        }
        case TreeChange::Kind::kDelete: {
            auto removed = user_.tree().remove(name);
            user_.forget(name);
            bool gone = !removed && removed.error().sys_errno == ENOENT;
            co_return gone ? Result<void>() : removed;
        }
        case TreeChange::Kind::kRename: {
            auto to = own_mailbox(change.to);
            auto renamed = to ? user_.tree().rename(name, *to) : fail_with(to);
            user_.forget(name);
            co_return renamed;
        }
        case TreeChange::Kind::kSubscribe:
            co_return co_await user_.subscribe(name);
        case TreeChange::Kind::kUnsubscribe:
            break;
    }
    co_return co_await user_.unsubscribe(name);
}

// Those that are to have the same flags are changed together.
Task<Result<void>> LocalReplica::set_flags(std::shared_ptr<OpenMailbox> mailbox,
                                           std::vector<std::pair<std::uint32_t, SyncFlags>> flags) {
    std::map<std::pair<std::uint8_t, std::vector<std::string>>, std::vector<std::uint32_t>> groups;
    for (auto& [uid, wanted] : flags) {
        groups[{wanted.system, wanted.keywords}].push_back(uid);
    }
    for (const auto& [wanted, uids] : groups) {
        auto changed = co_await mailbox->box.change_flags(uids, FlagChange::kReplace, wanted.first,
                                                          wanted.second);
        if (!changed) {
            co_return fail_with(changed);
        }
    }
    co_return Result<void>();
}

Task<Result<void>> LocalReplica::change(std::string mailbox, MailboxChange change) {
    auto name = own_mailbox(mailbox);
    if (!name) {
        co_return fail_with(name);
    }
    if (!change.expunge.empty()) {
        auto opened = co_await synced(mailbox);
        if (!opened) {
            co_return fail_with(opened);
        }
        auto gone = co_await (*opened)->box.expunge(change.expunge);
        if (!gone) {
            co_return fail_with(gone);
        }
    }
    NumberChange numbers{change.numbers.uid_validity, change.numbers.next_uid, change.numbers.guid,
                         change.renumber};
    if (!numbers.empty()) {
        auto changed = co_await change_numbers(user_.tree().place_of(*name), std::move(numbers));
        if (!changed) {
            co_return changed;
        }
        if (change.numbers.uid_validity != 0 || !change.renumber.empty()) {
            forget_conclusions(user_.tree().place_of(*name));
            user_.forget(*name);
        }
    }
    if (!change.flags.empty()) {
        auto opened = co_await synced(mailbox);
        if (!opened) {
            co_return fail_with(opened);
        }
        co_return co_await set_flags(*opened, std::move(change.flags));
    }
    co_return Result<void>();
}

Task<Result<void>> LocalReplica::put(std::string mailbox, std::vector<SyncText> messages) {
    auto name = own_mailbox(mailbox);
    if (!name || !user_.tree().ready(*name)) {
        co_return name ? fail(Errc::kNotFound, "Mailbox doesn't exist") : fail_with(name);
    }
    auto box = user_.tree().open(*name);
    std::deque<Arrival> arrivals;  // removes what is not moved away
    TaskGroup syncs;
    for (SyncText& each : messages) {
        arrivals.emplace_back(*box, std::move(each.message));
        arrivals.back().file.write(each.text);
        std::string().swap(each.text);
        syncs.spawn(arrivals.back().finish());
    }
    co_await syncs.join_or_close();
    std::vector<PlacedMessage> placed;
    for (Arrival& arrival : arrivals) {
        if (!arrival.made) {
            co_return fail_with(arrival.made);
        }
        placed.push_back({arrival.message.uid, std::move(*arrival.made)});
    }
    auto again = co_await place_messages(box->place(), std::move(placed));
    if (!again) {
        co_return fail_with(again);
    }
    if (*again) {
        forget_conclusions(box->place());
        user_.forget(*name);
    }
    co_return Result<void>();
}

}  // namespace relais
