// A user whose mail lies in memory, for sessions after login.
#pragma once

#include <string_view>

#include "lib/access/session_service.h"

namespace relais::fuzz {

using ServeUser = Task<void> (*)(User* user, Stream* stream, SessionStart start);

// Mail as it was at the beginning, and a session with it, in which the client says `input`.
void converse_with_mail(std::string_view input, ServeUser serve);

}  // namespace relais::fuzz
