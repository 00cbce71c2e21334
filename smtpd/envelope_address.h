// Addresses out of MAIL, RCPT and VRFY: syntax, and the sanity check that trivial-rewrite makes.
#pragma once

#include <optional>
#include <string>

#include "lib/event/task.h"
#include "lib/smtp/envelope_command.h"

namespace relais::smtpd {

class Session;

// The address in internal form; nothing (logged) where it is malformed.  `word` must outlive the
// task.
[[nodiscard]] Task<std::optional<std::string>> envelope_address(Session& session,
                                                                const smtp::CommandWord& word,
                                                                smtp::EmptyPath empty,
                                                                std::string_view command);

// Addresses outside ASCII pass without SMTPUTF8 where an old compatibility_level leaves it off.
void remark_non_ascii(const Session& session, std::string_view role, std::string_view address);

}  // namespace relais::smtpd
