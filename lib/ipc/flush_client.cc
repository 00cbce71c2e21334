#include "lib/ipc/flush_client.h"

#include "lib/config/config.h"
#include "lib/ipc/service_client.h"

namespace relais {

static Task<Result<int>> ask_flush(AttrWriter request) {
    ServiceAddress address;
    address.socket = "public/" + conf().flush_service_name();
    address.protocol = kFlushProtocol;
    request.end();
    co_return co_await status_request(std::move(address), request.take(), conf().ipc_timeout());
}

Task<Result<int>> flush_add(std::string site, std::string queue_id) {
    AttrWriter request;
    request.string("request", "add").string("site", site).string("queue_id", queue_id);
    co_return co_await ask_flush(std::move(request));
}

Task<Result<int>> flush_send_site(std::string site) {
    AttrWriter request;
    request.string("request", "send_site").string("site", site);
    co_return co_await ask_flush(std::move(request));
}

Task<Result<int>> flush_send_file(std::string queue_id) {
    AttrWriter request;
    request.string("request", "send_file").string("queue_id", queue_id);
    co_return co_await ask_flush(std::move(request));
}

}  // namespace relais
