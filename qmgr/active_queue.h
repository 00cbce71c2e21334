// The active queue: takes messages in from incoming and deferred, feeds their recipients to the
// scheduler, and decides what becomes of a message when the last one is done: removed, returned,
// deferred, or moved to corrupt.
#pragma once

#include <map>
#include <string>

#include "lib/ipc/bounce_client.h"
#include "lib/queue/queue_config.h"
#include "lib/queue/queue_file.h"
#include "lib/rules/direct_resolver.h"

#include "qmgr/message.h"
#include "qmgr/queue_reader.h"
#include "qmgr/remover.h"
#include "qmgr/router.h"
#include "qmgr/scheduler.h"

namespace relais::qmgr {

class ActiveQueue {
  public:
    // `resolver` may be null.
    ActiveQueue(Queueing queueing, DirectResolver* resolver);

    bool has_room() const;

    // Moves a message from another queue here and starts on it.  `fd` stays open only meanwhile.
    void take(const std::string& from, const QueueReader::Found& found);

    // What a crash left in the active queue goes back to incoming, to be taken afresh.
    void requeue_leftovers();

    Scheduler& scheduler() { return scheduler_; }

    [[nodiscard]] Task<void> close();

    // Calls back whenever a message has left, so that a scan can go on.
    void on_room(std::function<void()> callback) { room_ = std::move(callback); }

    const QueueDirs& dirs() const { return dirs_; }

  private:
    [[nodiscard]] Task<void> start(MessagePtr message, std::string from, UniqueFd file);
    [[nodiscard]] Task<void> dispatch(MessagePtr message, UniqueFd file);
    [[nodiscard]] Task<void> continue_reading(MessagePtr message);
    void hold(Message& message, int recipients);
    void schedule(const MessagePtr& message, const Route& route, std::vector<Recipient> recipients);
    void entry_done(Entry& entry);
    [[nodiscard]] Task<void> finish(MessagePtr message);
    [[nodiscard]] Task<void> send_bounce(MessagePtr message);
    [[nodiscard]] Task<void> send_trace(MessagePtr message);
    [[nodiscard]] Task<void> return_expired(MessagePtr message, std::string status);
    [[nodiscard]] Task<void> warn_of_delay(MessagePtr message);
    [[nodiscard]] Task<bool> request(const Message* message, BounceOp op, std::string service,
                                     int flags);
    bool is_expired(const Message& message) const;
    [[nodiscard]] Task<void> defer(MessagePtr message);
    [[nodiscard]] Task<void> put_back(std::string id, std::string queue,
                                      std::chrono::seconds delay);
    [[nodiscard]] Task<void> forget_delays(const Message* message, std::string from);
    [[nodiscard]] Task<void> remove(const Message* message);
    void leave(const Message& message);
    void put_aside(const std::string& id);
    EnvelopeLimits read_limits(int recipients) const;
    int room_for(const Message& message);
    bool wants_more(const Message& message);

    int recipient_limit() const;

    QueueDirs dirs_;
    Queueing queueing_;
    Scheduler scheduler_;
    Router router_;
    Remover remover_;
    TaskGroup tasks_;
    std::map<std::string, MessagePtr, std::less<>> messages_;
    int recipients_ = 0;  // in memory, of all messages
    int starting_ = 0;    // have their files open
    int probes_ = 0;      // messages that the verify service has sent
    std::function<void()> room_;
};

}  // namespace relais::qmgr
