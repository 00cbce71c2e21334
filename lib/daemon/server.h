// Accepts clients and counts them: how a daemon's process fills up, tells master, and retires.
#pragma once

#include <memory>
#include <vector>

#include "lib/daemon/daemon.h"
#include "lib/daemon/master_link.h"
#include "lib/daemon/options.h"
#include "lib/event/socket.h"
#include "lib/event/sync.h"
#include "lib/event/task_group.h"

namespace relais {

struct ServerLimits {
    int sessions = 1;                // clients at once, at the most
    int busy_at = 1;                 // from here on master is told to start another process
    long most_clients = 0;           // retire after that many; 0: never
    std::chrono::seconds idle{0};    // retire when unused for so long; 0: never
    std::chrono::seconds retire{0};  // retire after that time; 0: never
};

class Server {
  public:
    Server(Daemon* daemon, const DaemonTraits& traits, const DaemonOptions& options,
           ServerLimits limits, MasterLink* link);

    // Serves until it is time to go and the last session has ended.
    [[nodiscard]] Task<void> run();

  private:
    bool makes_way();
    [[nodiscard]] Task<void> accept_clients(int fd);
    [[nodiscard]] Task<void> serve_client(UniqueFd fd);
    [[nodiscard]] Task<void> receive_passed(UniqueFd fd);
    [[nodiscard]] Task<void> serve_connection(Connection connection);
    [[nodiscard]] Task<void> read_trigger(UniqueFd fd);
    [[nodiscard]] Task<void> read_fifo(int fd);
    [[nodiscard]] Task<void> read_datagrams(int fd);
    [[nodiscard]] Task<void> retire_when_idle();
    [[nodiscard]] Task<void> retire_after(std::chrono::seconds time);
    [[nodiscard]] Task<void> retire_with_master();
    [[nodiscard]] Task<void> wait_for_room(int listener);
    void client_came();
    void client_went();
    void report_load();
    void retire();
    [[nodiscard]] Task<void> move_to_background();
    [[nodiscard]] Task<void> wait_for_quiet();

    Daemon* daemon_;
    const DaemonTraits& traits_;
    const DaemonOptions& options_;
    ServerLimits limits_;
    MasterLink* link_;
    TaskGroup listeners_;
    TaskGroup sessions_;
    Semaphore trigger_turn_{1};
    Flag retiring_;
    WaitQueue room_;
    WaitQueue activity_;
    int active_ = 0;
    long served_ = 0;
    SteadyTime last_activity_ = std::chrono::steady_clock::now();
};

}  // namespace relais
