#include "lib/maps/table_needs.h"

#include <algorithm>
#include <array>

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

std::string directory_of_file(std::string_view path) {
    const auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? "." : path.substr(0, slash + 1));
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
        directories.insert(directory_of_file(name));
    }
}

void note_table_file(std::string_view path) {
    needs().changed.insert(directory_of_file(path));
}

}  // namespace relais
