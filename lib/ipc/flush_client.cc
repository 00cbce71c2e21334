#include "lib/ipc/flush_client.h"

#include "lib/base/format.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/ipc/service_client.h"

namespace relais {

static Task<Result<int>> ask_flush(AttrWriter request) {
    ServiceAddress address;
    address.socket = "public/" + conf().flush_service_name();
    address.protocol = kFlushProtocol;
    request.end();
    co_return co_await status_request(std::move(address), request.take(), conf().ipc_timeout());
}

// flush(8) took a domain of relay_domains; `use` says for what.
static void remark_old_default(const Result<int>& status, std::string_view use,
                               std::string_view site) {
    if (status && *status == kFlushOk && in_force(OldDefault::kFlushDomains)) {
        log_old_default(OldDefault::kFlushDomains, format("{} for domain \"{}\"", use, site));
    }
}

Task<Result<int>> flush_add(std::string site, std::string queue_id) {
    AttrWriter request;
    request.string("request", "add").string("site", site).string("queue_id", queue_id);
    auto status = co_await ask_flush(std::move(request));
    remark_old_default(status, "to update fast-flush logfile", site);
    co_return status;
}

Task<Result<int>> flush_send_site(std::string site) {
    AttrWriter request;
    request.string("request", "send_site").string("site", site);
    auto status = co_await ask_flush(std::move(request));
    remark_old_default(status, "to flush mail", site);
    co_return status;
}

Task<Result<int>> flush_send_file(std::string queue_id) {
    AttrWriter request;
    request.string("request", "send_file").string("queue_id", queue_id);
    co_return co_await ask_flush(std::move(request));
}

}  // namespace relais
