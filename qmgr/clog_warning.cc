#include "qmgr/clog_warning.h"

#include <ctime>

#include "lib/base/log.h"
#include "lib/config/config.h"

namespace relais::qmgr {

namespace {

// A destination with less than this share is not alone in the queue.
constexpr double kNearlyAll = 0.9;

void suggest(const Transport& transport, const Destination& destination) {
    int limit = transport.settings().feedback.limit;
    if (limit > 0 && limit <= destination.busy() + 1) {
        log_warning("you may need to increase the main.cf {}_destination_concurrency_limit from {}",
                    transport.name(), limit);
    } else if (transport.schedule().destinations().size() > 1) {
        log_warning("you may need a separate master.cf transport for {}", destination.nexthop());
    } else {
        log_warning("you may need to reduce {} connect and helo timeouts", transport.name());
        log_warning("so that Postfix quickly skips unavailable hosts");
        log_warning(
            "you may need to increase the main.cf minimal_backoff_time and maximal_backoff_time");
        log_warning("so that Postfix wastes less time on undeliverable mail");
        log_warning("you may need to increase the master.cf {} process limit", transport.name());
    }
}

}  // namespace

void warn_of_clog(const Transport& transport, Destination& destination, std::size_t active) {
    int entries = destination.waiting() + destination.busy();
    if (entries <= conf().qmgr_message_active_limit() / 5 || !conf().helpful_warnings() ||
        conf().qmgr_clog_warn_time().count() == 0) {
        return;
    }
    std::time_t now = std::time(nullptr);
    if (now < destination.next_clog_warning) {
        return;
    }
    destination.next_clog_warning = now + conf().qmgr_clog_warn_time().count();
    log_warning("mail for {} is using up {} of {} active queue entries", destination.nexthop(),
                entries, active);
    if (entries < kNearlyAll * static_cast<double>(active)) {
        log_warning("this may slow down other mail deliveries");
    }
    suggest(transport, destination);
    log_warning("please avoid flushing the whole queue when you have");
    log_warning("lots of deferred mail, that is bad for performance");
    log_warning("to turn off these warnings specify: qmgr_clog_warn_time = 0");
}

}  // namespace relais::qmgr
