#include "local/user.h"

#include <cerrno>
#include <vector>

#include <pwd.h>

namespace relais::local_agent {

namespace {

User user_of(const passwd& entry) {
    return {entry.pw_name, {entry.pw_uid, entry.pw_gid}, entry.pw_dir, entry.pw_shell};
}

// `search` calls one of the getpwXXX_r functions with (entry, buffer, size, found).
template <class Search>
Result<std::optional<User>> find(Search search) {
    std::vector<char> buffer(4096);
    passwd entry{};
    passwd* found = nullptr;
    for (;;) {
        int error = search(&entry, buffer.data(), buffer.size(), &found);
        if (error == ERANGE && buffer.size() < (std::size_t{1} << 20)) {
            buffer.resize(buffer.size() * 2);
            continue;
        }
        if (found != nullptr) {
            return user_of(entry);
        }
        // What the account databases answer for "no such name" beside 0 (getpwnam(3)).
        bool absent =
            error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
        if (absent) {
            return std::nullopt;
        }
        if (error != EINTR) {
            return fail_errno("error looking up passwd info", error);
        }
    }
}

}  // namespace

Result<std::optional<User>> find_user(const std::string& name) {
    return find([&name](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return ::getpwnam_r(name.c_str(), entry, buffer, size, found);
    });
}

Result<std::optional<User>> Accounts::find(const std::string& name) {
    if (last_ && name == name_) {
        return last_;
    }
    auto found = find_user(name);
    if (found) {
        name_ = name;
        last_ = *found;
    }
    return found;
}

Result<std::optional<User>> find_user(uid_t uid) {
    return find([uid](passwd* entry, char* buffer, std::size_t size, passwd** found) {
        return ::getpwuid_r(uid, entry, buffer, size, found);
    });
}

}  // namespace relais::local_agent
