#include "qmgr/schedule.h"

#include <algorithm>
#include <limits>
#include <ranges>

namespace relais::qmgr {

namespace {

// How many weights, and how many jobs of each, are looked at for one that may overtake.
constexpr int kMostWeights = 50;
constexpr int kMostOfAWeight = 8;

int recipients_of(const Entry& entry) {
    return static_cast<int>(entry.recipients.size());
}

}  // namespace

Destination& Schedule::destination(const std::string& name, const std::string& nexthop) {
    auto& place = destinations_[name];
    if (!place) {
        place = std::make_unique<Destination>(feedback_, name, nexthop);
        place->turn_ = ++turns_;
    }
    return *place;
}

Destination* Schedule::find(std::string_view name) {
    auto found = destinations_.find(name);
    return found == destinations_.end() ? nullptr : found->second.get();
}

const Job* Schedule::job_of(const Message& message) const {
    auto found = jobs_.find(&message);
    return found == jobs_.end() ? nullptr : &found->second;
}

Job& Schedule::job_for(const Message* message, double now) {
    auto [found, is_new] = jobs_.try_emplace(message);
    Job& job = found->second;
    if (is_new) {
        job.message = message;
        job.rank = ++last_rank_;
        job.number = ++numbers_;
        job.since = now;
    }
    return job;
}

void Schedule::add(Destination& destination, Entry entry, double now) {
    Job& job = job_for(entry.message.get(), now);
    auto [peer, is_new] = destination.peers_.try_emplace(job.rank);
    if (is_new) {
        peer->second.job = &job;
        peer->second.turn = ++job.turns;
        peer->second.at = job.destinations.size();
        job.destinations.push_back(&destination);
    }
    recipients_ += recipients_of(entry);
    peer->second.entries.push_back(std::move(entry));
    ++destination.waiting_;
    ++job.waiting;
    file(job);
    place(destination);
}

// Its place among those that may start is that of its first peer.
void Schedule::place(Destination& destination) {
    std::optional<Destination::Place> wanted;
    if (destination.may_start() && !destination.peers_.empty()) {
        const auto& [rank, peer] = *destination.peers_.begin();
        bool own = slots_.queueing == Queueing::kDestinations;
        wanted = own ? std::pair<std::int64_t, std::int64_t>(0, destination.turn_)
                     : std::pair(rank, peer.turn);
    }
    if (wanted == destination.place_) {
        return;
    }
    if (destination.place_) {
        ready_.erase(*destination.place_);
    }
    if (wanted) {
        ready_[*wanted] = &destination;
    }
    destination.place_ = wanted;
}

// By its weight, where overtaking is looked for.
void Schedule::file(Job& job) {
    if (slots_.cost < 1) {
        return;
    }
    std::optional<std::pair<int, std::int64_t>> wanted;
    if (job.waiting > 0) {
        wanted = {job.weight(), job.number};
    }
    if (wanted == job.filed) {
        return;
    }
    if (job.filed) {
        by_weight_.erase(*job.filed);
    }
    if (wanted) {
        by_weight_[*wanted] = &job;
    }
    job.filed = wanted;
}

int Schedule::startable(int most) const {
    int count = 0;
    for (const auto& [place, destination] : ready_) {
        count += std::min(destination->waiting_, destination->window_.size() - destination->busy_);
        if (count >= most) {
            return most;
        }
    }
    return count;
}

// The oldest job behind `current` that has so many entries left and can start one of them.
Job* Schedule::oldest_of(int weight, const Job& current) const {
    int tries = 0;
    for (auto at = by_weight_.lower_bound({weight, 0}); at != by_weight_.end(); ++at) {
        const auto& [key, job] = *at;
        if (key.first != weight || ++tries > kMostOfAWeight) {
            break;
        }
        bool behind = job->rank > current.rank;
        if (behind && std::ranges::any_of(job->destinations, &Destination::may_start)) {
            return job;
        }
    }
    return nullptr;
}

// The job that makes best use of the slots that `current` has earned: the one that has waited
// longest for each of its entries.  The loan and the discount let it go before all of them are
// earned; but they must be, before the next one goes.
Job* Schedule::overtaker(const Job& current, double now) {
    if (slots_.cost < 1) {
        return nullptr;
    }
    int credit = current.selected - slots_.cost * current.slots_used;
    int in_the_end = (current.selected + current.weight()) / slots_.cost;
    if (credit <= 0 || in_the_end < slots_.minimum) {
        return nullptr;
    }
    int most = in_the_end - current.slots_used;
    if (slots_.discount < 100) {
        std::int64_t affordable =
            (std::int64_t{credit / slots_.cost} + slots_.loan) * 100 / (100 - slots_.discount);
        most = static_cast<int>(std::min<std::int64_t>(most, affordable));
    }
    Job* best = nullptr;
    double best_score = 0;
    int weights = 0;
    auto at = by_weight_.begin();
    while (at != by_weight_.end() && at->first.first <= most && ++weights <= kMostWeights) {
        int weight = at->first.first;
        if (Job* job = oldest_of(weight, current)) {
            double score = (now - job->since + 1) / weight;
            if (score > best_score) {
                best = job;
                best_score = score;
            }
        }
        at = by_weight_.lower_bound({weight + 1, 0});
    }
    return best;
}

void Schedule::move_to_front(Job& job) {
    std::int64_t old_rank = job.rank;
    job.rank = --first_rank_;
    job.has_overtaken = true;
    for (Destination* destination : job.destinations) {
        auto peer = destination->peers_.extract(old_rank);
        peer.key() = job.rank;
        destination->peers_.insert(std::move(peer));
        place(*destination);
    }
}

void Schedule::drop_peer(Destination& destination, std::map<std::int64_t, Peer>::iterator peer) {
    Job& job = *peer->second.job;
    std::size_t at = peer->second.at;
    destination.peers_.erase(peer);
    Destination* last = job.destinations.back();
    job.destinations.pop_back();
    if (at < job.destinations.size()) {
        job.destinations[at] = last;
        last->peers_.at(job.rank).at = at;
    }
}

std::optional<Schedule::Pick> Schedule::pick(double now) {
    if (ready_.empty()) {
        return std::nullopt;
    }
    Job& current = *ready_.begin()->second->peers_.begin()->second.job;
    if (Job* small = overtaker(current, now)) {
        current.slots_used += small->weight();
        move_to_front(*small);
    }
    Destination& destination = *ready_.begin()->second;
    auto first = destination.peers_.begin();
    Peer& peer = first->second;
    Job& job = *peer.job;
    Pick out{&destination, std::move(peer.entries[peer.next++])};
    destination.turn_ = ++turns_;
    --destination.waiting_;
    ++destination.busy_;
    --job.waiting;
    ++job.busy;
    ++job.selected;
    if (peer.waiting() == 0) {
        drop_peer(destination, first);
    } else {
        peer.turn = ++job.turns;
    }
    file(job);
    place(destination);
    return out;
}

void Schedule::forget_if_done(Job& job) {
    if (job.waiting == 0 && job.busy == 0) {
        jobs_.erase(job.message);
    }
}

void Schedule::settle(Destination& destination, const Entry& entry) {
    --destination.busy_;
    recipients_ -= recipients_of(entry);
    auto found = jobs_.find(entry.message.get());
    if (found != jobs_.end()) {
        --found->second.busy;
        forget_if_done(found->second);
    }
    place(destination);
}

void Schedule::reached(Destination& destination, const Entry& entry) {
    if (destination.dead_) {
        revive(destination);
    }
    destination.window_.success(destination.busy_);
    settle(destination, entry);
}

bool Schedule::not_reached(Destination& destination, const Entry& entry) {
    bool dead = destination.window_.failure();
    settle(destination, entry);
    return dead;
}

void Schedule::ended(Destination& destination, const Entry& entry) {
    settle(destination, entry);
}

void Schedule::rest(Destination& destination) {
    destination.resting_ = true;
    place(destination);
}

void Schedule::wake(Destination& destination) {
    destination.resting_ = false;
    place(destination);
}

void Schedule::die(Destination& destination) {
    destination.dead_ = true;
    place(destination);
}

void Schedule::revive(Destination& destination) {
    destination.dead_ = destination.resting_ = false;
    destination.window_.reset();
    place(destination);
}

std::deque<Entry> Schedule::take_all(Destination& destination) {
    std::deque<Entry> out;
    while (!destination.peers_.empty()) {
        auto first = destination.peers_.begin();
        Peer& peer = first->second;
        Job& job = *peer.job;
        for (Entry& entry : peer.entries | std::views::drop(peer.next)) {
            recipients_ -= recipients_of(entry);
            --job.waiting;
            out.push_back(std::move(entry));
        }
        drop_peer(destination, first);
        file(job);
        forget_if_done(job);
    }
    destination.waiting_ = 0;
    place(destination);
    return out;
}

void Schedule::forget_if_idle(Destination& destination) {
    if (destination.is_idle()) {
        destinations_.erase(destination.name());
    }
}

}  // namespace relais::qmgr
