// Follows the names of a user's mailboxes and his subscriptions, for NOTIFY (RFC 5465 5.4, 5.5):
// what has changed since the client was told last, whoever changed it.  Changes in other namespaces
// than the user's own are seen when something changes in that one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/access/user.h"
#include "lib/access/watcher.h"
#include "lib/event/sync.h"
#include "lib/store/directory_id.h"

namespace relais {

struct NameChange {
    enum class Kind { kCreated, kDeleted, kRenamed, kSubscribed, kUnsubscribed };
    Kind kind;
    std::string name;
    std::string old_name{};  // of a renamed one
};

class NameWatch {
  public:
    // Announces `news` when there may be something to look at.
    NameWatch(User& user, Changes& news);

    // False where there is more to watch than can be.
    bool active() const { return watch_ && watch_->active(); }

    // Reads everything; nothing of it counts as changed.
    [[nodiscard]] Result<void> begin();

    // What has changed.  Costs nothing where nothing has; else it reads the names of all mailboxes,
    // and for that takes no more than a tenth of the time: `due()` says when it looks next.
    [[nodiscard]] Result<std::vector<NameChange>> look();

    std::optional<SteadyTime> due() const {
        return names_stale_ || subscriptions_stale_ ? std::optional(next_look_) : std::nullopt;
    }

    // The client does this itself: it need not be told.
    void expect(const NameChange& change);

    // Sorted.
    const std::map<std::string, std::optional<DirectoryId>, std::less<>>& names() const {
        return names_;
    }

    bool subscribed(std::string_view name) const { return subscribed_.contains(name); }

    bool has_children(std::string_view name) const;

  private:
    using Names = std::map<std::string, std::optional<DirectoryId>, std::less<>>;

    [[nodiscard]] Result<Names> read_names() const;
    [[nodiscard]] Result<std::set<std::string, std::less<>>> read_subscriptions() const;
    void compare_names(Names now, std::vector<NameChange>& changes);
    void take_rename(const std::string& from, const std::string& to);
    void note(const DirectoryEvent& event);
    void watch();

    User& user_;
    Changes& news_;
    Names names_;
    std::set<std::string, std::less<>> subscribed_;
    bool names_stale_ = true;
    bool subscriptions_stale_ = true;
    SteadyTime next_look_{};
    std::unique_ptr<DirectoryWatch> watch_;
};

}  // namespace relais
