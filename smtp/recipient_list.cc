#include "smtp/recipient_list.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/deliver/deliver_pass.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

RecipientList::RecipientList(Delivery* delivery)
    : delivery_(delivery),
      states_(delivery->request.recipients.size(), State::kOpen),
      left_(states_.size()) {
}

void RecipientList::next_server() {
    std::replace(states_.begin(), states_.end(), State::kKept, State::kOpen);
}

void RecipientList::use_session(const Session* session) {
    delivery_->tls.clear();
    relay_ = session != nullptr ? session->name_with_port() : "none";
    delivery_->times.reuse_count = session != nullptr ? session->reuse_count : 0;
    delivery_->times.connection_done = {};
}

// Postfix's rule: a permanent failure under soft_bounce is a temporary one.
bool RecipientList::keeps(const DeliveryStatus& why) const {
    return !final_ && (is_soft(why) || conf().soft_bounce());
}

void RecipientList::finish(std::size_t index) {
    if (states_[index] != State::kDone) {
        states_[index] = State::kDone;
        --left_;
    }
}

Task<void> RecipientList::sent(std::size_t index, smtp::Reply reply) {
    DeliveryStatus status;
    status.status = reply.dsn;
    status.action = final_hop_ ? "delivered" : "relayed";
    status.reason = reply.one_line();
    status.diag_type = "smtp";
    status.diag_text = std::move(reply.text);
    status.mta_type = "dns";
    status.mta_mname = relay_.substr(0, relay_.find('['));
    Recipient recipient = at(index);
    // A server with DSN takes over the duty to report success.
    if (dsn_server_) {
        recipient.notify &= ~static_cast<int>(kNotifySuccess);
    }
    co_await delivery_->sent(std::move(recipient), std::move(status), relay_);
    finish(index);
}

Task<void> RecipientList::give_up(std::size_t index, const DeliveryStatus* why) {
    co_await delivery_->failed(at(index), *why, relay_);
    finish(index);
}

Task<void> RecipientList::failed(std::size_t index, DeliveryStatus why) {
    if (keeps(why)) {
        log_info("{}: {}", delivery_->request.queue_id, why.reason);
        states_[index] = State::kKept;
        co_return;
    }
    co_await give_up(index, &why);
}

Task<void> RecipientList::all_failed(DeliveryStatus why, Throttle throttle) {
    if (keeps(why)) {
        log_info("{}: {}", delivery_->request.queue_id, why.reason);
        std::replace(states_.begin(), states_.end(), State::kOpen, State::kKept);
    } else {
        for (std::size_t i = 0; i < states_.size(); ++i) {
            if (is_open(i)) {
                co_await give_up(i, &why);
            }
        }
    }
    if (throttle == Throttle::kYes && (is_soft(why) || conf().soft_bounce()) && final_ &&
        delivery_->reply().hop.empty()) {
        delivery_->set_hop_status(std::move(why));
    }
}

Task<void> RecipientList::pass_all(std::string transport) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (is_open(i)) {
            Disposition disposition = co_await deliver_pass(delivery_, transport, at(i));
            delivery_->settle(at(i), disposition);
            finish(i);
        }
    }
}

}  // namespace relais::smtp_client
