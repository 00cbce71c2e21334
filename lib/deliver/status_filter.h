// default_delivery_status_filter and its kin: tables that may replace the code and the text of an
// outcome before anybody hears of it.  The key is "code text".
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/mail/dsn.h"

namespace relais {

// What the process' outcomes (outcome.h) pass through from now on; an empty list: nothing.  Opens
// the tables: before the jail.  `parameter` is for log lines.
void use_status_filter(std::string_view parameter, const std::string& tables);

// A success stays one, and a failure may only change between 4.x.x and 5.x.x.  Where the table
// says something else, or cannot answer, the outcome stays as it is, with a warning.
[[nodiscard]] Task<void> filter_status(DeliveryStatus* status);

}  // namespace relais
