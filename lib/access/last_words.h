// What a client is told before its connection is closed for a reason that is not its own.
#pragma once

#include <string>

#include "lib/event/stream.h"

namespace relais {

// For sessions that end because the server does, or an administrator wants it: Dovecot's words.
inline constexpr const char* kServerEnds = "Server shutting down.";

// Sends what is written, and these words.  The client is waited for only for a moment, also where
// the caller is being cancelled; it is no matter if it has gone.
[[nodiscard]] Task<void> say_last_words(Stream* stream, std::string words);

}  // namespace relais
