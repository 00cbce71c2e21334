#include "qmgr/transport.h"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais::qmgr {

namespace {

// A rate that is no rate counts as 1, as Postfix has it.
FeedbackRate rate_of(const std::string& transport, std::string_view suffix, int window) {
    std::string text = conf().transport_text(transport, suffix);
    std::string name = transport + std::string(suffix);
    if (text == conf().transport_text("default", suffix)) {
        name = "default" + std::string(suffix);
    }
    auto rate = FeedbackRate::parse(text);
    if (!rate) {
        log_warning("{}: ignoring {}", name, rate.error().message);
        rate = FeedbackRate();
    }
    if (conf().destination_concurrency_feedback_debug()) {
        log_info("{}: {} feedback type {} value at {}: {:g}", transport, name,
                 static_cast<int>(rate->scale()), window, rate->at(window));
    }
    return *rate;
}

FeedbackRules rules_of(const std::string& transport) {
    FeedbackRules rules;
    rules.initial = conf().transport_int(transport, "_initial_destination_concurrency");
    rules.limit = conf().transport_int(transport, "_destination_concurrency_limit");
    // A rate is kept by one delivery at a time.
    if (conf().transport_time(transport, "_destination_rate_delay").count() > 0) {
        rules.limit = 1;
    }
    rules.cohort_limit =
        conf().transport_int(transport, "_destination_concurrency_failed_cohort_limit");
    // One delivery at a time must be able to start.
    rules.initial = std::max(rules.initial, 1);
    if (rules.limit > 0 && rules.initial > rules.limit) {
        rules.initial = rules.limit;
    }
    rules.positive =
        rate_of(transport, "_destination_concurrency_positive_feedback", rules.initial);
    rules.negative =
        rate_of(transport, "_destination_concurrency_negative_feedback", rules.initial);
    return rules;
}

SlotRules slots_of(const std::string& transport, Queueing queueing) {
    SlotRules slots;
    slots.queueing = queueing;
    if (queueing == Queueing::kDestinations) {
        slots.cost = 0;
        return slots;
    }
    slots.cost = conf().transport_int(transport, "_delivery_slot_cost");
    slots.loan = conf().transport_int(transport, "_delivery_slot_loan");
    slots.discount = std::clamp(conf().transport_int(transport, "_delivery_slot_discount"), 0, 100);
    slots.minimum = conf().transport_int(transport, "_minimum_delivery_slots");
    // With a cost of 1 a stream of small messages would stop the large one.
    if (slots.cost == 1) {
        slots.cost = 2;
    }
    return slots;
}

// An agent that lost its connection meanwhile is of no use.
bool is_silent(const Stream& agent) {
    pollfd poll_fd{agent.fd(), POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) == 0;
}

}  // namespace

TransportSettings::TransportSettings(const std::string& transport, Queueing queueing)
    : feedback(rules_of(transport)),
      slots(slots_of(transport, queueing)),
      recipients_per_delivery(conf().transport_int(transport, "_destination_recipient_limit")),
      recipient_limit(conf().transport_int(transport, "_recipient_limit")),
      extra_recipient_limit(conf().transport_int(transport, "_extra_recipient_limit")),
      refill_limit(conf().transport_int(transport, "_recipient_refill_limit")),
      refill_delay(conf().transport_time(transport, "_recipient_refill_delay")),
      destination_delay(conf().transport_time(transport, "_destination_rate_delay")),
      transport_delay(conf().transport_time(transport, "_transport_rate_delay")) {
}

Transport::Transport(std::string name, Queueing queueing,
                     const std::function<void(Transport&)>& ready)
    : name_(std::move(name)),
      settings_(name_, queueing),
      schedule_(settings_.slots, &settings_.feedback),
      hang_up_([this] { idle_agents_.clear(); }),
      dead_([this] { why_dead_ = DeliveryStatus(); }),
      pace_([this, ready] {
          allowance_ = true;
          ready(*this);
      }) {
}

void Transport::die(const DeliveryStatus& why) {
    why_dead_ = why;
    idle_agents_.clear();
    dead_.start(conf().transport_retry_time());
}

void Transport::revive() {
    dead_.stop();
    why_dead_ = DeliveryStatus();
}

bool Transport::may_start() {
    if (settings_.transport_delay.count() == 0 || allowance_) {
        return true;
    }
    if (!pace_.is_on()) {
        pace_.start(settings_.transport_delay);
    }
    return false;
}

std::unique_ptr<Stream> Transport::idle_agent() {
    while (!idle_agents_.empty()) {
        auto agent = std::move(idle_agents_.back());
        idle_agents_.pop_back();
        if (is_silent(*agent)) {
            return agent;
        }
    }
    return nullptr;
}

void Transport::keep_agent(std::unique_ptr<Stream> agent) {
    idle_agents_.push_back(std::move(agent));
    if (!hang_up_.is_on()) {
        hang_up_.start(conf().ipc_idle());
    }
}

void Transport::drop_dead_agents() {
    std::erase_if(idle_agents_, [](const auto& agent) { return !is_silent(*agent); });
}

}  // namespace relais::qmgr
