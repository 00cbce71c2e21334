// The cache of verify(8): one entry for each address, "status:probed:updated:text", in the table
// that address_verify_map names (as Postfix keeps it), or in memory.
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/ipc/verify_client.h"
#include "lib/maps/expiring_cache.h"

namespace relais::verify {

struct CacheEntry {
    AddressStatus status = AddressStatus::kPending;
    std::time_t probed = 0;   // when the last probe went out; 0: none is under way
    std::time_t updated = 0;  // when the status was learned
    std::string text;
};

[[nodiscard]] std::optional<CacheEntry> parse_entry(std::string_view text);
[[nodiscard]] std::string format_entry(const CacheEntry& entry);

// What a query is answered.
struct Verdict {
    AddressStatus status = AddressStatus::kPending;
    std::string text;
    bool wants_probe = false;
    std::time_t updated = 0;
};

class AddressCache {
  public:
    // Opens the table; ends the process when that fails.
    AddressCache();

    Verdict look_up(const std::string& address, std::time_t now);
    // A probe is on its way: no other is sent for a while.
    void note_probe(const std::string& address, const Verdict& verdict, std::time_t now);
    // What a probe came to.  A good address stays good whatever a later probe says.
    void store(const std::string& address, AddressStatus status, std::string text, std::time_t now);

    // Drops what has expired.
    [[nodiscard]] Task<void> clean_up();
    // The wait before it is time for that: one `interval` after the last time, in whatever process.
    std::chrono::milliseconds until_clean_up(std::chrono::seconds interval, std::time_t now);

  private:
    std::optional<CacheEntry> find(const std::string& key);
    void put(const std::string& key, const CacheEntry& entry);
    static bool has_expired(const CacheEntry& entry, std::time_t now);
    static bool wants_refresh(const CacheEntry& entry, std::time_t now);

    ExpiringCache cache_;
};

}  // namespace relais::verify
