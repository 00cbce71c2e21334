// The keys of TLS session tickets: one that makes new tickets and the one before it, whose tickets
// are still accepted.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/ipc/tlsmgr_client.h"

namespace relais::tlsmgr {

class TicketKeys {
  public:
    // How long a key makes tickets; they are accepted for as long again.
    explicit TicketKeys(std::int64_t lifetime) : lifetime_(lifetime) {}

    // Makes a new one when it is time.
    const TicketKeyRecord& current(std::int64_t now);

    // The key of a ticket, if it is still good.
    const TicketKeyRecord* find(std::string_view name, std::int64_t now) const;

  private:
    std::int64_t lifetime_;
    std::optional<TicketKeyRecord> current_;
    std::optional<TicketKeyRecord> previous_;
};

}  // namespace relais::tlsmgr
