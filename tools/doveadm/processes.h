// The processes of the mail system, as the kernel tells of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "lib/base/result.h"

namespace relais::doveadm {

struct MailProcess {
    pid_t pid = 0;
    std::string name;        // of the program, as far as the kernel keeps it: 15 characters
    std::int64_t since = 0;  // seconds since 1970
};

// All that descend from master, by their pids; without it.
[[nodiscard]] Result<std::vector<MailProcess>> descendants_of(pid_t master);

// Whether that is the program of a process, of whose name the kernel may have the beginning alone.
[[nodiscard]] bool runs(const MailProcess& process, std::string_view program);

}  // namespace relais::doveadm
