// TLS sessions that may be resumed, in memory: they are worth nothing after a restart, and a file
// of them would be worth stealing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/strings.h"

namespace relais::tlsmgr {

class SessionCache {
  public:
    // `lifetime` in seconds.
    SessionCache(std::int64_t lifetime, bool enabled) : lifetime_(lifetime), enabled_(enabled) {}

    bool enabled() const { return enabled_; }

    std::int64_t lifetime() const { return lifetime_; }

    [[nodiscard]] std::optional<std::string> find(std::string_view id, std::int64_t now);
    void store(std::string id, std::string session, std::int64_t now);
    // False where there was none.
    bool remove(std::string_view id);
    void expire(std::int64_t now);

    std::size_t size() const { return entries_.size(); }

  private:
    static constexpr std::size_t kMost = 20000;
    static constexpr std::size_t kLargest = 65536;

    struct Entry {
        std::string session;
        std::int64_t expires = 0;
        std::list<std::string>::iterator age;
    };

    std::int64_t lifetime_;
    bool enabled_;
    std::unordered_map<std::string, Entry, StringHash, std::equal_to<>> entries_;
    std::list<std::string> ages_;  // oldest first
};

}  // namespace relais::tlsmgr
