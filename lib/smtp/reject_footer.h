// The text that a server adds to its refusals (smtpd_reject_footer and its kin).
#pragma once

#include <string>
#include <string_view>

namespace relais::smtp {

// `reply` with the footer, whose names are expanded already: as more lines of the reply, which
// begin with its enhanced code too, or, where the footer begins with "\c", as the rest of its last
// line.
// "\n" in the footer, as two characters or as one, begins another line.  Lines of the result are
// divided by "\n" (format_reply).
[[nodiscard]] std::string add_footer(std::string_view reply, std::string_view footer);

// $localtime in a footer: "Nov 29 07:57:08", of this moment.
[[nodiscard]] std::string footer_time();

}  // namespace relais::smtp
