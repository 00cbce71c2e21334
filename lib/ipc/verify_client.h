// The clients of verify(8): delivery agents tell what a probe of an address came to, smtpd asks.
#pragma once

#include <chrono>
#include <string>

#include "lib/base/result.h"
#include "lib/event/task.h"

namespace relais {

inline constexpr std::string_view kVerifyProtocol = "address_verification_prrotocol";

enum class AddressStatus : int {
    kDeliverable = 0,
    kDeferred = 1,
    kUndeliverable = 2,
    kPending = 3
};

[[nodiscard]] Task<Result<void>> send_verify_update(std::string service, std::string address,
                                                    AddressStatus status, std::string reason,
                                                    std::chrono::milliseconds timeout);

struct VerifiedAddress {
    AddressStatus status = AddressStatus::kPending;
    std::string reason;
};

// What is known of an address (in internal form).  Where nothing is, verify sends a probe.
[[nodiscard]] Task<Result<VerifiedAddress>> query_verified_address(
    std::string service, std::string address, std::chrono::milliseconds timeout);

}  // namespace relais
