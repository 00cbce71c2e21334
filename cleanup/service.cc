#include "cleanup/service.h"

#include <algorithm>
#include <chrono>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/ipc/service_client.h"
#include "lib/queue/queue_config.h"

namespace relais::cleanup {

namespace {

// Under load one wake-up stands for all messages of this time.
constexpr auto kWakeInterval = std::chrono::milliseconds(4);

std::vector<const HeaderInfo*> find_headers(std::string_view names) {
    std::vector<const HeaderInfo*> found;
    for (auto name : split_words(names, ", \t\r\n")) {
        if (const HeaderInfo* info = find_header(name)) {
            found.push_back(info);
        } else {
            log_warning("message_drop_headers: unknown header name: {}", name);
        }
    }
    return found;
}

}  // namespace

Service::Service(const Config& the_config)
    : config(the_config),
      dirs(queue_dirs_from(the_config)),
      rewriter(the_config),
      mapping(the_config, rewriter),
      dropped_headers_(find_headers(the_config.message_drop_headers())) {
}

bool Service::drops(const HeaderInfo* info) const {
    return info != nullptr && std::ranges::find(dropped_headers_, info) != dropped_headers_.end();
}

Task<void> Service::wake_qmgr() {
    std::string socket = "public/" + config.queue_service_name();
    for (;;) {
        co_await mail_waiting_.wait();
        mail_waiting_.clear();
        auto sent = co_await send_trigger(socket, "W", config.trigger_timeout());
        if (!sent) {
            log_warning("{}", sent.error().message);
        }
        co_await sleep_for(kWakeInterval);
    }
}

}  // namespace relais::cleanup
