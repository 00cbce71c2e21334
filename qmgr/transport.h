// One delivery agent service as the queue manager sees it: what main.cf says of it, the order of
// its deliveries, and the connections to its processes.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/event/stream.h"
#include "lib/event/watch.h"
#include "lib/mail/dsn.h"

#include "qmgr/schedule.h"

namespace relais::qmgr {

// What main.cf says under transport_NAME or default_NAME.
struct TransportSettings {
    TransportSettings(const std::string& transport, Queueing queueing);

    FeedbackRules feedback;
    SlotRules slots;
    int recipients_per_delivery;  // _destination_recipient_limit; 0: any number
    int recipient_limit;          // in memory
    int extra_recipient_limit;    // beside it, for messages that have overtaken
    int refill_limit;
    std::chrono::seconds refill_delay;
    std::chrono::seconds destination_delay;  // _destination_rate_delay
    std::chrono::seconds transport_delay;    // _transport_rate_delay
};

class Transport {
  public:
    // `ready` is called when deliveries may start again.
    Transport(std::string name, Queueing queueing, const std::function<void(Transport&)>& ready);
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    const std::string& name() const { return name_; }

    const TransportSettings& settings() const { return settings_; }

    Schedule& schedule() { return schedule_; }

    const Schedule& schedule() const { return schedule_; }

    bool is_dead() const { return dead_.is_on(); }

    const DeliveryStatus& why_dead() const { return why_dead_; }

    void die(const DeliveryStatus& why);
    void revive();

    // Whether a delivery may start now, as far as _transport_rate_delay says; where it may not, the
    // time until it may is running.
    bool may_start();

    // One has started.
    void started() { allowance_ = false; }

    // A process that is known to wait for a request; null where there is none.
    std::unique_ptr<Stream> idle_agent();

    void keep_agent(std::unique_ptr<Stream> agent);

    // Lets go of those that have hung up.
    void drop_dead_agents();

    // How many connections are being made.
    int pending_agents = 0;

  private:
    std::string name_;
    TransportSettings settings_;
    Schedule schedule_;
    std::vector<std::unique_ptr<Stream>> idle_agents_;
    bool allowance_ = false;  // the delay is over
    Timer hang_up_;           // when it ends, idle agents are let go
    Timer dead_;
    Timer pace_;
    DeliveryStatus why_dead_;
};

}  // namespace relais::qmgr
