#include "lib/access/login_end.h"

#include "lib/access/session_log.h"
#include "lib/base/format.h"

namespace relais {

void LoginEnd::note_guess(std::string_view method, std::string_view user) {
    ++guesses_;
    method_ = method;
    user_ = user;
}

void LoginEnd::begin_exchange(std::string_view method) {
    unfinished_ = true;
    method_ = method;
}

void LoginEnd::because(std::string_view reason) {
    if (reason_.empty()) {
        reason_ = reason;
    }
}

std::optional<std::string> LoginEnd::text(std::chrono::seconds lasted,
                                          std::string_view origin) const {
    if (silent_) {
        return std::nullopt;
    }
    std::string what;
    if (guesses_ > 0) {
        what = format("auth failed, {} attempts in {} secs", guesses_, lasted.count());
    } else if (disallowed_) {
        what = "tried to use disallowed plaintext auth";
    } else if (unfinished_) {
        what = format("client didn't finish SASL auth, waited {} secs", lasted.count());
    } else {
        what = format("no auth attempts in {} secs", lasted.count());
    }
    bool tried = guesses_ > 0 || unfinished_;
    return format("Disconnected: {} ({}): {}, {}{}",
                  reason_.empty() ? "Connection closed" : reason_, what, user_in_brackets(user_),
                  tried ? "method=" + method_ + ", " : "", origin);
}

}  // namespace relais
