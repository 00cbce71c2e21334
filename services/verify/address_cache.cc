#include "services/verify/address_cache.h"

#include <algorithm>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/event/loop.h"
#include "lib/maps/registry.h"

namespace relais::verify {

namespace {

// An answer to a probe that takes longer will not come any more.
constexpr std::time_t kProbeTime = 1000;
constexpr std::string_view kInProgress = "Address verification in progress";
// Where the time of the last cleanup is kept.
constexpr std::string_view kCleanupKey = "_LAST_CACHE_CLEANUP_COMPLETED_";
constexpr int kEntriesPerTurn = 100;

// A file outside mail_owner's own directories is kept in data_directory instead: a directory of
// root's must not hold a file that others wrote.
std::string in_owned_directory(const std::string& map) {
    auto parts = split_first(map, ':');
    std::size_t slash = parts ? parts->second.rfind('/') : std::string_view::npos;
    if (slash == std::string_view::npos) {
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

std::optional<CacheEntry> read_entry(std::string_view text) {
    auto entry = parse_entry(text);
    if (!entry) {
        std::string_view status = text.substr(0, text.find(':')).substr(0, 100);
        log_warning("bad address verify table entry: {}", printable(status));
    }
    return entry;
}

}  // namespace

std::optional<CacheEntry> parse_entry(std::string_view text) {
    auto status = split_first(text, ':');
    auto probed = status ? split_first(status->second, ':') : std::nullopt;
    auto updated = probed ? split_first(probed->second, ':') : std::nullopt;
    if (!updated) {
        return std::nullopt;
    }
    auto status_number = parse_uint(status->first);
    auto probed_number = parse_int(probed->first);
    auto updated_number = parse_int(updated->first);
    constexpr auto kMost = static_cast<unsigned>(AddressStatus::kPending);
    if (!status_number || *status_number > kMost || !probed_number || !updated_number) {
        return std::nullopt;
    }
    return CacheEntry{static_cast<AddressStatus>(*status_number), *probed_number, *updated_number,
                      std::string(updated->second)};
}

std::string format_entry(const CacheEntry& entry) {
    return format("{}:{}:{}:{}", static_cast<int>(entry.status), entry.probed, entry.updated,
                  entry.text);
}

AddressCache::AddressCache() {
    const std::string& map = conf().address_verify_map();
    mode_t before = ::umask(022);
    name_ = map.empty() ? "internal:verify" : in_owned_directory(map);
    auto table = open_table(
        name_, OpenMode::kCreate,
        table_flag::kReplace | table_flag::kSyncUpdate | table_flag::kLock | table_flag::kOpenLock);
    if (!table) {
        log_fatal("{}", table.error().message);
    }
    ::umask(before);
    table_ = std::move(*table);
}

std::optional<CacheEntry> AddressCache::find(const std::string& key) {
    Lookup answer = table_->find(key);
    if (answer.is_error()) {
        log_warning("{}: lookup of {} failed: {}", table_->reference(), printable(key),
                    answer.reason());
    }
    return answer.is_found() ? read_entry(answer.value()) : std::nullopt;
}

void AddressCache::put(const std::string& key, const CacheEntry& entry) {
    auto stored = table_->update(key, format_entry(entry));
    if (!stored) {
        log_warning("{}: update of {} failed: {}", table_->reference(), printable(key),
                    stored.error().message);
    }
}

bool AddressCache::has_expired(const CacheEntry& entry, std::time_t now) {
    auto life = entry.status == AddressStatus::kDeliverable
                    ? conf().address_verify_positive_expire_time()
                    : conf().address_verify_negative_expire_time();
    return now - entry.probed > kProbeTime && entry.updated + life.count() < now;
}

bool AddressCache::wants_refresh(const CacheEntry& entry, std::time_t now) {
    auto life = entry.status == AddressStatus::kDeliverable
                    ? conf().address_verify_positive_refresh_time()
                    : conf().address_verify_negative_refresh_time();
    return now - entry.probed > kProbeTime && entry.updated + life.count() < now;
}

Verdict AddressCache::look_up(const std::string& address, std::time_t now) {
    auto entry = find(address);
    if (!entry || has_expired(*entry, now)) {
        entry = CacheEntry{AddressStatus::kPending, 0, 0, std::string(kInProgress)};
    }
    return {entry->status, entry->text, wants_refresh(*entry, now), entry->updated};
}

void AddressCache::note_probe(const std::string& address, const Verdict& verdict, std::time_t now) {
    if (verdict.updated != 0 || conf().address_verify_negative_cache()) {
        put(address, {verdict.status, now, verdict.updated, verdict.text});
    }
}

void AddressCache::store(const std::string& address, AddressStatus status, std::string text,
                         std::time_t now) {
    auto known = find(address);
    bool is_good = known && known->status == AddressStatus::kDeliverable;
    if (status == AddressStatus::kDeliverable || !is_good) {
        put(address, {status, 0, now, std::move(text)});
    }
}

std::chrono::milliseconds AddressCache::until_clean_up(std::chrono::seconds interval,
                                                       std::time_t now) {
    Lookup last = table_->find(kCleanupKey);
    auto time = last.is_found() ? parse_int(last.value()) : std::nullopt;
    std::time_t next = time ? *time + interval.count() : now;
    std::time_t wait = std::clamp<std::time_t>(next - now, 0, interval.count());
    return std::chrono::seconds(wait);
}

Task<void> AddressCache::clean_up() {
    std::vector<std::string> expired;
    int retained = 0;
    std::time_t now = std::time(nullptr);
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
        auto parsed = read_entry((*entry)->value);
        if (parsed && !has_expired(*parsed, now)) {
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
        if (!entry || has_expired(*entry, now)) {
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

}  // namespace relais::verify
