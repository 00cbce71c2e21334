// Results: a value, or an error from outside that the caller must look at.
// An Error says what was tried and why it failed, ready for a log line.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace relais {

enum class Errc {
    kSystem,     // a system call failed; sys_errno says how
    kSyntax,     // malformed text or bytes
    kNotFound,   // the named thing does not exist
    kTemporary,  // may work later
    kTooLarge,   // over a limit
    kCorrupt,    // data that contradicts itself
    kDenied,     // not permitted
    kClosed,     // the peer or the channel is gone
};

struct Error {
    Errc code = Errc::kSystem;
    std::string message;
    int sys_errno = 0;
};

template <class T>
using Result = std::expected<T, Error>;

// An error with a complete message.
[[nodiscard]] std::unexpected<Error> fail(Errc code, std::string message);

// The error of the system call that just failed: "WHAT: strerror(errno)".
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what);
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int sys_errno);

// Hands the error of one result on as the error of another.
template <class T>
[[nodiscard]] std::unexpected<Error> fail_with(const Result<T>& failed) {
    return std::unexpected(failed.error());
}

}  // namespace relais
