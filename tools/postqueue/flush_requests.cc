#include "tools/postqueue/flush_requests.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/ipc/attr.h"
#include "lib/ipc/service_client.h"
#include "lib/mail/hostname.h"
#include "lib/queue/queue_id.h"

namespace relais {

namespace {

constexpr int kFlushBad = 3;
constexpr int kFlushDenied = 4;

Result<void> trigger(const std::string& service, std::string request) {
    return Loop::current().run_task(
        send_trigger("public/" + service, std::move(request), conf().trigger_timeout()));
}

Result<int> ask_flush_service(AttrWriter request) {
    ServiceAddress address{"public/" + conf().flush_service_name(), "queue_flush_protocol"};
    return Loop::current().run_task(
        status_request(std::move(address), request.end().take(), conf().ipc_timeout()));
}

}  // namespace

void flush_all() {
    // F: no destination is dead; A: no message has to wait; D and I: scan the queues.
    if (!trigger(conf().queue_service_name(), "FADI")) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
    static_cast<void>(trigger(conf().pickup_service_name(), "W"));
}

void flush_site(std::string site) {
    bool literal = site.starts_with('[');
    if (!literal && !is_hostname(site)) {
        log_fatal("Cannot flush mail queue - invalid destination: \"{}\"",
                  printable(site.substr(0, 100)));
    }
    AttrWriter request;
    request.string("request", "send_site").string("site", site);
    auto status = ask_flush_service(std::move(request));
    if (!status) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
    if (*status == kFlushBad) {
        log_fatal("Invalid request: \"{}\"", site);
    }
    if (*status == kFlushDenied) {
        log_fatal("Flush service is not configured for destination \"{}\"", site);
    }
    if (*status != 0) {
        log_fatal("Cannot flush mail queue - mail system is down");
    }
}

void flush_message(std::string queue_id) {
    if (!valid_queue_id(queue_id)) {
        log_fatal("Cannot flush queue ID - invalid name: \"{}\"", printable(queue_id));
    }
    AttrWriter request;
    request.string("request", "send_file").string("queue_id", queue_id);
    auto status = ask_flush_service(std::move(request));
    if (!status) {
        log_fatal("Cannot flush queue ID {} - mail system is down", queue_id);
    }
    if (*status == kFlushBad) {
        log_fatal("Invalid request: \"{}\"", queue_id);
    }
    if (*status != 0) {
        log_fatal("Cannot flush queue ID {} - mail system is down", queue_id);
    }
}

}  // namespace relais
