// The message that a notification is about: what its queue file says of it.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/ipc/bounce_client.h"
#include "lib/queue/queue_dirs.h"

namespace relais::bounce {

struct SubjectMessage {
    UniqueFd file;            // none: the message is not there
    bool unreadable = false;  // it is, and cannot be opened
    std::int64_t size = 0;
    std::int64_t data_offset = 0;
    std::time_t arrival = 0;
    std::string sender;        // external form, MAILER-DAEMON for the null sender; empty: unknown
    std::string message_id;    // with its brackets, for threading; may be empty
    std::string encoding;      // of the notification: "8bit", "7bit" or empty
    bool require_tls = false;  // REQUIRETLS was asked for
    bool tls_not_required = false;  // it has "TLS-Required: no"
    bool utf8 = false;              // SMTPUTF8 was requested
    bool utf8_addresses = false;    // that, or something in the message or its envelope is UTF-8
};

[[nodiscard]] SubjectMessage open_subject(const QueueDirs& dirs, const BounceRequest& request);

}  // namespace relais::bounce
