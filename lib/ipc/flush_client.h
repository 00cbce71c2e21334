// The protocol of flush(8), which remembers which deferred messages are for which domain, so that
// all mail for one can be tried at once (ETRN, sendmail -qR, postqueue -s, postqueue -i).
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/event/task.h"

namespace relais {

inline constexpr std::string_view kFlushProtocol = "queue_flush_protocol";

enum FlushStatus : int {
    kFlushOk = 0,
    kFlushFail = -1,
    kFlushBad = 3,   // malformed request
    kFlushDeny = 4,  // not a domain of fast_flush_domains
};

// Each returns a FlushStatus; an error where the service is not there.
[[nodiscard]] Task<Result<int>> flush_add(std::string site, std::string queue_id);
[[nodiscard]] Task<Result<int>> flush_send_site(std::string site);
[[nodiscard]] Task<Result<int>> flush_send_file(std::string queue_id);

}  // namespace relais
