// Tells a client that says nothing what happens: during IDLE (RFC 2177), and between commands once
// it has asked for that with NOTIFY (RFC 5465).
//
// One task watches and writes while another waits for the client.  The watcher is never cancelled
// in the middle of a write: it is told to stop, and woken.
#pragma once

#include <memory>

#include "lib/event/task_group.h"

#include "imapd/imap/session.h"

namespace relais {

class ChangeTeller {
  public:
    enum class Moment { kIdle, kBetweenCommands };

    ChangeTeller(Session& session, Moment moment);
    ChangeTeller(const ChangeTeller&) = delete;
    ChangeTeller& operator=(const ChangeTeller&) = delete;

    // Tells until `client` is done, which must not write to the client.
    [[nodiscard]] Task<void> during(Task<void> client);

  private:
    [[nodiscard]] Task<void> watch();
    [[nodiscard]] Task<void> tell_changes();
    [[nodiscard]] Task<void> tell_once();
    [[nodiscard]] Task<void> relay();
    Changes& news() const;

    bool watches_selected() const { return mailbox_ != nullptr; }

    std::chrono::milliseconds time_to_wait(std::chrono::milliseconds poll) const;
    void wake();

    Session& session_;
    Moment moment_;
    std::shared_ptr<OpenMailbox> mailbox_;  // the selected one, where it is told of
    bool stop_ = false;
};

}  // namespace relais
