// How a conversation with another server ends.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"
#include "lib/event/errors.h"
#include "lib/event/task.h"

namespace relais {

// The error that an end of the connection (kClosed) or of the time for an answer (kTemporary) is.
using EndError = Error (*)(Errc code, std::string_view why);

inline Error plain_end(Errc code, std::string_view why) {
    return {code, std::string(why), 0};
}

// What `talk` comes to: that it is cut short is an error like others.
template <class T>
Task<Result<T>> guarded(Task<Result<T>> talk, EndError error_of = plain_end) {
    try {
        co_return co_await std::move(talk);
    } catch (const IoError& error) {
        co_return std::unexpected(error_of(Errc::kClosed, error.what()));
    } catch (const TimedOut&) {
        co_return std::unexpected(error_of(Errc::kTemporary, "no answer in time"));
    }
}

}  // namespace relais
