// The protocol of tlsmgr(8), which keeps TLS sessions and the keys of session tickets for all
// processes of the mail system, and hands out random bytes.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/task.h"
#include "lib/ipc/service_client.h"

namespace relais {

inline constexpr std::string_view kTlsmgrProtocol = "tlsmgr_protocol";

enum TlsmgrStatus : int {
    kTlsmgrOk = 0,
    kTlsmgrError = -1,  // no such session, or a request that makes no sense
    kTlsmgrFail = -2,
};

// A ticket key as it stands on the wire: this structure's memory (88 bytes on 64-bit systems).
struct TicketKeyRecord {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher_key{};
    std::array<unsigned char, 32> hmac_key{};
    std::int64_t expires = 0;  // makes no new tickets from then on
};

[[nodiscard]] std::string encode_ticket_key(const TicketKeyRecord& key);
[[nodiscard]] Result<TicketKeyRecord> decode_ticket_key(std::string_view bytes);

class TlsmgrClient {
  public:
    // private/tlsmgr_service_name
    TlsmgrClient();

    // The key that makes new tickets just now.
    [[nodiscard]] Task<Result<TicketKeyRecord>> current_ticket_key();

    // What tlsmgr keeps of the sessions of `cache` (smtpd, smtp, lmtp).
    struct CachePolicy {
        bool cachable = false;
        std::chrono::seconds lifetime{0};
    };

    [[nodiscard]] Task<Result<CachePolicy>> policy(std::string cache);

    // A session as it was stored.  kNotFound: there is none.
    [[nodiscard]] Task<Result<std::string>> find_session(std::string cache, std::string id);
    [[nodiscard]] Task<Result<void>> store_session(std::string cache, std::string id,
                                                   std::string session);
    // That there was none is no error.
    [[nodiscard]] Task<Result<void>> remove_session(std::string cache, std::string id);

    // Random bytes, at most 255.
    [[nodiscard]] Task<Result<std::string>> seed(std::size_t count);

  private:
    // The status, and the bytes under `name`, if that is not empty.
    struct Answer {
        int status = kTlsmgrFail;
        std::string bytes;
    };

    [[nodiscard]] Task<Result<Answer>> ask(std::string request, std::string name);

    ServiceClient client_;
};

}  // namespace relais
