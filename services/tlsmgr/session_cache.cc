#include "services/tlsmgr/session_cache.h"

#include <iterator>

namespace relais::tlsmgr {

std::optional<std::string> SessionCache::find(std::string_view id, std::int64_t now) {
    auto found = entries_.find(id);
    if (found == entries_.end()) {
        return std::nullopt;
    }
    if (found->second.expires <= now) {
        remove(id);
        return std::nullopt;
    }
    return found->second.session;
}

void SessionCache::store(std::string id, std::string session, std::int64_t now) {
    remove(id);
    if (!enabled_ || session.size() > kLargest || id.size() > kLargest) {
        return;
    }
    if (entries_.size() >= kMost) {
        remove(std::string(ages_.front()));
    }
    ages_.push_back(id);
    Entry entry;
    entry.session = std::move(session);
    entry.expires = now + lifetime_;
    entry.age = std::prev(ages_.end());
    entries_.emplace(std::move(id), std::move(entry));
}

bool SessionCache::remove(std::string_view id) {
    auto found = entries_.find(id);
    if (found == entries_.end()) {
        return false;
    }
    ages_.erase(found->second.age);
    entries_.erase(found);
    return true;
}

void SessionCache::expire(std::int64_t now) {
    while (!ages_.empty()) {
        auto oldest = entries_.find(ages_.front());
        if (oldest != entries_.end() && oldest->second.expires > now) {
            break;
        }
        remove(std::string(ages_.front()));
    }
}

}  // namespace relais::tlsmgr
