// The content of a queued message on its way to a server: lines with CRLF and transparency dots,
// converted to 7 bits where the server takes nothing else.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/base/result.h"
#include "lib/event/rate_deadline.h"
#include "lib/event/stream.h"
#include "lib/rules/content_checks.h"

#include "smtp/generic.h"

namespace relais::smtp_client {

struct ContentOptions {
    ContentOptions() = default;

    std::size_t line_limit = 998;
    bool to_7bit = false;
    const Generic* generic = nullptr;       // rewrites the headers, where it is not null
    const ContentChecks* checks = nullptr;  // changes headers and lines, where it is not null
    std::string queue_id;                   // for the log
    std::string headers;                    // lines with LF to put before all others
    RateDeadline* deadline = nullptr;       // told of what is sent, where it is not null
    std::chrono::seconds pause{0};          // before the end of data, when all else has left
};

// Writes all of it, with the end of data.  The last part may still be in the stream's buffer.  An
// error is the queue file's; the stream throws its own, and
// a table that cannot be asked TableFailure.
[[nodiscard]] Task<Result<void>> send_content(Stream* stream, int queue_fd,
                                              std::int64_t data_offset, ContentOptions options);

}  // namespace relais::smtp_client
