// smtp_generic_maps: local addresses become ones that mean something elsewhere, in the envelope and
// in headers, just as the mail leaves.
#pragma once

#include <string>

#include "lib/config/config.h"
#include "lib/event/task.h"
#include "lib/maps/table_set.h"
#include "lib/rules/address_lookup.h"
#include "lib/rules/local_domains.h"

namespace relais::smtp_client {

class Generic {
  public:
    // `prefix` is "smtp" or "lmtp".
    Generic(const Config& config, const std::string& prefix);

    // False where nothing is ever changed.
    bool active() const { return !tables_.empty(); }

    // An address in internal form, as it shall leave.  TableFailure where a table can't answer: the
    // delivery must wait.
    [[nodiscard]] Task<std::string> address(std::string internal) const;

    // A header, its lines joined with "\n".
    [[nodiscard]] Task<std::string> header(std::string text) const;

  private:
    [[noreturn]] void fail_lookup(const std::string& internal) const;

    TableSet tables_;
    LocalDomains local_domains_;
    AddressLookup lookup_;
    bool propagate_extension_;
    std::string origin_;
    std::size_t token_limit_;
};

}  // namespace relais::smtp_client
