// The delivery agents' side of verify(8): what a probe of an address came to.
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

}  // namespace relais
