#include "lib/maps/table_needs.h"

#include <algorithm>
#include <array>
#include <climits>
#include <optional>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

namespace relais {

namespace {

TableNeeds& needs() {
    static TableNeeds needs;
    return needs;
}

// Types that are looked up elsewhere, or in the system's account database, which may be anywhere.
constexpr auto kServerTypes = std::to_array<std::string_view>(
    {"ldap", "memcache", "mongodb", "mysql", "pgsql", "socketmap", "tcp", "unix"});

// Types whose names are no files.
constexpr auto kNamelessTypes = std::to_array<std::string_view>(
    {"debug", "environ", "fail", "inline", "internal", "pipemap", "proxy", "randmap", "socketmap",
     "static", "tcp", "unionmap", "unix"});

// With the slash at its end.
std::string directory_of(std::string_view file) {
    const auto slash = file.rfind('/');
    return std::string(slash == std::string_view::npos ? "." : file.substr(0, slash + 1));
}

// A link may be what has the name, and the file elsewhere.
void note_read(const std::string& path) {
    needs().read.insert(directory_of(path));
    if (auto real = real_path(path)) {
        needs().read.insert(directory_of(*real));
    }
}

// What a link of root's at the path says; nothing where there is none.  Who changes files there
// could have made any other itself, to be let into what it leads to.
std::optional<std::string> link_of_root(const std::string& path) {
    struct stat info{};
    std::array<char, PATH_MAX> target{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode) || info.st_uid != 0) {
        return std::nullopt;
    }
    const auto size = ::readlink(path.c_str(), target.data(), target.size());
    if (size <= 0) {
        return std::nullopt;
    }
    std::string said(target.data(), static_cast<std::size_t>(size));
    return said.starts_with('/') ? said : directory_of(path) + said;
}

void note_changed(const std::string& path) {
    needs().changed.insert(directory_of(path));
    if (auto elsewhere = link_of_root(path)) {
        needs().changed.insert(directory_of(*elsewhere));
    }
}

}  // namespace

const TableNeeds& table_needs() {
    return needs();
}

void note_table(std::string_view type, std::string_view name, TableUse use) {
    if (std::ranges::find(kServerTypes, type) != kServerTypes.end()) {
        needs().servers = true;
    }
    if (std::ranges::find(kNamelessTypes, type) == kNamelessTypes.end()) {
        const auto note = use == TableUse::kWrites ? note_changed : note_read;
        note(std::string(name));
    }
}

void note_table_read(const std::string& path) {
    if (!path.empty()) {
        needs().read.insert(path);
        note_read(path);
    }
}

void note_table_file(const std::string& path) {
    note_changed(path);
}

}  // namespace relais
