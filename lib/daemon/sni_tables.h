// tls_server_sni_maps: keys and certificates by the name that a TLS client asks for.
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/maps/table_set.h"

namespace relais {

class SniTables {
  public:
    // Opens them.
    SniTables();

    bool empty() const { return tables_.empty(); }

    // The chain for `name`, or for ".domain" of one of its parents; nothing: none is there.  The
    // error is a text for the log.
    [[nodiscard]] Task<Result<std::optional<std::string>>> chain_for(std::string name) const;

  private:
    TableSet tables_;
};

}  // namespace relais
