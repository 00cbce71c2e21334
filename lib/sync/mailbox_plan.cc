#include "lib/sync/mailbox_plan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_map>

#include "lib/base/strings.h"

namespace relais {

namespace {

struct Pair {
    const SyncMessage* source = nullptr;
    const SyncMessage* destination = nullptr;
};

struct Matches {
    std::vector<Pair> pairs;
    std::vector<const SyncMessage*> source_only;
    std::vector<const SyncMessage*> destination_only;
};

// Of several messages with one GUID, those with the same UID belong together first, the others in
// their order.
Matches match(const MailboxContent& source, const MailboxContent& destination) {
    std::unordered_map<std::string_view, std::vector<const SyncMessage*>> there;
    for (const SyncMessage& message : destination.messages) {
        there[message.guid].push_back(&message);
    }
    std::set<const SyncMessage*> taken;
    std::unordered_map<const SyncMessage*, const SyncMessage*> found;
    bool same_uids = source.numbers.uid_validity == destination.numbers.uid_validity;
    for (bool by_uid : {true, false}) {
        for (const SyncMessage& message : source.messages) {
            auto candidates = there.find(message.guid);
            if ((by_uid && !same_uids) || found.contains(&message) || candidates == there.end()) {
                continue;
            }
            auto fits = std::ranges::find_if(candidates->second, [&](const SyncMessage* each) {
                return !taken.contains(each) && (!by_uid || each->uid == message.uid);
            });
            if (fits != candidates->second.end()) {
                taken.insert(*fits);
                found.emplace(&message, *fits);
            }
        }
    }
    Matches matches;
    for (const SyncMessage& message : source.messages) {
        auto partner = found.find(&message);
        if (partner == found.end()) {
            matches.source_only.push_back(&message);
        } else {
            matches.pairs.push_back({&message, partner->second});
        }
    }
    for (const SyncMessage& message : destination.messages) {
        if (!taken.contains(&message)) {
            matches.destination_only.push_back(&message);
        }
    }
    return matches;
}

std::set<std::string> lower(const std::vector<std::string>& keywords) {
    std::set<std::string> out;
    for (const std::string& keyword : keywords) {
        out.insert(lowercase(keyword));
    }
    return out;
}

bool has_keyword(const SyncFlags& flags, const std::string& keyword) {
    return std::ranges::any_of(
        flags.keywords, [&keyword](const std::string& each) { return iequals(each, keyword); });
}

// The flags of one message on one side.
struct FlagsOnSide {
    const SyncFlags& flags;
    const MailboxContent& side;

    // That it is missing there tells that somebody has removed it.
    bool lacks(const std::string& keyword) const {
        return !has_keyword(flags, keyword) && side.has_room_for(keyword);
    }
};

// Flag by flag: what has changed on one side since `before` is as it is there.  Without a `before`
// a flag that one side has, both have.
SyncFlags merged(const FlagsOnSide& on_a, const FlagsOnSide& on_b, const SyncFlags* before) {
    const SyncFlags& a = on_a.flags;
    const SyncFlags& b = on_b.flags;
    SyncFlags out;
    std::uint8_t was = before == nullptr ? 0 : before->system;
    auto changed = static_cast<std::uint8_t>((a.system ^ was) | (b.system ^ was));
    out.system = static_cast<std::uint8_t>(was ^ changed);
    std::vector<std::string> all = a.keywords;
    for (const std::string& keyword : b.keywords) {
        if (!has_keyword(a, keyword)) {
            all.push_back(keyword);
        }
    }
    for (const std::string& keyword : all) {
        bool lacking = on_a.lacks(keyword) || on_b.lacks(keyword);
        bool removed = before != nullptr && has_keyword(*before, keyword) && lacking;
        if (!removed) {
            out.keywords.push_back(keyword);
        }
    }
    std::ranges::sort(out.keywords);
    return out;
}

// UIDs that neither side has given out.
class FreshUids {
  public:
    FreshUids(const MailboxContent& a, const MailboxContent& b)
        : next_(std::max(a.numbers.next_uid, b.numbers.next_uid)) {}

    std::uint32_t next() const { return next_; }

    // Some number where none is left.
    std::uint32_t take() {
        exhausted_ = exhausted_ || next_ > kLastUid;
        return exhausted_ ? kLastUid : next_++;
    }

    // The plan, if there were enough.
    Result<MailboxPlan> result(MailboxPlan plan) const {
        return exhausted_ ? fail(Errc::kDenied, "there are no UIDs left in the mailbox")
                          : Result<MailboxPlan>(std::move(plan));
    }

