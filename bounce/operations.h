// What the service does on request, beside adding to logs: who gets which notification.
#pragma once

#include <string>

#include "lib/event/task.h"
#include "lib/ipc/bounce_client.h"
#include "lib/queue/queue_dirs.h"

#include "bounce/templates.h"

namespace relais::bounce {

struct Service {
    std::string name;  // "bounce", "defer" or "trace": also the directory of its logs
    QueueDirs dirs;
    Templates templates;
};

// True when the request is dealt with; the client keeps the message otherwise.
[[nodiscard]] Task<bool> append(const Service* service, const BounceRequest* request);
[[nodiscard]] Task<bool> flush(const Service* service, const BounceRequest* request);
[[nodiscard]] Task<bool> flush_verp(const Service* service, const BounceRequest* request);
[[nodiscard]] Task<bool> bounce_one(const Service* service, const BounceRequest* request);
[[nodiscard]] Task<bool> warn(const Service* service, const BounceRequest* request);
[[nodiscard]] Task<bool> trace(const Service* service, const BounceRequest* request);

}  // namespace relais::bounce
