#include "lib/store/maildir_size.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/store/maildir_name.h"

namespace relais {

namespace {

constexpr std::size_t kMostBytes = 5120;  // longer ones are written anew
constexpr std::time_t kTrusted = 900;     // seconds for which "full" is believed without a look

struct SizeFile {
    QuotaAmount limits;
    QuotaAmount sum;
    std::size_t lines = 0;
    std::time_t written = 0;
};

// "10240S,1000C"
std::optional<QuotaAmount> parse_limits(std::string_view line) {
    QuotaAmount limits;
    for (std::string_view part : split_fields(line, ',')) {
        auto number = part.empty() ? std::nullopt : parse_int(part.substr(0, part.size() - 1));
        if (!number || *number < 0) {
            return std::nullopt;
        }
        switch (part.back()) {
            case 'S':
                limits.bytes = *number;
                break;
            case 'C':
                limits.messages = *number;
                break;
            default:
                return std::nullopt;
        }
    }
    return limits;
}

// Numbers may be padded with blanks, so that the lines of some programs have one length.
std::optional<QuotaAmount> parse_change(std::string_view line) {
    auto words = split_words(line, " ");
    if (words.size() != 2) {
        return std::nullopt;
    }
    auto bytes = parse_int(words[0]);
    auto messages = parse_int(words[1]);
    if (!bytes || !messages) {
        return std::nullopt;
    }
    return QuotaAmount{*bytes, *messages};
}

// Nothing where there is no file, or one that is torn, too long, or contradicts itself.
std::optional<SizeFile> read_size_file(const std::string& root) {
    auto fd = open_file(root + "/" + std::string(kMaildirSize), O_RDONLY | O_NOFOLLOW);
    struct stat status;
    if (!fd || ::fstat(fd->get(), &status) < 0 || !S_ISREG(status.st_mode) ||
        static_cast<std::size_t>(status.st_size) > kMostBytes) {
        return std::nullopt;
    }
    auto text = read_all(fd->get(), kMostBytes + 1024);
    if (!text || !text->ends_with('\n')) {
        return std::nullopt;
    }
    auto lines = split_fields(std::string_view(*text).substr(0, text->size() - 1), '\n');
    auto limits = parse_limits(trim(lines.front()));
    if (!limits) {
        return std::nullopt;
    }
    SizeFile file{*limits, {}, lines.size() - 1, status.st_mtime};
    for (std::size_t i = 1; i < lines.size(); ++i) {
        auto change = parse_change(lines[i]);
        if (!change || __builtin_add_overflow(file.sum.bytes, change->bytes, &file.sum.bytes) ||
            __builtin_add_overflow(file.sum.messages, change->messages, &file.sum.messages)) {
            return std::nullopt;
        }
    }
    bool possible = file.sum.bytes >= 0 && file.sum.messages >= 0;
    return possible ? std::optional(file) : std::nullopt;
}

bool is_over(const QuotaAmount& amount, const QuotaAmount& limits) {
    return (limits.bytes > 0 && amount.bytes >= limits.bytes) ||
           (limits.messages > 0 && amount.messages >= limits.messages);
}

// Adds what is in DIRECTORY/PART.
Result<void> count_part(const std::string& path, QuotaAmount& amount) {
    auto names = list_directory(path);
    if (!names) {
        const int reason = names.error().sys_errno;
        return reason == ENOENT || reason == ENOTDIR ? Result<void>() : fail_with(names);
    }
    for (const std::string& name : *names) {
        if (name.starts_with('.')) {
            continue;
        }
        auto size = maildir_weight(AT_FDCWD, format("{}/{}", path, name));
        if (size && *size >= 0 && *size < std::int64_t{1} << 50) {
            amount += {*size, 1};
        }
    }
    return {};
}

using Moments = std::vector<std::int64_t>;

// When names in these mailboxes came or went last.
Moments moments_of(const std::vector<std::string>& directories) {
    Moments moments;
    for (const std::string& directory : directories) {
        for (const char* part : {"/new", "/cur"}) {
            struct stat status;
            bool there = ::stat((directory + part).c_str(), &status) == 0;
            moments.push_back(there ? status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec
                                    : 0);
        }
    }
    return moments;
}

std::string limits_line(const QuotaAmount& limits) {
    std::string line;
    if (limits.bytes > 0 || limits.messages == 0) {
        line = format("{}S", limits.bytes);
    }
    if (limits.messages > 0) {
        line += format("{}{}C", line.empty() ? "" : ",", limits.messages);
    }
    return line;
}

// Beside the messages that are being written, where there are any, and then in its place.
Result<void> write_size_file(const std::string& root, const QuotaAmount& limits,
                             const QuotaAmount& amount) {
    struct stat status;
    const char* part = ::stat((root + "/tmp").c_str(), &status) == 0 ? "/tmp/" : "/";
    std::string temporary = root + part + make_maildir_base("maildirsize");
    unsigned mode = ::stat(root.c_str(), &status) == 0 ? status.st_mode & 0666 : 0600;
    auto fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (!fd) {
        return fail_with(fd);
    }
    auto written = write_all(
        fd->get(), format("{}\n{} {}\n", limits_line(limits), amount.bytes, amount.messages));
    std::string path = root + "/" + std::string(kMaildirSize);
    if (written && std::rename(temporary.c_str(), path.c_str()) == 0) {
        return {};
    }
    auto failed = written ? fail_errno("rename " + temporary) : fail_with(written);
    ::unlink(temporary.c_str());
    return failed;
}

}  // namespace

std::optional<std::int64_t> maildir_weight(int directory, const std::string& path) {
    std::string_view name = std::string_view(path).substr(path.rfind('/') + 1);
    if (auto size = maildir_size(maildir_base(name), 'S')) {
        return static_cast<std::int64_t>(*size);
    }
    struct stat status;
    bool there = ::fstatat(directory, path.c_str(), &status, 0) == 0;
    return there ? std::optional<std::int64_t>(status.st_size) : std::nullopt;
}

bool fits_by_maildir_size(const std::string& root, QuotaAmount more) {
    auto file = read_size_file(root);
    if (!file) {
        return true;
    }
    auto fits = [](std::int64_t used, std::int64_t added, std::int64_t limit) {
        return limit == 0 || (used <= limit && added <= limit - used);
    };
    return fits(file->sum.bytes, more.bytes, file->limits.bytes) &&
           fits(file->sum.messages, more.messages, file->limits.messages);
}

Result<QuotaAmount> count_mailbox(const std::string& directory) {
    QuotaAmount amount;
    for (const char* part : {"/new", "/cur"}) {
        auto counted = count_part(directory + part, amount);
        if (!counted) {
            return fail_with(counted);
        }
    }
    return amount;
}

Result<QuotaAmount> recount_maildir(const std::string& root, QuotaAmount limits,
                                    const CountedMailboxes& mailboxes) {
    auto directories = mailboxes();
    if (!directories) {
        return fail_with(directories);
    }
    Moments before = moments_of(*directories);
    QuotaAmount amount;
    for (const std::string& directory : *directories) {
        auto counted = count_mailbox(directory);
        if (!counted) {
            return counted;
        }
        amount += *counted;
    }
    auto written = write_size_file(root, limits, amount);
    // Where it cannot be written, somebody counts again; that is slow, and not wrong.  Messages
    // that came or went meanwhile may be in the sum or not: then the next one who wants to know
    // counts again.
    if (written && moments_of(*directories) != before) {
        ::unlink((root + "/" + std::string(kMaildirSize)).c_str());
    }
    return amount;
}

Result<QuotaAmount> maildir_usage(const std::string& root, QuotaAmount limits,
                                  const CountedMailboxes& mailboxes) {
    auto file = read_size_file(root);
    if (!file || file->limits != limits) {
        return recount_maildir(root, limits, mailboxes);
    }
    // "Full" has consequences: it is believed only when it was counted, and not long ago.
    bool fresh = file->lines == 1 && ::time(nullptr) - file->written < kTrusted;
    if (is_over(file->sum, limits) && !fresh) {
        return recount_maildir(root, limits, mailboxes);
    }
    return file->sum;
}

void note_maildir_change(const std::string& root, QuotaAmount change, Storage storage) {
    if (change == QuotaAmount()) {
        return;
    }
    std::string path = root + "/" + std::string(kMaildirSize);
    if (!keeps_maildir_size(root)) {
        return;
    }
    auto lock = lock_across_machines(path, storage);
    auto fd = open_file(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) {
        return;
    }
    auto written = write_all(fd->get(), format("{} {}\n", change.bytes, change.messages));
    if (!written) {
        ::unlink(path.c_str());  // wrong from now on: better none
    }
}

bool keeps_maildir_size(const std::string& root) {
    struct stat info{};
    return ::stat((root + "/" + std::string(kMaildirSize)).c_str(), &info) == 0;
}

std::string maildir_root_of(std::string_view directory) {
    directory = trim_right(directory, "/");
    auto slash = directory.rfind('/');
    std::string_view last =
        slash == std::string_view::npos ? directory : directory.substr(slash + 1);
    bool folder =
        slash != std::string_view::npos && last.size() > 1 && last[0] == '.' && last[1] != '.';
    return std::string(folder ? directory.substr(0, slash) : directory);
}

}  // namespace relais
