#include "services/verify/address_cache.h"

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"

namespace relais::verify {

namespace {

// An answer to a probe that takes longer will not come any more.
constexpr std::time_t kProbeTime = 1000;
constexpr std::string_view kInProgress = "Address verification in progress";

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

AddressCache::AddressCache()
    : cache_(conf().address_verify_map().empty() ? "internal:verify"
                                                 : conf().address_verify_map()) {
}

std::optional<CacheEntry> AddressCache::find(const std::string& key) {
    auto entry = cache_.find(key);
    return entry ? read_entry(*entry) : std::nullopt;
}

void AddressCache::put(const std::string& key, const CacheEntry& entry) {
    cache_.put(key, format_entry(entry));
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
    return cache_.until_clean_up(interval, now);
}

Task<void> AddressCache::clean_up() {
    return cache_.clean_up([now = std::time(nullptr)](std::string_view value) {
        auto entry = read_entry(value);
        return entry && !has_expired(*entry, now);
    });
}

}  // namespace relais::verify
