// A cache of what a daemon has learned, in a table that one process writes (address_verify_map,
// postscreen_cache_map): opened in mail_owner's name, and cleaned from time to time of what has
// expired.  Our files and Postfix's are the same.
#pragma once

#include <chrono>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/event/task.h"
#include "lib/maps/table.h"

namespace relais {

class ExpiringCache {
  public:
    // Opens `map` ("type:name"), with the rights of mail_owner; ends the process when that fails.
    // A file outside mail_owner's own directories is kept in data_directory instead.
    explicit ExpiringCache(const std::string& map);

    const std::string& name() const { return name_; }

    // The entry of a key.  What cannot be asked is logged and counts as missing.
    std::optional<std::string> find(const std::string& key);
    // The same for tables that wait for another process, in a daemon that serves many.
    [[nodiscard]] Task<std::optional<std::string>> lookup(std::string key);
    // Stores an entry; a failure is logged.
    void put(const std::string& key, std::string_view value);
    [[nodiscard]] Task<void> store(std::string key, std::string value);

    // Goes through all entries and drops those of which `is_current` says no, with the log line.
    using IsCurrent = std::function<bool(std::string_view value)>;
    [[nodiscard]] Task<void> clean_up(IsCurrent is_current);
    // The wait before it is time for that: one `interval` after the last time, in whatever process.
    std::chrono::milliseconds until_clean_up(std::chrono::seconds interval, std::time_t now);

  private:
    void note_stored(const Result<void>& stored, std::string_view key) const;
    std::optional<std::string> checked(const Lookup& answer, std::string_view key) const;

    std::string name_;
    std::unique_ptr<Table> table_;
};

}  // namespace relais
