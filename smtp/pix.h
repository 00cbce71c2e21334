// Cisco PIX firewalls that "fix up" SMTP and break it: known by a greeting of asterisks, and
// treated as smtp_pix_workarounds says.
#pragma once

#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/maps/table_set.h"

#include "smtp/session.h"
#include "smtp/settings.h"

namespace relais::smtp_client {

struct PixWorkarounds {
    bool disable_esmtp = false;  // HELO instead of EHLO
    bool delay_dotcrlf = false;  // the end of data in a packet of its own
};

// Words in any case, separated by commas or blanks; unknown ones do not count.
[[nodiscard]] PixWorkarounds parse_pix_workarounds(std::string_view words);

// "220 **0*2**": nothing but that is left of what the server said.
[[nodiscard]] bool is_pix_greeting(std::string_view greeting);

struct PixSettings {
    PixSettings(const Config& config, const std::string& prefix);

    std::string workarounds;
    TableSet maps;                    // by the server's address
    std::chrono::seconds threshold;   // delay_dotcrlf is for mail that is so old, at least
    std::chrono::seconds delay_time;  // before the end of data
};

// What to do for this server and mail that arrived at `arrival` (in seconds since 1970); logged.
[[nodiscard]] Task<PixWorkarounds> find_pix_workarounds(const PixSettings* settings,
                                                        const Session* session,
                                                        std::string queue_id, std::time_t arrival);

}  // namespace relais::smtp_client
