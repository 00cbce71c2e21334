#include "lib/sync/synchronizer.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/sync/tree_plan.h"

namespace relais {

namespace {

// So much is in memory at once, if it is not one large message.
constexpr std::size_t kBatchMessages = 200;
constexpr std::uint64_t kBatchBytes = std::uint64_t{16} << 20;
constexpr std::uint64_t kUnknownSize = 65536;

// What a side has told of its messages, by UID.
using KnownMessages = std::map<std::uint32_t, const SyncMessage*>;

// How many of the transfers, from the first on, make a batch.
std::size_t batch_size(std::span<const SyncTransfer> transfers, const KnownMessages& known) {
    std::uint64_t bytes = 0;
    std::size_t count = 0;
    while (count < transfers.size() && count < kBatchMessages) {
        auto message = known.find(transfers[count].from);
        std::uint64_t size = message == known.end() ? 0 : message->second->size;
        bytes += size == 0 ? kUnknownSize : size;
        if (count > 0 && bytes > kBatchBytes) {
            break;
        }
        ++count;
    }
    return count;
}

// Gives messages their UIDs on the other side, and puts them in the order of these.  They keep the
// GUIDs by which they were planned.
void address(std::vector<SyncText>& texts, std::span<const SyncTransfer> batch,
             const KnownMessages& known) {
    std::map<std::uint32_t, std::uint32_t> targets;
    for (const SyncTransfer& each : batch) {
        targets[each.from] = each.to;
    }
    for (SyncText& each : texts) {
        SyncMessage& message = each.message;
        auto described = known.find(message.uid);
        message.guid = described == known.end() ? message.guid : described->second->guid;
        message.uid = targets[message.uid];
    }
    std::ranges::sort(texts, {}, [](const SyncText& each) { return each.message.uid; });
}

// The UIDs that messages have after a change.
void renumber(MailboxContent& content, const MailboxChange& change) {
    std::map<std::uint32_t, std::uint32_t> moved(change.renumber.begin(), change.renumber.end());
    for (SyncMessage& message : content.messages) {
        auto found = moved.find(message.uid);
        message.uid = found == moved.end() ? message.uid : found->second;
    }
}

}  // namespace

bool SyncFlag::fits(const SyncFlags& flags) const {
    auto is_keyword = [this](const std::string& each) { return iequals(each, keyword); };
    bool has = system != 0 ? (flags.system & system) != 0
                           : std::ranges::any_of(flags.keywords, is_keyword);
    return has == wanted;
}

bool Synchronizer::note(const std::string& mailbox, const Error& error) {
    if (error.code == Errc::kClosed) {
        return false;
    }
    troubles_.push_back({error.code, format("Mailbox {}: {}", printable(mailbox), error.message)});
    return true;
}

// A disk that is not mounted, a machine that was set up anew: what is not there has not been
// deleted.
void Synchronizer::check_memory(const Trees& trees) {
    auto inbox_in = [](const std::vector<SyncMailbox>& mailboxes) {
        auto found = std::ranges::find(mailboxes, "INBOX", &SyncMailbox::name);
        return found == mailboxes.end() ? std::string() : found->guid;
    };
    if (memory_ != nullptr &&
        !memory_->is_of(inbox_in(trees.source), inbox_in(trees.destination))) {
        memory_->forget();
        troubles_.push_back(
            {Errc::kDenied, "One side is not the one of the last time: nothing counts as deleted"});
    }
}

Task<Result<Synchronizer::Trees>> Synchronizer::list_all() {
    auto source = co_await source_.list();
    if (!source) {
        co_return fail_with(source);
    }
    auto destination = co_await destination_.list();
    if (!destination) {
        co_return fail_with(destination);
    }
    co_return Trees{std::move(*source), std::move(*destination)};
}

void Synchronizer::narrow(Trees& trees) const {
    if (!scope_.mailboxes) {
        return;
    }
    for (auto* side : {&trees.source, &trees.destination}) {
        std::erase_if(
            *side, [this](const SyncMailbox& mailbox) { return !scope_.mailboxes(mailbox.name); });
    }
}

Task<Result<Synchronizer::Trees>> Synchronizer::list() {
    auto trees = co_await list_all();
    if (trees) {
        narrow(*trees);
    }
    co_return trees;
}

Task<Result<bool>> Synchronizer::holds_nothing_new(Replica* side, std::string name) {
    auto content = co_await side->look(name);
    if (!content) {
        co_return fail_with(content);
    }
    const SyncedMessages* known =
        memory_ == nullptr ? nullptr : memory_->messages(name, content->numbers.guid);
    co_return known !=
        nullptr&& std::ranges::all_of(content->messages, [known](const SyncMessage& message) {
            return known->contains(message.guid);
        });
}

Task<Result<void>> Synchronizer::change_tree(Replica* side, std::vector<TreeChange> changes) {
    Replica* other = side == &source_ ? &destination_ : &source_;
    for (TreeChange& change : changes) {
        if (change.kind == TreeChange::Kind::kDelete && mode_ != SyncMode::kMirror) {
            auto old = co_await holds_nothing_new(side, change.name);
            if (!old && !note(change.name, old.error())) {
                co_return fail_with(old);
            }
            if (!old) {
                continue;
            }
            if (!*old) {
                // Deleted there, but with news here: it comes back.
                auto back = co_await other->change_tree({TreeChange::Kind::kCreate, change.name});
                if (!back) {
                    co_return back;
                }
                continue;
            }
        }
        std::string name = change.name;
        auto done = co_await side->change_tree(std::move(change));
        if (!done && !note(name, done.error())) {
            co_return done;
        }
    }
    co_return Result<void>();
}

Task<Result<void>> Synchronizer::make_trees_same() {
    auto trees = co_await list_all();
    if (!trees) {
        co_return fail_with(trees);
    }
    check_memory(*trees);
    narrow(*trees);
    TreePlan plan = plan_tree(trees->source, trees->destination,
                              memory_ == nullptr ? nullptr : memory_->tree(), mode_);
    if (mode_ == SyncMode::kMirror) {
        auto is_deletion = [](const TreeChange& change) {
            return change.kind == TreeChange::Kind::kDelete;
        };
        std::ranges::copy_if(plan.destination, std::back_inserter(deletions_), is_deletion);
        std::erase_if(plan.destination, is_deletion);
    }
    auto changed = co_await change_tree(&destination_, std::move(plan.destination));
    if (changed) {
        changed = co_await change_tree(&source_, std::move(plan.source));
    }
    co_return changed;
}

// A message that is left out on one side is left out on the other, too: the sides may differ in
// what they know of it.  Their GUIDs.
std::set<std::string> Synchronizer::leave_out(MailboxContent& source,
                                              MailboxContent& destination) const {
    std::set<std::string> left;
    for (MailboxContent* side : {&source, &destination}) {
        for (const SyncMessage& message : side->messages) {
            if (!scope_.has(message)) {
                left.insert(message.guid);
            }
        }
    }
    for (MailboxContent* side : {&source, &destination}) {
        std::erase_if(side->messages, [&left, side](const SyncMessage& each) {
            bool out = left.contains(each.guid);
            if (out) {
                side->left_out.push_back(each.uid);
            }
            return out;
        });
    }
    return left;
}

Task<Result<void>> Synchronizer::transfer(Replica* from, Replica* to, std::string name,
                                          const MailboxContent* content, SidePlan plan) {
    KnownMessages known;
    for (const SyncMessage& message : content->messages) {
        known[message.uid] = &message;
    }
    MailboxChange keywords;
    std::size_t missing = 0;
    for (std::size_t at = 0; at < plan.get.size();) {
        std::span batch =
            std::span(plan.get).subspan(at, batch_size(std::span(plan.get).subspan(at), known));
        at += batch.size();
        std::vector<std::uint32_t> uids;
        for (const SyncTransfer& each : batch) {
            uids.push_back(each.from);
        }
        std::ranges::sort(uids);
        auto texts = co_await from->read(name, uids);
        if (!texts) {
            co_return fail_with(texts);
        }
        missing += batch.size() - std::min(batch.size(), texts->size());
        address(*texts, batch, known);
        for (const SyncText& each : *texts) {
            if (!each.message.flags.keywords.empty()) {
                keywords.flags.emplace_back(each.message.uid, each.message.flags);
            }
        }
        auto put = co_await to->put(name, std::move(*texts));
        if (!put) {
            co_return put;
        }
    }
    if (missing > 0) {
        troubles_.push_back(
            {Errc::kDenied, format("Mailbox {}: {} messages could not be read; run it once more",
                                   printable(name), missing)});
    }
    if (keywords.empty()) {
        co_return Result<void>();
    }
    co_return co_await to->change(name, std::move(keywords));
}

Task<Result<void>> Synchronizer::make_same(std::string name) {
    auto source = co_await source_.look(name);
    if (!source) {
        co_return fail_with(source);
    }
    auto destination = co_await destination_.look(name);
    if (!destination) {
        co_return fail_with(destination);
    }
    std::set<std::string> left_out = leave_out(*source, *destination);
    // Another mailbox under this name has lost nothing of what the last one held.
    bool same = source->numbers.guid == destination->numbers.guid || source->numbers.guid.empty() ||
                destination->numbers.guid.empty();
    const SyncedMessages* before =
        memory_ == nullptr || !same ? nullptr : memory_->messages(name, source->numbers.guid);
    auto planned = plan_mailbox(*source, *destination, before, mode_);
    if (!planned) {
        co_return fail_with(planned);
    }
    MailboxPlan& plan = *planned;
    Result<void> done;
    if (!plan.source.change.empty()) {
        done = co_await source_.change(name, plan.source.change);
    }
    if (done && !plan.destination.change.empty()) {
        done = co_await destination_.change(name, plan.destination.change);
    }
    renumber(*source, plan.source.change);
    renumber(*destination, plan.destination.change);
    std::size_t troubles = troubles_.size();
    if (done) {
        done =
            co_await transfer(&source_, &destination_, name, &*source, std::move(plan.destination));
    }
    if (done) {
        done =
            co_await transfer(&destination_, &source_, name, &*destination, std::move(plan.source));
    }
    if (before != nullptr) {
        std::ranges::copy_if(
            *before, std::inserter(plan.after, plan.after.end()),
            [&left_out](const auto& each) { return left_out.contains(each.first); });
    }
    if (done && memory_ != nullptr && troubles == troubles_.size()) {
        memory_->set_messages(name, std::move(plan.after));
    }
    co_return done;
}

void Synchronizer::remember(const Trees& trees) {
    SyncedTree tree;
    if (memory_->tree() != nullptr && scope_.mailboxes) {
        tree = *memory_->tree();  // what did not take part this time
        std::erase_if(tree.mailboxes,
                      [this](const auto& each) { return scope_.mailboxes(each.name); });
        std::erase_if(tree.subscribed,
                      [this](const std::string& name) { return scope_.mailboxes(name); });
    }
    for (const SyncMailbox& mailbox : trees.source) {
        auto there = std::ranges::find(trees.destination, mailbox.name, &SyncMailbox::name);
        bool both = there != trees.destination.end();
        if (both && mailbox.exists && there->exists) {
            tree.mailboxes.push_back(
                {mailbox.name, mailbox.guid == there->guid ? mailbox.guid : ""});
        }
        if (both && mailbox.subscribed && there->subscribed) {
            tree.subscribed.insert(mailbox.name);
        }
    }
    memory_->set_tree(std::move(tree));
}

Task<Result<void>> Synchronizer::make_all_same(Trees trees) {
    std::set<std::string> there;
    for (const SyncMailbox& mailbox : trees.destination) {
        there.insert(mailbox.exists ? mailbox.name : "");
    }
    for (const SyncMailbox& mailbox : trees.source) {
        if (!mailbox.exists || !there.contains(mailbox.name)) {
            continue;
        }
        auto done = co_await make_same(mailbox.name);
        if (!done && !note(mailbox.name, done.error())) {
            co_return done;
        }
    }
    co_return Result<void>();
}

Task<Result<void>> Synchronizer::run() {
    auto same = co_await make_trees_same();
    auto trees = same ? co_await list() : fail_with(same);
    if (!trees) {
        co_return fail_with(trees);
    }
    same = co_await make_all_same(std::move(*trees));
    if (same && troubles_.empty()) {  // what could not come may be in what would go
        same = co_await change_tree(&destination_, std::move(deletions_));
    }
    if (!same || memory_ == nullptr) {
        co_return same;
    }
    // GUIDs of mailboxes may be the same only now.
    trees = co_await list();
    if (!trees) {
        co_return fail_with(trees);
    }
    remember(*trees);
    co_return memory_->save();
}

}  // namespace relais
