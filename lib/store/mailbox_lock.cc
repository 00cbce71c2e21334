#include "lib/store/mailbox_lock.h"

#include <cerrno>
#include <utility>

namespace relais {

namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

Task<Result<MailboxLock>> MailboxLock::acquire(std::string path) {
    std::string lock_path = path + ".lock";
    Deadline deadline = Deadline::after(kPatience);
    for (;;) {
        auto locked = DotLock::attempt(lock_path, {});
        if (locked) {
            co_return MailboxLock(std::move(*locked));
        }
        if (locked.error().sys_errno != EEXIST) {
            co_return fail_with(locked);
        }
        if (deadline.passed()) {
            co_return fail(Errc::kTemporary, lock_path + " is held by another process");
        }
        co_await sleep_for(kPause);
    }
}

}  // namespace relais
