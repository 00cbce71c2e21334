// Landlock (landlock(7)): which files and TCP ports a process may still come to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/daemon/sandbox.h"

namespace relais {

struct FileAndPortRules {
    std::vector<KnownPlace> places;
    bool all_ports = false;  // TCP: connects to any
    std::vector<std::uint16_t> ports;
};

// The version of the kernel's interface; 0: there is none, or one that cannot move files between
// directories.
[[nodiscard]] int landlock_version();

// For this thread and all that it starts.  After no_new_privs.  Places that do not exist are passed
// over; an error where a kernel that has Landlock refuses, or there is no descriptor or memory left
// to name a place.  `version`: as an older kernel knows it.
[[nodiscard]] Result<void> restrict_files_and_ports(const FileAndPortRules& rules,
                                                    int version = landlock_version());

}  // namespace relais
