// Exit statuses of doveadm: those of sysexits(3), where Dovecot's means the same by them.
#pragma once

#include <string>

#include "lib/base/format.h"
#include "lib/base/result.h"

namespace relais::doveadm {

inline constexpr int kOk = 0;
inline constexpr int kUsage = 64;
inline constexpr int kNotPossible = 65;  // exists already, not empty, not permitted
inline constexpr int kNoUser = 67;
inline constexpr int kNotFound = 68;
inline constexpr int kTemporary = 75;
inline constexpr int kNoPermission = 77;
inline constexpr int kBadOption = 89;  // among those in front of the command

// Which of them a failure of the store is.
[[nodiscard]] int status_of(const Error& error);

// "Error: TEXT" on standard error; with a user in front where he is known.
void print_error(std::string_view user, std::string_view text);

// "Fatal: TEXT", and the end of the process.
[[noreturn]] void end_with(int status, std::string_view text, std::string_view who = "");

}  // namespace relais::doveadm
