#include "lib/config/added_service.h"

#include <algorithm>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/logical_lines.h"

namespace relais {

namespace {

std::string path_in(const std::string& config_directory) {
    return config_directory + "/master.cf";
}

bool is_named(std::string_view service, std::string_view name) {
    return service == name || (parse_uint(name) && service.ends_with(format(":{}", name)));
}

// A copy beside it, as old as the original.
Result<void> keep_copy(const std::string& path, std::string_view content,
                       const struct stat& status) {
    std::string copy = format("{}.{}", path, std::time(nullptr));
    auto file = open_file(copy, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, status.st_mode & 07777);
    if (!file) {
        return fail_with(file);
    }
    if (auto written = write_all(file->get(), content); !written) {
        return written;
    }
    const timespec times[] = {status.st_atim, status.st_mtim};
    if (::futimens(file->get(), times) != 0) {
        return fail_errno("futimens " + copy);
    }
    return {};
}

}  // namespace

bool is_master_cf_word(std::string_view text) {
    return !text.empty() && text.front() != '#' && text.find_first_of(kBlanks) == text.npos;
}

std::string added_service_heading(std::string_view tool) {
    return format(
        "# ==========================================================================\n"
        "# service type  private unpriv  chroot  wakeup  maxproc command + args\n"
        "#               (yes)   (yes)   (yes)   (never) (100)\n"
        "# ==========================================================================\n"
        "# Added using {} script:\n",
        tool);
}

Result<bool> service_is_taken(const std::string& config_directory,
                              const std::vector<std::string>& names) {
    auto text = read_file(path_in(config_directory));
    if (!text) {
        return fail_with(text);
    }
    for (const LogicalLine& line : read_logical_lines(*text)) {
        auto words = split_words(line.text);
        bool taken = !words.empty() && std::ranges::any_of(names, [&](const std::string& name) {
            return is_named(words.front(), name);
        });
        if (taken) {
            return true;
        }
    }
    return false;
}

Result<void> append_to_master_cf(const std::string& config_directory, std::string_view entries) {
    std::string path = path_in(config_directory);
    auto text = read_file(path);
    if (!text) {
        return fail_with(text);
    }
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        return fail_errno("stat " + path);
    }
    if (auto kept = keep_copy(path, *text, status); !kept) {
        return kept;
    }
    if (!text->empty() && !text->ends_with('\n')) {
        *text += '\n';
    }
    return replace_file(path, *text + std::string(entries), status.st_mode & 07777);
}

}  // namespace relais
