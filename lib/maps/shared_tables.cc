#include "lib/maps/shared_tables.h"

#include <array>
#include <unordered_map>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/maps/registry.h"

namespace relais {

namespace {

constexpr auto kFlagNames = std::to_array<std::pair<TableFlags, std::string_view>>({
    {table_flag::kWarnDuplicate, "warn_dup"},
    {table_flag::kIgnoreDuplicate, "ignore_dup"},
    {table_flag::kTryWithoutNul, "try0null"},
    {table_flag::kTryWithNul, "try1null"},
    {table_flag::kFixed, "fixed"},
    {table_flag::kPattern, "pattern"},
    {table_flag::kLock, "lock"},
    {table_flag::kReplace, "replace"},
    {table_flag::kSyncUpdate, "sync_update"},
    {table_flag::kDebug, "debug"},
    {table_flag::kNoSubstitution, "no_regsub"},
    {table_flag::kNoProxy, "no_proxy"},
    {table_flag::kNoUnauthenticated, "no_unauth"},
    {table_flag::kFoldFixed, "fold_fix"},
    {table_flag::kFoldPattern, "fold_mul"},
    {table_flag::kOpenLock, "open_lock"},
    {table_flag::kBulkUpdate, "bulk_update"},
    {table_flag::kMultiWriter, "multi_writer"},
    {table_flag::kUtf8Request, "utf8_request"},
    {table_flag::kUtf8Active, "utf8_active"},
    {table_flag::kValueIsFile, "src_rhs_is_file"},
});

std::string name_in_log(std::string_view reference, TableFlags flags) {
    std::vector<std::string> names;
    for (const auto& [flag, name] : kFlagNames) {
        if ((flags & flag) != 0) {
            names.emplace_back(name);
        }
    }
    return format("{}(0,{})", reference, join(names, "|"));
}

// Keyed by the name in the log.  The sets and lists own the tables; this finds them.
using OpenTables = std::unordered_map<std::string, std::weak_ptr<Table>>;

OpenTables& open_tables() {
    static OpenTables tables;
    return tables;
}

}  // namespace

std::shared_ptr<Table> shared_table(std::string_view reference, TableFlags flags) {
    std::string name = name_in_log(reference, flags);
    std::weak_ptr<Table>& known = open_tables()[name];
    if (auto table = known.lock()) {
        return table;
    }
    auto opened = open_table(reference, OpenMode::kRead, flags);
    if (!opened && conf().daemon_table_open_error_is_fatal()) {
        log_fatal("{}", opened.error().message);
    }
    std::shared_ptr<Table> table;
    if (opened) {
        table = std::move(*opened);
    } else {
        log_error("{}", opened.error().message);
        table = make_unavailable_table(reference, flags, opened.error().message);
    }
    known = table;
    return table;
}

std::optional<std::string> changed_shared_table() {
    for (const auto& [name, known] : open_tables()) {
        auto table = known.lock();
        if (table && table->changed() && !table->refresh()) {
            return name;
        }
    }
    return std::nullopt;
}

}  // namespace relais
