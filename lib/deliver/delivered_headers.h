// The Delivered-To headers of a message: where it has been already.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>

#include "lib/base/result.h"
#include "lib/deliver/delivery.h"

namespace relais {

class DeliveredHeaders {
  public:
    // Reads the header of the message.  An error: the queue file is damaged.
    [[nodiscard]] static Result<DeliveredHeaders> read(const Delivery& delivery);

    // In any case.
    bool contains(std::string_view address) const;

  private:
    std::unordered_set<std::string> addresses_;
};

}  // namespace relais
