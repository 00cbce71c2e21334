// Addresses out of MAIL, RCPT and VRFY: syntax, and the sanity check that trivial-rewrite makes.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/smtp/envelope_command.h"

namespace relais::smtpd {

class Session;

// Whether the client has said that addresses are in UTF-8 (RFC 6531 3.4).
enum class Utf8Asked { kNo, kYes };

// One of `words` is SMTPUTF8, which may be used.
[[nodiscard]] Utf8Asked asks_for_utf8(const Session& session,
                                      std::span<const smtp::CommandWord> words);

// strict_smtputf8: the reply that refuses the address, or "".
[[nodiscard]] std::string refuse_undeclared(std::string_view address, Utf8Asked asked);

// The address in internal form; nothing (logged) where it is malformed.  `word` must outlive the
// task.
[[nodiscard]] Task<std::optional<std::string>> envelope_address(Session& session,
                                                                const smtp::CommandWord& word,
                                                                smtp::EmptyPath empty,
                                                                std::string_view command,
                                                                Utf8Asked asked);

// Addresses outside ASCII pass without SMTPUTF8 where an old compatibility_level leaves it off.
void remark_non_ascii(const Session& session, std::string_view role, std::string_view address);

}  // namespace relais::smtpd
