// Messages that carry a descriptor over a Unix-domain socket.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include <sys/types.h>

#include "lib/base/unique_fd.h"

namespace relais {

// Sends `bytes` (at least one) with `fd` beside them; with none where it is negative.  As
// sendmsg(2), without SIGPIPE.
ssize_t send_with_fd(int socket, std::string_view bytes, int fd);

// As recvmsg(2).  `fd` takes the first descriptor that came; others, which nobody asked for, are
// closed at once: left open, they would be lost for good with each message.
ssize_t receive_with_fd(int socket, std::span<char> bytes, UniqueFd& fd);

}  // namespace relais
