#include "lib/maps/table_needs.h"

#include <algorithm>
#include <array>

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
void note(std::set<std::string>& directories, const std::string& path) {
    directories.insert(directory_of(path));
    if (auto real = real_path(path)) {
        directories.insert(directory_of(*real));
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
        auto& directories = use == TableUse::kWrites ? needs().changed : needs().read;
        note(directories, std::string(name));
    }
}

void note_table_read(const std::string& path) {
    if (!path.empty()) {
        needs().read.insert(path);
        note(needs().read, path);
    }
}

void note_table_file(const std::string& path) {
    note(needs().changed, path);
}

}  // namespace relais
