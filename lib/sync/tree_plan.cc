#include "lib/sync/tree_plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include "lib/base/format.h"

namespace relais {

namespace {

constexpr std::string_view kInbox = "INBOX";

// A side as it will be after the changes that were planned.
class Side {
  public:
    Side(const std::vector<SyncMailbox>& mailboxes, std::vector<TreeChange>& changes)
        : changes_(changes) {
        for (const SyncMailbox& mailbox : mailboxes) {
            if (mailbox.exists) {
                guids_.emplace(mailbox.name, mailbox.guid);
            }
            if (mailbox.subscribed) {
                subscribed_.insert(mailbox.name);
            }
        }
    }

    const std::map<std::string, std::string>& guids() const { return guids_; }

    const std::set<std::string>& subscribed() const { return subscribed_; }

    bool has(const std::string& name) const { return guids_.contains(name); }

    std::string name_of(const std::string& guid) const {
        auto found = std::ranges::find_if(guids_, [&guid](const auto& each) {
            return !guid.empty() && each.second == guid && each.first != kInbox;
        });
        return found == guids_.end() ? "" : found->first;
    }

    void create(const std::string& name, const std::string& guid) {
        guids_.emplace(name, guid);
        changes_.push_back({TreeChange::Kind::kCreate, name, "", guid});
    }

    void remove(const std::string& name) {
        guids_.erase(name);
        changes_.push_back({TreeChange::Kind::kDelete, name});
    }

    // With what is below it.  What has the name already goes out of the way, and is judged later,
    // by its GUID.
    void rename(const std::string& from, const std::string& to) {
        if (is_taken(from, to)) {
            std::string aside = free_name();
            changes_.push_back({TreeChange::Kind::kRename, to, aside});
            move(to, aside);
        }
        changes_.push_back({TreeChange::Kind::kRename, from, to});
        move(from, to);
    }

    void subscribe(const std::string& name) {
        if (subscribed_.insert(name).second) {
            changes_.push_back({TreeChange::Kind::kSubscribe, name});
        }
    }

    void unsubscribe(const std::string& name) {
        if (subscribed_.erase(name) > 0) {
            changes_.push_back({TreeChange::Kind::kUnsubscribe, name});
        }
    }

  private:
    static bool is_in(const std::string& name, const std::string& top) {
        return name == top || name.starts_with(top + ".");
    }

    // Some mailbox that would move finds its new name taken by one that stays.
    bool is_taken(const std::string& from, const std::string& to) const {
        return std::ranges::any_of(guids_, [&](const auto& each) {
            std::string moved = is_in(each.first, from) ? to + each.first.substr(from.size()) : "";
            return !moved.empty() && has(moved) && !is_in(moved, from);
        });
    }

    std::string free_name() const {
        for (int i = 0;; ++i) {
            std::string name = format("relais-sync-{}", i);
            if (std::ranges::none_of(guids_,
                                     [&](const auto& each) { return is_in(each.first, name); })) {
                return name;
            }
        }
    }

    void move(const std::string& from, const std::string& to) {
        std::map<std::string, std::string> moved;
        for (const auto& [name, guid] : guids_) {
            moved.emplace(is_in(name, from) ? to + name.substr(from.size()) : name, guid);
        }
        guids_ = std::move(moved);
    }

