// What a service that delivers (lmtpd), or asks whether a delivery would be possible
// (quota-status), tells the process that writes into mailboxes, and what comes back.  The message
// travels as a descriptor beside it: complete, with LF line ends and the headers that are added.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/login_inquiry.h"
#include "lib/base/result.h"

namespace relais {

// The most bytes of an order: one datagram.
inline constexpr std::size_t kMaxOrder = 65536;

struct DeliveryRecipient {
    WorkerIdentity identity;
    std::string folder;  // the address extension; empty: INBOX
};

struct DeliveryOrder {
    std::uint32_t number = 0;  // names it in the answer
    bool check_only = false;   // is there room for a message of that size?
    std::int64_t size = 0;
    std::int64_t wire_size = 0;  // with CRLF line ends
    std::vector<DeliveryRecipient> recipients;

    std::string serialize() const;
    [[nodiscard]] static Result<DeliveryOrder> parse(std::string_view bytes);
};

struct DeliveryResult {
    enum class Kind {
        kSaved,
        kOverQuota,
        kTooLarge,
        kDiskFull,
        kTrouble,  // for now
    };
    Kind kind = Kind::kTrouble;
    std::string text;  // kSaved: the mailbox; else for the log
};

struct DeliveryAnswer {
    std::uint32_t number = 0;
    std::vector<DeliveryResult> results;  // in the order of the recipients

    std::string serialize() const;
    [[nodiscard]] static Result<DeliveryAnswer> parse(std::string_view bytes);
};

}  // namespace relais
