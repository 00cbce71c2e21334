// Which delivery runs next.  Mail is sorted into transports (a delivery agent service of master.cf)
// and within them into destinations (a next hop, or a recipient where the agent takes one at a
// time).  Each destination has its window of concurrent deliveries; within it messages take turns,
// so that one with ten thousand recipients does not hold up the next.
//
// Transports that cannot be reached and destinations that are dead get nothing for a while: what
// waits for them goes to the retry service, which records the deferral.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/event/task_group.h"
#include "lib/event/watch.h"
#include "lib/ipc/delivery_request.h"
#include "lib/mail/dsn.h"

#include "qmgr/feedback.h"
#include "qmgr/message.h"

namespace relais::qmgr {

// The transport that records deferrals: error(8) under its other name in master.cf.
inline constexpr std::string_view kRetryService = "retry";

class Transport;

class Destination {
  public:
    Destination(Transport* transport, std::string name, std::string nexthop);
    Destination(const Destination&) = delete;
    Destination& operator=(const Destination&) = delete;

    const std::string& nexthop() const { return nexthop_; }

    Transport& transport() const { return *transport_; }

    bool is_dead() const { return dead_.is_on(); }

    const DeliveryStatus& why_dead() const { return why_dead_; }

    void add(Entry entry);

    // The next entry, if there is one and the window allows it.
    std::optional<Entry> take();

    bool has_work() const { return !jobs_.empty(); }

    // Nobody would miss it.
    bool is_idle() const { return jobs_.empty() && busy_ == 0 && !is_dead() && !paused_.is_on(); }

    // All entries that wait, taken out.
    std::deque<Entry> take_all();

    void revive();

  private:
    friend class Scheduler;

    struct Job {
        Message* message;
        std::deque<Entry> entries;
    };

    Transport* transport_;
    std::string name_;
    std::string nexthop_;
    std::deque<Job> jobs_;
    ConcurrencyWindow window_;
    int busy_ = 0;
    Timer dead_;    // running: nothing is delivered
    Timer paused_;  // running: destination_rate_delay
    DeliveryStatus why_dead_;
};

class Transport {
  public:
    // `ready` is called when a destination may start deliveries again.
    Transport(std::string name, std::function<void(Destination&)> ready);
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    const std::string& name() const { return name_; }

    int recipient_limit() const { return recipient_limit_; }

    bool is_dead() const { return dead_.is_on(); }

    const DeliveryStatus& why_dead() const { return why_dead_; }

    const FeedbackRules& rules() const { return rules_; }

    void destination_ready(Destination& destination) { ready_(destination); }

  private:
    friend class Scheduler;

    void all_ready();

    std::string name_;
    std::function<void(Destination&)> ready_;
    FeedbackRules rules_;
    int recipient_limit_;
    std::chrono::seconds destination_delay_;
    std::chrono::seconds transport_delay_;
    std::map<std::string, std::unique_ptr<Destination>, std::less<>> destinations_;
    std::vector<std::unique_ptr<Stream>> idle_agents_;
    Timer hang_up_;  // when it ends, idle agents are let go
    Timer dead_;
    Timer paused_;
    DeliveryStatus why_dead_;
};

// Where recipients go, after all overrides.
struct Route {
    std::string transport;
    std::string nexthop;
    std::string queue_name;  // nexthop, or recipient@nexthop
};

class Scheduler {
  public:
    // `entry_done` is called for each entry when its fate is on record.
    explicit Scheduler(std::function<void(Entry&)> entry_done);

    // The transport of that name, made at the first use.
    Transport& transport(const std::string& name);

    // Why mail for this route must be deferred without an attempt; null when it need not.
    const DeliveryStatus* blocked(const Route& route);

    // Queues the entry and starts what can start.
    void add(const Route& route, Entry entry);

    // postqueue -f: forgets what is dead.
    void revive_all();
    void revive(const Route& route);

    // Drops destinations that nothing waits for.
    void forget_idle();

    [[nodiscard]] Task<void> close() { return deliveries_.close(); }

  private:
    void start_ready(Destination& destination);
    [[nodiscard]] Task<void> deliver(Destination* destination, Entry entry);
    [[nodiscard]] Task<std::unique_ptr<Stream>> connect_agent(Transport* transport);
    [[nodiscard]] Task<Result<DeliveryReply>> converse(Stream* agent, const Entry* entry,
                                                       const std::string* nexthop);
    void keep_agent(Transport& transport, std::unique_ptr<Stream> agent);
    void delivered(Destination& destination, Entry& entry, const DeliveryReply& reply);
    void kill_transport(Transport& transport, const DeliveryStatus& why);
    void kill_destination(Destination& destination, const DeliveryStatus& why);
    void send_to_retry(std::deque<Entry> entries, const DeliveryStatus& why);
    [[nodiscard]] Task<void> defer_here(Entry entry, DeliveryStatus why);
    void pause(Destination& destination);

    std::function<void(Entry&)> entry_done_;
    std::map<std::string, std::unique_ptr<Transport>, std::less<>> transports_;
    TaskGroup deliveries_;
};

}  // namespace relais::qmgr
