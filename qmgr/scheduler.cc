#include "qmgr/scheduler.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/deliver/outcome.h"
#include "lib/ipc/service_client.h"

#include "qmgr/clog_warning.h"

namespace relais::qmgr {

namespace {

// Connections that are made at once to one service.  While all its processes are busy, more would
// only wait beside them.
constexpr int kMostPending = 4;

// What a transport-wide outage is reported as.
DeliveryStatus unavailable() {
    return DeliveryStatus::of(DsnCode(4, 3, 0), "mail transport unavailable");
}

double now() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// destination_concurrency_feedback_debug.  Log readers know these names.
void log_window(std::string_view event, const Destination& destination) {
    if (!conf().destination_concurrency_feedback_debug()) {
        return;
    }
    if (auto feedback = destination.window().applied()) {
        log_info("{}: feedback {:g}", event, *feedback);
    }
    log_info("{}: queue {}: {}", event, destination.name(), destination.window().describe());
}

constexpr std::string_view kOpened = "qmgr_queue_unthrottle";
constexpr std::string_view kClosed = "qmgr_queue_throttle";

// Whether the agent should look for a kept connection, and keep its own: while deliveries follow
// each other within a second, or run side by side.
void choose_connection_flags(Destination& destination) {
    bool back_to_back =
        destination.last_done > 0 && destination.last_done + 1 >= static_cast<std::int64_t>(now());
    if (back_to_back) {
        destination.connection_flags = kLoadConnection | kStoreConnection;
    } else if (destination.busy() <= 1) {
        destination.connection_flags &= ~kStoreConnection;
    }
}

}  // namespace

Scheduler::Scheduler(Queueing queueing, std::function<void(Entry&)> entry_done,
                     std::function<std::size_t()> active)
    : queueing_(queueing), entry_done_(std::move(entry_done)), active_(std::move(active)) {
}

Transport& Scheduler::transport(const std::string& name) {
    auto found = transports_.find(name);
    if (found == transports_.end()) {
        auto ready = [this](Transport& via) { pump(via); };
        found =
            transports_.emplace(name, std::make_unique<Transport>(name, queueing_, ready)).first;
    }
    return *found->second;
}

const DeliveryStatus* Scheduler::blocked(const Route& route) {
    Transport& via = transport(route.transport);
    if (via.is_dead()) {
        return &via.why_dead();
    }
    Destination* destination = via.schedule().find(route.queue_name);
    return destination != nullptr && destination->is_dead() ? &destination->why_dead : nullptr;
}

void Scheduler::add(const Route& route, Entry entry) {
    Transport& via = transport(route.transport);
    if (const DeliveryStatus* why = blocked(route)) {
        // It died since the route was found: by an earlier recipient of this message, even.
        DeliveryStatus reason = *why;
        if (route.transport == kRetryService) {
            DsnText own = split_dsn(route.nexthop, DsnCode(4, 0, 0));
            deliveries_.spawn(
                defer_here(std::move(entry), DeliveryStatus::of(own.code, std::move(own.text))));
            return;
        }
        std::deque<Entry> one;
        one.push_back(std::move(entry));
        send_to_retry(std::move(one), reason);
        return;
    }
    Destination& destination = via.schedule().destination(route.queue_name, route.nexthop);
    via.schedule().add(destination, std::move(entry), now());
    warn_of_clog(via, destination, active_());
    pump(via);
}

std::optional<int> Scheduler::room_for(const Message& message) {
    std::optional<int> room;
    for (auto& [name, via] : transports_) {
        const Job* job = via->schedule().job_of(message);
        if (job == nullptr) {
            continue;
        }
        const TransportSettings& settings = via->settings();
        int limit = settings.recipient_limit;
        if (job->has_overtaken) {
            limit += settings.extra_recipient_limit;
        }
        room = room.value_or(0) + std::max(limit - via->schedule().recipients(), 0);
    }
    return room;
}

// Gives entries to the agents that wait, and has more of those come.
void Scheduler::pump(Transport& via) {
    Schedule& schedule = via.schedule();
    while (schedule.can_start() && !via.is_dead() && via.may_start()) {
        auto agent = via.idle_agent();
        if (!agent) {
            break;
        }
        auto pick = schedule.pick(now());
        via.started();
        choose_connection_flags(*pick->destination);
        deliveries_.spawn(
            deliver(&via, pick->destination, std::move(agent), std::move(pick->entry)));
    }
    int most = via.settings().transport_delay.count() > 0 ? 1 : kMostPending;
    while (!via.is_dead() && via.pending_agents < schedule.startable(most) && via.may_start()) {
        ++via.pending_agents;
        deliveries_.spawn(open_agent(&via));
    }
}

void Scheduler::tidy() {
    for (auto& [name, via] : transports_) {
        via->drop_dead_agents();
    }
}

Task<void> Scheduler::open_agent(Transport* via) {
    ServiceAddress address{.socket = "private/" + via->name(),
                           .protocol = std::string(kDeliveryProtocol)};
    // Waiting for a free process is no failure: the limit is master's to set.
    auto agent = co_await connect_service(address, conf().qmgr_daemon_timeout());
    --via->pending_agents;
    if (!agent) {
        const auto& error = agent.error();
        log_warning("connect to transport {}: {}", address.socket,
                    error.sys_errno != 0 ? std::strerror(error.sys_errno) : error.message.c_str());
        kill_transport(*via, unavailable());
        co_return;
    }
    via->keep_agent(std::move(*agent));
    pump(*via);
}

Task<Result<DeliveryReply>> Scheduler::converse(Stream* agent, const Entry* entry,
                                                const Destination* destination) {
    agent->set_timeout(conf().daemon_timeout());
    Error trouble{.code = Errc::kClosed, .message = {}, .sys_errno = 0};
    try {
        DeliveryRequest request = make_request(*entry, destination->nexthop());
        request.flags |= destination->connection_flags;
        agent->write(encode_delivery_request(request));
        co_return co_await read_delivery_reply(agent);
    } catch (const IoError& error) {
        trouble.message = error.what();
        trouble.sys_errno = error.sys_errno();
    } catch (const TimedOut& error) {
        trouble.message = error.what();
        trouble.sys_errno = ETIMEDOUT;
    }
    co_return std::unexpected(std::move(trouble));
}

// A Relais agent announces itself again behind its reply: it can take another request.
void Scheduler::keep_agent(Transport& via, std::unique_ptr<Stream> agent) {
    AttrParse next = parse_attributes(agent->buffered());
    if (next.status == AttrParse::Status::kComplete) {
        agent->consume(next.length);
        via.keep_agent(std::move(agent));
    }
}

Task<void> Scheduler::deliver(Transport* via, Destination* destination,
                              std::unique_ptr<Stream> agent, Entry entry) {
    auto reply = co_await converse(agent.get(), &entry, destination);
    if (!reply && reply.error().sys_errno == 0) {
        // The agent has died, or makes no sense.  What it has not done is left for later; nothing
        // is known about the destination.
        if (reply.error().code == Errc::kCorrupt) {
            log_warning("private/{} socket: {}", via->name(), reply.error().message);
        }
        log_warning("private/{} socket: malformed response", via->name());
        DeliveryReply unknown;
        unknown.status = -1;
        delivered(*via, *destination, entry, unknown);
        co_return;
    }
    if (!reply) {
        log_warning("private/{} socket: {}", via->name(), reply.error().message);
        log_warning(
            "transport {} failure -- see a previous warning/fatal/panic logfile record for the "
            "problem description",
            via->name());
        auto crash = DeliveryStatus::of(DsnCode(4, 3, 0), "unknown mail transport error");
        via->schedule().ended(*destination, entry);
        kill_transport(*via, crash);
        co_await defer_here(std::move(entry), crash);
        co_return;
    }
    keep_agent(*via, std::move(agent));
    delivered(*via, *destination, entry, *reply);
}

void Scheduler::delivered(Transport& via, Destination& destination, Entry& entry,
                          const DeliveryReply& reply) {
    Schedule& schedule = via.schedule();
    if (reply.status != 0) {
        entry.message->deferred = true;
    }
    if (reply.hop.reason.empty()) {
        if (destination.is_dead()) {
            revive(via, destination);
        }
        schedule.reached(destination, entry);
        if (via.name() != kRetryService) {
            log_window(kOpened, destination);
        }
    } else {
        bool dead = schedule.not_reached(destination, entry);
        log_window(kClosed, destination);
        if (dead && !destination.is_dead()) {
            DeliveryStatus why = reply.hop;
            if (!DsnCode::parse(why.status)) {
                why.status = "4.0.0";
            }
            why.reason = "delivery temporarily suspended: " + why.reason;
            kill_destination(via, destination, why);
        }
    }
    destination.last_done = static_cast<std::int64_t>(now());
    rest(via, destination);
    schedule.forget_if_idle(destination);
    entry_done_(entry);
    pump(via);
}

// Rate delays: nothing starts for a while after each delivery.
void Scheduler::rest(Transport& via, Destination& destination) {
    if (via.settings().destination_delay.count() == 0 || destination.is_dead()) {
        return;
    }
    via.schedule().rest(destination);
    destination.timer = std::make_unique<Timer>([this, to = &via, place = &destination] {
        to->schedule().wake(*place);
        to->schedule().forget_if_idle(*place);  // and with it this timer
        pump(*to);
    });
    destination.timer->start(via.settings().destination_delay);
}

void Scheduler::kill_transport(Transport& via, const DeliveryStatus& why) {
    if (via.is_dead()) {
        return;
    }
    via.die(why);
    std::deque<Entry> entries;
    auto& destinations = via.schedule().destinations();
    for (auto& [name, destination] : destinations) {
        std::ranges::move(via.schedule().take_all(*destination), std::back_inserter(entries));
    }
    std::erase_if(destinations, [](const auto& item) { return item.second->is_idle(); });
    send_to_retry(std::move(entries), why);
}

// No more are remembered than qmgr_message_recipient_limit says; beyond it the next message tries
// again.
void Scheduler::kill_destination(Transport& via, Destination& destination,
                                 const DeliveryStatus& why) {
    bool remembered = dead_destinations_ < conf().qmgr_message_recipient_limit();
    via.schedule().die(destination);
    ++dead_destinations_;
    destination.why_dead = why;
    auto entries = via.schedule().take_all(destination);
    destination.timer = std::make_unique<Timer>([this, to = &via, place = &destination] {
        revive(*to, *place);
        log_window(kOpened, *place);
        to->schedule().forget_if_idle(*place);  // and with it this timer
        pump(*to);
    });
    auto time = remembered ? conf().minimal_backoff_time() : std::chrono::seconds(0);
    destination.timer->start(time);
    send_to_retry(std::move(entries), why);
}

void Scheduler::revive(Transport& via, Destination& destination) {
    if (destination.timer) {
        destination.timer->stop();
    }
    --dead_destinations_;
    via.schedule().revive(destination);
    destination.why_dead = DeliveryStatus();
}

void Scheduler::send_to_retry(std::deque<Entry> entries, const DeliveryStatus& why) {
    std::string service(kRetryService);
    Route route{.transport = service,
                .nexthop = why.status + " " + why.reason,
                .queue_name = why.status + " " + why.reason};
    for (auto& entry : entries) {
        add(route, std::move(entry));
    }
}

// Without the retry service the deferral is recorded from here.
Task<void> Scheduler::defer_here(Entry entry, DeliveryStatus why) {
    entry.message->deferred = true;
    for (const auto& recipient : entry.recipients) {
        DeliveryEvent event{.flags = entry.message->envelope.trace_flags,
                            .queue_id = entry.message->id,
                            .times = entry.message->times,
                            .recipient = recipient,
                            .relay = std::string(kNoRelay),
                            .status = why};
        co_await report_deferred(std::move(event));
    }
    entry_done_(entry);
}

void Scheduler::revive_all() {
    for (auto& [name, via] : transports_) {
        via->revive();
        auto& destinations = via->schedule().destinations();
        for (auto& [destination_name, destination] : destinations) {
            if (destination->is_dead()) {
                revive(*via, *destination);
                log_window(kOpened, *destination);
            }
        }
        std::erase_if(destinations, [](const auto& item) { return item.second->is_idle(); });
    }
}

void Scheduler::revive(const Route& route) {
    Transport& via = transport(route.transport);
    via.revive();
    Destination* destination = via.schedule().find(route.queue_name);
    if (destination != nullptr && destination->is_dead()) {
        revive(via, *destination);
        via.schedule().forget_if_idle(*destination);
    }
}

}  // namespace relais::qmgr
