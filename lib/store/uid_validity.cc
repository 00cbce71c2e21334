#include "lib/store/uid_validity.h"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"

namespace relais {

namespace {

constexpr std::string_view kFileName = "dovecot-uidvalidity";
constexpr int kAttempts = 10;

std::optional<std::uint32_t> parse_hex8(std::string_view text) {
    if (text.size() != 8) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (char c : text) {
        char low = to_lower(c);
        if (!is_digit(low) && (low < 'a' || low > 'f')) {
            return std::nullopt;
        }
        value = value * 16 + static_cast<std::uint32_t>(is_digit(low) ? low - '0' : low - 'a' + 10);
    }
    return value;
}

std::string suffixed(const std::string& path, std::uint32_t value) {
    return format("{}.{:08x}", path, value);
}

// The value after `value`, taken by renaming; nothing when somebody else has moved the file.
std::optional<std::uint32_t> take_next(const std::string& path, std::uint32_t value) {
    for (int i = 0; i < kAttempts; ++i) {
        std::uint32_t next = value == 0xffffffff ? 1 : value + 1;
        if (std::rename(suffixed(path, value).c_str(), suffixed(path, next).c_str()) == 0) {
            return next;
        }
        value = next;  // perhaps another process is one step ahead
    }
    return std::nullopt;
}

// The highest suffix in the directory; older ones are leftovers and go.
Result<std::optional<std::uint32_t>> find_highest(const std::string& root) {
    auto names = list_directory(root);
    if (!names) {
        return fail_with(names);
    }
    std::optional<std::uint32_t> highest;
    std::string prefix = std::string(kFileName) + ".";
    for (const std::string& name : *names) {
        auto value = name.starts_with(prefix)
                         ? parse_hex8(std::string_view(name).substr(prefix.size()))
                         : std::nullopt;
        if (value && (!highest || *value > *highest)) {
            highest = value;
        }
    }
    return highest;
}

Result<std::uint32_t> take_after_scan(const std::string& root, const std::string& path,
                                      std::uint32_t above) {
    for (int i = 0; i < kAttempts; ++i) {
        auto highest = find_highest(root);
        if (!highest) {
            return fail_with(highest);
        }
        if (*highest) {
            if (auto taken = take_next(path, **highest)) {
                return *taken;
            }
            continue;
        }
        auto first = std::max(static_cast<std::uint32_t>(::time(nullptr)), above + 1);
        auto made = open_file(suffixed(path, first), O_RDWR | O_CREAT | O_EXCL, 0444);
        if (made) {
            return first;
        }
        if (made.error().sys_errno != EEXIST) {
            return fail_with(made);
        }
    }
    return fail(Errc::kTemporary, path + ": no UIDVALIDITY could be taken");
}

}  // namespace

Result<std::uint32_t> next_uid_validity(const std::string& root, unsigned mode,
                                        std::uint32_t above) {
    // Where the counter is lost, what this process has given out is not given again.
    static std::uint32_t last_given = 0;
    above = std::max(above, last_given);
    std::string path = root + "/" + std::string(kFileName);
    std::optional<std::uint32_t> known;
    if (auto text = read_file(path, 4096)) {
        known = parse_hex8(trim(*text));
    }
    std::optional<std::uint32_t> taken = known ? take_next(path, *known) : std::nullopt;
    if (!taken) {
        auto scanned = take_after_scan(root, path, above);
        if (!scanned) {
            return scanned;
        }
        taken = *scanned;
    }
    auto written = replace_file(path, format("{:08x}", *taken), mode);
    if (!written) {
        return fail_with(written);
    }
    last_given = *taken;
    return *taken;
}

}  // namespace relais
