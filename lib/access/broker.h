// Takes logged-in connections from the login service and passes each on to the process of its user,
// starting it when there is none.  Who the user is, the auth service says, not the login service.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/access/login_inquiry.h"
#include "lib/access/session_service.h"
#include "lib/access/spawner.h"
#include "lib/event/stream.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"
#include "lib/ipc/session_handoff.h"
#include "lib/sasl/auth_client.h"

namespace relais {

class Broker {
  public:
    // Before the process gives up its rights.
    explicit Broker(SessionService service);

    // Serves one process of the login service.
    [[nodiscard]] Task<void> serve(UniqueFd fd);

    // Forgets the processes that have ended, and ends those of users who are not any more what they
    // were, until cancelled.  Ends this process when the helper has ended.
    [[nodiscard]] Task<void> keep_house();

    [[nodiscard]] Task<void> close();

  private:
    struct WorkerLink {
        WorkerLink(UniqueFd fd, UserRecord about) : stream(std::move(fd)), user(std::move(about)) {}

        Stream stream;
        UserRecord user;  // as auth knew him last
        Semaphore turn{1};
        bool fresh = true;  // has not answered yet
        bool dead = false;
        bool suspect = false;  // the last look found another user
    };

    using WorkerPtr = std::shared_ptr<WorkerLink>;

    [[nodiscard]] Task<Result<void>> pass_on(UniqueFd fd, SessionHandoff handoff);
    // The process of the user, made if need be.
    [[nodiscard]] Result<WorkerPtr> worker_for(const UserRecord& user, const LoginTicket& ticket);
    // Hands something over; an error where the process takes nothing, which then counts as dead.
    [[nodiscard]] static Task<Result<void>> hand_to(WorkerPtr worker, int fd, std::string list);
    void end_worker(WorkerPtr worker);
    // Where the helper has just gone, the end of this process is the answer: who asked asks the
    // next.
    [[nodiscard]] Task<Result<void>> refuse(std::string user, std::string trouble);
    [[nodiscard]] Task<void> tell_end(WorkerPtr worker);
    [[nodiscard]] Task<void> look_for_changes();

    SessionService service_;
    Spawner spawner_;
    AuthClient auth_;
    std::map<std::string, WorkerPtr> workers_;  // by name: the one that new sessions go to
    std::string files_;  // the version of the users' files that all of them fit
    TaskGroup beside_;
};

}  // namespace relais
