// How a logged-in IMAP connection travels: imap-login sends the descriptor and then this list to
// the imap service, and waits for its answer.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/event/stream.h"
#include "lib/ipc/attr.h"

namespace relais {

struct SessionHandoff {
    // Names the login at the auth service, which alone says who it was.
    std::string cookie;
    std::uint32_t client_pid = 0;
    std::uint32_t request = 0;

    std::string tag;    // of the LOGIN or AUTHENTICATE that still wants its answer
    std::string input;  // what the client has sent behind it
    std::string remote_address;
    std::string local_address;
    bool secured = false;

    std::string serialize() const;
    [[nodiscard]] static Result<SessionHandoff> parse(const Attributes& attributes);
};

enum class HandoffStatus { kTaken, kTooMany, kTrouble };

// The answer, with the reason why not.
[[nodiscard]] std::string handoff_answer(HandoffStatus status, std::string_view reason);

// Sends a descriptor and its list, and waits for the answer.  An error of the other side's answer
// is kTemporary where the user has too many connections, kDenied for any other reason; other codes:
// there was no answer.
[[nodiscard]] Task<Result<void>> send_handoff(Stream* stream, int fd, std::string list);

}  // namespace relais
