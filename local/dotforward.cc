// ~/.forward, or what forward_path names.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

#include "local/expansion.h"

namespace relais::local_agent {

namespace {

constexpr std::size_t kMaxForward = std::size_t{1} << 20;

// Why a file that is there must not be used; empty: it may.
std::string objection(const std::string& path, const struct stat& status, uid_t user) {
    if (!S_ISREG(status.st_mode)) {
        return format("file {} is not a regular file", path);
    }
    if (status.st_uid != 0 && status.st_uid != user) {
        return format("file {} has bad owner uid {}", path, status.st_uid);
    }
    if ((status.st_mode & S_IWOTH) != 0) {
        return format("file {} is world writable", path);
    }
    return {};
}

// The file's text; nothing where it cannot be used, which is logged.
std::optional<std::string> read_forward(const std::string& path, const struct stat& status,
                                        uid_t user) {
    std::string why = objection(path, status, user);
    if (!why.empty()) {
        log_warning("{}", why);
        return std::nullopt;
    }
    // By now another file, or a FIFO without a writer, may have the name.
    auto fd = open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat opened{};
    if (!fd || ::fstat(fd->get(), &opened) != 0) {
        log_warning("cannot open file {}: {}", path, std::strerror(errno));
        return std::nullopt;
    }
    why = objection(path, opened, user);
    auto text = why.empty() ? read_all(fd->get(), kMaxForward)
                            : Result<std::string>(fail(Errc::kDenied, why));
    if (!text) {
        log_warning("{}",
                    why.empty() ? format("read file {}: {}", path, text.error().message) : why);
        return std::nullopt;
    }
    return std::move(*text);
}

}  // namespace

// The first file of forward_path that exists.  An undefined name ($extension of an address without
// one) rules a path out.
std::optional<Expansion::ForwardFile> Expansion::find_forward_file(const Branch& branch) {
    ActingAs user(*agent_.identity, branch.rights->ids);
    for (std::string_view item : split_words(conf().forward_path(), ", \t\r\n")) {
        ExpandedText path =
            expand_local(branch, "forward_path", item, conf().forward_expansion_filter());
        struct stat status{};
        if (path.undefined || ::lstat(path.text.c_str(), &status) != 0) {
            continue;
        }
        ForwardFile found;
        found.path = path.text;
        found.uses_extension =
            !branch.extension.empty() && item.find("extension") != std::string_view::npos;
        if (!was_seen("forward-done " + path.text)) {
            found.text = read_forward(path.text, status, branch.rights->ids.uid);
        } else {
            found.done_before = true;
        }
        return found;
    }
    return std::nullopt;
}

Task<std::optional<Disposition>> Expansion::deliver_dotforward(Branch branch) {
    if (trim(conf().forward_path()).empty()) {
        co_return std::nullopt;
    }
    // Who lists himself in his own file means his mailbox.
    if (iequals(branch.expanded_from, branch.user)) {
        co_return std::nullopt;
    }
    auto user = accounts_.find(branch.user);
    if (!user) {
        Disposition deferred = co_await defer_unknown_user(&branch, std::move(user.error()));
        co_return deferred;
    }
    if (!*user) {
        co_return std::nullopt;
    }
    branch.rights = **user;
    branch.expanded_from = branch.user;
    branch.owner = branch.user;
    branch.source = kFromForward;
    if (!conf().frozen_delivered_to()) {
        branch.delivered = branch.rcpt.address;
    }
    auto file = find_forward_file(branch);
    if (!file || (!file->text && !file->done_before)) {
        co_return std::nullopt;
    }
    if (file->done_before) {
        co_return Disposition::kDone;
    }
    bool keeps_extension = (agent_.extensions_to & kFromForward) != 0 && !file->uses_extension;
    if (!keeps_extension) {
        branch.unmatched.clear();
    }
    if ((delivery_.request.flags & kVerifyAddress) != 0 && !trim(*file->text).empty()) {
        DeliveryStatus status =
            DeliveryStatus::of(DsnCode(2, 0, 0), "forward via file: " + file->path);
        Disposition probed = co_await finish(&branch, std::move(status));
        co_return probed;
    }
    Recipient expanded = branch.rcpt;
    branch.rcpt.notify &= ~kNotifySuccess;
    int count = 0;
    Disposition done = co_await deliver_lines(&branch, std::move(*file->text), &count);
    if (count == 0) {
        co_return std::nullopt;
    }
    seen("forward-done " + file->path);
    co_await report_expansion(std::move(expanded), "expanded");
    co_return done;
}

}  // namespace relais::local_agent
