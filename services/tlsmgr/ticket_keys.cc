#include "services/tlsmgr/ticket_keys.h"

#include <cstring>

#include "lib/tls/random.h"

namespace relais::tlsmgr {

const TicketKeyRecord& TicketKeys::current(std::int64_t now) {
    if (!current_ || current_->expires <= now) {
        previous_ = current_;
        TicketKeyRecord key;
        std::string bytes = random_bytes(sizeof key);
        std::memcpy(&key, bytes.data(), sizeof key);
        key.expires = now + lifetime_;
        current_ = key;
    }
    return *current_;
}

const TicketKeyRecord* TicketKeys::find(std::string_view name, std::int64_t now) const {
    for (const auto* key : {&current_, &previous_}) {
        if (*key && name.size() == (*key)->name.size() &&
            std::memcmp(name.data(), (*key)->name.data(), name.size()) == 0 &&
            (*key)->expires + lifetime_ > now) {
            return &**key;
        }
    }
    return nullptr;
}

}  // namespace relais::tlsmgr
