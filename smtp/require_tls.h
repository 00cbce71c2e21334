// What the client demands for mail that was sent with REQUIRETLS (RFC 8689):
// smtp_requiretls_policy, by next hop, and what a server lacks for it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/event/task.h"
#include "lib/mail/dsn.h"
#include "lib/maps/table_set.h"

#include "smtp/session.h"

namespace relais::smtp_client {

enum class RequireTls {
    kDisable,           // nothing, and the next server is not asked for it
    kOpportunistic,     // it is asked for where the next server can
    kOpportunisticTls,  // the same, over TLS
    kEnforce,           // a server with a verified certificate that promises the same
    kError,             // nobody knows: later
};

// What stands in the way of such mail, as a permanent failure: this server is skipped, and the mail
// returned where all of them are.  Nothing where it can go.  The second knows of the way to
// `nexthop` before there is a connection.
[[nodiscard]] std::optional<DeliveryStatus> require_tls_obstacle(RequireTls wanted,
                                                                 const Session& session);
[[nodiscard]] std::optional<DeliveryStatus> require_tls_obstacle(RequireTls wanted,
                                                                 const TlsPolicy& policy,
                                                                 const std::string& nexthop);

// Not to be sent in the clear.
[[nodiscard]] bool demands_tls(RequireTls wanted);

class RequireTlsPolicy {
  public:
    // `parameter`: words and tables.
    explicit RequireTlsPolicy(std::string parameter);

    // From left to right; enforce where nothing matches.  A word that is none, and a table that
    // cannot be asked, are an error, which is logged.  `host`: the next hop without brackets and
    // port, in ASCII.
    [[nodiscard]] Task<RequireTls> find(std::string host) const;

  private:
    RequireTls named(std::string_view word) const;
    [[nodiscard]] Task<std::optional<RequireTls>> ask(const TableSet* table,
                                                      std::string domain) const;

    std::string parameter_;
    std::vector<std::variant<std::string, TableSet>> items_;
};

}  // namespace relais::smtp_client
