#include "services/nbdb_reindexd/policy.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/format.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/config/values.h"
#include "lib/daemon/privileges.h"
#include "lib/maps/bdb/non_bdb.h"
#include "lib/maps/map_source.h"

#include "services/nbdb_reindexd/identity.h"

namespace relais::nbdb {

namespace {

// What tells map from alias sources stands at the beginning.
constexpr std::size_t kSample = std::size_t{1} << 20;

struct Place {
    std::string path;
    struct stat info = {};
};

std::string parent_of(const std::string& path) {
    auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

// With root's eyes: what may be asked for is limited by the prefixes already.
Result<Place> look_at(std::string path, std::string_view what) {
    ActingAs root(0, 0);
    Place place{.path = std::move(path)};
    if (::stat(place.path.c_str(), &place.info) != 0) {
        return fail_errno(format("{} '{}'", what, place.path));
    }
    return place;
}

bool is_there(const std::string& path) {
    ActingAs root(0, 0);
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0;
}

bool is_below(std::string_view path, std::string_view prefix) {
    while (prefix.size() > 1 && prefix.ends_with('/')) {
        prefix.remove_suffix(1);
    }
    return path.starts_with(prefix) &&
           (prefix.ends_with('/') || path.substr(prefix.size()).starts_with('/'));
}

bool is_allowed(std::string_view path, std::string_view prefixes) {
    auto list = split_list(prefixes);
    return std::ranges::any_of(list,
                               [&](const std::string& prefix) { return is_below(path, prefix); });
}

// No name that means another place than it says.
bool is_plain(const std::string& path) {
    auto parts = split_fields(path, '/');
    return path.starts_with('/') && !path.ends_with('/') && !path.contains('\0') &&
           std::ranges::none_of(parts,
                                [](std::string_view part) { return part == "." || part == ".."; });
}

// Nobody but root and the owner of the old table can have had a hand in it.
bool is_safe_for(uid_t uid, const struct stat& info) {
    return (info.st_uid == 0 || info.st_uid == uid) && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::unexpected<Error> refuse_prefix(const std::string& path, uid_t uid) {
    bool as_root = uid == 0;
    return fail(
        Errc::kDenied,
        format("table {} has an unexpected pathname; to allow automatic indexing as {}, append its "
               "parent directory to the {} setting (current setting is: \"{}\"); alternatively, "
               "execute the failed command by hand",
               path, as_root ? "root" : "non-root",
               as_root ? "non_bdb_migration_allow_root_prefixes"
                       : "non_bdb_migration_allow_user_prefixes",
               as_root ? conf().non_bdb_migration_allow_root_prefixes()
                       : conf().non_bdb_migration_allow_user_prefixes()));
}

std::unexpected<Error> refuse_owner(const Place& old_table, std::string_view what,
                                    const Place& place) {
    return fail(Errc::kDenied,
                format("legacy indexed file '{}' is owned by uid '{}', but {} '{}' is owned or "
                       "writable by other user; to allow automatic indexing, correct the ownership "
                       "or permissions; alternatively, execute the failed command by hand",
                       old_table.path, old_table.info.st_uid, what, place.path));
}

Result<std::string> command_for(const Place& source, uid_t uid, gid_t gid) {
    ActingAs owner(uid, gid);
    auto file = open_file(source.path, O_RDONLY | O_NONBLOCK);
    struct stat now{};
    if (!file) {
        return fail_with(file);
    }
    if (::fstat(file->get(), &now) != 0 || now.st_ino != source.info.st_ino ||
        now.st_dev != source.info.st_dev || !S_ISREG(now.st_mode)) {
        return fail(Errc::kDenied, format("source file '{}' has been replaced", source.path));
    }
    std::string sample(kSample, '\0');
    ssize_t got = ::read(file->get(), sample.data(), sample.size());
    if (got < 0) {
        return fail_errno(format("read {}", source.path));
    }
    sample.resize(static_cast<std::size_t>(got));
    return guess_syntax(sample, source.path) == SourceSyntax::kAliases ? "postalias" : "postmap";
}

// The checks of the documented policy, in its order.
Result<void> check_places(const Place& old_table, const Place& source, const Place& parent) {
    uid_t uid = old_table.info.st_uid;
    if (!is_safe_for(uid, source.info)) {
        return refuse_owner(old_table, "source file", source);
    }
    if (!is_safe_for(uid, parent.info)) {
        return refuse_owner(old_table, "parent directory", parent);
    }
    const std::string& prefixes = uid == 0 ? conf().non_bdb_migration_allow_root_prefixes()
                                           : conf().non_bdb_migration_allow_user_prefixes();
    if (!is_allowed(source.path, prefixes)) {
        return refuse_prefix(source.path, uid);
    }
    if (!can_change_identity() && uid != ::geteuid()) {
        return fail(Errc::kDenied,
                    format("legacy indexed file '{}' is owned by uid '{}', which this "
                           "process cannot become",
                           old_table.path, uid));
    }
    return {};
}

}  // namespace

Result<std::optional<Job>> plan(const TableReference& legacy) {
    if (non_bdb_level() != NonBdbLevel::kReindex) {
        return fail(Errc::kDenied,
                    format("the {} service is disabled", conf().non_bdb_migration_service_name()));
    }
    if (!is_bdb_table_type(legacy.type) || !is_plain(legacy.name)) {
        return fail(Errc::kSyntax,
                    format("bad table: '{}:{}'", printable(legacy.type), printable(legacy.name)));
    }
    auto type = non_bdb_type(legacy);
    if (!type) {
        return fail_with(type);
    }
    if (is_there(non_bdb_file(*type, legacy.name))) {
        return std::nullopt;
    }
    Job job{.command = "postmap", .table = format("{}:{}", *type, legacy.name)};
    auto fail_job = [&](const Error& why) {
        return fail(why.code, format("could not execute command '{} {}': {}", job.command,
                                     job.table, why.message));
    };
    auto old_table = look_at(legacy.name + ".db", "legacy indexed file");
    auto source = look_at(legacy.name, "source file");
    auto parent = look_at(parent_of(legacy.name), "parent directory");
    for (const auto* place : {&old_table, &source, &parent}) {
        if (!*place) {
            return fail_job(place->error());
        }
    }
    job.uid = old_table->info.st_uid;
    job.gid = old_table->info.st_gid;
    if (auto checked = check_places(*old_table, *source, *parent); !checked) {
        return fail_job(checked.error());
    }
    auto command = command_for(*source, job.uid, job.gid);
    if (!command) {
        return fail_job(command.error());
    }
    job.command = std::move(*command);
    return job;
}

}  // namespace relais::nbdb
