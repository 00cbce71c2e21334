// Takes logged-in connections from imap-login and passes each on to the process of its user,
// starting it when there is none.  Who the user is, the auth service says, not imap-login.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/ipc/imap_handoff.h"
#include "lib/sasl/auth_client.h"

#include "imapd/imap/spawner.h"

namespace relais {

class Broker {
  public:
    // Before the process gives up its rights.
    Broker();

    // Serves one imap-login process.
    [[nodiscard]] Task<void> serve(UniqueFd fd);

    // Forgets the processes that have ended, until cancelled.
    [[nodiscard]] Task<void> keep_house();

    [[nodiscard]] Task<void> close() { return auth_.close(); }

  private:
    struct WorkerLink {
        explicit WorkerLink(UniqueFd fd) : stream(std::move(fd)) {}

        Stream stream;
        Semaphore turn{1};
        bool dead = false;
    };

    [[nodiscard]] Task<Result<void>> pass_on(UniqueFd fd, ImapHandoff handoff);
    [[nodiscard]] Task<Result<WorkerIdentity>> identify(ImapHandoff handoff);
    // The process of the user, made if need be.
    [[nodiscard]] Result<std::shared_ptr<WorkerLink>> worker_for(const WorkerIdentity& identity);

    Spawner spawner_;
    AuthClient auth_;
    std::map<std::string, std::shared_ptr<WorkerLink>> workers_;
};

}  // namespace relais
