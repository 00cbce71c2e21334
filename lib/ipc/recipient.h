// The recipient of a message and what became of it, as attribute groups.  Delivery requests carry
// recipients; bounce requests and the agents' replies carry both.
#pragma once

#include <cstdint>
#include <string>

#include "lib/ipc/attr.h"
#include "lib/mail/dsn.h"

namespace relais {

// A recipient that has no record of its own in the queue file (an alias expansion).
inline constexpr std::int64_t kNoRecipientRecord = -1;

struct Recipient {
    std::string original;       // as it came; may be empty
    std::string address;        // rewritten, internal form
    std::int64_t offset = 0;    // of its record in the queue file
    std::string dsn_orig_rcpt;  // "rfc822;user@example.com", or empty
    int notify = kNotifyNone;   // DsnNotify bits
};

// The order within a delivery request and within a bounce request.
void put_recipient(AttrWriter& out, const Recipient& recipient);
[[nodiscard]] Recipient take_recipient(AttrReader& in);

void put_status(AttrWriter& out, const DeliveryStatus& status);
[[nodiscard]] DeliveryStatus take_status(AttrReader& in);

}  // namespace relais