  private:
    std::uint32_t next_;
    bool exhausted_ = false;
};

bool is_empty(const MailboxContent& mailbox) {
    return mailbox.messages.empty() && mailbox.left_out.empty();
}

// The destination of a mirror.
Result<MailboxPlan> plan_mirror(const MailboxContent& source, const MailboxContent& destination) {
    MailboxPlan plan;
    MailboxChange& change = plan.destination.change;
    const MailboxNumbers& numbers = source.numbers;
    bool renumbered = numbers.uid_validity != destination.numbers.uid_validity;
    change.numbers.uid_validity = renumbered ? numbers.uid_validity : 0;
    change.numbers.next_uid =
        numbers.next_uid > destination.numbers.next_uid || renumbered ? numbers.next_uid : 0;
    bool other_guid = !numbers.guid.empty() && numbers.guid != destination.numbers.guid;
    change.numbers.guid = other_guid ? numbers.guid : "";
    // A message that takes no part has that UID there, and keeps it.
    auto is_taken = [&](std::uint32_t uid) {
        return !renumbered && std::ranges::binary_search(destination.left_out, uid);
    };
    Matches matches = match(source, destination);
    for (const Pair& pair : matches.pairs) {
        // A UID stands for one message as long as the UIDVALIDITY is the same.
        bool differs = !renumbered && pair.source->uid != pair.destination->uid;
        if (differs && !is_taken(pair.source->uid)) {
            matches.source_only.push_back(pair.source);
            matches.destination_only.push_back(pair.destination);
            continue;
        }
        if (renumbered) {
            change.renumber.emplace_back(pair.destination->uid, pair.source->uid);
        }
        if (!same_flags(pair.source->flags, pair.destination->flags)) {
            change.flags.emplace_back(differs ? pair.destination->uid : pair.source->uid,
                                      pair.source->flags);
        }
    }
    for (const SyncMessage* message : matches.destination_only) {
        change.expunge.push_back(message->uid);
    }
    FreshUids fresh(source, destination);
    for (const SyncMessage* message : matches.source_only) {
        plan.destination.get.push_back(
            {message->uid, is_taken(message->uid) ? fresh.take() : message->uid});
    }
    for (const SyncMessage& message : source.messages) {
        plan.after.emplace(message.guid, message.flags);
    }
    std::ranges::sort(plan.destination.get, {}, &SyncTransfer::to);
    return fresh.result(std::move(plan));
}

// Of a merge or a push.
class MergePlanner {
  public:
    MergePlanner(const MailboxContent& source, const MailboxContent& destination,
                 const SyncedMessages* before, SyncMode mode)
        : source_(source),
          destination_(destination),
          push_(mode == SyncMode::kPush),
          fresh_(source, destination) {
        if (before != nullptr) {
            before_ = *before;
        }
        choose_validity();
    }

    Result<MailboxPlan> plan() {
        Matches matches = match(source_, destination_);
        for (const Pair& pair : matches.pairs) {
            take_pair(pair);
        }
        for (const SyncMessage* message : matches.source_only) {
            take_single(*message, Side::kSource);
        }
        for (const SyncMessage* message : matches.destination_only) {
            take_single(*message, Side::kDestination);
        }
        finish_numbers();
        // Mailboxes that were made on their own are the same one from now on.
        const std::string& guid = source_.numbers.guid;
        bool other = !guid.empty() && guid != destination_.numbers.guid;
        plan_.destination.change.numbers.guid = other ? guid : "";
        return fresh_.result(std::move(plan_));
    }

  private:
    enum class Side { kSource, kDestination };

    SidePlan& side(Side which) { return which == Side::kSource ? plan_.source : plan_.destination; }

    const MailboxContent& content(Side which) const {
        return which == Side::kSource ? source_ : destination_;
    }

    static Side other(Side which) {
        return which == Side::kSource ? Side::kDestination : Side::kSource;
    }

    // Where the UIDVALIDITYs differ, one side's UIDs all change: that of a side without messages,
    // that of the one which may be changed, or that with the lower UIDVALIDITY.
    void choose_validity() {
        if (source_.numbers.uid_validity == destination_.numbers.uid_validity) {
            return;
        }
        bool source_loses =
            !push_ && (is_empty(source_) ||
                       (!is_empty(destination_) &&
                        source_.numbers.uid_validity < destination_.numbers.uid_validity));
        loser_ = source_loses ? Side::kSource : Side::kDestination;
        side(*loser_).change.numbers.uid_validity = content(other(*loser_)).numbers.uid_validity;
    }

