#include "lib/maps/bdb/non_bdb.h"

#include <cerrno>

#include <sys/stat.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/ipc/blocking_client.h"
#include "lib/ipc/nbdb_reindex.h"

namespace relais {

namespace {

bool& asks_for_missing() {
    static bool asks = false;
    return asks;
}

std::unexpected<Error> fail_migration(std::string_view why) {
    return fail(Errc::kDenied, format("Non-Berkeley-DB migration error: {}", why));
}

// What non_bdb_custom_mapping says; empty where it says nothing.
Result<std::string> custom_type(const TableReference& legacy) {
    const std::string& mapping = conf().non_bdb_custom_mapping();
    if (mapping.empty()) {
        return {};
    }
    auto parsed = parse_table_reference(mapping);
    if (parsed && is_bdb_table_type(parsed->type)) {
        return fail_migration(
            format("non_bdb_custom_mapping cannot be a {} table itself", parsed->type));
    }
    auto table = open_table(mapping, OpenMode::kRead, 0);
    if (!table) {
        return fail_with(table);
    }
    for (const std::string& key : {legacy.type + ":" + legacy.name, legacy.type}) {
        Lookup answer = (*table)->find(key);
        if (answer.is_error()) {
            return fail_migration(format("{} lookup error for \"{}\"", mapping, key));
        }
        if (answer.is_found()) {
            return std::move(answer).value();
        }
    }
    return {};
}

bool is_missing(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) != 0 && errno == ENOENT;
}

// Waits until the table is there.
Result<void> have_built(const TableReference& legacy) {
    ServiceAddress address{.socket = "private/" + conf().non_bdb_migration_service_name(),
                           .protocol = std::string(kNbdbReindexProtocol)};
    BlockingClient client(std::move(address), conf().ipc_timeout());
    AttrWriter request;
    request.string("nbdb_type", legacy.type).string("nbdb_path", legacy.name).end();
    auto reply = client.call(request.take());
    if (!reply) {
        return fail_migration(reply.error().message);
    }
    AttrReader reader(*reply);
    auto status = static_cast<NbdbStatus>(reader.signed_number("status"));
    std::string reason = reader.string("reason");
    if (reader.failed()) {
        return fail_migration("malformed reply of the " + conf().non_bdb_migration_service_name() +
                              " service");
    }
    if (status != NbdbStatus::kDone) {
        return fail_migration(reason);
    }
    return {};
}

}  // namespace

NonBdbLevel non_bdb_level() {
    const std::string& level = conf().non_bdb_migration_level();
    if (level == "disable") {
        return NonBdbLevel::kDisable;
    }
    if (level == "enable-redirect") {
        return NonBdbLevel::kRedirect;
    }
    if (level != "enable-reindex") {
        log_fatal(
            "bad value: non_bdb_migration_level = {}; it must be disable, enable-redirect or "
            "enable-reindex",
            level);
    }
    return NonBdbLevel::kReindex;
}

Result<std::string> non_bdb_type(const TableReference& legacy) {
    auto type = custom_type(legacy);
    if (!type) {
        return type;
    }
    if (type->empty()) {
        *type =
            legacy.type == "hash" ? conf().default_database_type() : conf().default_cache_db_type();
    }
    if (*type != "lmdb" && *type != "cdb") {
        return fail_migration(
            format("{}:{} cannot become a table of type {}: it must be cdb or lmdb", legacy.type,
                   legacy.name, *type));
    }
    return type;
}

std::string non_bdb_file(std::string_view type, std::string_view name) {
    return format("{}.{}", name, type);
}

Result<void> redirect_bdb(TableReference& table, OpenMode mode) {
    NonBdbLevel level = non_bdb_level();
    if (level == NonBdbLevel::kDisable) {
        return {};
    }
    auto type = non_bdb_type(table);
    if (!type) {
        return fail_with(type);
    }
    bool asks = level == NonBdbLevel::kReindex && asks_for_missing() && mode == OpenMode::kRead;
    if (asks && is_missing(non_bdb_file(*type, table.name))) {
        if (auto built = have_built(table); !built) {
            return built;
        }
    }
    if (conf().non_bdb_migration_log_redirect()) {
        log_info("redirecting {0}:{1} to {2}:{1}", table.type, table.name, *type);
    }
    table.type = std::move(*type);
    return {};
}

void ask_for_missing_tables() {
    asks_for_missing() = true;
}

}  // namespace relais
