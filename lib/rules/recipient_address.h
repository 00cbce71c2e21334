// Takes an address apart until it is known whether it is ours: domains of this machine are stripped
// off, and what routes mail in the local part (user%other@here, "a@b"@here) is followed.
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/rules/address_rewriter.h"
#include "lib/rules/local_domains.h"

namespace relais {

struct RecipientAddress {
    std::string address;    // user@domain, internal form
    bool is_local = false;  // the domain is ours
    bool routed = false;    // there was more than one destination in it
    bool malformed = false;
    bool failed = false;  // a table could not answer

    std::string domain() const { return address.substr(address.rfind('@') + 1); }
};

// `address` in internal form.  Both objects must outlive the task.
[[nodiscard]] Task<RecipientAddress> find_recipient(const LocalDomains* local,
                                                    const AddressRewriter* rewriter,
                                                    std::string address);

}  // namespace relais
