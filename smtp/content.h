// The content of a queued message on its way to a server: lines with CRLF and transparency dots,
// converted to 7 bits where the server takes nothing else.
#pragma once

#include <cstdint>

#include "lib/base/result.h"
#include "lib/event/stream.h"

#include "smtp/generic.h"

namespace relais::smtp_client {

struct ContentOptions {
    ContentOptions() = default;

    std::size_t line_limit = 998;
    bool to_7bit = false;
    const Generic* generic = nullptr;  // rewrites the headers, where it is not null
    std::string queue_id;              // for the log
};

// Writes all of it, with the end of data.  The last part may still be in the stream's buffer.  An
// error is the queue file's; the stream throws its own.
[[nodiscard]] Task<Result<void>> send_content(Stream* stream, int queue_fd,
                                              std::int64_t data_offset, ContentOptions options);

}  // namespace relais::smtp_client
