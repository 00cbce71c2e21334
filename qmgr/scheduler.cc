#include "qmgr/scheduler.h"

#include <cstring>
#include <utility>

#include <poll.h>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/deliver/outcome.h"
#include "lib/ipc/service_client.h"

namespace relais::qmgr {

namespace {

FeedbackRate rate_of(const std::string& transport, std::string_view suffix) {
    std::string text = conf().transport_text(transport, suffix);
    auto rate = FeedbackRate::parse(text);
    if (!rate) {
        log_fatal("{}{}: {}", transport, suffix, rate.error().message);
    }
    return *rate;
}

FeedbackRules rules_of(const std::string& transport) {
    FeedbackRules rules;
    rules.initial = conf().transport_int(transport, "_initial_destination_concurrency");
    rules.limit = conf().transport_int(transport, "_destination_concurrency_limit");
    rules.cohort_limit =
        conf().transport_int(transport, "_destination_concurrency_failed_cohort_limit");
    rules.positive = rate_of(transport, "_destination_concurrency_positive_feedback");
    rules.negative = rate_of(transport, "_destination_concurrency_negative_feedback");
    // One delivery at a time must be able to start.
    rules.initial = std::max(rules.initial, 1);
    if (rules.limit > 0 && rules.initial > rules.limit) {
        rules.initial = rules.limit;
    }
    return rules;
}

// What a transport-wide outage is reported as.
DeliveryStatus unavailable() {
    return DeliveryStatus::of(DsnCode(4, 3, 0), "mail transport unavailable");
}

}  // namespace

Destination::Destination(Transport* transport, std::string name, std::string nexthop)
    : transport_(transport),
      name_(std::move(name)),
      nexthop_(std::move(nexthop)),
      window_(transport->rules()),
      dead_([this] { revive(); }),
      paused_([this] { transport_->destination_ready(*this); }) {
}

void Destination::revive() {
    dead_.stop();
    window_.reset();
    why_dead_ = DeliveryStatus();
}

void Destination::add(Entry entry) {
    Message* message = entry.message.get();
    // Entries of one message come one after the other.
    if (jobs_.empty() || jobs_.back().message != message) {
        jobs_.push_back(Job{message, {}});
    }
    jobs_.back().entries.push_back(std::move(entry));
}

std::optional<Entry> Destination::take() {
    if (jobs_.empty() || is_dead() || paused_.is_on() || busy_ >= window_.size()) {
        return std::nullopt;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    std::optional<Entry> entry(std::move(job.entries.front()));
    job.entries.pop_front();
    if (!job.entries.empty()) {
        jobs_.push_back(std::move(job));
    }
    return entry;
}

std::deque<Entry> Destination::take_all() {
    std::deque<Entry> out;
    for (auto& job : jobs_) {
        std::ranges::move(job.entries, std::back_inserter(out));
    }
    jobs_.clear();
    return out;
}

Transport::Transport(std::string name, std::function<void(Destination&)> ready)
    : name_(std::move(name)),
      ready_(std::move(ready)),
      rules_(rules_of(name_)),
      recipient_limit_(conf().transport_int(name_, "_destination_recipient_limit")),
      destination_delay_(conf().transport_time(name_, "_destination_rate_delay")),
      transport_delay_(conf().transport_time(name_, "_transport_rate_delay")),
      hang_up_([this] { idle_agents_.clear(); }),
      dead_([this] { why_dead_ = DeliveryStatus(); }),
      paused_([this] { all_ready(); }) {
}

void Transport::all_ready() {
    for (auto& [name, destination] : destinations_) {
        ready_(*destination);
    }
}

Scheduler::Scheduler(std::function<void(Entry&)> entry_done) : entry_done_(std::move(entry_done)) {
}

Transport& Scheduler::transport(const std::string& name) {
    auto found = transports_.find(name);
    if (found == transports_.end()) {
        found = transports_
                    .emplace(name, std::make_unique<Transport>(
                                       name, [this](Destination& ready) { start_ready(ready); }))
                    .first;
    }
    return *found->second;
}

const DeliveryStatus* Scheduler::blocked(const Route& route) {
    Transport& via = transport(route.transport);
    if (via.is_dead()) {
        return &via.why_dead_;
    }
    auto found = via.destinations_.find(route.queue_name);
    if (found != via.destinations_.end() && found->second->is_dead()) {
        return &found->second->why_dead_;
    }
    return nullptr;
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
    auto& place = via.destinations_[route.queue_name];
    if (!place) {
        place = std::make_unique<Destination>(&via, route.queue_name, route.nexthop);
    }
    place->add(std::move(entry));
    start_ready(*place);
}

void Scheduler::start_ready(Destination& destination) {
    Transport& via = destination.transport();
    while (!via.is_dead() && !via.paused_.is_on()) {
        auto entry = destination.take();
        if (!entry) {
            break;
        }
        ++destination.busy_;
        deliveries_.spawn(deliver(&destination, std::move(*entry)));
    }
}

// An agent that lost its connection meanwhile is of no use.
static bool is_silent(const Stream& agent) {
    pollfd poll_fd{agent.fd(), POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) == 0;
}

void Scheduler::forget_idle() {
    for (auto& [name, transport] : transports_) {
        std::erase_if(transport->destinations_,
                      [](const auto& item) { return item.second->is_idle(); });
        std::erase_if(transport->idle_agents_,
                      [](const auto& agent) { return !is_silent(*agent); });
    }
}

Task<std::unique_ptr<Stream>> Scheduler::connect_agent(Transport* transport) {
    while (!transport->idle_agents_.empty()) {
        auto agent = std::move(transport->idle_agents_.back());
        transport->idle_agents_.pop_back();
        if (is_silent(*agent)) {
            co_return std::move(agent);
        }
    }
    ServiceAddress address{.socket = "private/" + transport->name_,
                           .protocol = std::string(kDeliveryProtocol)};
    // Waiting for a free process is no failure: the limit is master's to set.
    auto agent = co_await connect_service(address, conf().qmgr_daemon_timeout());
    if (!agent) {
        const auto& error = agent.error();
        log_warning("connect to transport {}: {}", address.socket,
                    error.sys_errno != 0 ? std::strerror(error.sys_errno) : error.message.c_str());
        co_return nullptr;
    }
    co_return std::move(*agent);
}

Task<Result<DeliveryReply>> Scheduler::converse(Stream* agent, const Entry* entry,
                                                const std::string* nexthop) {
    agent->set_timeout(conf().daemon_timeout());
    std::string why;
    try {
        agent->write(encode_delivery_request(make_request(*entry, *nexthop)));
        co_return co_await read_delivery_reply(agent);
    } catch (const IoError& error) {
        why = error.what();
    } catch (const TimedOut& error) {
        why = error.what();
    }
    co_return fail(Errc::kClosed, why);
}

// A Relais agent announces itself again behind its reply: it can take another request.
void Scheduler::keep_agent(Transport& transport, std::unique_ptr<Stream> agent) {
    AttrParse next = parse_attributes(agent->buffered());
    if (next.status != AttrParse::Status::kComplete) {
        return;
    }
    agent->consume(next.length);
    transport.idle_agents_.push_back(std::move(agent));
    if (!transport.hang_up_.is_on()) {
        transport.hang_up_.start(conf().ipc_idle());
    }
}

Task<void> Scheduler::deliver(Destination* destination, Entry entry) {
    Transport& via = destination->transport();
    auto agent = co_await connect_agent(&via);
    if (!agent) {
        --destination->busy_;
        std::deque<Entry> one;
        one.push_back(std::move(entry));
        kill_transport(via, unavailable());
        send_to_retry(std::move(one), unavailable());
        co_return;
    }
    auto reply = co_await converse(agent.get(), &entry, &destination->nexthop_);
    --destination->busy_;
    if (!reply) {
        log_warning("private/{} socket: {}", via.name(), reply.error().message);
        log_warning(
            "transport {} failure -- see a previous warning/fatal/panic logfile record for the "
            "problem description",
            via.name());
        auto crash = DeliveryStatus::of(DsnCode(4, 3, 0), "unknown mail transport error");
        kill_transport(via, crash);
        co_await defer_here(std::move(entry), crash);
        co_return;
    }
    keep_agent(via, std::move(agent));
    delivered(*destination, entry, *reply);
}

void Scheduler::delivered(Destination& destination, Entry& entry, const DeliveryReply& reply) {
    if (reply.status != 0) {
        entry.message->deferred = true;
    }
    if (reply.hop.reason.empty()) {
        if (destination.is_dead()) {
            destination.revive();
        }
        destination.window_.success(destination.busy_ + 1);
    } else if (!destination.is_dead() && destination.window_.failure()) {
        DeliveryStatus why = reply.hop;
        if (!DsnCode::parse(why.status)) {
            why.status = "4.0.0";
        }
        why.reason = "delivery temporarily suspended: " + why.reason;
        kill_destination(destination, why);
    }
    pause(destination);
    entry_done_(entry);
    start_ready(destination);
}

// Rate delays: nothing starts for a while after each delivery.
void Scheduler::pause(Destination& destination) {
    Transport& via = destination.transport();
    if (via.destination_delay_.count() > 0) {
        destination.paused_.start(via.destination_delay_);
    }
    if (via.transport_delay_.count() > 0) {
        via.paused_.start(via.transport_delay_);
    }
}

void Scheduler::kill_transport(Transport& transport, const DeliveryStatus& why) {
    if (transport.is_dead()) {
        return;
    }
    transport.why_dead_ = why;
    transport.idle_agents_.clear();
    transport.dead_.start(conf().transport_retry_time());
    for (auto& [name, destination] : transport.destinations_) {
        send_to_retry(destination->take_all(), why);
    }
}

void Scheduler::kill_destination(Destination& destination, const DeliveryStatus& why) {
    destination.why_dead_ = why;
    destination.dead_.start(conf().minimal_backoff_time());
    send_to_retry(destination.take_all(), why);
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
    for (auto& [name, transport] : transports_) {
        transport->dead_.stop();
        transport->why_dead_ = DeliveryStatus();
        for (auto& [destination_name, destination] : transport->destinations_) {
            if (destination->is_dead()) {
                destination->revive();
            }
        }
    }
}

void Scheduler::revive(const Route& route) {
    Transport& via = transport(route.transport);
    via.dead_.stop();
    auto found = via.destinations_.find(route.queue_name);
    if (found != via.destinations_.end() && found->second->is_dead()) {
        found->second->revive();
    }
}

}  // namespace relais::qmgr