    std::map<std::string, std::string> guids_;  // by name
    std::set<std::string> subscribed_;
    std::vector<TreeChange>& changes_;
};

// A mailbox that both have under different names.
struct Renamed {
    std::string guid;
    std::string source;
    std::string destination;
};

std::vector<Renamed> renamed_mailboxes(const Side& source, const Side& destination) {
    std::vector<Renamed> found;
    for (const auto& [name, guid] : source.guids()) {
        std::string there = name == kInbox ? "" : destination.name_of(guid);
        if (!there.empty() && there != name) {
            found.push_back({guid, name, there});
        }
    }
    return found;
}

// The names that the source has are the right ones.
void follow_renames(const Side& source, Side& destination) {
    // Each pass puts at least one right; what was put aside comes again.
    std::size_t most = 2 * source.guids().size() + 2;
    for (std::size_t i = 0; i < most; ++i) {
        auto renamed = renamed_mailboxes(source, destination);
        if (renamed.empty()) {
            return;
        }
        destination.rename(renamed.front().destination, renamed.front().source);
    }
}

void mirror(const Side& source, Side& destination) {
    follow_renames(source, destination);
    auto there = destination.guids();
    for (const auto& [name, guid] : there) {
        if (!source.has(name) && name != kInbox) {
            destination.remove(name);
        }
    }
    for (const auto& [name, guid] : source.guids()) {
        if (!destination.has(name)) {
            destination.create(name, guid);
        }
    }
    auto subscribed = destination.subscribed();
    for (const std::string& name : subscribed) {
        if (!source.subscribed().contains(name)) {
            destination.unsubscribe(name);
        }
    }
    for (const std::string& name : source.subscribed()) {
        destination.subscribe(name);
    }
}

class Merger {
  public:
    Merger(Side source, Side destination, const SyncedTree* before, SyncMode mode)
        : source_(std::move(source)),
          destination_(std::move(destination)),
          before_(before == nullptr ? SyncedTree() : *before),
          push_(mode == SyncMode::kPush) {}

    void run() {
        merge_renames();
        merge_existence(source_, destination_, true);
        if (!push_) {
            merge_existence(destination_, source_, true);
        } else {
            merge_existence(destination_, source_, false);
        }
        merge_subscriptions();
    }

  private:
    const SyncedTree::Mailbox* known(const std::string& name, const std::string& guid) const {
        auto found = std::ranges::find_if(before_.mailboxes, [&](const auto& each) {
            return guid.empty() || each.guid.empty() ? each.name == name : each.guid == guid;
        });
        return found == before_.mailboxes.end() ? nullptr : &*found;
    }

    // Whoever has the old name gets the new one.
    void merge_renames() {
        for (const Renamed& renamed : renamed_mailboxes(source_, destination_)) {
            // What was renamed with its parent has its name by now.
            std::string from = destination_.name_of(renamed.guid);
            std::string to = source_.name_of(renamed.guid);
            const auto* was = known("", renamed.guid);
            bool by_destination = was != nullptr && was->name == to && !push_;
            if (from == to || from.empty() || to.empty()) {
                continue;
            }
            if (by_destination && !source_.has(from)) {
                source_.rename(to, from);
            } else if (!destination_.has(to)) {
                destination_.rename(from, to);
            }
        }
    }

    // What `here` has and `there` has not: new here, or deleted there.
    void merge_existence(Side& here, Side& there, bool may_create) {
        auto mailboxes = here.guids();
        for (const auto& [name, guid] : mailboxes) {
            if (there.has(name) || name == kInbox) {
                continue;
            }
            bool was_on_both = known(name, guid) != nullptr;
            bool may_remove = &here == &destination_ || !push_;
            if (was_on_both && may_remove) {
                here.remove(name);
            } else if (!was_on_both && may_create) {
                there.create(name, guid);
            }
        }
    }

    void merge_subscriptions() {
        std::set<std::string> all = source_.subscribed();
        all.insert(destination_.subscribed().begin(), destination_.subscribed().end());
        for (const std::string& name : all) {
            bool here = source_.subscribed().contains(name);
            bool there = destination_.subscribed().contains(name);
            bool was = before_.subscribed.contains(name);
            if (here == there) {
                continue;
            }
            if (was) {
                (here ? source_ : destination_).unsubscribe(name);
            } else {
                (here ? destination_ : source_).subscribe(name);
            }
        }
    }

    Side source_;
    Side destination_;
    SyncedTree before_;
    bool push_;
};

}  // namespace

TreePlan plan_tree(const std::vector<SyncMailbox>& source,
                   const std::vector<SyncMailbox>& destination, const SyncedTree* before,
                   SyncMode mode) {
    TreePlan plan;
    Side here(source, plan.source);
    Side there(destination, plan.destination);
    if (mode == SyncMode::kMirror) {
        mirror(here, there);
    } else {
        Merger(std::move(here), std::move(there), before, mode).run();
    }
    if (mode != SyncMode::kMerge) {
        plan.source.clear();  // it is only read
    }
    return plan;
}

}  // namespace relais
