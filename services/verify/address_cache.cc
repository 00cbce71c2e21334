#include "services/verify/address_cache.h"

#include <algorithm>
#include <vector>

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

// ":" separates the fields of other caches' keys.
std::string key_of(std::string_view address) {
    std::string key(address);
    std::ranges::replace(key, ':', '_');
    return key;
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
    persistent_ = !map.empty();
    auto table = open_table(
        persistent_ ? map : "internal:verify", OpenMode::kCreate,
        table_flag::kReplace | table_flag::kSyncUpdate | table_flag::kLock | table_flag::kOpenLock);
    if (!table) {
        log_fatal("{}", table.error().message);
    }
    table_ = std::move(*table);
}

std::optional<CacheEntry> AddressCache::find(const std::string& key) {
    Lookup answer = table_->find(key);
    if (answer.is_error()) {
        log_warning("{}: lookup of {} failed: {}", table_->reference(), printable(key),
                    answer.reason());
    }
    return answer.is_found() ? parse_entry(answer.value()) : std::nullopt;
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

Verdict AddressCache::look_up(std::string_view address, std::time_t now) {
    std::string key = key_of(address);
    auto entry = find(key);
    if (!entry || has_expired(*entry, now)) {
        entry = CacheEntry{AddressStatus::kPending, 0, 0, std::string(kInProgress)};
    }
    return {entry->status, entry->text, wants_refresh(*entry, now), entry->updated};
}

void AddressCache::note_probe(std::string_view address, const Verdict& verdict, std::time_t now) {
    if (verdict.updated != 0 || conf().address_verify_negative_cache()) {
        put(key_of(address), {verdict.status, now, verdict.updated, verdict.text});
    }
}

void AddressCache::store(std::string_view address, AddressStatus status, std::string text,
                         std::time_t now) {
    std::string key = key_of(address);
    auto known = find(key);
    bool is_good = known && known->status == AddressStatus::kDeliverable;
    bool keeps_bad = conf().address_verify_negative_cache();
    if (status == AddressStatus::kDeliverable || (keeps_bad && !is_good)) {
        put(key, {status, 0, now, std::move(text)});
    }
}

std::chrono::milliseconds AddressCache::until_clean_up(std::chrono::seconds interval,
                                                       std::time_t now) {
    Lookup last = table_->find(kCleanupKey);
    auto time = last.is_found() ? parse_int(last.value()) : std::nullopt;
    std::time_t next = time ? *time + interval.count() : now;
    std::time_t wait = std::clamp<std::time_t>(next - now, 1, interval.count());
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
        auto parsed = parse_entry((*entry)->value);
        if ((*entry)->key == kCleanupKey) {
            continue;
        }
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
    log_info("cache {} full cleanup: retained={} dropped={} entries", conf().address_verify_map(),
             retained, expired.size());
}

}  // namespace relais::verify
