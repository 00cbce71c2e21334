#include "tools/postqueue/flush_requests.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/ipc/flush_client.h"
#include "lib/ipc/service_client.h"
#include "lib/mail/hostname.h"
#include "lib/queue/queue_id.h"

namespace relais {

namespace {

bool trigger(const std::string& service, std::string request) {
    auto sent = Loop::current().run_task(
        send_trigger("public/" + service, std::move(request), conf().trigger_timeout()));
    if (!sent && sent.error().code != Errc::kTemporary) {
        log_warning("{}", sent.error().message);
    }
    return sent.has_value();
}

}  // namespace

void flush_all() {
    // F: no destination is dead; A: no message has to wait; D and I: scan the queues.
    bool both =
        trigger(conf().queue_service_name(), "FADI") && trigger(conf().pickup_service_name(), "W");
    if (!both) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
}

void flush_site(std::string site) {
    bool literal = site.starts_with('[');
    if (!literal && !is_hostname(site)) {
        log_fatal("Cannot flush mail queue - invalid destination: \"{}\"",
                  printable(site.substr(0, 100)));
    }
    auto status = Loop::current().run_task(flush_send_site(site));
    if (!status) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
    if (*status == kFlushBad) {
        log_fatal("Invalid request: \"{}\"", site);
    }
    if (*status == kFlushDeny) {
        log_fatal("Flush service is not configured for destination \"{}\"", site);
    }
    if (*status != kFlushOk) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
}

void flush_message(std::string queue_id) {
    if (!valid_queue_id(queue_id)) {
        log_fatal("Cannot flush queue ID - invalid name: \"{}\"", printable(queue_id));
    }
    auto status = Loop::current().run_task(flush_send_file(queue_id));
    if (!status) {
        log_fatal("Cannot flush queue ID {} - mail system is down", queue_id);
    }
    if (*status == kFlushBad) {
        log_fatal("Invalid request: \"{}\"", queue_id);
    }
    if (*status != kFlushOk) {
        log_fatal("Cannot flush queue ID {} - mail system is down", queue_id);
    }
}

}  // namespace relais
