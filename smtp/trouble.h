// Why a delivery, or an attempt at one, did not work: a DeliveryStatus made from what this client
// found out itself, or from a server's reply.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "lib/mail/dsn.h"
#include "lib/smtp/reply.h"

namespace relais::smtp_client {

// Found by this side: no server is to be named in a bounce.
[[nodiscard]] DeliveryStatus local_trouble(std::string_view dsn, std::string reason);

// A reply of the server `host`; `reason` usually quotes it.
[[nodiscard]] DeliveryStatus server_trouble(const std::string& host, const smtp::Reply& reply,
                                            std::string reason);

// Something in this machine failed while a server was listening.
[[nodiscard]] DeliveryStatus local_data_error(const std::string& server);

// A table that cannot be asked in the middle of a transaction, which ends with it.
class TableFailure : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

inline bool is_soft(const DeliveryStatus& status) {
    return status.status.starts_with('4');
}

inline bool is_hard(const DeliveryStatus& status) {
    return status.status.starts_with('5');
}

}  // namespace relais::smtp_client
