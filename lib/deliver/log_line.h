// The line that every delivery agent logs for each recipient; log readers know its form.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/strings.h"
#include "lib/deliver/outcome.h"

namespace relais {

struct LogLineStyle {
    int resolution_digits = 2;  // delay_logging_resolution_limit
    bool quoted = true;         // info_log_address_format: addresses in the external form
    Utf8 utf8 = Utf8::kYes;     // smtputf8_enable: letters outside ASCII are shown
};

// "ID: to=<a@b>, orig_to=<c>, relay=r, conn_use=2, delay=d, delays=a/b/c/d, tls=may, dsn=2.0.0,
// status=word (reason)".  `now` ends the delays where the delivery has not recorded its end.
[[nodiscard]] std::string delivery_log_line(const DeliveryEvent& event, std::string_view word,
                                            timeval now, const LogLineStyle& style);

// An address as conf() wants to see it in the log (info_log_address_format).
[[nodiscard]] std::string address_in_log(const std::string& address);

// A time with as many digits as say something: "0", "0.01", "2.1", "498".
[[nodiscard]] std::string format_delay(timeval delay, int significant_digits,
                                       int resolution_digits);

}  // namespace relais
