#include "lib/daemon/shared_ticket_keys.h"

#include <algorithm>
#include <ctime>
#include <vector>

#include "lib/event/errors.h"
#include "lib/event/loop.h"
#include "lib/ipc/tlsmgr_client.h"

namespace relais {

static constexpr std::chrono::seconds kPatience{2};

static TlsTicketKey ticket_key(const TicketKeyRecord& record) {
    TlsTicketKey key;
    key.name = record.name;
    key.cipher_key = record.cipher_key;
    key.hmac_key = record.hmac_key;
    key.expires = record.expires;
    return key;
}

Task<void> SharedTicketKeys::keep(TlsContext* context) {
    constexpr std::int64_t kLongestWait = 600;
    constexpr std::int64_t kNextTry = 60;
    TlsmgrClient tlsmgr;
    std::vector<TlsTicketKey> keys;  // the newest first
    for (;;) {
        const auto answer = co_await with_timeout(kPatience, tlsmgr.current_ticket_key());
        std::int64_t wait = kNextTry;
        if (answer && *answer) {
            const auto& current = *answer;
            if (keys.empty() || keys.front().name != current->name) {
                keys.insert(keys.begin(), ticket_key(*current));
                keys.resize(std::min<std::size_t>(keys.size(), 2));
                context->set_ticket_keys(keys);
            }
            wait = std::clamp<std::int64_t>(current->expires - std::time(nullptr) + 1, 1,
                                            kLongestWait);
        }
        asked_.set();
        co_await sleep_for(std::chrono::seconds(wait));
    }
}

Task<void> SharedTicketKeys::ready() {
    try {
        co_await asked_.wait(Deadline::after(kPatience));
    } catch (const TimedOut&) {
        // A handshake without shared keys is better than none.
    }
}

}  // namespace relais
