// The seccomp program (seccomp(2), classic BPF) for a set of allowed system calls.  The number is
// looked at first and found by bisection, and arguments only where it matters: the kernel works out
// once which numbers always pass, and then runs nothing for those.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <linux/filter.h>

#include "lib/base/result.h"
#include "lib/daemon/sandbox/system_calls.h"

namespace relais {

// Whether this processor's system calls can be filtered here.
[[nodiscard]] bool call_filter_known();

struct AllowedCalls {
    std::vector<int> numbers;
    std::vector<CheckedCall> checked;
    std::vector<int> trapped;  // of log mode: allowed, but looked at by the handler
};

// What is refused raises SIGSYS; numbers that this list does not know, and those that libraries do
// without, are answered with ENOSYS.  From the instruction that ends at `passes` on (0: there is
// none) every call is let through: log mode.
[[nodiscard]] std::vector<sock_filter> make_call_filter(const AllowedCalls& allowed,
                                                        std::uint64_t passes);

// For all threads of this process and all that they start; needs no_new_privs.
[[nodiscard]] Result<void> install_call_filter(std::vector<sock_filter> program);

}  // namespace relais
