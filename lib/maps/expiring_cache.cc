#include "lib/maps/expiring_cache.h"

#include <algorithm>
#include <array>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/maps/registry.h"

namespace relais {

namespace {

// Where the time of the last cleanup is kept.
constexpr std::string_view kCleanupKey = "_LAST_CACHE_CLEANUP_COMPLETED_";
constexpr int kEntriesPerTurn = 100;

// What stands behind the type is a file with the entries, and not with settings.
bool is_of_files(std::string_view type) {
    constexpr std::array<std::string_view, 7> kTypes = {"hash", "btree", "dbm", "lmdb",
                                                        "cdb",  "sdbm",  "dbz"};
    return std::ranges::find(kTypes, type) != kTypes.end();
}

// A directory of root's must not hold a file that others wrote.
std::string in_owned_directory(const std::string& map) {
    auto parts = split_first(map, ':');
    std::size_t slash = parts ? parts->second.rfind('/') : std::string_view::npos;
    if (slash == std::string_view::npos || !is_of_files(parts->first)) {
        return map;
    }
    std::string directory(parts->second.substr(0, std::max<std::size_t>(slash, 1)));
    struct stat there{};
    if (::stat(directory.c_str(), &there) != 0 || there.st_uid == ::geteuid()) {
        return map;
    }
    log_warning("request to update table {} in non-{} directory {}", map, conf().mail_owner(),
                directory);
    log_warning("redirecting the request to {}-owned data_directory {}", conf().mail_owner(),
                conf().data_directory());
    return format("{}:{}{}", parts->first, conf().data_directory(), parts->second.substr(slash));
}

}  // namespace

ExpiringCache::ExpiringCache(const std::string& map) : name_(in_owned_directory(map)) {
    mode_t before = ::umask(022);
    auto table = open_table(
        name_, OpenMode::kCreate,
        table_flag::kReplace | table_flag::kSyncUpdate | table_flag::kLock | table_flag::kOpenLock);
    if (!table) {
        log_fatal("{}", table.error().message);
    }
    ::umask(before);
    table_ = std::move(*table);
}

std::optional<std::string> ExpiringCache::checked(const Lookup& answer,
                                                  std::string_view key) const {
    if (answer.is_error()) {
        log_warning("{}: cache lookup for '{}' failed due to error", name_, printable(key));
    }
    return answer.is_found() ? std::optional(answer.value()) : std::nullopt;
}

std::optional<std::string> ExpiringCache::find(const std::string& key) {
    return checked(table_->find(key), key);
}

Task<std::optional<std::string>> ExpiringCache::lookup(std::string key) {
    if (!table_->waits()) {
        co_return find(key);
    }
    const Lookup answer = co_await table_->lookup(key);
    co_return checked(answer, key);
}

void ExpiringCache::note_stored(const Result<void>& stored, std::string_view key) const {
    if (!stored) {
        log_warning("{}: could not update entry for {}", name_, printable(key));
    }
}

void ExpiringCache::put(const std::string& key, std::string_view value) {
    note_stored(table_->update(key, value), key);
}

Task<void> ExpiringCache::store(std::string key, std::string value) {
    const auto stored = co_await table_->store(key, std::move(value));
    note_stored(stored, key);
}

std::chrono::milliseconds ExpiringCache::until_clean_up(std::chrono::seconds interval,
                                                        std::time_t now) {
    Lookup last = table_->find(kCleanupKey);
    auto time = last.is_found() ? parse_int(last.value()) : std::nullopt;
    std::time_t next = time ? *time + interval.count() : now;
    std::time_t wait = std::clamp<std::time_t>(next - now, 0, interval.count());
    return std::chrono::seconds(wait);
}

Task<void> ExpiringCache::clean_up(IsCurrent is_current) {
    std::vector<std::string> expired;
    int retained = 0;
    auto step = Table::Step::kFirst;
    for (int seen = 1;; ++seen) {
        auto entry = table_->sequence(step);
        step = Table::Step::kNext;
        if (!entry || !*entry) {
            break;
        }
        if ((*entry)->key == kCleanupKey) {
            continue;
        }
        if (is_current((*entry)->value)) {
            ++retained;
        } else {
            expired.push_back((*entry)->key);
        }
        if (seen % kEntriesPerTurn == 0) {
            co_await yield();
        }
    }
    for (const std::string& key : expired) {
        auto entry = find(key);
        // It may have been renewed meanwhile.
        if (!entry || !is_current(*entry)) {
            auto erased = table_->erase(key);
            if (!erased) {
                log_warning("{}", erased.error().message);
            }
        }
        co_await yield();
    }
    auto noted = table_->update(kCleanupKey, format("{}", std::time(nullptr)));
    if (!noted) {
        log_warning("{}", noted.error().message);
    }
    log_info("cache {} full cleanup: retained={} dropped={} entries", name_, retained,
             expired.size());
}

}  // namespace relais
