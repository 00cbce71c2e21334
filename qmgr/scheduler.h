// Runs the deliveries.  Mail is sorted into transports (a delivery agent service of master.cf)
// and within them into destinations (a next hop, or a recipient where the agent takes one at a
// time); which entry goes next is schedule.h's to say.  An entry is chosen when a process is there
// to deliver it, not before.
//
// Transports that cannot be reached and destinations that are dead get nothing for a while: what
// waits for them goes to the retry service, which records the deferral.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "lib/event/task_group.h"
#include "lib/ipc/delivery_request.h"

#include "qmgr/message.h"
#include "qmgr/transport.h"

namespace relais::qmgr {

// The transport that records deferrals: error(8) under its other name in master.cf.
inline constexpr std::string_view kRetryService = "retry";

// Where recipients go, after all overrides.
struct Route {
    std::string transport;
    std::string nexthop;
    std::string queue_name;  // nexthop, or recipient@nexthop
};

class Scheduler {
  public:
    // `entry_done` is called for each entry when its fate is on record; `active` tells how many
    // messages the active queue has.
    Scheduler(Queueing queueing, std::function<void(Entry&)> entry_done,
              std::function<std::size_t()> active);

    // The transport of that name, made at the first use.
    Transport& transport(const std::string& name);

    // Why mail for this route must be deferred without an attempt; null when it need not.
    const DeliveryStatus* blocked(const Route& route);

    // Queues the entry and starts what can start.
    void add(const Route& route, Entry entry);

    // How many more recipients of the message its transports have room for; nothing where it has
    // none under way.
    std::optional<int> room_for(const Message& message);

    // postqueue -f: forgets what is dead.
    void revive_all();
    void revive(const Route& route);

    // Lets go of connections that are of no use any more.
    void tidy();

    [[nodiscard]] Task<void> close() { return deliveries_.close(); }

  private:
    void pump(Transport& via);
    [[nodiscard]] Task<void> open_agent(Transport* via);
    [[nodiscard]] Task<void> deliver(Transport* via, Destination* destination,
                                     std::unique_ptr<Stream> agent, Entry entry);
    [[nodiscard]] Task<Result<DeliveryReply>> converse(Stream* agent, const Entry* entry,
                                                       const Destination* destination);
    void keep_agent(Transport& via, std::unique_ptr<Stream> agent);
    void delivered(Transport& via, Destination& destination, Entry& entry,
                   const DeliveryReply& reply);
    void kill_transport(Transport& via, const DeliveryStatus& why);
    void kill_destination(Transport& via, Destination& destination, const DeliveryStatus& why);
    void revive(Transport& via, Destination& destination);
    void rest(Transport& via, Destination& destination);
    void send_to_retry(std::deque<Entry> entries, const DeliveryStatus& why);
    [[nodiscard]] Task<void> defer_here(Entry entry, DeliveryStatus why);

    Queueing queueing_;
    std::function<void(Entry&)> entry_done_;
    std::function<std::size_t()> active_;
    std::map<std::string, std::unique_ptr<Transport>, std::less<>> transports_;
    int dead_destinations_ = 0;
    TaskGroup deliveries_;
};

}  // namespace relais::qmgr
