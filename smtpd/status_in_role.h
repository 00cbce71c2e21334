// Enhanced status codes that say something about an address, in replies about somebody.
#pragma once

#include <string_view>

#include "lib/mail/dsn.h"

namespace relais::smtpd {

// A status about the address of somebody else ("moved", "no such mailbox") as one about an address
// in this role (reply_class: "Sender address"), or about nothing in particular where no address is
// refused.  A change is logged.
[[nodiscard]] DsnCode status_in_role(DsnCode code, std::string_view reply_class);

}  // namespace relais::smtpd
