#include "imapd/imap/name_watch.h"

#include <algorithm>

#include "lib/config/config.h"

namespace relais {

namespace {

constexpr int kRest = 9;  // for each time that a look takes
constexpr std::chrono::seconds kAfterFailure{5};
constexpr int kAttempts = 3;  // for directories that go meanwhile

SteadyTime now() {
    return std::chrono::steady_clock::now();
}

// Where mailboxes and subscriptions come and go; nothing where that is in too many places.
std::vector<Mailbox::Watched> watched_of(const MailTree& tree) {
    std::vector<std::string> directories = tree.name_directories();
    std::erase_if(directories, [](const std::string& each) { return !can_be_watched(each); });
    if (directories.size() > 1 &&
        directories.size() > static_cast<std::size_t>(conf().imap_notify_mailbox_limit())) {
        return {};
    }
    for (const std::string& root : {tree.root(), tree.control_root()}) {
        if (std::ranges::find(directories, root) == directories.end()) {
            directories.push_back(root);
        }
    }
    std::vector<Mailbox::Watched> parts;
    parts.reserve(directories.size());
    for (std::string& directory : directories) {
        parts.push_back({std::move(directory), Mailbox::Watched::Kind::kEntries});
    }
    return parts;
}

using NameSet = std::set<std::string, std::less<>>;

// The names that only the second one has.
void add_others(const NameSet& from, const NameSet& to, NameChange::Kind kind,
                std::vector<NameChange>& changes) {
    for (const std::string& name : to) {
        if (!from.contains(name)) {
            changes.push_back({kind, name});
        }
    }
}

}  // namespace

NameWatch::NameWatch(User& user, Changes& news) : user_(user), news_(news) {
    watch();
}

// The new watch begins before the old one ends, so that nothing is missed.
void NameWatch::watch() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        watch_ = std::make_unique<DirectoryWatch>(
            watched_of(user_.tree().own()), [this](const DirectoryEvent& event) { note(event); });
        if (watch_->active()) {
            return;
        }
    }
}

// The directories see the locks and lists of their mailboxes come and go as well.
void NameWatch::note(const DirectoryEvent& event) {
    const MailTree& tree = user_.tree().own();
    bool lost = event.name.empty();
    bool names = lost || tree.may_be_mailbox(event.name, event.directory);
    bool subscriptions = lost || event.name == tree.location().subscriptions;
    names_stale_ |= names;
    subscriptions_stale_ |= subscriptions;
    if (names || subscriptions) {
        news_.announce();
    }
}

Result<NameWatch::Names> NameWatch::read_names() const {
    auto all = user_.visible_mailboxes({});
    if (!all) {
        return fail_with(all);
    }
    Names names;
    for (std::string& name : *all) {
        auto id = directory_id(user_.tree().place_of(name).directory);
        names.emplace(std::move(name), id);
    }
    return names;
}

Result<std::set<std::string, std::less<>>> NameWatch::read_subscriptions() const {
    auto list = user_.subscribed();
    if (!list) {
        return fail_with(list);
    }
    return std::set<std::string, std::less<>>(list->begin(), list->end());
}

Result<void> NameWatch::begin() {
    names_stale_ = subscriptions_stale_ = false;
    auto names = read_names();
    auto subscribed = read_subscriptions();
    if (!names || !subscribed) {
        return !names ? Result<void>(fail_with(names)) : fail_with(subscribed);
    }
    names_ = std::move(*names);
    subscribed_ = std::move(*subscribed);
    return {};
}

Result<std::vector<NameChange>> NameWatch::look() {
    std::vector<NameChange> changes;
    SteadyTime begin = now();
    if (!due() || begin < next_look_) {
        return changes;
    }
    if (std::exchange(names_stale_, false)) {
        watch();  // what has come has others in it, perhaps
        auto names = read_names();
        if (!names) {
            names_stale_ = true;
            next_look_ = begin + kAfterFailure;
            return fail_with(names);
        }
        compare_names(std::move(*names), changes);
    }
    if (std::exchange(subscriptions_stale_, false)) {
        auto subscribed = read_subscriptions();
        if (!subscribed) {
            subscriptions_stale_ = true;
            next_look_ = begin + kAfterFailure;
            return fail_with(subscribed);
        }
        add_others(*subscribed, subscribed_, NameChange::Kind::kUnsubscribed, changes);
        add_others(subscribed_, *subscribed, NameChange::Kind::kSubscribed, changes);
        subscribed_ = std::move(*subscribed);
    }
    next_look_ = now() + kRest * (now() - begin);
    return changes;
}

// A directory that has another name now was renamed; the children go with their parent and are not
// told of (RFC 5465 5.4).  Another one under the same name is a new one.
void NameWatch::compare_names(Names now, std::vector<NameChange>& changes) {
    std::map<DirectoryId, std::string> gone;
    for (const auto& [name, id] : names_) {
        if (id && !now.contains(name)) {
            gone.emplace(*id, name);
        }
    }
    for (const auto& [name, id] : now) {
        auto old = id && !names_.contains(name) ? gone.find(*id) : gone.end();
        if (old != gone.end() && names_.contains(old->second)) {
            changes.push_back({NameChange::Kind::kRenamed, name, old->second});
            take_rename(old->second, name);
        }
    }
    for (const auto& [name, id] : names_) {
        if (!now.contains(name)) {
            changes.push_back({NameChange::Kind::kDeleted, name});
        }
    }
    for (const auto& [name, id] : now) {
        auto before = names_.find(name);
        bool another = before != names_.end() && id && before->second && *id != *before->second;
        if (before == names_.end() || another) {
            changes.push_back({NameChange::Kind::kCreated, name});
        }
    }
    names_ = std::move(now);
}

void NameWatch::take_rename(const std::string& from, const std::string& to) {
    std::string inside = from + user_.separator();
    Names moved;
    for (auto at = names_.lower_bound(from); at != names_.end();) {
        bool below = at->first.starts_with(inside);
        if (at->first != from && !below) {
            // Between a name and what is below it others may stand: "a", "a-b", "a/b".
            at = at->first.starts_with(from) ? std::next(at) : names_.end();
            continue;
        }
        moved.emplace(to + at->first.substr(from.size()), at->second);
        at = names_.erase(at);
    }
    names_.merge(moved);
}

void NameWatch::expect(const NameChange& change) {
    switch (change.kind) {
        case NameChange::Kind::kCreated:
            names_[change.name] = directory_id(user_.tree().place_of(change.name).directory);
            break;
        case NameChange::Kind::kDeleted:
            names_.erase(change.name);
            break;
        case NameChange::Kind::kRenamed:
            take_rename(change.old_name, change.name);
            break;
        case NameChange::Kind::kSubscribed:
            subscribed_.insert(change.name);
            break;
        case NameChange::Kind::kUnsubscribed:
            subscribed_.erase(change.name);
            break;
    }
}

bool NameWatch::has_children(std::string_view name) const {
    std::string inside = std::string(name) + user_.separator();
    auto at = names_.lower_bound(inside);
    return at != names_.end() && at->first.starts_with(inside);
}

}  // namespace relais
