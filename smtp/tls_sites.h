// smtp_tls_per_site: the old table of how much TLS servers and destinations must have, in force
// where there is no smtp_tls_policy_maps.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/config/config.h"
#include "lib/event/task.h"
#include "lib/maps/table_set.h"
#include "lib/tls/tls_options.h"

namespace relais::smtp_client {

class TlsSites {
  public:
    TlsSites(const Config& config, const std::string& prefix);

    bool empty() const { return tables_.empty(); }

    // What the entries for the destination and for one of its servers come to, where `general` is
    // what all others must have; nothing where that holds here, too.  Errors are
    // logged: kSyntax, a word that is none of NONE, MAY, MUST and MUST_NOPEERMATCH; kSystem, a
    // table that cannot be asked.
    [[nodiscard]] Task<Result<std::optional<TlsLevel>>> find(std::string site, std::string host,
                                                             TlsLevel general) const;

  private:
    [[nodiscard]] Task<Result<void>> ask(std::string name, const char* kind,
                                         std::optional<TlsLevel>* level) const;

    TableSet tables_;
};

}  // namespace relais::smtp_client
