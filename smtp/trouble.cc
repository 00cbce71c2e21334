#include "smtp/trouble.h"

#include "lib/base/format.h"

namespace relais::smtp_client {

DeliveryStatus local_trouble(std::string_view dsn, std::string reason) {
    DeliveryStatus status;
    status.status = dsn;
    status.reason = std::move(reason);
    return status;
}

DeliveryStatus server_trouble(const std::string& host, const smtp::Reply& reply,
                              std::string reason) {
    // Whoever answers with neither is out of step.
    const bool refused = reply.klass() == 4 || reply.klass() == 5;
    if (reply.klass() == 2) {
        reason.insert(0, "Protocol error: ");
    }
    DeliveryStatus status = local_trouble(refused ? reply.dsn : "5.5.0", std::move(reason));
    status.diag_type = "smtp";
    status.diag_text = reply.text;
    status.mta_type = "dns";
    status.mta_mname = host;
    return status;
}

DeliveryStatus local_data_error(const std::string& server) {
    return local_trouble("4.3.0", format("local data error while talking to {}", server));
}

}  // namespace relais::smtp_client
