// smtpd_dns_reply_filter, smtp_dns_reply_filter: a table that says which records of DNS answers do
// not count.
#pragma once

#include "lib/dns/resolver.h"
#include "lib/maps/table_set.h"

namespace relais {

// For Resolver::set_filter().  The key is the record as text; IGNORE, which is logged, drops it,
// and any other result makes the lookup fail.  `tables` must outlive the resolver.
[[nodiscard]] ReplyFilter dns_reply_filter(const TableSet* tables);

}  // namespace relais
