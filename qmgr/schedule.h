// The order of deliveries within one transport, without any of the work: what waits, which entry
// goes next, and when a small message overtakes a large one.  No I/O and no clock of its own.
//
// A message that has entries here is a job; jobs stand in line.  Its entries for one destination
// are a peer of that destination.  Whenever an agent is free, the first job in line that has an
// entry for a destination with room gives one away, taking turns among its destinations.  For each
// `cost` entries that it gives away a job earns a slot, and for these a job further behind with as
// few entries may step in front of all others (SCHEDULER_README calls it preemption).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/event/watch.h"
#include "lib/mail/dsn.h"

#include "qmgr/feedback.h"
#include "qmgr/message.h"

namespace relais::qmgr {

// What stands in line: messages, or (oqmgr) destinations.
enum class Queueing { kMessages, kDestinations };

// transport_delivery_slot_*: when messages overtake.
struct SlotRules {
    Queueing queueing = Queueing::kMessages;
    int cost = 5;       // entries for which a job earns a slot; 0: nobody overtakes
    int loan = 3;       // slots on credit
    int discount = 50;  // percent of the slots that may be missing
    int minimum = 3;    // a job that never earns as many is not overtaken
};

struct Job;

// Entries of one job for one destination.
struct Peer {
    Job* job;
    std::vector<Entry> entries;
    std::size_t next = 0;   // in entries
    std::int64_t turn = 0;  // among the peers of the job
    std::size_t at = 0;     // its place in job->destinations

    std::size_t waiting() const { return entries.size() - next; }
};

class Destination {
  public:
    Destination(const FeedbackRules* rules, std::string name, std::string nexthop)
        : name_(std::move(name)), nexthop_(std::move(nexthop)), window_(rules) {}

    const std::string& name() const { return name_; }

    const std::string& nexthop() const { return nexthop_; }

    const ConcurrencyWindow& window() const { return window_; }

    // Entries that wait, and deliveries under way.
    int waiting() const { return waiting_; }

    int busy() const { return busy_; }

    bool is_dead() const { return dead_; }

    bool may_start() const { return !dead_ && !resting_ && busy_ < window_.size(); }

    bool is_idle() const { return waiting_ == 0 && busy_ == 0 && !dead_ && !resting_; }

    DeliveryStatus why_dead;
    std::unique_ptr<Timer> timer;  // of whoever let it die or rest
    std::int64_t last_done = 0;    // when a delivery ended, in seconds of some clock
    std::int64_t next_clog_warning = 0;
    int connection_flags = 0;  // kLoadConnection, kStoreConnection

  private:
    friend class Schedule;

    // Rank of the job, turn of the peer; or 0 and its own turn.
    using Place = std::pair<std::int64_t, std::int64_t>;

    std::string name_;
    std::string nexthop_;
    ConcurrencyWindow window_;
    std::map<std::int64_t, Peer> peers_;  // by the rank of their jobs
    std::optional<Place> place_;          // in Schedule::ready_
    std::int64_t turn_ = 0;
    int waiting_ = 0;
    int busy_ = 0;
    bool dead_ = false;
    bool resting_ = false;
};

// A message's part in this transport.
struct Job {
    const Message* message;
    std::int64_t rank = 0;  // its place in line, the first being the least
    std::int64_t number = 0;
    double since = 0;  // when it came
    int waiting = 0;   // entries
    int busy = 0;      // deliveries under way
    int selected = 0;  // entries given away so far
    int slots_used = 0;
    bool has_overtaken = false;
    std::int64_t turns = 0;
    std::vector<Destination*> destinations;
    std::optional<std::pair<int, std::int64_t>> filed;  // in Schedule::by_weight_

    // Entries that are still to be given away, as far as is known.
    int weight() const { return waiting + message->unread_recipients; }
};

class Schedule {
  public:
    using Destinations = std::map<std::string, std::unique_ptr<Destination>, std::less<>>;

    struct Pick {
        Destination* destination;
        Entry entry;
    };

    // The rules must outlive the schedule.
    Schedule(const SlotRules& slots, const FeedbackRules* feedback)
        : slots_(slots), feedback_(feedback) {}

    Destination& destination(const std::string& name, const std::string& nexthop);
    Destination* find(std::string_view name);

    // Entries of one message come one after the other, and in one destination.  `now` in seconds.
    void add(Destination& destination, Entry entry, double now);

    bool can_start() const { return !ready_.empty(); }

    // How many deliveries could start now, counted up to `most`.
    int startable(int most) const;

    // The entry that goes next; its destination has one more delivery under way.
    std::optional<Pick> pick(double now);

    // How a delivery ended.  It was about to be, or has been, handed out by pick().
    void reached(Destination& destination, const Entry& entry);
    bool not_reached(Destination& destination, const Entry& entry);  // true: it is dead now
    void ended(Destination& destination, const Entry& entry);        // nothing is known

    // Nothing starts there until wake() or revive().
    void rest(Destination& destination);
    void wake(Destination& destination);
    void die(Destination& destination);
    void revive(Destination& destination);

    // All entries that wait, taken out.
    std::deque<Entry> take_all(Destination& destination);

    void forget_if_idle(Destination& destination);

    // Recipients in memory: those that wait and those under way.
    int recipients() const { return recipients_; }

    // Null where the message has none here.
    const Job* job_of(const Message& message) const;

    Destinations& destinations() { return destinations_; }

    const Destinations& destinations() const { return destinations_; }

  private:
    Job& job_for(const Message* message, double now);
    Job* overtaker(const Job& current, double now);
    Job* oldest_of(int weight, const Job& current) const;
    void move_to_front(Job& job);
    void drop_peer(Destination& destination, std::map<std::int64_t, Peer>::iterator peer);
    void file(Job& job);
    void place(Destination& destination);
    void settle(Destination& destination, const Entry& entry);
    void forget_if_done(Job& job);

    SlotRules slots_;
    const FeedbackRules* feedback_;
    Destinations destinations_;
    std::unordered_map<const Message*, Job> jobs_;
    std::map<Destination::Place, Destination*> ready_;        // those that may start
    std::map<std::pair<int, std::int64_t>, Job*> by_weight_;  // all jobs, the oldest first
    std::int64_t first_rank_ = 0;
    std::int64_t last_rank_ = 0;
    std::int64_t numbers_ = 0;
    std::int64_t turns_ = 0;  // of destinations, where these stand in line
    int recipients_ = 0;
};

}  // namespace relais::qmgr
