// Submission without set-group-id: where the caller's no_new_privs, a mount or a container takes
// the group away, the mail system runs a postdrop for him, which asks the kernel who he is
// (postdrop_socket; spawn(8), "user=*").  This one only passes bytes on, both ways.
#pragma once

#include <optional>
#include <string>

namespace relais {

// Records from standard input to the service at `socket` (below the queue directory), its answers
// to standard output.  The exit status of this process; nothing where there is no such service, and
// nothing was read.  Ends the process where the service does not say what became of the message.
[[nodiscard]] std::optional<int> hand_over(const std::string& socket);

}  // namespace relais
