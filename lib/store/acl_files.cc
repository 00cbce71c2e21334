#include "lib/store/acl_files.h"

#include <cerrno>
#include <functional>

#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/strings.h"
#include "lib/store/file_kind.h"
#include "lib/store/mailbox_lock.h"

namespace relais {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;

// No file, no text; everything else that hinders reading is an error.
Result<std::string> read_if_there(const std::string& path) {
    auto text = read_file(path, kMaxFile);
    bool absent = !text && (text.error().sys_errno == ENOENT || text.error().sys_errno == ENOTDIR);
    return absent ? Result<std::string>("") : std::move(text);
}

Result<AclList> named(const std::string& path, Result<AclList> list) {
    return list ? std::move(list) : fail(Errc::kSyntax, path + ": " + list.error().message);
}

Result<AclList> load_file(const std::string& path) {
    auto text = read_if_there(path);
    return text ? named(path, AclList::parse(*text)) : fail_with(text);
}

std::string file_in(const std::string& directory) {
    return directory + "/" + std::string(AclFiles::kFileName);
}

}  // namespace

Result<AclList> AclFiles::load_global(std::string_view name) const {
    if (global_.empty()) {
        return AclList();
    }
    if (!is_directory(global_)) {
        auto text = read_if_there(global_);
        return text ? named(global_, AclList::parse_global(*text, name)) : fail_with(text);
    }
    std::string path = global_ + "/" + std::string(name);
    return load_file(is_directory(path) ? path + "/.DEFAULT" : path);
}

Result<AclList> AclFiles::load(const std::string& directory, std::string_view name) const {
    auto global = load_global(name);
    if (!global || directory.empty()) {
        AclList only;
        if (global) {
            only.add_global(*global);
        }
        return global ? Result<AclList>(std::move(only)) : std::move(global);
    }
    auto local = load_file(file_in(directory));
    if (local) {
        local->add_global(*global);
    }
    return local;
}

Task<Result<void>> AclFiles::change(std::string directory, std::string root, unsigned mode,
                                    std::function<bool(AclList&)> change) {
    std::string path = file_in(directory);
    auto lock = co_await MailboxLock::acquire(path);
    if (!lock) {
        co_return fail_with(lock);
    }
    auto list = load_file(path);
    if (!list) {
        co_return fail_with(list);
    }
    if (!change(*list)) {
        co_return Result<void>();
    }
    // What could not be read again would shut everybody out.
    std::string text = list->to_string();
    if (list->entries().size() > AclList::kMostEntries || text.size() > kMaxFile) {
        co_return fail(Errc::kTooLarge, path + ": too many entries");
    }
    ::unlink((root + "/dovecot-acl-list").c_str());
    if (list->empty()) {
        bool gone = ::unlink(path.c_str()) == 0 || errno == ENOENT;
        co_return gone ? Result<void>() : fail_errno("remove " + path);
    }
    co_return replace_file(path, text, mode);
}

}  // namespace relais
