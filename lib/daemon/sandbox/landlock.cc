#include "lib/daemon/sandbox/landlock.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/unique_fd.h"
#include "lib/daemon/sandbox/foreign_filter.h"
#include "lib/daemon/sandbox/system_calls.h"

namespace relais {

namespace {

// The kernel's interface, of which older systems' headers have a part only: the same numbers on
// every processor.
constexpr unsigned kAskVersion = 1;

enum class RuleKind : unsigned { kPath = 1, kPort = 2 };

namespace right {
constexpr std::uint64_t kExecute = 1U << 0;
constexpr std::uint64_t kWriteFile = 1U << 1;
constexpr std::uint64_t kReadFile = 1U << 2;
constexpr std::uint64_t kReadDirectory = 1U << 3;
constexpr std::uint64_t kRemoveDirectory = 1U << 4;
constexpr std::uint64_t kRemoveFile = 1U << 5;
constexpr std::uint64_t kMakeDirectory = 1U << 7;
constexpr std::uint64_t kMakeFile = 1U << 8;
constexpr std::uint64_t kMakeLink = 1U << 12;
constexpr std::uint64_t kFirstVersion = (1U << 13) - 1;
constexpr std::uint64_t kRefer = 1U << 13;
constexpr std::uint64_t kTruncate = 1U << 14;

constexpr std::uint64_t kBind = 1U << 0;
constexpr std::uint64_t kConnect = 1U << 1;

constexpr std::uint64_t kAbstractSockets = 1U << 0;
constexpr std::uint64_t kSignals = 1U << 1;
}  // namespace right

// Versions that brought something.
constexpr int kVersionRefer = 2;
constexpr int kVersionTruncate = 3;
constexpr int kVersionPorts = 4;
constexpr int kVersionScopes = 6;

struct RulesetAttributes {
    std::uint64_t files = 0;
    std::uint64_t ports = 0;
    std::uint64_t scopes = 0;
};

struct [[gnu::packed]] PathAttributes {
    std::uint64_t allowed;
    std::int32_t fd;
};

struct PortAttributes {
    std::uint64_t allowed;
    std::uint64_t port;
};

std::uint64_t rights_of(Access access) {
    constexpr std::uint64_t kRead = right::kReadFile | right::kReadDirectory;
    constexpr std::uint64_t kWrite = kRead | right::kWriteFile | right::kTruncate;
    switch (access) {
        case Access::kRead:
            return kRead;
        case Access::kWrite:
            return kWrite;
        case Access::kChange:
            return kWrite | right::kRemoveDirectory | right::kRemoveFile | right::kMakeDirectory |
                   right::kMakeFile | right::kMakeLink | right::kRefer;
    }
    return 0;
}

RulesetAttributes attributes_for(int version, const FileAndPortRules& rules) {
    RulesetAttributes attributes;
    attributes.files = right::kFirstVersion | right::kRefer;
    if (version >= kVersionTruncate) {
        attributes.files |= right::kTruncate;
    }
    if (version >= kVersionPorts) {
        attributes.ports = right::kBind | (rules.all_ports ? 0 : right::kConnect);
    }
    if (version >= kVersionScopes) {
        // With servers to speak to, one may have a socket without a path.
        attributes.scopes = right::kSignals | (rules.all_ports ? 0 : right::kAbstractSockets);
    }
    return attributes;
}

std::size_t size_for(int version) {
    if (version >= kVersionScopes) {
        return sizeof(RulesetAttributes);
    }
    return version >= kVersionPorts ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
}

Result<void> add_rule(int ruleset, RuleKind kind, const void* attributes) {
    if (::syscall(kLandlockAddRule, ruleset, static_cast<unsigned>(kind), attributes, 0U) != 0) {
        return fail_errno("landlock_add_rule");
    }
    return {};
}

Result<void> add_place(int ruleset, const KnownPlace& place, std::uint64_t handled) {
    const UniqueFd fd(place.fd >= 0 ? ::fcntl(place.fd, F_DUPFD_CLOEXEC, 0)
                                    : ::open(place.path.c_str(), O_PATH | O_CLOEXEC));
    if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
        return fail_errno("open " + place.path);
    }
    struct stat info{};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
        return {};
    }
    constexpr std::uint64_t kOfFiles =
        right::kReadFile | right::kWriteFile | right::kTruncate | right::kExecute;
    std::uint64_t allowed = rights_of(place.access) & handled;
    if (!S_ISDIR(info.st_mode)) {
        allowed &= kOfFiles;
    }
    const PathAttributes attributes{.allowed = allowed, .fd = fd.get()};
    auto added = add_rule(ruleset, RuleKind::kPath, &attributes);
    if (!added && added.error().sys_errno == EBADFD) {
        return {};  // a pipe or a socket (/dev/stdin): it is in no file system, and not restricted
    }
    return added;
}

Result<void> add_ports(int ruleset, const FileAndPortRules& rules, std::uint64_t handled) {
    // Port 0 stands for one that the kernel chooses: smtp_bind_address.
    if (rules.all_ports || !rules.ports.empty()) {
        const PortAttributes any{.allowed = right::kBind, .port = 0};
        if (auto added = add_rule(ruleset, RuleKind::kPort, &any); !added) {
            return added;
        }
    }
    for (const std::uint16_t port : rules.ports) {
        const PortAttributes attributes{.allowed = right::kConnect & handled, .port = port};
        if (attributes.allowed == 0) {
            return {};
        }
        if (auto added = add_rule(ruleset, RuleKind::kPort, &attributes); !added) {
            return added;
        }
    }
    return {};
}

}  // namespace

static long ask_version() {
    return ::syscall(kLandlockCreateRuleset, nullptr, std::size_t{0}, kAskVersion);
}

int landlock_version() {
    if (!is_survived([] { ask_version(); })) {
        return 0;
    }
    const long version = ask_version();
    return version >= kVersionRefer ? static_cast<int>(version) : 0;
}

Result<void> restrict_files_and_ports(const FileAndPortRules& rules, int version) {
    if (version == 0) {
        return {};
    }
    const auto handled = attributes_for(version, rules);
    const UniqueFd ruleset(
        static_cast<int>(::syscall(kLandlockCreateRuleset, &handled, size_for(version), 0U)));
    if (!ruleset) {
        return fail_errno("landlock_create_ruleset");
    }
    for (const KnownPlace& place : rules.places) {
        if (auto added = add_place(ruleset.get(), place, handled.files); !added) {
            return added;
        }
    }
    if (handled.ports != 0) {
        if (auto added = add_ports(ruleset.get(), rules, handled.ports); !added) {
            return added;
        }
    }
    if (::syscall(kLandlockRestrictSelf, ruleset.get(), 0U) != 0) {
        return fail_errno("landlock_restrict_self");
    }
    return {};
}

}  // namespace relais
