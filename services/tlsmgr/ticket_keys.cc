#include "services/tlsmgr/ticket_keys.h"

#include <cstring>

#include <sys/random.h>

#include "lib/base/log.h"

namespace relais::tlsmgr {

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
        if (got < 0 && errno != EINTR) {
            log_fatal("no random bytes: {}", std::strerror(errno));
        }
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return bytes;
}

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
