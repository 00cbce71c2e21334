#include "imapd/pop3/session_lock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

namespace relais {

namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kRefresh{60};
constexpr std::chrono::minutes kStale{10};  // Dovecot's, which refreshes it as often

}  // namespace

Task<Result<void>> SessionLock::acquire() {
    DotLockRule rule;
    rule.mode = 0600;
    rule.stale = kStale;
    Deadline deadline = Deadline::after(kPatience);
    for (;;) {
        auto locked = DotLock::attempt(path_, rule);
        if (locked) {
            lock_.emplace(std::move(*locked));
            beside_.spawn(keep_fresh());
            co_return Result<void>();
        }
        if (locked.error().sys_errno != EEXIST) {
            co_return fail_with(locked);
        }
        if (deadline.passed()) {
            co_return fail(Errc::kTemporary, path_ + " is held by another session");
        }
        co_await sleep_for(kPause);
    }
}

Task<void> SessionLock::keep_fresh() {
    for (;;) {
        co_await sleep_for(kRefresh);
        ::utimensat(AT_FDCWD, path_.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    }
}

Task<void> SessionLock::release() {
    co_await beside_.close();
    lock_.reset();
}

}  // namespace relais
