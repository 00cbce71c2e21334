// What postsuper does to messages: deletes, holds, releases, requeues, expires.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/queue/queue_dirs.h"

namespace relais {

enum class MessageAction { kDelete, kExpire, kExpireAndRelease, kHold, kRelease, kRequeue };

// How many messages each kind of thing happened to; an entry, of 0 too, for what was asked for.
struct Tally {
    std::map<MessageAction, std::uint64_t> done;
    int renamed = 0;      // to match their inode numbers
    bool failed = false;  // a file could not be moved or removed

    void log() const;
};

// Whether files of this queue are messages (deferred), not logs (defer).
[[nodiscard]] bool is_message_queue(std::string_view queue);
[[nodiscard]] bool is_known_queue(std::string_view queue);

// The queues of an option where the command line names none.
[[nodiscard]] std::vector<std::string> default_queues(MessageAction action);

class MessageActions {
  public:
    MessageActions(const QueueDirs& dirs, Tally& tally) : dirs_(dirs), tally_(tally) {}

    // The summary will tell of it, also when it was done to none.
    void expect(MessageAction action);

    // One message, wherever it is in these queues.
    void on_message(MessageAction action, const std::string& id,
                    const std::vector<std::string>& queues);

    // All messages of these queues.
    void on_all(MessageAction action, const std::vector<std::string>& queues);

  private:
    // True where it was done, false where it does not apply; they are called on helper threads too.
    Result<bool> try_message(MessageAction action, std::string_view queue,
                             const std::string& id) const;
    Result<bool> remove_message(std::string_view queue, const std::string& id) const;
    Result<bool> expire(std::string_view queue, const std::string& id) const;
    Result<bool> move(std::string_view queue, std::string_view to, const std::string& id) const;
    void log_one(MessageAction action, const std::string& id);

    const QueueDirs& dirs_;
    Tally& tally_;
};

}  // namespace relais
