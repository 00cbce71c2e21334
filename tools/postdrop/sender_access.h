// local_login_sender_maps: which envelope senders a user of this machine may give.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

namespace relais {

// One of the patterns that a table has for a login: "*", "<>" (or what stands for the null sender),
// "@domain", or an address.  Extensions do not matter, nor does case.
[[nodiscard]] bool sender_matches(std::string_view pattern, std::string_view sender);

struct SenderAccess {
    unsigned status = 0;  // CleanupStatus bits
    std::string reason;
};

// What `uid` may do with `sender`; "" is the null sender.
[[nodiscard]] SenderAccess check_sender_of(uid_t uid, std::string_view sender);

}  // namespace relais
