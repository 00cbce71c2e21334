#include "lib/maps/registry.h"

#include <algorithm>
#include <array>

#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/bdb/non_bdb.h"
#include "lib/maps/databases/dynamic_maps.h"
#include "lib/maps/table_needs.h"
#include "lib/maps/table_types.h"

namespace relais {
namespace {

enum class Builds { kNo, kYes };

struct TableType {
    std::string_view name;
    OpenedTable (*open)(const OpenRequest&);
    Builds builds;  // postmap can make a table of it
};

#ifdef HAVE_BERKELEY_DB
constexpr Builds kBuildsBdb = Builds::kYes;
#else
constexpr Builds kBuildsBdb = Builds::kNo;  // opening it so says why
#endif

constexpr auto kTypes = std::to_array<TableType>({
    {"btree", open_bdb_table, kBuildsBdb},
    {"cdb", open_cdb_table, Builds::kYes},
    {"cidr", open_cidr_table, Builds::kNo},
    {"debug", open_debug_table, Builds::kNo},
    {"environ", open_environ_table, Builds::kNo},
    {"fail", open_fail_table, Builds::kYes},
    {"hash", open_bdb_table, kBuildsBdb},
    {"inline", open_inline_table, Builds::kNo},
    {"internal", open_internal_table, Builds::kNo},
    {"lmdb", open_lmdb_table, Builds::kYes},
    {"memcache", open_memcache_table, Builds::kNo},
    {"pcre", open_pcre_table, Builds::kNo},
    {"pipemap", open_pipemap_table, Builds::kNo},
    {"proxy", open_proxy_table, Builds::kNo},
    {"randmap", open_randmap_table, Builds::kNo},
    {"regexp", open_regexp_table, Builds::kNo},
    {"socketmap", open_socketmap_table, Builds::kNo},
    {"static", open_static_table, Builds::kNo},
    {"tcp", open_tcp_table, Builds::kNo},
    {"texthash", open_texthash_table, Builds::kNo},
    {"unionmap", open_unionmap_table, Builds::kNo},
    {"unix", open_unix_table, Builds::kNo},
});

// Types whose client libraries are behind plug-ins: they exist where dynamicmaps.cf names them.
constexpr auto kPluginTypes = std::to_array<TableType>({
    {"ldap", open_ldap_table, Builds::kNo},
    {"mongodb", open_sql_table, Builds::kNo},
    {"mysql", open_sql_table, Builds::kNo},
    {"pgsql", open_sql_table, Builds::kNo},
    {"sqlite", open_sql_table, Builds::kNo},
});

const TableType* find_plugin_type(std::string_view name) {
    const auto* it = std::ranges::find(kPluginTypes, name, &TableType::name);
    return it == kPluginTypes.end() ? nullptr : it;
}

const TableType* find_type(std::string_view name) {
    const auto* it = std::ranges::find(kTypes, name, &TableType::name);
    return it == kTypes.end() ? nullptr : it;
}

}  // namespace

Result<TableReference> parse_table_reference(std::string_view reference) {
    auto parts = split_first(reference, ':');
    if (!parts || parts->first.empty() || parts->second.empty()) {
        return fail(
            Errc::kSyntax,
            format("open dictionary: expecting \"type:name\" form instead of \"{}\"", reference));
    }
    return TableReference{std::string(parts->first), std::string(parts->second)};
}

Result<std::unique_ptr<Table>> open_table(std::string_view reference, OpenMode mode,
                                          TableFlags flags) {
    auto parsed = parse_table_reference(reference);
    if (!parsed) {
        return fail_with(parsed);
    }
    if (is_bdb_table_type(parsed->type)) {
        if (auto redirected = redirect_bdb(*parsed, mode); !redirected) {
            return fail_with(redirected);
        }
    }
    const TableType* type = find_type(parsed->type);
    if (type == nullptr) {
        type = find_plugin_type(parsed->type);
    }
    if (type == nullptr) {
        // dynamicmaps.cf may name it all the same: then the message says why that does not help.
        return fail_with(load_table_plugin(parsed->type, "none"));
    }
    if (mode == OpenMode::kRebuild && type->builds == Builds::kNo &&
        !is_bdb_table_type(type->name)) {
        return fail(Errc::kDenied,
                    format("unsupported map type for this operation: {}", parsed->type));
    }
    if ((flags & table_flag::kUtf8Request) != 0 && conf().smtputf8_enable()) {
        flags |= table_flag::kUtf8Active;
    }
    note_table(parsed->type, parsed->name,
               mode == OpenMode::kRead ? TableUse::kReads : TableUse::kWrites);
    return type->open({std::move(parsed->type), std::move(parsed->name), mode, flags});
}

std::unexpected<Error> refuse_mode(const OpenRequest& request) {
    return fail(Errc::kDenied,
                format("{}:{} map requires O_RDONLY access mode", request.type, request.name));
}

std::vector<std::string> table_type_names() {
    std::vector<std::string> names;
    names.reserve(kTypes.size());
    for (const TableType& type : kTypes) {
        names.emplace_back(type.name);
    }
    for (std::string& type : dynamic_map_types()) {
        if (find_plugin_type(type) != nullptr) {
            names.push_back(std::move(type));
        }
    }
    std::ranges::sort(names);
    return names;
}

bool is_pattern_table(std::string_view reference) {
    constexpr auto kPatternTypes = std::to_array<std::string_view>(
        {"cidr", "fail", "pcre", "randmap", "regexp", "socketmap", "tcp"});
    auto parts = split_first(reference, ':');
    if (!parts) {
        return false;
    }
    if (parts->first == "debug" || parts->first == "proxy") {
        return is_pattern_table(parts->second);
    }
    if (parts->first == "pipemap" || parts->first == "unionmap") {
        return parts->second.starts_with('{') &&
               is_pattern_table(trim_left(parts->second.substr(1)));
    }
    return std::ranges::find(kPatternTypes, parts->first) != kPatternTypes.end();
}

bool is_bdb_table_type(std::string_view type) {
    return type == "hash" || type == "btree";
}

bool can_build_table_type(std::string_view name) {
    const TableType* type = find_type(name);
    return type != nullptr && type->builds == Builds::kYes;
}

}  // namespace relais
