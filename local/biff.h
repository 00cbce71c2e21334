// The biff(1) service: a user who asked for it is told on the terminal when mail comes.
#pragma once

#include <cstdint>
#include <string_view>

namespace relais::local_agent {

// Sends "USER@OFFSET" to comsat(8) on this machine: where in the mailbox the new message begins.
// Nobody may listen, and nothing depends on it.
void announce_mail(std::string_view user, std::int64_t begins_at);

}  // namespace relais::local_agent