    void move(Side which, std::uint32_t from, std::uint32_t to) {
        side(which).change.renumber.emplace_back(from, to);
    }

    void take_pair(const Pair& pair) {
        std::uint32_t uid = pair.source->uid;
        std::uint32_t there = pair.destination->uid;  // as it ends up
        if (loser_ == Side::kDestination) {
            move(Side::kDestination, pair.destination->uid, uid);
            there = uid;
        } else if (loser_ == Side::kSource) {
            uid = pair.destination->uid;
            move(Side::kSource, pair.source->uid, uid);
        } else if (uid != there && !push_) {
            uid = there = fresh_.take();
            move(Side::kSource, pair.source->uid, uid);
            move(Side::kDestination, pair.destination->uid, uid);
        }
        SyncFlags flags =
            merged({pair.source->flags, source_}, {pair.destination->flags, destination_},
                   take_before(pair.source->guid));
        set_flags(Side::kDestination, there, pair.destination->flags, flags);
        if (!push_) {
            set_flags(Side::kSource, uid, pair.source->flags, flags);
        }
        plan_.after.emplace(pair.source->guid, push_ ? pair.source->flags : flags);
    }

    void set_flags(Side which, std::uint32_t uid, const SyncFlags& now, const SyncFlags& wanted) {
        if (!same_flags(now, wanted)) {
            side(which).change.flags.emplace_back(uid, wanted);
        }
    }

    // A message that one side has.  Where both had it, the other side has deleted it since.
    void take_single(const SyncMessage& message, Side here) {
        bool is_source = here == Side::kSource;
        const SyncFlags* was = take_before(message.guid);
        if (was != nullptr && push_ && is_source) {
            plan_.after.emplace(message.guid, message.flags);
        } else if (was != nullptr) {
            side(here).change.expunge.push_back(message.uid);
        } else if (push_ && !is_source) {
            keep(message);
        } else {
            bring(message, here);
        }
    }

    // In a push, what the destination alone has.
    void keep(const SyncMessage& message) {
        if (loser_ == Side::kDestination) {
            move(Side::kDestination, message.uid, fresh_.take());
        }
    }

    // To the other side, under its UID, where no message has had that there.
    void bring(const SyncMessage& message, Side here) {
        Side there = other(here);
        bool usable = loser_ != here && message.uid >= first_free(there);
        std::uint32_t uid = usable ? message.uid : fresh_.take();
        bool moves = !usable && !(push_ && here == Side::kSource);
        if (moves) {
            move(here, message.uid, uid);
        }
        side(there).get.push_back({moves ? uid : message.uid, uid});
        plan_.after.emplace(message.guid, message.flags);
    }

    // From there on UIDs have never been given out.  A side that loses its UIDs has none.
    std::uint32_t first_free(Side which) const {
        return loser_ == which ? 1 : content(which).numbers.next_uid;
    }

    const SyncFlags* take_before(const std::string& guid) {
        auto found = before_.find(guid);
        if (found == before_.end()) {
            return nullptr;
        }
        taken_.push_back(before_.extract(found));
        return &taken_.back().mapped();
    }

    void finish_numbers() {
        for (Side which : {Side::kSource, Side::kDestination}) {
            if (which == Side::kSource && push_) {
                continue;
            }
            bool behind = content(which).numbers.next_uid < fresh_.next() || loser_ == which;
            side(which).change.numbers.next_uid = behind ? fresh_.next() : 0;
        }
        std::ranges::sort(plan_.source.get, {}, &SyncTransfer::to);
        std::ranges::sort(plan_.destination.get, {}, &SyncTransfer::to);
    }

    const MailboxContent& source_;
    const MailboxContent& destination_;
    bool push_;
    FreshUids fresh_;
    std::optional<Side> loser_;
    SyncedMessages before_;
    std::vector<SyncedMessages::node_type> taken_;
    MailboxPlan plan_;
};

}  // namespace

bool same_flags(const SyncFlags& a, const SyncFlags& b) {
    return a.system == b.system && lower(a.keywords) == lower(b.keywords);
}

Result<MailboxPlan> plan_mailbox(const MailboxContent& source, const MailboxContent& destination,
                                 const SyncedMessages* before, SyncMode mode) {
    return mode == SyncMode::kMirror ? plan_mirror(source, destination)
                                     : MergePlanner(source, destination, before, mode).plan();
}

}  // namespace relais
