// Mail that aliases and .forward files send on: one new message for each sender, with all its
// recipients, that goes into the queue through cleanup once the expansion is complete.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lib/deliver/delivery.h"

#include "local/address.h"

namespace relais::local_agent {

class Forwarder {
  public:
    Forwarder(Delivery* delivery, std::string delivered_to)
        : delivery_(delivery), delivered_to_(std::move(delivered_to)) {}

    // Remembers a new recipient.
    void add(const Address& address);

    // Posts the messages, and reports what became of them for `top`, the recipient that was
    // expanded.
    [[nodiscard]] Task<Disposition> finish(Recipient top);

  private:
    [[nodiscard]] Task<Result<std::string>> post(std::string sender,
                                                 const std::vector<Recipient>* recipients);

    Delivery* delivery_;
    std::string delivered_to_;
    std::map<std::string, std::vector<Recipient>> messages_;  // by sender
};

}  // namespace relais::local_agent
