// Hands one recipient of a delivery on to another delivery agent: mailbox_transport,
// fallback_transport and their like.
#pragma once

#include <string>

#include "lib/deliver/delivery.h"

namespace relais {

// `transport` is "name" or "name:nexthop"; without a next hop the request's is used.  The other
// agent reports the outcome; what is returned is whether anything is left to do.
[[nodiscard]] Task<Disposition> pass_recipient(Delivery* delivery, Recipient recipient,
                                               std::string transport);

}  // namespace relais
