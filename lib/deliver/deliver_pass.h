// Hands one recipient of a delivery on to another delivery agent: mailbox_transport,
// fallback_transport and their tables.
#pragma once

#include <string>

#include "lib/deliver/delivery.h"

namespace relais {

// `destination` is "transport:nexthop"; without a next hop the request's goes on.  The other agent
// reports what became of the recipient; this one only learns whether something is left to do.
[[nodiscard]] Task<Disposition> deliver_pass(Delivery* delivery, std::string destination,
                                             Recipient recipient);

}  // namespace relais
