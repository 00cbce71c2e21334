#include "smtp/recipient_list.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/queue/queue_file.h"

#include "smtp/trouble.h"

namespace relais::smtp_client {

RecipientList::RecipientList(const DeliveryRequest* request, int queue_fd)
    : request_(request),
      queue_fd_(queue_fd),
      states_(request->recipients.size(), State::kOpen),
      left_(states_.size()),
      times_(request->times) {
}

void RecipientList::next_server() {
    std::replace(states_.begin(), states_.end(), State::kKept, State::kOpen);
}

void RecipientList::use_session(const Session* session) {
    relay_ = session != nullptr ? session->name_with_port() : "none";
    times_.reuse_count = session != nullptr ? session->reuse_count : 0;
    times_.connection_done = {};
}

DeliveryEvent RecipientList::event_for(std::size_t index) const {
    DeliveryEvent event;
    event.flags = request_->flags;
    event.queue_id = request_->queue_id;
    event.times = times_;
    event.recipient = at(index);
    event.relay = relay_;
    return event;
}

// Postfix's rule: a permanent failure under soft_bounce is a temporary one.
bool RecipientList::keeps(const DeliveryStatus& why) const {
    return !final_ && (is_soft(why) || conf().soft_bounce());
}

void RecipientList::finish(std::size_t index, Disposition disposition, int mark_flag) {
    if (states_[index] != State::kDone) {
        states_[index] = State::kDone;
        --left_;
    }
    if (disposition == Disposition::kDeferred) {
        reply_.status = -1;
        return;
    }
    std::int64_t offset = at(index).offset;
    if ((request_->flags & mark_flag) == 0 || offset <= 0) {
        return;
    }
    if (auto marked = mark_recipient_done(queue_fd_, offset); !marked) {
        log_warning("{}: {}", request_->queue_id, marked.error().message);
    }
}

Task<void> RecipientList::sent(std::size_t index, smtp::Reply reply) {
    DeliveryEvent event = event_for(index);
    event.status.status = reply.dsn;
    event.status.action = "relayed";
    event.status.reason = reply.one_line();
    event.status.diag_type = "smtp";
    event.status.diag_text = reply.text;
    event.status.mta_type = "dns";
    event.status.mta_mname = relay_.substr(0, relay_.find('['));
    // A server with DSN takes over the duty to report success.
    if (dsn_server_) {
        event.recipient.notify &= ~static_cast<int>(kNotifySuccess);
    }
    Disposition disposition = co_await report_sent(std::move(event));
    finish(index, disposition, kMarkOnSuccess);
}

Task<void> RecipientList::give_up(std::size_t index, const DeliveryStatus* why) {
    DeliveryEvent event = event_for(index);
    event.status = *why;
    Disposition disposition = co_await report_failed(std::move(event));
    finish(index, disposition, kMarkOnBounce);
}

Task<void> RecipientList::failed(std::size_t index, DeliveryStatus why) {
    if (keeps(why)) {
        log_info("{}: {}", request_->queue_id, why.reason);
        states_[index] = State::kKept;
        co_return;
    }
    co_await give_up(index, &why);
}

Task<void> RecipientList::all_failed(DeliveryStatus why, Throttle throttle) {
    if (keeps(why)) {
        log_info("{}: {}", request_->queue_id, why.reason);
        std::replace(states_.begin(), states_.end(), State::kOpen, State::kKept);
    } else {
        for (std::size_t i = 0; i < states_.size(); ++i) {
            if (is_open(i)) {
                co_await give_up(i, &why);
            }
        }
    }
    if (throttle == Throttle::kYes && (is_soft(why) || conf().soft_bounce()) && final_ &&
        reply_.hop.empty()) {
        reply_.hop = std::move(why);
    }
}

}  // namespace relais::smtp_client
