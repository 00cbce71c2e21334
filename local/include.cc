// :include:/file/name - a list kept in a file of its own.
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

constexpr std::size_t kMaxList = std::size_t{16} << 20;

bool is_fit(const struct stat& status) {
    return S_ISREG(status.st_mode) && (status.st_mode & S_IWOTH) == 0;
}

// The text, and in `status` whose it is: the file's that was read, whatever has the name by now.
Result<std::string> read_list(const std::string& path, struct stat& status) {
    auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!fd) {
        return fail_errno("cannot open include file " + path, fd.error().sys_errno);
    }
    if (::fstat(fd->get(), &status) != 0) {
        return fail_errno("stat " + path);
    }
    auto text = is_fit(status) ? read_all(fd->get(), kMaxList) : std::string();
    if (!text) {
        text.error().message = format("read include file {}: {}", path, text.error().message);
    }
    return text;
}

}  // namespace

Task<Disposition> Expansion::deliver_include(Branch branch, std::string path) {
    // Lists in root's alias files are read as root.
    FileOwner rights = branch.rights ? branch.rights->ids : FileOwner{0, 0};
    if (seen(format("include {} {}", rights.uid, path))) {
        co_return Disposition::kDone;
    }
    if (!path.starts_with('/')) {
        log_warning(":include:{} uses a relative path", path);
        co_return co_await configuration_error(&branch);
    }
    struct stat status{};
    Result<std::string> text;
    int failure = 0;
    {
        ActingAs user(*agent_.identity, rights);
        failure = ::stat(path.c_str(), &status) == 0 ? 0 : errno;
        if (failure == 0 && is_fit(status)) {
            text = read_list(path, status);
        }
    }
    if (failure != 0) {
        auto error = fail_errno("unable to lookup :include: file " + path, failure);
        log_warning("{}", error.error().message);
        co_return co_await configuration_error(&branch);
    }
    if (!is_fit(status)) {
        log_warning(":include: file {} is {}", path,
                    S_ISREG(status.st_mode) ? "world writable" : "not a regular file");
        co_return co_await configuration_error(&branch);
    }
    if (!text) {
        log_warning("{}", text.error().message);
        co_return co_await configuration_error(&branch);
    }
    co_return co_await expand_include(std::move(branch), std::move(*text), status.st_uid);
}

Task<Disposition> Expansion::expand_include(Branch branch, std::string text, uid_t file_owner) {
    // Whoever may write the list decides with whose rights it delivers, unless the alias's file
    // has an owner already.
    if (!branch.rights && file_owner != 0) {
        auto user = find_user(file_owner);
        if (!user || !*user) {
            log_warning("cannot find username for uid {}", file_owner);
            DeliveryStatus status = DeliveryStatus::of(
                DsnCode(4, 3, 0),
                format("{}: cannot find :include: file owner username", branch.rcpt.address));
            co_return co_await finish(&branch, std::move(status));
        }
        branch.rights = **user;
    }
    branch.source = kFromInclude;
    ++branch.level;
    if (branch.owner.empty()) {
        branch.owner = branch.rcpt.address;
    }
    if ((agent_.extensions_to & kFromInclude) == 0) {
        branch.unmatched.clear();
    }
    int count = 0;
    co_return co_await deliver_lines(&branch, std::move(text), &count);
}

}  // namespace relais::local_agent
